"""The time server: whoever sends it a datagram gets the time of day back in one (T-2.1, T-2.2).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from datetime import datetime

from labkit import dgram

PORT = 41234


def create(kind: str = "udp4") -> dgram.Socket:
    """Make the time server; it serves after ``bind(41234)``. kind: ``"udp6"`` for one at ::1."""
    server = dgram.create_socket(kind)

    @server.on("message")
    def answer(question: bytes, sender: dgram.Sender) -> None:
        print(f"{sender.address}:{sender.port} asks: {question.decode(errors='replace')!r}", flush=True)
        server.send(f"{datetime.now():%H:%M:%S}", sender.port, sender.address)

    return server
