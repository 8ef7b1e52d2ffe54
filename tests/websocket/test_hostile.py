"""Peers that mean no good, or are slow: what they cost has a limit, and they get the right answer.

Rule: every peer is a plain socket; the other connections of the server go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from labkit import http, websocket
from labkit.core import loop
from labkit.core.errors import TimedOut
from labkit.websocket import BadHandshake, ProtocolError, Server, WebSocket
from labkit.websocket.frames import encode
from tests.websocket.peers import MASK, Raw, RawServer, request, response
from tests.websocket.test_frames import BAD


@pytest.fixture
def server() -> Iterator[Server]:
    with websocket.create_server(
        lambda ws, request: ws.on("message", ws.send), max_message_size=1024, close_timeout=0.2, handshake_timeout=0.2
    ).listen(0) as server:
        yield server


@pytest.mark.parametrize(("wire", "code"), [each[1:3] for each in BAD], ids=[each[0] for each in BAD])
def test_a_malformed_frame_is_answered_by_its_close_code(server: Server, wire: bytes, code: int) -> None:
    with Raw.to(server.port) as raw:
        raw.socket.sendall(wire)
        said = raw.until("close")
        assert said[1] == code
        assert said[2] != ""
        assert raw.until("end") == ("end",)
    error, ws = server.wait_for("client_error")
    assert (error.code, type(ws)) == (code, WebSocket)


@pytest.mark.parametrize(("wire", "code"), [each[1:3] for each in BAD], ids=[each[0] for each in BAD])
def test_a_malformed_frame_of_a_server_is_answered_by_its_close_code(wire: bytes, code: int) -> None:
    """The same table for a client, with the masks taken off; a mask is what is wrong in the first row."""
    unmasked = taken_off(wire) if wire != BAD[0][1] else encode(1, b"a", key=MASK)
    with RawServer() as server:
        ws = WebSocket(server.url, max_message_size=1024, close_timeout=0.2)
        with server.accept() as raw:
            ws.wait_for("open")
            errors: list[Any] = []
            ws.on("error", errors.append)
            raw.socket.sendall(unmasked)
            assert raw.until("close")[1] == code
            assert raw.until("end") == ("end",)
        assert ws.wait_for("close") == (1006, "")
        assert [(type(each), each.code) for each in errors] == [(ProtocolError, code)]


def taken_off(wire: bytes) -> bytes:
    """The same frames as a server sends them."""
    made, at = b"", 0
    while at < len(wire):
        size = wire[at + 1] & 127
        wide = {126: 2, 127: 8}.get(size, 0)
        start = at + 2 + wide
        length = int.from_bytes(wire[at + 2 : start], "big") if wide else size
        key, payload = wire[start : start + 4], wire[start + 4 : start + 4 + length]
        made += bytes([wire[at], size]) + wire[at + 2 : start]
        made += bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
        at = start + 4 + length
    return made


def for_ever(until: type[Exception], function: Callable[..., Any], *args: Any) -> None:
    """Call a function until it raises this."""
    with suppress(until):
        while True:
            function(*args)


def test_after_a_fault_nothing_more_is_read(server: Server) -> None:
    with Raw.to(server.port) as raw:
        raw.socket.sendall(b"\x81\x01a" + encode(1, b"never", key=MASK) + encode(9, b"p", key=MASK))
        assert raw.until("close")[1] == 1002
        assert raw.until("end", "text", "pong") == ("end",)


# -- who does not finish


def test_a_peer_that_never_closes_is_cut_off(server: Server) -> None:
    with Raw.to(server.port) as raw:
        ws, _ = server.wait_for("connection")
        ws.close(1001)
        assert raw.until("close") == ("close", 1001, "")
        assert ws.wait_for("close") == (1006, "")  # after close_timeout
        assert raw.until("end") == ("end",)


def test_a_peer_that_answers_and_does_not_end_tcp_is_cut_off(server: Server) -> None:
    with Raw.to(server.port) as raw:
        raw.send(8, b"\x03\xe8")
        ws, _ = server.wait_for("connection")
        assert ws.wait_for("close") == (1000, "")
        raw.until("end")


def test_a_peer_that_goes_on_after_a_fault_is_cut_off(server: Server) -> None:
    with Raw.to(server.port) as raw:
        ws, _ = server.wait_for("connection")
        raw.socket.sendall(b"\x81\x01a")
        for_ever(OSError, raw.socket.sendall, bytes(100_000))  # EPIPE or ECONNRESET
        with pytest.raises(ProtocolError):
            ws.wait_for("close")


def test_a_server_that_never_closes_is_left() -> None:
    with RawServer() as server:
        ws = WebSocket(server.url, close_timeout=0.2)
        with server.accept() as raw:
            ws.wait_for("open")
            ws.close()
            raw.until("close")
            raw.send(8, b"\x03\xe8", masked=False)
            assert ws.wait_for("close") == (1000, "")
            assert raw.until("end") == ("end",)


def test_a_request_that_comes_too_slowly_is_answered_408(server: Server) -> None:
    with Raw.to(server.port, b"") as raw:
        raw.socket.sendall(request(server.port)[:-2])
        assert raw.head().startswith(b"HTTP/1.1 408 ")


def test_a_server_that_does_not_answer_the_handshake() -> None:
    with RawServer() as server:
        ws = WebSocket(server.url, handshake_timeout=0.2)
        with pytest.raises(TimedOut, match=r"took longer than 0\.2 s"):
            ws.wait_for("open")
        assert ws.ready_state == WebSocket.CLOSED
        raw = Raw(server.socket.accept()[0])
        raw.head()
        assert raw.socket.recv(10) == b""
        raw.close()


def test_a_server_that_answers_byte_by_byte_is_in_time_or_not() -> None:
    with RawServer() as server:
        ws = WebSocket(server.url)
        raw = Raw(server.socket.accept()[0])
        server.request = raw.head()
        for byte in response(server.key) + encode(1, b"first"):
            raw.socket.sendall(bytes([byte]))
        assert ws.wait_for("message") == "first"
        ws.terminate()
        raw.close()


# -- who sends too much


def test_endless_fragments_end_at_the_limit(server: Server) -> None:
    with Raw.to(server.port) as raw:
        raw.send(1, b"a" * 100, fin=False)
        for _ in range(9):
            raw.send(0, b"a" * 100, fin=False)
        raw.send(9, b"still")
        assert raw.until("pong") == ("pong", b"still")
        raw.send(0, b"a" * 100, fin=False)
        assert raw.until("close")[1] == 1009


def test_endless_empty_fragments_cost_nothing(server: Server) -> None:
    with Raw.to(server.port) as raw:
        ws, _ = server.wait_for("connection")
        raw.send(1, b"a", fin=False)
        raw.socket.sendall(encode(0, b"", fin=False, key=MASK) * 20_000)
        raw.send(9, b"")
        raw.until("pong")
        assert loop.call(lambda: ws._parser.waits) == 1
        raw.send(0, b"b")
        assert raw.until("text") == ("text", "ab")


def test_a_large_frame_that_is_announced_is_refused_before_it_comes(server: Server) -> None:
    with Raw.to(server.port) as raw:
        raw.socket.sendall(b"\x82\xfe\x04\x01")
        assert raw.until("close")[1] == 1009


def test_a_flood_of_pings_that_nobody_reads_the_answers_of_is_bounded() -> None:
    with websocket.create_server().listen(0) as server, Raw.to(server.port) as raw:
        ws, _ = server.wait_for("connection")
        flood = encode(9, b"x" * 125, key=MASK) * 1000
        for _ in range(100):  # 13 MB
            raw.socket.sendall(flood)
        raw.send(9, b"the last")
        most = 0
        for _ in range(50):
            most = max(most, ws.buffered_amount)
        assert most < 1_000_000
        raw.socket.settimeout(20)
        while raw.until("pong") != ("pong", b"the last"):
            pass
        assert len(ws.history) <= 256


def test_a_client_that_does_not_read_its_echo_is_cut_at_max_queue() -> None:
    with (
        websocket.create_server(lambda ws, request: ws.on("message", ws.send), max_queue=1_000_000).listen(0) as server,
        Raw.to(server.port) as raw,
    ):
        ws, _ = server.wait_for("connection")
        for_ever(OSError, raw.send, 2, bytes(100_000))  # EPIPE or ECONNRESET
        error, of = server.wait_for("client_error")
        assert "max_queue is 1000000" in error.what
        assert of is ws


def test_a_paused_connection_reads_no_more_than_fits() -> None:
    came: list[Any] = []

    def on_connection(ws: WebSocket, request: http.IncomingMessage) -> None:
        ws.on("message", came.append)
        ws.pause()

    with websocket.create_server(on_connection).listen(0) as server, Raw.to(server.port) as raw:
        ws, _ = server.wait_for("connection")
        raw.socket.settimeout(0.3)
        for_ever(TimeoutError, raw.send, 2, bytes(100_000))  # TCP's window closes
        assert came == []
        assert loop.call(lambda: ws._parser.waits + ws.socket.readable_length) < 2_000_000
        ws.terminate()


# -- heartbeat


def test_a_peer_that_does_not_answer_pings_is_cut() -> None:
    with websocket.create_server(ping_interval=0.1).listen(0) as server:
        alive = WebSocket(f"ws://127.0.0.1:{server.port}/")
        alive.wait_for("open")
        with Raw.to(server.port) as raw:
            assert raw.until("ping") == ("ping", b"")
            assert raw.until("end", "close") == ("end",)
        alive.wait_for("ping")
        alive.wait_for("ping")
        assert alive.ready_state == WebSocket.OPEN
        alive.terminate()


# -- pages of another site


def test_a_page_of_another_site_is_refused_and_one_of_ours_is_not(server: Server) -> None:
    with pytest.raises(BadHandshake, match="403"):
        WebSocket(f"ws://127.0.0.1:{server.port}/", origin="http://evil.example").wait_for("open")
    ours = WebSocket(f"ws://127.0.0.1:{server.port}/", origin=f"http://127.0.0.1:{server.port}")
    ours.wait_for("open")
    ours.terminate()
