"""What every stream has, whether it is read, written or both: its end, and its error.

Rule: no direction here; readable.py and writable.py add one each.

`Readable` and `Writable` have no slots of their own, because a class cannot have two bases that both have some. Each
concrete class names the slots that it needs: ``__slots__ = READING``, or ``(*READING, *WRITING)``.
"""

from __future__ import annotations

from typing import Any, Self

from labkit.core import loop
from labkit.core.checks import shown, whole
from labkit.core.endpoint import Endpoint
from labkit.core.errors import BadArgument

NO_SLOTS: Any = ()


class Stream(Endpoint):
    """The common base of `Readable` and `Writable`.

    closed: ``close`` has been emitted, or is about to be. destroyed: it was closed before both sides had ended.
    """

    STATES = frozenset({"end", "finish", "close", "error"})

    __slots__ = ("_failed", "closed", "destroyed")

    def __init__(self, *, has_cell: bool = True) -> None:
        super().__init__(has_cell=has_cell)
        self.closed = False
        self.destroyed = False
        self._failed: Exception | None = None

    @property
    def errored(self) -> Exception | None:
        """The error that the stream was closed with, or None."""
        return self._failed

    def destroy(self, error: Exception | None = None) -> Self:
        """Close at once; what was not sent, or not delivered, is dropped. error: emitted before ``close``, if given."""
        if error is not None and not isinstance(error, Exception):
            raise BadArgument(f"{shown(error)} is not an error", "Give an exception, or nothing.")
        loop.call(self._destroy_now, error, not loop.inside())
        return self

    def _destroy_now(self, error: Exception | None, from_cell: bool = False) -> None:
        if self.closed or self.destroyed:
            return
        self._called("destroy")
        self.closed = self.destroyed = True
        self._failed = error
        self._fast = None
        self._let_go()
        self._soon(from_cell, self._tell_closed)

    def _let_go(self) -> None:
        """Let go of what lies below, since the stream is closed."""

    def _is_over(self) -> bool:
        """Whether every side of the stream has ended."""
        return True

    def _close_if_over(self) -> None:
        """Close, if every side has ended; a subclass whose closing is told from below does not call this."""
        if not self.closed and not self.destroyed and self._is_over():
            self.closed = True
            self._fast = None
            self._let_go()
            loop.get().call_soon(self._tell_closed)

    def _tell_closed(self) -> None:
        if self._failed is not None:
            self._fail(self._failed)
        self._fire("close", self._failed is not None)

    def _touched(self) -> None:
        """There was traffic: an idle time begins anew."""

    def _broken(self, error: Exception) -> None:
        """A listener failed: the error is shown, and the stream is cut."""
        self._report(error)
        self._destroy_now(None)


def check_mark(value: int) -> int:
    """Return the value if it can be a high-water mark: bytes, 0 or more."""
    return whole(value, "a high-water mark (bytes)", 0, 2**31 - 1)
