"""Node's net.Socket: what a program can do with its end of a TCP or Unix-socket connection.

Rule: Node's methods and properties; what the event loop reports comes in in flow.py, and nothing here knows a protocol.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import socket as system
import struct
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from labkit.core import host as host_of
from labkit.core import loop
from labkit.core.emitter import Emitter
from labkit.core.errors import BrokenPipe, ConnectionRefused, LabError, NetError, NotOpen, TimedOut
from labkit.net import address
from labkit.net.facts import Facts
from labkit.net.flow import HIGH_WATER_MARK
from labkit.net.pipe import Pipe

CONNECT_TIMEOUT = 10.0
"""Seconds after which `connect` gives up on a host that does not answer at all."""


class Socket(Facts):
    """A connection: ``connect``, ``data``, ``end``, ``drain``, ``timeout``, ``error`` and ``close`` tell its story.

    As in Node, nothing is delivered until somebody asks: a ``data`` listener, `pipe`, `resume`, `read` or waiting for
    ``data``, ``end`` or ``close`` starts the flow; what arrived before is kept, and the peer is slowed down by TCP.

    allow_half_open: keep the writing side open when the peer has ended (default: end too).
    no_delay: switch Nagle's algorithm off from the start. high_water_mark: bytes, see `write`.
    """

    __slots__ = ()

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
        if path is not None:
            where = address.check_path(path)
        else:
            address.check_port(port)
            where = address.in_words(address.check_host(host), port or 0)
        if on_connect is not None:
            self.once("connect", on_connect)
        self.connecting = True
        self._queued = []
        self._target = (host, port) if port is not None else None
        self._called("connect")
        host_of.settle(self)
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
        if self.closed:
            return None  # destroyed before it began
        self._opening = asyncio.current_task()
        try:
            async with asyncio.timeout(timeout):
                if path is not None:
                    await running.create_unix_connection(lambda: self, path)
                    return None
                for family, kind, protocol, _, target in await address.resolve(host, port or 0):
                    channel = host_of.make_socket(family, kind, protocol)
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
        except asyncio.CancelledError:
            if not self.closed:
                raise
            return NetError(f"the attempt to reach {where} was given up", "destroy() was called.", code="ECONNABORTED")
        finally:
            self._opening = None
        self.connecting = False
        self.closed = True
        self._stop_timer()
        self._failed = failed = address.translate(failure or OSError("no address to try"), where)
        if isinstance(failed, ConnectionRefused) and path is None and address.is_loopback(host):
            here = host_of.current()
            if here is not None:
                failed.todo = f"{host} is the {here.name} itself. The other end of the wire has an address of its own."
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
            data = _as_bytes(data)
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
            self._blocked = self.bytes_written > self.high_water_mark
            return not self._blocked
        self._write(data)
        if self.timeout:
            self._touch()
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

    def destroy(self, error: NetError | None = None) -> Socket:
        """Close at once; what was not sent yet is dropped. error: emitted before ``close``, if given."""
        return self._abort(error)

    def reset_and_destroy(self) -> Socket:
        """Close at once with RST in place of FIN: the peer gets ECONNRESET. Source: RFC 9293 §3.5.2."""
        return self._abort(reset=True)

    def leave(self) -> None:
        """Close at once, since the host it is on goes: with RST, for nobody would answer a FIN."""
        self._abort(reset=True)

    def _abort(self, error: NetError | None = None, *, reset: bool = False) -> Socket:
        def now() -> None:
            if self.connecting and not self.closed:
                self._give_up(error)
                return
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
            self._take_long_way()
            self._transport.abort()

        loop.call(now)
        return self

    def _give_up(self, error: NetError | None) -> None:
        """Destroyed before the connection stands."""
        self._called("destroy")
        self.connecting, self.closed, self._failed = False, True, error
        if self._opening is not None:
            self._opening.cancel()
        self._stop_timer()

        def tell() -> None:
            if error is not None:
                self._fail(error)
            self._fire("close", error is not None)

        loop.get().call_soon(tell)

    def pipe(self, destination: Socket) -> Socket:
        """Write all that arrives here into destination, at the pace it can take; its end follows ours.

        Returns destination. ``socket.pipe(socket)`` is an echo server.
        """
        pipe = Pipe(self, destination)
        if isinstance(destination, Socket):
            destination._pipes = (*destination._pipes, pipe)
        self._add("data", pipe)  # not on(): it prints nothing, so it needs no cell to print under
        self._add("end", pipe.end)
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
            b"a".decode(encoding, "replace")  # fails also for those that are not of text, such as "hex"
            decoder = codecs.getincrementaldecoder(encoding)("replace")
        except LookupError:
            raise LabError(f"{encoding!r} is not an encoding", 'Use "utf8".') from None

        def now() -> None:
            self._decoder = decoder
            self._fast = None

        return self._on_loop(now)

    def read(self, size: int | None = None, timeout: float = 5.0) -> bytes:
        """Wait for size bytes and return them (None: for whatever comes next); fewer only if the peer has ended.

        For cells, which want the same bytes however TCP cuts the stream. Raises `TimedOut`, saying what did come.
        """
        if size is not None and size < 0:
            raise LabError(f"{size} bytes cannot be read", "Give a number from 0, or nothing for what comes next.")
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
            raise LabError(f"{size!r} is not a number of bytes", "Give a whole number, or nothing for what comes next.")
        loop.call(self._start_reading)
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
            Emitter.wait_for(self, "data", max(0.0, deadline - monotonic()))  # that it came is enough, kept or not

    def _start_reading(self) -> None:
        if self._inbox is None:
            self._inbox = bytearray()
            self._fast = None
            self._resume_now()

    def _take(self, size: int | None) -> bytes | None:
        if self._inbox is None:  # listeners took over since
            self._start_reading()
        inbox = self._inbox
        assert inbox is not None
        wanted = len(inbox) if size is None else size
        if (len(inbox) < wanted or not inbox) and not (self._ended or self.closed):
            self._asked = wanted
            self._resume_now()
            return None
        self._asked = 0
        if self._failed is not None and not inbox and wanted:
            raise self._failed  # nothing more will come, and it was not the peer's FIN
        taken = bytes(inbox[:wanted])
        del inbox[:wanted]
        return taken

    # -- Node's methods: options

    def set_no_delay(self, on: bool = True) -> Socket:
        """Switch Nagle's algorithm off (True: every write is sent at once) or on again (False).

        Source: RFC 9293 §3.7.4 (Nagle algorithm), TCP_NODELAY.
        """
        self._no_delay = on
        return self._on_loop(self._apply_no_delay)

    def set_timeout(self, seconds: float, on_timeout: Callable[..., Any] | None = None) -> Socket:
        """Emit ``timeout`` once after this long without traffic (0: never), and again only after more traffic.

        Closing is up to the listener, as in Node.
        """
        if on_timeout is not None:
            self.on("timeout", on_timeout)
        return self._on_loop(lambda: self._start_timer(seconds))

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

    def _on_loop(self, function: Callable[[], None]) -> Socket:
        loop.call(function)
        return self


def _as_bytes(data: bytes | bytearray | memoryview | str) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"only bytes or text can be written, not {data!r}")  # bytes(5) would be five zero bytes


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
