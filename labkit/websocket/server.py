"""WebSocket servers: a port of their own, or a part of an HTTP server; and one connection accepted by hand.

Rule: answers handshakes and knows who is connected; an open connection is channel.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from labkit import http
from labkit.core import checks, loop
from labkit.core.calls import in_words, made_in_words
from labkit.core.emitter import Ends
from labkit.core.endpoint import Endpoint
from labkit.core.errors import BadArgument
from labkit.core.watching import Record
from labkit.http import IncomingMessage
from labkit.net import Socket
from labkit.websocket import extensions, handshake
from labkit.websocket.accepting import answered, is_taken, refuse
from labkit.websocket.client import WebSocket
from labkit.websocket.codes import BINARY, TEXT
from labkit.websocket.frames import FIN, MAX_MESSAGE_SIZE, close_payload, frame
from labkit.websocket.handshake import SAME, BadHandshake
from labkit.websocket.options import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_QUEUE, options


class Clients(set[WebSocket]):
    """The WebSockets that stand now. To walk it is safe, also while some of them come and go."""

    __slots__ = ()

    def __iter__(self) -> Iterator[WebSocket]:
        return iter(self.copy())

    def copy(self) -> set[WebSocket]:
        """As many as there are now."""
        return set(set.__iter__(self))


@made_in_words
class Server(Endpoint):
    """Accepts WebSockets; ``connection`` (`WebSocket`, request), ``listening``, ``close``, ``error`` and
    ``client_error`` (error, socket or WebSocket) tell its story. The arguments are those of `create_server`.

    clients: the WebSockets that stand now. http: the HTTP server below. path: the one that is served, or None.
    ping_interval: see `create_server`.
    """

    EVENTS = frozenset({"connection", "listening", "close", "error", "client_error"})
    STATES = frozenset({"listening", "close", "error"})

    __slots__ = (
        "_closing", "_deflate", "_forwards", "_heartbeat", "_options", "_origins", "_own", "_protocols", "clients",
        "http", "path", "ping_interval",
    )  # fmt: skip

    def __init__(
        self,
        on_connection: Callable[[WebSocket, IncomingMessage], Any] | None = None,
        *,
        server: http.Server | None = None,
        path: str | None = None,
        protocols: str | Sequence[str] = (),
        origins: str | Iterable[str] = SAME,
        per_message_deflate: Any = False,
        max_message_size: int = MAX_MESSAGE_SIZE,
        max_frame_size: int | None = None,
        max_queue: int = MAX_QUEUE,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
        ping_interval: float | None = None,
    ) -> None:
        super().__init__()
        if server is not None and not isinstance(server, http.Server):
            words = f"{checks.shown(server)} is not an HTTP server"
            raise BadArgument(words, "Give what http.create_server() returns.")
        if path is not None and not checks.text(path, "a path").startswith("/"):
            raise BadArgument(f"{checks.shown(path)} is not a path", 'Give one such as "/updates".')
        self._options = options(max_message_size, max_frame_size, max_queue, close_timeout)
        self._origins = handshake.check_origins(origins)
        self._protocols = handshake.check_protocols(protocols)
        self._deflate = extensions.check_option(per_message_deflate)
        self.path = path
        self.ping_interval = None if ping_interval is None else checks.seconds(ping_interval, "ping_interval")
        self.clients = Clients()
        self._own = server is None
        self._closing = False
        self._heartbeat: asyncio.TimerHandle | None = None
        checks.seconds(handshake_timeout, "handshake_timeout")
        self.http = server if server is not None else http.Server(
            _upgrade_required, headers_timeout=handshake_timeout, request_timeout=handshake_timeout
        )  # fmt: skip
        self._forwards = (
            ("upgrade", self._upgrade), ("listening", self._listens), ("close", self._http_closed),
        )  # fmt: skip
        for each in self.http.listeners("upgrade"):
            other = getattr(each, "__self__", None)
            if isinstance(other, Server) and other.path == path:
                words = "another WebSocket server has this HTTP server's upgrades" + (f" of {path}" if path else "")
                raise BadArgument(words, "Give each its own path.")
        for event, listener in self._forwards:
            self.http._add(event, listener)
        if on_connection is not None:
            self.on("connection", on_connection)

    # -- for programs

    def listen(self, port: int = 0, host: str | None = None, **how: Any) -> Server:
        """Start to accept connections; see `net.Server.listen`, whose arguments these are."""
        self._closing = False
        self.http.listen(port, host, **how)
        return self

    def close(self, on_close: Callable[[], Any] | None = None) -> Server:
        """Accept no more; ``close`` is emitted when the last connection has ended, as in Node's ``ws``.

        WebSockets that stand are kept: close each, if they are to end (``for ws in server.clients: ws.close(1001)``).
        A server that was given an HTTP server leaves that one as it is.
        """
        if on_close is not None:
            self.once("close", on_close)

        def now() -> None:
            self._closing = True
            if self._own:
                self.http.close()
            else:
                for event, listener in self._forwards:
                    self.http.off(event, listener)
                if not self.clients:
                    loop.get().call_soon(self._fire, "close")

        loop.call(now)
        return self

    def close_all_connections(self) -> Server:
        """Cut every WebSocket at once; of a server of its own also those that were to become one."""

        def now() -> None:
            for each in tuple(self.clients):
                each.terminate()
            if self._own:
                self.http.close_all_connections()

        loop.call(now)
        return self

    def broadcast(self, data: str | bytes | bytearray | memoryview) -> int:
        """Send one message to every client that is open; returns to how many. The frame is made once.

        It is not compressed. A client that is being sent a message in fragments is left out. A client of which too
        much waits (``max_queue``) is cut.
        """
        first = FIN | (TEXT if isinstance(data, str) else BINARY)
        wire = frame(first, checks.data(data, "sent"), None)

        def now() -> int:
            count = 0
            for each in tuple(self.clients):
                count += each._send_frame(wire)
            return count

        return loop.call(now)

    def address(self) -> tuple[str, int] | str | None:
        """(address, port), or the path of a Unix socket, or None while the server does not listen."""
        return self.http.address()

    @property
    def port(self) -> int:
        """The port listened on; raises `NotOpen` if there is none."""
        return self.http.port

    @property
    def listening(self) -> bool:
        """Whether new connections are accepted."""
        return self.http.listening and not self._closing

    def endpoint(self) -> Ends:
        """See `net.Server.endpoint`."""
        return self.http.endpoint()

    def leave(self) -> None:
        """Close at once with all connections."""
        self.close()
        self.close_all_connections()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop accepting, cut what stands, wait until all is closed."""
        was_open = self.listening or self.clients
        self.close()
        self.close_all_connections()
        if was_open:
            self.wait_for("close", timeout=5.0)

    def __repr__(self) -> str:
        return f"<WebSocket server in {self.http!r}, {len(self.clients)} WebSockets>"

    # -- inside

    def _listeners_changed(self, event: str) -> None:
        super()._listeners_changed(event)
        if event == "error" and "error" in self._listeners and self._http_failed not in self.http.listeners("error"):
            self.http._add("error", self._http_failed)  # only then: else a failed listen() raises in its cell

    def _http_failed(self, error: BaseException) -> None:
        self._fire("error", error)

    def _listens(self) -> None:
        self._overcome("close")
        self._fire("listening")

    def _http_closed(self, *_: Any) -> None:
        if self._own:
            self._stop_heartbeat()
            self._fire("close")

    def _is_ours(self, request: IncomingMessage) -> bool:
        target = request.url.partition("?")[0]
        if target.startswith("http://"):  # the absolute form, RFC 9112 section 3.2.2
            target = "/" + target[7:].partition("/")[2]
        return self.path is None or target == self.path

    def _upgrade(self, request: IncomingMessage, socket: Socket, head: bytes) -> None:
        """A client asks for another protocol."""
        if is_taken(socket):
            return  # by another listener, before this one
        if not self._is_ours(request):
            if not self._is_last_resort(request):
                return  # it is another listener's
            refused = BadHandshake(f"no WebSocket server has the path {request.url}", status=404)
            refuse(socket, refused)
            self._fire("client_error", refused, socket)
            return
        try:
            made = answered(
                request, socket, self, self._options, self._origins, self._protocols, None, self._deflate
            )  # fmt: skip
        except BadHandshake as error:
            refuse(socket, error)
            self._fire("client_error", error, socket)
            return
        self.clients.add(made)
        self._begin_heartbeat()
        self._fire("connection", made, request)
        made._flow(head)

    def _is_last_resort(self, request: IncomingMessage) -> bool:
        """Whether nobody else could answer: all that listen are WebSocket servers, with other paths."""
        owners = [getattr(each, "__self__", None) for each in self.http.listeners("upgrade")]
        return owners[0] is self and all(isinstance(each, Server) and not each._is_ours(request) for each in owners)

    def _client_failed(self, error: BaseException, client: WebSocket) -> None:
        self._fire("client_error", error, client)

    def _forget_client(self, client: WebSocket) -> None:
        self.clients.discard(client)
        if not self.clients:
            self._stop_heartbeat()
            if self._closing and not self._own:
                loop.get().call_soon(self._fire, "close")

    # -- heartbeat

    def _begin_heartbeat(self) -> None:
        if self._heartbeat is None and self.ping_interval:
            self._heartbeat = loop.get().call_later(self.ping_interval, self._beat)

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def _beat(self) -> None:
        """Cut the clients of which nothing has come since the last ping, and ping the others."""
        self._heartbeat = None
        for each in tuple(self.clients):
            each._beat()
        if self.clients:
            self._begin_heartbeat()

    def _fire(self, event: str, *args: Any) -> None:
        try:
            self._emit(event, *args)
        except Exception as error:
            self._report(error)
            if event == "connection":
                args[0]._close_now(close_payload(1011), False)

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        # A picture shows a connection on the line of the WebSocket it made, not on that of the listening socket.
        source = args[0] if name == "connection" and args else self
        source.endpoint()
        records.append(Record(now, source, name, size, kind, self._detail(name, args)))

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        return str(args[1].url) if name == "connection" and len(args) > 1 else ""


def _upgrade_required(request: IncomingMessage, response: http.ServerResponse) -> None:
    """The answer to a request that does not ask for WebSocket. Source: RFC 9110 section 15.5.22."""
    response.write_head(426, {"Connection": "close, Upgrade", "Upgrade": "websocket", "Content-Type": "text/plain"})
    response.end("This is a WebSocket server.\n")


@in_words
def create_server(
    on_connection: Callable[[WebSocket, IncomingMessage], Any] | None = None,
    *,
    server: http.Server | None = None,
    path: str | None = None,
    protocols: str | Sequence[str] = (),
    origins: str | Iterable[str] = SAME,
    per_message_deflate: Any = False,
    max_message_size: int = MAX_MESSAGE_SIZE,
    max_frame_size: int | None = None,
    max_queue: int = MAX_QUEUE,
    handshake_timeout: float = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
    ping_interval: float | None = None,
) -> Server:
    """Make a `Server`, which serves after `Server.listen`; with server, it serves when that one does.

    on_connection: called with the `WebSocket` and the request of each connection. server: an `http.Server` whose
    upgrades this one takes; None: one of its own, which answers 426 to everything else. path: the only one that is
    served (others: 404); None: all. protocols: those that are supported, of which the client's first is chosen.
    origins: pages of which origins may connect: `SAME` (those of this server), a list, or ``"*"`` for all; programs
    that are not a browser always may. `SAME` compares Origin with Host, so it does not help against a name of the
    attacker's that was made to lead here (DNS rebinding); a list does. per_message_deflate: agree to compression, if a
    client offers it (RFC 7692).
    max_message_size, max_frame_size: bytes, 1009. max_queue: bytes that may wait for a client before it is cut.
    handshake_timeout, close_timeout: seconds, 0 for no limit. ping_interval: seconds between pings; a client of which
    nothing has come since the last one is cut (None: no pings).
    """
    return Server(
        on_connection, server=server, path=path, protocols=protocols, origins=origins,
        per_message_deflate=per_message_deflate, max_message_size=max_message_size, max_frame_size=max_frame_size,
        max_queue=max_queue, handshake_timeout=handshake_timeout, close_timeout=close_timeout,
        ping_interval=ping_interval,
    )  # fmt: skip
