"""An HTTP server with the methods and events of Node's http.Server.

Rule: listens, calls the handlers and watches the clock; what is said on one connection is serving.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from time import monotonic, time
from typing import Any

from labkit import net
from labkit.core import checks, loop
from labkit.core.calls import in_words, made_in_words
from labkit.core.history import Entry
from labkit.core.watching import Record
from labkit.http.incoming import IncomingMessage
from labkit.http.parsing import Limits
from labkit.http.response import ServerResponse
from labkit.http.serving import Connection, serve
from labkit.net import Socket
from labkit.streams import HIGH_WATER_MARK

TICK = 1.0
"""Seconds between two looks at the clock, if no timeout is shorter: a timeout comes up to so much late."""


@made_in_words
class Server(net.Server):
    """Serves HTTP/1.1 on a port or a path.

    ``request`` is emitted with (`IncomingMessage`, `ServerResponse`) for each request. Others: ``listening``,
    ``connection``, ``close``, ``drop``, ``error``; ``check_continue`` and ``check_expectation`` (in place of
    ``request``); ``connect`` and ``upgrade`` (request, socket, first bytes); ``client_error`` (error, socket).

    on_request: the same as ``server.on("request", ...)``. Times in seconds, 0 for no limit:
    keep_alive_timeout: an idle connection is closed after this long. headers_timeout, request_timeout: a request whose
    head, or which as a whole, takes longer is answered 408. Sizes: max_header_size (bytes of the head, 431),
    max_headers (fields, 431), max_target_size (bytes of the target, 414), max_body_size (bytes, 413).
    max_requests_per_socket: after so many answers a connection is closed (0: no limit).
    Source: the Server of Node's http module; RFC 9112.
    """

    EVENTS = net.Server.EVENTS | {
        "request", "check_continue", "check_expectation", "connect", "upgrade", "client_error",
    }  # fmt: skip

    __slots__ = (
        "_connections", "_date", "_keep_alive_lines", "_limits", "_now", "_standing", "_ticker", "headers_timeout",
        "keep_alive_timeout", "max_requests_per_socket", "request_timeout",
    )  # fmt: skip

    def __init__(
        self,
        on_request: Callable[[IncomingMessage, ServerResponse], Any] | None = None,
        *,
        keep_alive_timeout: float = 5.0,
        headers_timeout: float = 60.0,
        request_timeout: float = 300.0,
        max_header_size: int = 16384,
        max_headers: int = 2000,
        max_target_size: int = 8192,
        max_body_size: int = 2**30,
        max_requests_per_socket: int = 0,
        max_connections: int | None = None,
        no_delay: bool = True,
        high_water_mark: int = HIGH_WATER_MARK,
    ) -> None:
        super().__init__(
            allow_half_open=True, no_delay=no_delay, high_water_mark=high_water_mark, max_connections=max_connections
        )
        self.keep_alive_timeout = checks.seconds(keep_alive_timeout, "keep_alive_timeout")
        self.headers_timeout = checks.seconds(headers_timeout, "headers_timeout")
        self.request_timeout = checks.seconds(request_timeout, "request_timeout")
        most = 2**63 - 1
        self._limits = Limits(
            checks.whole(max_header_size, "max_header_size", 64, 2**30),
            checks.whole(max_headers, "max_headers", 1, most),
            checks.whole(max_target_size, "max_target_size", 1, most),
            checks.whole(max_body_size, "max_body_size", 0, most),
            max_header_size,
        )
        self.max_requests_per_socket = checks.whole(max_requests_per_socket, "max_requests_per_socket")
        self._connections: set[Connection] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._now = 0.0
        self._date = self._standing = b""
        self._keep_alive_lines = b"Connection: keep-alive\r\n"
        if keep_alive_timeout:
            self._keep_alive_lines += b"Keep-Alive: timeout=%d\r\n" % int(keep_alive_timeout)
        if on_request is not None:
            self.on("request", on_request)

    # -- Node's methods

    def close(self, on_close: Callable[[], Any] | None = None) -> Server:
        """Stop accepting, and close idle connections; those with a request are closed after its answer.

        See `net.Server.close`. Unlike in Node, an answer that is sent after this says ``Connection: close``.
        """
        super().close(on_close)
        self.close_idle_connections()
        return self

    def close_idle_connections(self) -> Server:
        """Close the connections on which no request is under way."""

        def now() -> None:
            for each in tuple(self._connections):
                each.close_if_idle()

        loop.call(now)
        return self

    # -- inside

    def _accepted(self, connection: Socket) -> None:
        before = len(self._sockets)
        super()._accepted(connection)
        if len(self._sockets) > before and not connection.destroyed:
            serve(self, connection)

    def _dispatch(
        self, connection: Connection, request: IncomingMessage, response: ServerResponse, expects: bytes
    ) -> None:
        """Call the listeners for a request; what they raise is told, and answered."""
        event = "request"
        if expects:
            if b"100-continue" in [each.strip(b" \t") for each in expects.split(b",")]:
                if "check_continue" in self._listeners:
                    event = "check_continue"
                    response._owe_continue()
                else:
                    response.write_continue()
            elif "check_expectation" in self._listeners:
                event = "check_expectation"
            else:
                response.write_head(417)
                response.end()
                return
        try:
            self._emit(event, request, response)
        except Exception as error:
            self._report(error, request)
            connection.give_up(response)

    def _run(self, pieces: int) -> Entry:
        return Entry("request", self._since, None, pieces, (None,))

    def _date_line(self) -> bytes:
        return self._date

    def _begin_watch(self, connection: Connection) -> None:
        if self._ticker is None:
            self._tick()
        connection.since = self._now
        self._connections.add(connection)

    def _end_watch(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def _tick(self) -> None:
        """One timer for all connections, at each full second: the Date field is right, and timeouts are looked at."""
        self._ticker = None
        now, clock = time(), monotonic()
        self._now = clock
        self._date = b"Date: %b\r\n" % formatdate(now, usegmt=True).encode("ascii")
        self._standing = self._date + self._keep_alive_lines
        for each in tuple(self._connections):
            each.look_at_clock(clock)
        if self._sockets:
            limits = [each for each in (self.keep_alive_timeout, self.headers_timeout, self.request_timeout) if each]
            step = min([TICK, *limits]) / (1 if min([TICK, *limits]) >= TICK else 4)
            self._ticker = loop.get().call_later(min(1.0 - now % 1.0 + 0.001, max(0.01, step)), self._tick)

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        if name in ("request", "check_continue", "check_expectation", "connect", "upgrade") and args:
            return f"{args[0].method} {args[0].url}"
        return ""

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        if args and isinstance(args[0], IncomingMessage):  # on the line of its connection
            source = args[0].socket
            source.endpoint()
            records.append(Record(now, source, name, size, kind, self._detail(name, args)))
        else:
            super()._watched(records, now, name, size, kind, args)

    def __repr__(self) -> str:
        return super().__repr__().replace("<server", "<HTTP server", 1)


@in_words
def create_server(
    on_request: Callable[[IncomingMessage, ServerResponse], Any] | None = None,
    *,
    keep_alive_timeout: float = 5.0,
    headers_timeout: float = 60.0,
    request_timeout: float = 300.0,
    max_header_size: int = 16384,
    max_headers: int = 2000,
    max_target_size: int = 8192,
    max_body_size: int = 2**30,
    max_requests_per_socket: int = 0,
    max_connections: int | None = None,
    no_delay: bool = True,
    high_water_mark: int = HIGH_WATER_MARK,
) -> Server:
    """Make a `Server`; it serves after `net.Server.listen`. The arguments are those of `Server`."""
    return Server(
        on_request, keep_alive_timeout=keep_alive_timeout, headers_timeout=headers_timeout,
        request_timeout=request_timeout, max_header_size=max_header_size, max_headers=max_headers,
        max_target_size=max_target_size, max_body_size=max_body_size,
        max_requests_per_socket=max_requests_per_socket, max_connections=max_connections, no_delay=no_delay,
        high_water_mark=high_water_mark,
    )  # fmt: skip
