"""A message as it was sent: every byte in a row, every row with its packet, nothing from the wire as markup."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import groups, style
from labkit.draw.message import FILL
from labkit.draw.message_rows import BODY_LINES, ROWS, WORDS, Row, rows_of
from labkit.packets.messages import Message
from tests.draw.http_tapes import CHUNKED, GET, HELLO, PORT, Wire, hello, pipelined, upload
from tests.draw.markup import check_layout, parse, texts
from tests.draw.pages import cells, page_of, summaries
from tests.draw.test_style import THEMES, seen


def asked(data: bytes) -> Message:
    return Wire().open().client(10, data).tape().messages[0]


def answered(data: bytes) -> Message:
    return Wire().open().client(10, GET).server(20, data).tape().messages[1]


def drawn(message: Message) -> list[str]:
    """The texts of the picture, which is checked."""
    root = parse(draw.message(message).svg)
    check_layout(root)
    assert int(root.get("height", "0")) <= 800
    return texts(root)


def words(row: Row) -> str:
    return "".join({"CR": "\\r", "LF": "\\n"}[run.text] if run.mark else run.text for run in row.runs)


def test_a_request_in_words() -> None:
    assert repr(draw.message(hello().messages[0])).split("\n") == [
        "HTTP request: 78 bytes in packet 4",
        "  client → server, answered by 200 OK",
        "  request line                 GET / HTTP/1.1\\r\\n",
        "  header field                 Host: localhost:1337\\r\\n",
        "  header field                 User-Agent: (changes)\\r\\n",
        "  header field                 Accept: */*\\r\\n",
        "  empty line: ends the header  \\r\\n",
    ]


def test_a_value_that_changes_is_in_the_picture_and_not_in_the_words() -> None:
    message = hello().messages[1]
    assert "Date: (changes)\\r\\n" in repr(draw.message(message))
    assert "Thu, 26 Nov 2026 20:00:00 GMT" in drawn(message)


def test_line_ends_are_signs() -> None:
    found = drawn(hello().messages[1])
    assert found.count("CR") == 5  # a body's LF alone has no CR
    assert found.count("LF") == 6


def test_each_row_says_its_packets_if_there_are_several() -> None:
    lines = repr(draw.message(upload().messages[2])).split("\n")
    assert lines[0] == "HTTP response: 103 bytes in 2 packets"
    assert [line.split()[1] for line in lines[2:8]] == ["10"] * 5 + ["10,"]
    assert lines[7].split("  ")[1:3] == ["packet 10, 12", "chunk data"]
    found = drawn(upload().messages[2])
    assert [text for text in found if text in ("10", "10, 12", "12")] == ["10", "10, 12", "12"]
    assert "packet" not in drawn(hello().messages[1])


def test_chunks_and_trailers_are_named() -> None:
    found = drawn(answered(CHUNKED))
    for said in ("chunk size: 6 bytes follow", "chunk data", "chunk size: no more data: the body ends", "trailer field",
                 "empty line: ends the header", "empty line: ends the message"):  # fmt: skip
        assert said in found
    assert found.count("chunk data") == 2


def test_a_long_body_is_cut_and_its_rest_counted() -> None:
    body = b"".join(b"line %d\n" % number for number in range(300))
    message = answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    found = drawn(message)
    shown = [text for text in found if text.startswith("line ")]
    assert len(shown) == BODY_LINES
    left = len(body) - len("".join(f"{line}\n" for line in shown))
    assert f"… {left:,} more bytes" in found


def test_a_long_line_is_broken_and_cut() -> None:
    message = asked(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n")
    found = drawn(message)
    assert len([text for text in found if text.endswith("more bytes")]) == 2
    assert "Host" in found


def test_a_body_that_is_no_text_is_hex() -> None:
    found = drawn(answered(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n" + bytes(range(200, 218))))
    assert "c8 c9 ca cb cc cd ce cf d0 d1 d2 d3 d4 d5 d6 d7  ················" in found


def test_what_a_compressed_body_holds() -> None:
    body = gzip.compress(b"Hello, World\n" * 20, mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    found = drawn(answered(head + body))
    assert [text for text in found if text.startswith("without gzip the body has 260 bytes “Hello, World\\n")]


def test_missing_bytes_are_shown_as_missing() -> None:
    run = Wire().open().client(10, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n" + b"a" * 100)
    message = run.missed("client", b"b" * 100).client(20, b"c" * 100).tape().messages[0]
    found = drawn(message)
    assert "100 bytes missing" in found
    assert "cut: 100 bytes of the body are missing" in found
    assert "missing, or wrong" in found
    assert not [text for text in found if "\\0" in text or "00 00" in text]
    assert "packet none" in repr(draw.message(message))


def test_missing_bytes_are_named_though_the_middle_is_left_out() -> None:
    fields = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(40))
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n" + fields + b"\r\n"
    run = Wire().open().client(10, head + b"a" * 30)
    message = run.missed("client", b"b" * 30).client(20, b"\n" * 30).tape().messages[0]
    assert "30 bytes missing" in drawn(message)


def test_many_fields_keep_the_first_and_the_last_rows() -> None:
    fields = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(60))
    found = drawn(asked(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"))
    assert "X-0" in found
    assert "X-59" in found
    assert [text for text in found if text.startswith("… ") and "more lines, " in text]


def test_malformed() -> None:
    message = asked(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET / HTTP/1.1\r\n\r\n")
    found = drawn(message)
    assert "malformed" in found
    assert [text for text in found if text.startswith("malformed: a chunk begins with its size")]


def test_one_of_several_messages_of_a_packet() -> None:
    one, other = pipelined().messages[:2]
    assert "GET /0" in "".join(run.text for run in rows_of(one, 600)[0].runs)
    assert "/1" in drawn(other)
    assert "/0" not in drawn(other)


def test_what_the_wire_sends_is_text() -> None:
    bad = b"<script>alert(1)</script>&\xe2\x80\xae\x1b[31m\xff"
    message = asked(b"GET /<img/src=x> HTTP/1.1\r\nHost: " + bad + b"\r\nContent-Length: 9\r\n\r\n<script>&")
    picture = draw.message(message)
    found = "".join(drawn(message))
    assert "<script>alert(1)</script>&\\u202e\\x1b[31m\\xff" in found
    page = page_of(picture)  # parses, and holds no element but those of ours
    assert [row for row in cells(page) if "<script>alert(1)</script>&" in row[2]]
    assert "\u202e" not in picture.svg + repr(picture)
    assert "<script" not in picture.svg


def test_the_table_names_every_part() -> None:
    page = page_of(draw.message(hello().messages[1]))
    rows = cells(page)
    why = "How many bytes the body has: so the receiver knows where it ends."
    assert ["Content-Length", "80-99", "13", why] in rows
    assert ["Colon", "94", ":", "Stands directly behind the name: a space before it is an error."] in rows
    assert summaries(page) == ["the 7 parts by name", "… and 13 parts between them: spaces, colons, line ends"]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("kind", ["normal", "protan", "deutan"])
def test_the_colours_can_be_told_apart(theme: style.Theme, kind: str) -> None:
    fills = [groups.FILLS[theme][group] for group in FILL]
    assert len(set(fills)) == len(WORDS) == len(FILL)
    for one, other in combinations(fills, 2):
        apart = sum((a - b) ** 2 for a, b in zip(seen(one, kind), seen(other, kind), strict=True)) ** 0.5
        assert apart > 0.03, (one, other)
    for fill in fills:
        assert style.contrast(theme.ink, fill) >= 4.5


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.integers(0, 80))
def test_every_byte_is_in_a_row(junk: bytes, chunked: bool, cut: int) -> None:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(junk)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(junk), junk) if chunked and junk else b"0\r\n\r\n" if chunked else junk
    data = b"POST /x HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + body
    message = asked(data[: max(len(data) - cut, 30)] if cut < 60 else data)
    rows = rows_of(message, 500)
    assert len(rows) <= ROWS + 8
    assert [rows[0].start, rows[-1].stop] == [message.start, message.stop]
    assert all(one.stop == two.start for one, two in pairwise(rows))
    drawn(message)


@pytest.mark.parametrize("thing", [None, 3, "x", b"GET", object(), [], hello(), hello()[0]])
def test_what_is_not_a_message(thing: Any) -> None:
    with pytest.raises(LabError, match=r"cannot draw a message of .*tape\.messages"):
        draw.message(thing)


@pytest.mark.parametrize("call", [lambda: draw.message(), lambda: draw.message(hello().messages[0], 3)])
def test_names_of_arguments(call: Callable[[], object]) -> None:
    with pytest.raises(LabError, match=r"message\(\)"):
        call()


def test_the_preface_of_http_2() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    message = Wire().open().client(10, preface + bytes(9)).tape().messages[0]
    assert message.kind == "preface"
    assert repr(draw.message(message)).startswith("HTTP preface: 24 bytes in packet 4")
    drawn(message)


def test_hello_is_what_it_should_be() -> None:
    assert [words(row) for row in rows_of(answered(HELLO), 600)][-1] == "Hello, World\\n"
    assert PORT == 50001
