"""Node's tls.Server: a `net.Server` whose connections are encrypted.

Rule: makes the sockets and tells of them; `Securing` does so for any server, HTTP's too.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

from labkit.core import checks
from labkit.core.calls import in_words, made_in_words
from labkit.core.errors import BadArgument
from labkit.core.watching import Record
from labkit.net.server import Server as NetServer
from labkit.net.socket import Socket
from labkit.streams import HIGH_WATER_MARK
from labkit.streams.stream import NO_SLOTS
from labkit.tls import hello
from labkit.tls.context import KEPT, SecureContext
from labkit.tls.options import HANDSHAKE_TIMEOUT, LEAST, MOST, Asked, asked
from labkit.tls.socket import TLSSocket

EVENTS = frozenset({"secure_connection", "tls_client_error", "keylog"})
"""What a server tells besides, if it has TLS."""

SLOTS = ("_contexts", "_handshake_timeout", "_made", "_sni", "secure_context")
"""Of a class that has `Securing`."""

UNRECOGNIZED_NAME = int(ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
NO_APPLICATION_PROTOCOL = 120  # RFC 7301 section 3.2; Python has no name for it


class Securing(NetServer):
    """What makes a server one of TLS; a class that uses it names the slots of `SLOTS`, and calls `_secure`.

    secure_context: key, certificate, and whom it trusts.
    """

    __slots__ = NO_SLOTS

    _contexts: dict[str, SecureContext]
    _handshake_timeout: float
    _made: dict[Asked, SecureContext]
    _sni: Callable[..., Any] | None
    secure_context: SecureContext

    def _secure(self, options: dict[str, Any]) -> None:
        """options: those of `ServerOptions`."""
        seconds = options.pop("handshake_timeout", HANDSHAKE_TIMEOUT)
        sni = options.pop("sni_callback", None)
        self._handshake_timeout = checks.seconds(seconds, "handshake_timeout")
        self._sni = None if sni is None else checks.function(sni, "sni_callback")
        self._contexts, self._made = {}, {}
        if options.get("cert") is None:
            raise BadArgument("a server of TLS needs a certificate and its key", "Give key= and cert=.")
        self.secure_context = SecureContext(True, asked(**options))
        self.secure_context.context.sni_callback = self._chosen
        if self.secure_context.is_lenient:
            from labkit.tls import lenient

            other = lenient.context_of(self.secure_context)  # what cannot be used is told here
            other.set_tlsext_servername_callback(self._chosen_lenient)

    def add_context(self, hostname: str, *, key: Any, cert: Any, passphrase: str | bytes | None = None) -> None:
        """Use another certificate for clients that ask for this name (SNI); ``"*.example"`` is for one more label."""
        name = checks.text(hostname, "a host name").rstrip(".").lower()
        self._contexts[name] = self._with(asked(key=key, cert=cert, passphrase=passphrase))

    def _with(self, other: Asked) -> SecureContext:
        """A context with another key and certificate; it trusts this server's CAs (OpenSSL looks there for them)."""
        own = self.secure_context.asked
        wanted = own._replace(certificate=other.certificate, key=other.key, passphrase=other.passphrase)
        if (found := self._made.get(wanted)) is None:
            if len(self._made) >= KEPT:
                del self._made[next(iter(self._made))]
            found = self._made[wanted] = SecureContext(True, wanted)
        return found

    def _chosen(self, connection: Any, name: str | None, _: ssl.SSLContext) -> int | None:
        """A client has asked for a name, or for none: choose the certificate. Source: RFC 6066 section 3.

        Returns None, or the number of the alert that refuses the client.
        """
        connection.labkit_name = name
        ours = self.secure_context.asked.alpn
        theirs = hello.offered(bytes(connection.labkit_hello)) if ours else None
        if theirs is not None and not set(ours) & set(theirs):
            connection.labkit_refused = "NO_APPLICATION_PROTOCOL"
            return NO_APPLICATION_PROTOCOL
        try:
            if (made := self._named(name)) is not None:
                connection.context = made.context
        except Exception as error:
            self._report(error)
            connection.labkit_refused = "UNRECOGNIZED_NAME"
            return UNRECOGNIZED_NAME
        return None

    def _named(self, name: str | None) -> SecureContext | None:
        """The context for a name that a client asks for; None: the server's own. Raises what `sni_callback` raises."""
        wanted = "" if name is None else name.rstrip(".").lower()
        made = self._contexts.get(wanted) or self._contexts.get("*." + wanted.partition(".")[2])
        if made is not None or self._sni is None or (given := self._sni(name)) is None:
            return made
        return self._with(given.asked if isinstance(given, SecureContext) else asked(key=given, cert=given))

    def _chosen_lenient(self, connection: Any) -> None:
        """See `_chosen`; called by pyOpenSSL."""
        engine, name = connection.get_app_data(), connection.get_servername()
        try:
            if (made := self._named(None if name is None else name.decode("ascii", "replace"))) is not None:
                from labkit.tls import lenient

                connection.set_context(lenient.context_of(made))
        except Exception as error:
            self._report(error)
            engine.refused = "UNRECOGNIZED_NAME"

    # -- what a server of TCP does otherwise

    def _socket(self) -> Socket:
        return TLSSocket(
            self, allow_half_open=self.allow_half_open, no_delay=self.no_delay, high_water_mark=self.high_water_mark,
            paused=self.pause_on_connect,
        )  # fmt: skip

    def _accepted(self, connection: Any) -> None:
        NetServer._accepted(self, connection)
        connection._begin_limit(self._handshake_timeout)

    def _secured(self, connection: Any) -> None:
        """See `SecureOwner._secured`."""
        self._fire("secure_connection", connection)

    def _client_failed(self, error: BaseException, connection: Any) -> None:
        """See `SecureOwner._client_failed`: the client's fault is no error of this program, and never printed."""
        self._fire("tls_client_error", error, connection)

    def _fire(self, event: str, *args: Any) -> None:
        try:
            self._emit(event, *args)
        except Exception as error:
            self._report(error)
            if event in ("connection", "secure_connection"):
                args[0].destroy()

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        source = next((each for each in args if isinstance(each, Socket)), self) if name in EVENTS else self
        if source is self:
            super()._watched(records, now, name, size, kind, args)
        else:  # on the line of its connection
            source.endpoint()
            records.append(Record(now, source, name, size, kind, self._detail(name, args)))


@made_in_words
class Server(Securing):
    """Listens on a port or a path, and does the handshake with each client.

    ``connection`` (socket) is told when TCP stands, ``secure_connection`` (socket) when the handshake is done,
    ``tls_client_error`` (error, socket) if it failed, ``keylog`` (line, socket) of each secret; the rest is
    `net.Server`'s. The arguments are those of `create_server`. Source: Node's tls.Server.
    """

    EVENTS = NetServer.EVENTS | EVENTS

    __slots__ = SLOTS

    def __init__(
        self,
        on_secure_connection: Callable[[TLSSocket], Any] | None = None,
        *,
        allow_half_open: bool = False,
        no_delay: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
        max_connections: int | None = None,
        pause_on_connect: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            None, allow_half_open=allow_half_open, no_delay=no_delay, high_water_mark=high_water_mark,
            max_connections=max_connections, pause_on_connect=pause_on_connect,
        )  # fmt: skip
        self._secure(options)
        if on_secure_connection is not None:
            self.on("secure_connection", on_secure_connection)

    def __repr__(self) -> str:
        return super().__repr__().replace("<server", "<TLS server", 1)


@in_words
def create_server(
    on_secure_connection: Callable[[TLSSocket], Any] | None = None,
    *,
    key: Any = None,
    cert: Any = None,
    ca: Any = None,
    passphrase: str | bytes | None = None,
    request_cert: bool = False,
    reject_unauthorized: bool = True,
    alpn_protocols: Iterable[str] = (),
    sni_callback: Callable[[str | None], Any] | None = None,
    min_version: str = LEAST,
    max_version: str = MOST,
    ciphers: str | None = None,
    handshake_timeout: float = HANDSHAKE_TIMEOUT,
    allow_half_open: bool = False,
    no_delay: bool = False,
    high_water_mark: int = HIGH_WATER_MARK,
    max_connections: int | None = None,
    pause_on_connect: bool = False,
) -> Server:
    """Make a `Server`; it serves after `net.Server.listen`.

    on_secure_connection: called with the `TLSSocket` of each client whose handshake is done.
    key, cert: a path, PEM text, or an object of `labkit.ca`; cert may have the intermediates behind it. passphrase:
    opens an encrypted key. request_cert: ask clients for a certificate; those without, and those of which no CA of ca
    (one or a list; None: the system's) vouches, are refused with an alert, or, with reject_unauthorized=False, let in
    and marked: see `TLSSocket.authorized`. alpn_protocols: in the order in which they are preferred (RFC 7301).
    sni_callback: called with the name that a client asks for, or None; returns an object with a key and a certificate
    (or a `SecureContext`), or None for those of the server. handshake_timeout: seconds, 0 for no limit.
    ciphers: of TLS 1.2, in OpenSSL's words. The rest: see `net.create_server`. Raises `BadArgument`, `BadPEM`.
    """
    return Server(
        on_secure_connection, key=key, cert=cert, ca=ca, passphrase=passphrase, request_cert=request_cert,
        reject_unauthorized=reject_unauthorized, alpn_protocols=alpn_protocols, sni_callback=sni_callback,
        min_version=min_version, max_version=max_version, ciphers=ciphers, handshake_timeout=handshake_timeout,
        allow_half_open=allow_half_open, no_delay=no_delay, high_water_mark=high_water_mark,
        max_connections=max_connections, pause_on_connect=pause_on_connect,
    )  # fmt: skip
