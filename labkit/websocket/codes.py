"""The numbers of WebSocket and their names: opcodes, close codes; and the error of a peer that breaks the rules.

Rule: values only; imports nothing but labkit's errors.
"""

from __future__ import annotations

from typing import Any

from labkit.core.errors import LabError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

OPCODES = {
    CONTINUATION: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong",
}  # fmt: skip
"""Opcode -> name. The others (3 to 7, 11 to 15) are reserved. Source: RFC 6455 section 5.2."""

CLOSE_CODES = {
    1000: "normal closure", 1001: "going away", 1002: "protocol error", 1003: "unsupported data",
    1005: "no status received", 1006: "abnormal closure", 1007: "invalid payload data", 1008: "policy violation",
    1009: "message too big", 1010: "mandatory extension", 1011: "internal error", 1012: "service restart",
    1013: "try again later", 1014: "bad gateway", 1015: "TLS handshake",
}  # fmt: skip
"""Close code -> name. Source: RFC 6455 section 7.4.1, and IANA's registry for 1012 to 1014."""

NEVER_SENT = frozenset({1005, 1006, 1015})
"""Codes that only a program is told, never a peer: no frame carries them. Source: RFC 6455 section 7.4.1."""


def may_be_sent(code: int) -> bool:
    """Whether a close frame may carry this code: a known one, or 3000 to 4999 (libraries and programs).

    Source: RFC 6455 section 7.4.
    """
    return (code in CLOSE_CODES and code not in NEVER_SENT) or 3000 <= code <= 4999


class ProtocolError(LabError):
    """What a peer sent breaks a rule of RFC 6455, or a limit. code: the close code that answers it (1002, 1007, 1009).

    Unlike the code of other errors of labkit, it is a number.
    """

    code: Any = 1002

    def __init__(self, code: int, what: str, todo: str = "") -> None:
        super().__init__(what, todo)
        self.code = code
