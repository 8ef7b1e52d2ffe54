"""What a request's head must be beyond what llhttp asks (RFC 9110, RFC 9112): its line, Host, and what frames the body.

Rule: looks at one head that llhttp has taken, and raises `Malformed`; no state but what was found good before.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser

from labkit.http.framing import Malformed
from labkit.http.headers import Raw, each

# RFC 3986 section 3.2.2: a name or an address, and a port
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::[0-9]*)?").fullmatch
_AUTHORITY = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+):[0-9]{1,5}").fullmatch
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+").match

hosts: set[bytes] = set()
HOSTS, LONGEST_HOST = 256, 64
"""Values of Host that are remembered as good, and their bytes: a server has few names."""

lines: dict[bytes, tuple[str, str, str, int]] = {}
LINES, LONGEST_LINE = 256, 256
"""Request lines that are remembered as good, and their bytes: many requests have the same one."""


class Exact:
    """Fields of which some have the same name: a parser of its own reads them, since `RequestParser` keeps one each."""

    def __init__(self, head: bytes) -> None:
        self.raw: list[tuple[bytes, bytes]] = []
        with suppress(HttpParserUpgrade):
            HttpRequestParser(self).feed_data(head)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field."""
        self.raw.append((name, value))


def check_host(value: bytes) -> None:
    """Refuse a value of Host that names no host (RFC 9110 section 7.2); a good one is remembered in `hosts`."""
    if not _HOST(value.strip(b" \t")):
        raise Malformed("the Host field names no host", code="HPE_INVALID_HOST")
    if len(value) <= LONGEST_HOST:
        if len(hosts) >= HOSTS:
            hosts.clear()
        hosts.add(value)


def check_no_host(raw: Raw, version: str) -> None:
    """Refuse a head without Host, or with two of them; HTTP/1.0 needs none (RFC 9112 section 3.2)."""
    found = sum(name.lower() == b"host" for name, _ in each(raw))
    if found or version == "1.1":
        raise Malformed("the request has two Hosts" if found else "the request has no Host", code="HPE_HOST")


def first(raw: Raw, name: bytes) -> bytes:
    """The value of the first field with this name, which is there."""
    return next(value for other, value in each(raw) if other == name)


def special_fields(raw: Raw, special: tuple[tuple[bytes, bytes], ...]) -> tuple[int, bytes, bytes]:
    """Content-Length (-1: none), the transfer codings, and what is expected, of a head with such fields."""
    length = -1
    codings, expected = [], []
    for low, name in special:
        for value in [raw[name]] if isinstance(raw, dict) else [value for other, value in raw if other == name]:
            if low == b"content-length":
                length = int(value)
            elif low == b"expect":
                expected.append(value.strip(b" \t").lower())
            else:
                codings.append(value)
    return length, b",".join(codings), b",".join(expected)


def read_line(line: bytes, method: bytes, limit: int) -> tuple[str, str, str, int]:
    """Method, target, version and the bytes of the target, of a request line. Look in `lines` first.

    method: as llhttp has read it. limit: bytes of the target.
    """
    target, space, protocol = line[len(method) + 1 :].rpartition(b" ")
    if len(target) > limit:
        raise Malformed("the target of the request is too long", 414, "HPE_HEADER_OVERFLOW")
    if not space:
        raise Malformed("HTTP/0.9 is not spoken here", 505, "HPE_INVALID_VERSION")
    if not protocol.startswith(b"HTTP/"):  # llhttp reads RTSP, too
        raise Malformed("this is another protocol than HTTP", code="HPE_INVALID_CONSTANT")
    version = protocol[5:].decode("latin-1")
    if version != "1.1" and version != "1.0":
        raise Malformed(f"HTTP/{version} is not spoken here", 505, "HPE_INVALID_VERSION")
    # exactly one space before and after the target (RFC 9112 section 3)
    if not line.startswith(method + b" ") or b" " in target or not target:
        raise Malformed("the request line has more than two spaces", code="HPE_INVALID_URL")
    _check_target(method, target)
    known = method.decode("latin-1"), target.decode("latin-1"), version, len(target)
    if len(line) <= LONGEST_LINE:
        if len(lines) >= LINES:
            lines.clear()
        lines[line] = known
    return known


def _check_target(method: bytes, target: bytes) -> None:
    """Refuse a target in a form that its method does not have (RFC 9112 section 3.2)."""
    if method == b"CONNECT":
        good: Any = _AUTHORITY(target)
    elif target == b"*":
        good = method == b"OPTIONS"
    else:
        good = (target[:1] == b"/" or _ABSOLUTE(target)) and b"#" not in target
    if not good:
        raise Malformed(f"{target[:80]!r} is not a target of {method.decode('latin-1')}", code="HPE_INVALID_URL")


def check_coding(coding: bytes, version: str, length: int) -> None:
    """Refuse transfer codings that are not ``chunked`` alone (RFC 9112 section 6.1). length: Content-Length, or -1."""
    if version == "1.0":  # RFC 9112 section 6.1
        raise Malformed("HTTP/1.0 has no Transfer-Encoding", code="HPE_INVALID_TRANSFER_ENCODING")
    if length >= 0:
        raise Malformed("Content-Length with Transfer-Encoding", code="HPE_INVALID_CONTENT_LENGTH")
    if coding.strip(b" \t").lower() != b"chunked":
        raise Malformed("a transfer coding that is not known here", 501, "HPE_INVALID_TRANSFER_ENCODING")
