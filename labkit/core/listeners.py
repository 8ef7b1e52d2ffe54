"""What an emitter puts around a listener: a wrapper that runs once, and one that prints under its own cell.

Rule: functions around functions; the table of listeners is in emitter.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Protocol

from labkit.core.notebook import in_notebook

Listener = Callable[..., Any]


class Registry(Protocol):
    """Where a listener is registered."""

    def _drop(self, event: str, listener: Listener) -> None:
        """Take the listener off; the event has such a name."""


class Once:
    """A listener that takes itself off before it runs."""

    __slots__ = ("emitter", "event", "listener")

    def __init__(self, emitter: Registry, event: str, listener: Listener) -> None:
        self.emitter, self.event, self.listener = emitter, event, listener

    def __call__(self, *args: Any) -> None:
        self.emitter._drop(self.event, self)
        self.listener(*args)


class InCell:
    """A listener run in the context of the notebook cell that registered it, so that its output appears there."""

    __slots__ = ("context", "listener")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.context = copy_context()

    def __call__(self, *args: Any) -> None:
        # A context cannot be entered twice; the copy serves a listener that is emitted to while it runs.
        self.context.copy().run(self.listener, *args)


def in_cell(listener: Listener) -> Listener:
    """Return the listener bound to the present cell's output; outside a notebook, the listener itself."""
    return InCell(listener) if in_notebook() else listener


def same(registered: Listener, wanted: Listener) -> bool:
    """Whether a registered listener is the wanted function, or a wrapper around it."""
    while registered != wanted:
        if not isinstance(registered, (Once, InCell)):
            return False
        registered = registered.listener
    return True


def unwrapped(listener: Listener) -> Listener:
    """The function as it was given to `Emitter.on`."""
    while isinstance(listener, (Once, InCell)):
        listener = listener.listener
    return listener
