"""The choice of a server, and the client behind a log: answers as students give them, each refused for its own slip.

Rule: the message that is to be read is read by the dissector, too.
"""

from __future__ import annotations

from typing import Any

import pytest

from labkit import exercises
from labkit.exercises.tls import hello, taped, who_was_it
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from tests.exercises.answers import refused


def parts(**other: Any) -> dict[str, Any]:
    return {**hello.reference, **other}


@pytest.mark.parametrize("seed", range(1, 30))
def test_the_dissector_reads_the_same(seed: int) -> None:
    hello.another(seed)
    data = hello._data
    record = b"\x16\x03\x03" + len(data).to_bytes(2, "big") + data
    tape = Tape(Recording(taped._frames([(False, record)])), origin="made")
    (message,) = tape.handshake
    assert message.kind == "ServerHello"
    assert message.state == "", message.reason
    found = {field.name: field.value for field in message.fields[0].walk()}
    assert found["tls.handshake.ciphersuite"] == hello.reference["suite"]
    assert found["tls.handshake.extensions_key_share_group"] == hello.reference["group"]
    assert found["tls.handshake.extensions_key_share_key_exchange"] == hello.reference["key_share"]


def test_seeds_differ_in_what_matters() -> None:
    seen = set()
    for seed in range(1, 30):
        hello.another(seed)
        seen.add((hello._session, hello._group, hello._suite))
    assert {each[0] for each in seen} == {0, 32}
    assert len({each[1] for each in seen}) == len({each[2] for each in seen}) == 3


@pytest.mark.parametrize("part", ["suite", "group"])
def test_two_bytes_are_a_number(part: str) -> None:
    assert hello.check(parts(**{part: hello.reference[part].to_bytes(2, "big")})).correct


def test_hexadecimal_text_is_bytes() -> None:
    assert hello.check(parts(key_share=hello.reference["key_share"].hex(" "))).correct
    assert hello.check(parts(key_share=bytearray(hello.reference["key_share"]))).correct


@pytest.mark.parametrize(("answer", "step", "message"), [
    ({}, 1, ""),
    ({"suite": 1}, 1, "Give check() a dictionary"),
    (lambda: parts(suite="TLS_AES_256_GCM_SHA384"), 1, "in hexadecimal: 0x"),
    (lambda: parts(key_share=7), 1, "bytes.fromhex"),
    (lambda: parts(key_share="xyz"), 1, "hexadecimal digits"),
    (lambda: parts(suite=int.from_bytes(hello._suite.to_bytes(2, "big"), "little")), 2, "in the wrong order"),
    (lambda: parts(suite=hello._at(38)), 2, "length of the session ID"),
    (lambda: parts(suite=hello._at(39)), 2, "beginning of the session ID"),
    (lambda: parts(suite=hello._at(38 + 32 + 2)), 2, "One byte further"),
    (lambda: parts(suite=0x0303), 2, "old field Version"),
    (lambda: parts(suite=next(n for n in (0x1301, 0x1302) if n != hello._suite)), 2, "not the one that stands here"),
    (lambda: parts(suite=77), 2, "Count again"),
    (lambda: parts(group=51), 3, "type of the extension"),
    (lambda: parts(group=len(hello._share) + 4), 3, "length of the extension"),
    (lambda: parts(group=len(hello._share)), 3, "length of the key share"),
    (lambda: parts(group=0x0304), 3, "supported_versions"),
    (lambda: parts(group=int.from_bytes(hello._group.to_bytes(2, "big"), "little")), 3, "the high one"),
    (lambda: parts(group=1), 3, "first two bytes of the content"),
    (lambda: parts(key_share=len(hello._share).to_bytes(2, "big") + hello._share), 4, "first two bytes are the length"),
    (lambda: parts(key_share=hello._group.to_bytes(2, "big") + len(hello._share).to_bytes(2, "big") + hello._share), 4,
     "whole content of the extension"),
    (lambda: parts(key_share=hello._data[6:38]), 4, "That is Random"),
    (lambda: parts(key_share=hello._share[:-3]), 4, "3 bytes are missing at the end"),
    (lambda: parts(key_share=hello._share + b"ab"), 4, "2 bytes too many"),
    (lambda: parts(key_share=hello._share[1:]), 4, "1 bytes are missing at the beginning"),
    (lambda: parts(key_share=b"some bytes"), 4, "as many bytes as"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    seed = next(n for n in range(1, 99) if hello.another(n)._session == 32 and hello._suite != 0x1303)
    hello.another(seed)
    given = answer() if callable(answer) else answer
    if given == {}:
        assert not hello.check(given).correct
        return
    refused(hello, given, step, message)


@pytest.mark.parametrize(("letter", "chosen", "words"), [
    ("A", "none, TLS 1.2", "the client was connected already"),
    ("B", "none, TLS 1.3", "never connected"),
    ("C", "wrong CA", "gives alert 48. 45 means certificate expired"),
    ("D", "expired", "an alert of its own, 45"),
    ("E", "none, TLS 1.3", "would know a reason"),
    ("E", "right", "Then authorized would be true"),
    ("F", "not asked", "verifies nothing"),
])  # fmt: skip
def test_each_client_has_its_words(letter: str, chosen: str, words: str) -> None:
    result = who_was_it.check({**who_was_it.reference, letter: chosen})
    assert not result.correct
    assert words in result.why


def test_order_in_the_lessons() -> None:
    assert [each.name for each in exercises.every("05c-tls-handshake")] == ["tls.hello", "tls.decrypt"]
