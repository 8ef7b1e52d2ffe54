"""Pictures of WebSocket frames: bits, ladders, one frame in full, three levels side by side."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import LabError
from tests.draw.http_tapes import Wire, hello
from tests.draw.markup import check_layout, check_lines, parse, texts
from tests.draw.pages import cells, page_of, summaries, svgs
from tests.packets.dialogs import talk
from tests.packets.websocket_scenes import SCENES, UP, ask, frame, plain, yes


def tape(name: str) -> Any:
    return talk(SCENES[name]).tape()


def lines(picture: draw.Picture) -> list[str]:
    return repr(picture).split("\n")


# -- bits


def test_the_bits_of_a_frame_and_its_payload_without_the_mask() -> None:
    picture = draw.bits(tape("text").frames[0])
    said = lines(picture)
    assert said[0] == "WebSocket: The frame as it was sent, 18 bytes, RFC 6455"
    assert [line.split("  ")[-1].strip() for line in said[1:9]] == [
        "FIN = Set: the last frame of its message", "Reserved = 0x0", "RSV1 = Not set", "RSV2 = Not set",
        "RSV3 = Not set", "Opcode = 1: text", "MASK = Set: a key follows, and the payload is masked",
        "Payload length = 12: bytes of payload",
    ]  # fmt: skip
    assert said[9].endswith("on the wire (this run)")
    assert said[10].endswith("Masked payload = 79 47 5f 28 7e 02 44 2b 63 4e 57 65 (this run)")
    assert "Payload: The payload without its mask, 12 bytes, RFC 6455" in said
    assert "  bits 0-95  websocket.payload.text  Text = hello world!" in said
    drawn = texts(parse(picture.svg))
    assert 'WebSocket frame of packet 8: text "hello world!"' in drawn
    assert {"FIN", "MSK", "Opcode", "Masking key", "11 22 33 44", "hello world!"} <= set(drawn)
    check_layout(parse(picture.svg))


def test_the_bytes_of_each_part_are_counted_from_its_own_first() -> None:
    picture = draw.bits(tape("text").frames[0])
    dump = parse(next(svg for svg in svgs(page_of(picture)) if "the same bits as bytes" in svg))
    found = texts(dump)
    assert found.count("0") >= 4  # of two rulers, and of the first row below each
    assert {"The frame as it was sent", "The payload without its mask"} <= set(found)
    check_layout(dump)


def test_a_frame_of_a_server_has_one_part() -> None:
    said = lines(draw.bits(tape("text").frames[1]))
    assert not any("without its mask" in line for line in said)
    assert any(line.endswith("Text = yakexi") for line in said)
    assert any(line.endswith("MASK = Not set: no key follows") for line in said)


def test_a_whole_message_is_a_part_of_its_own() -> None:
    assert "Payload: The message of 3 frames, 11 bytes, RFC 6455" in lines(
        draw.bits(tape("fragments and a ping").frames[4])
    )
    picture = draw.bits(tape("deflate").frames[0])
    assert "Payload: The message, inflated, 23 bytes, RFC 6455" in lines(picture)
    assert "PMC" in texts(parse(picture.svg))


def test_what_is_wrong_is_said() -> None:
    picture = draw.bits(tape("masks the wrong way round").frames[0])
    assert lines(picture)[-1] == "malformed: a server masks no frame (RFC 6455 §5.1)"
    assert any("MASK = Set: a server masks no frame" in line for line in lines(picture))
    assert "a server masks no frame" in " ".join(texts(parse(picture.svg)))


def test_the_bytes_of_a_frame_are_those_that_were_sent() -> None:
    picture = draw.bytes(tape("text").frames[1])
    assert lines(picture)[0] == "8 bytes of WebSocket in packet 10"
    assert any("81 06 79 61 6b 65 78 69" in line for line in lines(picture))
    masked = draw.bytes(tape("text").frames[0])
    assert lines(masked)[0] == "18 bytes of WebSocket in packet 8"
    assert {"81", "8c", "79", "47"} <= set(texts(parse(masked.svg)))


def test_a_field_may_be_hidden_or_in_focus() -> None:
    found = tape("text").frames[0]
    hidden = draw.bits(found, hide=["masking_key"])
    assert "11 22 33 44" not in "".join(texts(parse(hidden.svg))) + repr(hidden)
    assert any(line.startswith("> ") and "Opcode" in line for line in lines(draw.bits(found, focus="Opcode")))
    with pytest.raises(LabError, match=r"no field 'tcp\.seq' to hide"):
        draw.bits(found, hide=["tcp.seq"])


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_is_drawn(name: str) -> None:
    scene = tape(name)
    for found in scene.frames:
        for picture in (draw.bits(found), draw.message(found)):
            root = parse(picture.svg)
            check_layout(root)
            assert int(root.get("height", "0")) <= 800
            page_of(picture)
    for picture in (draw.ladder(scene, of="WebSocket"), draw.side_by_side(scene, of="WebSocket")):
        root = parse(picture.svg)
        check_layout(root)
        check_lines(root, "ac", "as")
        assert int(root.get("height", "0")) <= 800


# -- ladders


def test_a_ladder_of_frames_has_the_handshake_above() -> None:
    picture = draw.ladder(tape("fragments and a ping"), of="WebSocket")
    assert lines(picture)[:8] == [
        "Ladder of 8 WebSocket frames, client ↔ server:8080",
        "  client → server  GET /chat",
        "  client ← server  101 Switching Protocols",
        '  client → server  text "hel"               3 bytes, no FIN, masked',
        '  client → server  ping "ping!"             5 bytes, masked',
        '  client ← server  pong "ping!"             5 bytes',
        '  client → server  continuation "lo "       3 bytes, no FIN, masked',
        '  client → server  continuation "world"     5 bytes, masked, ends a message of 3 frames',
    ]
    assert repr(draw.ladder(tape("text"), of="websocket")) == repr(draw.ladder(tape("text"), of="WebSocket"))


def test_of_http_there_are_the_messages_of_the_handshake_alone() -> None:
    assert lines(draw.ladder(tape("text"), of="HTTP"))[0] == "Ladder of 2 HTTP messages, client ↔ server:8080"


def test_a_broken_rule_stands_below_its_arrow() -> None:
    picture = draw.ladder(tape("masks the wrong way round"), of="WebSocket")
    assert lines(picture)[3].endswith("malformed: a server masks no frame (RFC 6455 §5.1)")
    assert any(text.startswith("malformed: a server masks no frame") for text in texts(parse(picture.svg)))


def test_a_large_picture_says_of_all_frames_or_of_none_that_they_are_masked() -> None:
    assert any("masked" in text for text in texts(parse(draw.ladder(tape("text"), of="WebSocket").svg)))
    found = texts(parse(draw.ladder(tape("fragments and a ping"), of="WebSocket", compact=True).svg))
    assert not any("masked" in text for text in found)
    assert 'continuation "world"' in [text.split("  ")[0] for text in found]


def crossing() -> Any:
    """Two large frames at the same time, and small ones behind them."""
    run = Wire().open().client(100, ask()).server(200, yes())
    big = frame(2, bytes(60_000)), plain(2, bytes(60_000))
    for at in range(0, 60_014, 1400):
        run.client(300 + at, big[0][at : at + 1400]).server(305 + at, big[1][at : at + 1400])
    run.client(70_000, frame(1, b"one") + frame(9, b"?" * 100)).server(70_010, plain(10, b"?" * 100))
    return run.close(70_100).tape()


@pytest.mark.parametrize("compact", [False, True])
def test_frames_on_their_way_cross_no_label(compact: bool) -> None:
    root = parse(draw.ladder(crossing(), of="WebSocket", compact=compact).svg)
    check_layout(root)
    check_lines(root, "ac", "as")


def test_side_by_side() -> None:
    picture = draw.side_by_side(tape("text"), of="WebSocket")
    assert lines(picture)[:4] == [
        "Side by side: 4 WebSocket frames in 18 packets, client ↔ server:8080",
        "WebSocket frames",
        "  client → server  GET /chat",
        "  client ← server  101 Switching Protocols",
    ]
    assert "WebSocket frames" in texts(parse(picture.svg))


# -- one frame


def test_a_frame_in_full() -> None:
    picture = draw.message(tape("text").frames[0])
    assert lines(picture) == [
        'WebSocket frame in packet 8: text "hello world!"',
        "  client → server",
        "  FIN, opcode 1: text, masked, 12 bytes  81 8c",
        "  masking key                            (changes)",
        "  masked payload                         (changes)",
        "  without the mask: text                 hello world!",
    ]
    drawn = texts(parse(picture.svg))
    assert {"11 22 33 44", "79 47 5f 28 7e 02 44 2b 63 4e 57 65", "hello world!", "masked payload"} <= set(drawn)
    page = page_of(picture)
    assert summaries(page) == ["The frame as it was sent", "The payload without its mask"]
    assert ["Opcode", "4-7", "1", "text"] in cells(page)


def test_the_message_that_ends_in_a_frame() -> None:
    last = lines(draw.message(tape("fragments and a ping").frames[4]))
    assert [line.split("  ")[-1].strip() for line in last[-2:]] == ["world", "hello world"]
    assert last[-1].startswith("  message of 3 frames: text")
    packed = lines(draw.message(tape("deflate").frames[0]))
    assert packed[-1].endswith("hello hello hello hello")
    assert packed[-1].startswith("  inflated: text")
    assert "reserved bits 100" in packed[2]


def test_a_close_frame_and_a_long_one() -> None:
    said = lines(draw.message(tape("text").frames[2]))
    assert said[-2].startswith("  without the mask: code 1000: normal closure  03 e8")
    assert said[-1].endswith("bye")
    long = lines(draw.message(tape("64 bits").frames[1]))
    assert long[0] == "WebSocket frame in 46 packets: binary, 66,000 bytes"
    assert any("length: 66,000 bytes" in line for line in long)
    assert any("… 65,952 more bytes" in line for line in long)


def test_a_frame_that_is_cut() -> None:
    (found,) = talk([*UP, ("s", b"\x81\x60yakexi")], end=False).tape().frames
    said = lines(draw.message(found))
    assert said[2] == "  cut: 6 of its 96 bytes of payload are there, the others are missing"
    assert said[-1].endswith("yakexi")
    (bad,) = talk([*UP, ("c", b"\x82\xff" + b"\xff" * 30)], end=False).tape().frames
    assert "the first bit of a length of 64 bits is 0" in repr(draw.message(bad))


EVIL = "</text></svg><script>alert(1)</script>\u202e"


@pytest.mark.parametrize("opcode", [1, 2, 8, 9])
def test_nothing_that_a_peer_sends_becomes_markup(opcode: int) -> None:
    data = (b"\x03\xe8" if opcode == 8 else b"") + EVIL.encode()
    scene = talk([*UP, ("c", frame(opcode, data)), ("s", plain(opcode, data))]).tape()
    pictures = [draw.ladder(scene, of="WebSocket"), draw.side_by_side(scene, of="WebSocket")]
    for found in scene.frames:
        pictures += [draw.bits(found), draw.message(found)]
    for picture in pictures:
        check_layout(parse(picture.svg))
        assert "<script" not in picture.svg
        assert "\u202e" not in picture.svg + repr(picture)
        for svg in svgs(page_of(picture)) if picture._html else ():
            assert "<script" not in svg


def test_a_tape_without_frames() -> None:
    with pytest.raises(LabError, match="there are no WebSocket frames on this tape"):
        draw.ladder(hello(), of="WebSocket")
