"""The frame codec: the RFC's examples, every split, everything malformed, and two other libraries as oracles.

Rule: bytes and calls only; no socket. What the parser tells must not depend on how the bytes are cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
import websockets.frames
import wsproto.connection
import wsproto.events
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.protocol import Protocol, Side, State

from labkit.core.errors import BadArgument
from labkit.websocket import frames
from labkit.websocket.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Parser, ProtocolError, encode

KEY = b"\x37\xfa\x21\x3d"  # of the RFC's examples
SEVENS = b"\7" * 65536


class Taker:
    """Writes down what the parser tells; a fault is told last, as ("fault", code)."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_text(self, text: str) -> None:
        self.told.append(("text", text))

    def on_binary(self, data: bytes) -> None:
        assert type(data) is bytes
        self.told.append(("binary", data))

    def on_ping(self, data: bytes) -> None:
        self.told.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.told.append(("pong", data))

    def on_close(self, code: int, reason: str) -> None:
        self.told.append(("close", code, reason))


def parsed(pieces: Iterable[bytes], *, is_server: bool = True, **limits: Any) -> list[tuple[Any, ...]]:
    taker = Taker()
    parser = Parser(taker, is_server=is_server, **limits)
    try:
        for piece in pieces:
            parser.feed(piece)
    except ProtocolError as error:
        taker.told.append(("fault", error.code))
    return taker.told


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


# RFC 6455 section 5.7: who sends it, the bytes, what they mean, how encode makes them.
EXAMPLES: list[tuple[str, str, list[tuple[Any, ...]], list[tuple[Any, ...]]]] = [
    ("server", "810548656c6c6f", [("text", "Hello")], [(TEXT, b"Hello", True, None)]),
    ("client", "818537fa213d7f9f4d5158", [("text", "Hello")], [(TEXT, b"Hello", True, KEY)]),
    ("server", "010348656c80026c6f", [("text", "Hello")], [(TEXT, b"Hel", False, None), (0, b"lo", True, None)]),
    ("server", "890548656c6c6f", [("ping", b"Hello")], [(PING, b"Hello", True, None)]),
    ("client", "8a8537fa213d7f9f4d5158", [("pong", b"Hello")], [(PONG, b"Hello", True, KEY)]),
    ("server", "827e0100" + "07" * 256, [("binary", b"\7" * 256)], [(BINARY, b"\7" * 256, True, None)]),
    ("server", "827f0000000000010000" + "07" * 65536, [("binary", SEVENS)], [(BINARY, SEVENS, True, None)]),
]  # fmt: skip


@pytest.mark.parametrize(("who", "wire", "told", "made"), EXAMPLES)
def test_the_examples_of_the_rfc(who: str, wire: str, told: list[Any], made: list[Any]) -> None:
    data = bytes.fromhex(wire)
    assert parsed([data], is_server=who == "client") == told
    assert b"".join(encode(code, payload, fin=fin, key=key) for code, payload, fin, key in made) == data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000])
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_lengths_as_another_library_writes_them(opcode: int, size: int, key: bytes | None) -> None:
    payload = b"z" * size
    made = encode(opcode, payload, key=key)
    head = 2 if size < 126 else 4 if size < 65536 else 10
    assert len(made) == head + (4 if key else 0) + size
    read = list(other_frames(made, masked=key is not None))
    assert [(int(each.opcode), each.data, each.fin) for each in read] == [(opcode, payload, True)]
    assert parsed([made], is_server=key is not None) == [
        ("text", payload.decode()) if opcode == TEXT else ("binary", payload)
    ]


def other_frames(data: bytes, *, masked: bool) -> list[websockets.frames.Frame]:
    protocol = Protocol(Side.SERVER if masked else Side.CLIENT, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    return [each for each in protocol.events_received() if isinstance(each, websockets.frames.Frame)]


def test_encode_writes_what_breaks_the_rules_too() -> None:
    assert encode(3, rsv=5) == bytes([0x80 | 5 << 4 | 3, 0])
    assert encode(PING, "ä" * 100, fin=False)[:4] == bytes([0x09, 126, 0, 200])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"opcode": 16}, "an opcode"), ({"opcode": -1}, "an opcode"), ({"opcode": "1"}, "an opcode"),
        ({"opcode": 1, "rsv": 8}, "RSV1"), ({"opcode": 1, "key": b"abc"}, "masking key"),
        ({"opcode": 1, "key": "abcd"}, "masking key"), ({"opcode": 1, "payload": 5}, "only bytes or text"),
    ],
)  # fmt: skip
def test_encode_refuses_what_no_frame_can_hold(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(BadArgument, match=named):
        encode(**arguments)


# -- malformed: name, bytes, the close code, and after how many bytes it is known


def client(opcode: int, payload: bytes = b"", **how: Any) -> bytes:
    return encode(opcode, payload, key=KEY, **how)


BAD: list[tuple[str, bytes, int, int]] = [
    ("not masked", encode(TEXT, b"a"), 1002, 2),
    ("RSV1", client(TEXT, b"a", rsv=4), 1002, 2),
    ("RSV2", client(TEXT, b"a", rsv=2), 1002, 2),
    ("RSV3", client(BINARY, b"a", rsv=1), 1002, 2),
    ("all RSV of a ping", client(PING, rsv=7), 1002, 2),
    *((f"opcode {code}", client(code, b"a"), 1002, 2) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("a fragmented ping", client(PING, b"a", fin=False), 1002, 2),
    ("a fragmented pong", client(PONG, b"a", fin=False), 1002, 2),
    ("a fragmented close", client(CLOSE, b"\x03\xe8", fin=False), 1002, 2),
    ("a ping of 126 bytes", client(PING, b"a" * 126), 1002, 2),
    ("a ping of 65,536 bytes", client(PING, b"a" * 65536), 1002, 2),
    ("a close of 126 bytes", client(CLOSE, b"\x03\xe8" + b"a" * 124), 1002, 2),
    ("a continuation of nothing", client(CONTINUATION, b"a"), 1002, 2),
    ("an unfinished continuation of nothing", client(CONTINUATION, b"a", fin=False), 1002, 2),
    ("text inside a message", client(TEXT, b"a", fin=False) + client(TEXT, b"b"), 1002, 9),
    ("binary inside a message", client(TEXT, b"a", fin=False) + client(BINARY, b"b"), 1002, 9),
    ("a continuation after the last", client(TEXT, b"a", fin=False) + client(0, b"b") + client(0, b"c"), 1002, 16),
    ("a length of 5 in 16 bits", bytes([0x81, 0x80 | 126, 0, 5]) + KEY + b"aaaaa", 1002, 4),
    ("a length of 65,535 in 64 bits", bytes([0x82, 0xFF, *(65535).to_bytes(8, "big")]) + KEY, 1002, 10),
    ("the highest bit of a length", bytes([0x82, 0xFF, 0x80, *bytes(7)]) + KEY, 1002, 10),
    ("a frame that is too large", bytes([0x82, 0xFF, 0x7F, *b"\xff" * 7]) + KEY, 1009, 10),
    ("a message that is too large", client(BINARY, bytes(600), fin=False) + client(0, bytes(425)), 1009, 612),
    ("text that is not UTF-8", client(TEXT, b"ab\xff"), 1007, 9),
    ("text that ends in a character", client(TEXT, b"ab\xc3"), 1007, 9),
    ("a surrogate", client(TEXT, b"\xed\xa0\x80"), 1007, 8),
    ("beyond U+10FFFF", client(TEXT, b"\xf4\x90\x80\x80"), 1007, 8),
    ("an overlong slash", client(TEXT, b"\xc0\xaf"), 1007, 7),
    ("a bad byte in an unfinished frame", client(TEXT, b"ab\xffcd" + b"e" * 100), 1007, 9),
    ("a bad byte in the second fragment", client(TEXT, b"\xc3", fin=False) + client(0, b"(", fin=False), 1007, 14),
    ("a close of 1 byte", client(CLOSE, b"a"), 1002, 2),
    *(
        (f"close code {code}", client(CLOSE, code.to_bytes(2, "big")), 1002, 8)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    ),
    ("a reason that is not UTF-8", client(CLOSE, b"\x03\xe8\xff"), 1007, 9),
    ("a reason that ends in a character", client(CLOSE, b"\x03\xe8\xc3"), 1007, 9),
]  # fmt: skip

LIMIT = 1024


@pytest.mark.parametrize(("wire", "code", "known"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_what_is_malformed_has_its_close_code(wire: bytes, code: int, known: int) -> None:
    assert parsed([wire], max_message_size=LIMIT)[-1] == ("fault", code)
    assert parsed(bytewise(wire), max_message_size=LIMIT)[-1] == ("fault", code)
    assert parsed(bytewise(wire[:known]), max_message_size=LIMIT)[-1] == ("fault", code)  # as soon as it can be known
    assert ("fault", code) not in parsed(bytewise(wire[: known - 1]), max_message_size=LIMIT)


def test_a_masked_frame_is_malformed_for_a_client() -> None:
    assert parsed([client(TEXT, b"a")], is_server=False) == [("fault", 1002)]
    assert parsed([encode(TEXT, b"a")], is_server=False) == [("text", "a")]


def test_limits_count_bytes_of_a_frame_and_of_a_message() -> None:
    assert parsed([client(BINARY, bytes(LIMIT))], max_message_size=LIMIT) == [("binary", bytes(LIMIT))]
    assert parsed([client(BINARY, bytes(LIMIT + 1))], max_message_size=LIMIT) == [("fault", 1009)]
    limits = {"max_message_size": LIMIT, "max_frame_size": 10}
    assert parsed([client(BINARY, bytes(10)), client(BINARY, bytes(11))], **limits) == [
        ("binary", bytes(10)), ("fault", 1009),
    ]  # fmt: skip
    assert parsed([client(PING, bytes(11))], **limits) == [("ping", bytes(11))]
    assert parsed([client(TEXT)], max_message_size=0) == [("text", "")]


def test_nothing_is_told_after_a_close_or_a_fault() -> None:
    assert parsed([client(CLOSE) + client(TEXT, b"a"), client(TEXT, b"b")]) == [("close", 1005, "")]
    taker = Taker()
    parser = Parser(taker, is_server=True)
    with pytest.raises(ProtocolError):
        parser.feed(encode(TEXT, b"a"))
    parser.feed(client(TEXT, b"b"))
    assert taker.told == []
    assert parser.over
    assert parser.waits == 0


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
def test_codes_that_a_close_frame_may_carry(code: int) -> None:
    assert parsed([client(CLOSE, code.to_bytes(2, "big") + "grüße".encode())]) == [("close", code, "grüße")]
    assert frames.close_payload(code, "grüße") == code.to_bytes(2, "big") + "grüße".encode()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, "1000", True, 1000.0])
def test_codes_that_no_close_frame_may_carry(code: Any) -> None:
    with pytest.raises(BadArgument, match="close code"):
        frames.close_payload(code)


def test_a_reason_has_room_for_123_bytes() -> None:
    assert len(frames.close_payload(1000, "ä" * 61 + "a")) == 125
    with pytest.raises(BadArgument, match="124 bytes"):
        frames.close_payload(1000, "ä" * 62)
    with pytest.raises(BadArgument, match="before it"):
        frames.close_payload(None, "a")
    assert frames.close_payload(None) == b""


# -- stopping


def test_what_comes_while_stopped_is_told_later() -> None:
    taker = Taker()
    parser = Parser(taker, is_server=True)
    parser.stopped = True
    parser.feed(client(TEXT, b"a"))
    parser.feed(client(TEXT, b"b") + client(TEXT, b"c")[:3])
    assert (taker.told, parser.waits) == ([], 17)
    parser.go_on()
    parser.feed(client(TEXT, b"c")[3:])
    assert taker.told == [("text", "a"), ("text", "b"), ("text", "c")]


def test_a_listener_may_stop_the_parser_between_two_frames() -> None:
    taker = Taker()
    parser = Parser(taker, is_server=True)

    def on_ping(data: bytes) -> None:
        parser.stopped = True

    taker.on_ping = on_ping  # type: ignore[method-assign]
    parser.feed(client(PING) + client(TEXT, b"a") + client(PING) + client(TEXT, b"b"))
    assert taker.told == []
    parser.go_on()
    assert taker.told == [("text", "a")]
    parser.go_on()
    assert taker.told == [("text", "a"), ("text", "b")]


# -- every split

LONG = "grüße €uro 𝄞 " * 12
STREAMS = {
    "small": client(TEXT, b"hello world!") + client(BINARY, b"\0\1\2") + client(PING, b"p")
    + client(CLOSE, b"\x03\xe8ok"),
    "fragments": client(TEXT, "gr\u00fc".encode()[:3], fin=False) + client(PING, b"x") + client(0, b"", fin=False)
    + client(0, "\u00fc\U0001d11e".encode()[1:5], fin=False) + client(PONG) + client(0, "\U0001d11e".encode()[3:]),
    "16 bits": client(TEXT, LONG.encode()) + client(BINARY, bytes(range(256))),
    "empty": client(TEXT) + client(BINARY) + client(PING) + client(PONG) + client(TEXT, fin=False) + client(0),
    "bad in the middle": client(TEXT, b"ok") + client(TEXT, b"ab\xffcd" * 3) + client(TEXT, b"never"),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_every_split_tells_the_same(name: str) -> None:
    wire = STREAMS[name]
    whole = parsed([wire])
    assert whole
    assert parsed(bytewise(wire)) == whole
    for cut in range(len(wire) + 1):
        assert parsed([wire[:cut], wire[cut:]]) == whole
        assert parsed([bytearray(wire[:cut]), memoryview(wire)[cut:]]) == whole


def test_every_two_cuts_of_a_short_stream_tell_the_same() -> None:
    wire = STREAMS["fragments"]
    whole = parsed([wire])
    for first in range(len(wire)):
        for second in range(first, len(wire)):
            assert parsed([wire[:first], wire[first:second], wire[second:]]) == whole


# -- any bytes


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(each % (len(data) + 1) for each in at)})
    return [data[a:b] for a, b in pairwise(places)]


def frame_strategy(masked: bool) -> Any:
    """Frames that may well be allowed, so that a stream of them goes deep."""
    return st.builds(
        encode,
        st.sampled_from([0, 0, 1, 1, 2, 2, 9, 10, 8, 3]),
        st.one_of(
            st.binary(max_size=20), st.text(max_size=10).map(str.encode),
            st.sampled_from([b"", b"\x03\xe8", b"\x03\xe8bye", b"a" * 126, "ä".encode()[:1], b"\xf4\x90", b"\x03\xed"]),
        ),
        fin=st.sampled_from([True, True, False]),
        rsv=st.sampled_from([0] * 15 + [4]),
        key=st.binary(min_size=4, max_size=4) if masked else st.none(),
    )  # fmt: skip


WIRES = st.lists(frame_strategy(True), max_size=8).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), WIRES), st.lists(st.integers(0, 500), max_size=6))
def test_any_bytes_are_frames_or_a_protocol_error(data: bytes, at: list[int]) -> None:
    whole = parsed([data], max_message_size=64)
    pieces = cut(data, at)
    assert parsed(pieces, max_message_size=64) == whole
    taker = Taker()
    parser = Parser(taker, is_server=True, max_message_size=64)
    for piece in pieces:
        try:
            parser.feed(piece)
        except ProtocolError:
            break
        assert parser.waits <= 64 + 139  # a message, and the longest header or control frame less one byte


# -- oracles: they read what we send, and we agree on what is sent to both


def told_by_wsproto(pieces: list[bytes], *, is_server: bool) -> list[tuple[Any, ...]]:
    kind = wsproto.connection.ConnectionType.SERVER if is_server else wsproto.connection.ConnectionType.CLIENT
    connection = wsproto.connection.Connection(kind)
    told: list[tuple[Any, ...]] = []
    parts: list[Any] = []
    for piece in pieces:
        connection.receive_data(piece)
        for event in connection.events():
            if isinstance(event, (wsproto.events.TextMessage, wsproto.events.BytesMessage)):
                parts.append(event.data)
                if event.message_finished:
                    text = isinstance(event, wsproto.events.TextMessage)
                    told.append(("text", "".join(parts)) if text else ("binary", b"".join(parts)))
                    parts = []
            elif isinstance(event, wsproto.events.Ping):
                told.append(("ping", bytes(event.payload)))
            elif isinstance(event, wsproto.events.Pong):
                told.append(("pong", bytes(event.payload)))
            elif isinstance(event, wsproto.events.CloseConnection):
                if connection.state is wsproto.connection.ConnectionState.OPEN:  # it was no frame that said so
                    return [*told, ("fault", int(event.code))]
                return [*told, ("close", int(event.code), event.reason or "")]
    return told


@settings(max_examples=150, deadline=None)
@given(WIRES, st.lists(st.integers(0, 500), max_size=4))
def test_wsproto_tells_the_same(wire: bytes, at: list[int]) -> None:
    ours, theirs = parsed(cut(wire, at)), told_by_wsproto(cut(wire, at), is_server=True)
    assert ours == theirs


def told_by_websockets(data: bytes) -> list[tuple[Any, ...]]:
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    told: list[tuple[Any, ...]] = []
    kind, parts = 0, b""
    for each in protocol.events_received():
        assert isinstance(each, websockets.frames.Frame)
        if each.opcode == CLOSE:
            close = websockets.frames.Close.parse(each.data)
            told.append(("close", int(close.code), close.reason))
        elif each.opcode in (PING, PONG):
            told.append(("ping" if each.opcode == PING else "pong", each.data))
        else:
            kind, parts = (each.opcode, each.data) if each.opcode else (kind, parts + each.data)
            if each.fin:
                try:
                    told.append(("text", parts.decode()) if kind == TEXT else ("binary", parts))
                except UnicodeDecodeError:  # their connections do this, not their protocol
                    return [*told, ("fault", 1007)]
    if protocol.parser_exc is not None and not any(each[0] == "close" for each in told):
        if str(protocol.parser_exc) == "incomplete fragmented message":  # before a close: no rule forbids that
            return [*told, ("cut short",)]
        assert protocol.close_sent is not None
        told.append(("fault", int(protocol.close_sent.code)))
    return told


@settings(max_examples=150, deadline=None)
@given(WIRES)
@example(bytes.fromhex("01 81 00000000 80  89 80 00000000  88 80 00000000"))  # half a letter, a ping, a close
def test_websockets_tells_the_same(wire: bytes) -> None:
    ours, theirs = parsed([wire]), told_by_websockets(wire)
    if ours and ours[-1] == ("fault", 1007) and theirs != ours:
        # They look at text when the message is whole; we look at its first bytes already.
        assert theirs[: len(ours) - 1] == ours[:-1]
    elif theirs and theirs[-1] == ("cut short",):
        assert ours[-1][0] == "close"
        assert ours[:-1] == theirs[:-1]
    elif theirs and theirs[-1] == ("fault", 1007):  # a close frame with a bad code and a bad reason
        assert ours == [*theirs[:-1], ("fault", 1002)] or ours == theirs
    else:
        assert ours == theirs


SENT = st.lists(
    st.tuples(
        st.sampled_from([TEXT, BINARY, PING, PONG]), st.text(max_size=30), st.integers(1, 4),
    ), max_size=6,
)  # fmt: skip


@pytest.mark.parametrize("is_server", [True, False], ids=["to a server", "to a client"])
@settings(max_examples=100, deadline=None)
@given(sent=SENT)
def test_what_we_send_is_read_by_both_and_by_us(is_server: bool, sent: list[tuple[int, str, int]]) -> None:
    key = KEY if is_server else None
    wire, expected = b"", []
    for opcode, words, count in sent:
        payload = words.encode()[:100]
        if opcode in (PING, PONG):
            wire += encode(opcode, payload, key=key)
            expected.append(("ping" if opcode == PING else "pong", payload))
            continue
        step = -(-len(payload) // count) or 1
        pieces = [payload[at : at + step] for at in range(0, len(payload), step)] or [b""]
        for number, piece in enumerate(pieces):
            wire += encode(0 if number else opcode, piece, fin=number == len(pieces) - 1, key=key)
        expected.append(("text", words) if opcode == TEXT else ("binary", payload))
    expected = [each for each in expected if each[0] != "text" or len(each[1].encode()) <= 100]
    if len(expected) < len(sent):
        return  # a text was cut in the middle of a character
    assert parsed([wire], is_server=is_server) == expected
    assert told_by_wsproto([wire], is_server=is_server) == expected
    if is_server:
        assert told_by_websockets(wire) == expected
