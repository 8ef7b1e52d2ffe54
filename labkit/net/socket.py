"""Node's net.Socket: one end of a TCP or Unix-socket connection.

Rule: connects, ends, resets, counts idle time; how bytes flow is `labkit.streams`, what carries them is transport.py.
"""

from __future__ import annotations

import asyncio
import os
import socket as system
import struct
from collections.abc import Callable
from typing import Any

from labkit.core import addresses, checks, loop
from labkit.core import host as host_of
from labkit.core.calls import in_words, made_in_words
from labkit.core.errors import BadArgument, BrokenPipe, LabError, NetError
from labkit.net.addressed import Addressed
from labkit.net.connecting import Target, attempt, check_options, target_of
from labkit.net.idle import IdleTimer
from labkit.net.transport import Link, Owner, Transport
from labkit.streams import HIGH_WATER_MARK
from labkit.streams.states import ENDING, OPENING, PAUSED, READ_ENDED, WRITE_ENDED

CONNECT_TIMEOUT = 10.0
"""Seconds after which `connect` gives up on a host that does not answer at all."""

KEPT = 4096
"""Bytes of a piece of data that a server's socket keeps for a later `wait_for`."""


@made_in_words
class Socket(Addressed):
    """A connection: ``connect``, ``data``, ``end``, ``drain``, ``finish``, ``timeout``, ``error``, ``close``.

    As in Node, nothing is delivered until somebody asks: a ``data`` listener, `pipe`, `resume`, `read` or waiting for
    ``data``, ``end`` or ``close`` starts the flow; what arrived before is kept, and the peer is slowed down by TCP.

    allow_half_open: keep the writing side open when the peer has ended (default: end too).
    no_delay: switch Nagle's algorithm off from the start. high_water_mark: bytes, see `write`.
    server: what accepted it; None for a client. paused: read nothing until `resume`.
    """

    EVENTS = frozenset({"connect", "data", "drain", "end", "error", "close", "timeout", "finish"})
    STATES = frozenset({"connect", "end", "finish", "close", "error"})
    _END_UNASKED = True

    __slots__ = ("_idle", "_no_delay", "_opening", "allow_half_open", "connecting")

    def __init__(
        self,
        server: Owner | None = None,
        *,
        allow_half_open: bool = False,
        no_delay: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
        paused: bool = False,
    ) -> None:
        if server is None:  # a server has checked them once for all its sockets
            check_options(allow_half_open, no_delay, high_water_mark)
            checks.flag(paused, "paused")
        elif not hasattr(server, "_accepted"):
            raise BadArgument(f"{checks.shown(server)} is not a server", "Give nothing here: connect() takes the port.")
        super().__init__(server, high_water_mark=high_water_mark)
        self.allow_half_open = allow_half_open
        self.connecting = False
        self._no_delay = no_delay
        self._opening: asyncio.Task[Any] | None = None  # the connection attempt, while it lasts
        self._idle: IdleTimer | None = None
        if paused:
            self._reading = PAUSED

    # -- Node's methods

    @in_words
    def connect(
        self,
        port: int | None = None,
        host: str = "127.0.0.1",
        *,
        path: str | os.PathLike[str] | None = None,
        on_connect: Callable[..., Any] | None = None,
        timeout: float = CONNECT_TIMEOUT,
    ) -> Socket:
        """Open the connection to a port of a host, or to a Unix socket path; ``connect`` is emitted when it stands.

        timeout: seconds to wait for an answer. From a cell: returns when connected, raises `ConnectionRefused`,
        `TimedOut`, `NotFound`, `PermissionDenied` or `AddressUnavailable` (if somebody listens to ``error``, it is
        emitted in place of that). From a handler: returns at once. Source: RFC 9293 §3.5 (establishing a connection).
        """
        if self._transport is not None or self.connecting or self.closed:
            raise LabError("this socket was already used for a connection", "Make a new one for each connection.")
        target = target_of(port, host, path)
        checks.seconds(timeout)
        if on_connect is not None:
            self.once("connect", on_connect)
        self.connecting = True
        self._target = (host, port) if port is not None else None
        self._called("connect")
        host_of.settle(self)
        from_cell = not loop.inside()
        opening = self._open(target, timeout, from_cell)
        if not from_cell:
            loop.spawn(opening)
            return self
        error = loop.run(opening, None)
        if error is not None:
            raise error
        return self

    def reset_and_destroy(self) -> Socket:
        """Close at once with RST in place of FIN: the peer gets ECONNRESET. Source: RFC 9293 §3.5.2."""
        loop.call(lambda: self._destroy_now(None, reset=True))
        return self

    def set_no_delay(self, on: bool = True) -> Socket:
        """Switch Nagle's algorithm off (True: every write is sent at once) or on again (False).

        Source: RFC 9293 §3.7.4 (Nagle algorithm), TCP_NODELAY.
        """
        self._no_delay = checks.flag(on, "on")
        loop.call(self._apply_no_delay)
        return self

    def set_timeout(self, seconds: float, on_timeout: Callable[..., Any] | None = None) -> Socket:
        """Emit ``timeout`` once after this long without traffic (0: never), and again only after more traffic.

        Closing is up to the listener, as in Node. on_timeout: the same as ``once("timeout", ...)``.
        """
        checks.seconds(seconds)
        if on_timeout is not None:
            self.once("timeout", on_timeout)
        loop.call(self._start_timer, seconds)
        return self

    # -- what can be asked

    @property
    def ready_state(self) -> str:
        """``opening``, ``open``, ``readOnly`` (we ended), ``writeOnly`` (the peer ended) or ``closed``, as in Node."""
        if self.connecting:
            return "opening"
        if self.closed or self._transport is None:
            return "closed"
        return {(False, False): "open", (True, False): "readOnly", (False, True): "writeOnly"}.get(
            (self._writing >= ENDING, self._source_ended), "closed"
        )

    @property
    def timeout(self) -> float:
        """Seconds without traffic after which ``timeout`` is emitted (see `set_timeout`); 0 for never."""
        return 0.0 if self._idle is None else self._idle.seconds

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        """End politely: FIN, wait a moment for the peer's, and only then cut the connection."""
        if self._transport is None or self.closed:
            return
        self.end()
        try:
            self.wait_for("close", timeout=2.0)
        except LabError:
            self.destroy()

    # -- connecting

    async def _open(self, target: Target, timeout: float, from_cell: bool) -> NetError | None:
        """Try to connect; returns the error that the call has to raise."""
        if self.closed:
            return None  # destroyed before it began
        self._opening = asyncio.current_task()
        try:
            failed = await attempt(target, self._protocol, timeout)
        except asyncio.CancelledError:
            if not self.closed:
                raise
            words = f"the attempt to reach {target.where} was given up"
            return NetError(words, "destroy() was called.", code="ECONNABORTED")
        except Exception:  # a fault of labkit, or of a layer below: nothing stays half open
            self.connecting, self.closed = False, True
            raise
        finally:
            self._opening = None
        if failed is None:
            return None
        self.connecting = False
        self.closed = True
        self._stop_timer()
        self._failed = failed
        raised = self._outcome(failed, from_cell)
        self._fire("close", True)
        self._gone()
        return raised

    def _protocol(self) -> asyncio.BaseProtocol:
        """What the event loop is to talk to: a layer between TCP and the socket overrides this."""
        return Link(self)

    # -- from the transport

    def _attach(self, transport: Transport, *, ready: bool = True) -> None:
        """The connection stands. ready: bytes can flow at once; otherwise the transport calls `_may_flow` later."""
        if self.closed:  # destroyed in the meantime
            transport.abort()
            return
        self._transport = transport
        self.connecting = False
        # Node leaves Nagle's algorithm on, as the kernel does; asyncio and uvloop switch it off.
        self._apply_no_delay()
        # low=0: drain means that the buffer is empty, as in Node.
        transport.set_write_buffer_limits(high=self.high_water_mark, low=0)
        if ready:
            self._may_flow(transport.write)
        self._touched()
        if self.server is None:
            self._fire("connect")
            return
        if self._reading is PAUSED:
            loop.get().call_soon(self._hold_back)  # not now: uvloop starts reading after this call
        self.server._accepted(self)

    def _hold_back(self) -> None:
        if self._reading is PAUSED and not self._is_going() and not self._source_ended:
            self._stop_source()

    def _detach(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        if self.closed:  # destroyed before it stood
            return
        self.endpoint()
        self.closed = True
        self._stop_timer()
        if exc is not None and self._failed is None:
            remote = self.endpoint()[2]
            self._failed = addresses.translate(exc, addresses.in_words(*remote) if remote else "the peer")
            self._fail(self._failed)
        elif exc is None:
            self._finished()
        self._fire("close", self._failed is not None)
        if self.server is not None:
            self.server._forget(self)
        self._gone()
        self._transport = None

    # -- what the streams ask of the transport

    def _stop_source(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _start_source(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def _is_going(self) -> bool:
        return self.closed or (self._transport is not None and self._transport.is_closing())

    def _after_end(self) -> None:
        if self._writing >= ENDING:
            if self._transport is not None and self._writing is not OPENING:
                self._transport.close()
        elif not self.allow_half_open:
            self._end_now()

    def _fail_writing(self, refusal: NetError) -> None:
        # Not now: what was written before is sent, as in Node; it leaves when the handler has returned.
        self._failed = refusal
        loop.get().call_soon(self._destroy_now, refusal)

    def _after_finish(self) -> None:
        """The transport tells when the connection is gone."""

    def _mark_changed(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.set_write_buffer_limits(high=self.high_water_mark, low=0)

    def _send_end(self) -> None:
        assert self._transport is not None
        if self._reading is READ_ENDED:
            self._transport.close()
        else:
            self._transport.write_eof()

    def _below(self) -> int:
        return 0 if self._transport is None or self.closed else self._transport.get_write_buffer_size()

    def _ask_to_hear(self) -> None:
        if self._transport is not None and not self._transport.is_closing():  # else `_detach` will be heard
            self._transport.set_write_buffer_limits(high=0)  # it is above that, and so tells when it is empty
            self._transport.set_write_buffer_limits(high=self.high_water_mark, low=0)
            if not self._below():  # a layer between has sent all of it just now
                loop.get().call_soon(self._empty)

    def _direct(self) -> Callable[[bytes], Any] | None:
        return None if self._idle is not None else super()._direct()

    def _is_plain(self) -> bool:
        return self._idle is None and super()._is_plain()

    def _kept(self, arrived: bytes | str) -> tuple[Any, ...]:
        # a listening server has many connections: see wait_for
        return (None,) if self.server is not None and len(arrived) > KEPT else (arrived,)

    def _refusal(self) -> NetError | None:
        if self._writing is OPENING and not self.connecting and not self.closed and self._transport is None:
            return BrokenPipe("this socket is not connected", "Call connect() first.", code="ERR_SOCKET_CLOSED")
        if self._writing is WRITE_ENDED and self._sink is None and not self.closed:
            return BrokenPipe("another socket has this connection now", "Write to that one.")
        return super()._refusal()

    # -- the end

    def _destroy_now(self, error: Exception | None, from_cell: bool = False, *, reset: bool = False) -> None:
        if self._transport is None:
            if not self.closed:  # not connected yet, or never
                super()._destroy_now(error, from_cell)
            return
        if self.closed or self.destroyed:
            return
        self._called("reset_and_destroy" if reset else "destroy")
        if reset and (channel := self._channel()) is not None:
            # SO_LINGER on with zero seconds: close() then answers with RST.
            channel.setsockopt(system.SOL_SOCKET, system.SO_LINGER, struct.pack("ii", 1, 0))
        self.destroyed = True
        self._fast = None
        self._take_long_way()
        if error is not None:
            self._failed = error
            self._soon(from_cell, self._fail, error)
        self._transport.abort()

    def _let_go(self) -> None:
        """Destroyed before the connection stands."""
        self.connecting = False
        if self._opening is not None:
            self._opening.cancel()
        self._stop_timer()

    def leave(self) -> None:
        """Close at once, since the host it is on goes: with RST, for nobody would answer a FIN."""
        self.reset_and_destroy()

    def _report(self, error: BaseException, about: object = None) -> None:
        if self.server is None:
            super()._report(error, about)
        else:
            self.server._report(error, self if about is None else about)

    # -- options and idle time

    def _channel(self) -> Any:
        assert self._transport is not None
        channel = self._transport.get_extra_info("socket")
        return channel if channel is not None and channel.family in (system.AF_INET, system.AF_INET6) else None

    def _apply_no_delay(self) -> None:
        if self._transport is None or self.closed:
            return
        channel = self._channel()
        if channel is not None:
            channel.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, int(self._no_delay))

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._fast = None
        self._take_long_way()
        if seconds and not self.closed:
            self._idle = IdleTimer(seconds, lambda: self._fire("timeout"))

    def _touched(self) -> None:
        if self._idle is not None:
            self._idle.touch()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.stop()
            self._idle = None


@in_words
def connect(
    port: int | None = None,
    host: str = "127.0.0.1",
    *,
    path: str | os.PathLike[str] | None = None,
    on_connect: Callable[..., Any] | None = None,
    timeout: float = CONNECT_TIMEOUT,
    allow_half_open: bool = False,
    no_delay: bool = False,
    high_water_mark: int = HIGH_WATER_MARK,
) -> Socket:
    """Make a `Socket` and connect it, to a port or to a Unix socket path; see `Socket` and `Socket.connect`."""
    made = Socket(allow_half_open=allow_half_open, no_delay=no_delay, high_water_mark=high_water_mark)
    return made.connect(port, host, path=path, on_connect=on_connect, timeout=timeout)
