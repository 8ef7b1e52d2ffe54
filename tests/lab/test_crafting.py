"""Packets made by hand: what a host of a wire sends and reads, where it refuses, and what a recording answers.

Rule: real kernels at both ends of a real wire; without a wire, real recordings made by this test's own tapes.
"""

from __future__ import annotations

import socket
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from labkit import lab, net
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.lab import crafting
from labkit.lab.wire import Wire
from labkit.packets import Tape, set_lesson
from tests.lab.wires import listen, live_wire

THERE = IP(src="10.0.0.1", dst="10.0.0.2")


def syn(port: int = 8124, sport: int = 40000) -> Any:
    return THERE / TCP(sport=sport, dport=port, flags="S", seq=1000)


def greeter() -> net.Server:
    def greet(each: net.Socket) -> None:
        each.on("error", lambda error: None)
        each.on("data", lambda data: None)
        each.write("welcome")

    return net.create_server(greet)


class TestAsk:
    def test_a_syn_is_answered_and_the_own_kernel_resets(self) -> None:
        with live_wire() as wire:
            listen(wire, greeter())
            with wire.capture() as tape:
                answer = wire.client.ask(syn())
        assert answer is not None
        assert answer.sprintf("%TCP.flags%") == "SA"
        assert answer[TCP].ack == 1001
        assert [packet.flags for packet in tape] == ["SYN", "SYN, ACK", "RST"]
        assert tape[0].raw_seq == 1000

    def test_a_connection_by_hand(self) -> None:
        tcp: Any = {"sport": 40001, "dport": 8124}
        with live_wire() as wire:
            listen(wire, greeter())
            wire.drop(sender="client", only="RST", times=None)
            with wire.capture() as tape:
                first: Any = wire.client.ask(syn(sport=40001))
                theirs = first[TCP].seq + 1
                second: Any = wire.client.ask(THERE / TCP(**tcp, flags="A", seq=1001, ack=theirs))
                wire.client.ask(THERE / TCP(**tcp, flags="PA", seq=1001, ack=theirs + 7) / "hi")
                wire.client.send(THERE / TCP(**tcp, flags="RA", seq=1003, ack=theirs + 7))
        assert bytes(second[TCP].payload) == b"welcome"
        assert ("server", "data", 2) in {(event.who, event.name, event.size) for event in tape.events}
        assert ("server", "error") in {(event.who, event.name) for event in tape.events}

    def test_open_closed_silent(self) -> None:
        with live_wire() as wire:
            listen(wire, greeter())
            wire.drop(port=8126, times=None)
            found = [wire.client.ask(syn(port), timeout=0.2) for port in (8124, 8125, 8126)]
        assert [answer and answer.sprintf("%TCP.flags%") for answer in found] == ["SA", "RA", None]

    def test_a_ping_is_answered_by_the_kernel(self) -> None:
        with live_wire() as wire:
            answer: Any = wire.client.ask(THERE / ICMP(id=7, seq=3) / b"data")
        assert (answer[ICMP].type, answer[ICMP].seq, bytes(answer[ICMP].payload)) == (0, 3, b"data")

    def test_what_does_not_answer_is_passed_over(self) -> None:
        """The error about another port comes first; the ping's own answer is returned."""
        with live_wire() as wire:
            wire.client.send(THERE / UDP(sport=9100, dport=9100) / b"nobody")
            answer: Any = wire.client.ask(THERE / ICMP(id=8, seq=1))
        assert (answer[ICMP].type, answer[ICMP].id) == (0, 8)

    def test_the_time_limit(self) -> None:
        with live_wire() as wire:
            wire.drop(times=None)
            before = monotonic()
            assert wire.client.ask(syn(), timeout=0.1) is None
        assert 0.1 <= monotonic() - before < 5

    @pytest.mark.parametrize("timeout", [0, -1, 61, "1", True, float("nan"), None])
    def test_a_time_that_is_none(self, timeout: Any) -> None:
        with live_wire() as wire, pytest.raises(LabError, match="is not a time to wait"):
            wire.client.ask(syn(), timeout=timeout)

    def test_bytes_have_no_answers(self) -> None:
        with live_wire() as wire, pytest.raises(LabError, match="Bytes can only be sent"):
            wire.client.ask(bytes(syn()))


class TestSend:
    def test_bytes_leave_as_they_are(self) -> None:
        """A wrong checksum of IP stays wrong: the kernel does not mend it."""
        packet = THERE / UDP(sport=1, dport=2) / b"x"
        packet[IP].chksum = 0x1234
        with live_wire() as wire, wire.capture() as tape:
            wire.client.send(packet)
        assert tape[0].raw[14:] == bytes(packet)

    def test_a_list(self) -> None:
        with live_wire() as wire:
            wire.drop(times=None)
            with wire.capture() as tape:
                wire.client.send([THERE / UDP(sport=1, dport=port) for port in (5, 6, 7)])
        assert [packet.dst[1] for packet in tape] == [5, 6, 7]

    def test_the_server_s_host_sends_too(self) -> None:
        with live_wire() as wire, wire.client.socket(kind=socket.SOCK_DGRAM) as receiver:
            receiver.bind(("10.0.0.1", 5353))
            wire.server.send(IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=53, dport=5353) / b"forged")
            assert lab.receive(receiver, 1) == [b"forged"]

    @pytest.mark.parametrize(("packet", "message"), [
        (IP(src="10.0.0.1", dst="192.0.2.1") / UDP(), "sends only to the other end of the wire, 10.0.0.2"),
        (IP(src="10.0.0.1", dst="127.0.0.1") / UDP(), "sends only to the other end of the wire"),
        (IP(src="10.0.0.1", dst="10.0.0.1") / UDP(), "sends only to the other end of the wire"),
        (IP(src="127.0.0.1", dst="10.0.0.2") / UDP(), "Without src= Scapy guesses"),
        (TCP(flags="S"), "not the beginning of an IPv4 packet"),
        (b"", "nothing is not the beginning"),
        (b"hello, this is not a packet at all", "68 65 6c 6c is not the beginning"),
        ("SYN", "is not a packet"),
        (None, "is not a packet"),
        (THERE / TCP(seq="1000"), "cannot be built"),
        (object(), "cannot be built"),
        (THERE / UDP() / bytes(2000), "the wire takes no packet of 2028 bytes"),
    ])  # fmt: skip
    def test_what_is_refused(self, packet: Any, message: str) -> None:
        with live_wire() as wire:
            with wire.capture() as tape, pytest.raises(LabError, match=message):
                wire.client.send(packet)
            assert len(tape) == 0

    def test_a_list_is_sent_whole_or_not_at_all(self) -> None:
        with live_wire() as wire:
            with wire.capture() as tape, pytest.raises(LabError):
                wire.client.send([THERE / UDP(), IP(src="10.0.0.1", dst="192.0.2.1") / UDP()])
            assert len(tape) == 0

    def test_a_closed_wire(self) -> None:
        with live_wire() as wire:
            wire.close()
            with pytest.raises(LabError, match="is closed"):
                wire.client.send(syn())


class TestForgedReset:
    """Which RST ends a connection. Source: RFC 5961 §3.2."""

    @pytest.mark.parametrize(
        ("more", "answered", "ends"), [(0, False, True), (1000, True, False), (100_000, False, False)]
    )
    def test_by_its_number(self, more: int, answered: bool, ends: bool) -> None:
        with live_wire() as wire:
            listen(wire, greeter())
            with wire.capture(wait_closed=False) as seen, wire.client:
                client = net.connect(8124, wire.server.address)
                client.on("error", lambda error: None)
                client.read(7)
            last = seen.where(sender="client")[-1]
            number = (last.raw_seq + more) % 2**32
            with wire.capture(wait_closed=False) as tape:
                wire.client.send(THERE / TCP(sport=last.src[1], dport=8124, flags="R", seq=number))
            assert bool(tape.where(sender="server", only="ACK")) == answered
            with wire.capture() as after:
                client.write("?")
                client.end()
            assert bool(after.where(sender="server", has="RST")) == ends
            client.destroy()


class TestArrived:
    def test_a_delayed_packet_comes_where_it_arrived(self) -> None:
        with live_wire() as wire, wire.server.socket(kind=socket.SOCK_DGRAM) as receiver:
            receiver.bind(("10.0.0.2", 9000))
            wire.delay(0.1, protocol="UDP", nth=1)
            wire.drop(protocol="UDP", nth=3)
            with wire.capture() as tape:
                wire.client.send([THERE / UDP(sport=1, dport=9000) / bytes([number]) for number in range(4)])
                got = lab.receive(receiver, 3)
        assert [packet.payload[0] for packet in lab.arrived(tape, "client")] == [1, 3, 0]
        assert [data[0] for data in got] == [1, 3, 0]

    def test_receive_ends_if_nothing_comes(self) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as alone:
            alone.bind(("127.0.0.1", 0))
            assert lab.receive(alone, 1, timeout=0.05) == []


class TestWithoutAWire:
    """Where no wire can be had, the recording answers, and says so."""

    @pytest.fixture
    def recorded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A recording `scan` of two SYNs, made live by the test itself; afterwards no wire is possible."""
        monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
        set_lesson(None)
        with live_wire() as wire:
            listen(wire, greeter())
            with wire.capture(wait_closed=False) as tape:
                wire.client.ask(syn())
                wire.client.ask(syn(8125))
        tape.save(tmp_path / "scan.pcapng")
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        return tmp_path

    def test_a_packet_of_the_recording_has_its_answer(self, recorded: Path) -> None:
        with Wire() as wire:
            assert not wire.live
            with wire.capture(name="scan") as tape:
                first, second = wire.client.ask(syn()), wire.client.ask(syn(8125))
            assert first is not None
            assert second is not None
            assert [each.sprintf("%TCP.flags%") for each in (first, second)] == ["SA", "RA"]
        assert not tape.live
        assert "made by hand were not sent" in tape.origin
        assert [packet.flags for packet in tape][:2] == ["SYN", "SYN, ACK"]

    def test_the_same_packet_may_be_sent_again(self, recorded: Path) -> None:
        with Wire() as wire, wire.capture(name="scan"):
            for _ in range(2):
                assert wire.client.ask(syn()) is not None

    def test_another_packet_has_no_answer(self, recorded: Path) -> None:
        wanted = pytest.raises(LabError, match="the recording does not have this packet")
        with Wire() as wire, wire.capture(name="scan"), wanted:
            wire.client.ask(syn(8127))

    def test_outside_a_capture_nothing_can_be_sent(self, recorded: Path) -> None:
        with Wire() as wire:
            with wire.capture(name="scan"):
                pass
            with pytest.raises(CaptureUnavailable, match="cannot be sent"):
                wire.client.send(syn())

    def test_the_destination_is_checked_all_the_same(self, recorded: Path) -> None:
        with Wire() as wire, pytest.raises(LabError, match="sends only to the other end"):
            wire.client.send(IP(src="10.0.0.1", dst="192.0.2.1") / UDP())

    def test_captures_in_captures(self, recorded: Path) -> None:
        (recorded / "inner.pcapng").write_bytes((recorded / "scan.pcapng").read_bytes())
        with Wire() as wire, wire.capture(name="scan") as outer:
            with wire.capture(name="inner") as inner:
                pass
            assert wire.client.ask(syn()) is not None
        assert len(outer) == len(Tape.load(recorded / "scan.pcapng"))
        assert len(inner) == 0  # nothing was made by hand in it


def test_padding_of_a_short_frame_is_not_the_packet() -> None:
    packet = bytes(THERE / UDP() / b"x")
    assert crafting.whole(packet + bytes(17)) == packet
    assert crafting.whole(b"\x45\0\xff\xff" + bytes(16)) == b"\x45\0\xff\xff" + bytes(16)
