"""The numbers of WebSocket and their names: opcodes, close codes; and the error of a peer that breaks the rules.

Rule: values only; knows neither frames nor sockets.
"""

from __future__ import annotations

from typing import Any

from labkit.core import checks
from labkit.core.errors import BadArgument, LabError

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


def close_payload(code: int | None, reason: str = "") -> bytes:
    """The payload of a close frame: a code in 2 bytes, and a reason in UTF-8; nothing if the code is None.

    Raises `BadArgument` for a code that no frame may carry, and a reason of more than 123 bytes.
    Source: RFC 6455 section 5.5.1.
    """
    if code is None:
        if reason:
            raise BadArgument("a reason needs a close code before it", 'close(1000, "reason").')
        return b""
    if not checks.is_whole(code) or not may_be_sent(code):
        known = ", ".join(str(each) for each in CLOSE_CODES if may_be_sent(each))
        raise BadArgument(
            f"{checks.shown(code)} is not a close code that a frame may carry", f"Give one of {known}, or 3000 to 4999."
        )
    words = checks.data(checks.text(reason, "a reason"), "sent")
    if len(words) > 123:
        raise BadArgument(f"this reason has {len(words)} bytes", "A close frame has room for 123.")
    return code.to_bytes(2, "big") + words


class ProtocolError(LabError):
    """What a peer sent breaks a rule of RFC 6455, or a limit. code: the close code that answers it (1002, 1007, 1009).

    Unlike the code of other errors of labkit, it is a number.
    """

    code: Any = 1002

    def __init__(self, code: int, what: str, todo: str = "") -> None:
        super().__init__(what, todo)
        self.code = code
