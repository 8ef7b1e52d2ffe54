"""Bytes sent into an open WebSocket connection as they are, and what came back.

Rule: the connection must stay on this machine or on a wire of ours; knows nothing of frames.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.lab.addresses import ADDRESSES
from labkit.lab.crafting import waiting
from labkit.lab.exchanging import Exchange
from labkit.packets import capturing

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_END = ("end", "close", "error")


class Over:
    """An open connection as what a frame is sent over. ws: a WebSocket of labkit."""

    carries = "connection"
    """What it takes: frames of a connection, and no packets."""

    def __init__(self, ws: Any) -> None:
        self._ws = ws

    @property
    def live(self) -> bool:
        """Whether the connection is open."""
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why nothing can be sent, ``""`` if it can."""
        return "" if self._ws.ready_state == _OPEN else "the WebSocket is not open"

    def exchange(
        self, frame: bytes, *, linktype: int = -1, sender: str = "client", timeout: float = 1.0, name: str | None = None
    ) -> Exchange:
        """Write the bytes into the connection, wait for the first bytes of the peer, and return both with the packets.

        timeout: seconds to wait, 60 at most. name: of the recording, which is shown where nothing can be captured.
        linktype, sender: as of a wire; not used. Raises `LabError` if the connection is not open, and if its peer is
        neither on this machine nor on a wire.
        """
        waiting(timeout)
        socket = self._ws.socket
        if not self.live:
            raise LabError(f"this frame cannot be sent: {self.why_not}", "Open a WebSocket, and build the frame again.")
        _own(socket.remote_address)
        heard = threading.Event()

        def hear(*_: object) -> None:
            heard.set()

        port = min(socket.remote_port, socket.local_port)
        with capturing.capture(port, name=name, wait_closed=False) as tape:
            for event in ("data", *_END):
                socket.on(event, hear)
            try:
                socket.write(bytes(frame))
                answered = heard.wait(timeout)
            finally:
                for event in ("data", *_END):
                    socket.off(event, hear)
        back = [packet for packet in tape if packet.length and packet.src[1] == socket.remote_port]
        return Exchange(bytes(frame), tape, back, sender, timeout, answered)


_OPEN = 1  # WebSocket.OPEN, as in browsers


def _own(address: str | None) -> None:
    """Refuse a peer that is not ours. Raises `LabError`."""
    with suppress(ValueError):
        if address in ADDRESSES or any(ip_address(address or "") in network for network in _LOOPBACK):
            return
    raise LabError(f"frames made by hand are not sent to {address}", "Send them to a server of your own: 127.0.0.1.")


@in_words
def over(ws: Any) -> Over:
    """An open WebSocket of labkit, to send a frame over: ``labkit.build("WebSocket", wire=lab.over(ws))``.

    Raises `LabError` for anything else.
    """
    if not hasattr(ws, "ready_state") or not hasattr(ws, "socket"):
        raise LabError(f"{shown(ws)} is no WebSocket", 'Give one that is open: ws = websocket.WebSocket("ws://…").')
    return Over(ws)
