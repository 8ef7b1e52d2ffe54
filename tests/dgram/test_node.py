"""Node's dgram beside ours: the same scenario in both tells the same story, event by event.

Rule: node/scenarios.js holds the Node half under the same names; no difference is allowed for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit import dgram
from labkit.core import loop
from labkit.core.errors import LabError
from tests import nodes
from tests.nodes import LOCAL


class Play(nodes.Play):
    """A scenario with UDP sockets."""

    cast = ("server", "client", "other")

    def watch(self, who: str, kind: str = "udp4") -> dgram.Socket:
        socket = dgram.create_socket(kind)
        self.open.add(socket)
        for event in ("listening", "connect", "close"):
            socket.on(event, self.noting(who, event))
        socket.on("message", lambda d, s: self.note(who, f"message {d.decode()} {s.family} {s.size}"))
        socket.on("error", lambda error: self.note(who, f"error {error.code}"))
        loop.get().call_soon(lambda: socket.on("close", lambda: self.finish(socket)))
        return socket

    def sent(self, who: str, then: Callable[[], Any] = lambda: None) -> Callable[..., None]:
        def on_sent(error: LabError | None, size: int) -> None:
            self.note(who, f"not sent {error.code}" if error else f"sent {size}")
            then()

        return on_sent

    def serving(self, then: Callable[[dgram.Socket, int], Any], kind: str = "udp4") -> None:
        server = self.watch("server", kind)
        server.bind(0, LOCAL if kind == "udp4" else "::1", on_listening=lambda: then(server, server.port))

    def deserted(self, then: Callable[[int], Any]) -> None:
        """A port of this machine that nobody has (any more)."""
        gone = dgram.create_socket()
        gone.bind(0, LOCAL, on_listening=lambda: gone.close(lambda: then(gone.port)))


SCENARIOS = nodes.Scenarios(__file__, Play)
scenario = SCENARIOS.add


@scenario
def question_and_answer(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        def on_answer(data: bytes, sender: dgram.Sender) -> None:
            client.close(lambda: play.note("client", "closed"))
            play.note("client", "close called")
            server.close()

        client = play.watch("client")
        server.on("message", lambda d, s: server.send("answer", s.port, s.address, on_sent=play.sent("server")))
        client.on("message", on_answer)
        client.send("question", port, LOCAL, on_sent=play.sent("client"))
        play.note("client", "send called")

    play.serving(use)


@scenario
def over_ipv6(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        client = play.watch("client", "udp6")
        server.on("message", lambda d, s: (client.close(), server.close()))
        client.send("hello", port, "::1")

    play.serving(use, "udp6")


@scenario
def no_message_after_close(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        client, count = play.watch("client"), []

        def done(error: LabError | None, size: int) -> None:
            count.append(size)
            if len(count) == 5:
                client.close()

        server.once("message", lambda d, s: server.close())
        for number in range(5):
            client.send(f"message {number}", port, LOCAL, on_sent=done)

    play.serving(use)


def one_way(play: Play, data: str, **options: Any) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        client = play.watch("client")
        server.on("message", lambda d, s: server.close())
        if options:
            play.attempt("client", lambda: client.send("hello", port, LOCAL, offset=3, length=5))
        client.send(data, port, LOCAL, on_sent=play.sent("client", client.close), **options)

    play.serving(use)


@scenario
def offset_and_length(play: Play) -> None:
    one_way(play, "hello world", offset=6, length=5)


@scenario
def nothing_is_a_datagram(play: Play) -> None:
    one_way(play, "")


@scenario
def text_is_utf8(play: Play) -> None:
    one_way(play, "您好")


def send_only(play: Play, data: str | bytes, address: str) -> None:
    client = play.watch("client")
    client.send(data, 9, address, on_sent=play.sent("client", client.close))


@scenario
def too_large(play: Play) -> None:
    send_only(play, bytes(65508), LOCAL)


@scenario
def unknown_name(play: Play) -> None:
    client = play.watch("client")
    client.on("error", lambda error: client.close())
    client.send("hello", 9, "no.such.host.invalid")


@scenario
def unknown_name_with_callback(play: Play) -> None:
    send_only(play, "hello", "no.such.host.invalid")


@scenario
def other_family(play: Play) -> None:
    send_only(play, "hello", "::1")


@scenario
def localhost_from_udp4(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        client = play.watch("client")
        server.on("message", lambda d, s: server.close())
        client.send("hello", port, "localhost", on_sent=play.sent("client", client.close))

    play.serving(use)


@scenario
def after_close(play: Play) -> None:
    server = play.watch("server")

    def on_listening() -> None:
        server.close()
        play.attempt("server", lambda: server.send("late", 9, LOCAL))
        play.attempt("server", lambda: server.address())
        play.attempt("server", lambda: server.bind(0))

    server.bind(0, LOCAL, on_listening=on_listening)


@scenario
def close_before_bound(play: Play) -> None:
    play.watch("server").close()


@scenario
def bind_twice(play: Play) -> None:
    play.serving(lambda server, port: (play.attempt("server", lambda: server.bind(0)), server.close()))


@scenario
def port_in_use(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        other = play.watch("other")
        other.on("error", lambda error: (other.close(), server.close()))
        other.bind(port, LOCAL)

    play.serving(use)


@scenario
def bound_after_a_failure(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        def on_listening() -> None:
            play.attempt("other", lambda: other.bind(0))
            other.send("hello", port, LOCAL, on_sent=play.sent("other", other.close))

        other = play.watch("other")
        other.on("error", lambda error: other.bind(0, LOCAL, on_listening=on_listening))
        server.on("message", lambda d, s: server.close())
        other.bind(port, LOCAL)

    play.serving(use)


@scenario
def sends_after_a_failure(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        other = play.watch("other")
        other.on("error", lambda error: other.send("hello", port, LOCAL, on_sent=play.sent("other", other.close)))
        server.on("message", lambda d, s: server.close())
        other.bind(port, LOCAL)

    play.serving(use)


@scenario
def address_of_another_machine(play: Play) -> None:
    server = play.watch("server")
    server.on("error", lambda error: server.close())
    server.bind(0, "192.0.2.1", expose=True)


@scenario
def impossible_ports(play: Play) -> None:
    client = play.watch("client")
    play.attempt("client", lambda: client.send("hello"))
    play.attempt("client", lambda: client.send("hello", 0))
    play.attempt("client", lambda: client.send("hello", 65536))
    play.attempt("client", lambda: client.disconnect())
    play.attempt("client", lambda: client.remote_address())
    client.close()


@scenario
def connected(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        def on_connect() -> None:
            play.attempt("client", lambda: client.send(b"hello", port, LOCAL, length=5))
            play.attempt("client", lambda: client.connect(port))
            client.send("hello", on_sent=play.sent("client"))

        client = play.watch("client")
        server.on("message", lambda d, s: server.send("answer", s.port, s.address))
        client.on("message", lambda d, s: (client.close(), server.close()))
        client.connect(port, LOCAL, on_connect)
        play.note("client", "connect called")

    play.serving(use)


@scenario
def connected_hears_one_only(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        client, other = play.watch("client"), play.watch("other")
        client.on("message", lambda d, s: (client.close(), server.close()))

        def on_sent(error: LabError | None, size: int) -> None:
            other.close()
            server.send("from the peer", client.port, LOCAL)

        client.connect(port, LOCAL, lambda: other.send("from another", client.port, LOCAL, on_sent=on_sent))

    play.serving(use)


@scenario
def disconnected_hears_all(play: Play) -> None:
    def use(server: dgram.Socket, port: int) -> None:
        client, other = play.watch("client"), play.watch("other")

        def on_connect() -> None:
            client.disconnect()
            play.attempt("client", lambda: client.remote_address())
            client.on("message", lambda d, s: (client.close(), server.close()))
            server.on(
                "message",
                lambda d, s: other.send("from another", s.port, LOCAL, on_sent=lambda error, size: other.close()),
            )
            client.send("here I am", port, LOCAL)

        client.bind(0, LOCAL, on_listening=lambda: client.connect(port, LOCAL, on_connect))

    play.serving(use)


@scenario
def refused(play: Play) -> None:
    def use(port: int) -> None:
        client = play.watch("client")
        client.on("error", lambda error: client.close())
        client.connect(port, LOCAL, lambda: client.send("hello", on_sent=play.sent("client")))

    play.deserted(use)


@scenario
def refused_and_goes_on(play: Play) -> None:
    def use(port: int) -> None:
        def on_error(error: LabError) -> None:
            client.on("error", lambda error: client.close())
            client.send("again", on_sent=play.sent("client"))

        client = play.watch("client")
        client.once("error", on_error)
        client.connect(port, LOCAL, lambda: client.send("hello", on_sent=play.sent("client")))

    play.deserted(use)


@scenario
def connect_to_unknown_name(play: Play) -> None:
    client = play.watch("client")
    client.on("error", lambda error: client.close())
    client.connect(9, "no.such.host.invalid")


def test_both_halves_have_the_same_scenarios() -> None:
    assert SCENARIOS.names_in_node() == SCENARIOS.names


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same(name: str) -> None:
    expected = SCENARIOS.node_story(name)
    assert SCENARIOS.our_story(name) == expected
