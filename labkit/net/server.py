"""A TCP or Unix-socket server with the methods and events of Node's net.Server.

Rule: accepts connections and counts them; what is said on them is the handlers' business.
"""

from __future__ import annotations

import asyncio
import os
import socket as system
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from labkit.core import addresses, cell, checks, loop
from labkit.core import host as host_of
from labkit.core.calls import in_words, made_in_words
from labkit.core.emitter import Ends
from labkit.core.endpoint import Endpoint
from labkit.core.errors import LabError, NetError, NotOpen, PathInUse, PortInUse
from labkit.core.listeners import Once, in_cell
from labkit.core.notebook import in_notebook
from labkit.core.watching import Record
from labkit.net import listening
from labkit.net.connecting import check_options
from labkit.net.socket import Socket
from labkit.streams import HIGH_WATER_MARK
from labkit.streams.stream import check_mark

BACKLOG = 511
"""Connections the kernel completes before they are accepted; Node's default (the kernel may lower it)."""

_running: dict[Any, Server] = {}


@made_in_words
class Server(Endpoint):
    """Listens on a port or a path; ``listening``, ``connection``, ``close`` and ``error`` tell its story.

    on_connection: called with the `Socket` of each connection; the same as ``server.on("connection", ...)``.
    max_connections: connections beyond this many are closed at once, with a ``drop`` event (None: no limit).
    allow_half_open, no_delay, high_water_mark: given to each accepted `Socket`.
    pause_on_connect: leave what clients send in the kernel until `Socket.resume` is called.
    """

    EVENTS = frozenset({"listening", "connection", "close", "error", "drop"})
    STATES = frozenset({"listening", "close", "error"})

    __slots__ = (
        "_acceptor", "_cell", "_endpoint", "_key", "_listener", "_mark", "_most", "_opening", "_path", "_sockets",
        "allow_half_open", "no_delay", "pause_on_connect",
    )  # fmt: skip

    def __init__(
        self,
        on_connection: Callable[[Socket], Any] | None = None,
        *,
        allow_half_open: bool = False,
        no_delay: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
        max_connections: int | None = None,
        pause_on_connect: bool = False,
    ) -> None:
        super().__init__()
        check_options(allow_half_open, no_delay, high_water_mark)
        self.allow_half_open = allow_half_open
        self.no_delay = no_delay
        self.high_water_mark = high_water_mark
        self.max_connections = max_connections
        self.pause_on_connect = checks.flag(pause_on_connect, "pause_on_connect")
        self._sockets: set[Socket] = set()
        self._listener: system.socket | None = None
        self._acceptor: asyncio.AbstractServer | None = None
        self._opening = False  # listen was called, and is not done yet
        self._path: str | None = None
        self._key: Any = None
        self._endpoint: tuple[str, int] | None = None
        self._cell: cell.Cell | None = None  # that called listen
        if on_connection is not None:
            self.on("connection", on_connection)

    @property
    def max_connections(self) -> int | None:
        """See `Server`; can be set."""
        return self._most

    @max_connections.setter
    def max_connections(self, most: int | None) -> None:
        self._most = None if most is None else checks.whole(most, "a number of connections", 0, 2**31 - 1)

    @property
    def high_water_mark(self) -> int:
        """Given to each `Socket` that is accepted from now on, see `Writable.high_water_mark`; can be set."""
        return self._mark

    @high_water_mark.setter
    def high_water_mark(self, mark: int) -> None:
        self._mark = check_mark(mark)

    # -- Node's methods

    @in_words
    def listen(
        self,
        port: int = 0,
        host: str | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        on_listening: Callable[[], Any] | None = None,
        backlog: int = BACKLOG,
        expose: bool = False,
        replace: bool | None = None,
    ) -> Server:
        """Start to accept connections on a port (0: any free one) or a Unix socket path; emits ``listening``.

        host: default 127.0.0.1, and in a block of a wire's host that host's own address.
        expose: must be True for a host that other machines can reach. replace: whether a server that this process
        already runs on the same address is closed first (None: in a notebook yes, so that a cell can be run again; if
        that server is another cell's, and does something else, a line says so).
        From a cell it returns when listening, or raises `PortInUse`, `PathInUse`, `PermissionDenied`,
        `AddressUnavailable`. If somebody listens to ``error``, the error is emitted in place of being raised.
        """
        if self._listener is not None or self._opening:
            raise LabError(
                "this server already listens", "Close it first, or create another one.",
                code="ERR_SERVER_ALREADY_LISTEN",
            )  # fmt: skip
        where = None if path is None else addresses.check_path(path)
        addresses.check_port(port)
        checks.whole(backlog, "a backlog", 0, 2**31 - 1)
        checks.flag(expose, "expose")
        if host is None:
            here = host_of.current()
            host = "127.0.0.1" if here is None else here.address
        exposed = addresses.is_exposed(addresses.check_host(host)) and where is None
        if exposed and not expose:
            raise addresses.warning(host, port, "listen")
        replace = in_notebook() if replace is None else checks.flag(replace, "replace")
        if on_listening is not None:
            self.once("listening", on_listening)
        tells = exposed and Once(self, "listening", in_cell(lambda: addresses.tell_exposed(host, self.port, "connect")))
        if tells:
            self._add("listening", tells)
        from_cell = not loop.inside()
        self._cell = cell.current() if from_cell else None
        self._opening = True

        async def opening() -> NetError | None:
            error = await self._open(port, host, where, backlog, replace, from_cell)
            if tells and self._listener is None:
                self.off("listening", tells)
            return error

        if not from_cell:
            loop.spawn(opening())
            return self
        error = loop.run(opening())
        if error is not None:
            if on_listening is not None:
                self.off("listening", on_listening)
            raise error  # and the server is as before
        return self

    def _is_news(self, earlier: Server) -> bool:
        """Whether to tell that the earlier server has gone: of one that does the same, nothing is lost."""
        doing = [[_code(each) for each in server.listeners("connection")] for server in (self, earlier)]
        same = doing[0] == doing[1] and any(doing[0])
        return cell.differ(earlier._cell, self._cell) and not same

    async def _open(
        self, port: int, host: str, path: str | None, backlog: int, replace: bool, from_cell: bool
    ) -> NetError | None:
        """Listen; returns the error that the call has to raise."""
        replaced = ""
        try:
            place = listening.resolved(host, port) if path is None else None
            key: Any = path if place is None else (host_of.current(), *place.sockaddr[:2])
            where = path if path is not None else addresses.in_words(host, port)
            if (earlier := _running.get(key)) is not None:
                if replace:
                    replaced = where if self._is_news(earlier) else ""
                    earlier.close()
                    earlier.close_all_connections()
                else:
                    _refuse(path, where)
            self._listener = listening.bound(place, backlog) if place else listening.bound_path(str(path), backlog)
            running = asyncio.get_running_loop()
            if path is None:
                self._endpoint = self._listener.getsockname()[:2]
                key = (host_of.current(), *self._endpoint)
                host_of.settle(self)
                self._acceptor = await running.create_server(self._protocol, sock=self._listener, backlog=backlog)
            else:
                self._acceptor = await running.create_unix_server(self._protocol, sock=self._listener, backlog=backlog)
        except NetError as error:
            self._opening = False
            return self._outcome(error, from_cell)
        except BaseException:  # nothing stays half open, whatever went wrong
            if self._listener is not None:
                self._listener.close()
            self._listener, self._opening = None, False
            raise
        self._path, self._key, self._opening = path, key, False
        _running[key] = self
        self._overcome("error", "close")  # of its earlier life: it is open again
        if replaced:
            addresses.tell_replaced(replaced, "server")
        self._fire("listening")
        return None

    def close(self, on_close: Callable[[], Any] | None = None) -> Server:
        """Stop accepting; connections that stand are kept, and ``close`` is emitted after the last of them ends.

        Returns when no new connection is accepted; `wait_for` ("close") waits for the rest. A server that does not
        listen stays as it is, so that a cell can be run again.
        """
        if on_close is not None:
            self.once("close", on_close)

        def now() -> None:
            if self._listener is None:
                return
            self._called("close")
            self._stop()
            loop.get().call_soon(self._maybe_closed)

        loop.call(now)
        return self

    def close_all_connections(self) -> Server:
        """Cut every connection at once."""

        def now() -> None:
            for each in tuple(self._sockets):
                each.destroy()

        loop.call(now)
        return self

    def leave(self) -> None:
        """Close at once with all connections, since the host it is on goes."""
        self.close()
        for each in self.connections:
            each.leave()

    @property
    def listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._listener is not None

    @property
    def port(self) -> int:
        """The port listened on; raises `NotOpen` if there is none."""
        if self._endpoint is None:
            raise NotOpen("this server has no port", "It listens on a path, or not yet.")
        return self._endpoint[1]

    def address(self) -> tuple[str, int] | str | None:
        """(address, port), or the path, or None while the server does not listen."""
        return None if self._listener is None else self._path or self._endpoint

    @property
    def connections(self) -> tuple[Socket, ...]:
        """The connections that stand now."""
        return tuple(self._sockets)

    def endpoint(self) -> Ends:
        """(``"server"``, local address or None, None)."""
        return ("server", self._endpoint, None)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop accepting, cut what stands, wait until all is closed."""
        if self._listener is not None:
            self.close()
        self.close_all_connections()
        if self._unseen("listening") is not None:
            self.wait_for("close", timeout=5.0)

    def __repr__(self) -> str:
        where = self.address()
        if where is None:
            return "<server, not listening>"
        text = where if isinstance(where, str) else addresses.in_words(*where)
        return f"<server on {text}, {len(self._sockets)} connections>"

    # -- inside

    def _protocol(self) -> asyncio.BaseProtocol:
        return self._socket()._protocol()

    def _socket(self) -> Socket:
        """The socket for a new connection. Override it to serve another kind of socket."""
        return Socket(
            self, allow_half_open=self.allow_half_open, no_delay=self.no_delay, high_water_mark=self.high_water_mark,
            paused=self.pause_on_connect,
        )  # fmt: skip

    def _accepted(self, connection: Socket) -> None:
        if self._listener is None:  # asyncio accepts in steps: closed in between
            connection.destroy()
            return
        if self.max_connections is not None and len(self._sockets) >= self.max_connections:
            self._fire("drop", connection)
            connection.destroy()
            return
        self._sockets.add(connection)
        self._fire("connection", connection)

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        # A picture shows a connection on the line of the socket it made, not on that of the listening one.
        source = args[0] if name == "connection" and args else self
        source.endpoint()
        records.append(Record(now, source, name, size, kind, self._detail(name, args)))

    def _forget(self, connection: Socket) -> None:
        self._sockets.discard(connection)
        self._maybe_closed()

    def _maybe_closed(self) -> None:
        if self._listener is None and not self._sockets and self._acceptor is not None:
            self._acceptor = None
            self._fire("close")

    def _stop(self) -> None:
        self._listener = None
        if self._acceptor is not None:
            self._acceptor.close()
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)
        if _running.get(self._key) is self:
            del _running[self._key]

    def _fire(self, event: str, *args: Any) -> None:
        try:
            self._emit(event, *args)
        except Exception as error:
            self._report(error)
            if event == "connection":
                args[0].destroy()


def _refuse(path: str | None, where: str) -> None:
    """Raise the error for an address that another server of this process has."""
    if path is None:
        raise PortInUse(
            f"{where} is taken by another server of this program",
            "close() it first, or listen(0) for any free port.",
        )
    if os.path.lexists(path):  # known without asking it, which it would take for a client
        raise PathInUse(f"another server of this program listens on {path}", "close() it first.")


def _code(listener: Any) -> Any:
    """What a function does, wherever it stands: two cells may hold the same text."""
    code = getattr(listener, "__code__", None)
    return listener if code is None else (code.co_code, code.co_names, code.co_consts)


@in_words
def create_server(
    on_connection: Callable[[Socket], Any] | None = None,
    *,
    allow_half_open: bool = False,
    no_delay: bool = False,
    high_water_mark: int = HIGH_WATER_MARK,
    max_connections: int | None = None,
    pause_on_connect: bool = False,
) -> Server:
    """Make a `Server`; it accepts connections after `Server.listen`. The arguments are those of `Server`."""
    return Server(
        on_connection, allow_half_open=allow_half_open, no_delay=no_delay, high_water_mark=high_water_mark,
        max_connections=max_connections, pause_on_connect=pause_on_connect,
    )  # fmt: skip


def close_everything() -> int:
    """Close every server of this process and cut its connections; returns how many servers there were."""
    servers = tuple(_running.values())
    for server in servers:
        server.close()
        server.close_all_connections()
    return len(servers)


def _close_everything() -> None:
    for server in tuple(_running.values()):
        server._stop()


loop.at_exit(_close_everything)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)  # they are the parent's, and so are their socket files
