"""What a student writes as the value of a field, as bits; and a field's value as text that can be written so.

Rule: a value that does not fit is refused with what would fit; nothing is cut to size.
"""

from __future__ import annotations

import socket

from labkit.core.checks import is_whole, shown
from labkit.core.errors import BadArgument
from labkit.packets.frames import FLAG_LETTERS, FLAG_NAMES
from labkit.packets.model import Field

_FLAGS = {**{name: 1 << bit for bit, name in enumerate(FLAG_NAMES)},
          **{letter: 1 << bit for bit, letter in enumerate(FLAG_LETTERS)}}  # fmt: skip
_WORDS = {"set": 1, "true": 1, "yes": 1, "not set": 0, "false": 0, "no": 0}
_MAC, _ADDRESSES = 48, {32: (socket.AF_INET, "an IPv4 address"), 128: (socket.AF_INET6, "an IPv6 address")}
LONGEST = 65535
"""Bytes that a frame may have."""


def written(field: Field) -> str:
    """The value of a field as it can be written into it again."""
    value = field.value
    if isinstance(value, bytes):
        text = value.decode("ascii", "replace")
        plain = value.isascii() and text.isprintable() and not text.startswith("0x") and text == text.strip()
        return text if plain else f"0x{value.hex(' ')}"
    if isinstance(value, int) and field.shown.startswith("0x"):
        return f"0x{value:0{max(1, (field.bits + 3) // 4)}x}"
    return str(value)


def encoded(field: Field, value: object) -> int | bytes:
    """The bits of a value: a number for a field of whole bits, or bytes for one of bytes, which may be longer.

    Raises `BadArgument` for what is no value of this field.
    """
    if isinstance(value, (bytes, bytearray)):
        return _of_bytes(field, bytes(value))
    if isinstance(field.value, bytes):
        return _of_bytes(field, _text(field, value))
    if isinstance(field.value, str):
        return _words(field, value)
    return _number(field, value)


def _of_bytes(field: Field, value: bytes) -> bytes:
    if field.start % 8 or field.bits % 8:
        raise BadArgument(f"{field.name} has {field.bits} bits, and no bytes", "Give a number.")
    if len(value) > LONGEST:
        raise BadArgument(f"{len(value)} bytes are more than a frame has", f"Give {LONGEST} at most.")
    longer = isinstance(field.value, bytes) or (isinstance(field.value, str) and _is_text(field))
    if not longer and len(value) * 8 != field.bits:
        raise BadArgument(f"{field.name} has {field.bits // 8} bytes, not {len(value)}", "Give as many bytes.")
    return value


def _text(field: Field, value: object) -> bytes:
    if not isinstance(value, str):
        raise BadArgument(f"{shown(value)} is no value of {field.name}", 'Give bytes or text: b"hi", "hi", "0x68 69".')
    if not value.startswith("0x"):
        return value.encode("utf-8", "surrogateescape")
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        what = f"{shown(value)} is not hexadecimal"
        todo = "Behind 0x, write two digits a byte: 0x68 69. Any other text is taken as it is."
        raise BadArgument(what, todo) from None


def _words(field: Field, value: object) -> bytes:
    """The bytes of an address, or of a text."""
    if not isinstance(value, str):
        raise BadArgument(f"{shown(value)} is no value of {field.name}", f"Give text, such as {shown(field.value)}.")
    if field.bits == _MAC and ":" in str(field.value):
        return _hardware(value)
    if _is_address(field):
        family, what = _ADDRESSES[field.bits]
        try:
            return socket.inet_pton(family, value)
        except (OSError, ValueError):
            raise BadArgument(f"{shown(value)} is not {what}", f"Write it so: {field.value!s}.") from None
    if _is_text(field):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise BadArgument(f"{shown(value)} has half a character", "Give text that UTF-8 has bytes for.") from None
    raise BadArgument(f"{field.name} cannot be written as a value", "Give its bytes, as many as it has, or flip bits.")


def _is_text(field: Field) -> bool:
    """Whether the value of a field is its bytes as text, as in HTTP and in WebSocket frames."""
    return len(str(field.value).encode("utf-8", "surrogateescape")) * 8 == field.bits


def _is_address(field: Field) -> bool:
    try:
        return bool(socket.inet_pton(_ADDRESSES[field.bits][0], str(field.value)))
    except (OSError, ValueError, KeyError):
        return False


def _hardware(value: str) -> bytes:
    try:
        found = bytes.fromhex(value.replace(":", "").replace("-", ""))
    except ValueError:
        found = b""
    if len(found) * 8 != _MAC:
        raise BadArgument(f"{shown(value)} is not a hardware address", "Write it so: 02:00:00:00:00:01.")
    return found


def _number(field: Field, value: object) -> int:
    number = _as_number(field, value)
    if number is None:
        todo = "Give a number (6, 0x06, 0b110)" + (', or flags ("SYN, ACK").' if _has_flags(field) else ".")
        raise BadArgument(f"{shown(value)} is no value of {field.name}", todo)
    if not 0 <= number < 1 << field.bits:
        most = (1 << field.bits) - 1
        size = "1 bit" if field.bits == 1 else f"{field.bits} bits"
        raise BadArgument(f"{shown(value)} does not fit into {field.name}, which has {size}", f"Give 0 to {most}.")
    return number


def _as_number(field: Field, value: object) -> int | None:
    if isinstance(value, bool):
        return int(value)
    if is_whole(value):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip().replace("_", "")
    if field.bits == 1 and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return int(text, 0) if not text.isdecimal() else int(text)
    except ValueError:
        return _flags(text) if _has_flags(field) else None


def _has_flags(field: Field) -> bool:
    return field.name == "tcp.flags"


def _flags(text: str) -> int | None:
    """TCP's flags by their names (``"SYN, ACK"``) or letters (``"SA"``)."""
    words = text.upper().replace(",", " ").split()
    if len(words) == 1 and words[0] not in _FLAGS:
        words = list(words[0])
    if any(word not in _FLAGS for word in words):
        return None
    return sum({_FLAGS[word] for word in words})
