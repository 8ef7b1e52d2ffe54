"""Lines of curl beside packets: what belongs to which packet, and what no line shows.

Rule: the tapes are made by sockets of ours, so that each byte and each cut is known.
"""

from __future__ import annotations

import socket as stock

import pytest

from labkit import capture, net
from labkit.packets import Tape
from labkit.programs import Beside
from tests.needs import need_live_capture

REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PRINTED = (
    "*   Trying\n> GET / HTTP/1.1\n> Host: a\n> \n"
    "< HTTP/1.1 200 OK\n< Transfer-Encoding: chunked\n< \nhello\n* end"
)


def exchange(*pieces: str, asked: str = REQUEST) -> Tape:
    """A connection on which a request gets an answer in these pieces, each in a packet of its own."""
    need_live_capture()
    with net.create_server(pause_on_connect=True).listen(0) as server:
        port = server.port
        with capture(port) as tape, stock.create_connection(("127.0.0.1", port)) as client:
            peer = server.wait_for("connection").set_no_delay(True)
            client.sendall(asked.encode())
            for piece in pieces:
                peer.write(piece)
                assert client.recv(len(piece), stock.MSG_WAITALL) == piece.encode()
            peer.resume().end()
            assert client.recv(1) == b""
            client.close()
    return tape


def carrying(tape: Tape) -> list[int]:
    return [packet.number for packet in tape if packet.length]


def test_each_line_has_its_packet() -> None:
    tape = exchange(HEAD, "6\r\nhello\n\r\n0\r\n\r\n")
    request, head, body = carrying(tape)
    beside = Beside(PRINTED, tape)
    assert [line.packets for line in beside.lines] == [
        (), *[(request,)] * 3, *[(head,)] * 3, (body,), (),
    ]  # fmt: skip
    assert beside.unprinted == b"6\r\n\r\n0\r\n\r\n"
    assert set(beside.silent) == {packet.number for packet in tape} - {request, head, body}
    lines = repr(beside).splitlines()
    assert lines[0] == "curl's own         *   Trying"
    assert lines[7] == f"packet {body}           hello"
    assert lines[-1].startswith("the other packets  no data")


def test_a_line_in_two_packets() -> None:
    tape = exchange(HEAD[:10], HEAD[10:] + "6\r\nhello\n\r\n0\r\n\r\n")
    _, first, second = carrying(tape)
    status = Beside(PRINTED, tape).lines[4]
    assert status.packets == (first, second)
    assert status.place == f"packets {first}, {second}"


def test_two_requests_on_one_connection() -> None:
    tape = exchange("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", asked=REQUEST * 2)
    _, first, second = carrying(tape)
    lines = Beside("< HTTP/1.1 204 No Content\n< \n< HTTP/1.1 204 No Content", tape).lines
    assert [line.packets for line in lines] == [(first,), (first,), (second,)]


@pytest.mark.parametrize("text", ["< HTTP/1.1 404 Not Found", "> Host: b", "something else", "* Host: a"])
def test_what_is_in_no_packet_is_curls_own(text: str) -> None:
    assert [line.place for line in Beside(text, exchange(HEAD)).lines] == ["curl's own"]


def test_without_packets() -> None:
    beside = Beside(PRINTED, Tape())
    assert {line.place for line in beside.lines} == {"curl's own"}
    assert (beside.unprinted, beside.silent) == (b"", ())


def test_what_comes_off_the_wire_is_escaped() -> None:
    page = Beside("<script>\n* <b>", Tape())._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
