"""The TLS echo server: it asks for a client's certificate, and says whether it trusts it (T-5.6).

Rule: short enough to be read in a lesson.
"""

from __future__ import annotations

from labkit import ca, tls

PORT = 8000
WELCOME = "welcome!\n"
NAMES = ("localhost", "127.0.0.1", "::1")


def greet(socket: tls.TLSSocket) -> None:
    """Serve one client whose handshake is done: a first line, then all that comes goes back."""
    error = socket.authorization_error
    print(f"A client has connected: {'authorized' if error is None else f'unauthorized ({error.code})'}.", flush=True)
    socket.write(WELCOME)
    socket.pipe(socket)


def create() -> tls.Server:
    """Make the server; it serves after ``listen(8000)``. Its certificate, and those it trusts, are of `ca.mine`."""
    authority = ca.mine()
    own = authority.issue(*NAMES)
    return tls.create_server(greet, key=own, cert=own, ca=authority, request_cert=True, reject_unauthorized=False)
