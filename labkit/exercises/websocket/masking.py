"""An exercise on the mask of a frame: one function masks a payload, and unmasks it again.

Rule: the bytes decide; a wrong payload is compared with what each known slip makes of the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.feeding import in_hex
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain

KEY, PLAIN, MASKED = bytes.fromhex("37fa213d"), b"Hello", bytes.fromhex("7f9f4d5158")
"""The example of RFC 6455 §5.7."""

LONG = 100_000
"""Bytes of the long payload."""


def mask(payload: bytes, key: bytes) -> bytes:
    """Each byte XOR one of the key's four, in turn; the reference answer. Source: RFC 6455 §5.3."""
    return bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


class Mask(Exercise):
    """Mask and unmask a payload."""

    name = "websocket.mask"
    lesson = "04c-websocket-frames"
    title = "mask a payload, and unmask it"
    steps = ("mask() returns bytes", "the example of RFC 6455", "payloads of 0 to 40 bytes, with other keys",
             f"a payload of {LONG:,} bytes", "what mask() is given stays as it is")
    stub = "def mask(payload, key):\n    ...\n\nexercises.websocket.mask.check(mask)"
    asks = "Give check() the function itself: check(mask)."
    praise = (
        "XOR with the same bit twice changes nothing: each bit that the key turns over is turned back. So one function "
        "does both.\n"
        "The key stands in the frame, in front of the payload. Everybody on the way can unmask it: a mask hides "
        "nothing."
    )
    stretch = (
        "a large payload comes in pieces. Give mask() a third argument, the number of bytes before this piece, so that "
        "the pieces can be unmasked one by one. What goes wrong without it, and for which sizes of a piece?"
    )
    task = (
        "Write the function `mask(payload, key)`. `payload` is bytes of any length, `key` is 4 bytes. It returns the "
        "masked payload, as bytes: byte 0 XOR byte 0 of the key, byte 1 XOR byte 1, and so on. After byte 3 the key "
        "starts again from its byte 0. Do not use a library for it.\n\n"
        f"In RFC 6455, the payload `{PLAIN.decode()}` with the key `{KEY.hex(' ')}` gives `{MASKED.hex(' ')}`.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "Bytes are numbers from 0 to 255: `for byte in payload` gives one after the other. XOR is the sign `^`.",
        "`place % 4` is 0, 1, 2, 3, 0, 1, … when `place` counts from 0. `enumerate(payload)` gives place and byte.",
        "`byte ^ key[place % 4]` for each place and byte, and `bytes(...)` around all of them.",
    )
    reference = staticmethod(mask)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function mask", self.asks)
        returned = self._called(answer, PLAIN, KEY, run, first=True)
        run.step(2)
        self._compare(PLAIN, KEY, returned)
        run.step(3)
        numbers = random.Random(5)
        for size in (*range(8), *range(38, 41)):
            payload, key = numbers.randbytes(size), numbers.randbytes(4)
            self._compare(payload, key, self._called(answer, payload, key, run))
        for payload, key in ((b"\0" * 9, KEY), (b"\xff" * 6, KEY), (b"plain", bytes(4)), (KEY + b"!", KEY)):
            self._compare(payload, key, self._called(answer, payload, key, run))
        self._compare(MASKED, KEY, self._called(answer, MASKED, KEY, run))  # masked twice
        run.step(4)
        payload, key = numbers.randbytes(LONG), numbers.randbytes(4)
        self._compare(payload, key, self._called(answer, payload, key, run))
        run.step(5)
        self._keeps(answer, run)

    def _called(self, answer: Any, payload: bytes, key: bytes, run: Run, *, first: bool = False) -> bytes:
        doing = _doing(payload, key)
        returned = run.call(doing, answer, payload, key, first=first)
        if type(returned) in (bytes, bytearray):
            return bytes(returned)
        raise NotYet(f"bytes from {doing}", show(returned), _kind(returned))

    def _compare(self, payload: bytes, key: bytes, returned: bytes) -> None:
        right = mask(payload, key)
        if returned == right:
            return
        doing = _doing(payload, key)
        if len(payload) > 64:
            place = next((at for at, (one, other) in enumerate(zip(right, returned, strict=False)) if one != other),
                         min(len(right), len(returned)))
            raise NotYet(f"{len(right)} bytes from {doing}", f"{len(returned)} bytes, different from byte {place} on",
                         "Shorter payloads were right. What does the function do with the last bytes of a long one?")
        raise NotYet(f"{in_hex(right)}\nfrom {doing}", in_hex(returned), _why(payload, key, returned))

    def _keeps(self, answer: Any, run: Run) -> None:
        """A payload that can be changed is not changed."""
        payload, key = bytearray(b"kept as it is"), bytearray(KEY)
        returned = run.call("mask(bytearray(b'kept as it is'), bytearray(key))", answer, payload, key)
        if payload != b"kept as it is" or key != KEY:
            raise NotYet("the bytearray that mask() was given stays as it is", show(bytes(payload)),
                         "Who called mask() may still need the payload, for another member with another key. Work on "
                         "a copy: bytearray(payload).")
        if returned != mask(b"kept as it is", KEY):
            raise NotYet(in_hex(mask(b"kept as it is", KEY)), show(returned),
                         "A bytearray is a payload too: a program reads into one.")

    @property
    def worked(self) -> str:
        return (
            "XOR compares two bits: it gives 1 if they differ. A bit of 1 in the key turns a bit of the payload over, "
            "and a bit of 0 leaves it. If the same key is applied again, each bit is as before.\n\n" + source(mask)
        )


def _doing(payload: bytes, key: bytes) -> str:
    """The call, as the student would write it if the payload is short."""
    what = show(payload) if len(payload) <= 64 else f"a payload of {len(payload)} bytes"
    return f'mask({what}, bytes.fromhex("{key.hex(" ")}"))'


def _kind(returned: Any) -> str:
    """What is said about a returned value that is not bytes."""
    if type(returned) in (list, tuple):
        return "bytes() makes bytes of a list of numbers, one byte each."
    if type(returned) is str:
        return "A masked payload is no text. chr() makes characters; bytes() makes bytes of a list of numbers."
    if type(returned) is int:
        return "An int can be XORed as a whole, and then its bytes must be taken out again: to_bytes(length, \"big\")."
    if hasattr(returned, "__next__"):
        return "That is a generator: bytes(...) around it collects its numbers."
    return "mask() returns the masked payload."


def _why(payload: bytes, key: bytes, returned: bytes) -> str:
    """What most likely went wrong; never empty."""
    for made, words in _SLIPS:
        if made(payload, key) == returned:
            return words
    right = mask(payload, key)
    if returned == right.lstrip(b"\0"):
        return "The zero bytes at the front are gone. A number does not keep them: the length is that of the payload."
    if len(returned) != len(payload):
        if right.startswith(returned) or returned.startswith(right):
            return f"The payload has {len(payload)} bytes, and the masked one has as many. Here are {len(returned)}."
        return "A mask changes bytes. It takes none away and adds none."
    place = next(at for at in range(len(right)) if right[at] != returned[at])
    return (f"Byte {place} is the first that differs: {payload[place]:#04x} XOR {key[place % 4]:#04x} is "
            f"{right[place]:#04x}.")


_SLIPS: tuple[tuple[Callable[[bytes, bytes], bytes], str], ...] = (
    (lambda payload, key: payload, "That is the payload itself: nothing was masked."),
    (lambda payload, key: bytes(byte ^ part for byte, part in zip(payload, key, strict=False)),
     "It ends after 4 bytes: zip() stops at the end of the key. The key starts again after byte 3."),
    (lambda payload, key: mask(payload[:4], key) + payload[4:],
     "Only the first 4 bytes are masked. The key starts again after byte 3."),
    (lambda payload, key: mask(payload[: len(payload) // 4 * 4], key),
     "The last bytes are missing: a payload need not be a multiple of 4."),
    (lambda payload, key: mask(payload[: len(payload) // 4 * 4], key) + payload[len(payload) // 4 * 4 :],
     "The last bytes are not masked: a payload need not be a multiple of 4."),
    (lambda payload, key: mask(payload + bytes(-len(payload) % 4), key),
     "There are bytes too many: the payload was filled up to a multiple of 4."),
    (lambda payload, key: bytes(byte ^ key[0] for byte in payload),
     "Each byte was masked with byte 0 of the key. The four are taken in turn."),
    (lambda payload, key: mask(payload, key[::-1]), "The bytes of the key are taken from its end."),
    (lambda payload, key: bytes(byte ^ key[(place + 1) % 4] for place, byte in enumerate(payload)),
     "The places are counted from 1. Byte 0 goes with byte 0 of the key."),
    (lambda payload, key: bytes((byte + key[place % 4]) % 256 for place, byte in enumerate(payload)),
     "The key was added. XOR is ^: it adds without carrying, so that the same function takes it away again."),
    (lambda payload, key: bytes(byte & key[place % 4] for place, byte in enumerate(payload)),
     "That is AND (&): what it has set to 0 is lost. XOR is ^."),
    (lambda payload, key: bytes(byte | key[place % 4] for place, byte in enumerate(payload)),
     "That is OR (|): what it has set to 1 is lost. XOR is ^."),
    (lambda payload, key: mask(mask(payload, key), key), "It was masked twice."),
    (lambda payload, key: key + mask(payload, key),
     "The key stands in front. In a frame it does; mask() returns the payload only."),
)
"""What each known slip makes of a payload and a key, and how to say so; the first that fits is told."""
