"""What a browser sends to Jupyter and to no other server: its log-in cookies, taken out of requests that are passed on.

Rule: bytes in, bytes out, no I/O; what is not an HTTP/1 request leaves as it came, and at once.

A browser keeps cookies by host, not by port. So it sends those of JupyterLab at 127.0.0.1:8888 to a notebook's server
at 127.0.0.1:12010, too; and jupyter-server-proxy passes them on. Whoever has them can run programs as the user.
"""

from __future__ import annotations

import re
from enum import Enum, auto

NAMES = re.compile(rb"_xsrf$|username-|jupyter", re.IGNORECASE)
"""How the names of Jupyter's cookies begin: ``_xsrf`` and ``username-HOST`` are Jupyter Server's, ``jupyterhub-...``
JupyterHub's."""
LONGEST = 65536
"""Bytes of a line with a secret name; a longer one is dropped."""

_SIGNED = re.compile(rb'"?2\|1:\d+\|10:\d{10}\|')  # a value signed by Tornado: the log-in, whatever its name was set to
_REQUEST_LINE = re.compile(rb"[!-~]+ [^\r\n]* HTTP/1\.[01]\r?\n")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*(.*?)[ \t]*\r?\n", re.DOTALL)
_SECRET = (b"cookie", b"authorization")
_KEPT = 128  # bytes of both ends of a line that has passed: enough for a request line, a length, a coding


class _Next(Enum):
    """What the next line is."""

    REQUEST = auto()
    FIELD = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()


class JupyterCookies:
    """Takes Jupyter's cookies and its token out of all that one client sends, in whatever pieces it comes.

    Each request of a connection is looked at, also behind bodies. A line is held back until it is whole if it may be
    ``Cookie``, or ``Authorization``, which is dropped if its scheme is ``token``; all else passes as it comes. An
    administrator can give Jupyter's log-in cookie another name, so every cookie goes that Tornado has signed. A token
    in a URL stays. Source: RFC 6265 section 5.4, RFC 9112 sections 2.1, 5, 6 and 7.1.
    """

    def __init__(self) -> None:
        self._next = _Next.REQUEST
        self._other = False  # no HTTP/1: a protocol of its own, also behind an upgrade
        self._line = bytearray()
        self._passing = False  # the first bytes of the line have passed
        self._after_secret = False  # the line before had a secret name
        self._left = 0  # bytes of a body
        self._length, self._chunked = 0, False

    def feed(self, data: bytes) -> bytes:
        """What to pass on of these bytes, and of those that were held back."""
        if self._other:
            return data
        out = bytearray()
        at = 0
        while at < len(data):
            if self._other:
                out += data[at:]
                break
            stop = at + self._left if self._left else data.find(b"\n", at) + 1 or len(data)
            piece = data[at:stop]
            at += len(piece)
            if self._left:
                self._left -= len(piece)
                out += piece
            else:
                out += self._take(piece)
        return bytes(out)

    def _take(self, piece: bytes) -> bytes:
        """A line, or a piece of one; returns what passes."""
        line = self._line
        line += piece
        whole = piece.endswith(b"\n")
        secret = not self._passing and self._may_be_secret()
        if secret and not whole:
            del line[LONGEST + 1 :]
            return b""
        passes = piece if self._passing else bytes(line)
        if secret:
            passes = _without_secrets(passes, self._after_secret)
        if whole:
            self._line_ends(bytes(line))
            self._after_secret = secret and self._next in (_Next.FIELD, _Next.TRAILER)
            line.clear()
        else:
            del line[_KEPT:-_KEPT]
        self._passing = not whole
        return passes

    def _may_be_secret(self) -> bool:
        """Whether the line that has begun is a field with a secret name, or can still become one."""
        if self._next not in (_Next.FIELD, _Next.TRAILER):
            return False
        if self._line.startswith((b" ", b"\t")):  # goes on with the field before (RFC 9112 section 5.2)
            return self._after_secret
        name, colon, _ = bytes(self._line[:_KEPT]).lower().partition(b":")
        name = name.rstrip(b" \t")
        return name in _SECRET if colon else any(each.startswith(name) for each in _SECRET)

    def _line_ends(self, line: bytes) -> None:
        """What comes behind this line."""
        empty = line in (b"\r\n", b"\n")
        if self._next is _Next.REQUEST:
            if _REQUEST_LINE.fullmatch(line):
                self._next, self._length, self._chunked = _Next.FIELD, 0, False
            elif not empty:
                self._other = True
        elif self._next is _Next.FIELD:
            if empty:
                self._left = 0 if self._chunked else self._length
                self._next = _Next.CHUNK if self._chunked else _Next.REQUEST
            elif field := _FIELD.fullmatch(line):
                self._framing(field[1].lower(), field[2].lower())
        elif self._next is _Next.TRAILER:
            self._next = _Next.REQUEST if empty else _Next.TRAILER
        elif self._next is _Next.CHUNK_END:
            self._next = _Next.CHUNK
        elif size := re.match(rb"[0-9A-Fa-f]{1,16}(?=[;\r\n \t])", line):
            self._left = int(size[0], 16)
            self._next = _Next.CHUNK_END if self._left else _Next.TRAILER
        else:
            self._other = True

    def _framing(self, name: bytes, value: bytes) -> None:
        if name == b"content-length" and value.isdigit():
            self._length = int(value)
        elif name == b"transfer-encoding":
            self._chunked = value.endswith(b"chunked")


def _without_secrets(line: bytes, after_secret: bool) -> bytes:
    """What is left of a line with a secret name: all, a part, or nothing."""
    if line in (b"\r\n", b"\n"):
        return line
    if len(line) > LONGEST or (after_secret and line.startswith((b" ", b"\t"))):
        return b""
    field = _FIELD.fullmatch(line)
    if field is None:
        return line
    if field[1].lower() == b"authorization":
        return b"" if field[2].lower().startswith(b"token ") else line
    pairs = [each.strip(b" \t") for each in field[2].split(b";")]
    left = [each for each in pairs if not _is_jupyters(*each.partition(b"=")[::2])]
    if len(left) == len(pairs):
        return line
    return line[: field.start(2)] + b"; ".join(left) + line[field.end(2) :] if left else b""


def _is_jupyters(name: bytes, value: bytes) -> bool:
    return NAMES.match(name.strip()) is not None or _SIGNED.match(value.strip()) is not None
