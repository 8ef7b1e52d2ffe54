"""What a UDP socket does, with plain system sockets as the other end: E-2.1, E-2.2.

Rule: plain sockets are the oracle; every wait is for an event.
"""

from __future__ import annotations

import gc
import os
import socket as system
import subprocess
import sys
import threading
import tracemalloc
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit
from labkit import dgram, net
from labkit.core import loop
from labkit.core.endpoint import YOUNG
from labkit.core.errors import (
    AddressUnavailable,
    ConnectionRefused,
    LabError,
    NetError,
    NotOpen,
    PermissionDenied,
    PortInUse,
    TimedOut,
)
from labkit.core.history import HISTORY
from labkit.dgram import receiving
from tests.lab.wires import live_wire
from tests.needs import need_live_capture

LOOPBACK = {"udp4": "127.0.0.1", "udp6": "::1"}
FAMILY = {"udp4": system.AF_INET, "udp6": system.AF_INET6}


def until(happened: Callable[[], object]) -> None:
    """Let the loop have its turns until something has happened."""
    deadline = monotonic() + 20
    while not happened():
        assert monotonic() < deadline, "it never happened"
        loop.call(lambda: None)


class Inbox:
    """A listener of ``message`` that keeps what comes; `take` waits for a number of them."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, dgram.Sender]] = []
        self.changed = threading.Condition()

    def __call__(self, data: bytes, sender: dgram.Sender) -> None:
        with self.changed:
            self.got.append((data, sender))
            self.changed.notify_all()

    def take(self, count: int) -> list[bytes]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, 20), f"only {len(self.got)} came"
            return [data for data, _ in self.got]


@pytest.fixture
def plain(kind: str) -> Iterator[system.socket]:
    """A plain system socket, bound to loopback."""
    with system.socket(FAMILY[kind], system.SOCK_DGRAM) as made:
        made.bind((LOOPBACK[kind], 0))
        made.settimeout(20)
        yield made


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def deserted() -> int:
    """A port that nobody has any more."""
    with system.socket(system.AF_INET, system.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        return int(gone.getsockname()[1])


class TestE21Events:
    """E-2.1: message with its sender, listening, close, error."""

    def test_a_message_and_its_sender(self, kind: str, plain: system.socket) -> None:
        with dgram.create_socket(kind).bind(0) as server:
            plain.sendto(b"hello", (LOOPBACK[kind], server.port))
            data, sender = server.wait_for("message")
        assert data == b"hello"
        port = plain.getsockname()[1]
        assert sender == (LOOPBACK[kind], port, {"udp4": "IPv4", "udp6": "IPv6"}[kind], 5)
        assert (sender.address, sender.port, sender.size) == (LOOPBACK[kind], port, 5)
        assert isinstance(sender, dgram.Sender)

    def test_bind_returns_after_listening_and_close_after_close(self) -> None:
        told: list[str] = []
        server = dgram.create_socket()
        server.on("listening", lambda: told.append("listening"))
        server.bind(0)
        told.append("bound")
        server.close(lambda: told.append("close"))
        told.append("returned")
        assert told == ["listening", "bound", "close", "returned"]
        assert server.close() is server  # again: nothing

    def test_one_socket_and_three_peers(self, kind: str) -> None:
        """T-2.1: one socket is server for all of them; each gets its own answer."""
        with dgram.create_socket(kind).bind(0) as server:
            server.on("message", lambda data, sender: server.send(data.upper(), sender.port, sender.address))
            with dgram.create_socket(kind) as one, dgram.create_socket(kind) as two, dgram.create_socket(kind) as three:
                for number, peer in enumerate((one, two, three)):
                    peer.send(f"peer {number}", server.port)
                for number, peer in enumerate((one, two, three)):
                    data, sender = peer.wait_for("message")
                    assert data == f"PEER {number}".encode()
                    assert sender[:2] == server.address()

    def test_boundaries_are_kept(self, kind: str, inbox: Inbox) -> None:
        """C-2.1: what was sent in one piece comes in one piece, also nothing at all."""
        sizes = [0, 1, 2, 1472, 1473, 8192, 0, 65507, 3]
        with dgram.create_socket(kind, inbox).bind(0) as server, dgram.create_socket(kind) as client:
            for count, size in enumerate(sizes, 1):
                client.send(b"x" * size, server.port)
                inbox.take(count)
        assert [len(data) for data in inbox.take(len(sizes))] == sizes
        assert [sender.size for _, sender in inbox.got] == sizes

    def test_the_largest_over_ipv6(self) -> None:
        with dgram.create_socket("udp6").bind(0) as server, dgram.create_socket("udp6") as client:
            client.send(bytes(65527), server.port)
            assert len(server.wait_for("message")[0]) == 65527

    def test_no_message_after_close(self, plain: system.socket, kind: str) -> None:
        got: list[bytes] = []
        server = dgram.create_socket(kind).bind(0)

        def take(data: bytes, sender: dgram.Sender) -> None:
            got.append(data)
            server.close()

        def all_at_once() -> None:
            for number in range(5):
                plain.sendto(bytes([number]), (LOOPBACK[kind], server.port))

        server.on("message", take)
        loop.call(all_at_once)  # the loop sees none before all are there
        server.wait_for("close")
        loop.call(lambda: None)
        assert got == [b"\0"]

    def test_an_unhandled_error_is_shown(self, deserted: int, capsys: pytest.CaptureFixture[str]) -> None:
        with dgram.create_socket().connect(deserted) as client:
            client.send("hello")
            until(lambda: "error" in [each.name for each in client.history])
            name = repr(client)
        assert capsys.readouterr().err == (
            f"Unhandled 'error' event of {name}: ConnectionRefused: nobody listens on UDP port 127.0.0.1:{deserted}: "
            "an ICMP message came back, port unreachable. Start the server first, and check the port.\n"
        )

    def test_what_a_handler_raises_is_shown_and_the_socket_goes_on(
        self, inbox: Inbox, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def bad(data: bytes, sender: dgram.Sender) -> None:
            inbox(data, sender)
            raise ValueError(f"no {data.decode()}")

        with dgram.create_socket("udp4", bad).bind(0) as server, dgram.create_socket() as client:
            for number in range(YOUNG + 5):  # on the long path and on the short one
                client.send(f"number {number}", server.port)
                inbox.take(number + 1)
            loop.call(lambda: None)
            shown = capsys.readouterr().err
        assert shown.count("ValueError: no number") == YOUNG + 5
        assert shown.startswith(f"A handler of <udp4 socket 127.0.0.1:{server.port}> failed:\n")

    def test_a_misspelt_event(self) -> None:
        with pytest.raises(LabError, match="Socket emits no 'mesage'"):
            dgram.create_socket().on("mesage", print)
        with pytest.raises(LabError, match=r"Socket emits no 'mesage'\. It emits: close, connect, error, "):
            dgram.create_socket().wait_for("mesage", timeout=30)

    def test_wait_for_tells_what_happened(self) -> None:
        with dgram.create_socket().bind(0) as server, pytest.raises(TimedOut, match="So far it emitted: listening"):
            server.wait_for("message", timeout=0.01)
        with pytest.raises(NotOpen, match="closed without another 'message'"):
            server.wait_for("message")


class TestE22Send:
    """E-2.2: send with offset and length, bind to an address, and what that exposes."""

    @pytest.mark.parametrize(
        ("data", "options", "arrives"),
        [
            (b"hello world", {"offset": 6, "length": 5}, b"world"),
            (b"hello world", {"offset": 6}, b"world"),
            (b"hello world", {"length": 5}, b"hello"),
            (b"hello", {"offset": 5}, b""),
            ("您好！", {"offset": 3, "length": 3}, "好".encode()),
            ("您好！", {}, "您好！".encode()),
            (bytearray(b"abc"), {}, b"abc"),
            (memoryview(b"abcdef")[::2], {"offset": 1}, b"ce"),
            (b"", {}, b""),
        ],
    )
    def test_pieces(self, kind: str, plain: system.socket, data: Any, options: dict[str, int], arrives: bytes) -> None:
        port = plain.getsockname()[1]
        with dgram.create_socket(kind) as client:
            client.send(data, port, **options)
            got, sender = plain.recvfrom(100)
            assert (got, sender[:2]) == (arrives, client.address())
            loop.call(client.send, data, port, **options) if not options else None

    @pytest.mark.parametrize("piece", [{"offset": 20}, {"offset": 20, "length": 3}, {"offset": -2}])
    def test_an_offset_outside(self, piece: dict[str, int]) -> None:
        """Not "-11 bytes from offset 20"."""
        with dgram.create_socket() as client, pytest.raises(LabError) as caught:
            client.send("9 bytes: ", 9, **piece)  # type: ignore[arg-type]
        assert str(caught.value).startswith(f"offset {piece['offset']} is not inside the 9 bytes given. ")

    @pytest.mark.parametrize("piece", [{"offset": 6}, {"offset": -1}, {"length": -1}, {"offset": 3, "length": 3}])
    def test_pieces_outside(self, piece: dict[str, int]) -> None:
        with dgram.create_socket() as client, pytest.raises(LabError, match="not inside the 5 bytes") as caught:
            client.send(b"hello", 9, **piece)  # type: ignore[arg-type]
        assert caught.value.code == "ERR_BUFFER_OUT_OF_BOUNDS"

    @pytest.mark.parametrize("data", [5, None, ["a"], 1.5])
    def test_what_is_no_data(self, data: Any) -> None:
        with dgram.create_socket() as client, pytest.raises(TypeError, match="only bytes or text can be sent"):
            client.send(data, 9)

    @pytest.mark.parametrize("piece", [{"offset": "1"}, {"length": 1.0}, {"length": True}])
    def test_what_is_no_offset(self, piece: dict[str, Any]) -> None:
        with dgram.create_socket() as client, pytest.raises(TypeError, match="whole numbers"):
            client.send(b"hello", 9, **piece)

    @pytest.mark.parametrize("port", [None, 0, -1, 65536, "9", 9.0, True])
    def test_what_is_no_port(self, port: Any) -> None:
        with dgram.create_socket() as client, pytest.raises(LabError, match=r"port") as caught:
            client.send("hello", port)
        assert caught.value.code == "ERR_SOCKET_BAD_PORT"

    def test_too_large(self, kind: str) -> None:
        limit = {"udp4": 65507, "udp6": 65527}[kind]
        with dgram.create_socket(kind) as client:
            with pytest.raises(NetError, match=f"{limit + 1:,} bytes do not fit into one datagram") as caught:
                client.send(bytes(limit + 1), 9)
            assert caught.value.code == "EMSGSIZE"
            errors: list[NetError] = []
            client.on("error", errors.append)
            client.send(bytes(limit + 1), 9)  # told to the listener now
            loop.call(client.send, bytes(limit + 1), 9)
            loop.call(lambda: None)
            assert [error.code for error in errors] == ["EMSGSIZE"] * 2

    def test_callbacks(self, kind: str, plain: system.socket) -> None:
        told: list[tuple[Any, int]] = []
        done = threading.Event()

        def on_sent(error: NetError | None, size: int) -> None:
            told.append((error and error.code, size))
            if len(told) == 2:
                done.set()

        with dgram.create_socket(kind) as client:
            client.send("hello", plain.getsockname()[1], on_sent=on_sent)
            client.send(bytes(70_000), 9, on_sent=on_sent)
            assert done.wait(20)
        assert told == [(None, 5), ("EMSGSIZE", 0)]

    def test_after_close(self) -> None:
        client = dgram.create_socket().bind(0)
        port = client.port
        client.close()
        for action in (
            lambda: client.send("late", 9), lambda: client.bind(0), lambda: client.connect(9), client.address,
            client.disconnect, lambda: client.set_ttl(5),
        ):  # fmt: skip
            with pytest.raises(NotOpen, match="this socket is closed") as caught:
                action()
            assert caught.value.code == "ERR_SOCKET_DGRAM_NOT_RUNNING"
        assert client.port == port
        assert repr(client) == f"<udp4 socket 127.0.0.1:{port}, closed>"

    def test_before_bind(self) -> None:
        client = dgram.create_socket()
        assert repr(client) == "<udp4 socket, not bound>"
        with pytest.raises(NotOpen, match="no port yet"):
            _ = client.port
        with pytest.raises(NotOpen, match="no address yet"):
            client.address()
        client.close()
        client.wait_for("close")

    def test_options(self, kind: str, plain: system.socket) -> None:
        with dgram.create_socket(kind) as client:
            client.set_ttl(7).set_recv_buffer_size(20_000).set_send_buffer_size(20_000)
            assert kind == "udp6" or client.set_broadcast() is client
            client.send("hello", plain.getsockname()[1])
            assert plain.recv(10) == b"hello"
            channel = client._channel
            assert channel is not None
            assert channel.getsockopt(system.SOL_SOCKET, system.SO_RCVBUF) in (20_000, 40_000)
            for bad in (0, 256, "5", True):
                with pytest.raises(LabError, match="hops"):
                    client.set_ttl(bad)  # type: ignore[arg-type]
            with pytest.raises(LabError, match="number of bytes"):
                client.set_recv_buffer_size(-5)

    @pytest.mark.parametrize("kind", ["udp", "tcp", "", None, []])
    def test_kinds_there_are_not(self, kind: Any) -> None:
        with pytest.raises(LabError, match="is not a kind of UDP socket"):
            dgram.create_socket(kind)


class TestNames:
    """C-2.3: a name may stand for an address of the other family."""

    def test_localhost_is_looked_up_in_the_sockets_own_family(self, plain: system.socket, kind: str) -> None:
        port = plain.getsockname()[1]
        try:
            found = system.getaddrinfo("localhost", port, FAMILY[kind], system.SOCK_DGRAM)
        except OSError:
            found = []
        with dgram.create_socket(kind) as client:
            if found:
                client.send("hello", port, "localhost")
                assert plain.recvfrom(10)[0] == b"hello"
            else:
                with pytest.raises(AddressUnavailable, match="'localhost'"):
                    client.send("hello", port, "localhost")

    def test_an_address_of_the_other_family(self, kind: str) -> None:
        other = {"udp4": "udp6", "udp6": "udp4"}[kind]
        with dgram.create_socket(kind) as client:
            for action in (
                lambda: client.send("x", 9, LOOPBACK[other]), lambda: client.bind(0, LOOPBACK[other]),
                lambda: client.connect(9, LOOPBACK[other]),
            ):  # fmt: skip
                with pytest.raises(NetError, match=f'create_socket\\("{other}"\\)') as caught:
                    action()
                assert caught.value.code == "EINVAL"

    @pytest.mark.parametrize("name", ["no.such.host.invalid", "", "a" * 300, "with\0zero", "1.2.3.4.5"])
    def test_names_that_nobody_has(self, name: str) -> None:
        with dgram.create_socket() as client:
            for action in (lambda: client.send("x", 9, name), lambda: client.connect(9, name)):
                with pytest.raises(AddressUnavailable) as caught:
                    action()
                # a machine without a name server looks nothing up
                assert caught.value.code in ("ENOTFOUND", "EAI_AGAIN")

    @pytest.mark.parametrize(
        ("said", "code", "words"),
        [
            (system.EAI_AGAIN, "EAI_AGAIN", "no name server says which address"),
            (system.EAI_NONAME, "ENOTFOUND", "has no IPv4 address"),
        ],
        ids=["again", "no name"],
    )
    def test_no_name_server_is_told_from_no_such_name(
        self, said: int, code: str, words: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def look_up(*_: Any, **__: Any) -> Any:
            raise system.gaierror(said, "said by the resolver")

        monkeypatch.setattr(system, "getaddrinfo", look_up)
        with dgram.create_socket() as client, pytest.raises(AddressUnavailable, match=words) as caught:
            client.bind(0, "no.such.host.invalid", expose=True)
        assert caught.value.code == code

    @pytest.mark.parametrize("address", [5, b"127.0.0.1", ["127.0.0.1"]])
    def test_what_is_no_address(self, address: Any) -> None:
        with dgram.create_socket() as client:
            for action in (
                lambda: client.send("x", 9, address), lambda: client.connect(9, address),
                lambda: client.bind(0, address),
            ):  # fmt: skip
                with pytest.raises(LabError, match="is not a host"):
                    action()


class TestBind:
    """Ports in use, ports without permission, addresses that expose."""

    def test_another_socket_of_this_program(self, kind: str) -> None:
        with dgram.create_socket(kind).bind(0) as first:
            with dgram.create_socket(kind) as second, pytest.raises(PortInUse, match="another socket of this program"):
                second.bind(first.port)
            assert not first.closed

    def test_replaced_when_asked(self, kind: str) -> None:
        first = dgram.create_socket(kind).bind(0)
        with dgram.create_socket(kind).bind(first.port, replace=True) as second:
            assert first.closed
            assert second.port == first.port

    def test_in_a_notebook_another_cells_socket_is_closed_and_that_is_said(
        self, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("ipykernel.kernelapp"))

        def cell(text: str, port: int) -> Any:
            names: dict[str, Any] = {"dgram": dgram, "kind": kind, "port": port}
            exec(compile(text, f"/nowhere/{hash(text)}.py", "exec"), names)
            return names["made"]

        one = cell("made = dgram.create_socket(kind).bind(port)", 0)
        again = cell("made = dgram.create_socket(kind).bind(port)", one.port)
        assert one.closed
        assert capsys.readouterr().out == ""
        with cell("made = dgram.create_socket(kind, print).bind(port)", one.port):
            assert again.closed
            where = net_words(LOOPBACK[kind], one.port)
            assert capsys.readouterr().out == (
                f"UDP port {where} was taken by a socket of another cell. That one is closed now.\n"
            )

    def test_the_holder_is_named(self, kind: str, plain: system.socket) -> None:
        with dgram.create_socket(kind) as late, pytest.raises(PortInUse) as caught:
            late.bind(plain.getsockname()[1])
        assert "is taken by this program itself (pid " in str(caught.value)
        assert "bind(0) for any free port" in str(caught.value)

    def test_another_program_is_named(self) -> None:
        code = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
input()"""
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            port = int(other.stdout.readline())
            with dgram.create_socket() as late, pytest.raises(PortInUse, match=rf"\(pid {other.pid}\)"):
                late.bind(port)
            other.communicate("\n")

    def test_tcp_has_the_same_numbers_and_is_no_hindrance(self) -> None:
        with net.create_server().listen(0) as server, dgram.create_socket().bind(server.port) as udp:
            assert udp.port == server.port

    def test_all_interfaces_only_when_told_so(self, capsys: pytest.CaptureFixture[str], plain: system.socket) -> None:
        everywhere = "0.0.0.0" if plain.family == system.AF_INET else "::"
        kind = "udp4" if plain.family == system.AF_INET else "udp6"
        with dgram.create_socket(kind) as server:
            with pytest.raises(LabError, match=r"from other machines on its network\. .*say bind\(..., expose=True\)"):
                server.bind(0, everywhere)
            server.bind(0, everywhere, expose=True)
            said = capsys.readouterr().out
            where = net_words(everywhere, server.port)
            assert said == f"Anyone who can reach this machine can now send to {where}.\n"
            plain.sendto(b"hello", (LOOPBACK[kind], server.port))
            assert server.wait_for("message")[0] == b"hello"

    @pytest.mark.parametrize("expose", [False, True])
    @pytest.mark.parametrize(("kind", "address"), [("udp4", "192.0.2.1"), ("udp6", "2001:db8::1")])
    def test_an_address_this_machine_has_not(
        self, kind: str, address: str, expose: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Nobody can reach it, so nobody is warned; it may be that of a wire's host."""
        with dgram.create_socket(kind) as server, pytest.raises(AddressUnavailable) as caught:
            server.bind(9005, address, expose=expose)
        assert "is not an address of this machine" in str(caught.value)
        assert "inside its block, `with wire.server:`" in str(caught.value)
        assert capsys.readouterr().out == ""

    def test_no_permission(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any) -> system.socket:
            return Refusing(system.AF_INET, system.SOCK_DGRAM)

        class Refusing(system.socket):
            def bind(self, where: Any) -> None:
                raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("labkit.core.host.make_socket", refuse)
        with dgram.create_socket() as server, pytest.raises(PermissionDenied, match=r"127\.0\.0\.1:53"):
            server.bind(53)

    @pytest.mark.parametrize("port", [-1, 65536, "1", None, 1.0, True])
    def test_what_is_no_port(self, port: Any) -> None:
        with dgram.create_socket() as server, pytest.raises(LabError, match="is not a port"):
            server.bind(port)

    def test_after_a_failure_it_can_be_bound(self, plain: system.socket, kind: str) -> None:
        with dgram.create_socket(kind) as server:
            with pytest.raises(PortInUse):
                server.bind(plain.getsockname()[1])
            server.bind(0)
            plain.sendto(b"hello", (LOOPBACK[kind], server.port))
            assert server.wait_for("message")[0] == b"hello"

    def test_a_failure_leaves_nothing_open(self, plain: system.socket, kind: str) -> None:
        """Whoever was refused a port need not close(): a warning about an unclosed socket would fail the test."""
        loop.call(gc.collect)  # what other tests left open is closed now, not between the two looks
        descriptor = os.dup(0)  # the lowest that is free: the next one opened has its number
        os.close(descriptor)
        dropped = dgram.create_socket(kind)
        with pytest.raises(PortInUse):
            dropped.bind(plain.getsockname()[1])
        loop.call(gc.collect)
        again = os.dup(0)
        os.close(again)
        assert again == descriptor
        assert not dropped.closed
        with pytest.raises(NotOpen):
            dropped.address()

    def test_a_failure_keeps_the_options(self, plain: system.socket, kind: str) -> None:
        with dgram.create_socket(kind) as server:
            server.set_ttl(7)
            with pytest.raises(PortInUse):
                server.bind(plain.getsockname()[1])
            server.bind(0)
            channel = server._channel
            assert channel is not None
            level, option = system.IPPROTO_IP, system.IP_TTL
            if kind == "udp6":
                level, option = system.IPPROTO_IPV6, system.IPV6_UNICAST_HOPS
            assert channel.getsockopt(level, option) == 7

    def test_a_failure_tells_nothing_of_a_close_until_closed(self, plain: system.socket, kind: str) -> None:
        told: list[str] = []
        server = dgram.create_socket(kind)
        for event in ("error", "close"):
            server.on(event, lambda *_, event=event: told.append(event))
        server.bind(plain.getsockname()[1])
        assert told == ["error"]
        server.close()
        assert told == ["error", "close"]

    def test_close_everything(self) -> None:
        server, client = dgram.create_socket().bind(0), dgram.create_socket()
        client.send("hello", server.port)
        server.wait_for("message")
        assert dgram.close_everything() == 1  # one server
        assert client.closed
        assert server.closed

    def test_a_port_is_free_after_the_end_of_the_process(self) -> None:
        code = "from labkit import dgram; print(dgram.create_socket().bind(0).port)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
        with dgram.create_socket().bind(int(done.stdout)):
            pass


def net_words(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class TestConnected:
    """A connected socket has one peer, and hears of its refusals."""

    def test_talk(self, kind: str, plain: system.socket) -> None:
        with dgram.create_socket(kind).connect(plain.getsockname()[1]) as client:
            assert client.remote_address() == plain.getsockname()[:2]
            assert client.endpoint() == ("client", client.address(), client.remote_address())
            for words in (b"hello", b"", b"again"):
                client.send(words)
                data, sender = plain.recvfrom(100)
                assert data == words
                plain.sendto(data.upper(), sender)
                assert client.wait_for("message")[0] == words.upper()

    def test_refusals_come_as_errors_and_end_nothing(self, deserted: int, inbox: Inbox) -> None:
        errors: list[NetError] = []
        client = dgram.create_socket("udp4", inbox).connect(deserted)
        client.on("error", errors.append)
        for number in range(1, 4):
            client.send("anybody?")
            until(lambda number=number: len(errors) >= number)  # type: ignore[misc]
        assert {type(error) for error in errors} == {ConnectionRefused}
        with dgram.create_socket().bind(deserted) as late:
            late.on("message", lambda data, sender: late.send("here", sender.port, sender.address))
            client.send("anybody?")
            assert inbox.take(1) == [b"here"]
        client.close()

    def test_wait_for_raises_the_refusal(self, deserted: int) -> None:
        with dgram.create_socket().connect(deserted) as client:
            client.on("listening", lambda: None)
            client.once("error", lambda error: None)
            client.send("anybody?")
            assert isinstance(client.wait_for("error"), ConnectionRefused)

    @pytest.mark.parametrize("first", ["the error", "the wait"])
    def test_a_refusal_nobody_was_given_is_raised_by_the_wait(
        self, first: str, deserted: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with dgram.create_socket().connect(deserted) as client:
            client.send("anybody?")
            if first == "the error":
                until(lambda: "error" in [each.name for each in client.history])
            with pytest.raises(ConnectionRefused):
                client.wait_for("message")
            with pytest.raises(TimedOut):
                client.wait_for("message", timeout=0)
        assert client.wait_for("close") is None
        capsys.readouterr()  # shown too, where it came before the wait

    def test_a_refusal_a_listener_heard_is_not_raised(self, deserted: int) -> None:
        errors: list[NetError] = []
        with dgram.create_socket().connect(deserted).on("error", errors.append) as client:
            client.send("anybody?")
            until(lambda: errors)
            with pytest.raises(TimedOut, match="listening, connect, error"):
                client.wait_for("message", timeout=0)

    def test_an_error_that_bind_or_connect_raised_is_not_raised_again(self, plain: system.socket) -> None:
        with dgram.create_socket() as taken, dgram.create_socket() as client:
            taken.bind(0)
            with pytest.raises(PortInUse):
                client.bind(taken.port)
            with pytest.raises(NetError, match="IPv6 address"):
                client.connect(9, "::1")
            with pytest.raises(TimedOut):
                client.wait_for("message", timeout=0)

    def test_nobody_tells_a_socket_that_is_not_connected(self, deserted: int, plain: system.socket) -> None:
        with dgram.create_socket("udp4" if plain.family == system.AF_INET else "udp6") as client:
            client.send("anybody?", deserted)
            client.send("you", plain.getsockname()[1])
            assert plain.recv(10) == b"you"
            assert [each.name for each in client.history] == ["listening"]

    def test_disconnect_keeps_the_port(self, kind: str, plain: system.socket, inbox: Inbox) -> None:
        with dgram.create_socket(kind, inbox) as client, dgram.create_socket(kind) as other:
            client.connect(plain.getsockname()[1])
            port = client.port
            client.disconnect()
            assert client.address() == (LOOPBACK[kind], port)
            other.send("from another", port)
            assert inbox.take(1) == [b"from another"]
            client.send("to the old one", plain.getsockname()[1])
            assert plain.recv(50) == b"to the old one"
            with pytest.raises(LabError, match="not connected"):
                client.disconnect()

    def test_what_it_may_not(self, plain: system.socket, kind: str) -> None:
        with dgram.create_socket(kind).connect(plain.getsockname()[1]) as client:
            for action in (lambda: client.send("x", 9), lambda: client.connect(9)):
                with pytest.raises(LabError) as caught:
                    action()
                assert caught.value.code == "ERR_SOCKET_DGRAM_IS_CONNECTED"


class TestThreads:
    """Everything from any thread, and from handlers."""

    def test_eight_threads_send_on_one_socket(self, kind: str) -> None:
        with dgram.create_socket(kind).bind(0) as server, dgram.create_socket(kind) as client:
            server.set_recv_buffer_size(200_000)
            inbox = Inbox()
            server.on("message", inbox)
            threads = [
                threading.Thread(target=lambda n=n: [client.send(f"{n} {i}", server.port) for i in range(20)])
                for n in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(inbox.take(160)) == sorted(f"{n} {i}".encode() for n in range(8) for i in range(20))
            assert len({sender.port for _, sender in inbox.got}) == 1

    def test_from_a_handler_nothing_blocks(self) -> None:
        heard: list[Any] = []
        done = threading.Event()

        def on_message(data: bytes, sender: dgram.Sender) -> None:
            try:
                server.wait_for("message")
            except LabError as error:
                heard.append(error)
            second = dgram.create_socket().bind(0)
            second.connect(sender.port, sender.address)
            second.on("connect", lambda: second.send("from a handler"))
            heard.append(second)

        with dgram.create_socket("udp4", on_message).bind(0) as server, dgram.create_socket() as client:
            client.on("message", lambda data, sender: done.set())
            client.send("go", server.port)
            assert done.wait(20)
            assert "would stop the event loop" in str(heard[0])
            heard[1].close()


class TestBusy:
    """A busy socket: a short path for messages, bounded memory, nothing lost of what can be asked."""

    def test_history_and_wait_for_on_the_short_path(self, inbox: Inbox) -> None:
        with dgram.create_socket("udp4", inbox).bind(0) as server, dgram.create_socket() as client:
            for number in range(YOUNG * 3):
                client.send(f"{number:4}", server.port)
                inbox.take(number + 1)
            assert server._fast is not None
            assert server.wait_for("message")[0] == f"{YOUNG * 3 - 1:4}".encode()  # the last one, though it was busy
            runs = [each for each in server.history if each.name == "message"]
            assert sum(each.times for each in runs) == YOUNG * 3
            assert sum(each.size or 0 for each in runs) == YOUNG * 3 * 4
            assert runs[-1].times > 1
            with pytest.raises(TimedOut):
                server.wait_for("message", timeout=0.01)
            client.send("one more", server.port)
            assert server.wait_for("message")[0] == b"one more"

    def test_each_sender_and_size_is_told_though_senders_are_kept(
        self, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(receiving, "SENDERS", 8)
        monkeypatch.setattr(receiving, "BURST", 1)
        clients = [system.socket(system.AF_INET, system.SOCK_DGRAM) for _ in range(12)]
        expected = []
        with dgram.create_socket("udp4", inbox).bind(0) as server:
            for number in range(YOUNG * 6):
                client = clients[number % (3 if number < YOUNG * 3 else 12)]
                data = bytes(number // 8 % 3)  # each client repeats a size, and changes it
                client.sendto(data, ("127.0.0.1", server.port))
                expected.append((data, ("127.0.0.1", client.getsockname()[1], "IPv4", len(data))))
                inbox.take(number + 1)
            assert server._fast is not None
            assert len(server._senders) <= 9
        for client in clients:
            client.close()
        assert [(data, tuple(sender)) for data, sender in inbox.got] == expected

    def test_listeners_change_while_it_is_busy(self, inbox: Inbox) -> None:
        second, once = Inbox(), Inbox()
        with dgram.create_socket("udp4", inbox).bind(0) as server, dgram.create_socket() as client:

            def talk(count: int) -> None:
                for _ in range(count):
                    before = len(inbox.got)
                    client.send("x", server.port)
                    inbox.take(before + 1)
                loop.call(lambda: None)

            talk(YOUNG * 2)
            server.on("message", second)
            server.once("message", once)
            talk(YOUNG * 2)
            server.off("message", second)
            talk(5)
        assert len(second.got) == YOUNG * 2
        assert len(once.got) == 1

    def test_a_flood(self) -> None:
        """100,000 datagrams to a slow handler: the kernel drops, memory stays, and the loop lives."""
        seen = [0]
        slow = threading.Event()

        def on_message(data: bytes, sender: dgram.Sender) -> None:
            seen[0] += 1
            slow.wait(0.0002)

        with dgram.create_socket("udp4", on_message).bind(0) as server:
            with system.socket(system.AF_INET, system.SOCK_DGRAM) as flood:
                flood.connect(server.address())
                gc.collect()
                tracemalloc.start()
                try:
                    before = tracemalloc.get_traced_memory()[0]
                    for _ in range(100_000):
                        flood.send(b"x" * 200)
                    peak = tracemalloc.get_traced_memory()[1] - before
                finally:
                    tracemalloc.stop()
            slow.set()
            assert loop.call(lambda: "alive") == "alive"
            loop.call(lambda: None)
            assert 0 < seen[0] < 100_000
            assert len(server.history) <= HISTORY
        assert peak < 1_000_000

    def test_a_full_kernel_from_a_handler_and_from_a_cell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the kernel has no room for is queued in order, up to a limit; a cell waits."""
        with dgram.create_socket().bind(0) as server, dgram.create_socket() as client:
            server.set_recv_buffer_size(1_000_000)
            inbox = Inbox()
            server.on("message", inbox)
            client.send("first", server.port)
            inbox.take(1)
            full = [True]
            real = client._channel
            assert real is not None

            class Full:
                """The kernel's socket, with no room until told otherwise."""

                def __getattr__(self, name: str) -> Any:
                    return getattr(real, name)

                def sendto(self, data: bytes, target: Any) -> int:
                    if full[0]:
                        raise BlockingIOError
                    return real.sendto(data, target)

            told: list[str] = []
            writers: list[Any] = []
            running = loop.get()
            monkeypatch.setattr(client, "_channel", Full())
            monkeypatch.setattr(client, "_sendto", None)
            with monkeypatch.context() as patched:
                stand_in = Loop(running, writers)
                patched.setattr(loop, "get", lambda: stand_in)

                def fill() -> None:
                    for number in range(40):
                        client.send(
                            bytes([number]) * 10_000, server.port,
                            on_sent=lambda error, size: told.append(error.code if error else "sent"),
                        )  # fmt: skip

                loop.call(fill)
                assert client.dropped == 40 - dgram.QUEUE // 10_000
                cell = threading.Thread(target=client.send, args=(b"from a cell" * 1000, server.port))
                cell.start()
                assert len(writers) == 1
                full[0] = False

                def room() -> bool:
                    loop.call(client._writable)
                    return not (cell.is_alive() or client._queue)

                until(room)
                cell.join()
            monkeypatch.undo()
            loop.call(lambda: None)
            kept = dgram.QUEUE // 10_000
            got = inbox.take(1 + kept + 1)
            assert [data[0] for data in got[1 : 1 + kept]] == list(range(kept))
            assert got[-1] == b"from a cell" * 1000
            assert (told.count("sent"), told.count("ENOBUFS")) == (kept, 40 - kept)


class Loop:
    """The loop, but a socket that it waits for never gets room by itself."""

    def __init__(self, running: Any, writers: list[Any]) -> None:
        self.running, self.writers = running, writers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.running, name)

    def add_writer(self, channel: Any, callback: Callable[[], None]) -> None:
        self.writers.append(callback)

    def remove_writer(self, channel: Any) -> None:
        pass


class TestHostile:
    """Whatever comes, comes as bytes."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(pieces=st.lists(st.binary(max_size=300), min_size=1, max_size=8), cut=st.integers(0, 300))
    def test_any_bytes_come_back(self, pieces: list[bytes], cut: int) -> None:
        with dgram.create_socket().bind(0) as server, dgram.create_socket() as client:
            server.on("message", lambda data, sender: server.send(data, sender.port, sender.address))
            inbox = Inbox()
            client.on("message", inbox)
            for piece in pieces:
                client.send(piece, server.port, offset=min(cut, len(piece)))
            assert inbox.take(len(pieces)) == [piece[min(cut, len(piece)) :] for piece in pieces]


class TestWire:
    """Sockets on the hosts of a wire use the wire, and leave with it."""

    def test_question_and_answer(self) -> None:
        with live_wire() as wire:
            with wire.server:
                server = dgram.create_socket().bind(41234, wire.server.address)
            server.on("message", lambda data, sender: server.send(data.upper(), sender.port, sender.address))
            with wire.capture() as tape:
                with wire.client:
                    client = dgram.create_socket()
                    client.send("hello", 41234, wire.server.address)
                data, sender = client.wait_for("message")
            assert (data, sender.address) == (b"HELLO", "10.0.0.2")
            assert client.address()[0] == "10.0.0.1"  # not every interface: the one that leads there
            assert [packet.src[0] for packet in tape] == ["10.0.0.1", "10.0.0.2"]
            assert {event.who for event in tape.events} == {"client", "server"}
        assert server.closed
        assert client.closed

    def test_what_is_lost_nobody_tells(self) -> None:
        with live_wire() as wire:
            wire.drop(times=1)
            with wire.server:
                server = dgram.create_socket().bind(41234, wire.server.address)
            inbox = Inbox()
            server.on("message", inbox)
            with wire.client:
                client = dgram.create_socket()
                client.send("lost", 41234, wire.server.address).send("arrives", 41234, wire.server.address)
            assert inbox.take(1) == [b"arrives"]


class TestCapture:
    """A capture lists what the sockets of both sides did."""

    def test_events_of_both_sides(self) -> None:
        need_live_capture()
        with dgram.create_socket().bind(0) as server:
            server.on("message", lambda data, sender: server.send(data * 2, sender.port, sender.address))
            with labkit.capture(port=server.port) as tape, closing(dgram.create_socket()) as client:
                client.send("hello", server.port)
                client.wait_for("message")
            told = [(event.who, event.name, event.size, event.kind) for event in tape.events]
            assert [each for each in told if each[0] == "server"] == [
                ("server", "message", 5, "event"), ("server", "send", 10, "call"),
            ]  # fmt: skip
            assert [each for each in told if each[0] == "client"] == [
                ("client", "listening", None, "event"), ("client", "send", 5, "call"),
                ("client", "message", 10, "event"), ("client", "close", None, "call"),
                ("client", "close", None, "event"),
            ]  # fmt: skip
            for packet, call in zip(tape, [event for event in tape.events if event.kind == "call"], strict=False):
                assert call.time_ns < packet.time_ns, "the call stands above the datagram that it sent"
            peers = {event.remote for event in tape.events}
            assert peers == {("127.0.0.1", client.port), ("127.0.0.1", server.port)}
            assert len(tape) == 2

    def test_a_send_comes_before_the_error_that_it_causes(self) -> None:
        need_live_capture()
        with dgram.create_socket().bind(0) as gone:
            port = gone.port
        for _ in range(20):
            with labkit.capture(port=port) as tape, closing(dgram.create_socket()) as client:
                client.on("error", lambda error: None)
                client.connect(port).send("anybody?")
                client.wait_for("error")
            (call,) = [event for event in tape.events if event.name == "send"]
            asked, refused = tape
            assert call.time_ns < asked.time_ns < refused.time_ns

    def test_only_the_talk_with_the_captured_port(self) -> None:
        need_live_capture()
        with dgram.create_socket().bind(0) as one, dgram.create_socket().bind(0) as two:
            with labkit.capture(port=one.port) as tape, dgram.create_socket() as client:
                for server in (one, two):
                    client.send("hello", server.port)
                    server.wait_for("message")
            sends = [event for event in tape.events if event.name == "send"]
            assert [event.remote for event in sends] == [("127.0.0.1", one.port)]
