"""Node's EventEmitter in snake_case, with a memory: what was emitted can be waited for and drawn afterwards.

Rule: no event loop and no sockets here. Any thread may call any method.

To wait is not to listen. A thread in `Emitter.wait_for` holds a ticket: what is emitted is offered to every ticket
after the listeners have run. So the listeners are the program's own, and "does anybody listen to error?" has one
answer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic, time_ns
from typing import Any, ClassVar, Self, TypeVar, overload

from labkit.core import checks, watching
from labkit.core.errors import BadArgument, LabError, NotOpen, TimedOut
from labkit.core.history import HISTORY, Entry, Remembered, runs, shortened
from labkit.core.listeners import Listener, Once, in_cell, same, unwrapped
from labkit.core.watching import Record

ListenerT = TypeVar("ListenerT", bound=Listener)
Ends = tuple[str, "tuple[str, int] | None", "tuple[str, int] | None"]
"""Who somebody is on the wire: ``"client"`` or ``"server"``, local and remote (address, port)."""

_registering = threading.RLock()  # listeners and tickets are copied on write: two threads adding must not lose one
_waiting_threads = threading.local()
_NOT_GIVEN: Any = object()


class Failure:
    """The latest error of an emitter. entry: when it came. heard: a listener was told. given: somebody was."""

    __slots__ = ("entry", "given", "heard")

    def __init__(self, entry: Entry, heard: bool) -> None:
        self.entry, self.heard, self.given = entry, heard, heard

    def exception(self) -> BaseException:
        """What to raise: the error, or a `LabError` around something that is not an exception."""
        error = self.entry.args[0] if self.entry.args else None
        return error if isinstance(error, BaseException) else LabError(f"unhandled 'error' event: {error!r}")

    def give(self) -> BaseException:
        """What to raise in a thread that waited; a later wait does not raise it again."""
        self.given = True
        return self.exception()


class _Ticket:
    """One waiting thread: the events it waits for, and the first of them that was offered to it."""

    __slots__ = ("args", "events", "failure", "found", "woken")

    def __init__(self, *events: str) -> None:
        self.events = events
        self.woken = threading.Event()
        self.found: Entry | None = None  # the first one: later ones may come before the thread runs again
        self.args: tuple[Any, ...] = ()  # what it was emitted with
        self.failure: Failure | None = None  # the first error that no listener has heard


def _after_fork() -> None:
    """In a forked child: another thread may have held the lock, and is not there to release it."""
    global _registering
    _registering = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Emitter:
    """Something that listeners can be told about: ``emitter.on("data", listener)``.

    Source: the events module of Node.js, which the chapter is written for.
    """

    EVENTS: ClassVar[frozenset[str] | None] = None
    """The events that are emitted; others are refused as misspelt. None: any name."""

    STATES: ClassVar[frozenset[str]] = frozenset({"close", "error"})
    """Events that describe a state which is reached once: to wait for them again returns at once."""

    __slots__ = ("__weakref__", "_failure", "_history", "_listeners", "_spent", "_tickets")

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self._tickets: tuple[_Ticket, ...] = ()
        self._history: list[Entry] | None = None  # made at the first event: idle connections stay small
        self._spent: dict[str, Entry] | None = None  # what no wait is to return again
        self._failure: Failure | None = None

    # -- registering

    @overload
    def on(self, event: str) -> Callable[[ListenerT], ListenerT]: ...

    @overload
    def on(self, event: str, listener: Listener) -> Self: ...

    def on(self, event: str, listener: Listener = _NOT_GIVEN) -> Any:
        """Call listener with the event's arguments each time the event is emitted.

        Without a listener it is a decorator: ``@server.on("connection")``. Returns the emitter, so that calls chain
        (as a decorator: the function). Raises `LabError` for an unknown event, `BadArgument` for a listener that
        cannot be called.
        """
        if listener is _NOT_GIVEN:
            return self._decorator(event, self.on)
        self._check_event(event)
        self._add(event, in_cell(checks.function(listener, f"the listener of {event!r}")))
        return self

    @overload
    def once(self, event: str) -> Callable[[ListenerT], ListenerT]: ...

    @overload
    def once(self, event: str, listener: Listener) -> Self: ...

    def once(self, event: str, listener: Listener = _NOT_GIVEN) -> Any:
        """Like `on`, for the next time only."""
        if listener is _NOT_GIVEN:
            return self._decorator(event, self.once)
        self._check_event(event)
        self._add(event, Once(self, event, in_cell(checks.function(listener, f"the listener of {event!r}"))))
        return self

    def _decorator(self, event: str, method: Any) -> Callable[[ListenerT], ListenerT]:
        self._check_event(event)

        def register(function: ListenerT) -> ListenerT:
            method(event, function)
            return function

        return register

    def off(self, event: str, listener: Listener) -> Self:
        """Take a listener off again (the latest, if it was registered more than once); unknown ones are ignored."""
        self._check_event(event)
        if not callable(listener):
            raise BadArgument(f"{checks.shown(listener)} is not a listener", "Give the function that on() was given.")
        self._drop(event, listener)
        return self

    def _drop(self, event: str, listener: Listener) -> None:
        with _registering:
            kept = self._listeners.get(event, ())
            at = next((each for each in reversed(range(len(kept))) if same(kept[each], listener)), len(kept))
            kept = kept[:at] + kept[at + 1 :]
            if kept:
                self._listeners[event] = kept
            else:
                self._listeners.pop(event, None)
        self._listeners_changed(event)

    def listeners(self, event: str) -> tuple[Listener, ...]:
        """The listeners of this event, in the order they will be called, as they were given to `on`."""
        self._check_event(event)
        return tuple(unwrapped(each) for each in self._listeners.get(event, ()))

    def _add(self, event: str, listener: Listener) -> None:
        self._check_event(event)
        with _registering:
            self._listeners[event] = (*self._listeners.get(event, ()), listener)
        self._listeners_changed(event)
        self._wanted(event)

    def _check_event(self, event: str) -> None:
        if not isinstance(event, str):
            what = f"{checks.shown(event)} is not the name of an event"
            raise BadArgument(what, 'Give a name in quotes, such as "close".')
        if self.EVENTS is not None and event not in self.EVENTS:
            known = ", ".join(sorted(self.EVENTS))
            raise LabError(f"{type(self).__name__} emits no {checks.shown(event)}", f"It emits: {known}.")

    def _listeners_changed(self, event: str) -> None:
        """Called after the listeners of the event have changed, and when a thread begins to wait for it."""

    def _wanted(self, event: str) -> None:
        """Called when somebody starts to listen to the event; a socket begins to read."""

    # -- emitting

    def emit(self, event: str, *args: Any) -> bool:
        """Call the event's listeners, in order, in this thread; returns whether there were any.

        Raises the argument of an ``"error"`` event if nobody listens to it and no thread waits.
        """
        self._check_event(event)
        return self._emit(event, *args)

    def _emit(self, event: str, *args: Any) -> bool:
        """As `emit`, for labkit's own events, whose names need no check."""
        entry = self._remember(event, args, done=False)
        listeners = self._listeners.get(event, ())
        taken = False
        try:
            for listener in listeners:
                listener(*args)
        finally:  # a waiting thread must learn of it, also if a listener failed
            entry.done = True
            if self._tickets:
                taken = self._offer(entry)
        if event == "error" and not listeners and not taken:
            assert self._failure is not None  # just remembered
            raise self._failure.exception()
        return bool(listeners)

    def _offer(self, entry: Entry, args: tuple[Any, ...] | None = None) -> bool:
        """Offer what was emitted to every waiting thread; returns whether an error has been given to one of them.

        args: what those threads are to get, if it is more than what is kept for later.
        """
        taken = False
        failure = self._failure if entry.name == "error" else None
        with _registering:  # a thread that leaves takes its ticket off under the same lock, and then looks once more
            for ticket in self._tickets:
                if entry.name in ticket.events and ticket.found is None:
                    ticket.found, ticket.args = entry, entry.args if args is None else args
                    taken = True
                if failure is not None and not failure.heard and ticket.failure is None:
                    ticket.failure = failure
                    taken = True
                if entry.name in (*ticket.events, "error", "close"):
                    ticket.woken.set()
        return taken

    def _remember(self, event: str, args: tuple[Any, ...], size: int | None = None, *, done: bool = True) -> Entry:
        now = time_ns()
        if size is None and args and isinstance(args[0], (bytes, str)):
            size = len(args[0])
        entry = Entry(event, now, size, 1, args, done)
        self._add_to_history(entry)
        for records in watching.watchers:
            self._watched(records, now, event, size, "event", args)
        return entry

    def _add_to_history(self, entry: Entry) -> None:
        if entry.name == "error":  # before it is in the history, by which a waiting thread sees it
            self._failure = Failure(entry, "error" in self._listeners)
        history = self._history
        if history is None:
            self._history = [entry]
            return
        history.append(entry)
        if len(history) >= 2 * HISTORY:
            self._history = shortened(history)

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        self.endpoint()  # asked now: after the close the addresses are gone
        records.append(Record(now, self, name, size, kind, self._detail(name, args)))

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        """What a picture writes beside the name of the event: ``"GET /"`` beside ``request``, say."""
        return ""

    def _called(self, name: str, size: int | None = None) -> None:
        """Tell running captures that the program asked for this."""
        if watching.watchers:
            now = time_ns()
            for records in watching.watchers:
                self._watched(records, now, name, size, "call", ())

    def endpoint(self) -> Ends:
        """Who this is on the wire: ``("client" or "server", local, remote)``, each an (address, port) or None."""
        return ("", None, None)

    @property
    def history(self) -> tuple[Remembered, ...]:
        """What was emitted, oldest first; the last `HISTORY` events."""
        return tuple(entry.told() for entry in (self._history or ())[-HISTORY:])

    # -- waiting

    def wait_for(self, event: str, timeout: float = 5.0) -> Any:
        """Wait until the event is emitted and return its argument (None, or a tuple, if it has none or several).

        Returns at once for what has already happened and was not waited for before; an event that describes a state
        (`STATES`: ``close``, ``end``) can be waited for again and again. timeout: seconds.
        Raises `TimedOut` if nothing comes, `NotOpen` if the emitter closes first, and the error if it failed
        first, whether before this call or during it (a wait for ``close`` raises it after the close). An error
        that a listener has heard, or that an earlier call has raised, is not raised.
        """
        if getattr(_waiting_threads, "forbidden", False):
            raise LabError("wait_for would stop the event loop it waits on", "Inside a handler use on() or once().")
        self._check_event(event)
        checks.seconds(timeout)
        return _argument(self._wait_for_any(event, timeout=timeout))

    def _wait_for_any(self, *events: str, timeout: float) -> tuple[Any, ...]:
        """As `wait_for`, for the first of several events; returns the arguments of it."""
        ticket = _Ticket(*events)
        try:
            return self._wait(ticket, timeout)
        finally:
            if ticket.failure is not None and not ticket.failure.given:
                self._left_over(ticket.failure)

    def _wait(self, ticket: _Ticket, timeout: float) -> tuple[Any, ...]:
        deadline = monotonic() + timeout
        with _registering:
            self._tickets = (*self._tickets, ticket)
        self._listeners_changed(ticket.events[0])
        try:
            self._waiting(ticket.events[0])
            while True:
                answer = self._answer(ticket)
                if answer is not None:
                    return ticket.args if answer is ticket.found else answer.args
                if not ticket.woken.wait(max(0.0, deadline - monotonic())):
                    break
        finally:
            with _registering:  # after this nothing can be given to the ticket
                self._tickets = tuple(each for each in self._tickets if each is not ticket)
        answer = self._answer(ticket, last=True)
        if answer is None:
            raise TimedOut(
                f"{self!r} emitted no {ticket.events[0]!r} within {timeout:g} s",
                f"So far it emitted: {self._story()}. Does the other side answer at all?",
            )
        return ticket.args if answer is ticket.found else answer.args

    def _answer(self, ticket: _Ticket, *, last: bool = False) -> Entry | None:
        """What the wait ends with, None for nothing yet; raises what ends it otherwise. last: the time is over."""
        ticket.woken.clear()  # before looking: what comes after the look sets it again
        events = ticket.events
        # The later things are looked for first: then nothing that came before them can be overlooked.
        closed = self._unseen("close") is not None
        found = ticket.found or self._unseen(*events)
        failure = self._pending(ticket)
        if found is None and failure is not None:
            found = ticket.found or self._unseen(*events)
        # What came first is told first. An error comes before the close it causes: a wait for close goes on.
        first = found is None or (failure is not None and found.time_ns > failure.entry.time_ns)
        if failure is not None and first and events not in (("error",), ("close",)):
            raise failure.give()
        if found is not None:
            if found.name not in self.STATES:
                self._spend(found)
            if failure is not None and found.name == "close":
                raise failure.give()
            if (latest := self._failure) is not None and latest.entry is found:
                latest.given = True
            return found
        if closed and "close" not in events:
            raise NotOpen(f"{self!r} closed without another {events[0]!r}", f"It emitted: {self._story()}.")
        if last and failure is not None:
            raise failure.give()
        return None

    def _pending(self, ticket: _Ticket) -> Failure | None:
        """The error that a waiting thread is to be given: one that came while it waited, or an earlier one."""
        if ticket.failure is not None:  # every thread that waits gets it
            return ticket.failure
        latest = self._failure
        return latest if latest is not None and not latest.given else None

    def _waiting(self, event: str) -> None:
        """Called when a thread starts to wait for the event."""

    def _left_over(self, failure: Failure) -> None:
        """Called for an error that was offered to a waiting thread, which then returned something else."""

    def _unseen(self, *events: str) -> Entry | None:
        """The latest event of each name that a wait may still return; of several names, the first that has one."""
        history = tuple(self._history or ())
        for name in events:
            latest: Entry | None = next((each for each in reversed(history) if each.name == name), None)
            # One whose listeners still run will be offered to the ticket.
            if latest is not None and latest.done and (self._spent or {}).get(name) is not latest:
                return latest
        return None

    def _spend(self, entry: Entry) -> None:
        self._spent = {**(self._spent or {}), entry.name: entry}

    def _overcome(self, *events: str) -> None:
        """These events no longer describe how things are: no wait returns them, or raises them."""
        for event in events:
            if (entry := self._unseen(event)) is not None:
                self._spend(entry)
            if event == "error" and self._failure is not None:
                self._failure.given = True

    def _story(self) -> str:
        return ", ".join(runs((entry.name, entry.times) for entry in self.history)) or "nothing"


def forbid_waiting() -> None:
    """Make `Emitter.wait_for` refuse in the calling thread: it is the event loop's, which must never block."""
    _waiting_threads.forbidden = True


def _argument(args: tuple[Any, ...]) -> Any:
    return None if not args else args[0] if len(args) == 1 else args
