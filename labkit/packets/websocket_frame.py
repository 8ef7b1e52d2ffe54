"""One WebSocket frame of a tape: what its bits say, its payload without the mask, and the message that it ends.

Rule: a frame is a `Message`; what the payload says is read when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec

from labkit.packets.buffers import Buffer, Payload, holes_in
from labkit.packets.explain import websocket
from labkit.packets.explain.applications import Application
from labkit.packets.explain.found import Found, FoundFrame
from labkit.packets.explain.reader import Reader, whole
from labkit.packets.messages import Message, Source
from labkit.packets.model import Layer

_Rest = ParamSpec("_Rest")
_SHOWN = 32  # characters of a text in `WebSocketFrame.title`


class WebSocketFrame(Message):
    """One WebSocket frame. Source: RFC 6455 §5.2.

    Besides what a `Message` has, it has its bits (`fin`, `rsv`, `opcode`, `masked`), `length` and `key`, its payload
    without the mask (`payload`, `text`; `code` and `close_reason` in a close frame), that payload as bytes with names
    (`inside`), and the message that ends in it (`message`, `whole`).
    """

    __slots__ = ("_frame", "_inside", "_whole")
    noun = "frame"
    apart = True

    def __init__(self, application: Application, found: Found, talk: Source) -> None:
        super().__init__(application, found, talk)
        assert isinstance(found, FoundFrame)
        self._frame = found
        self._inside: Payload | None = None
        self._whole: Payload | None = None

    # -- the header

    @property
    def kind(self) -> str:
        """``"continuation"``, ``"text"``, ``"binary"``, ``"close"``, ``"ping"``, ``"pong"`` or ``"reserved"``."""
        return self._frame.kind

    @property
    def fin(self) -> bool:
        """Whether it is the last frame of its message."""
        return self._frame.fin

    @property
    def rsv(self) -> int:
        """The three reserved bits as a number: 4 is RSV1, which permessage-deflate sets in compressed messages."""
        return self._frame.rsv

    @property
    def opcode(self) -> int:
        """The number that says what the frame is: 1 for text."""
        return self._frame.opcode

    @property
    def masked(self) -> bool:
        """Whether its payload is masked on the wire."""
        return self._frame.masked

    @property
    def key(self) -> bytes:
        """The masking key, 4 bytes; ``b""`` in a frame without a mask."""
        return self._frame.key

    @property
    def length(self) -> int:
        """Bytes of payload, as the header says; fewer are there if the frame is cut."""
        return self._frame.length

    @property
    def compressed(self) -> bool:
        """Whether it belongs to a message that permessage-deflate has compressed. Source: RFC 7692 §6."""
        return self._frame.packed

    # -- the payload

    @property
    def payload(self) -> bytes:
        """The payload without its mask, as far as it is there; zeros in place of missing bytes."""
        return self.inside.data

    body = payload

    @property
    def content(self) -> bytes | None:
        """The message that ends here as bytes, without its compression; of any other frame its payload."""
        return self.whole.data if not self.whole.state else None

    @property
    def text(self) -> str:
        """The payload as text, with � for what is not UTF-8; inflated if it is a whole message.

        ``""`` if the frame is a part of a compressed message.
        """
        if self._frame.packed:
            single = len(self._frame.pieces) == 1 and not self.whole.state
            return self.whole.data.decode("utf-8", "replace") if single else ""
        return self.close_reason if self.kind == "close" else self.payload.decode("utf-8", "replace")

    @property
    def code(self) -> int | None:
        """Of a close frame: why, as a number: 1000; None if it says none, and in other frames."""
        there = self.kind == "close" and len(self.payload) >= 2
        return int.from_bytes(self.payload[:2], "big") if there else None

    @property
    def close_reason(self) -> str:
        """Of a close frame: why, in words; ``""`` in other frames. (`reason` says why a frame is cut or malformed.)"""
        return self.payload[2:].decode("utf-8", "replace") if self.kind == "close" else ""

    @property
    def inside(self) -> Payload:
        """The payload without its mask as a buffer of its own; its `fields` say what the bytes are."""
        if self._inside is None:
            found, stream = self._frame, self.buffer
            data = websocket.unmasked(stream.data, found, stream.holes)
            self._inside = _read(Payload("unmasked", stream, [found.payload], data), websocket.content, found)
        return self._inside

    # -- the message

    @property
    def whole(self) -> Payload:
        """The message that ends in this frame, if it is not simply its payload: joined, or inflated; else `inside`."""
        if self._whole is None:
            self._whole = self._made()
        return self._whole

    def _made(self) -> Payload:
        found, stream = self._frame, self.buffer
        pieces = found.pieces
        if not pieces or (len(pieces) == 1 and not found.packed):
            return self.inside
        if found.inflating is None:
            return _read(_joined(stream, pieces), websocket.said, pieces[0].opcode)
        data, note = found.inflating[0].result(found.inflating[1])
        if not note:
            parts = [each.payload for each in pieces]
            return _read(Payload("inflated", stream, parts, data), websocket.said, pieces[0].opcode)
        packed = _read(_joined(stream, pieces), websocket.unread)
        packed.state, packed.reason = "malformed", f"the message cannot be inflated: {note}"
        return packed

    @property
    def frames(self) -> int:
        """How many frames the message has that ends here; 0 if none does."""
        return len(self._frame.pieces)

    @property
    def message(self) -> str | bytes | None:
        """The message that ends in this frame: a str, or bytes if it is not text; of a control frame its payload.

        None if no message ends here, or if it is not whole.
        """
        found = self._frame
        if self.state or (not found.pieces and found.opcode < websocket.CONTROL):
            return None
        if any(each.state == "cut" for each in found.pieces):
            return None
        return self.whole.data.decode("utf-8", "replace") if found.of_text else self.whole.data

    # -- what is wrong, and what it is called

    @property
    def state(self) -> str:
        """``""`` if it is whole and keeps the rules, ``"cut"`` if bytes are missing, ``"malformed"`` if not."""
        return self._frame.state or self.inside.state or self.whole.state

    @property
    def reason(self) -> str:
        """Why it is cut or malformed, in words; ``""`` if it is whole. (`close_reason` is that of a close frame.)"""
        return self._frame.reason or self.inside.reason or self.whole.reason

    @property
    def start_line(self) -> str:
        return ""

    @property
    def title(self) -> str:
        """What it is, in a few words: ``'text "hello world!"'``, ``"binary, 100 bytes"``, ``'close 1000 "bye"'``."""
        found, size = self._frame, len(self.payload)
        if self.code is not None:
            said = f" {_quoted(self.close_reason)}" if self.close_reason else ""
            return f"close {self.code}{said}"
        if not size and (found.state == "cut" or found.opcode >= websocket.CONTROL):
            return self.kind
        counted = f", {size:,} {'byte' if size == 1 else 'bytes'}"
        if found.packed:
            return f"{self.kind} {_quoted(self.text)}" if self.text and found.of_text else f"{self.kind}{counted}"
        control = found.opcode >= websocket.CONTROL and self.kind != "close"
        if found.of_text or (control and self.payload.isascii() and self.text.isprintable()):
            return f"{self.kind} {_quoted(self.text)}"
        return f"{self.kind}{counted}"

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The frame as layers: as it was sent, its payload without the mask, and the message that ends in it.

        Each is counted from its own first byte.
        """
        found = [self._as_sent()]
        inside, message = self.inside, self.whole
        if self.masked and inside.data:
            found.append(_layer_of(inside, "The payload without its mask", self.packets))
        if message is not inside and message.data:
            words = "The message, inflated" if message.kind == "inflated" else f"The message of {self.frames} frames"
            found.append(_layer_of(message, words, message.packets(0, len(message))))
        return tuple(found)

    def _as_sent(self) -> Layer:
        start, stop, stream, application = self.start, self.stop, self.buffer, self._application
        data = stream.data[start:stop]
        fields = application.detail(data, 0, len(data), holes_in(stream.holes, start, stop), self._frame).fields
        return Layer(
            application.name, "The frame as it was sent", 0, len(data) * 8, fields, data, _one(self.packets),
            application.rfc,
        )  # fmt: skip

    def __repr__(self) -> str:
        flags = "FIN" if self.fin else "no FIN"
        mask = "masked" if self.masked else "unmasked"
        packed = ", compressed" if self.compressed else ""
        return f"{self.title} ({flags}, {mask}{packed}, {self._placed})"


def _joined(stream: Buffer, pieces: Sequence[FoundFrame]) -> Payload:
    """The payloads of several frames, one behind the other."""
    data, holes = stream.data, stream.holes
    return Payload(
        "joined", stream, [each.payload for each in pieces],
        b"".join(websocket.unmasked(data, each, holes) for each in pieces),
    )  # fmt: skip


def _quoted(text: str) -> str:
    short = "".join(each if each.isprintable() else "·" for each in text[:_SHOWN])
    return f'"{short}…"' if len(text) > _SHOWN else f'"{short}"'


def _read(
    payload: Payload, grammar: Callable[Concatenate[Reader, _Rest], None], *args: _Rest.args, **named: _Rest.kwargs
) -> Payload:
    """Name the bytes of a payload."""
    reader = Reader(payload.data, holes=payload.holes)
    payload.state, payload.reason = whole(reader, grammar, *args, **named)
    payload.fields = tuple(reader.fields)
    return payload


def _layer_of(payload: Payload, title: str, packets: Sequence[int]) -> Layer:
    return Layer("Payload", title, 0, len(payload.data) * 8, payload.fields, payload.data, _one(packets), "RFC 6455")


def _one(packets: Sequence[int]) -> int:
    """The number of the only packet; 0 if there are several."""
    return packets[0] if len(packets) == 1 else 0
