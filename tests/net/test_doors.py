"""The door of every public call of net, streams and the emitter: a wrong argument is refused with words.

Rule: each row is a call and the kind of argument it wants; in a cell as in a handler the object then is as before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit import net
from labkit.core import loop
from labkit.core.errors import LabError
from tests import doors
from tests.doors import DATA, EVENT, FLAG, FUNCTION, PATH, PORT, SECONDS, TEXT, WHOLE, is_refused, label, optional
from tests.net.peers import Place

SOCKET: dict[str, tuple[Callable[[net.Socket, Any], Any], list[Any]]] = {
    "on event": (lambda s, v: s.on(v, print), EVENT),
    "on decorator": (lambda s, v: s.on(v), EVENT),
    "on listener": (lambda s, v: s.on("data", v), FUNCTION),
    "once event": (lambda s, v: s.once(v, print), EVENT),
    "once listener": (lambda s, v: s.once("data", v), FUNCTION),
    "off event": (lambda s, v: s.off(v, print), EVENT),
    "off listener": (lambda s, v: s.off("data", v), [None, 5, "x", doors.Secret()]),
    "listeners": (lambda s, v: s.listeners(v), EVENT),
    "emit": (lambda s, v: s.emit(v), EVENT),
    "wait_for event": (lambda s, v: s.wait_for(v), EVENT),
    "wait_for timeout": (lambda s, v: s.wait_for("timeout", v), SECONDS),
    "read size": (lambda s, v: s.read(v), optional(WHOLE)),
    "read timeout": (lambda s, v: s.read(1, v), SECONDS),
    "write": (lambda s, v: s.write(v), DATA),
    "end data": (lambda s, v: s.end(v), optional(DATA)),
    "end on_finish": (lambda s, v: s.end(b"x", v), optional(FUNCTION)),
    "unshift": (lambda s, v: s.unshift(v), DATA),
    "pipe": (lambda s, v: s.pipe(v), [*TEXT, print, net.Server]),
    "pipe end": (lambda s, v: s.pipe(s, end=v), FLAG),
    "set_encoding": (lambda s, v: s.set_encoding(v), [*TEXT, "utf9", "hex", "", doors.ZERO, doors.LONE, "x" * 100_000]),
    "set_timeout": (lambda s, v: s.set_timeout(v), SECONDS),
    "set_timeout function": (lambda s, v: s.set_timeout(1, v), optional(FUNCTION)),
    "set_no_delay": (lambda s, v: s.set_no_delay(v), FLAG),
    "destroy": (lambda s, v: s.destroy(v), optional([*TEXT, KeyboardInterrupt(), ValueError])),
    "high_water_mark": (lambda s, v: setattr(s, "high_water_mark", v), WHOLE),
}  # fmt: skip

CONNECT: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "port": (lambda connect, v: connect(v), PORT),
    "host": (lambda connect, v: connect(1, v), TEXT),
    "path": (lambda connect, v: connect(path=v), [None, *PATH]),
    "port and path": (lambda connect, v: connect(v, path="x"), [1]),
    "on_connect": (lambda connect, v: connect(1, on_connect=v), optional(FUNCTION)),
    "timeout": (lambda connect, v: connect(1, timeout=v), SECONDS),
}

LISTEN: dict[str, tuple[Callable[[net.Server, Any], Any], list[Any]]] = {
    "port": (lambda s, v: s.listen(v), PORT),
    "host": (lambda s, v: s.listen(0, v), [*optional(TEXT), doors.ZERO, doors.LONE, "", "a..b", "x" * 300]),
    "path": (lambda s, v: s.listen(path=v), PATH),
    "host beside a path": (lambda s, v: s.listen(0, v, path="x"), optional(TEXT)),
    "on_listening": (lambda s, v: s.listen(0, on_listening=v), optional(FUNCTION)),
    "backlog": (lambda s, v: s.listen(0, backlog=v), WHOLE),
    "expose": (lambda s, v: s.listen(0, expose=v), FLAG),
    "replace": (lambda s, v: s.listen(0, replace=v), optional(FLAG)),
    "close": (lambda s, v: s.close(v), optional(FUNCTION)),
    "on": (lambda s, v: s.on("connection", v), FUNCTION),
    "event": (lambda s, v: s.on(v, print), EVENT),
    "wait_for": (lambda s, v: s.wait_for(v), EVENT),
    "max_connections": (lambda s, v: setattr(s, "max_connections", v), optional(WHOLE)),
    "high_water_mark": (lambda s, v: setattr(s, "high_water_mark", v), WHOLE),
}

OPTIONS: dict[str, list[Any]] = {
    "on_connection": optional(FUNCTION), "allow_half_open": FLAG, "no_delay": FLAG, "high_water_mark": WHOLE,
    "max_connections": optional(WHOLE), "pause_on_connect": FLAG,
}  # fmt: skip


def each_of(table: dict[str, tuple[Any, list[Any]]]) -> Any:
    """Every row with every value."""
    rows = [(name, value) for name, (_, values) in table.items() for value in values]
    return pytest.mark.parametrize(("name", "value"), rows, ids=[f"{name}-{label(value)}" for name, value in rows])


def listeners(of: Any) -> dict[str, Any]:
    return {event: of.listeners(event) for event in of.EVENTS}


@pytest.fixture(scope="module")
def pair() -> Iterator[net.Socket]:
    """A socket that stands, and is looked at after each refusal."""
    with net.create_server(lambda s: s.pipe(s)).listen(0) as server, net.connect(server.port) as client:
        yield client


def state(socket: net.Socket) -> Any:
    return (
        socket.ready_state, listeners(socket), socket.readable_flowing, socket.high_water_mark, socket.timeout,
        socket.writable_length, socket.readable_length, socket.bytes_read, socket.bytes_written,
        socket.closed, socket.destroyed,
    )  # fmt: skip


@each_of(SOCKET)
def test_a_socket_refuses(name: str, value: Any) -> None:
    fresh = net.Socket()
    call = SOCKET[name][0]
    before = state(fresh)
    is_refused(lambda: call(fresh, value))
    is_refused(lambda: call(fresh, value), in_handler=True)
    assert state(fresh) == before


def test_after_all_refusals_a_connection_works() -> None:
    with net.create_server(lambda s: s.pipe(s)).listen(0) as server, net.connect(server.port) as client:
        for call, values in SOCKET.values():
            for value in values:
                before = state(client)
                is_refused(lambda: call(client, value))  # noqa: B023  # called at once
                assert state(client) == before
        client.write("still works")
        assert client.read(11) == b"still works"


@each_of(CONNECT)
@pytest.mark.parametrize("in_handler", [False, True])
def test_connect_refuses(name: str, value: Any, in_handler: bool) -> None:
    is_refused(lambda: CONNECT[name][0](net.connect, value), in_handler=in_handler)
    fresh = net.Socket()
    before = state(fresh)
    is_refused(lambda: CONNECT[name][0](fresh.connect, value), in_handler=in_handler)
    assert state(fresh) == before


def test_after_all_refusals_a_socket_connects() -> None:
    with net.create_server(lambda s: s.end("hello")).listen(0) as server:
        client = net.Socket()
        for call, values in CONNECT.values():
            for value in values:
                is_refused(lambda: call(client.connect, value))  # noqa: B023  # called at once
        assert client.connect(server.port).read(5) == b"hello"


@each_of(LISTEN)
def test_a_server_refuses_and_then_listens(name: str, value: Any) -> None:
    server = net.create_server(lambda s: s.end("hello"))
    before = (listeners(server), server.listening, server.max_connections, server.high_water_mark)
    is_refused(lambda: LISTEN[name][0](server, value))
    if name != "host":  # in a handler a name that does not resolve is an event
        is_refused(lambda: LISTEN[name][0](server, value), in_handler=True)
    assert (listeners(server), server.listening, server.max_connections, server.high_water_mark) == before
    with server.listen(0), net.connect(server.port) as client:
        assert client.read(5) == b"hello"


@pytest.mark.parametrize("make", [net.Server, net.create_server])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_server_is_not_made(make: Any, name: str) -> None:
    for value in OPTIONS[name]:
        is_refused(lambda: make(**{name: value}))  # noqa: B023  # called at once


@pytest.mark.parametrize("make", [net.Socket, lambda **options: net.connect(1, **options)])
@pytest.mark.parametrize("name", ["allow_half_open", "no_delay", "high_water_mark", "paused"])
def test_a_socket_is_not_made(make: Any, name: str) -> None:
    if name == "paused" and make is not net.Socket:
        name = "no_delay"
    for value in FLAG if name != "high_water_mark" else WHOLE:
        is_refused(lambda: make(**{name: value}))  # noqa: B023  # called at once


class TestWhatFails:
    """A call that is right, and fails."""

    def test_nothing_of_a_failed_listen_is_left(self, capsys: pytest.CaptureFixture[str]) -> None:
        told: list[str] = []
        with net.create_server().listen(0) as first:
            second = net.create_server()
            for _ in range(2):
                with pytest.raises(LabError):
                    second.listen(first.port, on_listening=lambda: told.append("never"), replace=False)
            with pytest.raises(LabError):
                second.listen(first.port, "0.0.0.0", expose=True, replace=False)
            assert second.listeners("listening") == ()
            with second.listen(0, on_listening=lambda: told.append("once")):
                assert told == ["once"]
        assert "Anyone" not in capsys.readouterr().out

    def test_a_name_that_does_not_resolve(self) -> None:
        for host in (doors.ZERO, doors.LONE, "", "a..b", "x" * 300):
            is_refused(lambda: net.connect(1, host))  # noqa: B023  # called at once


class TestNotConnected:
    """FOUND: in a handler a socket that is not connected swallowed what was asked of it."""

    def test_write_in_a_handler(self) -> None:
        socket, told = net.Socket(), []
        socket.on("error", lambda error: told.append(error.code)).on("close", told.append)
        assert loop.call(socket.write, "x") is False
        socket.wait_for("close")
        assert told == ["ERR_SOCKET_CLOSED", True]

    def test_write_in_a_handler_without_a_listener(self, capsys: pytest.CaptureFixture[str]) -> None:
        socket, told = net.Socket(), threading.Event()
        socket.on("close", lambda *_: told.set())
        loop.call(socket.write, "x")
        assert told.wait(20), "it comes turns of the loop later"
        assert socket.closed
        assert "not connected" in capsys.readouterr().err

    @pytest.mark.parametrize("in_handler", [False, True])
    def test_destroy(self, in_handler: bool) -> None:
        socket, told = net.Socket(), []
        socket.on("close", told.append)
        loop.call(socket.destroy) if in_handler else socket.destroy()
        socket.wait_for("close")
        assert told == [False]

    def test_write_in_a_cell(self) -> None:
        socket = net.Socket()
        with pytest.raises(LabError) as caught:
            socket.write("x")
        assert caught.value.code == "ERR_SOCKET_CLOSED"
        assert not socket.closed


def test_read_of_nothing_is_there_at_once(place: Place) -> None:
    with place.listen(net.create_server()), place.connect() as client:
        assert client.read(0, timeout=0) == b""


MISSPELT: dict[str, tuple[Callable[[], Any], str]] = {
    "create_server": (lambda: net.create_server(hanlder=1), r"create_server\(\) has no argument 'hanlder'"),  # type: ignore[call-arg]
    "Server": (lambda: net.Server(no_dely=True), r"Server\(\) has no argument 'no_dely'. Did you mean 'no_delay'"),  # type: ignore[call-arg]
    "listen": (lambda: net.create_server().listen(prt=0), r"listen\(\) has no argument 'prt'. Did you mean 'port'"),  # type: ignore[call-arg]
    "connect": (lambda: net.connect(9, hots="x"), r"connect\(\) has no argument 'hots'. Did you mean 'host'"),  # type: ignore[call-arg]
    "Socket": (lambda: net.Socket(delay=1), r"Socket\(\) has no argument 'delay'"),  # type: ignore[call-arg]
    "Socket.connect": (lambda: net.Socket().connect(9, on_conect=print), "Did you mean 'on_connect'"),  # type: ignore[call-arg]
    "too many": (lambda: net.create_server(print, True), "without a name than it takes"),  # type: ignore[call-arg]
}  # fmt: skip


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_argument_is_told_with_the_names_that_there_are(name: str) -> None:
    call, words = MISSPELT[name]
    with pytest.raises(LabError, match=words):
        call()
