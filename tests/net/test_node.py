"""Node's ordering contract: the same scenario in Node and in labkit tells the same story, event by event.

Rule: node/scenarios.js holds the Node half under the same names; no difference is allowed for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit import net
from labkit.core import loop
from labkit.core.errors import NetError
from tests import nodes
from tests.nodes import LOCAL


class Play(nodes.Play):
    """A scenario with TCP sockets."""

    cast = ("server", "served", "client")

    def watch(self, who: str, socket: net.Socket, *, read: bool = True) -> net.Socket:
        self.open.add(socket)
        for event in ("connect", "end", "drain", "timeout"):
            socket.on(event, self.noting(who, event))
        socket.on("error", lambda error: self.note(who, f"error {error.code}"))
        socket.on("close", lambda failed: self.note(who, f"close {str(failed).lower()}"))
        if read:
            socket.on("data", self.noting(who, "data"))
        loop.get().call_soon(lambda: socket.on("close", lambda failed: self.finish(socket)))
        return socket

    def watch_server(self, server: net.Server) -> net.Server:
        self.open.add(server)
        for event in ("listening", "connection", "drop", "close"):
            server.on(event, self.noting("server", event))
        server.on("error", lambda error: (self.note("server", f"error {error.code}"), self.finish(server)))
        server.on("close", lambda: loop.get().call_soon(self.finish, server) if not server._opening else None)
        return server

    def one(
        self,
        serve: Callable[[net.Socket], Any],
        use: Callable[[net.Socket], Any],
        *,
        read: bool = True,
        client_half_open: bool = False,
        **server_options: Any,
    ) -> None:
        """A server that serves one connection, and a client on it; the server closes when it has accepted it."""

        def on_connection(socket: net.Socket) -> None:
            server.close()
            self.watch("served", socket, read=read)
            serve(socket)

        def on_listening() -> None:
            client = self.watch("client", net.Socket(allow_half_open=client_half_open))
            client.connect(server.port, LOCAL)
            use(client)

        server = net.create_server(**server_options)
        self.watch_server(server)
        server.on("connection", on_connection)
        server.listen(0, LOCAL, on_listening=on_listening)


SCENARIOS = nodes.Scenarios(__file__, Play)
scenario = SCENARIOS.add


def nothing(*_: Any) -> None:
    """Do nothing."""


def reply(socket: net.Socket) -> None:
    socket.on("data", socket.write)


@scenario
def exchange_client_ends(play: Play) -> None:
    def use(client: net.Socket) -> None:
        client.once("data", lambda data: client.end())
        client.write("hello")

    play.one(reply, use)


@scenario
def exchange_server_ends(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: s.end("bye")), lambda client: client.write("hello"))


@scenario
def server_ends_at_once(play: Play) -> None:
    play.one(lambda s: s.end(), nothing)


@scenario
def server_ends_with_data(play: Play) -> None:
    play.one(lambda s: s.end("greeting"), nothing)


@scenario
def client_ends_before_connect(play: Play) -> None:
    play.one(nothing, lambda client: client.end("all I have"))


@scenario
def write_before_connect(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: s.end()), lambda client: client.write("early"))


@scenario
def half_open_server(play: Play) -> None:
    play.one(
        lambda s: s.on("end", lambda: s.end("late answer")), lambda client: client.end("question"), allow_half_open=True
    )


@scenario
def half_open_client(play: Play) -> None:
    play.one(
        lambda s: s.end("first"), lambda client: client.on("end", lambda: client.end("last")),
        allow_half_open=True, client_half_open=True,
    )  # fmt: skip


@scenario
def reset_by_server(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: s.reset_and_destroy()), lambda client: client.write("x"))


@scenario
def reset_by_client(play: Play) -> None:
    play.one(lambda s: s.write("x"), lambda client: client.once("data", lambda data: client.reset_and_destroy()))


@scenario
def destroy_by_server(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: s.destroy()), lambda client: client.write("x"))


@scenario
def destroy_by_client(play: Play) -> None:
    play.one(lambda s: s.write("x"), lambda client: client.once("data", lambda data: client.destroy()))


@scenario
def destroy_before_connect(play: Play) -> None:
    server = play.watch_server(net.create_server())

    def on_listening() -> None:
        client = play.watch("client", net.Socket())
        client.connect(server.port, LOCAL)
        client.write("never sent")
        client.destroy()
        client.on("close", lambda failed: server.close())

    server.listen(0, LOCAL, on_listening=on_listening)


@scenario
def destroy_with_error(play: Play) -> None:
    play.one(
        lambda s: s.once("data", lambda data: s.destroy(NetError("enough", code="ECUSTOM"))),
        lambda client: client.write("x"),
    )


@scenario
def refused(play: Play) -> None:
    server = net.create_server()

    def on_close() -> None:
        play.watch("client", net.Socket()).connect(server.port, LOCAL)

    server.listen(0, LOCAL, on_listening=lambda: server.close(on_close))


@scenario
def no_such_path(play: Play) -> None:
    play.watch("client", net.Socket()).connect(path="/nowhere/at/all")


@scenario
def port_in_use(play: Play) -> None:
    first = net.create_server()

    def on_listening() -> None:
        second = play.watch_server(net.create_server())
        second.on("error", lambda error: first.close())
        second.listen(first.port, LOCAL)

    first.listen(0, LOCAL, on_listening=on_listening)


@scenario
def listen_again(play: Play) -> None:
    server, times = play.watch_server(net.create_server()), []

    def on_close() -> None:
        times.append(1)
        if len(times) < 2:
            play.open.add(server)
            server.listen(0, LOCAL)
            play.open.add("second")
        else:
            play.open.discard("second")

    play.open.add("second")
    server.on("listening", lambda: server.close())
    server.on("close", on_close)
    server.listen(0, LOCAL)


@scenario
def timeout(play: Play) -> None:
    play.one(lambda s: s.set_timeout(0.03, lambda: s.end("too slow")), nothing)


@scenario
def timeout_destroys(play: Play) -> None:
    play.one(lambda s: s.set_timeout(0.03, lambda: s.destroy()), nothing)


@scenario
def timeout_on_client(play: Play) -> None:
    play.one(nothing, lambda client: client.set_timeout(0.03, lambda: client.end()))


@scenario
def write_after_end(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: (s.end("bye"), s.write("late"))), lambda client: client.write("x"))


@scenario
def write_after_destroy(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: (s.destroy(), s.write("late"))), lambda client: client.write("x"))


@scenario
def drain(play: Play) -> None:
    def serve(socket: net.Socket) -> None:
        socket.write(bytes(8_000_000))
        socket.on("drain", lambda: socket.end())

    play.one(serve, nothing)


@scenario
def drain_of_early_writes(play: Play) -> None:
    def use(client: net.Socket) -> None:
        client.write(bytes(300_000))
        client.on("drain", lambda: client.end())

    play.one(nothing, use)


@scenario
def end_without_reader_no_data(play: Play) -> None:
    play.one(nothing, lambda client: client.end(), read=False)


@scenario
def server_says_bye_and_reads_nothing(play: Play) -> None:
    play.one(lambda s: s.end("bye"), nothing, read=False)


@scenario
def unread_data_holds_the_end(play: Play) -> None:
    play.one(
        lambda s: loop.get().call_later(0.03, s.resume),  # the only clock: as in the Node half
        lambda client: client.end("unread"), read=False,
    )  # fmt: skip


def resume_later(play: Play, socket: net.Socket) -> None:
    loop.get().call_later(0.03, lambda: (play.note("served", "resumed"), socket.resume()))


@scenario
def paused_then_resumed(play: Play) -> None:
    play.one(lambda s: (s.pause(), resume_later(play, s)), lambda client: client.end("held back"))


@scenario
def pause_on_connect(play: Play) -> None:
    play.one(lambda s: resume_later(play, s), lambda client: client.end("held back"), pause_on_connect=True)


@scenario
def echo_by_pipe(play: Play) -> None:
    def use(client: net.Socket) -> None:
        client.once("data", lambda data: client.end())
        client.write("echo me")

    play.one(lambda s: s.pipe(s), use)


@scenario
def max_connections(play: Play) -> None:
    server = play.watch_server(net.create_server(lambda s: play.watch("served", s), max_connections=1))

    def on_listening() -> None:
        first = net.connect(server.port, LOCAL)

        def on_connection(_: net.Socket) -> None:
            second = play.watch("client", net.Socket())
            second.connect(server.port, LOCAL)
            second.on("close", lambda failed: (first.end(), server.close()))

        server.on("connection", on_connection)
        first.resume()

    server.listen(0, LOCAL, on_listening=on_listening)


@scenario
def close_with_open_connection(play: Play) -> None:
    def on_connection(socket: net.Socket) -> None:
        play.watch("served", socket)
        server.close()
        play.note("server", "close called")
        socket.write("still served")

    def on_listening() -> None:
        client = play.watch("client", net.Socket())
        client.connect(server.port, LOCAL)
        client.once("data", lambda data: client.end())

    server = play.watch_server(net.create_server(on_connection))
    server.listen(0, LOCAL, on_listening=on_listening)


def test_both_halves_have_the_same_scenarios() -> None:
    assert SCENARIOS.names_in_node() == SCENARIOS.names


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same(name: str) -> None:
    expected = SCENARIOS.node_story(name)
    assert SCENARIOS.our_story(name) == expected
