"""A WebSocket frame as a form: its header, its payload as it was sent, and the payload without the mask.

Rule: the mask changes each byte by itself, so a bit of the payload without the mask has the place of the masked bit.
Source: RFC 6455 §5.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from labkit.packets.drafts.rights import Right, put
from labkit.packets.explain import websocket, websocket_rows
from labkit.packets.explain.found import FoundFrame
from labkit.packets.explain.reader import Reader, whole
from labkit.packets.explain.websocket_deflate import Agreed
from labkit.packets.model import Field, Layer

_SMALL, _MEDIUM = 125, 0xFFFF  # the largest lengths in 7 and in 16 bits
_LENGTH, _EXTENDED = websocket_rows.LENGTH.name, (websocket_rows.LENGTH_16.name, websocket_rows.LENGTH_64.name)


@dataclass(frozen=True)
class WebSocketForm:
    """One WebSocket frame. client: who sends it, since a client masks and a server does not.

    packed: its message is compressed. agreed: extensions of the connection, None if not known.
    """

    client: bool = True
    packed: bool = False
    agreed: Agreed | None = None
    linktype = -1
    carrier = "connection"

    def _found(self) -> FoundFrame:
        return FoundFrame("", self.client, 0, packed=self.packed, masks=self.client, agreed=self.agreed)

    def layers(self, raw: bytes) -> tuple[Layer, ...]:
        """As `Form.layers`."""
        if not raw:
            return ()
        reader, found = Reader(raw), self._found()
        whole(reader, websocket.frame, found)
        layers = [_layer("WebSocket", "WebSocket", reader.fields, raw, 0)]
        if found.masked and found.payload[1] > found.payload[0]:
            plain = websocket.unmasked(raw, found)
            inside = Reader(plain)
            whole(inside, websocket.content, found)
            start = found.payload[0]
            fields = [_moved(each, start * 8) for each in inside.fields]
            layers.append(_layer("Payload", "The payload without its mask", fields, plain, start))
        behind = found.payload[1] or len(raw)
        if behind < len(raw):
            rest = raw[behind:]
            item = Field("data.data", "Behind the frame", behind * 8, len(rest) * 8, rest, f"{len(rest)} bytes")
            layers.append(_layer("Payload", "Behind the frame", [item], rest, behind))
        return tuple(layers)

    def rights(self, raw: bytes) -> list[Right]:
        """As `Form.rights`: the length, in the shortest form that has room for it."""
        if len(raw) < 2:
            return []
        extra, size = _header(raw)
        there = max(0, len(raw) - size)
        found = [Right(_LENGTH, 9, 7, there if there <= _SMALL else 126 if there <= _MEDIUM else 127)]
        if extra and len(raw) >= 2 + extra:
            found.append(Right(_EXTENDED[extra == 8], 16, extra * 8, there))
        return found

    def mended(self, raw: bytes, left: Collection[str]) -> bytes:
        """As `Form.mended`; the header becomes longer or shorter with the length."""
        extra, size = _header(raw) if len(raw) >= 2 else (0, 0)
        if len(raw) < max(2, size):
            return raw
        there = len(raw) - size
        if _LENGTH in left:
            named = _EXTENDED[extra == 8]
            return raw if not extra or named in left else put(raw, 16, extra * 8, there)
        if any(name in left for name in _EXTENDED) and extra:
            return raw
        words = 0 if there <= _SMALL else 2 if there <= _MEDIUM else 8
        short = there if not words else 126 if words == 2 else 127
        head = raw[:1] + bytes((raw[1] & 0x80 | short,)) + (there.to_bytes(words, "big") if words else b"")
        return head + raw[2 + extra :]

    def rewritten(self, raw: bytes, field: Field, value: int | bytes) -> bytes | None:
        """As `Form.rewritten`: what is without the mask is masked again."""
        found = self._found()
        whole(Reader(raw, keep=False), websocket.frame, found)
        if not found.masked or not field.name.startswith(websocket_rows.PAYLOAD.name + "."):
            return None
        first, after = found.payload
        plain = websocket.unmasked(raw, found)
        at, end = field.start // 8 - first, field.end // 8 - first
        new = value if isinstance(value, bytes) else value.to_bytes(field.bits // 8, "big")
        plain = plain[:at] + new + plain[end:]
        again = replace(found, payload=(0, len(plain)))
        return raw[:first] + websocket.unmasked(plain, again) + raw[after:]


def _header(raw: bytes) -> tuple[int, int]:
    """Bytes of the extended length, and of the whole header."""
    extra = {126: 2, 127: 8}.get(raw[1] & 127, 0)
    return extra, 2 + extra + (4 if raw[1] & 0x80 else 0)


def _layer(name: str, title: str, fields: Sequence[Field], data: bytes, start: int) -> Layer:
    return Layer(name, title, start * 8, len(data) * 8, tuple(fields), data, rfc="RFC 6455")


def _moved(item: Field, by: int) -> Field:
    """A field, so many bits further on."""
    return replace(item, start=item.start + by, children=tuple(_moved(child, by) for child in item.children))
