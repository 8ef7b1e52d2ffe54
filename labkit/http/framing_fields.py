"""What the header fields of a message that is to be sent say of its framing: length, chunks, and the connection.

Rule: looks at fields that were checked; refuses those that contradict one another. No message, no socket.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from labkit.core import checks
from labkit.http.headers import BadHeader


class Facts(NamedTuple):
    """What the fields that a program has set say of the framing of its message. closes: ``Connection: close``."""

    prefix: bytes
    date: bool = False
    connection: bool = False
    closes: bool = False
    keep_alive: bool = False
    length: int | None = None
    coding: bool = False
    chunked: bool = False
    expect: bool = False
    trailer: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether they say nothing of it."""
        return self[1:] == Facts(b"")[1:]


_CLOSE = re.compile(r"(?:^|\W)close(?:$|\W)", re.IGNORECASE).search
_CHUNKED = re.compile(r"(?:^|[,\s])chunked\s*$", re.IGNORECASE).search  # the last coding of the list
_known: dict[tuple[str, tuple[tuple[str, str], ...]], Facts] = {}
KNOWN = 512
"""Heads whose first bytes are kept, because servers send the same fields again and again."""


def facts(first_line: str, lines: tuple[tuple[str, str], ...]) -> Facts:
    """The first bytes of a head, and what its fields say. first_line: with its CRLF. lines: checked fields."""
    key = (first_line, lines)
    found = _known.get(key)
    if found is None:
        if len(_known) >= KNOWN:
            _known.clear()
        text = first_line + "".join([f"{name}: {value}\r\n" for name, value in lines])
        found = _known[key] = Facts(text.encode("latin-1"))._replace(**_said(lines))
    return found


def _said(lines: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in lines:
        match name.lower():
            case "date" | "expect" | "trailer" as key:
                said[key] = True
            case "keep-alive":
                said["keep_alive"] = True
            case "connection":
                said["connection"] = True
                said["closes"] = said.get("closes", False) or _CLOSE(value) is not None
            case "transfer-encoding":
                said["coding"] = True
                said["chunked"] = said.get("chunked", False) or _CHUNKED(value) is not None
            case "content-length":
                if not (value.isascii() and value.isdigit()) or said.get("length", int(value)) != int(value):
                    raise BadHeader(
                        f"{checks.shown(value)} is not a content length", "Give the number of bytes of the body, once."
                    )
                said["length"] = int(value)
    if "length" in said and "coding" in said:
        raise BadHeader(
            "a message cannot have both Content-Length and Transfer-Encoding",
            "Set one of them, or none: RFC 9112 section 6.2 allows one, and receivers disagree on two.",
        )
    return said
