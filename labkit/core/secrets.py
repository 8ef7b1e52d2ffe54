"""The secrets of the TLS connections of this process, in the lines of a key log: with them a capture can be decrypted.

Rule: keeps lines; who makes them is `labkit.tls`, who reads them a capture. No file that has a name for long.

Python's ssl module writes a key log to a file alone. So there is one file for all contexts, which only this process
can open: in memory (Linux), or one that loses its name as soon as it is open.
Source: RFC 9850 (the SSLKEYLOGFILE format).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

KEPT = 4096
"""Lines that are kept, the newest ones: a connection of TLS 1.3 has five, one of TLS 1.2 has one."""

FULL = 1 << 16
"""Bytes after which the file is emptied."""

_kept: dict[bytes, None] = {}  # a server and a client of one process log the same lines: each is kept once
_reading = Lock()
_file: int | None = None  # the descriptor of the file that contexts write to
_read = 0  # bytes of it that have been read
_rest = b""  # the beginning of a line that was not whole yet


def said(line: bytes) -> None:
    """Keep one line of a key log, without its end."""
    with _reading:
        _keep(line)


def _keep(line: bytes) -> None:
    _kept[line] = None
    if len(_kept) > KEPT:
        del _kept[next(iter(_kept))]


def lines() -> list[bytes]:
    """The newest lines of this process, the oldest first; at most `KEPT`."""
    collect()
    with _reading:
        return list(_kept)


def log_by(log: Callable[[str], None]) -> None:
    """Have a context write its key log to our file. log: sets the name of the file, and opens it at once.

    Only the loop's thread may do handshakes with that context: see `empty`.
    """
    global _file
    with _reading:
        if _file is not None:
            log(f"/proc/self/fd/{_file}")
            return
        if hasattr(os, "memfd_create") and os.path.exists("/proc/self/fd"):
            _file = os.memfd_create("labkit-key-log")
            log(f"/proc/self/fd/{_file}")
            return
    _log_apart(log)


def _log_apart(log: Callable[[str], None]) -> None:
    """As `log_by`, where there are no files in memory: one file for each context, which is read to its end."""
    descriptor, name = tempfile.mkstemp(prefix="labkit-")  # mode 0600
    try:
        log(name)
    finally:
        os.unlink(name)
    _apart.append([descriptor, 0])


_apart: list[list[int]] = []  # descriptor and bytes read, for each of these files


def collect() -> int:
    """Take what the contexts have written into the lines; returns how many new ones there are."""
    global _read, _rest
    with _reading:
        new = b""
        if _file is not None:
            new = _rest_of(_file, _read)
            _read += len(new)
        for each in _apart:
            piece = _rest_of(each[0], each[1])
            each[1] += len(piece)
            new += piece
        if not new:
            return 0
        *whole, _rest = (_rest + new).split(b"\n")
        found = [line for line in whole if line and not line.startswith(b"#")]
        for line in found:
            _keep(line)
        return len(found)


def _rest_of(file: int, read: int) -> bytes:
    """The bytes of a file behind those that have been read."""
    size = os.fstat(file).st_size - read
    return os.pread(file, size, read) if size > 0 else b""


def empty() -> None:
    """Keep the file small. Called where all handshakes are done: nothing may be written to it in between."""
    global _read
    if _file is None or os.fstat(_file).st_size < FULL:
        return
    collect()
    with _reading:
        if _file is not None:
            os.ftruncate(_file, 0)  # whoever writes appends, so the next line begins at 0
            _read = 0


def _after_fork() -> None:
    """In a forked child: the file is the parent's, which goes on to read it. The child's contexts get a new one."""
    global _file, _read, _reading, _rest
    _reading = Lock()
    if _file is not None:
        with suppress(OSError):
            os.close(_file)
    _file, _read, _rest = None, 0, b""
    _apart.clear()
    _kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
