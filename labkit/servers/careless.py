"""A careless proxy and a careless server behind it: each reads HTTP in its own way (RFC 9112, section 11.2).

Rule: wrong on purpose, and short; what each of them leaves out stands in its docstring. Only for loopback.
"""

from __future__ import annotations

from labkit import net

PORT, BEHIND = 1350, 1351
Request = tuple[str, bytes]
"""(start line, everything from the start line to the end of the body)."""


def _head(data: bytes) -> tuple[str, dict[str, str], bytes] | None:
    """The start line, the fields and what lies behind them; None if the head has not come yet."""
    head, empty, rest = data.partition(b"\r\n\r\n")
    if not empty:
        return None
    start, *lines = head.decode("latin-1").split("\r\n")
    return start, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, rest


def by_length(data: bytes) -> Request | None:
    """The first request in some bytes. Careless: it looks at Content-Length alone."""
    if (found := _head(data)) is None:
        return None
    start, fields, rest = found
    length = int(fields.get("content-length", "0"))
    if len(rest) < length:
        return None
    return start, data[: len(data) - len(rest) + length]


def by_chunks(data: bytes) -> Request | None:
    """The first request in some bytes. Careless: if there are chunks, it does not mind that there is a length, too."""
    if (found := _head(data)) is None:
        return None
    start, fields, rest = found
    if fields.get("transfer-encoding") != "chunked":
        return by_length(data)
    at = len(data) - len(rest)
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end], 16)
        at = end + 2 + size + 2
        if size == 0:
            return start, data[:at]
    return None


def create_proxy(log: list[str], behind: int = BEHIND, forbidden: str = "/admin") -> net.Server:
    """A proxy that lets everybody pass, except to one target. log: gets the start line of each request that it saw.

    behind: the port of the server that it protects.
    """

    def serve(client: net.Socket) -> None:
        server = net.connect(behind)
        server.pipe(client)
        waiting = b""

        @client.on("data")
        def forward(data: bytes) -> None:
            nonlocal waiting
            waiting += data
            while (request := by_length(waiting)) is not None:
                start, whole = request
                waiting = waiting[len(whole) :]
                log.append(start)
                if start.split()[1] == forbidden:
                    client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                else:
                    server.write(whole)

        client.on("end", server.end)
        client.on("close", lambda *_: server.destroy())

    return net.create_server(serve, allow_half_open=True)


def create_server(log: list[str]) -> net.Server:
    """A server that answers each request with its start line. log: gets the start line of each request that it saw."""

    def serve(socket: net.Socket) -> None:
        waiting = b""

        @socket.on("data")
        def answer(data: bytes) -> None:
            nonlocal waiting
            waiting += data
            while (request := by_chunks(waiting)) is not None:
                start, whole = request
                waiting = waiting[len(whole) :]
                log.append(start)
                body = f"you asked: {start}\n"
                socket.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    return net.create_server(serve)
