"""Tapes of HTTP made by hand: real frames, so that streams and messages are found as in a capture."""

from __future__ import annotations

import struct

from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.model import SocketEvent, Verdict

HOST = ("127.0.0.1", 1337)
PORT = 50001
GET = b"GET / HTTP/1.1\r\nHost: localhost:1337\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
HELLO = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 20:00:00 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 13\r\n\r\nHello, World\n"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n"
    b"6\r\nHello \r\n5;why=no\r\nWorld\r\n0\r\nSum: 11\r\n\r\n"
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}


class Wire:
    """Writes frames step by step: ``Wire().open(0).client(50, GET).server(90, HELLO).tape()``. Times are µs."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes, int, int, int]] = []
        self.events: list[SocketEvent] = []
        self.verdicts: dict[int, Verdict] = {}
        self.next: dict[tuple[int, str], int] = {}

    def _send(self, at_us: float, who: str, flags: str, data: bytes, port: int, *, captured: bool = True) -> Wire:
        other = "server" if who == "client" else "client"
        seq, ack = self.next.get((port, who), 0), self.next.get((port, other), 0)
        ends = (port, HOST[1]) if who == "client" else (HOST[1], port)
        bits = sum(_FLAGS[flag] for flag in flags)
        tcp = struct.pack("!HHIIBBHHH", *ends, 1000 + seq, 1000 + ack if "A" in flags else 0, 80, bits, 65535, 0, 0)
        size = 20 + len(tcp) + len(data)
        address = b"\x7f\0\0\1"
        ip = struct.pack("!BBHHHBBH4s4s", 69, 0, size, len(self.frames), 0, 64, 6, 0, address, address)
        if captured:
            raw = ip + tcp + data
            self.frames.append((round(at_us * 1000), raw, 101, 0, len(raw)))
        self.next[port, who] = seq + len(data) + ("S" in flags) + ("F" in flags)
        return self

    def open(self, at_us: float = 0, port: int = PORT) -> Wire:
        self._send(at_us, "client", "S", b"", port)._send(at_us + 15, "server", "SA", b"", port)
        return self._send(at_us + 25, "client", "A", b"", port)

    def client(self, at_us: float, data: bytes = b"", port: int = PORT, flags: str = "PA") -> Wire:
        return self._send(at_us, "client", flags, data, port)

    def server(self, at_us: float, data: bytes = b"", port: int = PORT, flags: str = "PA") -> Wire:
        return self._send(at_us, "server", flags, data, port)

    def missed(self, who: str, data: bytes, port: int = PORT) -> Wire:
        """A segment that was sent and not captured."""
        return self._send(0, who, "PA", data, port, captured=False)

    def ack(self, at_us: float, who: str, port: int = PORT) -> Wire:
        return self._send(at_us, who, "A", b"", port)

    def close(self, at_us: float, port: int = PORT) -> Wire:
        self._send(at_us, "client", "FA", b"", port)._send(at_us + 20, "server", "FA", b"", port)
        return self._send(at_us + 30, "client", "A", b"", port)

    def event(
        self, at_us: float, who: str, name: str, size: int | None = None, *, call: bool = False, detail: str = "",
        port: int | None = PORT,
    ) -> Wire:  # fmt: skip
        client = None if port is None else (HOST[0], port)
        near, far = (client, HOST) if who == "client" else (HOST, client)
        self.events.append(
            SocketEvent(round(at_us * 1000), who, name, size, "call" if call else "event", near, far, detail)
        )
        return self

    def tape(self, origin: str = "live from lo (AF_PACKET ring)") -> Tape:
        recording = Recording(self.frames, tuple(self.events), ports=(HOST[1],), verdicts=self.verdicts)
        return Tape(recording, origin=origin)


def hello() -> Tape:
    """One request, one answer, with the events of the sockets."""
    run = Wire().event(-300, "client", "connect", call=True).open().event(60, "client", "connect")
    run.event(70, "server", "connection").event(90, "client", "write", len(GET), call=True)
    run.client(110, GET).ack(118, "server").event(300, "server", "request", detail="GET /")
    run.event(330, "server", "write", len(HELLO), call=True).server(350, HELLO).ack(356, "client")
    run.event(500, "client", "data", len(HELLO)).event(560, "client", "end", call=True).close(590)
    return run.event(700, "server", "close").event(720, "client", "close").tape()


def upload() -> Tape:
    """A request that waits for 100 Continue, whose body comes in a packet of its own after a pause."""
    head = b"POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
    run = Wire().open().client(100, head).ack(105, "server").server(300, CONTINUE).ack(305, "client")
    run.client(60_300, b"hello world").ack(60_310, "server").server(60_500, CHUNKED[:70]).ack(60_505, "client")
    return run.server(90_700, CHUNKED[70:]).ack(90_710, "client").close(91_000).tape()


def pipelined() -> Tape:
    """Three requests in one packet, and their answers in two."""
    asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3))
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number for number in range(3)]
    run = Wire().open().client(100, asked).ack(105, "server").server(200, answers[0] + answers[1])
    return run.ack(205, "client").server(300, answers[2]).ack(305, "client").close(400).tape()


def pool(requests: int = 10, sockets: int = 5, wait_us: float = 100_000) -> Tape:
    """Requests at a slow server, over so many connections; each waits for a connection that is free."""
    run = Wire()
    free = [0.0] * sockets
    steps: list[tuple[float, str, int, bytes]] = []
    for socket in range(min(sockets, requests)):
        run.open(socket * 40, PORT + socket)
        free[socket] = socket * 40 + 60
    for number in range(requests):
        socket = free.index(min(free[: min(sockets, requests)]))
        asked = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
        steps.append((free[socket], "client", PORT + socket, asked))
        steps.append((free[socket] + wait_us, "server", PORT + socket, answer))
        steps.append((free[socket] + wait_us * 1.3, "server", PORT + socket, b"done"))
        free[socket] += wait_us * 1.3 + 120
    for at_us, who, port, data in sorted(steps):
        (run.client if who == "client" else run.server)(at_us, data, port)
    return run.tape()
