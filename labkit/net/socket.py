"""One end of a TCP or Unix-socket connection, with the methods and events of Node's net.Socket.

Rule: callbacks from the event loop come in at the bottom, Node's methods are at the top; nothing here knows a protocol.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import socket as system
import struct
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from time import monotonic
from typing import TYPE_CHECKING, Any

from labkit.core import loop
from labkit.core.emitter import Emitter, Endpoint, in_notebook
from labkit.core.errors import BrokenPipe, LabError, NetError, NotOpen, TimedOut
from labkit.net import address

if TYPE_CHECKING:
    from labkit.net.server import Server

HIGH_WATER_MARK = 64 * 1024
"""Bytes that may wait to be sent before `Socket.write` returns False (Node 22 has the same; Node 20 had 16 KiB)."""

CONNECT_TIMEOUT = 10.0
"""Seconds after which `connect` gives up on a host that does not answer at all."""

_NOTHING: list[bytes] = []


class Socket(Emitter, asyncio.Protocol):
    """A connection: ``connect``, ``data``, ``end``, ``drain``, ``timeout``, ``error`` and ``close`` tell its story.

    As in Node, nothing is read until somebody asks: a ``data`` listener, `pipe`, `resume`, `read` or waiting for
    ``data``, ``end`` or ``close`` starts the flow; what arrived before is kept, and the peer is slowed down by TCP.

    allow_half_open: keep the writing side open when the peer has ended (default: end too).
    no_delay: switch Nagle's algorithm off from the start. high_water_mark: bytes, see `write`.
    """

    __slots__ = (
        "_active", "_blocked", "_context", "_decoder", "_early", "_ended", "_endpoint", "_failed", "_finished",
        "_flowing", "_inbox", "_no_delay", "_queued", "_timer", "_transport", "_write", "allow_half_open",
        "bytes_read", "bytes_written", "closed", "connecting", "high_water_mark", "server", "timeout",
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
        self._queued: list[bytes] = _NOTHING  # written before the connection stands
        self._flowing: bool | None = None  # None: nobody has asked for data yet
        self._early: bytes | None = None  # arrived before anybody asked; reading is paused until then
        self._inbox: bytearray | None = None  # what `read` has not yet handed out
        self._ended = False  # the peer's FIN has come
        self._finished = False  # our own FIN is on its way
        self._blocked = False  # above the high-water mark
        self._failed: NetError | None = None
        self._active = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._endpoint: Endpoint | None = None
        self._context = copy_context() if server is None and in_notebook() else None

    # -- Node's methods: connecting

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
        `TimedOut`, `NotFound`, `PermissionDenied` or `AddressUnavailable` (also emitted, if anybody listens to
        ``error``). From a handler: returns at once. Source: RFC 9293 §3.5 (establishing a connection).
        """
        if self._transport is not None or self.connecting or self.closed:
            raise LabError("this socket was already used for a connection", "Make a new one for each connection.")
        if (port is None) == (path is None):
            raise LabError("connect needs a port or a path, one of the two", "For example connect(8124).")
        where = address.check_path(path) if path is not None else address.in_words(host, address.check_port(port))
        if on_connect is not None:
            self.once("connect", on_connect)
        self.connecting = True
        self._queued = []
        self._called("connect")
        from_cell = not loop.inside()
        opening = self._open(port, host, None if path is None else where, where, timeout, from_cell)
        if not from_cell:
            loop.spawn(opening)
            return self
        error = loop.run(opening, None)
        if error is not None and "error" not in self._listeners:
            raise error
        return self

    async def _open(
        self, port: int | None, host: str, path: str | None, where: str, timeout: float, from_cell: bool
    ) -> NetError | None:
        running = asyncio.get_running_loop()
        failure: BaseException | None = None
        try:
            async with asyncio.timeout(timeout):
                if path is not None:
                    await running.create_unix_connection(lambda: self, path)
                    return None
                for family, kind, protocol, _, target in await address.resolve(host, port or 0):
                    channel = system.socket(family, kind, protocol)
                    channel.setblocking(False)
                    try:
                        await running.sock_connect(channel, target)
                    except OSError as error:
                        channel.close()
                        failure = error
                        continue
                    except BaseException:
                        channel.close()
                        raise
                    await running.create_connection(lambda: self, sock=channel)
                    return None
        except TimeoutError:
            failure = TimedOut(
                f"{where} did not answer within {timeout:g} s", "Check the address, and that packets reach the host."
            )
        except OSError as error:
            failure = error
        self.connecting = False
        self.closed = True
        self._failed = failed = address.translate(failure or OSError("no address to try"), where)
        self._fail(failed, quiet=from_cell)  # in a cell the exception itself says it
        self._fire("close", True)
        return failed

    # -- Node's methods: writing

    def write(self, data: bytes | bytearray | memoryview | str) -> bool:
        """Send bytes (text is sent as UTF-8); returns False when more than `high_water_mark` bytes wait unsent.

        After False, stop writing until ``drain``. From a cell it returns when the bytes are the kernel's or queued.
        Raises `BrokenPipe` in a cell when this side has ended or the connection is gone; in a handler that is
        an ``error`` event, as in Node.
        """
        if type(data) is not bytes:
            data = data.encode() if isinstance(data, str) else bytes(data)
        if loop.inside():
            refusal = self._refusal()
            if refusal is None:
                return self._write_now(data)
            if not self.closed:  # Node ignores a write after the close
                loop.get().call_soon(self._abort, refusal)
            return False
        return loop.call(self._write_or_raise, data)

    def _write_or_raise(self, data: bytes) -> bool:
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        return self._write_now(data)

    def _refusal(self) -> NetError | None:
        """Why nothing can be written now, or None."""
        if self.closed:
            return self._failed or BrokenPipe("the connection is closed", "Connect again to write more.")
        if self._finished:
            return BrokenPipe(
                "write after end: this side has already sent its FIN", "Write first, then end().",
                code="ERR_STREAM_WRITE_AFTER_END",
            )  # fmt: skip
        if self._write is None and not self.connecting:
            return BrokenPipe("this socket is not connected", "Call connect() first.", code="ENOTCONN")
        return None

    def _write_now(self, data: bytes) -> bool:
        self.bytes_written += len(data)
        self._called("write", len(data))
        if self._write is None:  # still connecting: sent as soon as the connection stands
            self._queued.append(data)
            return True
        self._write(data)
        if self.timeout:
            self._active = monotonic()
        return not self._blocked

    def end(self, data: bytes | str | None = None) -> Socket:
        """Send what is left, then FIN: this side writes no more, but still reads (a half-closed connection).

        data: last bytes to send. The connection closes when the peer has ended too. Source: RFC 9293 §3.6.
        """
        if data is not None:
            self.write(data)
        if loop.inside():
            self._end_now()
        else:
            loop.call(self._end_now)
        return self

    def _end_now(self) -> None:
        if self._finished or self.closed or (self._transport is None and not self.connecting):
            return
        self._finished = True
        self._called("end")
        if self._transport is None:
            return  # still connecting: the FIN follows the connection
        if self._ended:
            self._transport.close()
        else:
            self._transport.write_eof()

    def destroy(self, error: NetError | None = None) -> Socket:
        """Close at once; what was not sent yet is dropped. error: emitted before ``close``, if given."""
        return self._abort(error)

    def reset_and_destroy(self) -> Socket:
        """Close at once with RST in place of FIN: the peer gets ECONNRESET. Source: RFC 9293 §3.5.2."""
        return self._abort(reset=True)

    def _abort(self, error: NetError | None = None, *, reset: bool = False) -> Socket:
        def now() -> None:
            if self._transport is None or self.closed:
                return
            self._called("reset_and_destroy" if reset else "destroy")
            if reset and (channel := self._channel()) is not None:
                # SO_LINGER on with zero seconds: close() then answers with RST.
                channel.setsockopt(system.SOL_SOCKET, system.SO_LINGER, struct.pack("ii", 1, 0))
            if error is not None:
                self._failed = error
                self._fail(error)
            self._finished = True
            self._transport.abort()

        loop.call(now)
        return self

    def pipe(self, destination: Socket) -> Socket:
        """Write all that arrives here into destination, at the pace it can take; its end follows ours.

        Returns destination. ``socket.pipe(socket)`` is an echo server.
        """
        if type(destination) is Socket:

            def forward(data: bytes | str) -> None:
                if type(data) is not bytes or destination._write is None or destination._finished:
                    destination.write(data)
                else:  # the same as write(), without a call: this is the path of an echo server
                    destination.bytes_written += len(data)
                    destination._called("write", len(data))
                    destination._write(data)
                if destination._blocked:
                    self.pause()
                    destination.once("drain", self.resume)

        else:

            def forward(data: bytes | str) -> None:
                if destination.write(data) is False:
                    self.pause()
                    destination.once("drain", self.resume)

        self.on("data", forward)
        self.on("end", lambda: destination.end())
        return destination

    # -- Node's methods: reading

    def pause(self) -> Socket:
        """Stop the ``data`` events; TCP's window then tells the peer to stop sending."""
        return self._on_loop(self._pause_now)

    def resume(self) -> Socket:
        """Start the ``data`` events (again); without a listener the data is thrown away."""
        return self._on_loop(self._resume_now)

    def set_encoding(self, encoding: str = "utf8") -> Socket:
        """From now on ``data`` carries text: characters split between segments arrive whole.

        Raises `LabError` for an encoding Python does not know.
        """
        try:
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        except LookupError:
            raise LabError(f"{encoding!r} is not an encoding", 'Use "utf8".') from None
        return self

    def read(self, size: int | None = None, timeout: float = 5.0) -> bytes:
        """Wait for size bytes and return them (None: for whatever comes next); fewer only if the peer has ended.

        For cells, which want the same bytes however TCP cuts the stream. Raises `TimedOut`, saying what did come.
        """
        if self._inbox is None:
            self._inbox = bytearray()
        self.resume()
        deadline = monotonic() + timeout
        while True:
            arrived = loop.call(self._take, size)
            if arrived is not None:
                return arrived
            try:
                self._wait_for_more(deadline)
            except TimedOut:
                raise TimedOut(
                    f"{'nothing' if not self._inbox else f'only {len(self._inbox)} bytes'} came within {timeout:g} s"
                    + (f", and {size} were asked for" if size is not None else ""),
                    "Does the other side answer at all? Is the number right?",
                ) from None

    def _wait_for_more(self, deadline: float) -> None:
        with suppress(NotOpen):  # closed: what is there is all there will be
            self.wait_for("data", max(0.0, deadline - monotonic()))

    def _take(self, size: int | None) -> bytes | None:
        inbox = self._inbox
        assert inbox is not None
        wanted = len(inbox) if size is None else size
        if (len(inbox) < wanted or not inbox) and not (self._ended or self.closed):
            return None
        taken = bytes(inbox[:wanted])
        del inbox[:wanted]
        return taken

    # -- Node's methods: options and facts

    def set_no_delay(self, on: bool = True) -> Socket:
        """Switch Nagle's algorithm off (True: every write is sent at once) or on again (False).

        Source: RFC 9293 §3.7.4 (Nagle algorithm), TCP_NODELAY.
        """
        self._no_delay = on
        return self._on_loop(self._apply_no_delay)

    def set_timeout(self, seconds: float, on_timeout: Callable[..., Any] | None = None) -> Socket:
        """Emit ``timeout`` after this long without traffic (0: never); closing is up to the listener, as in Node."""
        if on_timeout is not None:
            self.on("timeout", on_timeout)
        return self._on_loop(lambda: self._start_timer(seconds))

    @property
    def writable_length(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        return 0 if self._transport is None or self.closed else int(self._transport.get_write_buffer_size())

    @property
    def ready_state(self) -> str:
        """``opening``, ``open``, ``readOnly`` (we ended), ``writeOnly`` (the peer ended) or ``closed``, as in Node."""
        if self.connecting:
            return "opening"
        if self.closed or self._transport is None:
            return "closed"
        return {(False, False): "open", (True, False): "readOnly", (False, True): "writeOnly"}.get(
            (self._finished, self._ended), "closed"
        )

    @property
    def local_address(self) -> str | None:
        """Our address, or None for a Unix socket."""
        local = self.endpoint()[1]
        return local[0] if local else None

    @property
    def local_port(self) -> int | None:
        """Our port, or None for a Unix socket."""
        local = self.endpoint()[1]
        return local[1] if local else None

    @property
    def remote_address(self) -> str | None:
        """The peer's address, or None for a Unix socket."""
        remote = self.endpoint()[2]
        return remote[0] if remote else None

    @property
    def remote_port(self) -> int | None:
        """The peer's port, or None for a Unix socket."""
        remote = self.endpoint()[2]
        return remote[1] if remote else None

    def endpoint(self) -> Endpoint:
        """(``"client"`` or ``"server"``, local, remote); known while connected, and remembered."""
        if self._endpoint is None:
            who = "client" if self.server is None else "server"
            if self._transport is None:
                return (who, None, None)
            names = [self._transport.get_extra_info(each) for each in ("sockname", "peername")]
            local, remote = ((str(n[0]), int(n[1])) if isinstance(n, tuple) else None for n in names)
            self._endpoint = (who, local, remote)
        return self._endpoint

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

    def __repr__(self) -> str:
        who, local, remote = self.endpoint()
        if local is None or remote is None:
            return f"<{who} socket, {self.ready_state}>"
        return f"<{who} socket {address.in_words(*local)} to {address.in_words(*remote)}, {self.ready_state}>"

    # -- from the event loop (asyncio.Protocol)

    def connection_made(self, transport: Any) -> None:
        """The connection stands (called by the event loop)."""
        self._transport = transport
        self._write = transport.write
        self.connecting = False
        # Node leaves Nagle's algorithm on, as the kernel does; asyncio and uvloop switch it off.
        self._apply_no_delay()
        # low=0: drain means that the buffer is empty, as in Node.
        transport.set_write_buffer_limits(high=self.high_water_mark, low=0)
        if self.server is None:
            queued, self._queued = self._queued, _NOTHING
            transport.writelines(queued)
            if self._finished:
                transport.write_eof()
            self._fire("connect")
        else:
            self.server._accepted(self)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived (called by the event loop)."""
        if not self._flowing:
            self._early = data if self._early is None else self._early + data
            self._transport.pause_reading()
            return
        self.bytes_read += len(data)
        if self.timeout:
            self._active = monotonic()
        if self._inbox is not None:
            self._inbox += data
        arrived: bytes | str = data
        if self._decoder is not None:
            arrived = self._decoder.decode(data)
            if not arrived:
                return  # only the first bytes of a character yet
        try:
            self._remember("data", (arrived,))
            for listener in self._listeners.get("data", ()):
                listener(arrived)
        except Exception as error:
            self._broken(error)

    def eof_received(self) -> bool:
        """The peer sent FIN (called by the event loop); returns True: closing is ours to do."""
        self._ended = True
        if self._early is None:
            self._finish_reading()
        return True

    def pause_writing(self) -> None:
        """The write buffer is above the high-water mark (called by the event loop)."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The write buffer is empty again (called by the event loop)."""
        self._blocked = False
        if not self.closed:
            self._fire("drain")

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone (called by the event loop)."""
        self.endpoint()
        self.closed = True
        self._blocked = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if exc is not None and self._failed is None:
            remote = self.endpoint()[2]
            self._failed = address.translate(exc, address.in_words(*remote) if remote else "the peer")
            self._fail(self._failed)
        self._fire("close", self._failed is not None)
        if self.server is not None:
            self.server._forget(self)
        self._transport = self._write = None

    # -- inside

    def _on_loop(self, function: Callable[[], None]) -> Socket:
        if loop.inside():
            function()
        else:
            loop.call(function)
        return self

    def _wanted(self, event: str) -> None:
        if event == "data" and self._flowing is None:
            self.resume()

    def _waiting(self, event: str) -> None:
        if event in ("data", "end", "close") and self._flowing is None:
            self.resume()

    def _pause_now(self) -> None:
        self._flowing = False
        if self._transport is not None and not self.closed and not self._ended:
            self._transport.pause_reading()

    def _resume_now(self) -> None:
        self._flowing = True
        early, self._early = self._early, None
        if early is not None:
            # Node, too, delivers what waited only after the handler that asked for it has returned.
            loop.get().call_soon(self._deliver_early, early)
        elif self._transport is not None and not self.closed and not self._ended:
            self._transport.resume_reading()

    def _deliver_early(self, early: bytes) -> None:
        self.data_received(early)
        if self._early is not None or not self._flowing or self.closed:
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
        self._active = monotonic()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds:
            self._timer = loop.get().call_later(seconds, self._check_idle)

    def _check_idle(self) -> None:
        left = self._active + self.timeout - monotonic()
        if left <= 0:
            self._active = monotonic()
            left = self.timeout
            self._fire("timeout")
        if self.timeout and not self.closed:
            self._timer = loop.get().call_later(left, self._check_idle)


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
