"""TLS servers and clients with the events of Node's tls module (chapter 7.5).

Rule: what lies above and below stays as it is; TLS stands between TCP and the socket.

    server = tls.create_server(lambda socket: socket.pipe(socket), key="key.pem", cert="cert.pem").listen(8000)
    client = tls.connect(8000, "localhost", ca="ca.pem")

Called from a notebook cell, `connect` returns when the handshake is done, or raises in that cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

if TYPE_CHECKING:
    from labkit.tls.connecting import connect, secure
    from labkit.tls.context import SecureContext, create_secure_context
    from labkit.tls.errors import BadPEM, CertificateError, TLSError, Truncated
    from labkit.tls.server import Server, create_server
    from labkit.tls.session import Session
    from labkit.tls.socket import TLSSocket

__all__ = [
    "BadPEM", "CertificateError", "SecureContext", "Server", "Session", "TLSError", "TLSSocket", "Truncated",
    "connect", "create_secure_context", "create_server", "secure",
]  # fmt: skip

_HOMES = {
    "BadPEM": "errors", "CertificateError": "errors", "SecureContext": "context", "Server": "server",
    "Session": "session", "TLSError": "errors", "TLSSocket": "socket", "Truncated": "errors",
    "connect": "connecting", "create_secure_context": "context", "create_server": "server", "secure": "connecting",
}  # fmt: skip

# Every lesson imports the options, for WebSocket: it needs nothing of OpenSSL for that.
__getattr__, __dir__ = lazy.names(__name__, _HOMES)
