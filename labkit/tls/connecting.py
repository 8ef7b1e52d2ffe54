"""Node's tls.connect, and TLS on a connection that stands already (STARTTLS).

Rule: options in, a `TLSSocket` out, whose handshake has begun; what it does then is socket.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from labkit.core import addresses, checks, loop
from labkit.core.calls import in_words
from labkit.core.errors import BadArgument, NetError
from labkit.net import Socket
from labkit.net.handing import hand_over
from labkit.net.socket import CONNECT_TIMEOUT
from labkit.streams import HIGH_WATER_MARK
from labkit.tls.context import SecureContext, client_context
from labkit.tls.layer import Layer
from labkit.tls.options import HANDSHAKE_TIMEOUT, LEAST, MOST, SERVER_NAMES, ServerOptions, asked, check_names
from labkit.tls.session import checked
from labkit.tls.socket import Check, TLSSocket, Wish


def wish_of(host: str, options: Mapping[str, Any]) -> Wish:
    """What a client of this host asks for. options: those of `ClientOptions`. Raises `BadArgument` and `BadPEM`."""
    rest = dict(options)
    rest.pop("session", None)
    name, check = rest.pop("servername", None), rest.pop("check_server_identity", None)
    if check is not None:
        checks.function(check, "check_server_identity")
    name = host.partition("%")[0] if name is None else checks.text(name, "a server name")
    return Wish(client_context(asked(**rest, checks_name=check is None)), _in_ascii(name), check)


def _in_ascii(name: str) -> str:
    """A host name as it stands in certificates and in SNI: no final dot, other letters as ``xn--``.

    Source: RFC 6066 section 3, RFC 5890 section 2.3.2.1. Raises `BadArgument`.
    """
    bare = name.strip("[]").removesuffix(".")
    try:
        found = bare if addresses.ip_address(bare) else bare.encode("idna").decode()
    except UnicodeError:  # a label is empty, or longer than 63 bytes
        found = ""
    if found and found.isprintable() and not found.endswith("."):
        return found
    raise BadArgument(f"servername={checks.shown(name)} is not a host name", 'Give one such as "localhost".')


@in_words
def connect(
    port: int | None = None,
    host: str = "127.0.0.1",
    *,
    ca: Any = None,
    cert: Any = None,
    key: Any = None,
    passphrase: str | bytes | None = None,
    servername: str | None = None,
    reject_unauthorized: bool = True,
    check_server_identity: Check | None = None,
    alpn_protocols: Iterable[str] = (),
    session: Any = None,
    min_version: str = LEAST,
    max_version: str = MOST,
    ciphers: str | None = None,
    socket: Socket | None = None,
    path: str | os.PathLike[str] | None = None,
    on_secure_connect: Callable[[], Any] | None = None,
    timeout: float = CONNECT_TIMEOUT,
    allow_half_open: bool = False,
    no_delay: bool = False,
    high_water_mark: int = HIGH_WATER_MARK,
) -> TLSSocket:
    """Make a `TLSSocket` and connect it to a port of a host, or to a Unix socket path; see `net.connect`.

    ca: whom to trust, one or a list; None: the CAs of the system. cert, key: ours, if the server asks for one. Each is
    a path, PEM text, or an object of `labkit.ca`. passphrase: opens an encrypted key.
    servername: whom the certificate must be for, and whom the server is asked for (default: host).
    reject_unauthorized: False goes on with whoever answers, and says so in `TLSSocket.authorized`.
    check_server_identity: called with (name, certificate) in place of the comparison of names; it returns None, or the
    error. alpn_protocols: names that are offered (RFC 7301). session: of an earlier connection, to be resumed.
    ciphers: of TLS 1.2, in OpenSSL's words. socket: a connection that stands, which goes on in TLS (STARTTLS).
    timeout: seconds for TCP, and again for the handshake.

    From a cell it returns when the handshake is done, or raises `CertificateError`, `TLSError`, and what `net.connect`
    raises. Source: RFC 8446 section 4; Node's tls.connect.
    """
    wish = wish_of(
        "localhost" if path is not None else addresses.check_host(host),
        {
            "ca": ca, "cert": cert, "key": key, "passphrase": passphrase, "servername": servername,
            "reject_unauthorized": reject_unauthorized, "check_server_identity": check_server_identity,
            "alpn_protocols": alpn_protocols, "min_version": min_version, "max_version": max_version,
            "ciphers": ciphers,
        },
    )  # fmt: skip
    session = checked(session, wish.context, wish.name)
    made = TLSSocket(
        wish=wish, allow_half_open=allow_half_open, no_delay=no_delay, high_water_mark=high_water_mark
    )  # fmt: skip
    made._session = session
    made._once("secure_connect", on_secure_connect, "on_secure_connect")
    if socket is None:
        made.connect(port, host, path=path, timeout=timeout)
        return made
    if port is not None or path is not None:
        raise BadArgument("connect was given a socket and a place", "Give one of the two.")
    made._patience = checks.seconds(timeout)
    return _upgrade(made, socket)


class _Keeper:
    """Stands for the server that accepted a plain connection, of which TLS has become one end."""

    __slots__ = ("_plain", "secure_context")

    def __init__(self, plain: Socket, context: SecureContext) -> None:
        self._plain, self.secure_context = plain, context

    def _accepted(self, socket: Any) -> None:
        """It was accepted before."""

    def _forget(self, socket: Any) -> None:
        """The plain socket is told, too, and forgotten by its server."""

    def _secured(self, connection: Any) -> None:
        """The socket has told it."""

    def _client_failed(self, error: BaseException, connection: Any) -> None:
        """There is no server of TLS that could tell it: the socket does, if somebody listens."""
        connection._remember("error", (error,))
        if "error" in connection._listeners:
            connection._fire("error", error)

    def _report(self, error: BaseException, about: object = None) -> None:
        if self._plain.server is not None:
            self._plain.server._report(error, about)
        else:
            self._plain._report(error, about)


@in_words
def secure(
    socket: Socket,
    *,
    on_secure: Callable[[], Any] | None = None,
    **options: Unpack[ServerOptions],
) -> TLSSocket:
    """Go on in TLS on a connection that a plain server has accepted (STARTTLS), as its server.

    options: key, cert and the others of `create_server`, but sni_callback. on_secure: called when the handshake is
    done. The plain socket writes and reads nothing any more; it closes with the new one, which this returns.
    Bytes that came after the client's word to begin are taken for TLS: what somebody has put in between is not read as
    a command. Source: RFC 3207 section 5.
    """
    check_names(secure, options, SERVER_NAMES - {"sni_callback"})
    given: dict[str, Any] = dict(options)
    seconds = checks.seconds(given.pop("handshake_timeout", HANDSHAKE_TIMEOUT), "handshake_timeout")
    context = SecureContext(True, asked(**given))
    keeper: Any = _Keeper(socket, context)
    made = TLSSocket(keeper, allow_half_open=socket.allow_half_open, high_water_mark=socket.high_water_mark)
    made._once("secure_connect", on_secure, "on_secure")
    made._patience = seconds
    return _upgrade(made, socket)


def _upgrade(made: TLSSocket, plain: Any) -> TLSSocket:
    """Have a new socket take over the connection of a plain one; from a cell, wait until its handshake is done."""
    if not isinstance(plain, Socket):
        raise BadArgument(f"{checks.shown(plain)} is not a socket", "Give what net.connect returned.")
    from_cell = not loop.inside()

    def go_on(unread: bytes) -> None:
        if made._layer is not None and not made.closed:
            made._layer.data_received(unread)

    def begin() -> None:
        transport, unread = hand_over(plain)
        made._under = plain
        layer: Any = made._protocol()
        assert isinstance(layer, Layer)
        transport.set_protocol(layer)
        layer.connection_made(transport)
        transport.resume_reading()
        if made.server is not None:
            made._begin_limit(made._patience)
        if unread:
            loop.get().call_soon(go_on, unread)  # after the listeners that this handler adds

    async def wait() -> NetError | None:
        over = made._await_handshake()
        begin()
        return await over

    if from_cell:
        error = loop.run(wait(), None)
        if error is not None:
            raise error
    elif plain.connecting:
        plain._add("connect", begin)
    else:
        begin()
    return made
