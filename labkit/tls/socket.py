"""Node's tls.TLSSocket: a `net.Socket` whose bytes are encrypted, and what it knows of its peer.

Rule: who is trusted, and what is told of it; how bytes are carried is layer.py, how one is made is connecting.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from labkit.core import addresses, checks, loop, secrets
from labkit.core.emitter import Failure
from labkit.core.errors import LabError, NetError, TimedOut
from labkit.core.listeners import Once, in_cell
from labkit.net.connecting import Target
from labkit.net.socket import CONNECT_TIMEOUT, Socket
from labkit.net.transport import Owner
from labkit.tls.context import SecureContext
from labkit.tls.engine import AnyEngine, Ended, Engine
from labkit.tls.errors import CertificateError, TLSError, Truncated
from labkit.tls.layer import Layer
from labkit.tls.session import Session, checked

if TYPE_CHECKING:
    from labkit.tls.certificate import PeerCertificate

GRACE = 5.0
"""Seconds in which a cell can ask for an error of TLS that its socket met after the handshake; then it is shown."""

LOOKS = 8
"""Pieces after the handshake that are looked at for tickets."""

Check = Callable[[str, Any], Any]


class Wish(NamedTuple):
    """What a client asks for. Clients with the same wish can share connections.

    name: whom the certificate is to be for, and whom the server is asked for (SNI), if it is not an address.
    check: see `connect`.
    """

    context: SecureContext
    name: str
    check: Check | None


class SecureOwner(Owner, Protocol):
    """Who accepted a TLS socket: a server."""

    secure_context: SecureContext

    def _secured(self, connection: Any) -> None:
        """The handshake is done."""

    def _client_failed(self, error: BaseException, connection: Any) -> None:
        """The client has failed."""


class TLSSocket(Socket):
    """One end of a connection over TLS: a `net.Socket` with ``secure_connect``, ``session`` and ``keylog``.

    authorized: whether the peer's certificate was verified; at a server False, too, if it asked for none.
    authorization_error: why it was not, if it was to be (its ``code`` is Node's); or None.
    """

    EVENTS = Socket.EVENTS | {"secure_connect", "session", "keylog"}
    STATES = Socket.STATES | {"secure_connect"}

    encrypted = True
    """True, and there is no such attribute at a plain socket."""

    __slots__ = (
        "_call", "_from_cell", "_layer", "_limit", "_patience", "_session", "_truncated", "_under", "_wish",
        "authorization_error", "authorized",
    )  # fmt: skip

    def __init__(self, server: SecureOwner | None = None, *, wish: Wish | None = None, **options: Any) -> None:
        super().__init__(server, **options)
        self._wish = wish
        self._layer: Layer | None = None
        self._limit: asyncio.TimerHandle | None = None  # of the handshake
        self._patience = CONNECT_TIMEOUT
        self._call: asyncio.Future[NetError | None] | None = None  # a cell waits for the handshake
        self._session: Session | None = None  # given to be resumed; then the newest one
        self._truncated = False
        self._from_cell = server is None and not loop.inside()
        self._under: Socket | None = None  # whose connection this has taken over
        self.authorized = False
        self.authorization_error: LabError | None = None

    # -- what can be asked

    @property
    def secure_connecting(self) -> bool:
        """Whether the handshake is not done: not yet, or because it failed."""
        return self._layer is None or not self._layer.stands

    @property
    def servername(self) -> str | None:
        """The host name that the client asked for (SNI), or None."""
        if self._wish is not None:
            name = self._wish.name
            return name if name and addresses.ip_address(name) is None else None
        return None if self._layer is None else self._layer.engine.asked_name

    @property
    def alpn_protocol(self) -> str | None:
        """The protocol that both agreed on by ALPN (RFC 7301), or None."""
        return loop.call(lambda: None if (engine := self._engine()) is None else engine.alpn)

    def get_protocol(self) -> str | None:
        """The version that was agreed on, ``"TLSv1.3"``; None before the handshake is done."""
        return loop.call(lambda: None if (engine := self._engine()) is None else engine.version)

    def get_cipher(self) -> dict[str, Any] | None:
        """``{"name": "TLS_AES_256_GCM_SHA384", "version": "TLSv1.3", "bits": 256}``; None before that."""
        found = loop.call(lambda: None if (engine := self._engine()) is None else engine.cipher)
        return None if found is None else {"name": found[0], "version": found[1], "bits": found[2]}

    def get_peer_certificate(self) -> PeerCertificate | None:
        """The certificate of the other side, with those that it sent with it; None if it gave none."""
        from labkit.tls.certificate import PeerCertificate

        ders: list[bytes] = loop.call(lambda: [] if self._layer is None else self._layer.engine.chain())
        return PeerCertificate(ders) if ders else None

    def get_session(self) -> Session | None:
        """What a later `connect` can resume, at a client. With TLS 1.3 it is there when ``session`` was emitted."""
        return loop.call(self._newest_session)

    def is_session_reused(self) -> bool:
        """Whether this connection resumed an earlier session."""
        return loop.call(lambda: (engine := self._engine()) is not None and engine.is_resumed)

    def __repr__(self) -> str:
        return super().__repr__().replace(" socket", " TLS socket", 1)

    def _engine(self) -> AnyEngine | None:
        return None if self._layer is None or not self._layer.stands else self._layer.engine

    # -- the handshake

    def _protocol(self) -> asyncio.BaseProtocol:
        layer = self._layer = Layer(self, self._new_engine())
        return layer

    def _new_engine(self) -> AnyEngine:
        wish = self._wish
        if wish is not None:
            session = checked(self._session, wish.context, wish.name)
            return Engine(wish.context, False, wish.name, None if session is None else session.inner)
        owner: Any = self.server
        context: SecureContext = owner.secure_context
        if context.is_lenient:
            from labkit.tls.lenient import LenientEngine

            return LenientEngine(context)
        return Engine(context, True)

    async def _open(self, target: Target, timeout: float, from_cell: bool) -> NetError | None:
        self._patience = timeout
        over = self._await_handshake() if from_cell else None
        failed = await super()._open(target, timeout, from_cell)
        if failed is not None or over is None or (self.closed and not over.done()):
            self._call = None
            return failed
        return await over

    def _await_handshake(self) -> asyncio.Future[NetError | None]:
        """For a cell, before anything can come: the error that its call has to raise when the handshake is over."""
        self._call = loop.get().create_future()
        return self._call

    def _attach(self, transport: Any, *, ready: bool = True) -> None:
        assert self._layer is not None
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._layer.engine.peer = addresses.in_words(str(peer[0]), int(peer[1]))
        if self._wish is not None:
            self._begin_limit(self._patience)
        if self._under is None:
            super()._attach(transport, ready=ready)
            return
        self._transport = transport  # it has been connected, and accepted, before
        self._apply_no_delay()
        transport.set_write_buffer_limits(high=self.high_water_mark, low=0)

    def _stands(self) -> LabError | None:
        """See `Secured._stands`."""
        assert self._layer is not None
        engine, wish = self._layer.engine, self._wish
        if wish is None:
            owner: Any = self.server
            asked = owner.secure_context.asked
            if asked.request_cert:
                self.authorization_error = engine.verdict()
                self.authorized = self.authorization_error is None
            return None
        given, self._session = self._session, None
        self.authorization_error = self._judged(engine, wish, given)
        self.authorized = self.authorization_error is None
        return self.authorization_error if wish.context.asked.verifies else None

    def _judged(self, engine: AnyEngine, wish: Wish, given: Session | None) -> LabError | None:
        """Why the server is not who it should be, or None. What OpenSSL has looked at is not looked at again."""
        if engine.is_resumed and given is not None and given.error is not None:
            return given.error
        if not wish.context.asked.verifies and not engine.is_resumed:
            from labkit.tls import judging

            name = "" if wish.check is not None else wish.name
            if (found := judging.judge(engine.chain(), wish.context, engine.peer, name)) is not None:
                return found
        if wish.check is None:
            return None
        from labkit.tls.certificate import PeerCertificate

        try:
            said = wish.check(wish.name, PeerCertificate(engine.chain()))
        except Exception as error:
            said = error
        if said is None or isinstance(said, CertificateError):
            return said
        code = getattr(said, "code", None)
        return CertificateError(
            f"check_server_identity refused the certificate of {engine.peer}: {said}",
            code=code if isinstance(code, str) else "ERR_TLS_CERT_ALTNAME_INVALID",
        )

    def _begin_secure(self) -> None:
        """See `Secured._begin_secure`."""
        layer = self._layer
        assert layer is not None
        self._end_limit()
        self._tell_secrets()
        self._fire("secure_connect")
        if self.server is not None:
            owner: Any = self.server
            owner._secured(self)
        elif layer.engine.version == "TLSv1.3":
            layer.looks = LOOKS
        else:
            self._look_for_session()
        self._settle(None)

    def _tell_secrets(self) -> None:
        """The lines of the key log that are about this connection."""
        assert self._layer is not None
        owner: Any = self.server
        at_server = owner is not None and "keylog" in getattr(owner, "_listeners", ())
        if not at_server and "keylog" not in self._listeners and not self._tickets:
            secrets.empty()
            return
        random = self._layer.random().hex().encode()
        for line in secrets.lines():
            if line.split(b" ")[1:2] == [random]:
                self._fire("keylog", line)
                if at_server:
                    owner._fire("keylog", line, self)

    def _look_for_session(self) -> None:
        """See `Secured._look_for_session`."""
        before = self._session
        if (now := self._newest_session()) is not None and now != before:
            self._fire("session", now)

    def _newest_session(self) -> Session | None:
        engine, wish = self._engine(), self._wish
        if engine is not None and wish is not None:
            inner = engine.session
            if inner is not None and (inner.has_ticket or (inner.id and engine.version != "TLSv1.3")):
                self._session = Session(inner, wish.context, wish.name, self.authorization_error)
        return self._session

    def _settle(self, raised: NetError | None) -> None:
        call, self._call = self._call, None
        if call is not None and not call.done():
            call.set_result(raised)

    # -- faults

    def _failed_below(self, error: LabError) -> None:
        """See `Secured._failed_below`."""
        self._destroy_now(error, True)

    def _fail(self, error: BaseException) -> None:
        owner: Any = self.server
        if self._call is not None and isinstance(error, NetError):
            self._settle(self._outcome(error, True))
        elif owner is not None and self.secure_connecting:
            owner._client_failed(error, self)
        elif owner is not None and isinstance(error, TLSError) and "error" not in self._listeners:
            if not self._offer(self._remember("error", (error,))):  # the client's fault is not this program's
                owner._client_failed(error, self)
        elif self._from_cell and isinstance(error, TLSError) and "error" not in self._listeners:
            # With TLS 1.3 a refused client hears of it when the cell has gone on: it is told by the next call.
            if not self._offer(self._remember("error", (error,))):
                loop.get().call_later(GRACE, self._tell_late, error)
        else:
            super()._fail(error)

    def _left_over(self, failure: Failure) -> None:
        error = failure.exception()
        if self._from_cell and isinstance(error, TLSError):  # the wait returned what came before it: see `_fail`
            loop.call(lambda: loop.get().call_later(GRACE, self._tell_late, error))
        else:
            super()._left_over(failure)

    def _tell_late(self, error: BaseException) -> None:
        failure = self._failure
        if failure is not None and not failure.given and failure.exception() is error:
            failure.given = True
            self._report(error)

    def _detach(self, exc: BaseException | None) -> None:
        self._end_limit()
        super()._detach(exc)
        self._settle(NetError("the connection was given up during its handshake", code="ECONNABORTED"))
        if (under := self._under) is not None:
            self._under = None
            under._detach(None)

    def _kept_of(self, engine: AnyEngine, stood: bool) -> AnyEngine:
        """See `Secured._kept_of`. A client may ask for more, and is not kept by a server's memory."""
        owner: Any = self.server
        if owner is None:
            return engine
        return Ended(engine, engine.chain() if owner.secure_context.asked.request_cert else [], stood)

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
                f"{self._layer.engine.peer} ended the connection without close_notify: what came may not be all",
                "Either it left without a word, or somebody has cut the connection.",
            ),
            True,
        )

    def _begin_limit(self, seconds: float) -> None:
        if seconds and not self.closed and not self.destroyed:
            self._limit = loop.get().call_later(seconds, self._too_late, seconds)

    def _end_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _too_late(self, seconds: float) -> None:
        self._limit = None
        assert self._layer is not None
        if self.secure_connecting and not self.closed:
            words = f"the TLS handshake with {self._layer.engine.peer} was not done within {seconds:g} s"
            todo = "It may not speak TLS." if self.server is None else ""
            self._failed_below(TimedOut(words, todo, code="ERR_TLS_HANDSHAKE_TIMEOUT"))

    def _once(self, event: str, listener: Callable[..., Any] | None, argument: str) -> None:
        if listener is not None:
            self._add(event, Once(self, event, in_cell(checks.function(listener, argument))))
