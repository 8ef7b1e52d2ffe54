"""What a ClientHello offers by ALPN: the one thing of it that a server must know before OpenSSL has answered.

Rule: bytes in, names out; whatever the bytes are, it raises nothing.

Python's ssl goes on without a protocol if there is none in common; RFC 7301 section 3.2 wants an alert.
"""

from __future__ import annotations

HANDSHAKE, CLIENT_HELLO, ALPN = 22, 1, 16


def offered(sent: bytes) -> list[str] | None:
    """The protocols that a client offers, or None if it does not use ALPN. sent: its first bytes, records and all.

    Source: RFC 8446 section 4.1.2, RFC 7301 section 3.1.
    """
    body = _message(sent)
    at = 2 + 32  # the version, the random
    at += 1 + int.from_bytes(body[at : at + 1])  # the session id
    at += 2 + int.from_bytes(body[at : at + 2])  # the cipher suites
    at += 1 + int.from_bytes(body[at : at + 1])  # the compression methods
    end = at + 2 + int.from_bytes(body[at : at + 2])
    at += 2
    while at + 4 <= min(end, len(body)):
        kind, size = int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4])
        if kind == ALPN:
            return _names(body[at + 6 : at + 4 + size])
        at += 4 + size
    return None


def _message(sent: bytes) -> bytes:
    """The body of the ClientHello, which may lie in several records."""
    joined, at = b"", 0
    while at + 5 <= len(sent) and sent[at] == HANDSHAKE:
        size = int.from_bytes(sent[at + 3 : at + 5])
        joined += sent[at + 5 : at + 5 + size]
        at += 5 + size
    return joined[4 : 4 + int.from_bytes(joined[1:4])] if joined[:1] == bytes([CLIENT_HELLO]) else b""


def _names(listed: bytes) -> list[str]:
    found, at = [], 0
    while at < len(listed):
        size = listed[at]
        found.append(listed[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    return found
