"""A TLS server for one question: it shows a certificate, answers `ok`, and says what the client told it.

Rule: Python's own `ssl` in a thread, on a free port of 127.0.0.1; what it says is what it saw, first connection first.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

ALERTS = {
    "close_notify": 0, "unexpected_message": 10, "bad_record_mac": 20, "record_overflow": 22, "handshake_failure": 40,
    "bad_certificate": 42, "unsupported_certificate": 43, "certificate_revoked": 44, "certificate_expired": 45,
    "certificate_unknown": 46, "illegal_parameter": 47, "unknown_ca": 48, "access_denied": 49, "decode_error": 50,
    "decrypt_error": 51, "protocol_version": 70, "insufficient_security": 71, "internal_error": 80,
    "inappropriate_fallback": 86, "user_canceled": 90, "missing_extension": 109, "unsupported_extension": 110,
    "unrecognized_name": 112, "bad_certificate_status_response": 113, "unknown_psk_identity": 115,
    "certificate_required": 116, "no_application_protocol": 120,
}  # fmt: skip
"""Each alert and its number (RFC 8446 section 6)."""
_OPENSSLS_NAMES = {name.replace("_", ""): name for name in ALERTS}
PATIENCE = 20.0
"""Seconds that the server waits for the next word of a client."""
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def alert_of(error: ssl.SSLError) -> str:
    """``"alert 48 unknown_ca"`` if this error is an alert of the peer, else ``""``."""
    # OpenSSL writes TLSV1_ALERT_UNKNOWN_CA, SSLV3_ALERT_BAD_CERTIFICATE, TLSV13_ALERT_CERTIFICATE_REQUIRED.
    _, found, word = (error.reason or "").partition("_ALERT_")
    if not found:
        return ""
    name = _OPENSSLS_NAMES.get(word.lower().replace("_", ""), word.lower())
    number = ALERTS.get(name)
    return f"alert {number} {name}" if number is not None else f"alert {name}"


class Listener:
    """The server. cert, key: files. weak: also shows what OpenSSL finds too weak. port: where it listens.

    said: for each connection, in order, what it saw: ``"alert 48 unknown_ca"``, ``"a request, and answered it"``,
    ``"the end of the connection, without an alert"``.
    """

    def __init__(self, cert: Path, key: Path, *, weak: bool = False, version: ssl.TLSVersion | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if weak:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(cert, key)
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.said: list[str] = []
        self._threads: list[threading.Thread] = []
        self._main = threading.Thread(target=self._accept, name="labkit-ca-listener", daemon=True)
        self._main.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed: the question is over
                return
            connection.settimeout(PATIENCE)
            self.said.append("")
            place = len(self.said) - 1
            thread = threading.Thread(target=self._serve, args=(connection, place), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, place: int) -> None:
        try:
            saw = self._talk(connection)
        except OSError as error:
            saw = alert_of(error) if isinstance(error, ssl.SSLError) else ""
            saw = saw or _in_words(error)
        self.said[place] = saw

    def _talk(self, connection: socket.socket) -> str:
        with self._context.wrap_socket(connection, server_side=True) as tls:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = tls.recv(4096)
                if not piece:
                    return "the handshake, then close_notify without a request"
                request += piece
            tls.sendall(_ANSWER)
            with contextlib.suppress(OSError):  # the answer is out; how the client leaves is its own matter
                tls.unwrap()
            return "a request, and answered it"

    def close(self) -> None:
        """Stop listening, and wait until each connection has ended: its client has ended before."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        self._socket.close()
        self._main.join()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def listening(cert: Path, key: Path, *, weak: bool = False) -> Iterator[Listener]:
    """A `Listener` for the length of a block."""
    listener = Listener(cert, key, weak=weak)
    try:
        yield listener
    finally:
        listener.close()


def _in_words(error: OSError) -> str:
    # Python 3.11.2, Debian's, says SSLZeroReturnError if TCP ends during the handshake.
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)):
        return "the end of the connection, without an alert"
    if isinstance(error, TimeoutError):
        return f"nothing for {PATIENCE:g} s"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error)
