"""A record of TLS, or a message of its handshake, as rows: the bytes of each part, and what the part says.

Rule: reads fields and their buffers, draws nothing; all text of a row has passed `visible`. A list is one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from labkit.draw.message_rows import BODY, FRAMING, NAME, START, VALUE, WRONG, Row, Run
from labkit.draw.text import count, visible
from labkit.draw.tls_rungs import is_record
from labkit.packets.buffers import Buffer
from labkit.packets.model import Field

if TYPE_CHECKING:
    from labkit.packets.tls_messages import TLSMessage
    from labkit.packets.tls_records import Record

WORDS = ("what it is", "choices", "random bytes, keys, secrets", "lengths", "content", "missing, or wrong")
"""What each kind of piece is called under the picture."""

_HEX = 14  # bytes in a row
_LONG = 2  # rows of one part
_MOST = 34  # rows of a picture
_NAMED = 3  # values of a list that are named
_LISTS = frozenset({
    "tls.handshake.extension", "tls.handshake.ciphersuites", "tls.handshake.comp_methods",
    "tls.handshake.sig_hash_algs", "tls.handshake.sig_hash_alg", "tls.handshake.cert_types", "tls.handshake.dnames",
    "tls.handshake.certificate",
})  # fmt: skip
_SIZED = ("tls.handshake.certificate", "tls.handshake.sig", "tls.handshake.client_cert_vrfy.sig")
"""Parts of which some have another size in each run: numbers in signatures lose their leading zeros."""

_WHAT = ("type", "content_type", "opaque_type", "version", "level", "desc", "request_update")


def rows_of_tls(item: Record | TLSMessage) -> list[Row]:
    """The rows of a record (as it was sent, and decrypted) or of a message."""
    inside = item.inside if is_record(item) else None
    parts = [part for top in (*item.fields, *(inside.fields if inside is not None else ())) for part in top.walk()]
    closed = is_record(item) and item.encrypted and inside is None
    varies = closed or any(part.name in _SIZED for part in parts)
    rows = list(_rows(item.fields, item.buffer, "", varies=varies))
    if inside is not None:
        rows += _rows(inside.fields, inside, "decrypted: ", varies=varies)
    if len(rows) <= _MOST:
        return rows
    gone = rows[_MOST - 6 : -5]
    words = f"… {count(len(gone), 'more row')}"
    first, last = gone[0], gone[-1]
    between = Row(first.start, max(first.stop, last.stop), "", [Run(words, FRAMING)], more=True, ended=True,
                  buffer=first.buffer)  # fmt: skip
    return [*rows[: _MOST - 6], between, *rows[-5:]]


def _rows(fields: Sequence[Field], buffer: Buffer, before: str, *, varies: bool) -> Iterator[Row]:
    """varies: lengths are not the same in each run."""
    for item in fields:
        if item.children and item.name not in _LISTS:
            yield from _rows(item.children, buffer, before, varies=varies)
        else:
            yield from _row(item, buffer, before, varies=varies)


def _row(item: Field, buffer: Buffer, before: str, *, varies: bool) -> Iterator[Row]:
    """The rows of one part: its bytes in hex, at most so many."""
    first, stop = item.start // 8, item.end // 8
    volatile = item.volatile or any(part.volatile for part in item.walk()) or (varies and _is_length(item))
    name, kind = visible(before + _name(item, volatile=volatile)), _kind(item, volatile=volatile)
    data = buffer.data
    for number, at in enumerate(range(first, stop, _HEX)):
        if number == _LONG - 1 and stop - at > _HEX:
            words = f"… {count(stop - at, 'more byte')}"
            yield Row(at, stop, name, [Run(words, kind, volatile=volatile)], more=True, goes_on=True, ended=True,
                      buffer=buffer)  # fmt: skip
            return
        end = min(at + _HEX, stop)
        run = Run(data[at:end].hex(" "), kind, volatile=volatile)
        yield Row(at, end, name, [run], goes_on=at > first, ended=True, buffer=buffer)


def _is_length(item: Field) -> bool:
    return item.name.endswith(("len", "length", "count"))


def _kind(item: Field, *, volatile: bool) -> int:
    last = item.name.rpartition(".")[2]
    if item.name in ("malformed", "incomplete"):
        return WRONG
    if item.name == "tls.record.ciphertext" or item.name.startswith("tls.app_data"):
        return BODY
    if _is_length(item):
        return FRAMING
    if last in _WHAT:
        return START
    return VALUE if volatile and item.name != "tls.handshake.extension" else NAME


def _name(item: Field, *, volatile: bool) -> str:
    """``"cipher suite: TLS_AES_128_GCM_SHA256"``, ``"extension key_share: x25519"``, ``"random"``."""
    label = item.label[:1].lower() + item.label[1:] if not item.label[:2].isupper() else item.label
    if item.name == "tls.handshake.certificate":
        return label
    if item.children:
        said = list(dict.fromkeys(_said(item)))
        more = ", …" if len(said) > _NAMED else ""
        own = f"{label} {item.shown}" if item.name == "tls.handshake.extension" else label
        return f"{own}: {', '.join(said[:_NAMED])}{more}" if said else own
    if item.name in ("malformed", "incomplete"):
        return f"{label}: {item.meaning}"
    if volatile:
        return label
    if isinstance(item.value, int):
        of_bytes = item.meaning.startswith("bytes")
        return f"{label}: {item.shown if of_bytes or not item.meaning else item.meaning}"
    return f"{label}: {item.shown}" if isinstance(item.value, str) else label


def _said(item: Field) -> Iterator[str]:
    """The values of a list that say something."""
    for part in item.walk():
        if _is_length(part) or part.name == "tls.handshake.extension.type":
            continue
        if part.name == "tls.handshake.sig_hash_alg":
            yield part.shown
        elif part.name.startswith("tls.handshake.sig_hash_") or part.children or part.volatile:
            continue
        elif isinstance(part.value, int):
            yield part.meaning.partition(":")[0] if part.meaning else part.shown
        elif isinstance(part.value, str):
            yield part.value
