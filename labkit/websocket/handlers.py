"""The browser's way to listen: ``ws.on_message = f``, where f gets one object that says what happened.

Rule: on top of Node's events, which stay as they are; adds no event of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.core import checks
from labkit.core.errors import LabError
from labkit.core.listeners import in_cell
from labkit.websocket.channel import Channel
from labkit.websocket.options import ReadyState

Handler = Callable[["Event"], Any]


class Event:
    """What a browser's handler is given. type: ``"open"``, ``"message"``, ``"error"`` or ``"close"``. target: the
    WebSocket. data: of a message. code, reason, was_clean: of a close; was_clean: both sides sent a close frame.
    error: of an error.
    """

    __slots__ = ("code", "data", "error", "reason", "target", "type", "was_clean")

    def __init__(self, type: str, target: WithHandlers) -> None:
        self.type, self.target = type, target
        self.data: Any = None
        self.error: BaseException | None = None
        self.code, self.reason, self.was_clean = 0, "", False

    def __repr__(self) -> str:
        said = {"message": repr(self.data), "error": str(self.error), "close": f"{self.code} {self.reason}".strip()}
        return f"<{self.type} event {said[self.type]}>" if self.type in said else f"<{self.type} event>"


class _Handling:
    """The listener that calls a browser's handler."""

    __slots__ = ("_call", "_event", "_target", "function")

    def __init__(self, event: str, target: WithHandlers, function: Handler) -> None:
        self._event, self._target, self.function = event, target, function
        self._call = in_cell(function)

    def __call__(self, *args: Any) -> None:
        target = self._target
        event = Event(self._event, target)
        if self._event == "message":
            event.data = args[0]
        elif self._event == "close":
            event.code, event.reason = args
            event.was_clean = target._close_sent and target._close_received
        elif self._event == "error":
            event.error = args[0]
        self._call(event)


class WithHandlers(Channel):
    """The four handlers of a browser, and the names of the four states."""

    CONNECTING, OPEN, CLOSING, CLOSED = ReadyState

    __slots__ = ()

    def _handler(self, event: str) -> Handler | None:
        found = next((each for each in self._listeners.get(event, ()) if isinstance(each, _Handling)), None)
        return None if found is None else found.function

    def _set_handler(self, event: str, function: Handler | None) -> None:
        before = next((each for each in self._listeners.get(event, ()) if isinstance(each, _Handling)), None)
        if function is not None:
            checks.function(function, f"on_{event}")
        if before is not None:
            self.off(event, before)
        if function is not None:
            self._add(event, _Handling(event, self, function))

    @property
    def on_open(self) -> Handler | None:
        """Called when the handshake is done; one function, or None."""
        return self._handler("open")

    @on_open.setter
    def on_open(self, function: Handler | None) -> None:
        self._set_handler("open", function)

    @property
    def on_message(self) -> Handler | None:
        """Called for each message, which is ``event.data``: str for text, bytes for binary; one function, or None."""
        return self._handler("message")

    @on_message.setter
    def on_message(self, function: Handler | None) -> None:
        self._set_handler("message", function)

    @property
    def on_error(self) -> Handler | None:
        """Called for a failure, before ``close``; one function, or None."""
        return self._handler("error")

    @on_error.setter
    def on_error(self, function: Handler | None) -> None:
        self._set_handler("error", function)

    @property
    def on_close(self) -> Handler | None:
        """Called when the connection is closed: ``event.code``, ``event.reason``, ``event.was_clean``; or None."""
        return self._handler("close")

    @on_close.setter
    def on_close(self, function: Handler | None) -> None:
        self._set_handler("close", function)


class Misspelt(LabError, AttributeError):
    """JavaScript's spelling of a name."""


def _javascript(name: str, meant: str) -> property:
    """JavaScript's spelling, which is refused with words: a plain attribute would never be called."""

    def refuse(*_: Any) -> Any:
        raise Misspelt(f"a WebSocket of labkit has no {name}", f"Did you mean {meant}?")

    return property(refuse, refuse)


for _name in ("open", "message", "error", "close"):
    setattr(WithHandlers, f"on{_name}", _javascript(f"on{_name}", f"on_{_name}"))
