"""A forward proxy: ``curl -x http://127.0.0.1:8080 ...`` has its requests sent on; CONNECT opens a tunnel.

Rule: short enough to be read in a lesson. It forwards to whatever address it is asked for: listen on this machine only.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from labkit import http, net

PORT = 8080
HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
"""Fields about one connection, which a proxy does not pass on (RFC 9110 section 7.6.1)."""


def tunnel(request: http.IncomingMessage, client: net.Socket, first: bytes) -> None:
    """CONNECT: join the client to whom it asks for; the proxy no longer looks at what they say (RFC 9110 9.3.6)."""
    host, _, port = request.url.rpartition(":")
    target = net.Socket(allow_half_open=True)

    def connected() -> None:
        client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        target.write(first)
        target.pipe(client)
        client.pipe(target)

    def failed(error: Exception) -> None:
        if not target.bytes_read and not client.closed:
            client.end("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    target.on("error", failed)
    target.on("close", lambda had_error: had_error or client.end())
    client.on("error", lambda error: target.destroy())
    client.on("close", lambda had_error: target.destroy())
    target.connect(int(port), host.strip("[]"), on_connect=connected)


def passed_on(message: http.IncomingMessage) -> list[tuple[str, str]]:
    """The fields that are passed on: neither those of one connection, nor those that Connection names."""
    named = {each.strip().lower() for each in message.headers.get("connection", "").split(",")}
    raw = message.raw_headers
    return [
        (name, value) for name, value in zip(raw[::2], raw[1::2], strict=True)
        if name.lower() not in HOP_BY_HOP | named | {"host"}
    ]  # fmt: skip


def forward(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Send a request in absolute-form on to its host, and the answer back (RFC 9112 section 3.2.2)."""
    url = urlsplit(request.url)
    if url.scheme != "http" or not url.hostname:
        response.write_head(400, {"Content-Type": "text/plain"})
        response.end("This is a proxy: ask it for a whole URL, http://host/path.\n")
        return
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    fields = [("Host", url.netloc), *passed_on(request)]
    onward = http.request(
        host=url.hostname, port=url.port or 80, method=request.method, path=path, headers=fields, agent=False
    )

    @onward.on("response")
    def answer(incoming: http.IncomingMessage) -> None:
        assert incoming.status_code is not None
        response.write_head(incoming.status_code, incoming.status_message, passed_on(incoming))
        incoming.pipe(response)
        incoming.on("aborted", response.destroy)

    @onward.on("error")
    def failed(error: Exception) -> None:
        if response.headers_sent:
            response.destroy()
        else:
            response.write_head(502, {"Content-Type": "text/plain"})
            response.end(f"{error}\n")

    response.on("close", lambda *_: onward.destroy())
    request.pipe(onward)


def create() -> http.Server:
    """Make the proxy; it serves after ``listen(8080)``."""
    server = http.create_server(forward)
    server.on("connect", tunnel)
    return server
