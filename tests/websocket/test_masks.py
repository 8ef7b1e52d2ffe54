"""The mask: the RFC's example, the C code beside one exclusive or at a time, and keys that are new each time.

Rule: what masks also unmasks.
"""

from __future__ import annotations

import os

import pytest

from labkit.websocket import masks


def one_by_one(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[place % 4] for place, byte in enumerate(data))


@pytest.mark.parametrize("apply", [masks.apply, masks._apply_slowly])
def test_masks_as_the_rfc_says(apply: masks.Apply) -> None:
    """RFC 6455 section 5.7: "Hello" with this key."""
    key = b"\x37\xfa\x21\x3d"
    assert apply(b"Hello", key) == bytes.fromhex("7f9f4d5158")
    for size in (0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 4095, 4096, 70_001):
        data, key = os.urandom(size), os.urandom(4)
        for form in (data, bytearray(data), memoryview(data)):
            masked = apply(form, key)
            assert type(masked) is bytes
            assert masked == one_by_one(data, key)
            assert apply(masked, key) == data


def test_keys_are_new_each_time() -> None:
    keys = [masks.new_key() for _ in range(3 * masks.POOL // 4)]
    assert {len(key) for key in keys} == {4}
    assert len(set(keys)) > len(keys) - 10
