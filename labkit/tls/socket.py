"""Node's tls.TLSSocket: a `net.Socket` whose bytes are encrypted, and what it knows of its peer.

Rule: who is trusted, and what is told of it; how bytes are carried is layer.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from labkit.core import addresses, loop
from labkit.core.errors import LabError, NetError, TimedOut
from labkit.net.connecting import Target
from labkit.net.socket import CONNECT_TIMEOUT, Socket
from labkit.streams import HIGH_WATER_MARK
from labkit.tls.context import Settings
from labkit.tls.engine import Engine
from labkit.tls.errors import Truncated
from labkit.tls.layer import Layer


class Wish:
    """What a client asks for, besides its settings. name: whom the certificate is to name."""

    __slots__ = ("check_name", "name", "session", "settings")

    def __init__(self, settings: Settings, name: str, check_name: Callable[..., Any] | None, session: Any) -> None:
        self.settings, self.name, self.check_name, self.session = settings, name, check_name, session


class TLSSocket(Socket):
    """One end of a connection over TLS; `net.Socket` with ``secure_connect``, ``session`` and ``keylog``.

    encrypted: True. authorized: whether the peer's certificate was verified. authorization_error: why not, if it was
    asked for one.
    """

    EVENTS = Socket.EVENTS | {"secure_connect", "session", "keylog"}
    STATES = Socket.STATES | {"secure_connect"}

    __slots__ = ("_call", "_layer", "_limit", "_settings", "_truncated", "_wish", "authorization_error", "authorized")

    encrypted = True

    def __init__(self, server: Any = None, *, settings: Settings, wish: Wish | None = None, **options: Any) -> None:
        super().__init__(server, **options)
        self._settings = settings
        self._wish = wish
        self._layer: Layer | None = None
        self._limit: asyncio.TimerHandle | None = None  # of the handshake
        self._call: asyncio.Future[NetError | None] | None = None  # a cell waits for the handshake
        self._truncated = False
        self.authorized = False
        self.authorization_error: LabError | None = None

    # -- what can be asked

    @property
    def secure_connecting(self) -> bool:
        """Whether the handshake is not done yet."""
        return self._layer is None or not self._layer.stands

    def get_protocol(self) -> str | None:
        """The version that was agreed on, ``"TLSv1.3"``; None before that."""
        return None if self.secure_connecting or self._layer is None else self._layer.engine.version

    # -- the handshake

    def _protocol(self) -> asyncio.BaseProtocol:
        wish = self._wish
        if wish is None:
            engine = Engine(self._settings.context, True)
        else:
            engine = Engine(self._settings.context, False, wish.name)
        layer = self._layer = Layer(self, engine)
        return layer

    async def _open(self, target: Target, timeout: float, from_cell: bool) -> NetError | None:
        failed = await super()._open(target, timeout, from_cell)
        if failed is not None or not from_cell or self.closed or self.destroyed or not self.secure_connecting:
            return failed
        call = self._call = loop.get().create_future()
        raised: NetError | None = await call
        return raised

    def _attach(self, transport: Any, *, ready: bool = True) -> None:
        layer = self._layer
        assert layer is not None
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            layer.engine.peer = addresses.in_words(str(peer[0]), int(peer[1]))
        super()._attach(transport, ready=ready)

    def _stands(self) -> LabError | None:
        """See `Secured._stands`."""
        self.authorized = self._settings.verifies and (self._wish is not None or self._settings.request_cert)
        return None

    def _begin_secure(self) -> None:
        """See `Secured._begin_secure`."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        self._fire("secure_connect")
        if self.server is not None:
            self.server._secured(self)  # type: ignore[attr-defined]
        self._settle(None)

    def _settle(self, raised: NetError | None) -> None:
        call, self._call = self._call, None
        if call is not None and not call.done():
            call.set_result(raised)

    # -- faults

    def _failed_below(self, error: LabError) -> None:
        """See `Secured._failed_below`."""
        self._destroy_now(error, True)

    def _fail(self, error: BaseException) -> None:
        if self.server is not None and self.secure_connecting:
            self.server._client_failed(error, self)  # type: ignore[attr-defined]
        elif self._call is not None and isinstance(error, NetError):
            self._settle(self._outcome(error, True))
        else:
            super()._fail(error)

    def _detach(self, exc: BaseException | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        super()._detach(exc)
        self._settle(NetError("the connection was given up during its handshake", code="ECONNABORTED"))

    def _cut(self) -> None:
        """See `Secured._cut`."""
        self._truncated = True

    def _end_reading(self) -> None:
        if not self._truncated or self.destroyed:
            super()._end_reading()
            return
        assert self._layer is not None
        self._destroy_now(
            Truncated(
                f"{self._layer.engine.peer} ended the connection without close_notify: bytes may be missing",
                "Somebody may have cut it off, or the peer leaves without saying so.",
            ),
            True,
        )

    def _after_reading(self) -> None:
        """See `Secured._after_reading`."""

    def _begin_limit(self, seconds: float) -> None:
        if seconds:
            self._limit = loop.get().call_later(seconds, self._too_late, seconds)

    def _too_late(self, seconds: float) -> None:
        self._limit = None
        if self._layer is not None and self.secure_connecting and not self.closed:
            self._failed_below(
                TimedOut(
                    f"the TLS handshake with {self._layer.engine.peer} was not done within {seconds:g} s",
                    code="ERR_TLS_HANDSHAKE_TIMEOUT",
                )
            )


def connect(
    port: int | None = None,
    host: str = "127.0.0.1",
    *,
    ca: Any = None,
    cert: Any = None,
    key: Any = None,
    passphrase: Any = None,
    servername: str | None = None,
    reject_unauthorized: bool = True,
    check_server_identity: Callable[..., Any] | None = None,
    alpn_protocols: Any = (),
    session: Any = None,
    min_version: str = "TLSv1.2",
    max_version: str = "TLSv1.3",
    ciphers: str | None = None,
    path: Any = None,
    on_secure_connect: Callable[[], Any] | None = None,
    timeout: float = CONNECT_TIMEOUT,
    allow_half_open: bool = False,
    no_delay: bool = False,
    high_water_mark: int = HIGH_WATER_MARK,
) -> TLSSocket:
    """Make a `TLSSocket` and connect it."""
    settings = Settings(
        False, key=key, cert=cert, ca=ca, passphrase=passphrase, alpn_protocols=alpn_protocols,
        min_version=min_version, max_version=max_version, ciphers=ciphers, request_cert=False,
        verifies=reject_unauthorized, checks_name=check_server_identity is None,
    )  # fmt: skip
    wish = Wish(settings, servername or host, check_server_identity, session)
    made = TLSSocket(
        settings=settings, wish=wish, allow_half_open=allow_half_open, no_delay=no_delay,
        high_water_mark=high_water_mark,
    )  # fmt: skip
    if on_secure_connect is not None:
        made.once("secure_connect", on_secure_connect)
    made.connect(port, host, path=path, timeout=timeout)
    return made
