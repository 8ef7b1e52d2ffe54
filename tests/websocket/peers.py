"""The other end in the tests of labkit.websocket: a plain socket that sends any bytes, and reads what comes.

Rule: plain sockets and `frames.encode`, whose bytes test_frames.py compares with two other libraries.
"""

from __future__ import annotations

import socket as system
from typing import Any

from labkit.websocket.frames import Parser, ProtocolError, encode
from labkit.websocket.handshake import accept_value

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x01\x02\x03\x04"
REQUEST = (
    "GET /chat HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
)


def request(port: int, more: str = "", *, without: str = "") -> bytes:
    """A right request. more: further lines. without: a field that is left out."""
    lines = REQUEST.format(host=f"127.0.0.1:{port}").split("\r\n")
    kept = "\r\n".join(each for each in lines if not (without and each.startswith(without)))
    return (kept + more).encode() + b"\r\n"


def response(key: str = KEY, more: str = "") -> bytes:
    """A right response to a key."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_value(key)}\r\n{more}\r\n"
    ).encode()


class Raw:
    """A plain socket, connected to a server of ours or accepted from a client of ours; reads frames, too."""

    def __init__(self, socket: system.socket, *, is_server: bool = False) -> None:
        self.socket = socket
        socket.settimeout(20)
        self.told: list[tuple[Any, ...]] = []
        self._parser = Parser(self, is_server=is_server)
        self.rest = b""
        self._seen = 0  # how many of these `until` has looked at

    @classmethod
    def to(cls, port: int, first: bytes | None = None, *, head: bytes = b"") -> Raw:
        """Connect, and ask for the upgrade; head: bytes in the same segment. first: what to send in place of it."""
        made = cls(system.create_connection(("127.0.0.1", port)))
        made.socket.sendall((request(port) if first is None else first) + head)
        if first is None:
            assert made.head().startswith(b"HTTP/1.1 101 ")
        return made

    def head(self) -> bytes:
        """Read the head of a message of HTTP."""
        while b"\r\n\r\n" not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                return self.rest
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def send(self, opcode: int, payload: bytes | str = b"", *, masked: bool = True, **how: Any) -> None:
        self.socket.sendall(encode(opcode, payload, key=MASK if masked else None, **how))

    def until(self, *kinds: str) -> tuple[Any, ...]:
        """Read frames until the next one of this kind; returns it. ``"end"``: the other side has ended."""
        while True:
            while self._seen < len(self.told):
                self._seen += 1
                if self.told[self._seen - 1][0] in kinds:
                    return self.told[self._seen - 1]
            data, self.rest = self.rest, b""
            try:
                data = data or self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                if "end" in kinds:
                    return ("end",)
                raise AssertionError(f"the other side ended; it said {self.told}")
            try:
                self._parser.feed(data)
            except ProtocolError as error:
                self.told.append(("fault", error.code))

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on_text(self, text: str) -> None:
        self.told.append(("text", text))

    def on_binary(self, data: bytes) -> None:
        self.told.append(("binary", data))

    def on_ping(self, data: bytes) -> None:
        self.told.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.told.append(("pong", data))

    def on_close(self, code: int, reason: str) -> None:
        self.told.append(("close", code, reason))


class RawServer:
    """A plain listening socket, for clients of ours. key: of the last request."""

    def __init__(self) -> None:
        self.socket = system.create_server(("127.0.0.1", 0))
        self.socket.settimeout(20)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/chat"
        self.request = b""

    def accept(self, answer: bytes | None = None, *, more: str = "", head: bytes = b"") -> Raw:
        """Take a connection and answer it; answer: in place of a right one. head: bytes behind the answer."""
        made = Raw(self.socket.accept()[0], is_server=True)
        self.request = made.head()
        made.socket.sendall((response(self.key, more) if answer is None else answer) + head)
        return made

    @property
    def key(self) -> str:
        return self.field("Sec-WebSocket-Key")

    def field(self, name: str) -> str:
        """The value of a field of the last request, or ""."""
        for line in self.request.decode().split("\r\n"):
            if line.lower().startswith(name.lower() + ":"):
                return line.partition(":")[2].strip()
        return ""

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
