"""HTTPS: the servers and clients of `labkit.http`, over the connections of `labkit.tls` (Node's https module).

Rule: joins the two; not a line of HTTP or of TLS is here.

    server = https.create_server(on_request, key="key.pem", cert="cert.pem").listen(8443)
    response = https.get("https://localhost:8443/", ca="ca.pem").wait_for("response")
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, Unpack
from urllib.parse import urlsplit

from labkit import http
from labkit.core import checks
from labkit.core.calls import in_words, made_in_words
from labkit.http.agent import IDLE_TIMEOUT, MOST_FREE
from labkit.http.asking import agent_of, made
from labkit.http.client_options import Options, Place, options
from labkit.http.client_response import ClientResponse
from labkit.http.client_socket import SLOTS as CLIENT_SLOTS
from labkit.http.client_socket import Client
from labkit.http.headers import Given, pairs
from labkit.http.serving import serve
from labkit.streams import HIGH_WATER_MARK
from labkit.tls.connecting import wish_of
from labkit.tls.options import CLIENT_NAMES, SERVER_NAMES, ClientOptions, ServerOptions, check_names
from labkit.tls.server import EVENTS, SLOTS, Securing
from labkit.tls.session import Session
from labkit.tls.socket import TLSSocket, Wish

PROTOCOL = "http/1.1"
"""What servers and clients say by ALPN, as in Node. Source: RFC 7301 section 6."""

SESSIONS = 100
"""Sessions that an agent keeps to resume them, as in Node."""


@made_in_words
class Server(Securing, http.Server):
    """An `http.Server` whose connections are encrypted; the arguments are those of `create_server`."""

    EVENTS = http.Server.EVENTS | EVENTS

    __slots__ = SLOTS

    def __init__(
        self, on_request: Callable[..., Any] | None = None, *, secure: ServerOptions, **how: Any
    ) -> None:  # fmt: skip
        http.Server.__init__(self, on_request, **how)
        self._secure({"alpn_protocols": (PROTOCOL,), **secure})

    def _secured(self, connection: Any) -> None:
        super()._secured(connection)
        if not connection.destroyed:
            serve(self, connection)

    def __repr__(self) -> str:
        return super().__repr__().replace("<HTTP server", "<HTTPS server", 1)


@in_words
def create_server(
    on_request: Callable[[http.IncomingMessage, http.ServerResponse], Any] | None = None,
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
    **secure: Unpack[ServerOptions],
) -> Server:
    """Make a `Server`; it serves after `net.Server.listen`. A request's ``socket`` is a `tls.TLSSocket`.

    secure: key, cert and the other arguments of `tls.create_server` that are about TLS. The rest: see
    `http.create_server`. Source: RFC 9110 section 4.2.2; RFC 9112 section 9.8.
    """
    check_names(create_server, secure, SERVER_NAMES)
    return Server(
        on_request, secure=secure, keep_alive_timeout=keep_alive_timeout, headers_timeout=headers_timeout,
        request_timeout=request_timeout, max_header_size=max_header_size, max_headers=max_headers,
        max_target_size=max_target_size, max_body_size=max_body_size,
        max_requests_per_socket=max_requests_per_socket, max_connections=max_connections, no_delay=no_delay,
        high_water_mark=high_water_mark,
    )  # fmt: skip


class ClientSocket(Client, TLSSocket):
    """A connection of an `Agent`."""

    READY: ClassVar[str] = "secure_connect"

    __slots__ = CLIENT_SLOTS

    def __init__(self, local_address: str | None, wish: Wish, session: Session | None) -> None:
        TLSSocket.__init__(self, wish=wish, no_delay=True)
        self._local = local_address
        self._session = session
        self.on_ended = None

    def _destroy_now(self, error: Exception | None, from_cell: bool = False, *, reset: bool = False) -> None:
        if error is None and not reset and self._layer is not None and not self.destroyed:
            self._layer.part()  # a client says so before it closes, RFC 9112 section 9.8
        super()._destroy_now(error, from_cell, reset=reset)


@made_in_words
class Agent(http.Agent):
    """An `http.Agent` for https: requests share a connection if they ask for the same place with the same options.

    secure: ca, cert, key and the other arguments of `tls.connect` that are about TLS, for requests that have none of
    their own. max_cached_sessions: sessions that are kept, so that a new connection to a place resumes one (0: none).
    """

    SCHEME: ClassVar[str] = "https"

    __slots__ = ("_secure", "_sessions", "max_cached_sessions")

    def __init__(
        self,
        *,
        keep_alive: bool = True,
        max_sockets: int | None = None,
        max_total_sockets: int | None = None,
        max_free_sockets: int = MOST_FREE,
        timeout: float = IDLE_TIMEOUT,
        scheduling: str = "lifo",
        max_cached_sessions: int = SESSIONS,
        **secure: Unpack[ClientOptions],
    ) -> None:
        super().__init__(
            keep_alive=keep_alive, max_sockets=max_sockets, max_total_sockets=max_total_sockets,
            max_free_sockets=max_free_sockets, timeout=timeout, scheduling=scheduling,
        )  # fmt: skip
        check_names(Agent, secure, CLIENT_NAMES)
        self.max_cached_sessions = checks.whole(max_cached_sessions, "max_cached_sessions")
        self._secure: dict[str, Any] = {"alpn_protocols": (PROTOCOL,), **secure}
        if secure:
            wish_of("localhost", self._secure)  # what cannot be used is told here
        self._sessions: dict[Place, Session] = {}

    def _place(self, chosen: Options, headers: Any, own: dict[str, Any]) -> Options:
        """The options, with what the request asks of TLS. The certificate must be for servername, Host or the host."""
        name = chosen.place.host
        if headers is not None:
            said = [value for field, value in headers if field.lower() == "host"]
            name = (urlsplit(f"//{said[0]}").hostname if said else None) or name
        wish = wish_of("localhost" if chosen.place.socket_path and not headers else name, {**self._secure, **own})
        return chosen._replace(place=chosen.place._replace(secure=wish))

    def _socket(self, place: Place) -> Client:
        made = ClientSocket(place.local_address, place.secure, self._sessions.get(place))
        if self.max_cached_sessions:
            made._add("session", lambda session: self._keep(place, session))
            made._add("error", lambda _: self._sessions.pop(place, None))  # it may be to blame
        return made

    def _keep(self, place: Place, session: Session) -> None:
        self._sessions.pop(place, None)
        self._sessions[place] = session
        if len(self._sessions) > self.max_cached_sessions:
            del self._sessions[next(iter(self._sessions))]


global_agent = Agent()
"""The agent of requests that name none: it keeps connections for 5 seconds, as `http.global_agent`."""


def _ask(
    chosen: Options, headers: Any, agent: Any, timeout: float | None, on_response: Any, own: dict[str, Any]
) -> http.ClientRequest:
    check_names(request, own, CLIENT_NAMES)
    if headers is not None:
        headers = [*pairs(headers)]
    chief = agent_of(agent, global_agent, lambda: Agent(keep_alive=False, max_cached_sessions=0))
    return made(chief._place(chosen, headers, own), headers, chief, timeout, on_response)


@in_words
def request(
    url: str | None = None,
    *,
    host: str | None = None,
    hostname: str | None = None,
    port: int | None = None,
    local_address: str | None = None,
    socket_path: str | os.PathLike[str] | None = None,
    method: str = "GET",
    path: str | None = None,
    headers: Given | None = None,
    auth: str | None = None,
    agent: Agent | bool | None = None,
    timeout: float | None = None,
    on_response: Callable[[ClientResponse], Any] | None = None,
    **secure: Unpack[ClientOptions],
) -> http.ClientRequest:
    """Make a request over TLS; see `http.request`. Its default port is 443.

    secure: ca, cert, key, servername, reject_unauthorized and the other arguments of `tls.connect` that are about TLS;
    they beat those of the agent. The certificate must be for servername, else for the host of a given Host field, else
    for the host of the URL. From a cell, `end` raises `tls.CertificateError` if it is not.
    """
    asked = options(url, host, hostname, port, local_address, socket_path, method, path, auth, "https")
    return _ask(asked, headers, agent, timeout, on_response, dict(secure))


@in_words
def get(
    url: str | None = None,
    *,
    host: str | None = None,
    hostname: str | None = None,
    port: int | None = None,
    local_address: str | None = None,
    socket_path: str | os.PathLike[str] | None = None,
    path: str | None = None,
    headers: Given | None = None,
    auth: str | None = None,
    agent: Agent | bool | None = None,
    timeout: float | None = None,
    on_response: Callable[[ClientResponse], Any] | None = None,
    **secure: Unpack[ClientOptions],
) -> http.ClientRequest:
    """As `request` with the method GET, ended at once."""
    asked = options(url, host, hostname, port, local_address, socket_path, "GET", path, auth, "https")
    return _ask(asked, headers, agent, timeout, on_response, dict(secure)).end()
