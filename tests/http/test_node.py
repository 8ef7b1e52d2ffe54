"""The HTTP server beside Node's: the same scenario in both emits the same events in the same order, and sends the same
bytes.

Rule: node/scenarios.js holds the Node half under the same names; every difference that is wanted is named in a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from labkit import http, net
from labkit.core import loop
from tests import nodes
from tests.nodes import LOCAL

Serve = Callable[[http.IncomingMessage, http.ServerResponse], Any]


class Play(nodes.Play):
    """A scenario with an HTTP server, and one client of plain TCP."""

    cast = ("server", "wire")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def note(self, who: str, event: str) -> None:
        if not event.endswith(" data") or self.story[who][-1:] != [event]:
            self.story[who].append(event)

    def told(self, event: str) -> None:
        self.note("server", event)

    def watch(self, req: http.IncomingMessage, res: http.ServerResponse, *, read: bool = True) -> None:
        self.count += 1
        number = self.count
        self.told(f"request {number} {req.method} {req.url} {req.http_version}")
        for event in ("end", "aborted", "close"):
            req.on(event, lambda *_, event=event: self.told(f"req {number} {event}"))
        req.on("error", lambda error: self.told(f"req {number} error {error.code}"))
        if read:
            req.on("data", lambda data: self.told(f"req {number} data"))
        for event in ("drain", "finish", "close"):
            res.on(event, lambda *_, event=event: self.told(f"res {number} {event}"))
        res.on("error", lambda error: self.told(f"res {number} error {error.code}"))

    def served(self, serve: Serve, *, read: bool = True) -> Serve:
        """A handler that is watched."""

        def handle(req: http.IncomingMessage, res: http.ServerResponse) -> None:
            self.watch(req, res, read=read)
            serve(req, res)

        return handle

    def one(
        self,
        serve: Serve | None,
        data: str,
        *,
        then: list[tuple[str, str]] | None = None,
        until: str | None = None,
        on: dict[str, Callable[..., Any]] | None = None,
        half: bool = False,
        read: bool = True,
        **options: Any,
    ) -> None:
        """A server, and one client that sends this. then: what came, and what to send after it."""
        server = http.create_server(self.served(serve, read=read) if serve else None, **options)
        for event, listener in (on or {}).items():
            server.on(event, listener)

        def on_connection(socket: net.Socket) -> None:
            self.told("connection")
            self.open.add(socket)
            socket.on("close", lambda failed: (self.told("socket close"), self.finish_soon(socket)))

        def on_listening() -> None:
            client = net.Socket(allow_half_open=True)
            self.open.add(client)
            state = {"came": "", "until": until}
            steps = list(then or ())

            def came(piece: bytes) -> None:
                state["came"] += piece.decode("latin-1")
                while steps and steps[0][0] in state["came"]:
                    client.write(steps.pop(0)[1].encode("latin-1"))
                if state["until"] is not None and state["until"] in state["came"]:
                    state["until"] = None
                    client.end()

            def closed(failed: bool) -> None:
                self.story["wire"] = re.sub("Date: [^\r]*", "Date: now", state["came"]).split("\r\n")
                server.close()
                self.finish(client)

            client.on("data", came)
            client.on("error", lambda error: None)
            client.on("end", lambda: client.end())
            client.on("close", closed)
            client.connect(server.port, LOCAL)
            if half:
                client.end(data.encode("latin-1"))
            else:
                client.write(data.encode("latin-1"))

        self.open.add(server)
        server.on("connection", on_connection)
        server.on("close", lambda: self.finish(server))
        server.listen(0, LOCAL, on_listening=on_listening)

    def finish_soon(self, source: Any) -> None:
        """After what is due: the messages of a connection tell of its close after the socket does."""
        for_now = [4]

        def step() -> None:
            for_now[0] -= 1
            if for_now[0]:
                loop.get().call_soon(step)
            else:
                self.finish(source)

        step()


SCENARIOS = nodes.Scenarios(__file__, Play)
scenario = SCENARIOS.add
GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEAD = "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
EXPECTS = "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
GOLD = "GET / HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nConnection: close\r\n\r\n"
UPGRADE = "GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n"


def post(body: str) -> str:
    return f"POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def chunked(body: str) -> str:
    return f"POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{body}"


def whole(req: http.IncomingMessage, use: Callable[[Any], Any]) -> None:
    """Call a function with the whole body."""
    pieces: list[Any] = []
    req.on("data", pieces.append)
    req.on("end", lambda: use((pieces[0][:0] if pieces else b"").join(pieces)))


def say(text: Any) -> Serve:
    return lambda req, res: res.end(text)


def echo(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    whole(req, res.end)


def in_turn(*actions: Callable[[Any, Any], Any]) -> Serve:
    """A handler that does these one after the other."""

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        for action in actions:
            action(req, res)

    return serve


def js(value: Any) -> str:
    """As JSON.stringify writes it."""
    return json.dumps(value, separators=(",", ":"))


@scenario
def end_alone(play: Play) -> None:
    play.one(say("hi"), LAST)


@scenario
def end_without_data(play: Play) -> None:
    play.one(lambda req, res: res.end(), LAST)


@scenario
def keep_alive(play: Play) -> None:
    play.one(say("hi"), GET, then=[("hi", LAST)])


@scenario
def keep_alive_client_ends(play: Play) -> None:
    play.one(say("hi"), GET, until="hi")


@scenario
def write_head_then_end(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(200, {"Content-Type": "text/plain"}), say("hi")), LAST)


@scenario
def write_head_phrase(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(404, "Gone fishing", {"X-A": "b"}), lambda q, r: r.end()), LAST)


@scenario
def write_head_unknown(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(299), say("x")), LAST)


@scenario
def write_head_over_set_header(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: r.set_header("X-A", "1"),
            lambda q, r: r.set_header("X-B", "2"),
            lambda q, r: r.write_head(200, {"x-a": "3", "X-C": "4"}),
            say("hi"),
        ),
        LAST,
    )


@scenario
def set_header_twice(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: r.set_header("X-A", "1"),
            lambda q, r: r.set_header("Set-Cookie", ["a=1", "b=2"]),
            lambda q, r: r.set_header("x-a", 5),
            say("hi"),
        ),
        LAST,
    )


@scenario
def append_header(play: Play) -> None:
    play.one(
        in_turn(lambda q, r: r.append_header("X-A", "1"), lambda q, r: r.append_header("x-a", "2"), say("hi")), LAST
    )


@scenario
def remove_header(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.set_header("X-A", "1"), lambda q, r: r.remove_header("x-A"), say("hi")), LAST)


@scenario
def writes(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write("one"), lambda q, r: r.write("two"), say("three")), LAST)


@scenario
def write_empty(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write(""), lambda q, r: r.end()), LAST)


@scenario
def own_length(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.set_header("Content-Length", 5), lambda q, r: r.write("he"), say("llo")), LAST)


@scenario
def own_length_in_head(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(200, {"Content-Length": 2}), say("hi")), LAST)


@scenario
def own_date_and_connection(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: r.set_header("Date", "never"), lambda q, r: r.set_header("Connection", "close"), say("hi")
        ),
        GET,
    )


@scenario
def own_keep_alive_field(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.set_header("Connection", "keep-alive"), say("hi")), GET, until="hi")


@scenario
def own_chunks(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.set_header("Transfer-Encoding", "chunked"), say("hi")), LAST)


@scenario
def no_date(play: Play) -> None:
    play.one(in_turn(lambda q, r: setattr(r, "send_date", False), say("hi")), LAST)


@scenario
def head(play: Play) -> None:
    play.one(say("hi"), HEAD)


@scenario
def head_with_head(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(200), lambda q, r: r.write("a"), say("hi")), HEAD)


@scenario
def no_content(play: Play) -> None:
    play.one(in_turn(lambda q, r: setattr(r, "status_code", 204), say("lost")), LAST)


@scenario
def not_modified(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(304, {"ETag": '"a"'}), lambda q, r: r.end()), LAST)


@scenario
def no_content_in_chunks(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_head(204, {"Transfer-Encoding": "chunked"}), lambda q, r: r.end()), GET)


@scenario
def http_1_0(play: Play) -> None:
    play.one(say("hi"), "GET / HTTP/1.0\r\n\r\n")


@scenario
def http_1_0_writes(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write("a"), say("b")), "GET / HTTP/1.0\r\n\r\n")


@scenario
def http_1_0_keep_alive(play: Play) -> None:
    play.one(say("hi"), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")


@scenario
def http_1_0_keep_alive_length(play: Play) -> None:
    play.one(
        in_turn(lambda q, r: r.set_header("Content-Length", 2), say("hi")),
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        until="hi",
    )


@scenario
def flush_headers(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.flush_headers(), say("hi")), LAST)


@scenario
def trailers_out(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: r.write_head(200, {"Trailer": "X-Sum"}),
            lambda q, r: r.write("a"),
            lambda q, r: r.add_trailers({"X-Sum": "7"}),
            lambda q, r: r.end(),
        ),
        LAST,
    )


@scenario
def trailer_without_chunks(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: r.set_header("Content-Length", 1),
            lambda q, r: r.set_header("Trailer", "X"),
            lambda q, r: play.attempt("server", lambda: r.write_head(200)),
            lambda q, r: q.socket.destroy(),
        ),
        LAST,
    )


@scenario
def early_hints(play: Play) -> None:
    play.one(
        in_turn(lambda q, r: r.write_early_hints({"Link": "</a.css>; rel=preload; as=style"}), say("hi")), LAST
    )


@scenario
def processing(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write_processing(), say("hi")), LAST)


@scenario
def headers_sent(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: play.told(f"sent {js(r.headers_sent)}"),
            lambda q, r: r.write_head(200),
            lambda q, r: play.told(f"sent {js(r.headers_sent)}"),
            lambda q, r: play.attempt("server", lambda: r.set_header("A", "b")),
            lambda q, r: play.attempt("server", lambda: r.write_head(200)),
            lambda q, r: play.attempt("server", lambda: r.remove_header("A")),
            say("hi"),
        ),
        LAST,
    )


@scenario
def splitting(play: Play) -> None:
    play.one(
        in_turn(
            lambda q, r: play.attempt("server", lambda: r.set_header("A", "b\r\nC: d")),
            lambda q, r: play.attempt("server", lambda: r.set_header("A\r\nC", "d")),
            lambda q, r: play.attempt("server", lambda: r.write_head(200, {"A": "b\nC: d"})),
            say("hi"),
        ),
        LAST,
    )


@scenario
def write_after_end(play: Play) -> None:
    play.one(in_turn(say("hi"), lambda q, r: r.write("late")), LAST)


@scenario
def end_twice(play: Play) -> None:
    play.one(in_turn(say("hi"), lambda q, r: r.end()), LAST)


@scenario
def on_finish(play: Play) -> None:
    play.one(lambda q, r: r.end("hi", lambda: play.told("on finish")), LAST)


@scenario
def body_by_length(play: Play) -> None:
    play.one(echo, post("hello"))


@scenario
def body_in_chunks(play: Play) -> None:
    play.one(echo, chunked("5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n"))


@scenario
def trailers_in(play: Play) -> None:
    play.one(
        lambda q, r: whole(q, lambda _: r.end(js([q.trailers, q.raw_trailers]))),
        chunked("1\r\na\r\n0\r\nX-Sum: 7\r\nx-sum: 8\r\n\r\n"),
    )


@scenario
def body_unread(play: Play) -> None:
    play.one(say("hi"), post("hello"), read=False)


@scenario
def body_unread_keep_alive(play: Play) -> None:
    play.one(say("hi"), post("hello").replace("Connection: close\r\n", "") + LAST, read=False)


@scenario
def answered_before_body(play: Play) -> None:
    play.one(
        say("hi"), "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", then=[("hi", "hello" + LAST)], read=False
    )


@scenario
def resume_then_end(play: Play) -> None:
    play.one(in_turn(lambda q, r: q.resume(), lambda q, r: q.on("end", lambda: r.end("hi"))), post("hello"), read=False)


@scenario
def encoding(play: Play) -> None:
    play.one(
        in_turn(lambda q, r: q.set_encoding("utf8"), lambda q, r: whole(q, lambda text: r.end(str(len(text))))),
        post("\xe4\xbd\xa0"),
    )


@scenario
def pipelined(play: Play) -> None:
    play.one(
        lambda q, r: r.end(q.url), "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n" + LAST
    )


@scenario
def pipelined_answered_backwards(play: Play) -> None:
    held: list[tuple[http.IncomingMessage, http.ServerResponse]] = []

    def serve(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        held.append((req, res))
        if len(held) == 2:
            for req, res in reversed(held):
                res.end(req.url)

    play.one(serve, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


@scenario
def joined(play: Play) -> None:
    play.one(
        lambda q, r: r.end(js([q.headers, q.raw_headers])),
        "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=1\r\nCookie: b=2\r\nContent-Type: a/b\r\n"
        "content-type: c/d\r\nSet-Cookie: q\r\nAccept: x\r\nACCEPT:  y  \r\nEmpty:\r\nUser-Agent: one\r\n"
        "User-Agent: two\r\nConnection: close\r\n\r\n",
    )


@scenario
def expect_continue(play: Play) -> None:
    play.one(echo, EXPECTS, then=[("100 Continue\r\n\r\n", "ab")])


@scenario
def check_continue(play: Play) -> None:
    serve = in_turn(lambda q, r: play.told("checkContinue"), lambda q, r: r.write_continue(), echo)
    play.one(None, EXPECTS, then=[("100 Continue\r\n\r\n", "ab")], on={"check_continue": play.served(serve)})


@scenario
def check_continue_refused(play: Play) -> None:
    serve = in_turn(lambda q, r: play.told("checkContinue"), lambda q, r: r.write_head(400), lambda q, r: r.end())
    play.one(None, EXPECTS, on={"check_continue": play.served(serve, read=False)})


@scenario
def expect_other(play: Play) -> None:
    play.one(say("hi"), GOLD)


@scenario
def check_expectation(play: Play) -> None:
    serve = in_turn(lambda q, r: play.told("checkExpectation"), say("gold"))
    play.one(None, GOLD, on={"check_expectation": play.served(serve)})


@scenario
def connect_unheard(play: Play) -> None:
    play.one(say("hi"), "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n")


@scenario
def connect_heard(play: Play) -> None:
    def connect(req: http.IncomingMessage, socket: net.Socket, first: bytes) -> None:
        play.told(f"connect {req.url} {first.decode()}")
        socket.write("HTTP/1.1 200 OK\r\n\r\n")
        socket.end(first)
        socket.resume()

    play.one(None, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nearly", on={"connect": connect})


@scenario
def upgrade_unheard(play: Play) -> None:
    play.one(say("hi"), "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n", until="hi")


@scenario
def upgrade_heard(play: Play) -> None:
    def upgrade(req: http.IncomingMessage, socket: net.Socket, first: bytes) -> None:
        play.told(f"upgrade {req.url} {req.headers['upgrade']} {first.decode()}")
        socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
        socket.end(first)
        socket.resume()

    play.one(None, UPGRADE + "early", on={"upgrade": upgrade})


@scenario
def upgrade_goes_on(play: Play) -> None:
    def upgrade(req: http.IncomingMessage, socket: net.Socket, first: bytes) -> None:
        socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
        socket.on("data", lambda data: (play.told(f"got {data.decode()}"), socket.end("bye")))

    play.one(None, UPGRADE, on={"upgrade": upgrade}, then=[("101", "GET / no request")])


@scenario
def not_http(play: Play) -> None:
    play.one(say("hi"), "hello\r\n\r\n")


@scenario
def client_error_heard(play: Play) -> None:
    def told(error: Exception, socket: net.Socket) -> None:
        play.told(f"clientError {js(isinstance(error, Exception))}")
        socket.end("HTTP/1.1 418 Teapot\r\n\r\n")

    play.one(say("hi"), "GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", on={"client_error": told})


@scenario
def bad_after_good(play: Play) -> None:
    play.one(say("hi"), GET, then=[("hi", "nonsense\r\n\r\n")])


@scenario
def response_destroyed(play: Play) -> None:
    play.one(in_turn(lambda q, r: r.write("a"), lambda q, r: r.destroy()), GET)


@scenario
def socket_destroyed(play: Play) -> None:
    play.one(lambda q, r: q.socket.destroy(), GET, read=False)


@scenario
def request_destroyed(play: Play) -> None:
    play.one(lambda q, r: q.destroy(), post("hello")[:-2], read=False)


@scenario
def keep_alive_timeout(play: Play) -> None:
    play.one(say("hi"), GET, keep_alive_timeout=0.3)


@scenario
def max_requests(play: Play) -> None:
    play.one(say("hi"), GET, max_requests_per_socket=2, then=[("hi", GET)])


@scenario
def http_version_host(play: Play) -> None:
    play.one(say("hi"), "GET / HTTP/1.1\r\n\r\n")


@scenario
def absolute_form(play: Play) -> None:
    play.one(lambda q, r: r.end(q.url), "GET http://x/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


@scenario
def options_star(play: Play) -> None:
    play.one(lambda q, r: r.end(q.url), "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


@scenario
def bytes_behind_the_last(play: Play) -> None:
    play.one(say("hi"), LAST + GET)


@scenario
def leading_lines(play: Play) -> None:
    play.one(say("hi"), "\r\n\r\n" + LAST)


@scenario
def client_ends_after_request(play: Play) -> None:
    play.one(say("hi"), GET, half=True)


@scenario
def client_ends_early_late_answer(play: Play) -> None:
    play.one(lambda q, r: q.socket.on("end", lambda: r.end("late")), GET, half=True)


@scenario
def client_ends_in_the_head(play: Play) -> None:
    play.one(say("hi"), "GET / HTTP/1.1\r\nHo", half=True)


@scenario
def client_ends_in_the_body(play: Play) -> None:
    play.one(lambda q, r: None, post("hello")[:-2], half=True)


APART = {
    # Several answers leave in one segment here, so they finish together; Node sends one after the other.
    "pipelined", "pipelined_answered_backwards", "body_unread_keep_alive", "answered_before_body",
    # The next bytes of the client may come before a request that is answered tells of its close, or after.
    "keep_alive", "max_requests", "client_ends_after_request",
    # When the socket is told to be closed, relative to its messages, is the event loop's choice.
    "trailer_without_chunks", "response_destroyed", "socket_destroyed", "request_destroyed", "client_ends_in_the_body",
}  # fmt: skip
"""Scenarios in which the order is the same for each emitter, and not between them."""

OTHERWISE: dict[str, tuple[Callable[[nodes.Story], Any], str]] = {
    "http_version_host": (lambda story: story.update(wire=["HTTP/1.1 400 Bad Request", "Connection: close", "", ""]),
        "a request without Host gets the same short answer as every other malformed one"),
    "client_ends_early_late_answer": (lambda story: story.update(
        server=["connection", "request 1 GET / 1.1", "req 1 end", "req 1 close", "res 1 finish", "res 1 close",
                "socket close"],
        wire=["HTTP/1.1 200 OK", "Date: now", "Connection: close", "Content-Length: 4", "", "late"]),
        "a client that has ended still reads: its request is answered (RFC 9112 section 9.6)"),
    "check_continue_refused": (lambda story: story["server"].extend(["req 1 aborted", "req 1 error ECONNRESET",
                                                                     "req 1 close"]),
        "a request of which the connection ended before its body has a close, too"),
}  # fmt: skip
"""Scenarios in which labkit does otherwise, and why."""


def by_emitter(events: list[str]) -> dict[str, list[str]]:
    """The events of each emitter, in their order."""
    told: dict[str, list[str]] = {}
    for event in events:
        words = event.split()
        told.setdefault(" ".join(words[:2]) if words[0] in ("req", "res") else "", []).append(event)
    return told


def test_both_halves_have_the_same_scenarios() -> None:
    assert SCENARIOS.names == SCENARIOS.names_in_node()
    assert len(SCENARIOS.names) >= 40


def tell_the_same(name: str) -> None:
    """Play a scenario in both, and compare the stories."""
    expected = json.loads(json.dumps(SCENARIOS.node_story(name)))
    if name in OTHERWISE:
        OTHERWISE[name][0](expected)
    ours = SCENARIOS.our_story(name)
    assert ours["wire"] == expected["wire"]
    if name in APART or name in OTHERWISE:
        assert by_emitter(ours["server"]) == by_emitter(expected["server"])
    else:
        assert ours["server"] == expected["server"]


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same_in_node(name: str) -> None:
    tell_the_same(name)
