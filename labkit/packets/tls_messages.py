"""One handshake message of TLS, or one alert, wherever its bytes lie.

Rule: what was found is there at once; fields are made when somebody looks at them.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit.packets.buffers import Buffer
from labkit.packets.explain import tls
from labkit.packets.explain import tls_names as names
from labkit.packets.model import Field, Layer
from labkit.packets.tls_records import Carrier, Record, Said, placed
from labkit.packets.tls_scan import HEADER, FoundMessage, FoundRecord
from labkit.packets.tls_stream import Joined
from labkit.packets.x509 import Certificate, certificates_in

_CERTIFICATE = 11


class TLSMessage(Said):
    """A handshake message, or an alert. kind: ``"ClientHello"``, ``"Finished"``, ``"Alert"``. Source: RFC 8446 §4, §6.

    encrypted: whether it was. records: those that carry it. buffer: in which its bytes lie; start, stop: where.
    """

    __slots__ = ("_buffer", "_found", "records")
    noun = "message"
    apart = True

    def __init__(
        self, talk: Carrier, connection: object, found: FoundMessage, records: Sequence[Record]
    ) -> None:
        super().__init__(talk, connection, from_client=found.from_client)
        self._found = found
        self.records = tuple(records)
        self._buffer: Buffer | None = None

    @property
    def kind(self) -> str:
        """Its name: ``"ClientHello"``."""
        return self._found.name

    @property
    def level(self) -> str:
        """Of an alert: ``"warning"`` or ``"fatal"``; ``""`` of a handshake message."""
        data = self._found.data
        return names.LEVELS.get(data[0], str(data[0])) if self._found.type < 0 and data else ""

    @property
    def description(self) -> str:
        """Of an alert: ``"unknown_ca"``; ``""`` of a handshake message."""
        data = self._found.data
        return names.ALERTS.get(data[1], str(data[1])) if self._found.type < 0 and len(data) > 1 else ""

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Of a Certificate message: the sender's own, and those above it; () in others."""
        if self._found.type != _CERTIFICATE:
            return ()
        return tuple(certificates_in(self.fields[0], self.buffer.data, self.packets))

    @property
    def encrypted(self) -> bool:
        """Whether it was encrypted."""
        return self.records[-1].encrypted

    @property
    def state(self) -> str:
        """``""`` if it is whole, ``"cut"``, ``"malformed"``."""
        return self._found.state or ("malformed" if self._faulty else "")

    @property
    def reason(self) -> str:
        """Why it is cut or malformed, in words."""
        return self._found.reason or self._faulty

    @property
    def _faulty(self) -> str:
        found = next((each for top in self.fields for each in top.walk() if each.name == "malformed"), None)
        return self.fields[0].meaning if self.fields and self.fields[0].meaning else found.meaning if found else ""

    @property
    def data(self) -> bytes:
        """Its bytes, with its header of four bytes; an alert has none."""
        return self._found.data

    @property
    def buffer(self) -> Buffer:
        """Where its bytes lie: a stream, what a record had inside, or the parts in several records, joined."""
        if self._buffer is None:
            parts = [self._part(record, first, last) for record, (_, first, last) in self._where()]
            self._buffer = parts[0][0] if len(parts) == 1 else Joined(parts)
        return self._buffer

    def _where(self) -> list[tuple[Record, tuple[FoundRecord, int, int]]]:
        return list(zip(self.records, self._found.parts, strict=True))

    @staticmethod
    def _part(record: Record, first: int, last: int) -> tuple[Buffer, int, int]:
        if record.inside is not None:
            return record.inside, first, last
        at = record.start + HEADER
        return record.buffer, at + first, at + last

    @property
    def start(self) -> int:
        """Its first byte in `buffer`."""
        if len(self.records) > 1:
            return 0
        record, (_, first, last) = self._where()[0]
        return self._part(record, first, last)[1]

    @property
    def stop(self) -> int:
        """The byte after its last one in `buffer`."""
        return self.start + len(self._found.data)

    @property
    def packets(self) -> tuple[int, ...]:
        return tuple(sorted({number for record in self.records for number in record.packets}))

    @property
    def completed_by(self) -> int:
        return self.records[-1].completed_by

    def _made(self) -> tuple[Field, ...]:
        if len(self.records) == 1:  # the record has them already
            record = self.records[0]
            inside = record.inside.fields if record.inside is not None else record.fields
            for field in inside:
                if field.start == self.start * 8 and field.end == self.stop * 8:
                    return (field,)
        return (tls.message(self.buffer.data, self.start, self.stop, self._found),)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The message as a layer, counted from its own first byte."""
        data, number = self.data, self.packets[0] if len(self.packets) == 1 else 0
        field = tls.message(data, 0, len(data), self._found)
        return (Layer("TLS", field.label, 0, len(data) * 8, field.children or (field,), data, number, field.rfc),)

    @property
    def title(self) -> str:
        """``"ClientHello"``, ``"Alert: close_notify"``."""
        return f"Alert: {self.description}" if self._found.type < 0 else self.kind

    def __len__(self) -> int:
        return len(self._found.data)

    def __repr__(self) -> str:
        where = placed(self.packets)
        closed = ", decrypted" if self.encrypted else ""
        size = len(self)
        return f"{self.title} ({size:,} {'byte' if size == 1 else 'bytes'}, {where}{closed})"
