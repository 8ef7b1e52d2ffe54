"""Node's EventEmitter in snake_case, with a memory: what was emitted can be waited for and drawn afterwards.

Rule: no event loop and no sockets here. Any thread may call any method.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from time import monotonic, time_ns
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, overload

from labkit.core.errors import LabError, NotOpen, TimedOut
from labkit.core.failure import Failure, Occurrence

Listener = Callable[..., Any]
ListenerT = TypeVar("ListenerT", bound=Listener)
Record = tuple[int, "Emitter", str, "int | None", str]
Endpoint = tuple[str, "tuple[str, int] | None", "tuple[str, int] | None"]

_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the import

HISTORY = 256
"""Events an emitter remembers; older ones are forgotten first."""

# Events that describe a state reached once: waiting for them again returns at once.
STATES = frozenset({"listening", "connect", "end", "close", "error"})

_registering = threading.Lock()  # listeners are copied on write: two threads adding at once must not lose one
_waiting_threads = threading.local()
_watchers: tuple[list[Record], ...] = ()


class Remembered(NamedTuple):
    """One entry of an emitter's history.

    name: of the event. time_ns: ns since the epoch. size: bytes, or None. times: more than 1 where a quick run of the
    same event is one entry; its time is then that of the first, and its size that of all together.
    """

    name: str
    time_ns: int
    size: int | None
    times: int = 1


class _Once:
    """A listener that takes itself off before it runs."""

    __slots__ = ("emitter", "event", "listener")

    def __init__(self, emitter: Emitter, event: str, listener: Listener) -> None:
        self.emitter, self.event, self.listener = emitter, event, listener

    def __call__(self, *args: Any) -> None:
        self.emitter.off(self.event, self)
        self.listener(*args)


class _Waiter:
    """What a thread in wait_for puts among the listeners, last: it wakes the thread."""

    __slots__ = ("arrived", "emitter", "event", "failure", "happened")

    def __init__(self, emitter: Emitter, event: str) -> None:
        self.emitter, self.event = emitter, event
        self.happened = threading.Event()
        self.arrived: Occurrence | None = None
        self.failure: Failure | None = None

    def __call__(self, *_: Any) -> None:
        # Kept here: when the thread runs again, further ones may have come, or another thread may have had it.
        if self.arrived is None:
            self.failure = self.emitter._failure
            self.arrived = (self.emitter._last or {}).get(self.event)
        self.happened.set()


class _InCell:
    """A listener run in the context of the notebook cell that registered it, so that its output appears there."""

    __slots__ = ("context", "listener")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.context = copy_context()

    def __call__(self, *args: Any) -> None:
        # A context cannot be entered twice; the copy serves a listener that is emitted to while it runs.
        self.context.copy().run(self.listener, *args)


def _after_fork() -> None:
    """In a forked child: another thread may have held the lock, and is not there to release it."""
    global _registering
    _registering = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def in_notebook() -> bool:
    """Whether this process is a Jupyter kernel."""
    return "ipykernel.kernelapp" in sys.modules


def in_cell(listener: Listener) -> Listener:
    """Return the listener bound to the present cell's output; outside a notebook, the listener itself."""
    return _InCell(listener) if in_notebook() else listener


def _is(registered: Listener, wanted: Listener) -> bool:
    while registered != wanted:
        if not isinstance(registered, (_Once, _InCell)):
            return False
        registered = registered.listener
    return True


def watch() -> list[Record]:
    """Start collecting what every emitter of this process does; returns the list that fills.

    An entry is ``(time_ns, source, name, size, kind)``: kind is ``"event"`` for what was emitted and ``"call"`` for
    what a program asked for (a write, say); ``source.endpoint()`` says who and where. End it with `unwatch`.
    """
    global _watchers
    records: list[Record] = []
    with _registering:
        _watchers = (*_watchers, records)
    return records


def unwatch(records: list[Record]) -> None:
    """Stop collecting into this list."""
    global _watchers
    with _registering:
        _watchers = tuple(kept for kept in _watchers if kept is not records)


class Emitter:
    """Something that listeners can be told about: ``emitter.on("data", listener)``.

    Source: the events module of Node.js, which the chapter is written for.
    """

    EVENTS: ClassVar[frozenset[str] | None] = None
    """The events that are emitted, where only these make sense (a misspelt one is refused); None: any name."""

    __slots__ = ("__weakref__", "_failure", "_history", "_last", "_listeners", "_waited", "_waiters")

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self._waiters = 0  # threads in wait_for
        self._history: deque[Remembered] | None = None  # made at the first event: idle connections stay small
        self._last: dict[str, Occurrence] | None = None
        self._waited: dict[str, Occurrence] | None = None
        self._failure: Failure | None = None

    # -- registering

    @overload
    def on(self, event: str) -> Callable[[ListenerT], ListenerT]: ...

    @overload
    def on(self, event: str, listener: Listener) -> Self: ...

    def on(self, event: str, listener: Listener | None = None) -> Any:
        """Call listener with the event's arguments each time the event is emitted.

        Without a listener it is a decorator: ``@server.on("connection")``. Returns the emitter, so that calls chain
        (as a decorator: the function).
        """
        if listener is None:

            def register(function: ListenerT) -> ListenerT:
                self.on(event, function)
                return function

            return register
        self._add(event, in_cell(listener))
        return self

    @overload
    def once(self, event: str) -> Callable[[ListenerT], ListenerT]: ...

    @overload
    def once(self, event: str, listener: Listener) -> Self: ...

    def once(self, event: str, listener: Listener | None = None) -> Any:
        """Like `on`, for the next time only."""
        if listener is None:

            def register(function: ListenerT) -> ListenerT:
                self.once(event, function)
                return function

            return register
        self._add(event, _Once(self, event, in_cell(listener)))
        return self

    def off(self, event: str, listener: Listener) -> Self:
        """Take a listener off again (the latest, if it was registered more than once); unknown ones are ignored."""
        with _registering:
            kept = list(self._listeners.get(event, ()))
            for position in range(len(kept) - 1, -1, -1):
                if _is(kept[position], listener):
                    del kept[position]
                    break
            if kept:
                self._listeners[event] = tuple(kept)
            else:
                self._listeners.pop(event, None)
        self._listeners_changed(event)
        return self

    def listeners(self, event: str) -> tuple[Listener, ...]:
        """The listeners of this event, in the order they will be called, as they were given to `on`."""
        return tuple(_unwrapped(each) for each in self._listeners.get(event, ()))

    def _add(self, event: str, listener: Listener) -> None:
        if not callable(inner := _unwrapped(listener)):
            raise LabError(f"the listener of {event!r} must be a function, not {inner!r}", "Give its name, uncalled.")
        if getattr(getattr(inner, "__code__", None), "co_flags", 0) & _COROUTINE:
            raise LabError(
                f"the listener of {event!r} is an async function, and nobody would await it",
                "Use a plain function; inside, asyncio.get_running_loop().create_task(...) starts a coroutine.",
            )
        self._check_event(event)
        with _registering:
            self._listeners[event] = (*self._listeners.get(event, ()), listener)
        self._listeners_changed(event)
        self._wanted(event)

    def _check_event(self, event: str) -> None:
        if self.EVENTS is not None and event not in self.EVENTS:
            known = ", ".join(sorted(self.EVENTS))
            raise LabError(f"{type(self).__name__} emits no {event!r}", f"It emits: {known}.")

    def _listeners_changed(self, event: str) -> None:
        """Called after the listeners of the event have changed."""

    def _wanted(self, event: str) -> None:
        """Called when somebody starts to listen to the event; a socket begins to read."""

    # -- emitting

    def emit(self, event: str, *args: Any) -> bool:
        """Call the event's listeners, in order, in this thread; returns whether there were any.

        Raises the argument of an ``"error"`` event that nobody listens to.
        """
        self._remember(event, args)
        listeners = self._listeners.get(event)
        if listeners is None:
            if event == "error":
                failure = self._failure
                assert failure is not None  # just remembered
                failure.emitted_to_nobody()
                raise failure.exception()
            return False
        try:
            for listener in listeners:
                listener(*args)
        except BaseException:
            for listener in listeners:  # who waits must learn of it, though a listener before it failed
                if isinstance(listener, _Waiter):
                    listener()
            raise
        return True

    def _remember(self, event: str, args: tuple[Any, ...]) -> None:
        now = time_ns()
        size = len(args[0]) if args and isinstance(args[0], (bytes, str)) else None
        self._add_to_history(Remembered(event, now, size), args)
        for records in _watchers:
            self._watched(records, now, event, size, "event", args)

    def _add_to_history(self, entry: Remembered, args: tuple[Any, ...]) -> None:
        history = self._history
        if history is None:
            self._last = {}  # before the history: another thread may see that one already
            history = self._history = deque(maxlen=HISTORY)
        history.append(entry)
        occurrence = (entry.time_ns, args)
        if entry.name == "error":  # before the next line, by which a waiting thread sees it
            heard = any(not isinstance(each, _Waiter) for each in self._listeners.get("error", ()))
            self._failure = Failure(occurrence, heard)
        self._last[entry.name] = occurrence  # type: ignore[index]  # made together with the history

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        self.endpoint()  # asked now: after the close the addresses are gone
        records.append((now, self, name, size, kind))

    def _called(self, name: str, size: int | None = None) -> None:
        """Tell running captures that the program asked for this."""
        if _watchers:
            now = time_ns()
            for records in _watchers:
                self._watched(records, now, name, size, "call", ())

    def endpoint(self) -> Endpoint:
        """Who this is on the wire: ``("client" or "server", local, remote)``, each an (address, port) or None."""
        return ("", None, None)

    @property
    def history(self) -> tuple[Remembered, ...]:
        """What was emitted, oldest first; the last `HISTORY` events."""
        return tuple(self._history or ())

    # -- waiting

    def wait_for(self, event: str, timeout: float = 5.0) -> Any:
        """Wait until the event is emitted and return its argument (None, or a tuple, if it has none or several).

        Returns at once for what has already happened and was not waited for before; an event that describes a state
        (listening, connect, end, close) can be waited for again and again. timeout: seconds.
        Raises `TimedOut` when nothing comes, `NotOpen` when the emitter closes first, and the error when it failed
        first, whether before this call or during it (waiting for ``close``: after the close): but only an error that
        no listener has heard, and that no earlier call has raised.
        """
        if getattr(_waiting_threads, "forbidden", False):
            raise LabError("wait_for would stop the event loop it waits on", "Inside a handler use on() or once().")
        self._check_event(event)
        waiter, failing, ender = _Waiter(self, event), _Waiter(self, "error"), _Waiter(self, "close")
        failing.happened = ender.happened = waiter.happened
        watched = {"error": failing, "close": ender, event: waiter}
        with _registering:
            self._waiters += 1
            for name, listener in watched.items():
                self._listeners[name] = (*self._listeners.get(name, ()), listener)
        self._listeners_changed(event)
        try:
            self._waiting(event)
            deadline = monotonic() + timeout
            while True:
                waiter.happened.clear()  # before looking: what comes after the look sets it again
                # The later things are looked for first: then nothing that came before them can be overlooked.
                closed = "close" in (self._last or {})
                found = waiter.arrived or self._unseen(event)
                failure = self._pending(failing)
                if found is None and failure is not None:
                    found = waiter.arrived or self._unseen(event)
                # What came first is told first. An error comes before the close it causes: who waits for that waits on.
                if failure is not None and event not in ("error", "close") and not _came_before(found, failure.record):
                    raise failure.give()
                if found is not None:
                    self._waited = {**(self._waited or {}), event: found}
                    if failure is not None and event == "close":
                        raise failure.give()
                    if (latest := self._failure) is not None and latest.record is found:
                        latest.given = True
                    return _argument(found[1])
                if closed and event != "close":
                    raise NotOpen(f"{self!r} closed without another {event!r}", f"It emitted: {self._story()}.")
                if not waiter.happened.wait(max(0.0, deadline - monotonic())):
                    if failure is not None:
                        raise failure.give()
                    raise TimedOut(
                        f"{self!r} emitted no {event!r} within {timeout:g} s",
                        f"So far it emitted: {self._story()}. Does the other side answer at all?",
                    )
        finally:
            with _registering:
                self._waiters -= 1
            for name, listener in watched.items():
                self.off(name, listener)

    def _pending(self, failing: _Waiter) -> Failure | None:
        """The error that a waiting thread is to be given: one that came while it waited, or an earlier one."""
        during, latest = failing.failure, self._failure
        if during is not None and not during.heard:  # every thread that waits gets it
            return during
        return latest if latest is not None and latest.pending else None

    def _waiting(self, event: str) -> None:
        """Called when a thread starts to wait for the event."""

    def _unseen(self, event: str) -> Occurrence | None:
        found = (self._last or {}).get(event)
        if found is not None and event not in STATES and (self._waited or {}).get(event) is found:
            return None
        return found

    def _story(self) -> str:
        return ", ".join(_runs((entry.name, entry.times) for entry in self.history)) or "nothing"


def forbid_waiting() -> None:
    """Make `Emitter.wait_for` refuse in the calling thread: it is the event loop's, which must never block."""
    _waiting_threads.forbidden = True


def _came_before(found: Occurrence | None, other: Occurrence) -> bool:
    return found is not None and found[0] <= other[0]


def _argument(args: tuple[Any, ...]) -> Any:
    return None if not args else args[0] if len(args) == 1 else args


def _unwrapped(listener: Listener) -> Listener:
    while isinstance(listener, (_Once, _InCell)):
        listener = listener.listener
    return listener


def _runs(events: Iterator[tuple[str, int]]) -> Iterator[str]:
    """Yield the events with repeats counted: ``data ×3``."""
    previous, count = "", 0
    for event, times in (*events, ("", 0)):
        if event == previous:
            count += times
            continue
        if previous:
            yield f"{previous} ×{count}" if count > 1 else previous
        previous, count = event, times
