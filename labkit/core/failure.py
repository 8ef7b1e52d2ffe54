"""The latest error of an emitter, and whether anybody has been given it: a listener, a waiting thread, or a cell.

Rule: knows errors, not emitters; who asks decides whom the error is given to.
"""

from __future__ import annotations

from typing import Any

from labkit.core.errors import LabError

Occurrence = tuple[int, tuple[Any, ...]]
"""When something was emitted, in ns since the epoch, and with which arguments."""

_EMITTED = object()


class Failure:
    """One emitted error. record: when and with which arguments. heard: a listener was told of it."""

    __slots__ = ("_traceback", "given", "heard", "record")

    def __init__(self, record: Occurrence, heard: bool) -> None:
        self.record = record
        self.heard = heard
        self.given = heard  # or raised in a thread that waited
        self._traceback = self._now()

    def _now(self) -> Any:
        return getattr(self._error, "__traceback__", None)

    @property
    def _error(self) -> Any:
        return self.record[1][0] if self.record[1] else None

    @property
    def pending(self) -> bool:
        """Nobody was given it: no listener, no waiting thread, and no call in a cell has raised it.

        To raise an exception gives it another traceback: so connect(), bind() or read() need not say that they did.
        """
        return not self.given and (self._traceback is _EMITTED or self._traceback is self._now())

    def emitted_to_nobody(self) -> None:
        """Emit is about to raise it, as Node does: that tells the code that emits, and not those who will wait."""
        self._traceback = _EMITTED

    def exception(self) -> BaseException:
        """What to raise: the error, or a `LabError` around what is none."""
        error = self._error
        return error if isinstance(error, BaseException) else LabError(f"unhandled 'error' event: {error!r}")

    def give(self) -> BaseException:
        """What to raise in a thread that waited; from now on it is nobody else's."""
        self.given = True
        return self.exception()
