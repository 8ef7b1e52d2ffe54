"""A man in the middle: whoever connects to him believes to talk to somebody else, to whom he talks himself (T-5.3).

Rule: only for loopback and wires of your own; it reads and changes what passes, and breaks no cipher.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit import net, tls
from labkit.servers import sealed

PORT = 8000
Change = Callable[[str], str]
"""What he makes of a message."""


def create_sealed(onward: Callable[[], sealed.Channel], change: Change, read: list[str]) -> net.Server:
    """Between two ends of `sealed`: he gives each of them a public key of his own.

    onward: makes the connection to the real server. read: gets each message that passes.
    """

    def pretend(near: sealed.Channel) -> None:
        far = onward()
        _pass_on(near, "message", far.send, change, read)
        _pass_on(far, "message", near.send, str, read)
        _end_together(near.socket, far.socket)

    return sealed.create(pretend)


def create_tls(onward: Callable[[], tls.TLSSocket], change: Change, read: list[str], **options: Any) -> tls.Server:
    """Between two ends of TLS: he shows the client a certificate of his own.

    options: those of `tls.create_server`, ``cert`` and ``key`` at least.
    """

    def pretend(near: tls.TLSSocket) -> None:
        near.set_encoding("utf8")
        far = onward()
        far.set_encoding("utf8")
        _pass_on(near, "data", far.write, change, read)
        _pass_on(far, "data", near.write, str, read)
        _end_together(near, far)

    return tls.create_server(pretend, **options)


def _pass_on(
    source: Any, event: str, send: Callable[[str], Any], change: Change, read: list[str]
) -> None:
    def passing(text: str) -> None:
        read.append(text)
        send(change(text))

    source.on(event, passing)


def _end_together(near: net.Socket, far: net.Socket) -> None:
    near.on("end", far.end)
    near.on("close", lambda *_: far.destroy())
    far.on("close", lambda *_: near.destroy())
