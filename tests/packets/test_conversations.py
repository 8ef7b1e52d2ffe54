"""Conversations: who talks to whom, when a connection begins anew, from where its numbers count.

Rule: tshark's streams and relative numbers are the judge; a difference has its reason in the table here.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from labkit import draw, packets
from labkit.core.errors import BadCapture
from labkit.packets import pcap
from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversations
from tests.packets import made, oracle
from tests.packets.facts import facts

UNKNOWN_LINK = "labkit does not know this link type, and so no packet inside it"
DIFFERENT = {
    "cap/fcs_bits.pcap": "the file announces a frame check sequence of 8 bytes, which cuts TCP's header",
    "cap/ng_nrb_isb_custom.pcapng": "tshark lists two custom blocks as records, so that the rows do not fit together",
    "cap/ng_ppp.pcapng": UNKNOWN_LINK,
    "cap/ppp9.pcap": UNKNOWN_LINK,
    "cap/ppp_hdlc.pcap": UNKNOWN_LINK,
    "cap/wifi.pcap": UNKNOWN_LINK,
    "cap/null_10.pcap": "family 10 is IPv6 on Linux, where labkit captures; tshark takes it for something of BSD",
    "cap2/off_0.pcap": "TCP's header says that it has 0 bytes: tshark shows no acknowledgment number of such a segment",
    "cap2/off_small.pcap": "TCP's header says that it is too short: tshark shows no acknowledgment number of it",
    "cap2/off_big.pcap": "TCP's header is longer than its packet: tshark shows the numbers as they were sent",
    "cap3/udp_len0.pcap": "UDP's length cannot be: tshark gives such a datagram no stream, labkit knows its ports",
    "cap3/udp_len7.pcap": "the same",
    "cap3/vxlan.pcap": "labkit does not look into VXLAN: it is UDP that carries frames",
}
"""Cases whose streams or relative numbers differ from tshark's, and why."""

RECORDINGS = sorted(oracle.CASES.parents[2].joinpath("data").rglob("*.pcapng"))

Row = tuple[str, str, str, str]
"""(tcp.stream, tcp.seq, tcp.ack, udp.stream), relative, as tshark prints them."""


def theirs(path: Path) -> list[Row]:
    return [(row.tcp_stream, row.seq, row.ack, row.udp_stream) for row in facts(path)]


def ours(recording: Recording) -> list[Row]:
    known = Conversations(recording.ports)
    known.feed(recording.frames, recording.fcs_lengths)
    udp: dict[object, int] = {}
    rows = []
    for frame, packet, place in zip(recording.frames, known.quick, known.places, strict=True):
        row = ["", "", "", ""]
        if packet.protocol == "TCP" and place is not None:
            row[:3] = str(place.connection), str(place.relative_seq), str(place.relative_ack)
        elif packet.protocol == "UDP" and place is not None:
            assert frame
            row[3] = str(udp.setdefault(place.talk, len(udp)))
        rows.append((row[0], row[1], row[2], row[3]))
    return rows


def same(recording: Recording, path: Path) -> None:
    """Compare packet by packet; pieces and errors are left out, for tshark tells of the whole and of the quoted."""
    tape = packets.Tape(recording)
    for packet, mine, their in zip(tape, ours(recording), theirs(path), strict=True):
        if packet.fragment is None and not packet.protocol.startswith("ICMP"):
            assert mine == their, packet


def capture(frames: list[bytes], path: Path) -> Recording:
    """These Ethernet frames as a recording, which is also saved."""
    recording = Recording([(at * 1000, frame, 1, 0, len(frame)) for at, frame in enumerate(frames)])
    packets.Tape(recording).save(path)
    return recording


@pytest.mark.parametrize("path", oracle.all_cases(), ids=oracle.case_name)
def test_every_case(path: Path) -> None:
    try:
        recording = pcap.load(path)
    except BadCapture:
        return  # test_broken_files says that tshark reads nothing of it either
    if oracle.case_name(path) in DIFFERENT:
        assert ours(recording) != theirs(path), "no longer different: take its reason out"
    else:
        same(recording, path)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recording_of_the_lessons(path: Path) -> None:
    same(pcap.load(path), path)


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_segments(seed: int, tmp_path: Path) -> None:
    """Segments by chance between few ports and with few numbers: connections begin anew, cross, and end."""
    chance = random.Random(seed)
    frames = []
    for _ in range(400):
        ends = [("10.0.0.1", chance.choice((4000, 4001))), ("10.0.0.2", 80)]
        if chance.random() < 0.1:
            ends = [("10.0.0.1", 4000), ("10.0.0.1", 4000)]  # a connection with itself
        if chance.random() < 0.5:
            ends.reverse()
        flags = chance.choice((0x02, 0x02, 0x12, 0x12, 0x10, 0x18, 0x11, 0x14, 0x04, 0x03, 0x06, 0x00, 0xC2, 0x52))
        # Without the flag there is no acknowledgment number, and labkit says 0: tshark shows what stands in its place.
        ack = chance.choice((0, 1, 78, 100, 101)) if flags & 0x10 else 0
        segment = made.tcp(
            b"", b"x" * chance.choice((0, 0, 1, 5)), sport=ends[0][1], dport=ends[1][1], flags=flags,
            seq=chance.choice((0, 1, 77, 100, 101, 2**32 - 1)), ack=ack,
        )  # fmt: skip
        frames.append(made.ethernet(made.ipv4(segment, src=ends[0][0], dst=ends[1][0])))
    same(capture(frames, tmp_path / "any.pcapng"), tmp_path / "any.pcapng")


def pieces(payload: bytes, cuts: list[int], ident: int, protocol: int = 17, version: int = 4) -> list[bytes]:
    """The fragments of a packet, cut at these bytes."""
    frames = []
    for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True):
        more = end < len(payload)
        if version == 4:
            packet = made.ipv4(payload[start:end], protocol, ident=ident, fragment=start // 8 | (0x2000 if more else 0))
        else:
            header = struct.pack("!BBHI", protocol, 0, start | more, ident)
            packet = made.ipv6(header + payload[start:end], 44)
        frames.append(made.ethernet(packet, *(() if version == 4 else (0x86DD,))))
    return frames


class TestFragments:
    """All fragments of a packet stand where its first one stands, in whatever order they come."""

    @pytest.mark.parametrize("version", [4, 6])
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1), (1, 2, 0), (0, 0, 1, 2, 1)])
    def test_any_order(self, version: int, order: tuple[int, ...]) -> None:
        datagram = made.udp(bytes(100), sport=5353, dport=53, version=version)
        frames = pieces(datagram, [16, 48], 9, version=version)
        tape = tape_of([frames[at] for at in order])
        ports = {tuple(sorted(port for _, port in packet.talk)) for packet in tape if packet.talk}
        assert ports == {(53, 5353)}
        assert all(packet.talk and packet.sender == "client" for packet in tape)
        assert repr(draw.ladder(tape)).splitlines()[0].count("conversation") == 0

    def test_an_identification_that_is_used_again(self) -> None:
        one = pieces(made.udp(bytes(40), sport=1111, dport=53), [24], 5)
        other = pieces(made.udp(b"x" * 40, sport=2222, dport=53), [24], 5)
        tape = tape_of([*one, other[1], other[0], one[1]])
        assert [packet.talk[0][1] for packet in tape if packet.talk][:4] == [1111, 1111, 2222, 2222]

    def test_without_a_first_one_they_go_by_addresses(self) -> None:
        tape = tape_of(pieces(made.udp(bytes(100), sport=1, dport=2), [16, 48], 9)[1:])
        assert {packet.talk for packet in tape} == {None}
        assert {(packet.src, packet.dst) for packet in tape} == {(("10.0.0.1", 0), ("10.0.0.2", 0))}

    @pytest.mark.parametrize("cuts", [[8], [24], [8, 16], [32]])
    def test_tcp(self, cuts: list[int], tmp_path: Path) -> None:
        """Also if the first fragment is shorter than TCP's header: the whole has it."""
        syn = made.ethernet(made.ipv4(made.tcp(b"", b"", flags=2, seq=99)))
        cut = pieces(made.tcp(b"", bytes(40), flags=0x18, seq=100, ack=7), cuts, 3, protocol=6)
        for frames in ([syn, *cut], [syn, *cut[::-1]]):
            tape = tape_of(frames)
            [connection] = tape.connections
            assert len(connection.packets) == len(frames)
            assert [packet.number for packet in connection.packets] == list(range(1, len(frames) + 1))
            assert "conversation" not in repr(draw.ladder(tape))
            capture(frames, tmp_path / "x.pcapng")
            assert {row[0] for row in theirs(tmp_path / "x.pcapng")} - {""} == {"0"}

    @pytest.mark.parametrize("name", ["frag_ooo", "frag_overlap", "frag_tiny", "frag_tcp_tiny", "frag_lt8"])
    def test_the_cases_have_one_conversation(self, name: str) -> None:
        tape = packets.Tape.load(oracle.CASES / "cap3" / f"{name}.pcap")
        assert "conversations" not in repr(draw.ladder(tape)), repr(draw.ladder(tape))


def tape_of(frames: list[bytes]) -> packets.Tape:
    return packets.Tape(Recording([(at, frame, 1, 0, len(frame)) for at, frame in enumerate(frames)]))


class TestDns:
    """DNS over TCP: however its messages lie in segments, they are of one connection."""

    def test_two_messages_in_a_segment_and_one_in_two(self) -> None:
        query = struct.pack("!HHHHHHB", 7, 0x100, 1, 0, 0, 0, 3) + b"www" + struct.pack("!BHH", 0, 1, 1)
        message = struct.pack("!H", len(query)) + query
        third = 1 + 2 * len(message)
        frames = [
            made.ethernet(made.ipv4(made.tcp(b"", data, sport=40000, dport=53, flags=0x18, seq=seq, ack=1)))
            for data, seq in ((message * 2, 1), (message[:10], third), (message[10:], third + 10))
        ]
        tape = tape_of(frames)
        [connection] = tape.connections
        assert connection.server == ("10.0.0.2", 53)
        assert [packet.seq for packet in connection.packets] == [1, third, third + 10]
        assert len([line for line in repr(draw.ladder(tape)).splitlines() if "PSH, ACK" in line]) == 3


def test_a_connection_whose_ports_are_used_again_counts_as_ended() -> None:
    """A capture waits for open connections: not for one whose ports have a new one."""
    known = Conversations((80,))
    for seq in (1, 5000):
        frame = made.ethernet(made.ipv4(made.tcp(b"", b"", sport=4000, dport=80, flags=2, seq=seq)))
        known.feed([(0, frame, 1, 0, len(frame))])
    assert [flow.closed for flow in known.connections] == [True, False]
