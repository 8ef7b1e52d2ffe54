"""The parts of WebSocket frames in words: name, label, bits, why the part exists, and the RFC section.

Rule: data only. Names are Wireshark's; the three reserved bits, which it shows as one field, have names of ours.
"""

from __future__ import annotations

from labkit.packets.explain.base import Row, flag, one_of

OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
"""What a frame is, by its opcode; all others are reserved. Source: RFC 6455 §5.2."""

CLOSE_CODES = {
    1000: "normal closure", 1001: "going away", 1002: "protocol error", 1003: "unsupported data",
    1005: "no code was sent", 1006: "no close frame was sent", 1007: "data that does not fit its type",
    1008: "policy violation", 1009: "message too big", 1010: "an extension is missing", 1011: "internal error",
    1012: "service restart", 1013: "try again later", 1014: "bad gateway", 1015: "the TLS handshake failed",
}  # fmt: skip
"""Why a connection is closed. Source: RFC 6455 §7.4.1 and IANA's list of WebSocket close codes."""

NEVER_SENT = frozenset({1004, 1005, 1006, 1015})
"""Codes that no frame may carry: programs use them among themselves. Source: RFC 6455 §7.4.1."""

_FRAME, _MASKING, _CLOSE = "RFC 6455 §5.2", "RFC 6455 §5.3", "RFC 6455 §5.5.1"


def _bits(name: str, label: str, bits: int, why: str, rfc: str = _FRAME, **more: object) -> Row:
    return Row(f"websocket.{name}", label, bits, why, rfc, **more)  # type: ignore[arg-type]


FIN = _bits("fin", "FIN", 1, "Tells the last frame of a message from those before it.", kind="flag",
            meaning=flag("the last frame of its message", "more frames of this message follow"))
_RSV2 = _bits("rsv2", "RSV2", 1, "Reserved for an extension; 0 without one.", kind="flag")
_RSV3 = _bits("rsv3", "RSV3", 1, "Reserved for an extension; 0 without one.", kind="flag")
RSV = _bits("rsv", "Reserved", 3, "Three bits that extensions may use.", kind="hex", parts=(
    _bits("rsv1", "RSV1", 1, "Reserved for an extension; 0 without one.", kind="flag"), _RSV2, _RSV3))
RSV_COMPRESSED = _bits("rsv", "Reserved", 3, "Three bits that extensions may use.", kind="hex", parts=(
    _bits("pmc", "RSV1: compressed", 1, "permessage-deflate sets it in the first frame of a compressed message.",
          "RFC 7692 §6", kind="flag", meaning=flag("the message is compressed", "not compressed")), _RSV2, _RSV3))
OPCODE = _bits("opcode", "Opcode", 4, "Says what the frame is: data, or a control frame (8 and above).",
               meaning=one_of(OPCODES, "reserved"))
MASK = _bits("mask", "MASK", 1, "Says whether the payload is masked: a client's always is, a server's never.",
             kind="flag", meaning=flag("a key follows, and the payload is masked", "no key follows"))
LENGTH = _bits("payload_length", "Payload length", 7,
               "Bytes of payload up to 125; 126 and 127 say that a longer number follows.",
               meaning=one_of({126: "the next 16 bits have the length", 127: "the next 64 bits have the length"},
                              "bytes of payload"))
LENGTH_16 = _bits("payload_length_ext_16", "Extended payload length", 16,
                  "A length from 126 up to 65,535 bytes.", meaning="bytes of payload")
LENGTH_64 = _bits("payload_length_ext_64", "Extended payload length", 64,
                  "A length of 65,536 bytes or more; its first bit is 0.", meaning="bytes of payload")
KEY = _bits("masking_key", "Masking key", 32,
            "Four random bytes: byte i of the payload is XORed with byte i modulo 4 of the key.", _MASKING,
            kind="bytes", volatile=True, shown=lambda value, _: value.hex(" ") if isinstance(value, bytes) else "",
            meaning="another one in each frame, so that a page cannot choose the bytes on the wire")
MASKED = _bits("masked_payload", "Masked payload", 0, "The payload, XORed with the key.", _MASKING, volatile=True)
PAYLOAD = _bits("payload", "Payload", 0, "What the frame carries, as it is.")

CONTINUATION = _bits("payload.continue", "Continuation", 0, "A part of a message that began in an earlier frame.",
                     "RFC 6455 §5.4")
TEXT = _bits("payload.text", "Text", 0, "Text in UTF-8.", "RFC 6455 §5.6")
BINARY = _bits("payload.binary", "Binary", 0, "Bytes whose meaning the two programs know.", "RFC 6455 §5.6")
CLOSE = _bits("payload.close", "Close", 0, "Says why the sender closes.", _CLOSE)
STATUS_CODE = _bits("payload.close.status_code", "Status code", 16, "Why, as a number.", "RFC 6455 §7.4")
REASON = _bits("payload.close.reason", "Reason", 0, "Why, in words for people; UTF-8.", _CLOSE)
PING = _bits("payload.ping", "Ping", 0, "The pong that answers has the same bytes.", "RFC 6455 §5.5.2")
PONG = _bits("payload.pong", "Pong", 0, "The same bytes as in the ping that it answers.", "RFC 6455 §5.5.3")
UNKNOWN = _bits("payload.unknown", "Unknown", 0, "An opcode without a meaning, so its payload has none.")
PACKED = _bits("payload.compressed", "Compressed", 0,
               "A part of a compressed message: only the whole message can be inflated.", "RFC 7692 §6")

INSIDE = {0: CONTINUATION, 1: TEXT, 2: BINARY, 8: CLOSE, 9: PING, 10: PONG}
"""What the payload of a frame is, by its opcode."""


def code_words(code: int) -> str:
    """What a close code says."""
    known = CLOSE_CODES.get(code)
    if code in NEVER_SENT:
        return f"{known or 'reserved'}: a code that must not stand in a frame"
    if known:
        return known
    if 3000 <= code < 4000:
        return "registered by a library or a framework"
    return "agreed on by the two programs" if 4000 <= code < 5000 else "not defined"


def code_allowed(code: int) -> bool:
    """Whether a close frame may carry this code. Source: RFC 6455 §7.4.2."""
    return code not in NEVER_SENT and (1000 <= code <= 1014 or 3000 <= code < 5000)
