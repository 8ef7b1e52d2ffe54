"""The half of a WebSocket that receives: messages and control frames become events, or wait until somebody asks.

Rule: what the parser finds is told here; bytes are not looked at, and how a connection closes is channel.py.
"""

from __future__ import annotations

from time import monotonic, time_ns
from typing import Any

from labkit.core import checks, loop, watching
from labkit.core.errors import LabError, NotOpen
from labkit.core.history import HISTORY, Entry
from labkit.net.socket import KEPT
from labkit.streams.pipe import together
from labkit.websocket.codes import ProtocolError
from labkit.websocket.frames import Parser
from labkit.websocket.inbox import Inbox
from labkit.websocket.sending import Sending


class Receiving(Sending):
    """What a `WebSocket` receives."""

    __slots__ = ("_deaf", "_inbox", "_parser", "_paused")

    def _begin_receiving(self) -> None:
        self._parser: Parser | None = None
        self._inbox: Inbox | None = None  # messages that nobody has heard; None: there are none
        self._paused = False  # by the program
        self._deaf = False  # a listener has failed: no more messages are told

    # -- for programs

    @property
    def is_paused(self) -> bool:
        """Whether nothing is read: by `pause`, or because as many messages wait as may wait."""
        return self._parser is not None and self._parser.stopped

    def pause(self) -> None:
        """Emit no more messages, and read no more: TCP then slows the other side down."""

        def now() -> None:
            if self._parser is not None:
                self._paused = True
                self._stop_reading()

        loop.call(now)

    def resume(self) -> None:
        """Emit messages again: first those that had come already."""

        def now() -> None:
            self._paused = False
            if self._inbox is not None and "message" in self._listeners:
                self._hand_over()
            self._read_on()

        loop.call(now)

    def wait_for(self, event: str, timeout: float = 5.0) -> Any:
        """See `Emitter.wait_for`. Messages that no listener has heard are returned one by one, in their order."""
        try:
            if event != "message" or loop.inside():
                return super().wait_for(event, timeout)
            return self._wait_for_message(monotonic() + checks.seconds(timeout))
        except NotOpen as error:
            if ending := self._ending():
                raise NotOpen(f"{self!r} closed without another {event!r}", ending) from error
            raise

    def _ending(self) -> str:
        """How the connection was closed, in words; "" if it was not."""
        raise NotImplementedError

    def _wait_for_message(self, deadline: float) -> Any:
        while True:
            kept: tuple[Any, ...] | None = loop.call(self._take_kept)
            if kept is not None:
                return kept[0]
            heard = "message" in self._listeners
            found = super().wait_for("message", max(0.0, deadline - monotonic()))
            if heard and found is None:
                raise LabError(
                    "messages came before this wait, and were not kept: there were many, or they are large",
                    "Take them in a message listener.",
                )
            if heard:
                return found

    # -- from the socket and the parser

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed(data)  # type: ignore[union-attr]  # it is there as long as the socket is heard
        except ProtocolError as error:
            self._violated(error)

    def _violated(self, error: ProtocolError) -> None:
        """The peer has broken a rule."""
        raise NotImplementedError

    def _arrived(self, message: Any) -> None:
        """A message has come: the path of every message of a busy connection."""
        fast = self._fast
        if fast is None or watching.watchers:
            self._take(message)
            return
        pieces = self._pieces
        if pieces < HISTORY:
            if not pieces:
                self._since = time_ns()
            self._pieces = pieces + 1
        try:
            fast(message)
        except Exception as error:
            self._broken(error)

    def _take(self, message: Any) -> None:
        self._fast = None
        if self._deaf:
            return
        listeners = self._listeners.get("message", ())
        if self._inbox is not None or not listeners:
            self._keep(message)
            return
        self._fire_sized("message", message)
        if not self._is_young() and not self._tickets and self._inbox is None and not self._deaf:
            self._hurry("message", listeners, together(listeners))

    def _fire_sized(self, event: str, data: Any) -> None:
        """Emit an event with a payload; its size is in bytes, also that of text."""
        size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())
        kept = (None,) if self._is_server and size > KEPT else (data,)  # a server has many connections, as in `net`
        entry = self._remember(event, kept, size, done=False)
        try:
            for listener in self._listeners.get(event, ()):
                listener(data)
        except Exception as error:
            self._broken(error)
        entry.done = True
        if self._tickets:
            self._offer(entry, (data,))

    def _run(self, pieces: int) -> Entry:
        return Entry("message", self._since, None, pieces, (None,))

    # -- messages that nobody listens to

    def _keep(self, message: Any) -> None:
        """Nobody listens: the message waits. If many do, a cell's client reads no more; else the oldest are dropped."""
        inbox = self._inbox
        if inbox is None:
            inbox = self._inbox = Inbox()
        inbox.add(message)
        entry = self._remember("message", (None,), len(message))
        if self._tickets:
            self._offer(entry)
        if "message" in self._listeners:  # a cell may have begun to listen just now, and have seen no inbox
            loop.get().call_soon(self._hand_over)
        elif inbox.is_full:
            if self._waits_for_cell():
                self._stop_reading()
            else:
                inbox.drop()

    def _waits_for_cell(self) -> bool:
        """Whether a cell is going to take the messages one by one."""
        return False

    def _take_kept(self) -> tuple[Any, ...] | None:
        inbox = self._inbox
        if inbox is None or "message" in self._listeners:
            return None
        if inbox.dropped:
            dropped, inbox.dropped = inbox.dropped, 0
            raise LabError(
                f"nobody listened, and so {dropped} messages were not kept", "Take them in a message listener."
            )
        message = inbox.take()
        if not inbox:
            self._inbox = None
        if self.is_paused:
            loop.get().call_soon(self._read_on)
        return (message,)

    def _hand_over(self) -> None:
        """Somebody listens now: what waited is delivered."""
        inbox = self._inbox
        while inbox and "message" in self._listeners and not self._paused and not self._deaf:
            self._fire_sized("message", inbox.take())
        if not inbox or self._deaf:
            self._inbox = None
            self._read_on()

    def _drop_kept(self) -> None:
        """Nobody is going to ask for messages any more."""
        if self._inbox is not None:
            self._inbox = None
            self._read_on()

    def _wanted(self, event: str) -> None:
        super()._wanted(event)
        if event == "message" and self._inbox is not None:
            loop.get().call_soon_threadsafe(self._hand_over)

    # -- stopping

    def _stop_reading(self) -> None:
        if self._parser is not None and self.socket is not None:
            self._parser.stopped = True
            self.socket._pause_now()

    def _read_on(self) -> None:
        """Read again, if nothing speaks against it."""
        parser, socket = self._parser, self.socket
        if parser is None or socket is None or not parser.stopped or self._paused:
            return
        if self._inbox is not None and self._inbox.is_full and self._waits_for_cell():
            return
        try:
            parser.go_on()
        except ProtocolError as error:
            self._violated(error)
        if not parser.stopped:
            socket._resume_now()
