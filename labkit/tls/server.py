"""Node's tls.Server: a `net.Server` whose connections are encrypted.

Rule: makes the sockets and tells of them; `Securing` does so for any server, HTTP's too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.core import checks
from labkit.net import server as net_server
from labkit.net.socket import Socket
from labkit.streams import HIGH_WATER_MARK
from labkit.streams.stream import NO_SLOTS
from labkit.tls.context import Settings
from labkit.tls.socket import TLSSocket

HANDSHAKE_TIMEOUT = 120.0
"""Seconds that a client has for its handshake; as in Node."""


class Securing(net_server.Server):
    """What a server needs to have TLS; a class that uses it names the slots of `SLOTS`."""

    __slots__ = NO_SLOTS

    _handshake_timeout: float
    _settings: Settings

    def _secure(self, settings: Settings, handshake_timeout: float) -> None:
        self._settings = settings
        self._handshake_timeout = checks.seconds(handshake_timeout, "handshake_timeout")

    def _socket(self) -> Socket:
        return TLSSocket(
            self, settings=self._settings, allow_half_open=self.allow_half_open, no_delay=self.no_delay,
            high_water_mark=self.high_water_mark, paused=self.pause_on_connect,
        )  # fmt: skip

    def _accepted(self, connection: Any) -> None:
        net_server.Server._accepted(self, connection)
        connection._begin_limit(self._handshake_timeout)

    def _secured(self, connection: Any) -> None:
        """A client's handshake is done."""
        self._fire("secure_connection", connection)

    def _client_failed(self, error: BaseException, connection: Any) -> None:
        """A client has failed: no error of this program."""
        self._fire("tls_client_error", error, connection)


SLOTS = ("_handshake_timeout", "_settings")


class Server(Securing):
    """Listens, and does the handshake with each client; ``secure_connection`` and ``tls_client_error`` tell of it."""

    EVENTS = net_server.Server.EVENTS | {"secure_connection", "tls_client_error"}

    __slots__ = SLOTS

    def __init__(
        self,
        on_secure_connection: Callable[[TLSSocket], Any] | None = None,
        *,
        settings: Settings,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        **options: Any,
    ) -> None:
        super().__init__(None, **options)
        self._secure(settings, handshake_timeout)
        if on_secure_connection is not None:
            self.on("secure_connection", on_secure_connection)


def create_server(
    on_secure_connection: Callable[[TLSSocket], Any] | None = None,
    *,
    key: Any,
    cert: Any,
    ca: Any = None,
    passphrase: Any = None,
    request_cert: bool = False,
    reject_unauthorized: bool = True,
    alpn_protocols: Any = (),
    min_version: str = "TLSv1.2",
    max_version: str = "TLSv1.3",
    ciphers: str | None = None,
    handshake_timeout: float = HANDSHAKE_TIMEOUT,
    allow_half_open: bool = False,
    no_delay: bool = False,
    high_water_mark: int = HIGH_WATER_MARK,
    max_connections: int | None = None,
    pause_on_connect: bool = False,
) -> Server:
    """Make a `Server`; it accepts connections after `net.Server.listen`."""
    settings = Settings(
        True, key=key, cert=cert, ca=ca, passphrase=passphrase, alpn_protocols=alpn_protocols,
        min_version=min_version, max_version=max_version, ciphers=ciphers, request_cert=request_cert,
        verifies=reject_unauthorized, checks_name=False,
    )  # fmt: skip
    return Server(
        on_secure_connection, settings=settings, handshake_timeout=handshake_timeout,
        allow_half_open=allow_half_open, no_delay=no_delay, high_water_mark=high_water_mark,
        max_connections=max_connections, pause_on_connect=pause_on_connect,
    )  # fmt: skip
