"""Client and server together, and each beside a plain socket: messages, pings, closing, back-pressure, from a cell.

Rule: tests wait for events; what crosses the wire is read by a plain socket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit import http, websocket
from labkit.core import loop
from labkit.core.errors import BadArgument, ConnectionRefused, LabError, NotOpen, TimedOut
from labkit.websocket import BadHandshake, Event, ProtocolError, ReadyState, Server, WebSocket
from tests.websocket.peers import Raw, RawServer

Request = http.IncomingMessage


@pytest.fixture
def echo() -> Iterator[Server]:
    """A server that sends back what it gets."""
    with websocket.create_server(lambda ws, request: ws.on("message", ws.send)).listen(0) as server:
        yield server


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


def connected(server: Server, **how: Any) -> WebSocket:
    ws = WebSocket(f"ws://127.0.0.1:{server.port}/chat", **how)
    ws.wait_for("open")
    return ws


def made_on_loop(url: str, listen: Callable[[WebSocket], Any], **how: Any) -> WebSocket:
    """As a program makes one: its listeners are there before anything can come."""

    def make() -> WebSocket:
        ws = WebSocket(url, **how)
        listen(ws)
        return ws

    return loop.call(make)


# -- messages


@pytest.mark.parametrize(
    "message", ["hello world!", "", "grüße 𝄞", b"\x00\xff", b"", b"x" * 125, "y" * 126, b"z" * 70000]
)
def test_a_message_comes_back_as_it_was_sent(echo: Server, message: str | bytes) -> None:
    ws = connected(echo)
    assert ws.send(message) is True
    assert ws.wait_for("message") == message
    ws.terminate()


def test_many_messages_keep_their_order_also_when_the_connection_is_busy(echo: Server) -> None:
    came: list[Any] = []
    done = threading.Event()

    def listen(ws: WebSocket) -> None:
        def on_message(message: str) -> None:
            came.append(message)
            if len(came) == 500:
                done.set()

        ws.on("message", on_message)
        ws.on("open", lambda: [ws.send(str(number)) for number in range(500)])

    ws = made_on_loop(f"ws://127.0.0.1:{echo.port}/", listen)
    assert done.wait(20)
    assert came == [str(number) for number in range(500)]
    assert sum(each.times for each in ws.history if each.name == "message") > 256  # a run is counted up to there
    ws.terminate()


def test_messages_that_nobody_heard_wait_for_the_cell_in_order(echo: Server) -> None:
    ws = connected(echo)
    for number in range(10):
        ws.send(str(number))
    ws.ping()
    ws.wait_for("pong")  # all of them have come
    assert [ws.wait_for("message") for _ in range(10)] == [str(number) for number in range(10)]
    with pytest.raises(TimedOut):
        ws.wait_for("message", timeout=0.05)
    ws.terminate()


def test_a_listener_that_comes_while_the_first_message_is_kept_hears_all(echo: Server) -> None:
    """A cell may add it between the look for listeners and the inbox (about 1 of 1,000 times on a busy machine)."""
    came: list[Any] = []

    class Late(WebSocket):
        __slots__ = ()

        def _keep(self, message: Any) -> None:
            if not came and not self.listeners("message"):
                self.on("message", came.append)
                self.on("close", lambda *_: came.append("close"))
            super()._keep(message)

    ws = Late(f"ws://127.0.0.1:{echo.port}/chat")
    ws.wait_for("open")
    for number in range(3):
        ws.send(str(number))
    ws.ping()
    ws.wait_for("pong")  # all of them have come
    ws.close()
    ws.wait_for("close")
    assert came == ["0", "1", "2", "close"]


def test_a_listener_hears_what_was_kept_before_close(echo: Server) -> None:
    """The message and the close may be read in one turn of the loop, and the listener comes between them."""
    came: list[Any] = []

    class Late(WebSocket):
        __slots__ = ()

        def _tell_closed(self) -> None:
            self.on("message", came.append)
            self.on("close", lambda *_: came.append("close"))
            super()._tell_closed()

    ws = Late(f"ws://127.0.0.1:{echo.port}/chat")
    ws.wait_for("open")
    ws.send("kept")
    ws.ping()
    ws.wait_for("pong")
    loop.call(next(iter(echo.clients)).close)
    ws.wait_for("close")
    assert came == ["kept", "close"]


def test_a_listener_gets_first_what_had_come_before_it(echo: Server) -> None:
    ws = connected(echo)
    for number in range(5):
        ws.send(str(number))
    ws.ping()
    ws.wait_for("pong")
    assert ws.wait_for("message") == "0"
    came: list[Any] = []
    done = threading.Event()
    ws.on("message", lambda message: (came.append(message), done.set() if message == "last" else None))
    ws.send("last")
    assert done.wait(20)
    assert came == ["1", "2", "3", "4", "last"]
    ws.terminate()


def test_a_cells_client_reads_no_more_than_it_can_keep_and_loses_nothing(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        writer = threading.Thread(target=lambda: [raw.send(2, bytes([n]) * 10_000, masked=False) for n in range(250)])
        writer.start()
        for number in range(250):
            assert ws.wait_for("message", timeout=20) == bytes([number]) * 10_000
        writer.join()
        ws.terminate()


def test_a_cell_that_waits_for_close_gets_it_behind_any_number_of_messages(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        writer = threading.Thread(target=lambda: [raw.send(2, bytes(10_000), masked=False) for n in range(100)])
        writer.start()
        assert ws.wait_for("message") == bytes(10_000)

        def closes() -> None:
            writer.join()
            raw.send(8, b"\x03\xe8bye", masked=False)
            raw.until("close")
            raw.close()

        closer = threading.Thread(target=closes)
        closer.start()
        assert ws.wait_for("close", timeout=20) == (1000, "bye")
        closer.join()


def test_fragments_are_sent_and_put_together(echo: Server) -> None:
    ws = connected(echo)
    ws.send("Hel", fin=False)
    ws.ping(b"between")
    ws.send("", fin=False)
    ws.send("lo")
    assert ws.wait_for("pong") == b"between"
    assert ws.wait_for("message") == "Hello"
    ws.send("whole")
    assert ws.wait_for("message") == "whole"
    ws.terminate()


def test_the_frames_of_a_fragmented_message(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        ws.wait_for("open")
        ws.send(b"a", fin=False)
        ws.send(b"b", fin=False)
        ws.send(b"c", fin=True)
        heads = b""
        while len(heads) < 21:
            heads += raw.socket.recv(100)
        assert [heads[at] for at in (0, 7, 14)] == [0x02, 0x00, 0x80]
        assert [heads[at + 1] for at in (0, 7, 14)] == [0x81] * 3
        keys = [heads[at + 2 : at + 6] for at in (0, 7, 14)]
        assert len(set(keys)) == 3  # a new key for each frame (RFC 6455 section 5.3)
        assert [heads[at + 6] ^ heads[at + 2] for at in (0, 7, 14)] == list(b"abc")
        ws.terminate()


def test_a_server_does_not_mask_and_a_client_does(echo: Server) -> None:
    with Raw.to(echo.port) as raw:
        raw.send(1, "hello world!")
        assert raw.socket.recv(100) == b"\x81\x0chello world!"


@pytest.mark.parametrize("message", [None, 5, ["a"], {"a": 1}])
def test_what_is_no_message_is_refused_at_the_door(echo: Server, message: Any) -> None:
    ws = connected(echo)
    with pytest.raises(BadArgument, match="only bytes or text"):
        ws.send(message)
    with pytest.raises(BadArgument, match="half of a surrogate pair"):
        ws.send("\ud800")
    with pytest.raises(BadArgument, match="fin"):
        ws.send("a", fin=1)  # type: ignore[arg-type]
    ws.send("fine")
    assert ws.wait_for("message") == "fine"
    ws.terminate()


# -- bytes behind the handshake (C-4.10)


def test_bytes_behind_the_request_belong_to_the_first_frame(echo: Server) -> None:
    with Raw.to(echo.port, head=b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0") as raw:
        assert raw.until("text") == ("text", "a")
        raw.socket.sendall(b"b")
        assert raw.until("text") == ("text", "b")


def test_bytes_behind_the_response_belong_to_the_first_frame(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept(head=b"\x81\x01a\x81\x01") as raw:
        assert ws.wait_for("message") == "a"
        raw.socket.sendall(b"b")
        assert ws.wait_for("message") == "b"
        ws.terminate()


def test_bytes_behind_the_request_wait_for_a_programs_own_upgrade_listener() -> None:
    def on_upgrade(request: Request, socket: Any, head: bytes) -> None:
        ws = websocket.accept(request, socket, head, protocols=["b", "a"])
        ws.on("message", lambda message: ws.send(f"{ws.protocol} {message}"))

    with http.create_server().on("upgrade", on_upgrade).listen(0) as server:
        with Raw.to(server.port, head=b"\x81\x81\0\0\0\0x") as raw:
            assert raw.until("text") == ("text", " x")
        ws = WebSocket(f"ws://127.0.0.1:{server.port}/", ["a", "b"])
        ws.wait_for("open")
        ws.send("y")
        assert ws.wait_for("message") == "a y"
        assert ws.protocol == "a"
        ws.terminate()


# -- pings


def test_a_ping_is_answered_between_fragments(echo: Server) -> None:
    with Raw.to(echo.port) as raw:
        raw.send(1, "a", fin=False)
        raw.send(9, b"p" * 125)
        assert raw.until("pong", "text") == ("pong", b"p" * 125)
        raw.send(0, "b")
        assert raw.until("text") == ("text", "ab")


def test_ping_and_pong_are_events(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        raw.send(9, b"one", masked=False)
        assert ws.wait_for("ping") == b"one"
        assert raw.until("pong") == ("pong", b"one")
        raw.send(10, b"two", masked=False)
        assert ws.wait_for("pong") == b"two"
        ws.pong("three")
        assert raw.until("pong") == ("pong", b"three")
        with pytest.raises(BadArgument, match="126 bytes"):
            ws.ping(b"x" * 126)
        ws.terminate()


# -- states, and what may be called when


def test_states_have_the_browsers_numbers(raw_server: RawServer) -> None:
    assert [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED] == [0, 1, 2, 3]
    ws = WebSocket(raw_server.url)
    assert ws.ready_state == 0
    with pytest.raises(NotOpen, match="before the WebSocket is open"):
        loop.call(lambda: ws.send("early"))
    with pytest.raises(NotOpen, match="before the WebSocket is open"):
        loop.call(ws.ping)
    with raw_server.accept() as raw:
        ws.wait_for("open")
        assert ws.ready_state is ReadyState.OPEN
        ws.close(4000, "enough")
        assert ws.ready_state == WebSocket.CLOSING
        with pytest.raises(NotOpen, match="CLOSING"):
            ws.send("late")
        assert raw.until("close") == ("close", 4000, "enough")
        raw.send(8, b"\x0f\xa0", masked=False)
        raw.close()
        assert ws.wait_for("close") == (4000, "")
        assert ws.ready_state == 3
        with pytest.raises(NotOpen, match="CLOSED"):
            ws.ping()
    ws.close()
    ws.terminate()
    ws.pause()
    ws.resume()
    assert ws.history[-1].name == "close"


def test_a_handler_that_sends_after_the_close_is_told_by_false_alone(echo: Server) -> None:
    told: list[Any] = []
    done = threading.Event()

    def listen(ws: WebSocket) -> None:
        def on_open() -> None:
            ws.close()
            told.extend([ws.send("12345"), ws.ping(), ws.buffered_amount >= 5])

        ws.on("open", on_open)
        ws.on("close", lambda *args: (told.append(args), told.append(ws.send(b"12")), done.set()))

    ws = made_on_loop(f"ws://127.0.0.1:{echo.port}/", listen)
    assert done.wait(20)
    assert told == [False, None, True, (1000, ""), False]
    assert ws.buffered_amount == 7


def test_nobody_listens_there() -> None:
    with RawServer() as server:
        url = server.url
    with pytest.raises(ConnectionRefused):
        WebSocket(url)
    story: list[str] = []
    done = threading.Event()

    def listen(ws: WebSocket) -> None:
        ws.on("error", lambda error: story.append(error.code))
        ws.on("close", lambda code, reason: (story.append(f"close {code}"), done.set()))

    made_on_loop(url, listen)
    assert done.wait(20)
    assert story == ["ECONNREFUSED", "close 1006"]


# -- the browser's handlers


def test_the_browsers_handlers(echo: Server) -> None:
    events: list[Event] = []
    done = threading.Event()
    ws = WebSocket(f"ws://127.0.0.1:{echo.port}/")

    def on_open(event: Event) -> None:
        events.append(event)
        event.target.send("hello world!")

    def on_message(event: Event) -> None:
        events.append(event)
        event.target.close(3000, "ok")

    ws.on_open = on_open
    ws.on_message = on_message
    ws.on_close = lambda event: (events.append(event), done.set())
    assert done.wait(20)
    assert [each.type for each in events] == ["open", "message", "close"]
    assert events[1].data == "hello world!"
    assert (events[2].code, events[2].reason, events[2].was_clean) == (3000, "ok", True)
    assert all(each.target is ws for each in events)
    assert [repr(each) for each in events] == [
        "<open event>", "<message event 'hello world!'>", "<close event 3000 ok>",
    ]  # fmt: skip
    assert ws.on_message is on_message
    ws.on_message = None
    assert ws.on_message is None
    assert ws.listeners("message") == ()


def test_a_handler_takes_the_place_of_the_one_before(echo: Server) -> None:
    ws = connected(echo)
    came: list[str] = []
    ws.on("message", lambda message: came.append(f"on {message}"))
    ws.on_message = lambda event: came.append("first")
    ws.on_message = lambda event: came.append(f"second {event.data}")
    ws.send("a")
    assert ws.wait_for("message") == "a"
    assert came == ["on a", "second a"]
    with pytest.raises(BadArgument, match="on_close must be a function"):
        ws.on_close = "no"  # type: ignore[assignment]
    ws.terminate()


def test_open_is_told_to_a_cells_listener_that_comes_late_and_only_once(echo: Server) -> None:
    ws = connected(echo)
    told: list[str] = []
    ws.on("open", lambda: told.append("on"))
    ws.on_open = lambda event: told.append("handler")
    loop.call(lambda: None)
    assert told == ["on", "handler"]
    ws.terminate()


def test_a_cells_listener_misses_nothing_that_came_before_it(raw_server: RawServer) -> None:
    """In a browser no event comes before the script has ended."""
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        raw.send(8, b"\x03\xe9", masked=False)
        raw.until("close")
    assert ws.wait_for("close") == (1001, "")
    told: list[Any] = []
    ws.on("upgrade", lambda response: told.append(response.status_code))
    ws.on("open", lambda: told.append("open"))
    ws.on("close", lambda code, reason: told.append(code))
    ws.on_close = lambda event: told.append(event.was_clean)
    ws.on("error", lambda error: told.append(error))
    assert told == [101, "open", 1001, True]


def test_a_cell_waits_in_send_and_in_with(echo: Server) -> None:
    with WebSocket(f"ws://127.0.0.1:{echo.port}/") as ws:
        assert ws.ready_state == WebSocket.OPEN
    assert ws.ready_state == WebSocket.CLOSED
    ws = WebSocket(f"ws://127.0.0.1:{echo.port}/")
    ws.send("at once")
    assert ws.wait_for("message") == "at once"
    ws.close(3333, "why")
    with pytest.raises(NotOpen, match="The close code was 3333: why"):
        ws.wait_for("message")


def test_javascripts_spelling_is_refused_with_words(echo: Server) -> None:
    ws = connected(echo)
    with pytest.raises(LabError, match="Did you mean on_message"):
        ws.onmessage = print  # type: ignore[attr-defined]
    assert not hasattr(ws, "onclose")
    ws.terminate()


def test_a_paused_websocket_of_a_cell_closes(echo: Server) -> None:
    ws = connected(echo)
    ws.on("message", lambda message: None)
    ws.pause()
    ws.send("a")
    ws.close()
    assert ws.wait_for("close") == (1000, "")


def test_an_upgrade_is_granted_once() -> None:
    refused: list[str] = []

    def on_upgrade(request: Request, socket: Any, head: bytes) -> None:
        ws = websocket.accept(request, socket, head)
        try:
            websocket.accept(request, socket, head)
        except BadArgument as error:
            refused.append(error.what)
        ws.send("one")

    with http.create_server().on("upgrade", on_upgrade).listen(0) as shop:
        websocket.create_server(lambda ws, request: ws.send("two"), server=shop)
        ws = WebSocket(f"ws://127.0.0.1:{shop.port}/")
        assert ws.wait_for("message") == "one"
        ws.ping()
        ws.wait_for("pong")
        assert refused == ["this connection is a WebSocket already"]
        ws.terminate()
        with pytest.raises(BadArgument, match="another WebSocket server"):
            websocket.create_server(server=shop)
        with pytest.raises(BadArgument, match="what an upgrade listener was given"):
            websocket.accept(1, 2, b"")  # type: ignore[arg-type]


def test_clients_may_be_walked_while_they_go(echo: Server) -> None:
    several = [connected(echo) for _ in range(20)]
    for each in echo.clients:
        each.close(1001)
    for each in several:
        assert each.wait_for("close") == (1001, "")


def test_at_a_server_messages_that_nobody_hears_are_dropped_and_that_is_said() -> None:
    with websocket.create_server().listen(0) as server, Raw.to(server.port) as raw:
        ws, _ = server.wait_for("connection")
        for number in range(20):
            raw.send(2, bytes([number]) * 10_000)
        raw.send(9)
        raw.until("pong")
        with pytest.raises(LabError, match="14 messages were not kept"):
            ws.wait_for("message")
        assert ws.wait_for("message") == bytes([14]) * 10_000


def test_an_unclean_close(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    events: list[Event] = []
    ws.on_close = events.append
    raw = raw_server.accept()
    ws.wait_for("open")
    raw.close()
    assert ws.wait_for("close") == (1006, "")
    loop.call(lambda: None)
    assert [(each.code, each.was_clean) for each in events] == [(1006, False)]


# -- failures


def test_a_refused_handshake_is_raised_where_the_cell_waits(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    raw_server.accept(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").close()
    with pytest.raises(BadHandshake, match="answered 403 Forbidden") as caught:
        ws.wait_for("open")
    assert caught.value.status == 403
    assert ws.ready_state == WebSocket.CLOSED
    with pytest.raises(NotOpen):
        ws.send("a")


def test_a_refused_handshake_is_raised_by_whatever_the_cell_calls_next(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    raw_server.accept(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").close()
    with pytest.raises(BadHandshake):
        ws.wait_for("close")
    ws = WebSocket(raw_server.url)
    raw_server.accept(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").close()
    errors: list[BaseException] = []
    done = threading.Event()
    ws.on("error", lambda error: (errors.append(error), done.set()))
    assert done.wait(20)
    assert [type(each) for each in errors] == [BadHandshake]


def test_unexpected_response_may_be_listened_to(raw_server: RawServer) -> None:
    story: list[Any] = []
    done = threading.Event()

    def listen(ws: WebSocket) -> None:
        def unexpected(request: Any, response: Any) -> None:
            story.append(response.status_code)
            response.on("end", lambda: story.append("end"))
            response.resume()

        ws.on("unexpected_response", unexpected)
        ws.on("error", lambda error: story.append(error))
        ws.on("close", lambda code, reason: (story.append(code), done.set()))

    made_on_loop(raw_server.url, listen)
    raw_server.accept(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").close()
    assert done.wait(20)
    assert story == [404, "end", 1006]


def test_a_handler_that_fails_closes_with_1011(capsys: pytest.CaptureFixture[str]) -> None:
    def on_connection(ws: WebSocket, request: Request) -> None:
        def fail(message: Any) -> None:
            raise ZeroDivisionError(message)

        ws.on("message", fail)

    with websocket.create_server(on_connection).listen(0) as server, Raw.to(server.port) as raw:
        raw.socket.sendall(b"\x81\x81\0\0\0\0a" * 3)
        assert raw.until("close") == ("close", 1011, "")
        raw.send(8, b"\x03\xf3")
        assert raw.until("end") == ("end",)
    said = capsys.readouterr().err
    assert said.count("ZeroDivisionError: a") == 1
    assert "WebSocket server of /chat" in said


def test_a_connection_handler_that_fails_closes_with_1011(capsys: pytest.CaptureFixture[str]) -> None:
    def on_connection(ws: WebSocket, request: Request) -> None:
        raise ZeroDivisionError("at once")

    with websocket.create_server(on_connection).listen(0) as server, Raw.to(server.port) as raw:
        assert raw.until("close") == ("close", 1011, "")
    assert "ZeroDivisionError: at once" in capsys.readouterr().err


def test_a_server_that_breaks_a_rule(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        raw.send(1, "masked")
        with pytest.raises(ProtocolError, match="a frame of the server is masked") as caught:
            ws.wait_for("message")
        assert caught.value.code == 1002
        assert raw.until("close") == ("close", 1002, "a frame of the server is masked")
        assert raw.until("end") == ("end",)
        raw.close()
        assert ws.wait_for("close") == (1006, "")


# -- closing


def test_the_client_closes(echo: Server) -> None:
    story: list[Any] = []
    echo.on("connection", lambda ws, request: ws.on("close", lambda *args: story.append(args)))
    ws = connected(echo)
    (of_server,) = echo.clients
    ws.close(1001, "grüße")
    assert ws.wait_for("close") == (1001, "grüße")  # the server sends code and reason back, as Node's ws does
    assert of_server.wait_for("close") == (1001, "grüße")
    assert story == [(1001, "grüße")]
    loop.call(lambda: None)
    assert echo.clients == set()


def test_the_server_closes(echo: Server) -> None:
    echo.once("connection", lambda ws, request: ws.close(4321, "later"))
    ws = connected(echo)
    assert ws.wait_for("close") == (4321, "later")


def test_a_close_without_a_code(echo: Server) -> None:
    ws = connected(echo)
    ws.close(None)
    assert ws.wait_for("close") == (1005, "")
    with pytest.raises(BadArgument, match="1005 is not a close code"):
        ws.close(1005)


def test_both_close_at_once(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        ws.wait_for("open")
        ws.close(1000, "ours")
        raw.send(8, b"\x03\xe9theirs", masked=False)
        assert raw.until("close") == ("close", 1000, "ours")
        raw.socket.shutdown(1)
        assert raw.until("close", "end") == ("end",)  # no second close frame
        assert ws.wait_for("close") == (1001, "theirs")


def test_the_server_ends_tcp_first(raw_server: RawServer, echo: Server) -> None:
    """RFC 6455 section 7.1.1: a client waits for the server's FIN."""
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        ws.wait_for("open")
        ws.close()
        raw.until("close")
        raw.send(8, b"\x03\xe8", masked=False)
        raw.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.socket.recv(1)
    assert ws.wait_for("close") == (1000, "")
    with Raw.to(echo.port) as raw:
        raw.send(8, b"\x03\xe8")
        assert raw.until("close") == ("close", 1000, "")
        assert raw.until("end") == ("end",)


def test_terminate_sends_no_close_frame(echo: Server) -> None:
    with Raw.to(echo.port) as raw:
        raw.send(1, "a")
        raw.until("text")
        (ws,) = echo.clients
        ws.terminate()
        assert raw.until("end", "close") == ("end",)
        assert ws.wait_for("close") == (1006, "")


def test_close_while_connecting_gives_up(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    ws.close()
    assert ws.ready_state == WebSocket.CLOSED
    assert ws.wait_for("close") == (1006, "")
    with pytest.raises(NotOpen):
        ws.wait_for("open")


def test_a_server_closes_when_its_clients_have_gone(echo: Server) -> None:
    ws = connected(echo)
    echo.close()
    assert not echo.listening
    with pytest.raises(ConnectionRefused):
        WebSocket(ws.url)
    ws.send("still")
    assert ws.wait_for("message") == "still"
    ws.close()
    echo.wait_for("close")
    assert ws.wait_for("close") == (1000, "")


# -- back-pressure


def test_pause_and_resume(echo: Server) -> None:
    ws = connected(echo)
    came: list[Any] = []
    ws.on("message", came.append)
    ws.pause()
    assert ws.is_paused
    for number in range(5):
        ws.send(str(number))
    with pytest.raises(TimedOut):
        ws.wait_for("message", timeout=0.1)
    assert came == []
    ws.resume()
    ws.send("end")
    while came[-1:] != ["end"]:
        ws.wait_for("message")
    assert came == ["0", "1", "2", "3", "4", "end"]
    ws.terminate()


def test_a_listener_may_pause_after_each_message(echo: Server) -> None:
    came: list[Any] = []
    done = threading.Event()

    def listen(ws: WebSocket) -> None:
        def on_message(message: Any) -> None:
            assert not ws.is_paused
            came.append(message)
            ws.pause()
            loop.get().call_soon(ws.resume)
            if len(came) == 60:
                done.set()

        ws.on("open", lambda: [ws.send(str(number)) for number in range(60)])
        ws.on("message", on_message)

    ws = made_on_loop(f"ws://127.0.0.1:{echo.port}/", listen)
    assert done.wait(20)
    assert came == [str(number) for number in range(60)]
    ws.terminate()


def test_send_returns_false_and_drain_follows(raw_server: RawServer) -> None:
    ws = WebSocket(raw_server.url)
    with raw_server.accept() as raw:
        ws.wait_for("open")
        sent = 0
        while ws.send(bytes(100_000)):
            sent += 1
        assert ws.buffered_amount > 0
        reader = threading.Thread(target=lambda: [raw.until("binary") for _ in range(sent + 1)])
        reader.start()
        ws.wait_for("drain", timeout=20)
        assert ws.buffered_amount == 0
        assert ws.send(b"more") is True
        reader.join()
        ws.terminate()


def test_large_messages_of_a_handler_that_wait_beyond_max_queue_cut_the_connection(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's `writelines` does not say in 3.13.0 that too much waits: it is not used in any version."""
    with monkeypatch.context() as patch:
        if kind == "asyncio":
            patch.setattr("asyncio.selector_events._SelectorSocketTransport.writelines", None)
        with websocket.create_server(max_queue=1_000_000).listen(0) as server, Raw.to(server.port):
            ws, _ = server.wait_for("connection")
            assert loop.call(lambda: [ws.send(bytes(100_000)) for _ in range(1000)])[-1] is False
            error, of = server.wait_for("client_error")
            assert "max_queue is 1000000" in error.what
            assert of is ws


def test_what_waits_beyond_max_queue_cuts_the_connection() -> None:
    with websocket.create_server(max_queue=1_000_000).listen(0) as server, Raw.to(server.port):
        ws, _ = server.wait_for("connection")
        with pytest.raises(LabError, match="max_queue is 1000000"):
            [ws.send(bytes(100_000)) for _ in range(1000)]
        assert ws.wait_for("close") == (1006, "")


def test_broadcast_goes_to_all_that_are_open(echo: Server) -> None:
    assert echo.broadcast("nobody") == 0
    several = [connected(echo) for _ in range(3)]
    assert echo.broadcast("grüße") == 3
    assert [each.wait_for("message") for each in several] == ["grüße"] * 3
    assert echo.broadcast(bytes(70_000)) == 3
    assert [each.wait_for("message") for each in several] == [bytes(70_000)] * 3
    several[0].close()
    several[0].wait_for("close")
    loop.call(lambda: None)
    assert echo.broadcast("two") == 2
    for each in several:
        each.terminate()


def test_a_broadcast_that_waits_beyond_max_queue_cuts_the_slow_one_alone() -> None:
    with websocket.create_server(max_queue=1_000_000).listen(0) as server:
        fast: list[int] = []
        quick = made_on_loop(
            f"ws://127.0.0.1:{server.port}/", lambda ws: ws.on("message", lambda m: fast.append(len(m)))
        )
        quick.wait_for("open")
        with Raw.to(server.port):
            while server.broadcast(bytes(100_000)) == 2:
                quick.ping()
                quick.wait_for("pong")
            loop.call(lambda: None)
            assert len(server.clients) == 1
        quick.terminate()


# -- a part of an HTTP server


def test_an_http_server_keeps_its_requests_and_gives_its_upgrades() -> None:
    shop = http.create_server(lambda request, response: response.end("page"))
    with shop.listen(0):
        one = websocket.create_server(lambda ws, request: ws.send("one"), server=shop, path="/one")
        two = websocket.create_server(lambda ws, request: ws.send(f"two {request.url}"), server=shop, path="/two")
        assert http.get(port=shop.port).wait_for("response").body() == b"page"
        first = WebSocket(f"ws://127.0.0.1:{shop.port}/one")
        second = WebSocket(f"ws://127.0.0.1:{shop.port}/two?x=1")
        assert first.wait_for("message") == "one"
        assert second.wait_for("message") == "two /two?x=1"
        with pytest.raises(BadHandshake, match="404"):
            WebSocket(f"ws://127.0.0.1:{shop.port}/three").wait_for("open")
        one.close()
        first.close()
        one.wait_for("close")
        with pytest.raises(BadHandshake, match="404"):
            WebSocket(f"ws://127.0.0.1:{shop.port}/one").wait_for("open")
        second.terminate()
        assert shop.listening
        two.close()


def test_a_server_of_its_own_asks_others_to_upgrade(echo: Server) -> None:
    response = http.get(port=echo.port).wait_for("response")
    assert response.status_code == 426
    assert response.headers["upgrade"] == "websocket"
    assert response.body() == b"This is a WebSocket server.\n"


def test_the_servers_own_story(echo: Server) -> None:
    assert echo.wait_for("listening") is None
    ws = connected(echo)
    of_server, request = echo.wait_for("connection")
    assert of_server in echo.clients
    assert request.headers["upgrade"] == "websocket"
    assert of_server.endpoint()[0] == "server"
    assert ws.endpoint()[0] == "client"
    assert of_server.endpoint()[1] == ws.endpoint()[2]
    assert repr(ws) == f"<WebSocket client to ws://127.0.0.1:{echo.port}/chat, OPEN>"
    assert repr(of_server) == "<WebSocket server of /chat, OPEN>"
    assert "1 WebSockets" in repr(echo)
    ws.terminate()


# -- what may be asked for


@pytest.mark.parametrize(
    ("url", "how", "named"),
    [
        ("ws://127.0.0.1/", {"ca": b""}, "has no TLS"), ("ftp://127.0.0.1/", {}, "not the URL"),
        ("ws://127.0.0.1/#top", {}, "not the URL"),
        (5, {}, "not a URL"),
        ("ws://127.0.0.1/a\r\nX: y", {}, "not the URL"),
        ("ws://127.0.0.1/", {"headers": {"Connection": "close"}}, "its own field Connection"),
        ("ws://127.0.0.1/", {"headers": {"Sec-WebSocket-Key": "a"}}, "its own field"),
        ("ws:///", {}, "not the URL"), ("ws://127.0.0.1:99999/", {}, "not the URL"),
        ("ws://127.0.0.1/", {"protocols": ["a", "a"]}, "named twice"),
        ("ws://127.0.0.1/", {"protocols": ["a b"]}, "not a subprotocol"),
        ("ws://127.0.0.1/", {"protocols": 5}, "not subprotocols"),
        ("ws://127.0.0.1/", {"max_message_size": -1}, "max_message_size"),
        ("ws://127.0.0.1/", {"handshake_timeout": None}, "handshake_timeout"),
        ("ws://127.0.0.1/", {"per_message_deflate": 5}, "per_message_deflate=5"),
        ("ws://127.0.0.1/", {"headers": {"a\r\nb": "c"}}, "not the name of a header field"),
        ("ws://127.0.0.1/", {"protocol": "a"}, "no argument 'protocol'"),
    ],
)  # fmt: skip
def test_what_a_client_cannot_be_asked_for(url: Any, how: dict[str, Any], named: str) -> None:
    with pytest.raises(LabError, match=named):
        WebSocket(url, **how)


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"server": 5}, "not an HTTP server"), ({"path": "updates"}, "not a path"),
        ({"origins": "some"}, "not origins"),
        ({"origins": ["example.com"]}, "not origins"),
        ({"protocols": [""]}, "not a subprotocol"), ({"ping_interval": -1}, "ping_interval"),
        ({"per_message_deflate": {"level": 0}}, "level"),
        ({"per_message_deflate": {"levels": 1}}, "per_message_deflate"),
        ({"on_connection": 5}, "must be a function"), ({"port": 80}, "no argument 'port'"),
    ],
)  # fmt: skip
def test_what_a_server_cannot_be_asked_for(how: dict[str, Any], named: str) -> None:
    with pytest.raises(LabError, match=named):
        websocket.create_server(**how)
