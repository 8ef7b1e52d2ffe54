"""Messages of a busy server that are made in two steps: most programs touch few parts of a request and its answer.

Rule: what is always needed is set at once; the rest, which makes a stream of the message, when it is first touched.

A message that is asleep is of a subclass, in which each part that is not there yet is a `Part`; to touch one turns the
message into what its class says, with all its parts. ``_asleep`` says what has happened to it meanwhile; -1: it is
awake. Whoever changes that number looks at it before, with no call and no loop in between: CPython changes threads at
those alone. For the same reason no thread ever sees a message that is half awake.
"""

from __future__ import annotations

from typing import Any

from labkit.core import emitter

AWAKE = -1


class Part:
    """A part of a message that is asleep: to read it or to set it wakes the message."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, message: Any, owner: object = None) -> Any:
        """The part, as it is in a message that is awake."""
        wake(message)
        return getattr(message, self.name)

    def __set__(self, message: Any, value: object) -> None:
        """Set it in the message, which is awake then."""
        wake(message)
        setattr(message, self.name, value)


def wake(message: Any) -> None:
    """Make all parts of a message, if it is asleep."""
    with emitter._registering:  # a cell's thread may touch it while the loop does
        if message._asleep != AWAKE:
            message._make_rest(message._asleep, type(message).__base__)


def asleep(cls: type, *parts: str) -> Any:
    """The class of messages like these that are asleep at first; ``object.__new__`` makes one, without its parts.

    parts: what ``_make_rest(was, cls)`` sets, beside the class. Whoever makes a message sets all others.
    """
    own: dict[str, Any] = {"__slots__": (), "__doc__": cls.__doc__, "__module__": cls.__module__}
    return type(cls.__name__, (cls,), {**own, **{each: Part(each) for each in parts}})
