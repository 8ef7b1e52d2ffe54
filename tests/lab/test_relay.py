"""The relay that stands in for a wire: the same fates as on one, and a tape that says where it comes from.

Rule: real sockets on loopback; what the relay cannot do has a test as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import dgram, net
from labkit.core import host as places
from labkit.core.errors import CaptureUnavailable, LabError, PortInUse
from labkit.lab import udp_relay as relay_module
from labkit.lab import wire as wire_module
from labkit.lab.udp_relay import MOST_DOORS
from labkit.lab.udp_relay_socket import RelayedSocket
from labkit.lab.wire import RELAYED, Wire
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from tests.lab.wires import datagrams, live_wire, received

_opened: list[socket.socket] = []

RECORDED = "recorded from data/lesson/lost.pcapng"


@pytest.fixture(autouse=True)
def sockets_closed() -> Iterator[None]:
    """Close what `udp` and `some` have opened."""
    yield
    while _opened:
        _opened.pop().close()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire where none can be had."""
    monkeypatch.setenv("LABKIT_TIER", "recorded")
    with Wire() as made:
        yield made


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The arguments of a capture that has a recording of one packet."""
    frame = (1, b"\0" * 60, 1, 0, 60)
    Tape(Recording([frame])).save(tmp_path / "lesson" / "lost.pcapng")
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    return {"name": "lost", "lesson": "lesson"}


def udp(host: Any) -> RelayedSocket:
    made = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert isinstance(made, RelayedSocket)
    made.settimeout(10)
    _opened.append(made)
    return made


def some(wire: Wire, count: int) -> socket.socket:
    """Numbered datagrams from the client's host to port 9000; returns the socket that receives them."""
    sockets = datagrams(wire, count)
    _opened.extend(sockets)
    return sockets[1]


def talk(wire: Wire, port: int = 9000) -> tuple[RelayedSocket, RelayedSocket]:
    """A server's socket bound to a port, and a client's."""
    server = udp(wire.server)
    server.bind((wire.server.address, port))
    return udp(wire.client), server


def connection(wire: Wire) -> None:
    """One TCP connection between the hosts, on port 8124, from its start to its end."""
    with wire.server:
        server = net.create_server(lambda each: each.end("bye")).listen(8124, wire.server.address)
    with server, wire.client, net.connect(8124, wire.server.address) as client:
        assert client.read(3) == b"bye"
        client.wait_for("close", timeout=10)


class TestItSaysSo:
    @pytest.fixture(params=["as LABKIT_TIER asks", "as the system refuses", "not Linux"])
    def refused(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
        if request.param == "as LABKIT_TIER asks":
            monkeypatch.setenv("LABKIT_TIER", "recorded")
        elif request.param == "not Linux":
            monkeypatch.setattr(sys, "platform", "darwin")
        else:

            def refuse() -> None:
                raise PermissionError(1, "Operation not permitted")

            monkeypatch.setattr(wire_module, "Namespace", refuse)
        with Wire(delay=0.001) as made:
            yield made

    def test_the_wire(self, refused: Wire) -> None:
        assert not refused.live
        rule = refused.drop(times=None)
        assert repr(refused) == (
            f"<wire, not live ({refused.why_not}): UDP goes through a relay, other captures are recorded ones, "
            f"1 ms each way, {rule}>"
        )

    def test_the_tape(self, refused: Wire) -> None:
        with refused.capture() as tape:
            some(refused, 1)
        assert (len(tape), tape.origin) == (1, RELAYED)
        assert "made up" in tape.origin


class TestRules:
    """What a rule does to the n-th datagram of a sender is what it does on a wire."""

    @pytest.mark.parametrize(
        "rule",
        [
            pytest.param(lambda wire: wire.drop(protocol="UDP", nth=2), id="drop"),
            pytest.param(lambda wire: wire.duplicate(nth=3, times=2), id="duplicate"),
            pytest.param(lambda wire: wire.reorder(port=9000, nth=4), id="reorder"),
            pytest.param(lambda wire: wire.lose(0.3, seed=5, sender="client"), id="lose"),
            pytest.param(lambda wire: wire.corrupt(nth=5), id="corrupt"),
            pytest.param(lambda wire: wire.rule(lambda each: "drop" if each.payload[1] % 3 else None), id="function"),
            pytest.param(lambda wire: wire.drop(sender="server", times=None), id="nobody"),
        ],
    )
    def test_the_same_ones_arrive(self, rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def play(wire: Wire) -> tuple[list[int], list[int], list[tuple[int, str, int]]]:
            rule(wire)
            with wire.capture() as tape:
                receiver = some(wire, 12)
            there = received(receiver)
            receiver.close()
            numbers = [int.from_bytes(packet.payload, "big") for packet in tape.arrived]
            fates = [(each.number, each.verdict.kind, len(each.verdict.arrivals)) for each in tape if each.verdict]
            return there, numbers, fates

        with live_wire() as real:
            expected = play(real)
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        with Wire() as stand_in:
            assert play(stand_in) == expected

    @pytest.mark.parametrize("nth", [None, 1, 2, 3])
    def test_a_lost_fragment_takes_the_datagram_with_it(self, nth: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
        def play(wire: Wire) -> tuple[list[int], list[Any]]:
            if nth is not None:
                wire.drop(nth=nth)
            receiver = some(wire, 0)
            with wire.capture() as tape, wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for size in (4000, 1472, 1473):
                    sender.sendto(bytes(size), (wire.server.address, 9000))
            sizes = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    sizes.append(len(receiver.recv(65535)))
            receiver.close()
            return sizes, [(each.what, each.fragment, each.verdict and each.verdict.kind) for each in tape]

        with live_wire() as real:
            expected = play(real)
        assert expected[0] == ([4000] if nth is None else []) + [1472, 1473]
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        with Wire() as stand_in:
            assert play(stand_in) == expected

    def test_changed_bytes_with_a_right_checksum_arrive(self, wire: Wire) -> None:
        def louder(passing: Any) -> bytes:
            raw = bytearray(passing.raw)
            raw[40:42] = b"\0\0"  # UDP over IPv4 may go without a checksum
            return bytes(raw[:42]) + bytes(raw[42:]).upper()

        wire.rule(louder)
        client, server = talk(wire)
        client.sendto(b"hello", (wire.server.address, 9000))
        assert server.recv(64) == b"HELLO"

    def test_a_delay_is_a_delay(self, wire: Wire) -> None:
        wire.delay(0.05)
        client, server = talk(wire)
        with wire.capture() as tape:
            client.sendto(b"late", (wire.server.address, 9000))
            server.recv(64)
        verdict = tape[0].verdict
        assert verdict is not None
        assert verdict.arrivals[0] - tape[0].time_ns >= 50_000_000

    def test_a_rule_that_raises_is_told_and_off(self, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
        rule = wire.rule(lambda passing: passing.payload[99])
        client, server = talk(wire)
        client.sendto(b"hello", (wire.server.address, 9000))
        assert server.recv(64) == b"hello"
        assert not rule.on

    def test_tcp_goes_by_without_them(self, wire: Wire) -> None:
        rule = wire.drop(times=None)
        with wire.server:
            server = net.create_server(lambda each: each.end("bye")).listen(0, wire.server.address)
        with wire.client, net.connect(server.port, wire.server.address) as client:
            assert client.read(3) == b"bye"
        assert rule.acted == 0


class TestAddresses:
    """Both ends see the other's own address and port, not the relay's doors."""

    def test_there_and_back(self, wire: Wire) -> None:
        client, server = talk(wire)
        client.sendto(b"question", (wire.server.address, 9000))
        data, asker = server.recvfrom(64)
        assert (data, asker) == (b"question", ("127.0.0.1", client.getsockname()[1]))
        server.sendto(b"answer", asker)
        assert client.recvfrom(64) == (b"answer", ("127.0.0.1", 9000))

    def test_of_connected_sockets(self, wire: Wire) -> None:
        client, server = talk(wire)
        client.connect((wire.server.address, 9000))
        assert client.getpeername() == ("127.0.0.1", 9000)
        client.send(b"question")
        server.connect(server.recvfrom(64)[1])
        server.send(b"answer")
        assert client.recv(64) == b"answer"
        assert client.connect_ex((wire.server.address, 9000)) == 0

    def test_by_every_method(self, wire: Wire) -> None:
        client, server = talk(wire)
        there, here = (wire.server.address, 9000), ("127.0.0.1", 0)
        client.sendto(b"one", 0, there)
        here = ("127.0.0.1", client.getsockname()[1])
        buffer = bytearray(16)
        assert server.recvfrom_into(buffer) == (3, here)
        client.sendmsg([b"t", b"wo"], (), 0, there)
        assert server.recvmsg(16)[::3] == (b"two", here)
        client.sendto(b"three", there)
        assert server.recvmsg_into([buffer])[::3] == (5, here)
        client.connect(there)
        client.sendmsg([b"four"])
        assert server.recvfrom(16) == (b"four", here)

    def test_two_clients_are_two(self, wire: Wire) -> None:
        one, server = talk(wire)
        two = udp(wire.client)
        for each, word in ((one, b"one"), (two, b"two")):
            each.sendto(word, (wire.server.address, 9000))
            data, asker = server.recvfrom(64)
            server.sendto(data * 2, asker)
            assert each.recv(64) == word * 2

    def test_two_on_the_same_host_need_no_wire(self, wire: Wire) -> None:
        wire.drop(times=None)
        one, two = udp(wire.client), udp(wire.client)
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        with wire.capture() as tape:
            one.sendto(b"neighbour", two.getsockname())
            assert two.recvfrom(64) == (b"neighbour", one.getsockname())
            one.sendto(b"through", (wire.server.address, 9))
        assert [packet.payload for packet in tape] == [b"through"]

    def test_a_program_that_knows_nothing_of_it_is_answered_directly(self, wire: Wire) -> None:
        wire.drop(times=None)
        _, server = talk(wire)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.settimeout(10)
            stranger.connect(("127.0.0.1", 9000))  # hears the port 9000 and nobody else
            stranger.send(b"hello")
            data, asker = server.recvfrom(64)
            assert asker == stranger.getsockname()
            server.sendto(data, asker)
            assert stranger.recv(64) == b"hello"

    def test_a_server_that_knows_nothing_of_it_is_reached(self, wire: Wire) -> None:
        wire.duplicate(sender="client")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.settimeout(10)
            stranger.bind(("127.0.0.1", 0))
            client = udp(wire.client)
            client.sendto(b"hello", ("localhost", stranger.getsockname()[1]))
            _, door = stranger.recvfrom(64)
            assert stranger.recv(64) == b"hello"
            stranger.sendto(b"answer", door)
            assert client.recvfrom(64) == (b"answer", stranger.getsockname())

    def test_what_is_meant_for_a_host_of_a_wire_stays_on_this_machine(self, wire: Wire) -> None:
        client, server = talk(wire)
        client.connect(("10.0.0.2", 9000))
        assert socket.socket.getpeername(client)[0] == "127.0.0.1"
        client.send(b"hello")
        assert server.recv(64) == b"hello"
        client.connect(("10.0.0.1", 9000))  # itself
        assert socket.socket.getpeername(client)[0] == "127.0.0.1"
        third = udp(wire.server)
        third.bind(("10.0.0.2", 0))
        assert third.getsockname()[0] == "127.0.0.1"

    def test_two_wires_are_two_worlds(self, wire: Wire) -> None:
        with Wire() as other:
            pairs = [talk(each) for each in (wire, other)]
            with wire.server:
                assert dgram.create_socket("udp4").bind(0).port
            for number, (client, server) in enumerate(pairs):
                assert server.getsockname() == ("127.0.0.1", 9000)
                client.sendto(b"to %d" % number, (wire.server.address, 9000))
                data, asker = server.recvfrom(64)
                assert data == b"to %d" % number
                server.sendto(b"answer", asker)
                assert client.recvfrom(64) == (b"answer", ("127.0.0.1", 9000))

    def test_the_same_port_on_both_hosts(self, wire: Wire) -> None:
        one, two = udp(wire.client), udp(wire.server)
        for each in (one, two):
            each.bind(("127.0.0.1", 9000))
        one.sendto(b"there", ("127.0.0.1", 9000))
        assert two.recvfrom(64) == (b"there", ("127.0.0.1", 9000))
        two.sendto(b"back", ("127.0.0.1", 9000))
        assert one.recvfrom(64) == (b"back", ("127.0.0.1", 9000))

    def test_a_port_is_taken_only_by_the_same_host(self, wire: Wire) -> None:
        talk(wire)
        with pytest.raises(OSError, match="in use"):
            udp(wire.server).bind(("127.0.0.1", 9000))
        with wire.server:
            first = dgram.create_socket("udp4").bind(9001)
            with pytest.raises(PortInUse, match="9001"):
                dgram.create_socket("udp4").bind(9001, replace=False)
            dgram.create_socket("udp4").bind(9001, replace=True)
        assert first.closed

    def test_a_port_below_1024_needs_no_root(self, wire: Wire) -> None:
        """As on a host of one's own; the refusal of the system is a real one."""
        client, server = udp(wire.client), udp(wire.server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            with contextlib.suppress(PermissionError):
                taken.bind(("127.0.0.1", 53))
            server.bind(("127.0.0.1", 53))
            client.connect(("127.0.0.1", 53))
            client.send(b"question")
            assert server.recv(64) == b"question"

    def test_disconnected_it_keeps_its_port(self, wire: Wire) -> None:
        _, server = talk(wire)
        with wire.client:
            client = dgram.create_socket("udp4")
            client.connect(9000, wire.server.address)
            port = client.port
            client.send("one")
            assert server.recvfrom(64) == (b"one", ("127.0.0.1", port))
            client.disconnect()
            client.send("two", 9000, wire.server.address)
            assert server.recvfrom(64) == (b"two", ("127.0.0.1", port))

    @pytest.mark.parametrize("address", [("127.0.0.1", 0), ("127.0.0.1", 70000), "127.0.0.1", ("127.0.0.1",)])
    def test_what_is_no_address_is_refused_as_ever(self, wire: Wire, address: Any) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            with pytest.raises((OSError, OverflowError, TypeError)) as expected:
                plain.sendto(b"x", address)
            with pytest.raises(expected.type):
                udp(wire.client).sendto(b"x", address)

    def test_other_kinds_of_socket_are_the_machine_s_own(self, wire: Wire) -> None:
        for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM)):
            with wire.client.socket(family, kind) as made:
                assert type(made) is socket.socket


class TestRefusal:
    """Nobody listens: as on a wire, ICMP says so to a connected socket."""

    def test_the_same_packets_and_the_same_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def play(wire: Wire) -> tuple[list[tuple[str, str]], str]:
            with wire.client, wire.capture() as tape:
                client = dgram.create_socket("udp4").on("error", errors.append)
                client.connect(9000, wire.server.address)
                client.send("anybody?")
                client.wait_for("error", timeout=10)
            return [(packet.sender, packet.what) for packet in tape], str(errors.pop()).partition("9000")[2]

        errors: list[Exception] = []
        with live_wire() as real:
            expected = play(real)
        assert expected[0] == [("client", "UDP"), ("server", "ICMP port unreachable")]
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        with Wire() as stand_in:
            assert play(stand_in) == expected

    @pytest.mark.parametrize("method", ["recv", "recvfrom", "recvmsg"])
    def test_each_way_of_receiving_raises_it_once_a_datagram(self, wire: Wire, method: str) -> None:
        client = udp(wire.client)
        client.connect((wire.server.address, 9000))
        for _ in range(2):
            client.send(b"anybody?")
            with pytest.raises(ConnectionRefusedError):
                getattr(client, method)(64)

    def test_a_socket_without_a_connection_hears_nothing(self, wire: Wire) -> None:
        client = udp(wire.client)
        with wire.capture() as tape:
            client.sendto(b"anybody?", (wire.server.address, 9000))
        assert [packet.protocol for packet in tape] == ["UDP", "ICMP"]
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(64)

    def test_the_answer_of_icmp_can_be_lost(self, wire: Wire) -> None:
        wire.drop(protocol="ICMP")
        client = udp(wire.client)
        client.connect((wire.server.address, 9000))
        with wire.capture():
            client.send(b"anybody?")
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(64)

    def test_a_system_that_does_not_tell_the_relay(self, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not Linux: datagrams pass, and of a closed port nobody hears."""
        monkeypatch.setattr(relay_module, "_LINUX", False)
        client, server = talk(wire)
        client.connect((wire.server.address, 9))
        with wire.capture() as tape:
            client.send(b"anybody?")
        client.connect((wire.server.address, 9000))
        client.send(b"hello")
        assert server.recv(64) == b"hello"
        assert [packet.protocol for packet in tape] == ["UDP"]
        assert tape.drops == 0

    def test_an_empty_datagram_is_a_message_all_the_same(self, wire: Wire) -> None:
        client, server = talk(wire)
        client.connect((wire.server.address, 9000))
        client.send(b"")
        data, asker = server.recvfrom(64)
        assert data == b""
        server.sendto(b"", asker)
        assert client.recv(64) == b""


class TestHosts:
    def test_labkit_s_sockets_go_through_it(self, wire: Wire) -> None:
        with wire.server:
            inbox = dgram.create_socket("udp4").bind(9000, wire.server.address)
            inbox.on("message", lambda data, sender: inbox.send(data, sender.port, sender.address))
        wire.drop(sender="client")
        with wire.client, wire.capture(9000) as tape:
            client = dgram.create_socket("udp4")
            client.send("lost", 9000, wire.server.address)
            client.send("hello", 9000, wire.server.address)
            data, sender = client.wait_for("message", timeout=10)
        assert (data, sender.port) == (b"hello", 9000)
        assert [(packet.sender, packet.payload) for packet in tape] == [
            ("client", b"lost"), ("client", b"hello"), ("server", b"hello"),
        ]  # fmt: skip
        assert [(each.who, each.name) for each in tape.events if each.name in ("message", "send")] == [
            ("client", "send"), ("client", "send"), ("server", "message"), ("server", "send"), ("client", "message"),
        ]  # fmt: skip

    def test_they_leave_with_the_wire(self, wire: Wire) -> None:
        with wire.server:
            inbox = dgram.create_socket("udp4").bind(0, wire.server.address)
            server = net.create_server().listen(0)
        wire.close()
        assert inbox.closed
        assert "not listening" in repr(server)
        for use in (wire.server.__enter__, wire.client.socket, lambda: wire.drop(), lambda: wire.capture()):
            with pytest.raises(LabError, match="is closed"):
                use()

    def test_blocks_stand_in_each_other_and_end_where_they_began(self, wire: Wire) -> None:
        assert places.here() is None
        with wire.client:
            with wire.server:
                assert places.here() is wire.server
            assert places.here() is wire.client
            assert wire.server.run(places.here) is wire.server
        assert places.here() is None

    def test_they_are_this_machine_when_it_comes_to_who_can_reach_them(self, wire: Wire) -> None:
        with wire.server:
            assert places.current() is None
            with pytest.raises(LabError, match="from other machines"):
                dgram.create_socket("udp4").bind(0, "0.0.0.0")
            with pytest.raises(LabError, match="from other machines"):
                net.create_server().listen(0, "0.0.0.0")

    def test_asyncio_s_own_sockets_are_the_machine_s(self, wire: Wire) -> None:
        rule = wire.drop(times=None)

        async def ask() -> bytes:
            running = asyncio.get_running_loop()
            done = running.create_future()

            class Inbox(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, addr: Any) -> None:
                    done.set_result(data)

            inbox, _ = await running.create_datagram_endpoint(Inbox, local_addr=("127.0.0.1", 0))
            inbox.sendto(b"myself", inbox.get_extra_info("sockname"))
            try:
                return await asyncio.wait_for(done, 10)
            finally:
                inbox.close()

        with wire.client:
            assert asyncio.run(ask()) == b"myself"
        assert rule.seen == 0


class TestCapture:
    def test_needs_no_recording(self, wire: Wire) -> None:
        with wire.capture(9000) as tape:
            some(wire, 3)
        assert (len(tape), tape.live) == (3, True)

    def test_tells_of_a_rule_that_met_nothing(self, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
        wire.drop(port=9)
        with wire.capture(9000):
            some(wire, 1)
        assert capsys.readouterr().out == "wire: this rule met no packet: drop the first packet of port 9\n"

    def test_tcp_is_the_recording_and_why(
        self, wire: Wire, recording: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        wire.drop(only="SYN")
        with wire.capture(8124, **recording) as tape:
            connection(wire)
        assert (len(tape), tape.live) == (1, False)
        assert tape.origin.startswith(f"{RECORDED}: TCP does not go through the relay")
        assert capsys.readouterr().out == ""

    def test_tcp_without_a_recording_says_why(self, wire: Wire) -> None:
        with pytest.raises(CaptureUnavailable, match="TCP does not go through the relay"), wire.capture():
            connection(wire)

    def test_nothing_at_all_is_nothing(self, wire: Wire, recording: dict[str, str]) -> None:
        with wire.capture(9000, **recording) as tape:
            pass
        assert (len(tape), tape.origin) == (0, RELAYED)

    def test_a_forgotten_block_is_told(
        self, wire: Wire, recording: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Sockets of the machine itself go past the relay: no recording may pass for what they did."""
        with (
            dgram.create_socket("udp4").bind(0) as inbox,
            dgram.create_socket("udp4") as sender,
            wire.capture(inbox.port, **recording) as tape,
        ):
            sender.send("past the relay", inbox.port)
            inbox.wait_for("message", timeout=10)
        assert (len(tape), tape.origin) == (0, RELAYED)
        (said,) = capsys.readouterr().out.splitlines()
        assert "Make them in blocks: `with wire.client:`" in said

    def test_what_went_wrong_first_is_told(self, wire: Wire, recording: dict[str, str]) -> None:
        def fail() -> None:
            connection(wire)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), wire.capture(8124):
            fail()
        with pytest.raises(ZeroDivisionError), wire.capture(8124, **recording) as tape:
            fail()
        assert tape.origin.startswith(RECORDED)

    def test_tcp_beside_is_said_to_be_missing(self, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
        with wire.server:
            server = net.create_server(lambda each: each.end("bye")).listen(0)
        with wire.capture() as tape:
            some(wire, 1)
            with net.connect(server.port) as client:
                client.wait_for("close", timeout=10)
        assert [packet.protocol for packet in tape] == ["UDP"]
        assert "this tape has only UDP" in capsys.readouterr().out

    def test_it_is_never_kept_as_a_recording(
        self, wire: Wire, recording: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LABKIT_RECORD", str(tmp_path / "made"))
        with wire.capture(9000, **recording) as tape:
            some(wire, 1)
        assert tape.live
        assert not (tmp_path / "made").exists()


class TestLimits:
    def test_clients_that_come_and_go_take_no_more_than_so_many_sockets(self, wire: Wire) -> None:
        def open_files() -> int:
            return len(os.listdir("/proc/self/fd"))

        server = udp(wire.server)
        server.bind((wire.server.address, 9000))
        before = open_files()
        for number in range(MOST_DOORS * 2):
            with udp(wire.client) as client:
                client.sendto(number.to_bytes(2, "big"), (wire.server.address, 9000))
                data, asker = server.recvfrom(64)
                server.sendto(data, asker)
                assert client.recv(64) == number.to_bytes(2, "big")
        assert open_files() - before <= 2 * MOST_DOORS

    def test_what_it_had_no_room_for_is_counted(self, wire: Wire) -> None:
        go_on, stopped = threading.Event(), threading.Event()

        def wait(passing: Any) -> None:
            stopped.set()
            go_on.wait(20)

        rule = wire.rule(wait)
        client, _ = talk(wire)
        with wire.capture(9000) as tape:
            client.sendto(b"first", (wire.server.address, 9000))
            assert stopped.wait(10)
            count = 4000
            for _ in range(count):
                client.sendto(bytes(1400), (wire.server.address, 9000))
            rule.off()
            go_on.set()
        assert 0 < tape.drops < count
        assert len(tape) + tape.drops == count + 1
        assert tape.origin.endswith(f"{tape.drops} frames lost")

    def test_nothing_is_left_of_it(self) -> None:
        """In a process of its own: threads and descriptors are as they were."""
        code = """if 1:
            import os, socket, threading
            from labkit.lab.wire import Wire
            from labkit.core import loop
            loop.get()
            Wire().close()
            def state(): return sorted(os.listdir("/proc/self/fd")), threading.active_count()
            before = state()
            for _ in range(3):
                with Wire() as wire:
                    assert not wire.live
                    inbox = wire.server.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    inbox.bind(("127.0.0.1", 0))
                    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, inbox:
                        client.sendto(b"x", inbox.getsockname())
                        assert inbox.recv(9) == b"x"
            wire = Wire()
            del wire  # as when a cell is run again
            assert state() == before, (state(), before)
        """
        ran = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "LABKIT_TIER": "recorded"}, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
