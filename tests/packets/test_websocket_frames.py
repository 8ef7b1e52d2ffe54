"""WebSocket frames of a tape: bits, payloads and messages as buffers, broken rules, compression, missing packets.

Rule: connections are made by hand; what tshark says of them stands in `test_websocket_oracle`.
"""

from __future__ import annotations

import random
import socket
import threading
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core.errors import NoSuchPart
from labkit.lab import Wire
from labkit.packets import Tape
from labkit.packets.explain import websocket_deflate
from labkit.packets.explain.websocket_deflate import Agreed, agreed
from labkit.packets.websocket_frame import WebSocketFrame
from tests.lab.wires import live_wire
from tests.packets.dialogs import ACK, PSH, Dialog, Turn, exactly, talk, tape_of
from tests.packets.http_scenes import GET, each
from tests.packets.http_scenes import HELLO as HTTP_HELLO
from tests.packets.leaves import every_byte_once
from tests.packets.websocket_scenes import (
    BYE,
    DEFLATE,
    FRESH,
    HELLO,
    MASK,
    OFFER,
    PACKED,
    SCENES,
    UP,
    Deflating,
    ask,
    frame,
    pieces,
    plain,
    up,
    yes,
)


def frames(turns: list[Turn], **options: bool) -> tuple[WebSocketFrame, ...]:
    return talk(turns, **options).tape().frames


def well_named(found: WebSocketFrame) -> None:
    """Every byte of the frame, of its payload and of its message has one name."""
    every_byte_once(found.fields, found.start, found.stop)
    every_byte_once(found.inside.fields, 0, len(found.inside))
    every_byte_once(found.whole.fields, 0, len(found.whole))


# -- what a frame says


def test_a_text_there_and_back() -> None:
    tape = talk(SCENES["text"]).tape()
    asked, answer, text, back, bye, bye_too = tape.messages
    assert (asked.protocol, answer.status) == ("HTTP", 101)
    assert tape.frames == (text, back, bye, bye_too) == tape.connections[0].frames
    text, back, bye, _ = tape.frames
    assert (text.protocol, text.kind, text.sender, text.state, text.reason) == ("WebSocket", "text", "client", "", "")
    assert (text.fin, text.rsv, text.opcode, text.masked, text.key) == (True, 0, 1, True, MASK)
    assert (text.length, text.payload, text.text, text.message) == (12, b"hello world!", "hello world!", "hello world!")
    assert (back.masked, back.key, back.sender) == (False, b"", "server")
    assert (back.payload, back.message) == (b"yakexi", "yakexi")
    assert (bye.kind, bye.code, bye.close_reason, bye.text) == ("close", 1000, "bye", "bye")
    assert (text.code, text.close_reason) == (None, "")
    assert [repr(item) for item in tape.frames] == [
        'text "hello world!" (FIN, masked, 18 bytes, packet 8)',
        'text "yakexi" (FIN, unmasked, 8 bytes, packet 10)',
        'close 1000 "bye" (FIN, masked, 11 bytes, packet 12)',
        'close 1000 "bye" (FIN, unmasked, 7 bytes, packet 14)',
    ]
    assert (text.packets, text.completed_by, len(text)) == ((8,), 8, 18)
    assert [switch.protocol for switch in tape.connections[0].switches] == ["websocket"]


def test_the_bits_of_a_frame() -> None:
    (text, *_) = frames(SCENES["text"])
    names = [(leaf.name, leaf.start - text.start * 8, leaf.bits) for field in text.fields for leaf in field.leaves()]
    assert names == [
        ("websocket.fin", 0, 1), ("websocket.rsv1", 1, 1), ("websocket.rsv2", 2, 1), ("websocket.rsv3", 3, 1),
        ("websocket.opcode", 4, 4), ("websocket.mask", 8, 1), ("websocket.payload_length", 9, 7),
        ("websocket.masking_key", 16, 32), ("websocket.masked_payload", 48, 96),
    ]  # fmt: skip
    assert (text["opcode"].value, text["opcode"].meaning, text["masking_key"].shown) == (1, "text", "11 22 33 44")
    with pytest.raises(NoSuchPart):
        text["nothing"]


@pytest.mark.parametrize(("size", "bits"), [(0, 7), (125, 7), (126, 16), (65535, 16), (65536, 64), (70000, 64)])
def test_three_forms_of_a_length(size: int, bits: int) -> None:
    data = bytes(each_ % 251 for each_ in range(size))
    for found in frames(up(("c", each(frame(2, data), 1400)), ("s", each(plain(2, data), 1400))))[:2]:
        assert (found.length, found.payload, found.state) == (size, data, "")
        names = {field.name for field in found.fields}
        assert ("websocket.payload_length_ext_16" in names) == (bits == 16)
        assert ("websocket.payload_length_ext_64" in names) == (bits == 64)
        well_named(found)


def test_the_payload_without_its_mask_is_a_buffer_of_its_own() -> None:
    text, back, bye, _ = frames(SCENES["text"])
    inside = text.inside
    assert (inside.kind, inside.data, inside.state, list(inside.holes)) == ("unmasked", b"hello world!", "", [])
    (field,) = inside.fields
    assert (field.name, field.start, field.bits, field.value) == ("websocket.payload.text", 0, 96, "hello world!")
    stream = text.buffer
    assert stream.place(text.start) == (8, 54)
    assert inside.place(0) == (8, 60)
    assert inside.place(11) == (8, 71)
    assert inside.place(12) is None
    assert inside.packets(0, 12) == (8,)
    assert (text.whole, back.inside.data) == (inside, b"yakexi")
    assert [(leaf.name, leaf.value) for leaf in bye.inside.fields[0].children] == [
        ("websocket.payload.close.status_code", 1000), ("websocket.payload.close.reason", "bye"),
    ]  # fmt: skip
    assert bye.inside.fields[0].children[0].meaning == "normal closure"


def test_a_message_over_several_frames_is_joined() -> None:
    first, ping, pong, second, third, answer, *_ = frames(SCENES["fragments and a ping"])
    assert [each_.kind for each_ in (first, ping, pong, second, third)] == [
        "text", "ping", "pong", "continuation", "continuation",
    ]  # fmt: skip
    assert (first.message, ping.message, second.message, third.message) == (None, b"ping!", None, "hello world")
    assert (first.frames, third.frames, answer.frames, ping.frames) == (0, 3, 1, 0)
    whole = third.whole
    assert (whole.kind, whole.data, first.whole.kind) == ("joined", b"hello world", "unmasked")
    assert [whole.place(at) for at in (0, 3, 6, 10)] == [(8, 60), (14, 60), (16, 60), (16, 64)]
    assert whole.packets(0, 11) == (8, 14, 16)
    assert [(field.name, field.value) for field in whole.fields] == [("websocket.payload.text", "hello world")]
    assert repr(second) == 'continuation "lo " (no FIN, masked, 9 bytes, packet 14)'
    assert third.text == "world"


def test_a_character_may_be_in_two_frames() -> None:
    euro = "€".encode()
    first, second, *_ = frames(up(("c", frame(1, euro[:2], fin=0)), ("c", frame(0, euro[2:]))))
    assert (first.state, second.state, second.message) == ("", "", "€")


# -- compressed


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", Agreed()),
        ("permessage-deflate", Agreed(deflate=True)),
        ("Permessage-Deflate ; Server_No_Context_Takeover", Agreed(deflate=True, fresh=(False, True))),
        ('permessage-deflate; client_max_window_bits="9"; server_max_window_bits = 10',
         Agreed(deflate=True, bits=(9, 10))),
        ("permessage-deflate; client_max_window_bits; server_max_window_bits=99", Agreed(deflate=True)),
        ("permessage-deflate;server_max_window_bits=²", Agreed(deflate=True)),
        ("x-other; a=1, permessage-deflate; client_no_context_takeover",
         Agreed(deflate=True, fresh=(True, False), others=("x-other",))),
        (",;,", Agreed()),
    ],
)  # fmt: skip
def test_what_a_handshake_agrees_on(value: str, found: Agreed) -> None:
    assert agreed(value) == found


def test_inflated_messages() -> None:
    one, two, three, four, five, *_ = frames(SCENES["deflate"])
    for found in (one, two, three, four):
        assert (found.compressed, found.message, found.whole.kind, found.rsv) == (True, HELLO.decode(), "inflated", 4)
        assert found.text == HELLO.decode()
        assert found.payload != HELLO
        assert found.whole.place(3) is None  # no byte of its own
        assert found.whole.packets(3, 4) == found.packets
        well_named(found)
    assert len(three) < len(one)  # it builds on the first one
    assert (five.compressed, five.message) == (False, "plain")
    assert one["websocket.pmc"].value == 1
    assert repr(one) == f'text "{HELLO.decode()}" (FIN, masked, compressed, 17 bytes, packet 8)'


def test_a_compressed_message_over_several_frames() -> None:
    packed = Deflating()(HELLO)
    turns: list[Turn] = [
        *PACKED, ("c", frame(1, packed[:3], fin=0, rsv=4)), ("c", frame(9, b"x")), ("c", frame(0, packed[3:])), *BYE,
    ]  # fmt: skip
    first, ping, last, *_ = frames(turns)
    assert (first.compressed, ping.compressed, last.compressed, first.text) == (True, False, True, "")
    assert (last.message, last.whole.kind, first.message) == (HELLO.decode(), "inflated", None)
    assert first.inside.fields[0].name == "websocket.payload.compressed"
    assert last.whole.packets(0, 1) == (8, 12)


def answer_with(parameters: bytes) -> list[Turn]:
    return [("c", ask(OFFER)), ("s", yes(DEFLATE % parameters))]


@pytest.mark.parametrize("bits", range(9, 16))
def test_windows_of_any_size(bits: int) -> None:
    chance = random.Random(bits)
    parts = [bytes(chance.choices(b"abcdef", k=3000)) for _ in range(4)]
    client, server = Deflating(bits=bits), Deflating(bits=bits)
    sizes = b"; server_max_window_bits=%d; client_max_window_bits=%d" % (bits, bits)
    turns = answer_with(sizes)
    for part in parts:
        turns += [("c", each(frame(2, client(part), rsv=4), 1400)), ("s", each(plain(2, server(part), rsv=4), 1400))]
    assert [found.message for found in frames(turns)] == [part for part in parts for _ in range(2)]


def test_without_context_takeover_each_message_stands_alone() -> None:
    good, bad = Deflating(fresh=True), b"\xff\xff\xff"
    turns: list[Turn] = [*FRESH]
    for data in (good(HELLO), bad, good(HELLO)):
        turns += [("c", frame(1, data, rsv=4)), ("s", plain(1, data, rsv=4))]
    found = frames(turns)
    assert [each_.message for each_ in found] == [HELLO.decode()] * 2 + [None] * 2 + [HELLO.decode()] * 2
    assert found[2].reason == "the message cannot be inflated: its bytes are not DEFLATE data (invalid block type)"


def test_with_context_takeover_a_broken_message_spoils_those_behind_it() -> None:
    packer = Deflating()
    turns = [*PACKED, ("c", frame(1, b"\xff\xff\xff", rsv=4)), ("c", frame(1, packer(HELLO), rsv=4)), *BYE]
    first, second, bye, _ = frames(turns)
    assert (first.state, second.state, bye.state) == ("malformed", "malformed", "")
    assert second.reason.endswith("a message before it could not be inflated, and it builds on it")
    assert (second.message, second.text, second.title) == (None, "", "text, 11 bytes")
    for found in (first, second):
        well_named(found)


def test_a_last_block_ends_a_message_as_well() -> None:
    """RFC 7692 §7.2.3.4: a sender may set BFINAL, and adds a byte of zeros."""
    final = bytes.fromhex("f348cdc9c90700") + b"\0"
    first, second, *_ = frames([*PACKED, ("s", plain(1, final, rsv=4)), ("s", plain(1, final, rsv=4))])
    assert (first.message, second.message) == ("Hello", "Hello")


def test_a_bomb_is_not_blown_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_deflate, "MOST_OF_ONE", 5000)
    monkeypatch.setattr(websocket_deflate, "MOST", 12000)
    small, big = Deflating(fresh=True)(bytes(4000)), Deflating(fresh=True)(bytes(100_000))
    turns: list[Turn] = [*FRESH]
    turns += [("c", frame(2, data, rsv=4)) for data in (small, big, small, small)]
    found = frames(turns)
    assert [each_.message and len(each_.message) for each_ in found] == [4000, None, None, None]
    assert "it has more than 5,000 bytes" in found[1].reason
    assert "more than 3,000 bytes" in found[2].reason
    assert "the messages before it have more than 12,000 bytes together" in found[3].reason


def test_a_megabyte_of_bomb_has_a_limit() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(20)) + packer.flush(zlib.Z_SYNC_FLUSH)
    (found,) = frames([*PACKED, ("c", each(frame(2, bomb[:-4], rsv=4), 1400))], end=False)
    assert (found.message, found.state) == (None, "malformed")
    assert f"more than {websocket_deflate.MOST_OF_ONE:,} bytes" in found.reason


# -- rules that are broken


BROKEN: list[tuple[str, Turn, str, str]] = [
    ("a client without a mask", ("c", plain(1, b"abc")), "websocket.mask",
     "a client masks every frame (RFC 6455 §5.1)"),
    ("a server with a mask", ("s", frame(1, b"abc")), "websocket.mask", "a server masks no frame (RFC 6455 §5.1)"),
    ("a reserved opcode", ("c", frame(3, b"abc")), "websocket.opcode", "the opcode 3 is reserved (RFC 6455 §5.2)"),
    ("a reserved control opcode", ("s", plain(11)), "websocket.opcode", "the opcode 11 is reserved (RFC 6455 §5.2)"),
    ("a reserved bit", ("c", frame(1, b"abc", rsv=4)), "websocket.rsv",
     "a reserved bit is set, and no extension uses it (RFC 6455 §5.2)"),
    ("a ping in parts", ("c", frame(9, b"a", fin=0)), "websocket.fin",
     "a control frame is one frame, it has FIN (RFC 6455 §5.5)"),
    ("a long ping", ("s", plain(9, bytes(126))), "websocket.payload_length",
     "a control frame carries 125 bytes at most (RFC 6455 §5.5)"),
    ("16 bits for 3 bytes", ("s", plain(2, b"abc", form=16)), "websocket.payload_length",
     "a length of 3 has a shorter form (RFC 6455 §5.2)"),
    ("64 bits for 300 bytes", ("c", frame(2, bytes(300), form=64)), "websocket.payload_length",
     "a length of 300 has a shorter form (RFC 6455 §5.2)"),
    ("nothing to continue", ("c", frame(0, b"abc")), "websocket.opcode",
     "it continues a message, and no message has begun (RFC 6455 §5.4)"),
]  # fmt: skip


@pytest.mark.parametrize(("turn", "name", "words"), [pytest.param(*rest, id=case) for case, *rest in BROKEN])
def test_a_broken_rule_is_told_by_the_field_that_shows_it(turn: Turn, name: str, words: str) -> None:
    broken, *rest = frames(up(turn))
    assert (broken.state, broken.reason, broken[name].meaning) == ("malformed", words, words)
    assert broken.message is None
    assert repr(broken).endswith(", malformed)")
    assert [each_.state for each_ in rest] == ["", ""]  # those behind it are found all the same
    well_named(broken)


def test_a_new_message_before_the_last_one_is_finished() -> None:
    first, second, *_ = frames(up(("c", frame(1, b"a", fin=0)), ("c", frame(1, b"b"))))
    assert (first.state, second.state) == ("", "malformed")
    assert second.reason == "the message before it is not finished (RFC 6455 §5.4)"


def test_no_data_behind_a_close_frame() -> None:
    _, _, late, pong = frames([*UP, *BYE, ("c", frame(1, b"late")), ("c", frame(10))])
    assert (late.state, late.reason) == ("malformed", "no data comes behind a close frame (RFC 6455 §5.5.1)")
    assert pong.state == ""


def test_the_first_bit_of_a_long_length_is_zero() -> None:
    head = b"\x82\xff" + b"\xff" * 8
    broken, *rest = frames([*UP, ("c", head + bytes(30)), ("c", frame(1, b"lost")), ("s", plain(1, b"not lost"))])
    assert (broken.state, broken.reason) == ("malformed", "the first bit of a length of 64 bits is 0 (RFC 6455 §5.2)")
    assert broken.fields[-1].name == "malformed"
    assert [each_.message for each_ in rest] == ["not lost"]  # of the other side; nobody knows where this one goes on
    well_named(broken)


@pytest.mark.parametrize(
    ("payload", "code", "words"),
    [
        (b"\x03", None, "a close frame is empty, or it begins with a code of two bytes (RFC 6455 §5.5.1)"),
        (b"\x03\xed", 1005, "the code 1005 must not stand in a close frame (RFC 6455 §7.4)"),
        (b"\x03\xe7", 999, "the code 999 must not stand in a close frame (RFC 6455 §7.4)"),
        (b"\x0b\xb7x", 2999, "the code 2999 must not stand in a close frame (RFC 6455 §7.4)"),
        (b"\x13\x88", 5000, "the code 5000 must not stand in a close frame (RFC 6455 §7.4)"),
        (b"\x03\xe8a\xff", 1000, "the bytes of the text from 1 on are not UTF-8 (RFC 6455 §8.1)"),
    ],
)
def test_close_frames_that_say_what_they_must_not(payload: bytes, code: int | None, words: str) -> None:
    for found in frames([*UP, ("c", frame(8, payload)), ("s", plain(8, payload))]):
        assert (found.state, found.reason, found.code) == ("malformed", words, code)
        well_named(found)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1014, 3000, 4999])
def test_close_frames_that_are_right(code: int) -> None:
    (found,) = frames([*UP, ("s", plain(8, code.to_bytes(2, "big")))])
    assert (found.state, found.code, found.close_reason) == ("", code, "")
    assert found.inside.fields[0].children[0].meaning


def test_text_that_is_not_utf8() -> None:
    wrong, right, *_ = frames(SCENES["not UTF-8"])
    assert (wrong.state, wrong.reason) == ("malformed", "the bytes of the text from 2 on are not UTF-8 (RFC 6455 §8.1)")
    assert (wrong.message, right.message) == (None, "grüße €")
    assert [field.name for field in wrong.inside.fields] == ["websocket.payload.text", "malformed"]


def test_bits_of_an_extension_that_is_not_known_here_are_no_fault() -> None:
    answer = yes(b"Sec-WebSocket-Extensions: x-mine\r\n")
    (found,) = frames([("c", ask()), ("s", answer), ("c", frame(3, b"a", rsv=7))])
    assert (found.state, found.kind, found.compressed) == ("", "reserved", False)


@pytest.mark.parametrize(("opcode", "before"), [(0, True), (9, False)])
def test_only_the_first_frame_of_a_message_is_marked_as_compressed(opcode: int, before: bool) -> None:
    begun: list[Turn] = [("c", frame(1, b"a", fin=0))] if before else []
    *_, last = frames([*PACKED, *begun, ("c", frame(opcode, b"b", rsv=4))])
    assert last.reason == "only the first frame of a message of data may set RSV1 (RFC 7692 §6.1)"


# -- bytes that are missing


def test_a_frame_that_never_becomes_whole() -> None:
    """C-4.6: 96 is given as the length of a payload of 6 bytes; the receiver waits for the other 90."""
    (found,) = frames([*UP, ("s", b"\x81\x60yakexi")], end=False)
    assert (found.length, found.payload, found.message, found.state) == (96, b"yakexi", None, "cut")
    assert found.reason == "6 of its 96 bytes of payload are there, the others are missing"
    assert repr(found) == 'text "yakexi" (FIN, unmasked, 8 bytes, packet 8, cut)'
    well_named(found)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_a_header_that_is_cut(size: int) -> None:
    (found,) = frames([*UP, ("c", frame(2, bytes(300))[:size])], end=False)
    assert (found.state, found.kind, len(found)) == ("cut", "binary", size)
    assert (found.fields[-1].name == "incomplete") == (size != 2)  # 2 bytes are whole fields
    well_named(found)


def without(dialog: Dialog, *numbers: int) -> Tape:
    """The tape without these packets."""
    return tape_of(raw for number, raw in enumerate(dialog.frames, 1) if number not in numbers)


def test_a_hole_in_a_payload() -> None:
    text = frame(1, b"abcdefghijklmnopqrstuvwxyz")
    dialog = talk(up(("c", [text[:10], text[10:20], text[20:]]), ("c", frame(1, b"behind"))))
    broken, behind, *_ = without(dialog, 10).frames
    assert (broken.state, broken.message) == ("cut", None)
    assert broken.reason == "16 of its 26 bytes of payload are there, the others are missing"
    assert broken.payload == b"abcd" + bytes(10) + b"opqrstuvwxyz"
    assert list(broken.inside.holes) == [(4, 14)]
    assert broken.inside.packets(0, 26) == (8, 11)
    assert behind.message == "behind"
    well_named(broken)


def test_a_hole_between_frames() -> None:
    sent: list[Turn] = [("c", frame(1, letter * 20)) for letter in (b"a", b"b", b"c")]
    found = without(talk(up(*sent, ("s", plain(1, b"d")))), 10).frames
    assert [each_.message for each_ in found if each_.kind == "text"] == ["a" * 20, "c" * 20, "d"]


def test_a_hole_spoils_a_message_in_parts_and_no_other() -> None:
    turns = up(
        ("c", frame(1, b"a", fin=0)), ("c", frame(0, b"b", fin=0)), ("c", frame(0, b"c")), ("c", frame(1, b"whole")),
    )  # fmt: skip
    found = without(talk(turns), 10).frames
    assert [(each_.kind, each_.message, each_.state) for each_ in found[:3]] == [
        ("text", None, ""), ("continuation", None, ""), ("text", "whole", ""),
    ]  # fmt: skip


def test_a_hole_spoils_compressed_messages_behind_it() -> None:
    packer = Deflating()
    turns = [*PACKED, *[("c", frame(1, packer(HELLO), rsv=4)) for _ in range(3)], *BYE]
    first, third, *_ = without(talk(turns), 10).frames
    assert (first.message, third.message) == (HELLO.decode(), None)
    assert "cannot be inflated" in third.reason


def test_repeats_and_another_order_change_nothing() -> None:
    dialog = Dialog()
    dialog.open()
    for who, data in (("c", ask()), ("s", yes())):
        dialog.say(who, data)
    parts = each(frame(1, b"one") + frame(1, b"two, which is longer") + frame(9, b"!"), 9)
    sent = [dialog.segment("c", PSH | ACK, part) for part in parts]
    base = dialog.next["c"]
    places = [sum(map(len, parts[:number])) for number in range(len(parts))]
    sent = [dialog.segment("c", PSH | ACK, part, seq=base + at) for at, part in zip(places, parts, strict=True)]
    random.Random(1).shuffle(sent)
    found = tape_of([*dialog.frames, *sent, *sent[:2]]).frames
    assert [each_.message for each_ in found] == ["one", "two, which is longer", b"!"]


# -- without a handshake


def test_a_capture_that_begins_later() -> None:
    dialog = talk(SCENES["fragments and a ping"])
    for first in (6, 8, 12):
        tape = tape_of(dialog.frames[first:])
        assert tape.messages == tape.frames
        assert [each_.kind for each_ in tape.frames][-2:] == ["close", "close"]
        assert not any(each_.state for each_ in tape.frames)


def test_a_capture_that_begins_later_has_compressed_messages() -> None:
    frames_ = talk(SCENES["deflate"]).frames
    first, *_ = tape_of(frames_[6:]).frames
    assert (first.compressed, first.message) == (True, HELLO.decode())
    third, *_ = tape_of(frames_[10:]).frames  # it builds on the first one, which was not captured
    assert (third.compressed, third.message) == (True, None)
    assert third.reason == "the message cannot be inflated: it builds on messages from before the capture"


def test_the_answer_to_the_handshake_was_lost() -> None:
    tape = without(talk(SCENES["text"]), 6)
    assert [each_.protocol for each_ in tape.messages] == ["HTTP", *["WebSocket"] * 4]
    assert tape.frames[0].message == "hello world!"


@pytest.mark.parametrize(
    "turns",
    [
        [("c", b"\x16\x03\x01\0\x05hello"), ("s", b"\x16\x03\x03\0\x05hello")],
        [("c", bytes(400)), ("s", bytes(400))],
        [("s", bytes(2000))],
        [("c", b"hello world\r\n"), ("s", b"hello world\r\n")],
        [("c", frame(1, b"one frame is not enough")[:-2])],
        [("s", plain(1, b"one") + plain(1, b"two"))],
        [("c", GET[20:]), ("s", HTTP_HELLO[30:])],
        [("c", b"\x81\x83\x11\x22\x33\x44abc"), ("s", b"and what is no frame")],
        [("c", b"\x01\x00" * 100), ("s", b"\x81\x00" * 100)],
    ],
)
def test_other_bytes_are_no_frames(turns: list[Turn]) -> None:
    assert tape_of(talk(turns).frames[3:]).frames == ()
    assert talk(turns).tape().frames == ()


def test_frames_without_a_handshake_are_no_frames_if_the_beginning_was_captured() -> None:
    assert frames([("c", frame(1, b"abc") * 4), ("s", plain(1, b"abc") * 4)]) == ()


def test_a_request_that_is_declined_makes_no_websocket() -> None:
    tape = talk([("c", ask()), ("s", HTTP_HELLO), ("c", GET), ("s", HTTP_HELLO)]).tape()
    assert (len(tape.messages), tape.frames) == (4, ())


# -- packets, and parts of a tape


def test_a_frame_that_lies_whole_in_a_packet_is_a_layer_of_it() -> None:
    tape = talk(SCENES["many in a segment"]).tape()
    packet = tape[7]
    assert [layer.name for layer in packet.layers][3:] == ["WebSocket"] * 4
    layer = packet["WebSocket"]
    assert layer.data == packet.raw[layer.start // 8 : layer.end // 8] == frame(1, b"a")
    assert layer["opcode"].value == 1
    assert tape[9].layers[4]["websocket.payload.text"].value == "dddd"
    every_byte_once(tuple(field for each_ in packet.layers for field in each_.fields), 0, len(packet.raw))
    assert packet.carries("WebSocket")


def test_part_of_a_frame_is_named_in_the_packet_that_brings_it() -> None:
    tape = talk(SCENES["segments across frames"]).tape()
    assert tape[7].layers[-1].fields[0].meaning == f"part of {tape.frames[0]!r}"
    assert [each_.number for each_ in tape.where(protocol="WebSocket")] == [8, 10, 12, 14, 16, 18, 20]
    assert [each_.number for each_ in tape.where(protocol="websocket", sender="server")] == [20]
    assert tape[9:10].frames == tape.frames[:2]


def test_a_frame_as_layers() -> None:
    text, back, *_ = frames(SCENES["text"])
    sent, inside = text.layers
    assert (sent.data, sent.start, sent.bits, sent.packet) == (frame(1, b"hello world!"), 0, 144, 8)
    assert (inside.name, inside.data, inside.start) == ("Payload", b"hello world!", 0)
    assert [layer.title for layer in back.layers] == ["The frame as it was sent"]
    last = frames(SCENES["fragments and a ping"])[4]
    assert [layer.title for layer in last.layers] == [
        "The frame as it was sent", "The payload without its mask", "The message of 3 frames",
    ]  # fmt: skip
    packed = frames(SCENES["deflate"])[1]
    assert [layer.title for layer in packed.layers] == ["The frame as it was sent", "The message, inflated"]


# -- cut anywhere, it is the same


@pytest.mark.parametrize("name", SCENES)
def test_every_byte_has_a_name(name: str) -> None:
    tape = talk(SCENES[name]).tape()
    assert tape.frames
    for found in tape.frames:
        well_named(found)
        for layer in found.layers:
            every_byte_once(layer.fields, 0, len(layer.data))
    for packet in tape:
        every_byte_once(tuple(field for layer in packet.layers for field in layer.fields), 0, len(packet.raw))


_CLIENT = frame(1, b"one") + frame(2, bytes(200), fin=0) + frame(9, b"?") + frame(0, b"!") + frame(8, b"\x03\xe8")
_SERVER = plain(10, b"?") + plain(1, "zwölf".encode()) + plain(8, b"\x03\xe8end")


@settings(deadline=None)
@given(st.data())
def test_segments_do_not_matter(data: st.DataObject) -> None:
    turns: list[Turn] = [("c", ask()), ("s", yes() + _SERVER[:4])]
    for who, said in (("c", _CLIENT), ("s", _SERVER[4:])):
        at = sorted(data.draw(st.sets(st.integers(1, len(said) - 1), max_size=9)))
        turns.append((who, [said[a:b] for a, b in zip([0, *at], [*at, len(said)], strict=True)]))
    found = sorted(frames(turns), key=lambda each_: (each_.sender, each_.start))
    assert [each_.message for each_ in found] == [
        "one", None, b"?", bytes(200) + b"!", b"\x03\xe8", b"?", "zwölf", b"\x03\xe8end",
    ]  # fmt: skip


def mutants(masked: bool) -> st.SearchStrategy[bytes]:
    """Bytes that are nearly frames."""
    make = frame if masked else plain
    good = st.builds(
        make, st.sampled_from([0, 0, 1, 1, 2, 8, 9, 10, 3, 15]), st.binary(max_size=20), fin=st.integers(0, 1),
        rsv=st.sampled_from([0, 0, 0, 4, 2]),
    )  # fmt: skip
    packed = st.binary(max_size=30).map(lambda data: make(2, Deflating(fresh=True)(data), rsv=4))
    whole = good | packed | st.sampled_from([make(1, b"x" * 300), make(8, b"\x03\xe8" + "ä".encode()), b"\xff" * 10])
    cut = st.tuples(whole, st.integers(0, 12), st.integers(1, 40)).map(lambda each_: each_[0][each_[1] : each_[2]])
    return st.lists(whole | whole | cut | st.binary(max_size=6), max_size=8).map(b"".join)


def test_a_close_code_of_which_one_byte_is_missing() -> None:
    tape = without(talk([*UP, ("s", [b"\x88\x02\x03", b"\xe8", b"\x88\x00"])], end=False), 10)
    found = tape.frames[0]
    assert (found.kind, found.state) == ("close", "cut")
    well_named(found)
    (field,) = found.inside.fields[0].leaves()
    assert (field.name, field.bits) == ("websocket.payload.close.status_code", 16)


@settings(max_examples=300, deadline=None)
@given(
    mutants(True), mutants(False), st.sets(st.integers(4, 30)), st.integers(3, 200), st.booleans(),
    st.sampled_from([UP, PACKED, FRESH, []]),
)  # fmt: skip
def test_whatever_comes(
    client: bytes, server: bytes, lost: set[int], size: int, end: bool, before: list[Turn]
) -> None:
    """Nothing raises, each byte has one name, and frames do not overlap, with holes, without, and from the middle."""
    dialog = talk([*before, ("c", pieces(client, size)), ("s", pieces(server, size))], end=end)
    for left_out in (set[int](), lost, set(range(1, 8))):
        tape = without(dialog, *left_out)
        reached: dict[str, int] = {}
        for found in sorted(tape.frames, key=lambda each_: each_.start):
            assert found.start >= reached.get(found.sender, 0)
            reached[found.sender] = found.stop
            well_named(found)
            assert repr(found)
            assert found.title.isprintable()
            assert isinstance(found.message, str | bytes | None)
            assert bool(found.state) == bool(found.reason)
            assert [isinstance(each_, str) for each_ in (found.text, found.close_reason)] == [True, True]
            for layer in found.layers:
                every_byte_once(layer.fields, 0, len(layer.data))
        for packet in tape:
            every_byte_once(tuple(field for layer in packet.layers for field in layer.fields), 0, len(packet.raw))


# -- a wire that loses, repeats and reorders

LOSSES: dict[str, Callable[[Wire], object]] = {
    "lost": lambda wire: wire.lose(0.1, seed=4),
    "twice": lambda wire: wire.duplicate(payload=True, nth=3, times=6),
    "overtaken": lambda wire: wire.reorder(payload=True, nth=4, times=3),
    "damaged": lambda wire: wire.corrupt(payload=True, nth=5, times=3),
}


@pytest.mark.parametrize("rule", LOSSES)
def test_frames_over_a_wire(rule: str) -> None:
    """Frames of many sizes both ways: all are on the tape as the sockets got them, whatever happens to segments."""
    texts = ["x" * size for size in (1, 125, 126, 3000, 20_000)]
    client = b"".join(frame(1, text.encode()) for text in texts)
    server = b"".join(plain(1, text.encode()) for text in texts)
    with live_wire() as wire:
        with wire.server:
            listener = socket.create_server(("", 8080))

        def serve() -> None:
            with wire.server:
                peer, _ = listener.accept()
            with peer:
                exactly(peer, len(ask()))
                peer.sendall(yes())
                assert exactly(peer, len(client)) == client
                peer.sendall(server)
                exactly(peer, 1)

        thread = threading.Thread(target=serve)
        thread.start()
        LOSSES[rule](wire)
        with listener, wire.capture() as tape:
            with wire.client:
                caller = socket.create_connection((wire.server.address, 8080), timeout=30)
            with caller:
                caller.sendall(ask())
                assert exactly(caller, len(yes())) == yes()
                caller.sendall(client)
                assert exactly(caller, len(server)) == server
            thread.join()
    for sender in ("client", "server"):
        mine = [each_ for each_ in tape.frames if each_.sender == sender]
        assert [each_.message for each_ in mine] == texts
        for found in mine:
            well_named(found)
