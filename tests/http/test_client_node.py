"""The client and its agent beside Node's: the same scenario in both tells the same story, event by event.

Rule: node/client_scenarios.js holds Node's half under the same names; no difference is allowed for. The server is a
plain socket in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from labkit import http, net
from labkit.core import loop
from labkit.core.errors import NetError
from labkit.http.client import ClientRequest
from tests import nodes
from tests.nodes import LOCAL

Answer = Callable[[net.Socket, int, str], Any]
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CLOSING = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
CUT = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"
SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst"


def say(text: str) -> Answer:
    return lambda socket, *_: socket.write(text)


def last(text: str = "") -> Answer:
    return lambda socket, *_: socket.end(text)


def nothing(*_: Any) -> None:
    """Do nothing."""


def settle(action: Callable[[], Any], turns: int = 8) -> None:
    """Do something after what is due now has been done, and what follows from it."""
    if turns:
        loop.get().call_soon(settle, action, turns - 1)
    else:
        action()


class Play(nodes.Play):
    """A scenario with a client, its agents, and a server of plain sockets."""

    cast = ("client", "server")

    def __init__(self) -> None:
        super().__init__()
        self.served: list[net.Socket] = []
        self.server = net.create_server(self.accept)
        self.answer: Answer = nothing
        self.early = self.quiet = False
        self.count = self.closed = 0
        self.waiter: Callable[[], Any] | None = None
        self.seen: set[net.Socket] = set()

    def note(self, who: str, event: str) -> None:
        if not event.endswith(" data") or self.story[who][-1:] != [event]:  # TCP may cut the stream anywhere
            self.story[who].append(event)

    def state(self, agent: http.Agent) -> None:
        def counted(table: dict[str, list[Any]]) -> str:
            return " ".join(f"{re.sub(':[0-9]+:', ':PORT:', key)}={len(each)}" for key, each in table.items()) or "-"

        told = counted(agent.sockets), counted(agent.free_sockets), counted(agent.requests)
        self.note("client", "sockets {} free {} waiting {}".format(*told))

    # -- the server

    def accept(self, socket: net.Socket) -> None:
        if not self.quiet:
            self.note("server", "connection")
        self.served.append(socket)
        text = ""

        def on_data(data: bytes) -> None:
            nonlocal text
            text += data.decode()
            while (end := text.find("\r\n\r\n")) >= 0:
                head, tail = text[:end], end
                if not self.early and "chunked" in head:
                    tail = text.find("\r\n0\r\n\r\n", end) + 3
                if tail < end:
                    return  # the body has not come
                text = "" if self.early else text[tail + 4 :]
                if not self.quiet:
                    self.note("server", head.split("\r\n")[0])
                self.count += 1
                self.answer(socket, self.count, head)

        socket.on("error", nothing)
        socket.on("data", on_data)

    def serve(
        self, answer: Answer | str, use: Callable[[int], Any], *, early: bool = False, quiet: bool = False
    ) -> None:
        self.answer = say(answer) if isinstance(answer, str) else answer
        self.early, self.quiet = early, quiet
        self.open.add("scenario")
        self.server.listen(0, LOCAL, on_listening=lambda: use(self.server.port))

    def stop(self, *agents: http.Agent) -> None:
        self.server.close()
        for agent in agents:
            agent.destroy()
        for socket in self.served:
            socket.end()
        self.finish("scenario")

    # -- the client

    def gone(self, action: Callable[[], Any]) -> None:
        """Do something when a socket of the client has closed."""
        if self.closed:
            action()
        else:
            self.waiter = action

    def _socket_closed(self, socket: net.Socket) -> None:
        self.closed += 1
        waiter, self.waiter = self.waiter, None
        if waiter:
            waiter()
        settle(lambda: self.finish(socket))

    def watch(
        self, name: str, request: ClientRequest, *, read: bool = True, listen: bool = True, sockets: bool = True
    ) -> ClientRequest:
        for event in ("finish", "abort", "timeout", "drain", "continue"):
            request.on(event, self.noting("client", f"{name} {event}"))
        request.on("information", lambda info: self.note("client", f"{name} information {info.status_code}"))
        request.on("error", lambda error: self.note("client", f"{name} error {error.code}"))
        request.on("close", self.noting("client", f"{name} close"))

        def on_socket(socket: net.Socket) -> None:
            self.note("client", f"{name} socket{' reused' if request.reused_socket else ''}")
            if socket not in self.seen:
                self.seen.add(socket)
                self.open.add(socket)
                if sockets:
                    for event in ("connect", "end", "timeout"):
                        socket.on(event, self.noting("client", f"socket {event}"))
                    socket.on("error", lambda error: self.note("client", f"socket error {error.code}"))
                    socket.on("close", lambda failed: self.note("client", f"socket close {str(failed).lower()}"))
                socket.on("close", lambda failed: self._socket_closed(socket))

        def on_response(response: http.IncomingMessage) -> None:
            self.note("client", f"{name} response {response.status_code}")
            for event in ("end", "aborted", "timeout"):
                response.on(event, self.noting("client", f"{name}-response {event}"))
            response.on("error", lambda error: self.note("client", f"{name}-response error {error.code}"))
            response.on("close", self.noting("client", f"{name}-response close"))
            if read:
                response.on("data", self.noting("client", f"{name}-response data"))

        request.on("socket", on_socket)
        if listen:
            request.on("response", on_response)
        return request

    def one(
        self,
        answer: Answer | str,
        use: Callable[[ClientRequest], Any] = lambda request: request.end(),
        *,
        agent: http.Agent | bool = True,
        early: bool = False,
        states: bool = True,
        watching: dict[str, bool] | None = None,
        **options: Any,
    ) -> None:
        """One request to a server that answers with these bytes; when the request has closed, all is stopped."""

        def begin(port: int) -> None:
            mine = http.Agent() if agent is True else agent
            made = http.request(host=LOCAL, port=port, agent=mine, **options)
            request = self.watch("request", made, **(watching or {}))

            def over() -> None:
                if isinstance(mine, http.Agent):
                    if states:
                        self.state(mine)
                    self.stop(mine)
                else:
                    self.stop()

            request.on("close", lambda: settle(over))
            use(request)

        self.serve(answer, begin, early=early)

    def two(
        self,
        answer: Answer | str,
        between: Callable[[Callable[[], Any], http.Agent], Any] = lambda following, agent: following(),
        *,
        watching: dict[str, bool] | None = None,
        **options: Any,
    ) -> None:
        """Two requests after each other on one agent."""
        agent = http.Agent()

        def begin(port: int) -> None:
            def following() -> None:
                made = http.request(host=LOCAL, port=port, path="/2", agent=agent, **options)
                second = self.watch("second", made, **(watching or {}))
                second.on("close", lambda: settle(lambda: (self.state(agent), self.stop(agent))))
                second.end()

            first = self.watch("first", http.get(host=LOCAL, port=port, path="/1", agent=agent), **(watching or {}))
            first.on("close", lambda: settle(lambda: (self.state(agent), between(following, agent))))

        self.serve(answer, begin)

    def several(
        self, answer: Answer | str, names: list[str], agent: http.Agent, *, tell: bool = True, **watching: bool
    ) -> None:
        """Several requests at once on one agent."""
        left = len(names)

        def over() -> None:
            nonlocal left
            left -= 1
            if not left:
                settle(lambda: (self.state(agent), self.stop(agent)))

        def begin(port: int) -> None:
            for name in names:
                made = http.get(host=LOCAL, port=port, path=f"/{name}", agent=agent)
                self.watch(name, made, **watching).on("close", over)
            if tell:
                self.state(agent)

        self.serve(answer, begin)


SCENARIOS = nodes.Scenarios(__file__, Play)
SCENARIOS.script = SCENARIOS.script.with_name("client_scenarios.js")
scenario = SCENARIOS.add


@scenario
def get_kept_alive(play: Play) -> None:
    play.one(OK)


@scenario
def get_and_the_server_closes(play: Play) -> None:
    play.one(last(CLOSING))


@scenario
def server_says_close_and_waits(play: Play) -> None:
    play.one(CLOSING)


@scenario
def without_an_agent(play: Play) -> None:
    play.one(OK, agent=False)


@scenario
def agent_that_keeps_nothing(play: Play) -> None:
    play.one(OK, agent=http.Agent(keep_alive=False))


@scenario
def body_until_close(play: Play) -> None:
    play.one(last("HTTP/1.1 200 OK\r\n\r\nall"))


@scenario
def chunked_with_trailers(play: Play) -> None:
    play.one("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n")


@scenario
def head(play: Play) -> None:
    play.one("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", method="HEAD")


@scenario
def status_204(play: Play) -> None:
    play.one("HTTP/1.1 204 No Content\r\n\r\n")


@scenario
def status_304(play: Play) -> None:
    play.one("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")


@scenario
def http_1_0(play: Play) -> None:
    play.one(last("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"))


@scenario
def http_1_0_kept_alive(play: Play) -> None:
    play.one("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")


@scenario
def nobody_listens_to_the_response(play: Play) -> None:
    play.one(OK, watching={"listen": False})


@scenario
def continue_100(play: Play) -> None:
    play.one(
        lambda socket, number, _: socket.write("HTTP/1.1 100 Continue\r\n\r\n" if number == 1 else OK),
        lambda request: request.on("continue", lambda: request.end("\r\n\r\n")),
        method="POST", headers={"Expect": "100-continue", "Content-Length": 4},
    )  # fmt: skip


@scenario
def early_hints(play: Play) -> None:
    play.one("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK)


@scenario
def hang_up(play: Play) -> None:
    play.one(last())


@scenario
def hang_up_in_the_head(play: Play) -> None:
    play.one(last("HTTP/1.1 200 OK\r\nCont"))


@scenario
def cut_in_the_body(play: Play) -> None:
    play.one(last(CUT))


@scenario
def reset_in_the_body(play: Play) -> None:
    def answer(socket: net.Socket, *_: Any) -> None:
        socket.write(CUT)
        loop.get().call_later(0.03, socket.reset_and_destroy)  # the only clock: as in the Node half

    play.one(answer)


@scenario
def reset_before_the_answer(play: Play) -> None:
    play.one(lambda socket, *_: socket.reset_and_destroy())


@scenario
def no_http(play: Play) -> None:
    play.one("hello\r\n\r\n")


@scenario
def two_lengths(play: Play) -> None:
    play.one("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi")


@scenario
def refused(play: Play) -> None:
    def use(_: int) -> None:
        spare = net.create_server()

        def on_close() -> None:
            play.watch("request", http.get(host=LOCAL, port=spare.port, agent=http.Agent()))
            loop.get().call_soon(play.stop)

        spare.listen(0, LOCAL, on_listening=lambda: spare.close(on_close))

    play.serve(nothing, use)


@scenario
def destroyed_at_once(play: Play) -> None:
    def use(port: int) -> None:
        agent = http.Agent()
        request = play.watch("request", http.get(host=LOCAL, port=port, agent=agent))
        request.on("close", lambda: settle(lambda: play.stop(agent)))
        request.destroy()

    play.serve(nothing, use, quiet=True)


@scenario
def destroyed_before_the_answer(play: Play) -> None:
    play.one(nothing, lambda request: request.on("finish", lambda: request.destroy()).end())


@scenario
def destroyed_with_an_error(play: Play) -> None:
    def use(request: ClientRequest) -> None:
        request.on("finish", lambda: request.destroy(NetError("enough", code="ECUSTOM")))
        request.end()

    play.one(nothing, use)


@scenario
def destroyed_in_the_answer(play: Play) -> None:
    def use(request: ClientRequest) -> None:
        request.on("response", lambda response: response.once("data", lambda data: request.destroy()))
        request.end()

    play.one(CUT, use)


@scenario
def response_destroyed(play: Play) -> None:
    def use(request: ClientRequest) -> None:
        request.on("response", lambda response: response.once("data", lambda data: response.destroy()))
        request.end()

    play.one(CUT, use)


@scenario
def aborted(play: Play) -> None:
    play.one(nothing, lambda request: request.on("finish", lambda: request.abort()).end())


@scenario
def timeout(play: Play) -> None:
    play.one(nothing, lambda request: request.on("timeout", lambda: request.destroy()).end(), timeout=0.04)


@scenario
def set_timeout(play: Play) -> None:
    play.one(
        nothing, lambda request: request.set_timeout(0.04, lambda: request.destroy()).end(),
        watching={"sockets": False},
    )  # fmt: skip


@scenario
def timeout_in_the_answer(play: Play) -> None:
    play.one(CUT, lambda request: request.on("timeout", lambda: request.destroy()).end(), timeout=0.06)


@scenario
def upgrade(play: Play) -> None:
    def use(request: ClientRequest) -> None:
        def on_upgrade(response: http.IncomingMessage, socket: net.Socket, rest: bytes) -> None:
            play.note("client", f"request upgrade {response.status_code} {rest.decode()}")

            def on_data(data: bytes) -> None:
                play.note("client", f"later {data.decode()}")
                socket.end()

            socket.on("data", on_data)
            for each in play.served:
                each.write("second")

        request.on("upgrade", on_upgrade)
        request.end()

    play.one(SWITCHING, use, states=False, headers={"Connection": "Upgrade", "Upgrade": "echo"})


@scenario
def upgrade_nobody_listens(play: Play) -> None:
    play.one(SWITCHING, headers={"Connection": "Upgrade", "Upgrade": "echo"})


@scenario
def upgrade_declined(play: Play) -> None:
    play.one(
        OK, lambda request: request.on("upgrade", play.noting("client", "request upgrade")).end(),
        headers={"Connection": "Upgrade", "Upgrade": "echo"},
    )  # fmt: skip


def connecting(play: Play) -> Callable[[ClientRequest], None]:
    def use(request: ClientRequest) -> None:
        def on_connect(response: http.IncomingMessage, socket: net.Socket, rest: bytes) -> None:
            play.note("client", f"request connect {response.status_code} {rest.decode()}")
            socket.end()

        request.on("connect", on_connect)
        request.end()

    return use


@scenario
def connect(play: Play) -> None:
    answer = "HTTP/1.1 200 Connection Established\r\n\r\nfirst"
    play.one(answer, connecting(play), states=False, method="CONNECT", path="a:1")


@scenario
def connect_refused(play: Play) -> None:
    answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    play.one(answer, connecting(play), states=False, method="CONNECT", path="a:1")


@scenario
def connect_nobody_listens(play: Play) -> None:
    play.one("HTTP/1.1 200 Connection Established\r\n\r\n", method="CONNECT", path="a:1")


@scenario
def answered_before_the_body_is_sent(play: Play) -> None:
    def use(request: ClientRequest) -> None:
        request.write("a")
        request.on("response", lambda response: response.on("end", lambda: settle(lambda: request.end("b"))))

    play.one(lambda socket, number, _: number == 1 and socket.write(OK), use, early=True, method="POST")


@scenario
def body_in_pieces(play: Play) -> None:
    play.one(OK, lambda request: (request.write("a"), request.write("b"), request.end("c")), method="POST")


@scenario
def write_after_end(play: Play) -> None:
    play.one(OK, lambda request: (request.end("a"), request.write("b")), method="POST")


@scenario
def reused(play: Play) -> None:
    play.two(OK)


@scenario
def reused_after_the_server_closed(play: Play) -> None:
    def between(following: Callable[[], Any], agent: http.Agent) -> None:
        play.gone(lambda: settle(lambda: (play.state(agent), following())))

    play.two(lambda socket, number, _: socket.end(OK) if number == 1 else socket.write(OK), between)


@scenario
def post_on_a_connection_that_closes(play: Play) -> None:
    def answer(socket: net.Socket, number: int, _: str) -> None:
        if number == 1:
            socket.write(OK)
        else:
            socket.end()

    play.two(answer, method="POST", watching={"sockets": False})


@scenario
def short_keep_alive_hint(play: Play) -> None:
    play.two("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nhi")


@scenario
def one_socket_for_three(play: Play) -> None:
    play.several(OK, ["first", "second", "third"], http.Agent(max_sockets=1))


@scenario
def one_socket_for_two_without_keeping(play: Play) -> None:
    play.several(OK, ["first", "second"], http.Agent(keep_alive=False, max_sockets=1))


@scenario
def one_socket_that_closes_for_two(play: Play) -> None:
    play.several(last(CLOSING), ["first", "second"], http.Agent(max_sockets=1), tell=False)


@scenario
def most_free_sockets(play: Play) -> None:
    agent = http.Agent(max_free_sockets=1)
    left = ["/first", "/second"]

    def over() -> None:
        left.pop()
        if not left:
            settle(lambda: (play.state(agent), play.stop(agent)))

    def begin(port: int) -> None:
        for path in tuple(left):
            http.get(host=LOCAL, port=port, path=path, agent=agent).on("close", over)
        play.state(agent)

    play.serve(OK, begin, quiet=True)


@scenario
def unread_response_holds_the_socket(play: Play) -> None:
    agent = http.Agent(max_sockets=1)
    left = ["first", "second"]

    def over() -> None:
        left.pop()
        if not left:
            settle(lambda: (play.state(agent), play.stop(agent)))

    def begin(port: int) -> None:
        first = http.get(host=LOCAL, port=port, path="/first", agent=agent)
        play.watch("first", first, read=False).on("close", over)
        first.on("response", lambda response: settle(lambda: (play.state(agent), response.resume())))
        second = http.get(host=LOCAL, port=port, path="/second", agent=agent)
        play.watch("second", second).on("close", over)

    play.serve(OK, begin)


@scenario
def agent_destroyed(play: Play) -> None:
    def use(port: int) -> None:
        agent = http.Agent()
        request = play.watch("request", http.get(host=LOCAL, port=port, agent=agent))
        request.on("finish", agent.destroy)
        request.on("close", lambda: settle(lambda: (play.state(agent), play.stop(agent))))

    play.serve(nothing, use)


def test_both_halves_have_the_same_scenarios() -> None:
    assert SCENARIOS.names_in_node() == SCENARIOS.names


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_nodes(name: str) -> None:
    assert SCENARIOS.our_story(name) == SCENARIOS.node_story(name)
