"""Capture files as other programs and accidents leave them: cut off, compressed, old, damaged, without times.

Rule: tshark is the judge of what can be read; what it cannot read must be refused, or missing, in words.
"""

from __future__ import annotations

import gzip
import struct
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import draw, packets
from labkit.core.errors import BadCapture
from labkit.packets import compressed, pcap, pcapng
from labkit.packets.capture_file import Recording
from tests.packets import oracle
from tests.packets.facts import facts

Row = tuple[Decimal | None, int, int]
"""(seconds since the epoch, bytes captured, bytes on the wire)."""

TIME = 1_700_000_000_123_456_789
PATHS = oracle.all_cases()

DIFFERENT = {
    "cap/ng_nrb_isb_custom.pcapng": "tshark lists two custom blocks of other programs as records; they are no packets",
    "cap/usec_over.pcap": "fractions of more than a second: tshark prints them as they are, or they overflow",
}
"""Cases whose times or counts differ from tshark's, and why."""


def theirs(path: Path) -> list[Row]:
    """What tshark reads from a file."""
    return [
        (Decimal(row.time) if row.time else None, int(row.captured), int(row.length)) for row in facts(path)
    ]


def read(data: bytes, name: str) -> Recording | BadCapture:
    """What a file holds, or the error that refuses it."""
    try:
        return pcap.decode(data, name)
    except BadCapture as error:
        return error


def ours(recording: Recording) -> list[Row]:
    return [
        (None if frame[0] is None else Decimal(frame[0]) / 10**9, len(frame[1]), frame[4]) for frame in recording.frames
    ]


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(order: str, code: int, data: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(data)) + data + bytes(-len(data) % 4)


def section(order: str, options: bytes = b"", snap: int = 0) -> bytes:
    """The start of a pcapng file: section header, and one interface with these options."""
    head = block(order, pcapng.SECTION, struct.pack(order + "IHHq", pcapng.BYTE_ORDER, 1, 0, -1))
    return head + block(order, pcapng.INTERFACE, struct.pack(order + "HHI", 1, 0, snap) + options)


def enhanced(order: str, ticks: int, data: bytes, options: bytes = b"", interface: int = 0) -> bytes:
    head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(order, pcapng.ENHANCED_PACKET, head + data + bytes(-len(data) % 4) + options)


def classic(order: str, magic: int, minor: int = 4, network: int = 1, swap: bool = False) -> bytes:
    """A pcap file of two frames, the second one cut from 70 bytes to 60."""
    data = struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, 65535, network)
    for number, (size, length) in enumerate(((60, 60), (60, 70))):
        lengths = (length, size) if swap else (size, length)
        data += struct.pack(order + "IIII", 1_700_000_000 + number, 5, *lengths)
        if magic == 0xA1B2CD34:
            data += struct.pack(order + "IHBB", 2, 0x800, 0, 0)
        data += bytes(size)
    return data


class TestCases:
    """Every file of `cases`."""

    @pytest.mark.parametrize("path", PATHS, ids=oracle.case_name)
    def test_is_read_as_tshark_reads_it(self, path: Path) -> None:
        rows, recording = theirs(path), read(path.read_bytes(), path.name)
        if isinstance(recording, BadCapture):
            assert not rows, recording
            assert recording.todo
        elif oracle.case_name(path) in DIFFERENT:
            assert ours(recording) != rows, "no longer different: take its reason out"
        else:
            assert ours(recording) == rows

    @pytest.mark.parametrize("path", PATHS, ids=oracle.case_name)
    def test_is_saved_as_it_was_loaded(self, path: Path) -> None:
        recording = read(path.read_bytes(), path.name)
        if isinstance(recording, BadCapture):
            return  # the test above says that tshark reads nothing of it either
        again = pcapng.decode(pcapng.encode(recording))
        assert again == recording
        assert pcapng.encode(again) == pcapng.encode(recording)

    @pytest.mark.parametrize("name", ["mix_spb.pcapng", "ng_off_neg.pcapng", "ng_snap.pcapng", "gz.pcap.gz"])
    def test_tshark_reads_the_same_from_the_saved_file(self, name: str, tmp_path: Path) -> None:
        path = oracle.CASES / "cap" / name
        assert theirs(packets.Tape.load(path).save(tmp_path / "saved.pcapng")) == theirs(path)


class TestCutOff:
    """A file that ends too early: what is whole is there, and one sentence says what is not."""

    def check(self, data: bytes, size: int, whole: list[Row]) -> Recording | None:
        recording = read(data[:size], "cut")
        if isinstance(recording, BadCapture):
            assert "at byte" in str(recording) or "is empty" in str(recording)
            assert recording.todo
            return None
        rows = ours(recording)
        assert rows == whole[: len(rows)]
        assert recording.missing or len(rows) == len(whole) or size in self.ends(data)
        return recording

    @staticmethod
    def ends(data: bytes) -> set[int]:
        """Where a block or a record ends: a file that is cut there is whole."""
        ends, at = set(), 0
        if data[:4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[8] == 0x4D else ">"
            while at < len(data):
                at += struct.unpack_from(order + "I", data, at + 4)[0]
                ends.add(at)
            return ends
        order, _, head = pcap._MAGIC[data[:4]]
        at = 24
        ends.add(at)
        while at < len(data):
            at += head + min(struct.unpack_from(order + "II", data, at + 8))
            ends.add(at)
        return ends

    @pytest.mark.parametrize(
        "path", [path for path in PATHS if path.stat().st_size < 3000 and path.suffix != ".gz"], ids=oracle.case_name
    )
    def test_at_every_byte(self, path: Path) -> None:
        data = path.read_bytes()
        recording = read(data, path.name)
        if not isinstance(recording, BadCapture) and not recording.missing:  # see TestCases
            counts = [
                -1 if found is None else len(found.frames)
                for found in (self.check(data, size, ours(recording)) for size in range(len(data)))
            ]
            assert counts == sorted(counts)  # more bytes never give less

    @pytest.mark.parametrize("name", ["ng_res3.pcapng", "ng_spb.pcapng", "us_be.pcap", "modified.pcap"])
    def test_tshark_finds_as_many_packets(self, name: str, tmp_path: Path) -> None:
        data = (oracle.CASES / "cap" / name).read_bytes()
        path = tmp_path / "cut"
        for size in (len(data) - 1, len(data) - 30, len(data) // 2):
            path.write_bytes(data[:size])
            assert ours(pcap.load(path)) == theirs(path)

    def test_says_which_packet_and_how_many_bytes(self, tmp_path: Path) -> None:
        data = classic("<", 0xA1B2C3D4)
        path = tmp_path / "killed.pcap"
        path.write_bytes(data[:-21])
        tape = packets.Tape.load(path)
        assert len(tape) == 1
        assert tape.missing == "the file ends inside packet 2: 39 of its 60 bytes are there"
        assert tape.origin == f"recorded from killed.pcap, not whole: {tape.missing}"
        assert "not whole" in repr(tape)
        assert tape[:1].missing == tape.missing
        path.write_bytes(data[:-70])
        assert "6 of the 16 bytes of its header" in packets.Tape.load(path).missing
        saved = packets.Tape.load(tape.save(tmp_path / "saved.pcapng"))
        assert saved.missing == tape.missing

    def test_a_tape_of_labkits_own_says_that_its_events_are_missing(self) -> None:
        event = packets.SocketEvent(TIME, "client", "connect")
        data = pcapng.encode(Recording([(TIME, bytes(60), 1, 0, 60)], (event,)))
        cut = pcap.decode(data[:-5])
        assert len(cut.frames) == 1
        assert "labkit's notes (the socket events)" in cut.missing

    @pytest.mark.parametrize("data", [b"", bytes(3), b"\n\r\r\n", b"\xd4\xc3\xb2\xa1", classic("<", 0xA1B2C3D4)[:23]])
    def test_a_file_without_a_whole_header_is_none(self, data: bytes) -> None:
        with pytest.raises(BadCapture):
            pcap.decode(data)

    def test_damage_behind_whole_packets_loses_only_what_is_behind_it(self, tmp_path: Path) -> None:
        good = section("<") + enhanced("<", 7, bytes(60))
        for bad in (bytes(40), enhanced("<", 8, bytes(60))[:-4] + bytes(4), classic("<", 0xA1B2C3D4)):
            path = tmp_path / "damaged.pcapng"
            path.write_bytes(good + bad)
            recording = pcap.load(path)
            assert ours(recording) == theirs(path)
            assert len(recording.frames) == 1
            assert recording.missing.startswith(f"at byte {len(good)}: ")
        # Not compared for pcap: tshark then guesses that the whole file is of another kind, and shows other packets.
        recording = pcap.decode(classic("<", 0xA1B2C3D4) + b"\xff" * 40)
        assert len(recording.frames) == 2
        assert "a packet of 4294967295 bytes" in recording.missing


class TestCompressed:
    @pytest.mark.parametrize("whole", [classic(">", 0xA1B2C3D4), section(">") + enhanced(">", 9, bytes(60))])
    def test_gzip_in_one_piece_and_in_several(self, whole: bytes) -> None:
        for packed in (gzip.compress(whole), gzip.compress(whole[:40]) + gzip.compress(whole[40:]) + bytes(9)):
            assert pcap.decode(packed) == pcap.decode(whole)

    @given(st.integers(1, 10**6))
    @settings(max_examples=60, deadline=None)
    def test_cut_or_damaged_anywhere(self, seed: int) -> None:
        whole = classic("<", 0xA1B2C3D4) + b"".join(classic("<", 0xA1B2C3D4)[24:] for _ in range(20))
        packed = bytearray(gzip.compress(whole))
        at = seed % len(packed)
        for data in (bytes(packed[:at]), bytes(packed[:at]) + b"\x55" + bytes(packed[at + 1 :])):
            recording = read(data, "x.gz")
            if isinstance(recording, BadCapture):
                assert recording.todo
            else:
                assert recording.missing or recording == pcap.decode(whole)

    def test_a_file_that_unpacks_to_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pcap, "FILE_LIMIT", 1 << 20)
        with pytest.raises(BadCapture, match="more than 1 MB"):
            pcap.decode(gzip.compress(bytes(2 << 20)))

    @pytest.mark.parametrize("start", list(compressed._OTHERS))
    def test_other_formats_are_named(self, start: bytes) -> None:
        with pytest.raises(BadCapture, match=r"compressed with .* Unpack it first"):
            pcap.decode(start + bytes(100), "x.pcap")


class TestVariants:
    """Files made here, of kinds that other programs write; tshark reads each."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])
    def test_pcap(self, order: str, magic: int, tmp_path: Path) -> None:
        path = tmp_path / "x.pcap"
        path.write_bytes(classic(order, magic))
        assert len(pcap.load(path).frames) == 2
        assert ours(pcap.load(path)) == theirs(path)

    @pytest.mark.parametrize(("minor", "swap"), [(2, True), (3, True), (3, False), (4, False)])
    def test_old_versions_have_their_two_lengths_in_the_other_order(
        self, minor: int, swap: bool, tmp_path: Path
    ) -> None:
        path = tmp_path / "old.pcap"
        path.write_bytes(classic("<", 0xA1B2C3D4, minor, swap=swap))
        assert ours(pcap.load(path)) == theirs(path)
        assert [row[1:] for row in ours(pcap.load(path))] == [(60, 60), (60, 70)]

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_times(self, order: str, tmp_path: Path) -> None:
        """Every resolution with every offset, each an interface of its own in one file.

        No time is before 1970: there tshark prints a fraction that counts in the other direction.
        """
        interfaces, blocks = b"", b""
        kinds = [
            (resolution, offset)
            for resolution in (None, 0, 3, 6, 7, 9, 10, 0x80, 0x8A, 0x94, 0xA0, 0xA2)
            for offset in (None, 0, 3600, -3600, -1_000_000_000)
        ]
        for number, (resolution, offset) in enumerate(kinds):
            power = 6 if resolution is None else resolution
            units = 2 ** (power & 0x7F) if power & 0x80 else 10**power
            options = b"" if resolution is None else option(order, 9, bytes((resolution,)))
            options += b"" if offset is None else option(order, 14, struct.pack(order + "q", offset))
            interfaces += block(order, pcapng.INTERFACE, struct.pack(order + "HHI", 1, 0, 0) + options)
            seconds = min(1_700_000_000, (1 << 64) // units - 1)
            blocks += enhanced(order, seconds * units + units // 3, bytes(60), interface=number)
        path = tmp_path / "x.pcapng"
        path.write_bytes(section(order)[:28] + interfaces + blocks)
        mine, their = ours(pcap.load(path)), theirs(path)
        assert len(mine) == len(their) == len(kinds)
        for kind, (my_time, *_), (their_time, *_) in zip(kinds, mine, their, strict=True):
            assert my_time is not None
            assert their_time is not None
            assert abs(my_time - their_time) <= Decimal("0.000000001"), kind  # tshark rounds some to the next ns

    @pytest.mark.parametrize(("resolution", "units"), [(12, 10**12), (19, 10**19), (0xBF, 1 << 63)])
    def test_finer_times(self, resolution: int, units: int) -> None:
        """Finer than tshark can count: its 64 bits overflow."""
        data = section("<", option("<", 9, bytes((resolution,)))) + enhanced("<", units // 2 * 3, bytes(60))
        assert pcap.decode(data).frames[0][0] == 1_500_000_000

    @pytest.mark.parametrize(
        ("interface", "packet", "length"),
        [(None, 4, 4), (4, 0, 4), (4, 1, 1), (2, 4, 4), (32, 0, 4), (None, None, 0), (None, 2, 2), (0, 0, 0)],
    )
    def test_frame_check_sequence(
        self, interface: int | None, packet: int | None, length: int, tmp_path: Path
    ) -> None:
        frame = (oracle.CASES / "cap" / "ng_fcslen.pcapng").read_bytes()[84:142]
        assert frame.endswith(b"\xde\xad\xbe\xef")
        of_interface = b"" if interface is None else option("<", 13, bytes((interface,)))
        of_packet = b"" if packet is None else option("<", 2, struct.pack("<I", packet << 5))
        path = tmp_path / "x.pcapng"
        path.write_bytes(section("<", of_interface) + enhanced("<", 7, frame, of_packet))
        tape = packets.Tape.load(path)
        assert tape[0].fcs_length == (length or None)
        assert packets.Tape.load(tape.save(tmp_path / "again.pcapng"))[0].fcs_length == (length or None)
        assert (oracle.told(path, "eth.fcs") == [("0xdeadbeef",)]) == (length == 4)

    @pytest.mark.parametrize(("network", "length"), [(0x24000001, 4), (0x20000001, 0), (0x44000001, 8), (1, 0)])
    def test_frame_check_sequence_of_pcap(self, network: int, length: int) -> None:
        assert set(pcap.decode(classic("<", 0xA1B2C3D4, network=network)).fcs_lengths.values()) <= {length}
        assert pcap.decode(classic("<", 0xA1B2C3D4, network=network)).fcs_lengths.get(1, 0) == length

    def test_frames_lost_by_the_statistics_of_the_capture(self, tmp_path: Path) -> None:
        tape = packets.Tape.load(oracle.CASES / "cap" / "isb_drop.pcapng")
        assert tape.drops == 7
        assert tape.origin.endswith("7 frames lost")
        assert packets.Tape.load(tape.save(tmp_path / "x.pcapng")).drops == 7


class TestWithoutTimes:
    def test_picture_and_list_say_no_time(self) -> None:
        tape = packets.Tape.load(oracle.CASES / "cap" / "mix_spb.pcapng")
        assert [packet.time_ns is None for packet in tape].count(True) == 1
        picture = draw.ladder(tape)
        assert "no time" in picture.svg
        assert "later" not in picture.svg
        assert "gap of" not in repr(picture)
        assert tape[1:].events == tape[:2].events == ()
        assert len(tape.arrived) == 3

    def test_a_capture_in_which_no_packet_has_a_time(self) -> None:
        picture = draw.ladder(packets.Tape.load(oracle.CASES / "cap" / "ng_spb.pcapng"))
        assert picture.svg.count(">no time<") == 2
