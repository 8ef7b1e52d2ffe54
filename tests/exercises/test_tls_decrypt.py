"""A record by hand: functions as students write them, each refused for its own slip; records of OpenSSL are opened.

Rule: every wrong function below is the right one with one change.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from labkit.exercises.tls import decrypt
from labkit.exercises.tls.decrypt import _cases, expand, open_record, seal
from tests.exercises.answers import refused

Open = Callable[[bytes, bytes, int], Any]


def made(
    *, label: bytes = b"key", size: int = 32, digest: str = "sha384",
    nonce: Callable[[bytes, int], bytes] = lambda iv, n: (int.from_bytes(iv, "big") ^ n).to_bytes(12, "big"),
    header: Callable[[bytes], bytes | None] = lambda record: record[:5],
    back: Callable[[bytes], Any] = lambda inside: (inside.rstrip(b"\0")[-1], inside.rstrip(b"\0")[:-1]),
) -> Open:  # fmt: skip
    """The right function, with one part in another way."""

    def expanded(secret: bytes, name: bytes, length: int) -> bytes:
        full = b"tls13 " + name
        info = length.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0\1"
        return hmac.digest(secret, info, digest)[:length]

    def opened(secret: bytes, record: bytes, number: int) -> Any:
        iv = expanded(secret, b"iv", 12)
        inside = AESGCM(expanded(secret, label, size)).decrypt(nonce(iv, number), record[5:], header(record))
        return back(inside)

    return opened


def quiet(secret: bytes, record: bytes, number: int) -> Any:
    try:
        return open_record(secret, record, number)
    except Exception:
        return 0, b""


def test_right() -> None:
    assert decrypt.check(made()).correct
    in_a_list = made(back=lambda inside: [inside.rstrip(b"\0")[-1], bytearray(inside.rstrip(b"\0")[:-1])])
    assert decrypt.check(in_a_list).correct


def test_sealed_records_open() -> None:
    secret = bytes(range(48))
    for number, padding in ((0, 0), (1, 5), (2**40, 100)):
        assert open_record(secret, seal(secret, 23, b"hi\0", number, padding), number) == (23, b"hi\0")
    assert len(expand(secret, b"key", 32)) == 32


def test_real_records_are_among_the_cases() -> None:
    cases = _cases()
    assert [each.step for each in cases] == [2, 3, 4, 5, 5, 6]
    assert b"GET /balance" in cases[0].content
    assert cases[0].number == 0
    assert cases[1].number == 2  # behind two tickets
    assert cases[2].kind == 22


@pytest.mark.parametrize(("answer", "step", "message"), [
    (made(label=b"KEY"), 2, "The tag does not fit"),
    (made(size=16), 2, "The tag does not fit"),
    (made(digest="sha256"), 2, "The tag does not fit"),
    (made(header=lambda record: None), 2, "The tag does not fit"),
    (made(nonce=lambda iv, n: n.to_bytes(12, "big")), 2, "The tag does not fit"),
    (made(back=lambda inside: inside), 2, "The last byte is the type"),
    (made(back=lambda inside: inside[:-1]), 2, "Return the type, too"),
    (made(back=lambda inside: (inside[:-1], inside[-1])), 2, "The type comes first"),
    (made(back=lambda inside: (inside[-1:], inside[:-1])), 2, "inside[-1] is a number"),
    (made(back=lambda inside: (inside[-1], inside[:-1].decode())), 2, "Leave the content as bytes"),
    (made(back=lambda inside: (inside[-1], inside)), 2, "still behind the content"),
    (made(back=lambda inside: (1, 2, 3)), 2, "Return two things"),
    (made(nonce=lambda iv, n: iv), 3, "This is number 2: the nonce has it"),
    (made(back=lambda inside: (23, inside.rstrip(b"\0")[:-1])), 4, "The real type is inside"),
    (made(back=lambda inside: (inside[-1], inside[:-1])), 5, "Zero is padding"),
    (made(back=lambda inside: (inside.rstrip(b"\0")[-1], inside.rstrip(b"\0")[:-1].rstrip(b"\0"))), 4,
     "zeros in front of the type belong to the content"),
    (made(nonce=lambda iv, n: iv[:-1] + bytes([iv[-1] ^ n & 255])), 6, "larger than one or two bytes"),
    (quiet, 7, "One bit of its tag was changed"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    refused(decrypt, answer, step, message)


def test_a_function_that_does_not_look_at_the_header_is_found() -> None:
    """It rebuilds the header from the length: right for all but a changed one."""
    refused(decrypt, made(header=lambda record: b"\x17\x03\x03" + record[3:5]), 7, "One bit of its header was changed")
