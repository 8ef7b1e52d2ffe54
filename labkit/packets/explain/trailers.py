"""What stands behind the last header's data in a frame: padding, a trailer, the frame check sequence.

Rule: names and spans are Wireshark's, with its guess: without word from the file, the last 4 bytes of an Ethernet frame
of 64 bytes or more are taken for a check sequence, if that many follow the packet.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from labkit.packets.explain.base import shown_bytes
from labkit.packets.model import Field, Layer

_SHORTEST, _WITH_FCS, _FCS = 60, 64, 4  # bytes: of an Ethernet frame, of one with its check sequence, of that
_RFC = "IEEE 802.3 §3.2"
_PADDING_WHY = "Fills a short frame up to the 60 bytes an Ethernet needs; nothing above sees it."
_TRAILER_WHY = "Follows the packet in its frame and is no part of it: added by a card, a switch or a tunnel on the way."
_FCS_WHY = "Guards the whole frame on one link: a CRC that the card computes, and seldom hands on."
_PREFIXES = {
    "Ethernet": "eth", "VLAN": "vlan", "802.1ad": "ieee8021ah", "Linux cooked": "sll", "Linux cooked v2": "sll",
}  # fmt: skip


def layers(raw: bytes, start: int, link: str, fcs_length: int | None, size: int, number: int) -> Iterator[Layer]:
    """Yield what stands in the frame from this byte on, one layer each.

    link: name of the layer outside: the innermost tag, Ethernet or another link. fcs_length: bytes of the check
    sequence that the file announces, None if it says nothing. size: bytes on the wire. number: of the packet.
    """
    if start >= len(raw):
        return
    whole = size == len(raw)
    ethernet = link in ("Ethernet", "VLAN", "802.1ad")
    announced = min(fcs_length or 0, max(0, len(raw) - (size - (fcs_length or 0))))
    end = max(start, len(raw) - announced)
    if ethernet:
        # Padding makes a frame 60 bytes long and is zero; in a shorter frame, whatever follows is none.
        padded = min(end, _SHORTEST)
        if start < padded and end >= _SHORTEST and not any(raw[start:padded]):
            yield _layer("Padding", "eth.padding", raw, start, padded, _PADDING_WHY, f"{_RFC}.8", number)
            start = padded
        if fcs_length is None and link == "Ethernet" and whole and size >= _WITH_FCS and end - start >= _FCS:
            end -= _FCS
    prefix = _PREFIXES.get(link, "")
    if announced and announced != _FCS:  # no Ethernet has such a one
        end = len(raw)
    if start < end:
        name = f"{prefix}.trailer" if prefix else "data.data"
        yield _layer("Trailer", name, raw, start, end, _TRAILER_WHY, "", number)
    if end < len(raw):
        meaning = _verdict(raw, end) if whole else "not verified: the frame was captured only in part"
        if fcs_length is None:
            meaning += "; nobody says that there is one: taken for it because of its place"
        yield _layer("Frame check sequence", "eth.fcs", raw, end, len(raw), _FCS_WHY, f"{_RFC}.9", number, meaning)


def _verdict(raw: bytes, end: int) -> str:
    expected = zlib.crc32(raw[:end]).to_bytes(_FCS, "little")
    return "good" if raw[end:] == expected else f"bad: the CRC of the frame is 0x{expected.hex()}"


def _layer(
    label: str, name: str, raw: bytes, start: int, end: int, why: str, rfc: str, number: int, meaning: str = ""
) -> Layer:
    data = raw[start:end]
    if name == "eth.fcs":
        shown, value = f"0x{data.hex()}", int.from_bytes(data, "big")
        item = Field(name, label, start * 8, len(data) * 8, value, shown, meaning, why, rfc, volatile=True)
    else:
        item = Field(name, label, start * 8, len(data) * 8, data, shown_bytes(data), meaning, why, rfc)
    return Layer(label, label, start * 8, len(data) * 8, (item,), data, number, rfc)
