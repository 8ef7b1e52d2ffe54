"""The event loop's side of a connection: what arrives, how fast, when it ends, and how errors are told.

Rule: the callbacks of asyncio come in here; Node's methods, which programs call, are in socket.py.
"""

from __future__ import annotations

import asyncio
import codecs
import socket as system
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

from labkit.core import emitter, loop
from labkit.core.emitter import HISTORY, Emitter, Endpoint, Listener, Remembered, in_notebook
from labkit.core.errors import LabError, NetError
from labkit.net import address
from labkit.net.pipe import Pipe, straight

if TYPE_CHECKING:
    from labkit.net.server import Server

HIGH_WATER_MARK = 64 * 1024
"""Bytes that may wait to be sent before `Socket.write` returns False (Node 22 has the same; Node 20 had 16 KiB)."""

KEPT = 4096
"""Bytes of a piece of data that a server's socket keeps for a later `wait_for`."""

YOUNG = 32
"""Events after which a connection counts as busy: its data then takes a short path, on which nothing is kept."""

_NOTHING: list[bytes] = []


class _Hot(Emitter):
    """What every piece of data touches, side by side in memory: with 500 busy connections, distance costs."""

    __slots__ = ("_fast", "_onto", "_pieces", "bytes_read", "bytes_written")


class Flow(_Hot, asyncio.Protocol):
    """What `Socket` is made of below Node's methods; see there."""

    EVENTS = frozenset({"connect", "data", "drain", "end", "error", "close", "timeout"})

    __slots__ = (
        "_active", "_asked", "_blocked", "_context", "_decoder", "_due", "_early", "_ended", "_endpoint", "_failed",
        "_finished", "_flowing", "_inbox", "_no_delay", "_opening", "_pipes", "_queued", "_since", "_start", "_target",
        "_timer", "_transport", "_write", "allow_half_open", "closed", "connecting", "high_water_mark", "server",
        "timeout",
    )  # fmt: skip

    def __init__(
        self,
        server: Server | None = None,
        *,
        allow_half_open: bool = False,
        no_delay: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
    ) -> None:
        super().__init__()
        self.server = server
        self.allow_half_open = allow_half_open
        self.high_water_mark = high_water_mark
        self.bytes_read = 0
        self.bytes_written = 0
        self.connecting = False
        self.closed = False
        self.timeout = 0.0
        self._no_delay = no_delay
        self._transport: Any = None
        self._write: Callable[[bytes], None] | None = None
        self._opening: asyncio.Task[Any] | None = None  # the connection attempt, while it lasts
        self._queued: list[bytes] = _NOTHING  # written before the connection stands
        self._flowing: bool | None = None  # None: nobody has asked for data yet
        self._early: bytes | None = None  # arrived before anybody asked; reading is paused until then
        self._due = False  # what arrived early is about to be delivered
        self._inbox: bytearray | None = None  # what `read` has not yet handed out
        self._asked = 0  # bytes a running `read` waits for
        self._ended = False  # the peer's FIN has come
        self._finished = False  # our own FIN is on its way
        self._blocked = False  # above the high-water mark
        self._failed: NetError | None = None
        self._active = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._endpoint: Endpoint | None = None
        self._target: tuple[str, int] | None = None  # whom a client asked for, before anybody answers
        self._pipes: tuple[Pipe, ...] = ()  # what is piped into this socket
        # The short path of data_received: what to call, or None where there is more to do than to call it; and the
        # socket whose bytes it sends, where it is a transport's write.
        self._fast: Callable[[bytes], Any] | None = None
        self._onto: Flow | None = None
        # A run of data events on the short path is one entry of the history; these three say where it stands.
        self._pieces = 0  # counted up to HISTORY
        self._since = 0  # ns
        self._start = 0  # bytes_read when it began
        self._context = copy_context() if server is None and in_notebook() else None

    # -- from the event loop (asyncio.Protocol)

    def connection_made(self, transport: Any) -> None:
        """The connection stands (called by the event loop)."""
        if self.closed:  # destroyed in the meantime
            transport.abort()
            return
        self._transport = transport
        self._write = transport.write
        self.connecting = False
        # Node leaves Nagle's algorithm on, as the kernel does; asyncio and uvloop switch it off.
        self._apply_no_delay()
        # low=0: drain means that the buffer is empty, as in Node.
        transport.set_write_buffer_limits(high=self.high_water_mark, low=0)
        if self.server is None:
            queued, self._queued = self._queued, _NOTHING
            if self._blocked:  # a drain is owed, however much of this the kernel takes at once
                transport.set_write_buffer_limits(high=0)
            transport.writelines(queued)
            if self._blocked:
                transport.set_write_buffer_limits(high=self.high_water_mark, low=0)
                if not transport.get_write_buffer_size():
                    loop.get().call_soon(self.resume_writing)
            if self.timeout:
                self._touch()
            if self._finished:
                transport.write_eof()
            self._fire("connect")
        else:
            if self.server.pause_on_connect:
                self._flowing = False
                loop.get().call_soon(self._hold)  # not now: uvloop starts reading after this call
            self.server._accepted(self)  # type: ignore[arg-type]  # every Flow is a Socket

    def _hold(self) -> None:
        if self._flowing is False and self._transport is not None and not self._ended and not self.closed:
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived (called by the event loop)."""
        fast = self._fast
        if fast is None or emitter._watchers:
            self._received(data)
            return
        # The path of every byte of a busy connection. Nothing is kept of it, and small numbers cost no memory.
        pieces = self._pieces
        if pieces < HISTORY:
            if not pieces:
                self._since, self._start = time_ns(), self.bytes_read
            self._pieces = pieces + 1
        size = len(data)
        self.bytes_read += size
        onto = self._onto
        if onto is not None:
            onto.bytes_written += size
        try:
            fast(data)
        except Exception as error:
            self._broken(error)

    def _received(self, data: bytes) -> None:
        if not self._flowing:
            self._early = data if self._early is None else self._early + data
            self._transport.pause_reading()
            if self.timeout:
                self._touch()
            return
        self._end_run()
        self._fast = self._onto = None
        self.bytes_read += len(data)
        if self.timeout:
            self._touch()
        if self._inbox is not None:
            self._inbox += data
            if len(self._inbox) >= max(HIGH_WATER_MARK, self._asked):
                if "data" not in self._listeners or self._asked:
                    self._pause_now()  # nobody reads: let TCP slow the peer down
                else:
                    self._inbox = None  # the listeners have it; a later read starts with what comes then
        arrived: bytes | str = data
        if self._decoder is not None:
            arrived = self._decoder.decode(data)
            if not arrived:
                return  # only the first bytes of a character yet
        listeners = self._listeners.get("data", ())
        try:
            self._remember("data", (arrived,))
            for listener in listeners:
                listener(arrived)
        except Exception as error:
            self._broken(error)
        if self.server is not None and len(data) > KEPT and self._last is not None:
            self._last["data"] = (time_ns(), (None,))  # a listening server has many connections: see wait_for
        if listeners and self._plain():
            self._shorten(listeners)

    def _shorten(self, listeners: tuple[Listener, ...]) -> None:
        """From now on do no more with what arrives than to call these, or, for a pipe, to send it."""
        if len(listeners) > 1:

            def each(data: bytes) -> None:
                for listener in listeners:
                    listener(data)

            self._fast = each
        elif (sends := straight(listeners[0], Flow)) is not None:
            self._fast, self._onto = sends
        else:
            self._fast = listeners[0]
        if self._listeners.get("data") is not listeners:  # another thread has just changed them
            self._fast = None

    def _take_long_way(self) -> None:
        """Something has changed here: what is piped in must be looked at again before it is sent."""
        for pipe in self._pipes:
            pipe.source._fast = None

    def _plain(self) -> bool:
        """Whether the next data needs nothing but its listeners called."""
        if self._waiters or self.timeout or not self._flowing:
            return False
        if self._history is None or len(self._history) < YOUNG:
            return False
        return self._decoder is None and self._inbox is None

    def eof_received(self) -> bool:
        """The peer sent FIN (called by the event loop); returns True: closing is ours to do."""
        self._ended = True
        if self._early is None:
            self._finish_reading()
        return True

    def pause_writing(self) -> None:
        """The write buffer is above the high-water mark (called by the event loop)."""
        self._blocked = True
        for pipe in self._pipes:
            if pipe.source._onto is self:  # its pieces come here without a call that could return False
                pipe.hold()

    def resume_writing(self) -> None:
        """The write buffer is empty again (called by the event loop)."""
        self._blocked = False
        if self.timeout:
            self._touch()
        if not self.closed:
            self._fire("drain")

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone (called by the event loop)."""
        if self.closed:  # destroyed before it stood
            return
        self.endpoint()
        self.closed = True
        self._blocked = False
        self._stop_timer()
        if exc is not None and self._failed is None:
            remote = self.endpoint()[2]
            self._failed = address.translate(exc, address.in_words(*remote) if remote else "the peer")
            self._fail(self._failed)
        self._fire("close", self._failed is not None)
        if self.server is not None:
            self.server._forget(self)  # type: ignore[arg-type]
        self._take_long_way()
        self._transport = self._write = None
        self._pipes = ()

    def endpoint(self) -> Endpoint:
        """(``"client"`` or ``"server"``, local, remote); known while connected, and remembered."""
        if self._endpoint is None:
            who = "client" if self.server is None else "server"
            if self._transport is None:
                return (who, None, self._target)
            names = [self._transport.get_extra_info(each) for each in ("sockname", "peername")]
            local, remote = ((str(n[0]), int(n[1])) if isinstance(n, tuple) else None for n in names)
            self._endpoint = (who, local, remote)
        return self._endpoint

    # -- inside

    def _end_now(self) -> None:
        if self._finished or self.closed or (self._transport is None and not self.connecting):
            return
        self._finished = True
        self._take_long_way()
        self._called("end")
        if self._transport is None:
            return  # still connecting: the FIN follows the connection
        if self._ended:
            self._transport.close()
        else:
            self._transport.write_eof()

    def _wanted(self, event: str) -> None:
        if event == "data" and self._flowing is None:
            loop.call(self._resume_now)

    def _listeners_changed(self, event: str) -> None:
        self._fast = None

    def _remember(self, event: str, args: tuple[Any, ...]) -> None:
        self._end_run()
        super()._remember(event, args)

    def _end_run(self) -> None:
        """Put the run of data events into the history."""
        pieces, self._pieces = self._pieces, 0
        if pieces:
            size = self.bytes_read - self._start
            self._add_to_history(Remembered("data", self._since, size, pieces), (None,))

    @property
    def history(self) -> tuple[Remembered, ...]:
        """What was emitted, oldest first; the last `HISTORY` events, ``data`` in quick succession as one entry."""
        loop.call(self._end_run)
        return super().history

    def wait_for(self, event: str, timeout: float = 5.0) -> Any:
        """See `Emitter.wait_for`. Of ``data`` that came before the wait, a connection keeps only the last piece, and
        not even that once it is busy (more than `YOUNG` events) or, on a server's side, for pieces above `KEPT` bytes:
        `LabError` says so.
        """
        value = super().wait_for(event, timeout)
        if value is None and event == "data":
            raise LabError(
                "data came before this wait, and was not kept: there was much of it",
                "Use read(), or take it in a data listener.",
            )
        return value

    def _waiting(self, event: str) -> None:
        loop.call(self._end_run)
        if event in ("data", "end", "close") and self._flowing is None:
            loop.call(self._resume_now)

    def _pause_now(self) -> None:
        self._flowing = False
        self._fast = None
        if self._transport is not None and not self.closed and not self._ended:
            self._transport.pause_reading()

    def _resume_now(self) -> None:
        self._flowing = True
        if self._early is not None:
            # Node, too, delivers what waited only after the handler that asked for it has returned. Reading starts
            # after that, and not at a second resume(): what comes later must not overtake it.
            if not self._due:
                self._due = True
                loop.get().call_soon(self._deliver_early)
        elif self._transport is not None and not self.closed and not self._ended:
            self._transport.resume_reading()

    def _deliver_early(self) -> None:
        self._due = False
        if self.closed or self._transport.is_closing():
            return  # destroyed: what it had not read is dropped
        if not self._flowing or self._early is None:
            return  # paused again
        early, self._early = self._early, None
        self.data_received(early)
        if self._early is not None or not self._flowing or self.closed or self._transport.is_closing():
            return
        if self._ended:
            self._finish_reading()
        else:
            self._transport.resume_reading()

    def _finish_reading(self) -> None:
        if self._decoder is not None and (rest := self._decoder.decode(b"", True)):
            self._fire("data", rest)
        self._fire("end")
        if self.closed or self._transport is None:
            return
        if self._finished:
            self._transport.close()
        elif not self.allow_half_open:
            self._end_now()

    def _fire(self, event: str, *args: Any) -> None:
        """Emit from the loop: what a listener raises is shown, and the connection is cut."""
        try:
            self.emit(event, *args)
        except Exception as error:
            self._broken(error)

    def _fail(self, error: NetError, *, quiet: bool = False) -> None:
        if "error" in self._listeners:
            self._fire("error", error)
            return
        self._remember("error", (error,))
        if not quiet:
            self._report(error)

    def _broken(self, error: Exception) -> None:
        self._report(error)
        if self._transport is not None and not self.closed:
            self._transport.abort()

    def _report(self, error: BaseException) -> None:
        context = self._context if self.server is None else self.server._context
        if context is None:
            loop.report(error, repr(self))
        else:
            context.copy().run(loop.report, error, repr(self))

    def _channel(self) -> Any:
        channel = self._transport.get_extra_info("socket")
        return channel if channel is not None and channel.family in (system.AF_INET, system.AF_INET6) else None

    def _apply_no_delay(self) -> None:
        if self._transport is None or self.closed:
            return
        channel = self._channel()
        if channel is not None:
            channel.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, int(self._no_delay))

    def _start_timer(self, seconds: float) -> None:
        if seconds < 0:
            raise LabError(f"a timeout of {seconds} s is not possible", "Use 0 for never.")
        self.timeout = seconds
        self._fast = None
        self._take_long_way()
        self._stop_timer()
        if seconds:
            self._touch()

    def _touch(self) -> None:
        """There was traffic: the idle time begins anew."""
        self._active = monotonic()
        if self._timer is None and not self.closed:
            self._timer = loop.get().call_later(self.timeout, self._check_idle)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_idle(self) -> None:
        left = self._active + self.timeout - monotonic()
        if left > 0:
            self._timer = loop.get().call_later(left, self._check_idle)
        else:
            self._timer = None  # the next traffic starts it again
            self._fire("timeout")
