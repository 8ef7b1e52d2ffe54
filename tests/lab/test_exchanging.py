"""One frame onto a wire: what comes back, what is refused, what a recording answers.

Rule: real kernels at both ends of a real wire.
"""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from labkit import lab, net
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.lab.exchanging import answers
from tests.lab.wires import listen, live_wire

THERE = IP(src="10.0.0.1", dst="10.0.0.2")
FRAME = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


class TestOnAWire:
    @pytest.mark.parametrize(
        ("frame", "protocol"),
        [
            (FRAME / THERE / TCP(sport=40000, dport=8124, flags="S"), "TCP"),
            (FRAME / THERE / ICMP(id=7) / b"data", "ICMP"),
            (FRAME / THERE / UDP(sport=9100, dport=9100) / b"nobody", "ICMP"),
            (FRAME / ARP(psrc="10.0.0.1", pdst="10.0.0.2", hwsrc="02:00:00:00:00:01"), "ARP"),
        ],
        ids=["TCP", "ICMP", "UDP", "ARP"],
    )
    def test_the_answer_is_on_the_tape(self, frame: Any, protocol: str) -> None:
        with live_wire() as wire:
            listen(wire, net.create_server(lambda socket: None))
            came = wire.exchange(bytes(frame))
        assert came.answered
        assert came.tape[0].raw == bytes(frame) == came.sent
        assert (came.back[0].protocol, came.back[0].sender) == (protocol, "server")
        assert f"{len(frame)} bytes sent by the client; this came back:" in repr(came)

    def test_a_wrong_field_goes_out_as_it_is(self) -> None:
        frame = bytes(FRAME / THERE / ICMP(chksum=1) / b"data")
        with live_wire() as wire:
            came = wire.exchange(frame, timeout=0.2)
        assert [packet.raw for packet in came.tape] == [frame]
        assert repr(came) == f"{len(frame)} bytes sent by the client; nothing came back in 0.2 s"

    def test_from_the_server_and_without_a_link_header(self) -> None:
        packet = bytes(IP(src="10.0.0.2", dst="10.0.0.1") / ICMP())
        with live_wire() as wire:
            came = wire.exchange(packet, linktype=101, sender="server")
        assert came.answered
        assert came.back[0].src[0] == "10.0.0.1"

    def test_other_traffic_is_no_answer(self) -> None:
        """An answer of the wire's own rule comes late: a datagram of somebody else does not end the wait."""
        with live_wire() as wire:
            wire.drop(sender="client", protocol="ICMP", times=None)
            came = wire.exchange(bytes(FRAME / THERE / ICMP()), timeout=0.2)
        assert not came.answered

    @pytest.mark.parametrize(
        ("packet", "more", "words"),
        [
            (FRAME / IP(src="10.0.0.1", dst="192.0.2.1") / ICMP(), {}, "only to the other end"),
            (FRAME / IP(src="127.0.0.1", dst="10.0.0.2") / ICMP(), {}, "no host takes it"),
            (b"short", {}, "no Ethernet frame"), (bytes(FRAME / THERE)[:30], {}, "no IPv4 packet"),
            (FRAME / THERE, {"sender": "me"}, "no host of a wire"), (FRAME / THERE, {"timeout": 0}, "no|not a time"),
            (FRAME / THERE, {"linktype": 113}, "nothing else"), (FRAME / THERE, {"wait": 1}, "no argument 'wait'"),
        ],
    )  # fmt: skip
    def test_refused(self, packet: Any, more: dict[str, Any], words: str) -> None:
        with live_wire() as wire, wire.capture() as tape, pytest.raises(LabError, match=words):
            wire.exchange(bytes(packet), **more)
        assert len(tape) == 0


def test_without_a_wire_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_TIER", "recorded")
    with lab.Wire() as wire:
        assert not wire.live
        with pytest.raises(CaptureUnavailable, match="allows no wire"):
            wire.exchange(bytes(FRAME / THERE / ICMP()))


ERROR = IP(src="10.0.0.9", dst="10.0.0.1") / ICMP(type=3, code=3)


@pytest.mark.parametrize(
    ("sent", "came", "fits"),
    [
        (THERE / UDP(sport=5, dport=6), ERROR / THERE / UDP(sport=5, dport=6), True),
        (THERE / UDP(sport=5, dport=6), ERROR / THERE / UDP(sport=5, dport=7), False),
        (THERE / UDP(sport=5, dport=6), IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=6, dport=5), True),
        (THERE / UDP(sport=5, dport=6), IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=7, dport=5), False),
        (THERE / UDP(sport=5, dport=6), IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=6, dport=5), False),
        (THERE / ICMP(id=1, seq=2), IP(src="10.0.0.2", dst="10.0.0.1") / ICMP(type=0, id=1, seq=2), True),
        (THERE / ICMP(id=1, seq=2), IP(src="10.0.0.2", dst="10.0.0.1") / ICMP(type=0, id=1, seq=3), False),
        (THERE / ICMP(id=1, seq=2), IP(src="10.0.0.2", dst="10.0.0.1") / ICMP(type=8, id=1, seq=2), False),
    ],
)
def test_what_answers(sent: Any, came: Any, fits: bool) -> None:
    assert answers(0x0800, bytes(sent), bytes(came)) is fits


@pytest.mark.parametrize("size", range(29))
def test_cut_bytes_raise_nothing(size: int) -> None:
    whole = bytes(THERE / ICMP())
    for kind in (0x0800, 0x0806, 0x86DD):
        answers(kind, whole, whole[:size])
        answers(kind, whole[: max(20, size)], whole)
