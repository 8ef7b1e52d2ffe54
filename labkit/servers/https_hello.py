"""The chapter's HTTPS server: Hello World over TLS (T-5.8).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import ca, http, https

PORT = 8443
HELLO = "Hello World\n"
NAMES = ("localhost", "127.0.0.1", "::1")


def hello(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Answer one request, as without TLS."""
    response.write_head(200, {"Content-Type": "text/plain"})
    response.end(HELLO)


def create() -> https.Server:
    """Make the server; it serves after ``listen(8443)``. Its certificate is signed by the CA of this machine."""
    own = ca.mine().issue(*NAMES)
    return https.create_server(hello, key=own, cert=own)
