"""The browser's WebSocket: made with a URL, it asks for the upgrade, checks the answer, and is open.

Rule: the client's handshake; the open connection is channel.py, and what a server does with this class is server.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self, Unpack
from urllib.parse import urlsplit

from labkit import http
from labkit.core import checks, loop
from labkit.core.calls import made_in_words
from labkit.core.errors import BadArgument, LabError, TimedOut
from labkit.core.history import Entry
from labkit.http import Agent, ClientRequest
from labkit.http.headers import Given, pairs
from labkit.net import Socket
from labkit.tls.options import CLIENT_NAMES, ClientOptions, check_names
from labkit.websocket import extensions, handshake
from labkit.websocket.deflate import Deflate
from labkit.websocket.extensions import PerMessageDeflate
from labkit.websocket.frames import MAX_MESSAGE_SIZE
from labkit.websocket.handlers import WithHandlers
from labkit.websocket.handshake import BadHandshake
from labkit.websocket.options import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_QUEUE, Options, options
from labkit.websocket.sending import CLOSED, CONNECTING, OPEN

ONCE = frozenset({"open", "close", "error", "upgrade"})
"""Events that a cell's listener is told of also if it comes after them."""

_SHAKING = "secure_connecting"  # at a socket of TLS: its handshake is not done

GRACE = 5.0
"""Seconds in which a cell can ask for the error of its WebSocket, before it is shown on stderr."""


class _Opening:
    """What a client remembers until its handshake is done. making: the cell still waits for TCP. unmade: in vain."""

    __slots__ = ("deadline", "deflate", "key", "making", "offered", "request", "unmade")

    def __init__(
        self, request: ClientRequest, key: str, offered: tuple[str, ...], deflate: PerMessageDeflate | None
    ) -> None:
        self.request, self.key, self.offered, self.deflate = request, key, offered, deflate
        self.deadline: asyncio.TimerHandle | None = None
        self.making = False
        self.unmade: BaseException | None = None

    def made(self) -> BaseException | None:
        """The cell goes on, or is to raise this."""
        self.making = False
        return self.unmade


@made_in_words
class WebSocket(WithHandlers):
    """A WebSocket, with the browser's names and Node's events. To make one is to connect, as in a browser.

    Events: ``open``, ``message`` (str for text, bytes for binary), ``ping``, ``pong`` (bytes), ``close`` (code,
    reason), ``error``, ``drain``, ``upgrade`` (the response), ``unexpected_response`` (request, response: for handlers,
    since a cell's listener comes after the answer; a cell finds its status in `BadHandshake`). Or one function each:
    ``ws.on_message = lambda event: print(event.data)``; also on_open, on_close, on_error.

    url: ``"ws://127.0.0.1:12010/updates"``. protocols: subprotocols to offer, the first is preferred. origin: sent as
    Origin; a browser sends the page's. headers: more fields. per_message_deflate: offer compression (RFC 7692).
    max_message_size, max_frame_size: bytes; what is larger is answered 1009. max_queue: bytes that may wait to be sent.
    handshake_timeout, close_timeout: seconds, 0 for no limit. agent: see `http.request`.
    secure: for ``wss://``: ca, cert, key and the other arguments of `tls.connect` that are about TLS.

    From a cell it returns when TCP stands, or raises what `net.connect` raises; ``wait_for("open")`` waits for the
    handshake, or raises `BadHandshake`. Messages that come before anybody listens are kept.
    Source: the WebSockets standard (WHATWG); Node's package ``ws``; RFC 6455.
    """

    __slots__ = ("_from_cell", "_opening", "_past", "_wants_close")

    def __init__(
        self,
        url: str,
        protocols: str | Sequence[str] = (),
        *,
        origin: str | None = None,
        headers: Given | None = None,
        per_message_deflate: Any = False,
        max_message_size: int = MAX_MESSAGE_SIZE,
        max_frame_size: int | None = None,
        max_queue: int = MAX_QUEUE,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
        agent: Agent | bool | None = False,
        **secure: Unpack[ClientOptions],
    ) -> None:
        check_names(WebSocket, secure, CLIENT_NAMES)
        chosen = options(max_message_size, max_frame_size, max_queue, close_timeout)
        checks.seconds(handshake_timeout, "handshake_timeout")
        offered = handshake.check_protocols(protocols)
        deflate = extensions.check_option(per_message_deflate)
        key = handshake.new_key()
        self._begin(chosen, is_server=False, owner=None, url=_checked(url), has_cell=True)
        self._from_cell = not loop.inside()
        self._wants_close = False  # a cell waits for close, and no longer for messages
        self._past: dict[str, tuple[Any, ...]] | None = {} if self._from_cell else None  # what has been emitted
        fields = handshake.check_headers([*pairs(headers)]) if headers is not None else []
        fields += [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", handshake.VERSION),
        ]  # fmt: skip
        if offered:
            fields.append(("Sec-WebSocket-Protocol", ", ".join(offered)))
        if deflate is not None:
            fields.append(("Sec-WebSocket-Extensions", extensions.offer(deflate)))
        if origin is not None:
            fields.append(("Origin", checks.text(origin, "an origin")))
        request = self._asking(fields, agent, secure)
        opening = _Opening(request, key, offered, deflate)
        self._opening: _Opening | None = opening
        request._add("error", self._request_failed)
        request._add("upgrade", self._upgraded)
        request._add("response", self._unexpected)
        opening.making = self._from_cell
        loop.call(self._begin_deadline, handshake_timeout)
        request.end()
        if self._from_cell and (error := loop.call(opening.made)) is not None:
            raise error

    @classmethod
    def _serving(cls, chosen: Options, owner: Any, url: str) -> WebSocket:
        """One at a server, whose handshake is being answered."""
        made = cls.__new__(cls)
        made._begin(chosen, is_server=True, owner=owner, url=url, has_cell=False)
        made._from_cell = made._wants_close = False
        made._opening = made._past = None
        return made

    def __enter__(self) -> Self:
        """The WebSocket, when it is open."""
        if self._from_cell:
            self.wait_for("open")
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, wait a moment for the other side, and only then cut it."""
        self.close()
        if not loop.inside():
            try:
                self.wait_for("close", timeout=2.0)
            except LabError:
                self.terminate()

    def _asking(self, fields: list[tuple[str, str]], agent: Any, secure: ClientOptions) -> ClientRequest:
        if self.url.startswith("wss"):
            from labkit import https  # not before: plain ones need no TLS

            return https.request("https" + self.url[3:], headers=fields, agent=agent, **secure)
        if secure:
            words = f"{self.url} has no TLS, so {', '.join(secure)} would do nothing"
            raise BadArgument(words, "Use wss:// for a server of TLS.")
        return http.request("http" + self.url[2:], headers=fields, agent=agent)

    # -- the handshake

    def _begin_deadline(self, seconds: float) -> None:
        if seconds and self._opening is not None:
            self._opening.deadline = loop.get().call_later(seconds, self._too_late, seconds)

    def _too_late(self, seconds: float) -> None:
        words = f"the handshake with {self.url} took longer than {seconds:g} s"
        self._give_up(TimedOut(words, "Does a WebSocket server listen there?"), False)

    def _request_failed(self, error: BaseException) -> None:
        opening = self._opening
        if self._state is not CONNECTING or opening is None:
            return
        socket = opening.request.socket
        stood = socket is not None and socket.endpoint()[1] is not None and not getattr(socket, _SHAKING, False)
        if opening.making and not stood:  # neither TCP nor, if there is one, TLS
            self._end_handshake()
            self._state, opening.unmade = CLOSED, error
        else:
            self._refuse(error)

    def _unexpected(self, response: Any) -> None:
        """The server has answered something else than 101."""
        opening = self._opening
        if opening is None or self._state is not CONNECTING:
            return
        if "unexpected_response" in self._listeners:
            self._end_handshake()
            opening.request._add("close", self._ended_otherwise)
            self._fire("unexpected_response", opening.request, response)
            return
        response.resume()
        words = f"{self.url} answered {response.status_code} {response.status_message}".rstrip()
        self._refuse(BadHandshake(words, "A WebSocket server answers 101.", status=response.status_code))

    def _ended_otherwise(self, *_: Any) -> None:
        if self._state is CONNECTING:
            self._tell_closed()

    def _upgraded(self, response: Any, socket: Socket, head: bytes) -> None:
        opening = self._opening
        if self._state is not CONNECTING or opening is None:
            socket._destroy_now(None)
            return
        self.socket = socket
        self._fire("upgrade", response)
        if self._opening is None:  # the listener has closed it
            return
        try:
            found = handshake.check_response(response.headers_distinct, opening.key, opening.offered)
            agreed = extensions.accepted(found.extensions, opening.deflate)
        except BadHandshake as error:
            self._refuse(error)
            return
        self._end_handshake()
        self.protocol, self.extensions = found.protocol, ", ".join(found.extensions)
        self._adopt(socket, None if agreed is None else Deflate(agreed, is_server=False))
        self._fire("open")
        self._flow(head)

    def _end_handshake(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and opening.deadline is not None:
            opening.deadline.cancel()

    def _refuse(self, error: BaseException) -> None:
        """There is no WebSocket: ``error``, then ``close`` with 1006."""
        opening, socket = self._opening, self.socket
        self._end_handshake()
        self._state = CLOSED
        if socket is not None:
            socket._destroy_now(None)
        elif opening is not None:
            opening.request._destroy_now(None)
        self._fail(error)
        self._tell_closed()

    def _give_up(self, error: LabError, from_cell: bool) -> None:
        if self._state is CONNECTING:
            self._refuse(error)
            if from_cell and self._failure is not None:  # the cell knows: it has closed it
                self._failure.given = True

    # -- what a cell may ask for later

    def _fail(self, error: BaseException) -> None:
        """See `Endpoint._fail`. The error of a cell's WebSocket waits a moment for the cell to ask."""
        if not self._from_cell or "error" in self._listeners:
            super()._fail(error)
            return
        if not self._offer(self._remember("error", (error,))):
            loop.get().call_later(GRACE, self._tell_late, error)

    def _tell_late(self, error: BaseException) -> None:
        failure = self._failure
        if failure is not None and not failure.given and failure.exception() is error:
            failure.given = True
            self._report(error)

    def _remember(self, event: str, args: tuple[Any, ...], size: int | None = None, *, done: bool = True) -> Entry:
        if self._past is not None and event in ONCE:
            self._past[event] = args
        return super()._remember(event, args, size, done=done)

    def _add(self, event: str, listener: Any) -> None:
        """A cell's listener may come after the event: in a browser it could not, because no event comes before the
        script has ended. So it is called now.
        """
        if self._past is None or event not in ONCE or loop.inside():
            super()._add(event, listener)
        else:
            loop.call(self._add_late, event, listener)

    def _add_late(self, event: str, listener: Any) -> None:
        super()._add(event, listener)
        args = None if self._past is None else self._past.get(event)
        failure = self._failure
        if args is None or (event == "error" and (failure is None or failure.given)):
            return
        if event == "error" and failure is not None:
            failure.given = True
        try:
            listener(*args)
        except Exception as error:
            self._broken(error)

    def _waits_for_cell(self) -> bool:
        return self._from_cell and not self._wants_close and self._state is OPEN

    def _waiting(self, event: str) -> None:
        super()._waiting(event)
        if event == "close" and not self._wants_close:  # however many messages come before it
            self._wants_close = True
            loop.call(self._read_on)


def _checked(url: Any) -> str:
    text = checks.text(url, "a URL")
    scheme = text.partition(":")[0].lower()
    try:
        parts = urlsplit(text)
        good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or scheme not in ("ws", "http", "wss", "https") or "#" in text or not text.isprintable() or " " in text:
        raise BadArgument(f"{checks.shown(url)} is not the URL of a WebSocket", 'Give "ws://127.0.0.1:12010/updates".')
    return ("wss" if scheme in ("wss", "https") else "ws") + text[len(scheme) :]
