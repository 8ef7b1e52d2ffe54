"""The door of every public call of dgram: a wrong argument is refused with words.

Rule: each row is a call and the kind of argument it wants; in a cell as in a handler the socket then is as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit import dgram
from labkit.core import loop
from labkit.core.errors import LabError
from tests import doors
from tests.doors import DATA, EVENT, FLAG, FUNCTION, PORT, SECONDS, TEXT, WHOLE, is_refused, label, optional

BYTES = [each for each in WHOLE if each != 2**31]
NAMES = [doors.ZERO, doors.LONE, "", "a..b", "x" * 300]

CALLS: dict[str, tuple[Callable[[dgram.Socket, Any], Any], list[Any]]] = {
    "on event": (lambda s, v: s.on(v, print), EVENT),
    "on listener": (lambda s, v: s.on("message", v), FUNCTION),
    "once event": (lambda s, v: s.once(v, print), EVENT),
    "once listener": (lambda s, v: s.once("message", v), FUNCTION),
    "off event": (lambda s, v: s.off(v, print), EVENT),
    "off listener": (lambda s, v: s.off("message", v), [None, 5, "x", doors.Secret()]),
    "listeners": (lambda s, v: s.listeners(v), EVENT),
    "emit": (lambda s, v: s.emit(v), EVENT),
    "wait_for event": (lambda s, v: s.wait_for(v), EVENT),
    "wait_for timeout": (lambda s, v: s.wait_for("message", v), SECONDS),
    "bind port": (lambda s, v: s.bind(v), PORT),
    "bind address": (lambda s, v: s.bind(0, v), optional(TEXT)),
    "bind expose": (lambda s, v: s.bind(0, expose=v), FLAG),
    "bind replace": (lambda s, v: s.bind(0, replace=v), optional(FLAG)),
    "bind on_listening": (lambda s, v: s.bind(0, on_listening=v), optional(FUNCTION)),
    "connect port": (lambda s, v: s.connect(v), [*PORT, 0]),
    "connect address": (lambda s, v: s.connect(9, v), optional(TEXT)),
    "connect on_connect": (lambda s, v: s.connect(9, on_connect=v), optional(FUNCTION)),
    "send data": (lambda s, v: s.send(v, 9), DATA),
    "send port": (lambda s, v: s.send(b"x", v), [*PORT, 0]),
    "send address": (lambda s, v: s.send(b"x", 9, v), optional(TEXT)),
    "send offset": (lambda s, v: s.send(b"x", 9, offset=v), [*WHOLE, 2]),
    "send length": (lambda s, v: s.send(b"x", 9, length=v), [*optional(WHOLE), 2]),
    "send on_sent": (lambda s, v: s.send(b"x", 9, on_sent=v), optional(FUNCTION)),
    "set_broadcast": (lambda s, v: s.set_broadcast(v), FLAG),
    "set_ttl": (lambda s, v: s.set_ttl(v), [*WHOLE, 0, 256]),
    "set_recv_buffer_size": (lambda s, v: s.set_recv_buffer_size(v), [*WHOLE, 0, 2**31]),
    "set_send_buffer_size": (lambda s, v: s.set_send_buffer_size(v), [*WHOLE, 0, 2**31]),
    "close": (lambda s, v: s.close(v), optional(FUNCTION)),
}

ROWS = [(name, value) for name, (_, values) in CALLS.items() for value in values]


def state(socket: dgram.Socket) -> Any:
    return ({event: socket.listeners(event) for event in socket.EVENTS}, repr(socket), socket.dropped, socket.closed)


@pytest.mark.parametrize(("name", "value"), ROWS, ids=[f"{name}-{label(value)}" for name, value in ROWS])
def test_a_socket_refuses(name: str, value: Any, kind: str) -> None:
    with dgram.create_socket(kind) as socket:
        before = state(socket)
        is_refused(lambda: CALLS[name][0](socket, value))
        is_refused(lambda: CALLS[name][0](socket, value), in_handler=True)
        assert state(socket) == before


def test_after_all_refusals_datagrams_come_and_go(kind: str) -> None:
    with dgram.create_socket(kind) as server, dgram.create_socket(kind) as client:
        for socket in (client, server):
            for name, value in ROWS:
                is_refused(lambda: CALLS[name][0](socket, value))  # noqa: B023  # called at once
        server.bind(0)
        client.bind(0)
        for name, value in ROWS:
            is_refused(lambda: CALLS[name][0](client, value))  # noqa: B023  # called at once
        client.send(b"still works", server.port)
        assert server.wait_for("message")[0] == b"still works"


def test_on_a_connected_socket(kind: str) -> None:
    with dgram.create_socket(kind) as server, dgram.create_socket(kind) as client:
        client.connect(server.bind(0).port)
        for name, value in ROWS:
            if (name, value) != ("send port", None):  # right here
                is_refused(lambda: CALLS[name][0](client, value))  # noqa: B023  # called at once
        client.send(b"still works")
        assert server.wait_for("message")[0] == b"still works"


@pytest.mark.parametrize("name", NAMES, ids=label)
def test_a_name_that_cannot_be_one(name: str, kind: str) -> None:
    with dgram.create_socket(kind) as socket:
        for call in (
            lambda: socket.bind(0, name), lambda: socket.send(b"x", 9, name), lambda: socket.connect(9, name),
        ):  # fmt: skip
            is_refused(call)
        assert not socket.closed
    with dgram.create_socket(kind) as socket:
        told: list[Any] = []
        socket.on("error", told.append)
        loop.call(socket.send, b"x", 9, name)
        assert isinstance(socket.wait_for("error"), LabError)


@pytest.mark.parametrize("value", [*optional(TEXT), "udp5", "", doors.ZERO], ids=label)
def test_a_kind_that_is_none(value: Any) -> None:
    is_refused(lambda: dgram.create_socket(value))
    is_refused(lambda: dgram.Socket(value))


@pytest.mark.parametrize("value", optional(FUNCTION), ids=label)
def test_a_handler_that_is_none(value: Any) -> None:
    is_refused(lambda: dgram.create_socket("udp4", value))


def test_nothing_of_a_failed_bind_is_left(kind: str) -> None:
    told: list[str] = []
    with dgram.create_socket(kind).bind(0) as first, dgram.create_socket(kind) as second:
        for _ in range(2):
            with pytest.raises(LabError):
                second.bind(first.port, on_listening=lambda: told.append("never"), replace=False)
        second.bind(0, on_listening=lambda: told.append("once"))
        second.wait_for("listening")
        assert told == ["once"]


MISSPELT: dict[str, tuple[Callable[[], Any], str]] = {
    "create_socket": (lambda: dgram.create_socket("udp4", on_mesage=print), "Did you mean 'on_message'"),  # type: ignore[call-arg]
    "Socket": (lambda: dgram.Socket(knd="udp4"), r"Socket\(\) has no argument 'knd'. Did you mean 'kind'"),  # type: ignore[call-arg]
    "bind": (lambda: dgram.create_socket().bind(prt=0), r"bind\(\) has no argument 'prt'. Did you mean 'port'"),  # type: ignore[call-arg]
    "connect": (lambda: dgram.create_socket().connect(9, host="x"), r"connect\(\) has no argument 'host'"),  # type: ignore[call-arg]
    "none": (lambda: dgram.create_socket().connect(), r"connect\(\): missing a required argument: 'port'"),  # type: ignore[call-arg]
}  # fmt: skip


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_argument_is_told_with_the_names_that_there_are(name: str) -> None:
    call, words = MISSPELT[name]
    with pytest.raises(LabError, match=words):
        call()
