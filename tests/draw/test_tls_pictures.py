"""Pictures of TLS: the ladder with its locks, records and messages as bits and rows; readable, the same in each run.

Rule: tapes are those of tests/packets; what a picture shows is read back from its SVG.
"""

from __future__ import annotations

from functools import cache

import pytest

from labkit import draw
from labkit.core.errors import LabError
from labkit.packets import Tape
from tests.draw.markup import SVG, boxes, check_layout, check_lines, parse, texts
from tests.draw.pages import page_of
from tests.packets import tls_made, tls_scenes
from tests.packets.dialogs import talk


@cache
def tape_of(name: str) -> Tape:
    made = tls_made.SCENES.get(name)
    return tls_scenes.tape_of(made() if made is not None else tls_scenes.scene(name))


def lines(tape: Tape) -> list[str]:
    return repr(draw.ladder(tape, of="TLS")).split("\n")


def test_a_connection_of_tls_13_in_words() -> None:
    assert [line.rstrip() for line in lines(tape_of("t13"))] == [
        "Ladder of 15 TLS messages, client ↔ server:8443",
        "  client → server  ClientHello",
        "  client ← server  ServerHello",
        "  client ← server  ChangeCipherSpec",
        "  client ← server  EncryptedExtensions  decrypted",
        "  client ← server  Certificate          decrypted",
        "  client ← server  CertificateVerify    decrypted",
        "  client ← server  Finished             decrypted",
        "  client → server  ChangeCipherSpec",
        "  client → server  Finished             decrypted",
        "  client ← server  NewSessionTicket     decrypted",
        "  client ← server  NewSessionTicket     decrypted",
        "  client → server  GET /                application data, 35 bytes, decrypted",
        "  client ← server  200 OK               application data, 43 bytes, decrypted",
        "  client ← server  Alert: close_notify  decrypted",
        "  client → server  Alert: close_notify  decrypted",
    ]


def test_without_keys_nothing_is_told_of_what_is_inside() -> None:
    told = "\n".join(lines(tape_of("t13").without_secrets()))
    assert "GET" not in told
    assert "close_notify" not in told
    assert told.count("encrypted record") == 11
    old = "\n".join(lines(tape_of("t12").without_secrets()))
    assert "handshake (encrypted)" in old
    assert "alert (encrypted)" in old
    assert "Certificate" in old  # TLS 1.2 sends it in the clear


def test_the_words_are_the_same_in_each_run() -> None:
    again = tls_scenes.tape_of(tls_scenes.scene("t13"))
    for tape in (again, again.without_secrets()):
        first = tape_of("t13") if tape is again else tape_of("t13").without_secrets()
        assert lines(tape) == lines(first)
        for one, other in zip(tape.records, first.records, strict=True):
            assert repr(draw.message(one)) == repr(draw.message(other))


def test_what_a_message_is_part_of_and_a_message_of_several_records() -> None:
    told = lines(tape_of("t13-huge"))
    assert sum("Certificate " in line for line in told) == 1
    pieces = lines(tape_of("in-pieces"))
    assert sum("ClientHello" in line for line in pieces) == 1
    assert sum("ServerHello" in line for line in pieces) == 1


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", ["t13", "t12-mutual", "t13-hrr", "t13-unknownca", "early-data", "in-pieces"])
def test_nothing_overlaps(name: str, compact: bool) -> None:
    for tape in (tape_of(name), tape_of(name).without_secrets()):
        root = parse(draw.ladder(tape, of="TLS", compact=compact).svg)
        check_layout(root)
        check_lines(root, "ac", "as")
        if not compact:
            assert int(root.get("height", "0")) <= 800 or name == "in-pieces"  # 26 records


def locks(tape: Tape, **options: bool) -> list[tuple[float, float, bool]]:
    """(x, y, closed) of the locks in a ladder."""
    root = parse(draw.ladder(tape, of="TLS", **options).svg)
    found = []
    for node in root.iter(f"{SVG}path"):
        d = node.get("d", "")
        if "a2.5 2.5" in d:
            x, y = d[1:].split("h9")[0].split()
            found.append((float(x), float(y), d.endswith("v2")))
    return found


def test_a_lock_stands_at_what_is_encrypted_and_at_nothing_else() -> None:
    tape = tape_of("t13")
    encrypted = sum(each.encrypted for each in tape.records)
    assert [closed for *_, closed in locks(tape)] == [False] * encrypted
    assert [closed for *_, closed in locks(tape.without_secrets())] == [True] * encrypted
    assert locks(tape_of("plain-alert")) == []


@pytest.mark.parametrize("compact", [False, True])
def test_no_lock_lies_on_a_word(compact: bool) -> None:
    for name in ("t13", "t12-mutual", "t13-resume"):
        tape = tape_of(name)
        found = boxes(parse(draw.ladder(tape, of="TLS", compact=compact).svg))
        for x, y, _ in locks(tape, compact=compact):
            for left, top, right, bottom, text in found:
                apart = x + 9 <= left or x >= right or y + 6 <= top or y - 6 >= bottom
                assert apart, f"a lock lies on {text!r}"


def test_several_connections() -> None:
    told = lines(tape_of("t13-resume"))
    assert told[0].endswith("2 connections")
    assert "connection 2" in told


def test_a_tape_without_tls_is_refused() -> None:
    with pytest.raises(LabError, match="there are no TLS messages on this tape"):
        draw.ladder(talk([("c", b"hello")]).tape(), of="TLS")


def test_a_record_as_bits_has_what_was_sent_and_what_was_inside() -> None:
    tape = tape_of("t13")
    picture = draw.bits(tape.records[-1])
    told = repr(picture)
    assert told.startswith("TLS: The record as it was sent, 24 bytes")
    assert "tls.record.opaque_type" in told
    assert "Decrypted: What was encrypted, 3 bytes" in told
    assert "close_notify" in told
    assert "TLS record of packet 18: Alert: close_notify" in texts(parse(picture.svg))
    page_of(picture)
    closed = repr(draw.bits(tape.without_secrets().records[-1]))
    assert "close_notify" not in closed
    assert "Decrypted" not in closed


@pytest.mark.parametrize("name", ["t13-mutual", "t12-mutual", "t12-cbc", "extensions"])
def test_each_message_is_drawn_in_every_way(name: str) -> None:
    tape = tape_of(name)
    for each in (*tape.handshake, *tape.records):
        root = parse(draw.message(each).svg)
        check_layout(root)
        assert int(root.get("height", "0")) <= 800
        page_of(draw.message(each))
        for picture in (draw.bits(each), draw.bytes(each)):
            check_layout(parse(picture.svg))


def test_a_hello_in_rows() -> None:
    told = repr(draw.message(tape_of("t13").handshake[1])).split("\n")
    assert told[0] == "TLS message in packet 6: ServerHello"
    assert any(line.split("  ")[1:2] == ["cipher suite: TLS_AES_256_GCM_SHA384"] for line in told)
    assert any("extension supported_versions: TLS 1.3" in line for line in told)
    assert any("random" in line and line.endswith("(changes)") for line in told)
