"""One handshake at a server: a request is checked and answered with 101, or refused; then it is a WebSocket.

Rule: one request, one socket; who listens, and who is connected, is server.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from labkit.core import checks, loop
from labkit.core.calls import in_words
from labkit.core.errors import BadArgument
from labkit.http import IncomingMessage
from labkit.http.status import PHRASES
from labkit.net import Socket
from labkit.streams.states import ENDING
from labkit.websocket import extensions, handshake
from labkit.websocket.client import WebSocket
from labkit.websocket.deflate import Deflate
from labkit.websocket.extensions import PerMessageDeflate
from labkit.websocket.frames import MAX_MESSAGE_SIZE
from labkit.websocket.handshake import SAME, BadHandshake
from labkit.websocket.options import CLOSE_TIMEOUT, MAX_QUEUE, Options, options

LINGER = 5.0
"""Seconds that a connection stands after its handshake was refused."""


def is_taken(socket: Socket) -> bool:
    """Whether the connection is a WebSocket already."""
    return any(isinstance(getattr(each, "__self__", None), WebSocket) for each in socket._listeners.get("close", ()))


def answered(
    request: IncomingMessage,
    socket: Socket,
    owner: Any,
    chosen: Options,
    origins: Any,
    supported: Sequence[str],
    protocol: str | None,
    deflate: PerMessageDeflate | None,
) -> WebSocket:
    """Check a request, answer it with 101, and return the WebSocket, which reads nothing yet. Raises `BadHandshake`."""
    fields = request.headers_distinct
    asked = handshake.check_request(request.method, request.http_version, fields)
    handshake.check_origin(origins, fields, encrypted=bool(getattr(socket, "encrypted", False)))
    if protocol is not None and protocol not in asked.protocols:
        raise BadArgument(
            f"the client did not offer the subprotocol {checks.shown(protocol)}",
            f"It offered {', '.join(asked.protocols) or 'none'}: a client refuses another.",
        )
    made = WebSocket._serving(chosen, owner, request.url)
    made.protocol = handshake.choose(supported, asked) if protocol is None else protocol
    lines = [
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {handshake.accept_value(asked.key)}",
    ]  # fmt: skip
    if made.protocol:
        lines.append(f"Sec-WebSocket-Protocol: {made.protocol}")
    agreed = extensions.answer(asked.extensions, deflate)
    if agreed is not None:
        made.extensions = extensions.response(agreed)
        lines.append(f"Sec-WebSocket-Extensions: {made.extensions}")
    if socket._writing >= ENDING or socket.closed or socket.destroyed:
        raise BadHandshake("the connection was closed before the handshake was answered", status=None)
    socket.set_no_delay(True)
    socket._write_now(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    for entry in socket._history or ():  # the request's bytes: nobody waits for them any more
        if entry.name == "data":
            entry.args = (None,)
    made._adopt(socket, None if agreed is None else Deflate(agreed, is_server=True))
    return made


def refuse(socket: Socket, error: BadHandshake) -> None:
    """Answer a handshake that is refused, and close the connection. Source: RFC 6455 section 4.2.2."""
    if error.status is None or socket._writing >= ENDING or socket.closed or socket.destroyed:
        socket._destroy_now(None)
        return
    words = f"{error.what}.\n".encode()
    fields = {"Connection": "close", "Content-Type": "text/plain; charset=utf-8", **error.headers}
    if "Upgrade" in fields:
        fields["Connection"] = "close, Upgrade"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    status = f"HTTP/1.1 {error.status} {PHRASES[error.status]}\r\n{head}Content-Length: {len(words)}\r\n\r\n"
    socket._write_now(status.encode("latin-1") + words)
    socket._end_now()
    socket._add("data", lambda _: None)  # what still comes is thrown away, so that the answer is not cut off by a RST
    timer = loop.get().call_later(LINGER, socket._destroy_now, None)
    socket._add("close", lambda *_: timer.cancel())


@in_words
def accept(
    request: IncomingMessage,
    socket: Socket,
    head: bytes,
    *,
    protocol: str | None = None,
    protocols: str | Sequence[str] = (),
    origins: str | Iterable[str] = SAME,
    per_message_deflate: Any = False,
    max_message_size: int = MAX_MESSAGE_SIZE,
    max_frame_size: int | None = None,
    max_queue: int = MAX_QUEUE,
    close_timeout: float = CLOSE_TIMEOUT,
) -> WebSocket:
    """Grant an upgrade: answer 101, and return the `WebSocket`. For a program's own ``upgrade`` listener.

    request, socket, head: what the listener was given. protocol: the subprotocol to choose, one that was offered; or
    protocols: those that are supported, of which the client's first is chosen. The rest: see `create_server`.
    Raises `BadHandshake`, after the request was answered with its status. Source: RFC 6455 section 4.2.2.
    """
    if not isinstance(request, IncomingMessage) or not isinstance(socket, Socket):
        raise BadArgument("accept() takes what an upgrade listener was given", "accept(request, socket, head).")
    if is_taken(socket):
        raise BadArgument("this connection is a WebSocket already", "Accept each upgrade once.")
    first = checks.data(head, "given as the first bytes")
    chosen = options(max_message_size, max_frame_size, max_queue, close_timeout)
    allowed = handshake.check_origins(origins)
    supported = handshake.check_protocols(protocols)
    deflate = extensions.check_option(per_message_deflate)

    def now() -> WebSocket:
        try:
            made = answered(request, socket, socket.server, chosen, allowed, supported, protocol, deflate)
        except BadHandshake as error:
            refuse(socket, error)
            raise
        loop.get().call_soon(made._flow, first)  # after the listeners that this handler adds
        return made

    return loop.call(now)
