"""WebSocket connections made by hand, each for one question: lengths, fragments, masks, compression, broken rules.

Rule: data only. A scene is what the two sides say, as in `dialogs.talk`; frames are packed here with struct.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib

from tests.packets.dialogs import Turn

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MASK = b"\x11\x22\x33\x44"


def ask(extra: bytes = b"") -> bytes:
    """The request of a handshake, with more header lines."""
    return (
        b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + KEY
        + b"\r\nSec-WebSocket-Version: 13\r\n" + extra + b"\r\n"
    )  # fmt: skip


def yes(extra: bytes = b"") -> bytes:
    """The answer to it."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + base64.b64encode(hashlib.sha1(KEY + GUID).digest()) + b"\r\n" + extra + b"\r\n"
    )  # fmt: skip


def frame(
    opcode: int, data: bytes = b"", *, fin: int = 1, mask: bytes = MASK, rsv: int = 0, form: int = 0,
    length: int | None = None,
) -> bytes:  # fmt: skip
    """A frame of a client. form: 7, 16 or 64: bits of its length, 0: the shortest. length: another one than it has."""
    size = len(data) if length is None else length
    form = form or (7 if size < 126 else 16 if size < 65536 else 64)
    bit = 0x80 if mask else 0
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if form == 7:
        head += bytes([bit | size])
    else:
        head += bytes([bit | (126 if form == 16 else 127)]) + struct.pack("!H" if form == 16 else "!Q", size)
    return head + mask + (bytes(byte ^ mask[at & 3] for at, byte in enumerate(data)) if mask else data)


def plain(opcode: int, data: bytes = b"", *, fin: int = 1, rsv: int = 0, form: int = 0) -> bytes:
    """A frame of a server: without a mask."""
    return frame(opcode, data, fin=fin, mask=b"", rsv=rsv, form=form)


class Deflating:
    """Compresses messages of one direction. fresh: without context takeover. bits: of the window."""

    def __init__(self, *, fresh: bool = False, bits: int = 15) -> None:
        self.fresh, self.bits = fresh, bits
        self.packer = zlib.compressobj(wbits=-bits)

    def __call__(self, data: bytes) -> bytes:
        if self.fresh:
            self.packer = zlib.compressobj(wbits=-self.bits)
        return (self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def pieces(data: bytes, size: int = 1) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


UP: list[Turn] = [("c", ask()), ("s", yes())]
BYE: list[Turn] = [("c", frame(8, b"\x03\xe8bye")), ("s", plain(8, b"\x03\xe8bye"))]
OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate%s\r\n"
PACKED: list[Turn] = [("c", ask(OFFER)), ("s", yes(DEFLATE % b""))]
FRESH: list[Turn] = [
    ("c", ask(OFFER)), ("s", yes(DEFLATE % b"; server_no_context_takeover; client_no_context_takeover")),
]  # fmt: skip
HELLO = b"hello hello hello hello"


def up(*turns: Turn) -> list[Turn]:
    """A whole connection: the handshake, these turns, and the close frames."""
    return [*UP, *turns, *BYE]


def _packed_scenes() -> dict[str, list[Turn]]:
    client, server = Deflating(), Deflating()
    one = Deflating()(HELLO)
    return {
        "deflate": [
            *PACKED, ("c", frame(1, client(HELLO), rsv=4)), ("s", plain(1, server(HELLO), rsv=4)),
            ("c", frame(1, client(HELLO), rsv=4)), ("s", plain(1, server(HELLO), rsv=4)), ("c", frame(1, b"plain")),
            *BYE,
        ],
        "deflate, fresh": [
            *FRESH, ("c", frame(1, one, rsv=4)), ("c", frame(1, one, rsv=4)), ("s", plain(1, one, rsv=4)),
            ("s", plain(1, one, rsv=4)), *BYE,
        ],
    }  # fmt: skip


SCENES: dict[str, list[Turn]] = {
    "text": up(("c", frame(1, b"hello world!")), ("s", plain(1, b"yakexi"))),
    "binary": up(("c", frame(2, bytes(range(100)))), ("s", plain(2, bytes(range(100))))),
    "lengths": up(
        ("c", frame(1, b"x" * 125)), ("c", frame(1, b"x" * 126)), ("s", plain(1, b"y" * 300)),
        ("s", plain(2, b"y" * 1000)),
    ),
    "64 bits": up(("s", pieces(plain(2, bytes(70000)), 1460)), ("c", pieces(frame(2, b"z" * 66000), 1460))),
    "long forms": up(("s", plain(1, b"abc", form=16)), ("s", plain(1, b"abc", form=64))),
    "fragments and a ping": up(
        ("c", frame(1, b"hel", fin=0)), ("c", frame(9, b"ping!")), ("s", plain(10, b"ping!")),
        ("c", frame(0, b"lo ", fin=0)), ("c", frame(0, b"world")), ("s", plain(1, b"hello world")),
    ),
    "fragments in one segment": up(
        ("s", plain(1, b"hel", fin=0) + plain(9, b"p") + plain(0, b"lo ", fin=0) + plain(0, b"you")),
        ("c", frame(10, b"p")),
    ),
    "close without a code": [*UP, ("c", frame(8)), ("s", plain(8))],
    "close of one byte": [*UP, ("c", frame(8, b"\x03"))],
    "close without a reason": [*UP, ("c", frame(8, b"\x03\xe9")), ("s", plain(8, b"\x03\xe9"))],
    "many in a segment": up(
        ("c", frame(1, b"a") + frame(1, b"bb") + frame(2, b"ccc") + frame(9)),
        ("s", plain(10) + plain(1, b"dddd") + plain(1)),
    ),
    "byte by byte": up(
        ("c", pieces(frame(1, b"hello there, in pieces"))), ("s", pieces(plain(1, b"abcdefgh"))),
    ),
    "segments across frames": up(
        ("c", pieces(frame(1, b"the first one") + frame(1, b"the second one") + frame(2, b"third"), 11)),
    ),
    "masks the wrong way round": up(("s", frame(1, b"masked by the server")), ("c", plain(1, b"unmasked"))),
    "reserved opcodes": up(("c", frame(3, b"abc")), ("s", plain(11, b"def"))),
    "reserved bits": up(("c", frame(1, b"abc", rsv=2)), ("s", plain(1, b"def", rsv=5))),
    "not UTF-8": up(("c", frame(1, b"ab\xff\xfe\xc3")), ("s", plain(1, "grüße €".encode()))),
    "101 and a frame in one segment": [
        ("c", ask()), ("s", yes() + plain(1, b"at once")), ("c", frame(1, b"hi")), *BYE,
    ],
    "subprotocol": [
        ("c", ask(b"Sec-WebSocket-Protocol: chat, superchat\r\n")), ("s", yes(b"Sec-WebSocket-Protocol: chat\r\n")),
        ("c", frame(1, b"{}")), *BYE,
    ],
    **_packed_scenes(),
}  # fmt: skip
"""Scenes in which tshark and labkit find the same frames."""
