"""TLS records and messages as fields: what is on the wire, what was inside, each byte with one name.

Rule: from what a search has found, and bytes; positions count from the first bit of the bytes given.
"""

from __future__ import annotations

from dataclasses import replace

from labkit.packets.explain import tls_messages as rows
from labkit.packets.explain.base import Row, shown_bytes
from labkit.packets.explain.tls_form import Items, Reading, incomplete
from labkit.packets.model import Field
from labkit.packets.tls_scan import ALERT, CHANGE, DATA, HANDSHAKE, FoundMessage, FoundRecord

_NEW = 0x0304
_HEARTBEAT = 24


def record(data: bytes, at: int, found: FoundRecord) -> tuple[Field, ...]:
    """The fields of a record as it was sent. data: bytes in which it lies. at: its first byte there."""
    stop = at + found.stop - found.start
    if found.type < 0:
        if found.state == "malformed":
            return (Reading(data, found.said).malformed(at, stop, found.reason),)
        return (incomplete(data, at, stop, found.reason),)
    reading = Reading(data, found.said)
    opaque = found.sealed and found.said.version >= _NEW
    fields, at = reading.read(rows.OPAQUE_HEADER if opaque else rows.HEADER, at, stop)
    if at >= stop:
        return tuple(fields)
    if found.missing and not found.sealed:
        return (*fields, incomplete(data, at, stop, found.reason))
    if not found.sealed:
        return (*fields, *content(data, at, stop, found))
    parts = []
    if found.opened is not None:
        head, tail = at + found.opened.head, stop - found.opened.tail
        cbc = found.opened.head == 16
        for row, first, last in (
            (rows.IV if cbc else rows.NONCE, at, head), (rows.CIPHERTEXT, head, tail),
            (rows.OUTER_MAC if cbc else rows.TAG, tail, stop),
        ):  # fmt: skip
            if last > first:
                parts.append(_bytes(row, data, first, last))
    row = rows.ENCRYPTED
    if found.opened is None:
        row = {ALERT: rows.ENCRYPTED_ALERT, HANDSHAKE: rows.ENCRYPTED_HANDSHAKE}.get(found.type, row)
    fields.append(_bytes(row, data, at, stop, found.reason, tuple(parts)))
    return tuple(fields)


def inside(found: FoundRecord) -> tuple[Field, ...]:
    """The fields of what was encrypted; positions count from its first bit."""
    opened = found.opened
    if opened is None:
        return ()
    data, size = opened.plain, opened.size
    fields = content(data, 0, size, found)
    if opened.inner:
        fields += Reading(data, found.said).read((rows.INNER_TYPE,), size, len(data))[0]
        if size + 1 < len(data):
            fields.append(_bytes(rows.ZEROS, data, size + 1, len(data)))
    elif size < len(data):
        last = len(data) - data[-1] - 1
        if last > size:
            fields.append(_bytes(rows.MAC, data, size, last))
        fields.append(_bytes(rows.CBC_PADDING, data, last, len(data)))
    return tuple(fields)


def content(data: bytes, at: int, stop: int, found: FoundRecord) -> list[Field]:
    """The fields of what a record carries. at, stop: its first byte, and the byte after its last one."""
    if at >= stop:
        return []
    if found.kind in (HANDSHAKE, ALERT):
        fields: list[Field] = []
        for piece in found.pieces:
            first, last = at + piece.first, at + piece.last
            if piece.ends and len(piece.message.parts) == 1:
                fields.append(message(data, first, last, piece.message))
            elif last > first:
                fields.append(_bytes(rows.LAST_PIECE if piece.ends else rows.PIECE, data, first, last))
        return fields
    row = {CHANGE: rows.CHANGE, DATA: rows.DATA, _HEARTBEAT: rows.HEARTBEAT}.get(found.kind, rows.OTHER)
    return [_bytes(row, data, at, stop)]


def message(data: bytes, at: int, stop: int, found: FoundMessage) -> Field:
    """The field of a handshake message or an alert; its parts are its children."""
    reading = Reading(data, replace(found.said, message=found.type))
    if found.type < 0:
        return _around(reading, rows.ALERT, rows.ALERT_ROW, at, stop)
    form, row = rows.message_form(found.type)
    return _around(reading, form, row, at, stop)


def _around(reading: Reading, form: Items, row: Row, at: int, stop: int) -> Field:
    inner = reading.inside(form, at, stop)
    group = reading.group(row, at, stop, inner)
    return replace(group, meaning=reading.reason)


def _bytes(
    row: Row, data: bytes, first: int, last: int, meaning: str = "", parts: tuple[Field, ...] = ()
) -> Field:
    raw = data[first:last]
    return Field(row.name, row.label, first * 8, len(raw) * 8, raw, shown_bytes(raw), meaning or str(row.meaning),
                 row.why, row.rfc, bool(row.volatile), parts)  # fmt: skip

