"""Fields that filters read straight from the bytes of a header: each value is the one that the layers give.

Rule: over recorded and made captures, broken ones too.
"""

from __future__ import annotations

import pytest

from labkit.packets.filters.headers import OPTIONS, PLAIN, options
from labkit.packets.filters.reading import from_layers, reader_of
from labkit.packets.filters.seen import Seen
from labkit.packets.tape import Tape
from tests.packets.test_filters_oracle import FILES


@pytest.mark.parametrize("name", FILES)
def test_as_the_layers_say(name: str) -> None:
    for packet in Tape.load(FILES[name]):
        quick, slow = Seen(packet), Seen(packet)
        for field in PLAIN:
            assert list(reader_of(field)(quick)) == list(from_layers(field)(slow)), (packet, field)
        if quick.plain == "TCP":
            for field in OPTIONS:
                found = options(quick, field)
                assert found is not None, (packet, field)
                assert list(found) == list(from_layers(field)(slow)), (packet, field)


def test_every_such_field_is_in_a_packet_somewhere() -> None:
    wanted = {*PLAIN, *OPTIONS} - {"tcp.options.eol"}
    for path in FILES.values():
        for packet in Tape.load(path):
            seen = Seen(packet)
            wanted -= {field for field in wanted if reader_of(field)(seen)}
    assert not wanted


def test_a_broken_option_is_left_to_the_layers() -> None:
    packet = Tape.load(FILES["01a-tcp-connection/greeting"])[0]
    at = packet._quick.transport + 20
    for first, second in ((2, 0), (2, 3), (8, 40), (5, 9), (77, 4), (0, 1)):
        packet.raw = packet.raw[:at] + bytes((first, second)) + packet.raw[at + 2 :]
        seen = Seen(packet)
        assert options(seen, "tcp.option_kind") is None
        assert list(reader_of("tcp.option_kind")(seen)) == list(from_layers("tcp.option_kind")(Seen(packet)))
