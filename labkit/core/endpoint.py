"""The base of everything that lives on the event loop: sockets, servers, and what is built on them.

Rule: decides once how an error is told and where output goes; knows no transport and no protocol.

An error reaches exactly one of four (`Endpoint._outcome`, `Endpoint._fail`), asked in this order:

1. a listener of ``error``, if the program has one;
2. the call that failed, if a notebook's cell (any thread but the loop's) made it: it raises;
3. the threads that wait at that moment, if there are any (those of a failed call are told besides);
4. stderr, under the cell that the endpoint belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, TypeVar

from labkit.core import loop
from labkit.core.emitter import Emitter, Failure
from labkit.core.history import Entry, Remembered
from labkit.core.listeners import Listener
from labkit.core.notebook import in_notebook

ErrorT = TypeVar("ErrorT", bound=BaseException)

YOUNG = 32
"""Events after which an endpoint counts as busy: what arrives then takes a short path, on which nothing is kept."""


class Endpoint(Emitter):
    """Something on the loop that listeners are told about, that can fail, and that may be busy.

    Busy: what arrives is handed to one function (`_fast`), and a run of it is one entry of the history.
    """

    __slots__ = ("_context", "_fast", "_pieces", "_since")

    def __init__(self, *, has_cell: bool = True) -> None:
        """has_cell: what goes wrong is shown under the cell that runs now; False: a subclass knows another place."""
        super().__init__()
        self._context: Context | None = copy_context() if has_cell and in_notebook() else None
        self._fast: Callable[..., Any] | None = None
        self._pieces = 0  # events of the present run
        self._since = 0  # ns, when it began

    # -- how errors are told

    def _outcome(self, error: ErrorT, from_cell: bool, *, soon: bool = False) -> ErrorT | None:
        """Decide who is given the error of a failed call; returns it if the call has to raise it.

        from_cell: a cell made the call and waits for it. soon: a handler's error is told after the handler returns.
        """
        if not from_cell:
            if soon:
                loop.get().call_soon(self._fail, error)
            else:
                self._fail(error)
            return None
        if "error" in self._listeners:
            self._fire("error", error)
            return None
        entry = self._remember("error", (error,))
        self._give(error)
        self._offer(entry)
        return error

    def _fail(self, error: BaseException) -> None:
        """Tell of an error that no call waits for."""
        if "error" in self._listeners:
            self._fire("error", error)
            return
        if not self._offer(self._remember("error", (error,))):
            self._report(error)

    def _give(self, error: ErrorT) -> ErrorT:
        """Note that a call is about to raise this error: no later wait raises it again."""
        failure = self._failure
        if failure is not None and failure.exception() is error:
            failure.given = True
        return error

    def _left_over(self, failure: Failure) -> None:
        self._report(failure.exception())

    def _fire(self, event: str, *args: Any) -> None:
        """Emit from the loop: what a listener raises is told, and the loop goes on."""
        try:
            self._emit(event, *args)
        except Exception as error:
            self._broken(error)

    def _broken(self, error: Exception) -> None:
        """A listener raised this."""
        self._report(error)

    def _report(self, error: BaseException, about: object = None) -> None:
        """Show an error that nobody was given, under the cell this belongs to. about: whose it is (None: ours)."""
        words = repr(self if about is None else about)
        if self._context is None:
            loop.report(error, words)
        else:
            self._context.copy().run(loop.report, error, words)

    @staticmethod
    def _soon(now: bool, function: Callable[..., Any], *args: Any) -> None:
        """Call a function: for a cell (now) at once; for a handler, as in Node, after it has returned."""
        if now:
            function(*args)
        else:
            loop.get().call_soon(function, *args)

    # -- runs of quick events

    def _listeners_changed(self, event: str) -> None:
        self._fast = None

    def _hurry(self, event: str, listeners: tuple[Listener, ...], fast: Callable[..., Any]) -> None:
        """From now on hand what arrives to ``fast``, which calls these listeners of the event and does no more.

        Another thread may begin to listen or to wait at any moment; it clears ``_fast`` after it is registered. So the
        look for others comes after ``_fast`` is set: one of both threads sees what the other has done.
        """
        self._fast = fast
        if self._tickets or self._listeners.get(event) is not listeners:
            self._fast = None

    def _remember(self, event: str, args: tuple[Any, ...], size: int | None = None, *, done: bool = True) -> Entry:
        self._end_run()
        return super()._remember(event, args, size, done=done)

    def _end_run(self) -> None:
        """Put the run of quick events, if there is one, into the history."""
        pieces, self._pieces = self._pieces, 0
        if pieces:
            self._add_to_history(self._run(pieces))

    def _run(self, pieces: int) -> Entry:
        """The entry for a run of this many quick events."""
        raise NotImplementedError

    def _is_young(self) -> bool:
        """Whether too little has happened here for the short path."""
        return self._history is None or len(self._history) < YOUNG

    @property
    def history(self) -> tuple[Remembered, ...]:
        """What was emitted, oldest first; the last events, a quick run of the same one as one entry."""
        if self._pieces:
            loop.call(self._end_run)
        return super().history

    def _waiting(self, event: str) -> None:
        if self._pieces:
            loop.call(self._end_run)
