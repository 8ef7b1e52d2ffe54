"""Make the captures of data/cases: three exchanges in which something goes wrong, for whoever wants to find out what.

Rule: each goes wrong by itself, between our own programs; nothing in a capture is written by hand.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import labkit
from labkit import ca, net, tls

FOLDER = Path(__file__).resolve().parents[1] / "data" / "cases"
PATIENCE = 0.5
"""Seconds that a client waits for what does not come, before it ends the connection."""


def upload() -> labkit.Tape:
    """A client sends a file, and the server stops reading: its window closes and stays closed."""
    with labkit.lab.Wire() as wire:
        with wire.server:
            listening = socket.create_server(("10.0.0.2", 8124))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # small, and so is the capture
        with wire.client:
            client = socket.socket()
        with wire.capture(port=8124, wait_closed=False) as tape:
            closed = labkit.lab.when_passed(wire, 4, sender="server", window=0, timeout=60)
            client.connect(("10.0.0.2", 8124))
            peer, _ = listening.accept()
            client.sendall(b"PUT film.mp4\n")
            peer.recv(13)  # the last thing that it reads
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):  # until nothing more has room
                while True:
                    client.send(b"film" * 250)
            closed()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # it gives up, by RST
        peer.close()
        listening.close()
    return tape


def ferry() -> labkit.Tape:
    """A server promises more bytes than it sends, and the client waits for the rest until it gives up."""
    page = "<p>The ferry leaves at 9:40.</p>\n"
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page) + 20}\r\n\r\n{page}"
    server = net.create_server(lambda peer: peer.on("data", lambda _: peer.write(answer))).listen(1337)
    with server, labkit.capture(port=1337) as tape, net.connect(1337) as client:
        client.write("GET /ferry HTTP/1.1\r\nHost: 127.0.0.1:1337\r\n\r\n")
        client.wait_for("data")
        threading.Event().wait(PATIENCE)
        client.end()
        client.wait_for("close")
    return tape


def shop() -> labkit.Tape:
    """A client asks for one name, and the server's certificate has another one."""
    authority = ca.CA("Our root")
    identity = authority.issue("shop.example.org")
    server = tls.create_server(key=identity, cert=identity, max_version="TLSv1.2").listen(8443)
    with server, labkit.capture(port=8443) as tape, contextlib.suppress(tls.TLSError):
        tls.connect(8443, "127.0.0.1", ca=authority, servername="shop.example")
    return tape


Case = Callable[[], labkit.Tape]
CASES: tuple[Case, ...] = (upload, ferry, shop)


def main() -> None:
    """Write each of them."""
    FOLDER.mkdir(exist_ok=True)
    for case in CASES:
        tape = case()
        if not tape.live:
            raise SystemExit(f"{case.__name__}: {tape.origin}: its capture must be live")
        tape.save(FOLDER / f"{case.__name__}.pcapng", secrets=False)
        print(f"data/cases/{case.__name__}.pcapng: {len(tape)} packets")


if __name__ == "__main__":
    main()
