"""What permessage-deflate is agreed on, and what it does to messages (RFC 7692).

Rule: the vectors are the RFC's; other libraries read what we compress, and we read what they do.
"""

from __future__ import annotations

import os
import zlib
from typing import Any

import pytest
import wsproto.connection
import wsproto.events
import wsproto.extensions
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.websocket import BadHandshake, extensions
from labkit.websocket.codes import TEXT, ProtocolError
from labkit.websocket.deflate import Deflate
from labkit.websocket.extensions import PerMessageDeflate
from labkit.websocket.frames import FIN, Parser, encode, frame
from tests.websocket.test_frames import Taker, bytewise

D = "permessage-deflate"
PLAIN = PerMessageDeflate()


def parser_with(deflate: Deflate, taker: Taker, **limits: Any) -> Parser:
    return Parser(taker, is_server=False, deflate=deflate, **limits)


def client_side(**how: Any) -> Deflate:
    return Deflate(PLAIN._replace(**how), is_server=False)


def server_side(**how: Any) -> Deflate:
    return Deflate(PLAIN._replace(**how), is_server=True)


# -- the grammar of the field


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("a", [("a", [])]), ("a, b", [("a", []), ("b", [])]), ("a;b", [("a", [("b", None)])]),
        ("a; b=1; c", [("a", [("b", "1"), ("c", None)])]), ('a; b="1"', [("a", [("b", "1")])]),
        ('a; b="\\1"', [("a", [("b", "1")])]), (" a ; b = 1 ,c", [("a", [("b", "1")]), ("c", [])]),
    ],
)  # fmt: skip
def test_what_the_field_says(field: str, found: Any) -> None:
    assert extensions.parsed([field]) == found


@pytest.mark.parametrize(
    "field", ["", ",", "a,", "a;", ";", "a;;b", "a=1", "a; b=", 'a; b="x y"', 'a; b="1', "a b", "ä", "a; =1"]
)
def test_what_the_field_cannot_say(field: str) -> None:
    with pytest.raises(BadHandshake) as caught:
        extensions.parsed([field])
    assert caught.value.status == 400


# -- what a server agrees on: the offer, what the server wants, its answer


@pytest.mark.parametrize(
    ("offer", "wish", "answer"),
    [
        (D, {}, D),
        (f"{D}; client_max_window_bits", {}, D),
        (f"{D}; client_max_window_bits", {"client_max_window_bits": 10}, f"{D}; client_max_window_bits=10"),
        (f"{D}; client_max_window_bits=9", {"client_max_window_bits": 10}, f"{D}; client_max_window_bits=9"),
        (f"{D}; client_max_window_bits=12", {}, f"{D}; client_max_window_bits=12"),
        (D, {"client_max_window_bits": 10}, None),
        (f"{D}; server_max_window_bits=10", {}, f"{D}; server_max_window_bits=10"),
        (f"{D}; server_max_window_bits=10", {"server_max_window_bits": 9}, f"{D}; server_max_window_bits=9"),
        (D, {"server_max_window_bits": 9}, f"{D}; server_max_window_bits=9"),
        (f"{D}; server_no_context_takeover", {}, f"{D}; server_no_context_takeover"),
        (f"{D}; client_no_context_takeover", {}, f"{D}; client_no_context_takeover"),
        (D, {"server_no_context_takeover": True, "client_no_context_takeover": True},
         f"{D}; server_no_context_takeover; client_no_context_takeover"),
        ("x-other", {}, None), (f"x-other, {D}", {}, D),
        (f"{D}; unknown", {}, None), (f"{D}; unknown, {D}", {}, D),
        (f"{D}; server_max_window_bits", {}, None), (f"{D}; server_max_window_bits=7", {}, None),
        (f"{D}; server_max_window_bits=16", {}, None), (f"{D}; server_max_window_bits=08", {}, None),
        (f"{D}; server_max_window_bits=+9", {}, None), (f"{D}; client_max_window_bits=x", {}, None),
        (f"{D}; server_no_context_takeover=1", {}, None),
        (f"{D}; server_no_context_takeover; server_no_context_takeover", {}, None),
        (f"{D}; server_max_window_bits=9; server_max_window_bits=10", {}, None),
        (f"{D}; unknown, {D}; server_max_window_bits=9", {}, f"{D}; server_max_window_bits=9"),
        (f'{D}; server_max_window_bits="10"', {}, f"{D}; server_max_window_bits=10"),
    ],
)  # fmt: skip
def test_what_a_server_agrees_on(offer: str, wish: dict[str, Any], answer: str | None) -> None:
    agreed = extensions.answer([offer], PLAIN._replace(**wish))
    assert (None if agreed is None else extensions.response(agreed)) == answer
    assert extensions.answer([offer], None) is None


@pytest.mark.parametrize(
    ("wish", "offer"),
    [
        ({}, f"{D}; client_max_window_bits"),
        ({"client_max_window_bits": 10}, f"{D}; client_max_window_bits=10"),
        ({"server_max_window_bits": 9, "server_no_context_takeover": True},
         f"{D}; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits"),
    ],
)  # fmt: skip
def test_what_a_client_offers(wish: dict[str, Any], offer: str) -> None:
    assert extensions.offer(PLAIN._replace(**wish)) == offer


@pytest.mark.parametrize(
    ("offered", "answer", "agreed"),
    [
        ({}, D, {}), ({}, f"{D}; server_max_window_bits=10", {"server_max_window_bits": 10}),
        ({}, f"{D}; client_max_window_bits=10", {"client_max_window_bits": 10}),
        ({}, f"{D}; server_no_context_takeover", {"server_no_context_takeover": True}),
        ({}, f"{D}; client_no_context_takeover", {"client_no_context_takeover": True}),
        ({"server_max_window_bits": 10}, f"{D}; server_max_window_bits=9", {"server_max_window_bits": 9}),
        ({"server_max_window_bits": 10}, D, None),
        ({"server_max_window_bits": 10}, f"{D}; server_max_window_bits=11", None),
        ({"client_max_window_bits": 10}, f"{D}; client_max_window_bits=11", None),
        ({"client_max_window_bits": 10}, D, {"client_max_window_bits": 10}),
        ({"server_no_context_takeover": True}, D, None), ({}, f"{D}; client_max_window_bits", None),
        ({}, f"{D}; unknown", None), ({}, f"{D}, {D}", None), ({}, "x-other", None),
        ({}, f"{D}; server_max_window_bits=7", None),
    ],
)  # fmt: skip
def test_what_a_client_accepts(offered: dict[str, Any], answer: str, agreed: dict[str, Any] | None) -> None:
    mine = PLAIN._replace(**offered)
    if agreed is None:
        with pytest.raises(BadHandshake):
            extensions.accepted([answer], mine)
    else:
        assert extensions.accepted([answer], mine) == mine._replace(**agreed)
    with pytest.raises(BadHandshake):
        extensions.accepted([answer], None)


# -- messages

# RFC 7692 section 7.2.3, "Hello": frames as a server sends them.
HELLO = [
    ("c107f248cdc9c90700", 1),  # one frame
    ("4103f248cd80" + "04c9c90700", 1),  # two fragments
    ("c107f248cdc9c90700" + "c105f200110000", 2),  # the second with the first one's window
    ("c10b000500faff48656c6c6f00", 1),  # a block without compression
    ("c108f348cdc9c9070000", 1),  # a block that says it is the last one
    ("c10df248050000" + "00ffffcac9c90700", 1),  # two blocks
]


@pytest.mark.parametrize(("wire", "count"), HELLO)
def test_the_examples_of_the_rfc(wire: str, count: int) -> None:
    data = bytes.fromhex(wire)
    for pieces in ([data], bytewise(data)):
        taker = Taker()
        parser = parser_with(client_side(), taker)
        for piece in pieces:
            parser.feed(piece)
        assert taker.told == [("text", "Hello")] * count
    if count == 1:  # and the connection goes on
        parser.feed(data)
        assert taker.told == [("text", "Hello")] * 2


def test_what_we_write_is_the_rfcs_example() -> None:
    mine = server_side()
    assert mine.deflate(b"Hello", True).hex() == "f248cdc9c90700"
    assert mine.deflate(b"Hello", True).hex() == "f200110000"
    fresh = server_side(server_no_context_takeover=True)
    assert [fresh.deflate(b"Hello", True).hex() for _ in range(2)] == ["f248cdc9c90700"] * 2


@pytest.mark.parametrize("bits", range(8, 16))
def test_a_smaller_window_reads_what_we_write_with_it(bits: int) -> None:
    """Also one of 8 bits, which zlib does not write by itself."""
    data = b"".join(bytes([number % 251]) * 3 + b"pattern" for number in range(3000))
    mine = server_side(server_max_window_bits=bits)
    inflater = zlib.decompressobj(-bits)
    for _ in range(3):
        assert inflater.decompress(mine.deflate(data, True) + b"\0\0\xff\xff") == data


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(st.tuples(st.binary(max_size=300), st.integers(1, 4)), max_size=5),
    fresh=st.booleans(), bits=st.integers(8, 15), compressed=st.booleans(),
)  # fmt: skip
def test_what_one_side_writes_the_other_reads(
    messages: list[tuple[bytes, int]], fresh: bool, bits: int, compressed: bool
) -> None:
    how = {"server_no_context_takeover": fresh, "server_max_window_bits": bits}
    mine, taker = server_side(**how), Taker()
    parser = parser_with(client_side(**how), taker)
    for message, count in messages:
        step = -(-len(message) // count) or 1
        pieces = [message[at : at + step] for at in range(0, len(message), step)] or [b""]
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            payload = mine.deflate(piece, last) if compressed else piece
            first = (FIN if last else 0) | (0 if number else 0x42 if compressed else 0x02)
            for part in bytewise(frame(first, payload, None)):
                parser.feed(part)
    assert taker.told == [("binary", message) for message, _ in messages]


def test_wsproto_reads_what_we_write_and_writes_what_we_read() -> None:
    theirs = wsproto.extensions.PerMessageDeflate()
    theirs.finalize(D)
    connection = wsproto.connection.Connection(wsproto.connection.ConnectionType.CLIENT, extensions=[theirs])
    mine, taker = server_side(), Taker()
    parser = Parser(taker, is_server=True, deflate=mine)
    for number in range(20):
        text = f"message {number} " * 20
        connection.receive_data(frame(0xC1, mine.deflate(text.encode(), True), None))
        events = list(connection.events())
        assert "".join(each.data for each in events if isinstance(each, wsproto.events.TextMessage)) == text
        parser.feed(connection.send(wsproto.events.TextMessage(data=text)))
    assert taker.told == [("text", f"message {number} " * 20) for number in range(20)]


# -- what is malformed, and what is a bomb


def fault(data: bytes, **limits: Any) -> int:
    parser = parser_with(client_side(), Taker(), **limits)
    with pytest.raises(ProtocolError) as caught:
        [parser.feed(piece) for piece in bytewise(data)]
    whole = parser_with(client_side(), Taker(), **limits)
    with pytest.raises(ProtocolError, match=str(caught.value.what)):
        whole.feed(data)
    return int(caught.value.code)


def test_what_cannot_be_inflated() -> None:
    assert fault(encode(TEXT, b"\xff\xff\xff", rsv=4)) == 1007
    assert fault(encode(TEXT, server_side().deflate(b"a\xff", True), rsv=4)) == 1007  # inflates, but is not UTF-8
    assert fault(encode(0, b"a", rsv=4)) == 1002
    assert fault(encode(TEXT, b"\xf2\x48", rsv=4, fin=False) + encode(0, b"\xcd", rsv=4)) == 1002  # RSV1 in the second
    assert fault(encode(9, b"", rsv=4)) == 1002
    assert fault(encode(TEXT, b"", rsv=6)) == 1002


def test_a_bomb_is_refused_before_it_is_large() -> None:
    bomb = server_side().deflate(bytes(50_000_000), True)
    assert len(bomb) < 60_000
    assert fault(encode(2, bomb, rsv=4), max_message_size=100_000) == 1009
    exact = server_side().deflate(bytes(100_000), True)
    taker = Taker()
    parser_with(client_side(), taker, max_message_size=100_000).feed(encode(2, exact, rsv=4))
    assert taker.told == [("binary", bytes(100_000))]
    assert fault(encode(2, server_side().deflate(bytes(100_001), True), rsv=4), max_message_size=100_000) == 1009


def test_a_bomb_in_many_fragments_is_refused() -> None:
    mine = server_side()
    wire = b"".join(
        encode(0 if number else 2, mine.deflate(bytes(10_000), number == 99), fin=number == 99, rsv=0 if number else 4)
        for number in range(100)
    )
    assert fault(wire, max_message_size=500_000) == 1009


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0x41, 0x42, 0xC1, 0xC2, 0x00, 0x80, 0x89]), st.binary(max_size=60)), max_size=6
    ),
    st.booleans(),
)
def test_any_compressed_bytes_are_messages_or_a_protocol_error(frames: list[tuple[int, bytes]], fresh: bool) -> None:
    taker = Taker()
    parser = parser_with(client_side(server_no_context_takeover=fresh), taker, max_message_size=1000)
    for first, payload in frames:
        try:
            parser.feed(frame(first, payload, None))
        except ProtocolError as error:
            taker.told.append(("fault", b"", error.code))
            break
        assert parser.waits <= 1000
    assert all(each[2] in (1002, 1007, 1009) for each in taker.told if each[0] == "fault")
    assert all(len(each[1]) <= 1000 for each in taker.told)


def test_last_blocks_without_end_are_refused() -> None:
    assert fault(encode(2, b"\x03\x00" * 1000, rsv=4)) == 1007


def test_what_cannot_be_compressed_may_be_larger_than_the_limit_while_packed() -> None:
    data = os.urandom(10_000)
    packed = server_side().deflate(data, True)
    assert len(packed) > 10_000
    taker = Taker()
    parser = parser_with(client_side(), taker, max_message_size=10_000)
    parser.feed(encode(2, packed, rsv=4))
    assert taker.told == [("binary", data)]
