"""The mask: functions as students write them, each refused for its own slip; the C code of `websockets` agrees."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import pytest
from websockets.speedups import apply_mask

from labkit.exercises import Outcome
from labkit.exercises.websocket import mask
from labkit.exercises.websocket.masking import _SLIPS, KEY, LONG, MASKED, PLAIN
from labkit.exercises.websocket.masking import mask as right
from tests.exercises.answers import refused

_KEPT = itertools.cycle(KEY)


def by_cycle(payload: bytes, key: bytes) -> bytes:
    """Right."""
    return bytes(one ^ other for one, other in zip(payload, itertools.cycle(key), strict=False))


def in_a_bytearray(payload: bytes, key: bytes) -> bytearray:
    """Right, and a bytearray."""
    changed = bytearray(payload)
    for place in range(len(changed)):
        changed[place] ^= key[place & 3]
    return changed


def as_one_number(payload: bytes, key: bytes) -> bytes:
    """Right, without a loop."""
    size = len(payload)
    number = int.from_bytes(payload, "big") ^ int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return number.to_bytes(size, "big")


def in_place(payload: Any, key: bytes) -> Any:
    """Right for bytes; a bytearray is changed."""
    changed = payload if isinstance(payload, bytearray) else bytearray(payload)
    for place in range(len(changed)):
        changed[place] ^= key[place % 4]
    return changed


def slow(payload: bytes, key: bytes) -> bytes:
    made = b""
    for place in range(len(payload)):
        made = right(payload[: place + 1], key)
    return made


def one_number_that_loses_zeros(payload: bytes, key: bytes) -> bytes:
    number = int.from_bytes(as_one_number(payload, key), "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@pytest.mark.parametrize("answer", [right, by_cycle, in_a_bytearray, as_one_number])
def test_right(answer: Any) -> None:
    result = mask.check(answer)
    assert result.correct, result


@pytest.mark.parametrize(("answer", "step", "message"), [
    (lambda payload, key: [1, 2], 1, "bytes() makes bytes of a list"),
    (lambda payload, key: "".join(chr(byte) for byte in right(payload, key)), 1, "is no text"),
    (lambda payload, key: (byte for byte in right(payload, key)), 1, "That is a generator"),
    (lambda payload, key: int.from_bytes(payload, "big"), 1, "to_bytes"),
    (lambda payload, key: True, 1, "returns the masked payload"),
    (lambda payload, key: payload, 2, "nothing was masked"),
    (lambda payload, key: bytes(map(operator.xor, payload, key)), 2, "ends after 4 bytes"),
    (lambda payload, key: right(payload[:4], key) + payload[4:], 2, "Only the first 4 bytes"),
    (lambda payload, key: bytes(byte ^ key[0] for byte in payload), 2, "with byte 0 of the key"),
    (lambda payload, key: right(payload, key[::-1]), 2, "from its end"),
    (lambda payload, key: bytes(byte ^ key[place % 4] for place, byte in enumerate(payload, 1)), 2, "counted from 1"),
    (lambda payload, key: bytes((byte + key[place % 4]) % 256 for place, byte in enumerate(payload)), 2, "was added"),
    (lambda payload, key: bytes(byte & key[place % 4] for place, byte in enumerate(payload)), 2, "That is AND"),
    (lambda payload, key: bytes(byte | key[place % 4] for place, byte in enumerate(payload)), 2, "That is OR"),
    (lambda payload, key: key + right(payload, key), 2, "The key stands in front"),
    (lambda payload, key: right(payload + bytes(-len(payload) % 4), key), 2, "filled up"),
    (lambda payload, key: right(payload, key) + b"\n", 2, "Here are 6"),
    (lambda payload, key: b"abcdefgh", 2, "takes none away and adds none"),
    (lambda payload, key: b"abcde", 2, "Byte 0 is the first that differs: 0x48 XOR 0x37 is 0x7f"),
    (lambda payload, key: MASKED, 3, "Here are 5"),
    (lambda payload, key: right(payload, KEY), 3, "is the first that differs"),
    (lambda payload, key: right(payload, key) or b"\0", 3, "Here are 1"),
    (one_number_that_loses_zeros, 3, "The zero bytes at the front are gone"),
    (lambda payload, key: bytes(byte ^ next(_KEPT) for byte in payload), 3, "is the first that differs"),
    (slow, 4, "a loop that never ends"),
    (lambda payload, key: right(payload[:65535], key) + payload[65535:], 4, "the last bytes of a long one"),
    (in_place, 5, "Work on a copy"),
    (lambda payload, key: right(payload, key) if type(payload) is bytes else b"", 5, "A bytearray is a payload too"),
    (KEY, 1, "Give check() the function itself"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    refused(mask, answer, step, message)


def test_an_error_is_shown() -> None:
    result = mask.check(lambda payload, key: bytes(byte ^ key[place] for place, byte in enumerate(payload)))
    assert result.outcome is Outcome.NOT_YET
    assert "IndexError" in result.seen


def test_no_slip_is_right_on_the_example() -> None:
    made = [slip(PLAIN, KEY) for slip, _ in _SLIPS]
    assert right(PLAIN, KEY) == MASKED
    assert MASKED not in made


def test_the_library_agrees() -> None:
    for size in (0, 1, 3, 4, 5, 8, 127, LONG):
        payload = bytes(at % 251 for at in range(size))
        assert right(payload, KEY) == apply_mask(payload, KEY)
