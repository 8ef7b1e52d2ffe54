"""Errors written for a student: what happened, to what, what to do.

Rule: every error labkit raises on purpose is one of these; each carries Node's code where Node has one.
"""

from __future__ import annotations

import errno
import os


class LabError(Exception):
    """Base of everything labkit raises on purpose.

    what: one sentence, what happened and to what (no full stop at the end).
    todo: one sentence, what to do about it.
    code: Node's error code (``"EADDRINUSE"``), or ``""``.
    """

    code: str = ""

    def __init__(self, what: str, todo: str = "", *, code: str | None = None) -> None:
        self.what = what.rstrip(".")
        self.todo = todo
        if code is not None:
            self.code = code
        super().__init__(f"{self.what}. {todo}".strip() if todo else self.what)

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a stack of frames inside labkit."""
        return [f"{type(self).__name__}: {self}"]


class NetError(LabError, OSError):
    """A socket operation failed; also an ``OSError``, so that ``except OSError`` catches it."""

    def __init__(self, what: str, todo: str = "", *, code: str | None = None) -> None:
        LabError.__init__(self, what, todo, code=code)
        self.errno = getattr(errno, self.code, None) if self.code else None

    def __str__(self) -> str:
        return f"{self.what}. {self.todo}".strip() if self.todo else self.what


class PortInUse(NetError):
    """Another socket already listens on this address and port."""

    code = "EADDRINUSE"


class PathInUse(NetError):
    """Another server already listens on this Unix socket path, or a file of another kind is there."""

    code = "EADDRINUSE"


class PermissionDenied(NetError, PermissionError):
    """The operating system refuses: a port below 1024, or a directory that is not yours."""

    code = "EACCES"


class ConnectionRefused(NetError, ConnectionRefusedError):
    """Nobody listens there: the peer's kernel answered the SYN with RST."""

    code = "ECONNREFUSED"


class ConnectionReset(NetError, ConnectionResetError):
    """The peer ended the connection with RST in place of FIN."""

    code = "ECONNRESET"


class BrokenPipe(NetError, BrokenPipeError):
    """Written after the writing side was closed."""

    code = "EPIPE"


class TimedOut(NetError, TimeoutError):
    """Nothing came within the time given."""

    code = "ETIMEDOUT"


class AddressUnavailable(NetError):
    """The address or path does not exist on this machine, or the name does not resolve."""

    code = "EADDRNOTAVAIL"


class NotFound(NetError, FileNotFoundError):
    """No Unix socket at that path."""

    code = "ENOENT"


class NotOpen(LabError):
    """The server or socket is not open (any more)."""

    code = "ERR_SOCKET_CLOSED"


class BadArgument(LabError, TypeError, ValueError):
    """A call was given something that it cannot take: of another type, or outside of the range."""

    code = "ERR_INVALID_ARG_TYPE"


class NoSuchPacket(LabError, IndexError):
    """A tape has no packet at an index, or samples no sample: nothing was captured, or nothing that was asked for."""


class NoSuchPart(LabError, KeyError):
    """A packet has no layer of this name, or a layer has no such field."""

    __str__ = LabError.__str__  # a KeyError would show its words in quotes


class CaptureUnavailable(LabError):
    """This machine lets this user capture nothing, and no recording stands in for it."""


class BadCapture(LabError, ValueError):
    """A capture file is truncated, damaged or not a capture at all."""


def from_oserror(error: OSError, where: str) -> NetError:
    """Turn an ``OSError`` of the operating system into the labkit error of the same meaning.

    error: what the system raised. where: the address in words, such as ``"127.0.0.1:8124"``.
    """
    if isinstance(error, NetError):
        return error
    number = error.errno
    name = errno.errorcode.get(number, "") if number is not None else ""
    reason = os.strerror(number) if number is not None and name else error.strerror or str(error)
    if number == errno.EADDRINUSE:
        return PortInUse(f"{where} is already taken", "Stop the other server, or listen(0) for any free port.")
    if number in (errno.EACCES, errno.EPERM):
        return PermissionDenied(
            f"no permission for {where}",
            "Ports below 1024 and other people's directories "
            "need rights you do not have: use a port above 1023, or a path you own.",
            code=name,
        )
    if number == errno.ECONNREFUSED:
        return ConnectionRefused(
            f"{where} refused the connection: nothing listens there", "Start the server first, and check the port."
        )
    if number == errno.ECONNRESET:
        return ConnectionReset(
            f"{where} reset the connection (RST)",
            "The peer closed without reading everything, crashed, or refused what you sent.",
        )
    if number == errno.EPIPE:
        return BrokenPipe(f"{where} no longer takes data", "This side has ended, or the peer is gone: connect again.")
    if number == errno.ETIMEDOUT:
        return TimedOut(f"{where} did not answer", "Check that the host is up and that packets reach it.")
    if number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return AddressUnavailable(
            f"{where} is not an address of this machine",
            "Use 127.0.0.1 or ::1. An address of a wire's host: inside its block, `with wire.server:`.",
            code=name,
        )
    if number == errno.ENOENT:
        return NotFound(f"{where} does not exist", "Start the server that makes it, or check the path.")
    if number in (errno.EMFILE, errno.ENFILE):
        return NetError(f"{where}: {reason}", "Close connections you no longer need, or raise the limit: ulimit -n.",
                        code=name)
    if number == errno.ENETUNREACH:
        return NetError(
            f"{where}: no way leads there",
            "A notebook's own network leads nowhere else. To the host of a wire: connect inside `with wire.client:`.",
            code=name,
        )
    return NetError(f"{where}: {reason}", code=name or None)
