"""Capture files: what is saved is what is loaded, and whatever else is in a file is told, not believed.

Rule: damaged files are made from good ones at random; each must load or be a `BadCapture` that names file and byte.
"""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import packets
from labkit.core.errors import BadCapture, LabError
from labkit.packets import pcap, pcapng
from labkit.packets.capture_file import Recording
from labkit.packets.model import Verdict
from tests.packets import made

TIME = 1_700_000_000_123_456_789
FRAMES = [
    (TIME + at, frame, linktype, 9 if at % 3 else 0, len(frame) + at)
    for at, (_, frame, linktype) in enumerate(made.other_frames())
]
EVENTS = (
    packets.SocketEvent(TIME, "client", "connect", None, "event", ("127.0.0.1", 40000), ("127.0.0.1", 8124)),
    packets.SocketEvent(TIME + 5, "server", "write", 9, "call", ("::1", 8124), None, "<script>"),
)
VERDICTS = {1: Verdict("dropped"), 4: Verdict("corrupted", "one bit of byte 60", (TIME + 9,))}
SECRETS = ((0x544C534B, b"CLIENT_RANDOM 00 11"),)
WHOLE = Recording(FRAMES, EVENTS, 3, (8124, 1337), "Linux 6.1", SECRETS, VERDICTS)
GOOD = pcapng.encode(WHOLE)


def classic(order: str, magic: int, unit: int) -> bytes:
    """A pcap file of two frames."""
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(
        struct.pack(order + "IIII", TIME // 10**9, TIME % 10**9 // unit, len(frame), len(frame) + 1) + frame
        for frame in (b"first frame", b"second")
    )


class TestPcapng:
    def test_round_trip(self) -> None:
        assert pcapng.decode(GOOD) == WHOLE

    @given(
        st.lists(
            st.tuples(
                st.one_of(st.none(), st.integers(-(1 << 70), 1 << 70)),
                st.binary(min_size=1, max_size=300),
                st.sampled_from([0, 1, 101, 113, 276]),
                st.integers(0, 255),
                st.integers(300, 1 << 20),
            ),
            max_size=20,
        )
    )
    @settings(max_examples=100, deadline=None)
    def test_round_trip_of_anything(self, frames: list[tuple[int, bytes, int, int, int]]) -> None:
        assert list(pcapng.decode(pcapng.encode(Recording(frames))).frames) == frames

    def test_big_endian_microseconds_simple_packets_and_unknown_blocks(self) -> None:
        def block(kind: int, body: bytes) -> bytes:
            body += bytes(-len(body) % 4)
            return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)

        data = block(pcapng.SECTION, struct.pack(">IHHq", pcapng.BYTE_ORDER, 1, 0, -1))
        data += block(pcapng.INTERFACE, struct.pack(">HHI", 101, 0, 4))
        data += block(0x0BAD, b"not ours") + block(0x80000001, b"nor this")
        data += block(pcapng.ENHANCED_PACKET, struct.pack(">IIIII", 0, 0, 7, 3, 9) + b"abc")
        data += block(pcapng.SIMPLE_PACKET, struct.pack(">I", 9) + b"abcd")
        data += block(pcapng.OLD_PACKET, struct.pack(">HHIIII", 0, 0, 0, 8, 2, 2) + b"xy")
        # a second section in the other byte order, in which interfaces count from 0 again
        data += pcapng.encode(Recording([(5, b"z", 1, 0, 1)]))
        assert list(pcapng.decode(data).frames) == [
            (7000, b"abc", 101, 0, 9),
            (None, b"abcd", 101, 0, 9),  # a Simple Packet Block has no time
            (8000, b"xy", 101, 0, 2),
            (5, b"z", 1, 0, 1),
        ]

    def test_status_and_events_survive_a_file(self, tmp_path: Path) -> None:
        packets.Tape(WHOLE).save(tmp_path / "deep" / "er" / "tape.pcapng")
        tape = packets.Tape.load(tmp_path / "deep" / "er" / "tape.pcapng")
        assert tape.events == EVENTS
        assert [packet.status for packet in tape] == [frame[3] for frame in FRAMES]
        assert tape.origin == "recorded from tape.pcapng, 3 frames lost"
        assert not tape.live
        assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == ["tape.pcapng"]

    def test_a_part_of_a_tape_is_saved_as_that_part(self, tmp_path: Path) -> None:
        tape = packets.Tape(WHOLE)
        saved = packets.Tape.load(tape[3:6].save(tmp_path / "part.pcapng"))
        assert [packet.raw for packet in saved] == [packet.raw for packet in tape[3:6]]
        assert [packet.number for packet in tape[3:6]] == [4, 5, 6]

    @pytest.mark.parametrize("time_ns", [-1, -(10**19), 1 << 64, 1 << 90, 0, None])
    def test_any_time_is_kept(self, time_ns: int | None) -> None:
        frames = [(TIME, b"x", 1, 0, 1), (time_ns, b"yy", 1, 0, 9), (TIME + 1, b"z", 101, 0, 1)]
        assert pcapng.decode(pcapng.encode(Recording(frames))).frames == frames

    def test_a_link_type_that_no_file_can_hold_is_told_when_it_is_saved(self, tmp_path: Path) -> None:
        """A damaged pcap file names one in its 26 bits; pcapng has 16."""
        damaged = tmp_path / "damaged.pcap"
        damaged.write_bytes(classic("<", 0xA1B2C3D4, 1000)[:20] + struct.pack("<I", 70000) + classic("<", 0, 1)[24:])
        tape = packets.Tape.load(damaged)
        assert tape[0].protocol == "link type 70000"
        kept = tmp_path / "kept.pcapng"
        with pytest.raises(LabError, match="link type 70000 cannot be saved"):
            tape.save(kept)
        assert not kept.exists()

    def test_a_time_that_no_file_can_hold_does_not_keep_a_tape_from_being_saved(self) -> None:
        assert pcapng.decode(pcapng.encode(Recording([(1 << 99, b"x", 1, 0, 1)]))).frames == [(None, b"x", 1, 0, 1)]


class TestClassicPcap:
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
    def test_both_byte_orders_and_resolutions(self, order: str, magic: int, unit: int) -> None:
        frames = pcap.decode(classic(order, magic, unit)).frames
        assert [frame[1] for frame in frames] == [b"first frame", b"second"]
        assert {frame[0] for frame in frames} == {TIME // unit * unit}
        assert frames[0][4] == 12

    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_a_stream_may_come_in_any_pieces(self, data: st.DataObject) -> None:
        whole = classic("<", 0xA1B23C4D, 1)
        stream, frames, position = pcap.PcapStream(), [], 0
        while position < len(whole):
            size = data.draw(st.integers(1, 40))
            frames += stream.feed(whole[position : position + size])
            position += size
        assert frames == list(pcap.decode(whole).frames)
        assert stream.rest == 0


class TestHostileFiles:
    def check(self, data: bytes) -> None:
        problem: BadCapture | None = None
        held = 0
        try:
            held = sum(len(frame[1]) for frame in pcap.decode(data, "bad.pcapng").frames)
        except BadCapture as error:
            problem = error
        assert held <= len(data)
        if problem is not None:
            assert "bad.pcapng" in str(problem)
            assert problem.todo
            assert "at byte " in str(problem) or not data

    @given(st.binary(max_size=400))
    @settings(max_examples=300, deadline=None)
    def test_random_bytes(self, data: bytes) -> None:
        self.check(data)
        for magic in (GOOD[:28], classic("<", 0xA1B2C3D4, 1000)[:24]):
            self.check(magic + data)

    @given(st.data())
    @settings(max_examples=500, deadline=None)
    def test_good_files_damaged(self, data: st.DataObject) -> None:
        raw = bytearray(data.draw(st.sampled_from([GOOD, classic("<", 0xA1B2C3D4, 1000), classic(">", 0xA1B23C4D, 1)])))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw) - 4))
            raw[at : at + 4] = data.draw(
                st.one_of(
                    st.binary(min_size=4, max_size=4), st.sampled_from([bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f"])
                )
            )
        self.check(bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw))

    @pytest.mark.parametrize(
        ("at", "value", "says"),
        [
            (0, 0x11111111, "neither pcapng nor pcap"),
            (4, 0, "at byte 0: a section header of 0 bytes"),
            (4, 0xFFFFFFF0, "at byte 0: a block of 4294967280 bytes, but the file ends"),
            (4, 29, "at byte 0: a block of 29 bytes"),
            (8, 0x12345678, "at byte 8: 0x78563412 where 0x1a2b3c4d"),
            (12, 9, "at byte 12: version 9 of pcapng"),
        ],
    )
    def test_says_what_is_wrong_where(self, at: int, value: int, says: str) -> None:
        raw = bytearray(GOOD)
        raw[at : at + 4] = struct.pack("<I", value)
        with pytest.raises(BadCapture, match=says):
            pcap.decode(bytes(raw), "x.pcapng")

    @pytest.mark.parametrize(
        "notes",
        [
            b"{",
            b"[]",
            b'{"events": [1]}',
            b'{"events": [[1,2,3]]}',
            b'{"status": [[8, 1000000000000]]}',
            b'{"status": [["x", 1]]}',
            b'{"status": 5}',
            b'{"ports": ["x"]}',
            b'{"drops": []}',
            b'{"drops": 1e999}',
            b'{"verdicts": 5}',
            b'{"verdicts": null}',
            b'{"verdicts": [1]}',
            b'{"verdicts": {"a": 1}}',
            b'{"verdicts": [[0, "dropped", ""]]}',
            b'{"verdicts": [[2, "dropped", "", []]]}',
            b'{"verdicts": [[-1, "dropped", "", []]]}',
            b'{"verdicts": [[0.0, "dropped", "", []]]}',
            b'{"verdicts": [[true, "dropped", "", []]]}',
            b'{"verdicts": [["0", "dropped", "", []]]}',
            b'{"verdicts": [[0, "eaten", "", []]]}',
            b'{"verdicts": [[0, ["dropped"], "", []]]}',
            b'{"verdicts": [[0, "dropped", null, []]]}',
            b'{"verdicts": [[0, "dropped", "\\u001b[31m", []]]}',
            b'{"verdicts": [[0, "dropped", "\\ud800", []]]}',
            b'{"verdicts": [[0, "dropped", "' + b"x" * 201 + b'", []]]}',
            b'{"verdicts": [[0, "delayed", "", 7]]}',
            b'{"verdicts": [[0, "delayed", "", ["7"]]]}',
            b'{"verdicts": [[0, "delayed", "", [-7]]]}',
            b'{"verdicts": [[0, "delayed", "", [7.5]]]}',
            b'{"verdicts": [[0, "delayed", "", [18446744073709551616]]]}',
            b'{"verdicts": [[0, "dropped", "", []], [0, "delayed", "", []]]}',
            b"[" * 100_000,
            b"\xff\xff",
        ],
        ids=lambda notes: notes[:30].decode("latin1"),
    )
    def test_labkits_own_notes_are_not_believed_either(self, notes: bytes) -> None:
        body = pcapng._LABKIT_MARK + struct.pack("<I", len(notes)) + notes + bytes(-len(notes) % 4)
        block = struct.pack("<II", pcapng.LABKIT, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
        with pytest.raises(BadCapture, match="labkit's notes"):
            pcap.decode(pcapng.encode(Recording(FRAMES[:2])) + block)

    def test_absurd_sizes_cost_no_memory(self) -> None:
        bad = classic("<", 0xA1B2C3D4, 1000)[:24] + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(100)
        tracemalloc.start()
        try:
            with pytest.raises(BadCapture, match="a packet of 4294967295 bytes"):
                pcap.decode(bad)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    def test_an_empty_file_a_missing_one_and_a_directory(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty.pcapng"
        empty.touch()
        with pytest.raises(BadCapture, match=r"empty\.pcapng is empty"):
            packets.Tape.load(empty)
        with pytest.raises(BadCapture, match="cannot be read"):
            packets.Tape.load(tmp_path / "missing.pcapng")
        with pytest.raises(BadCapture, match="cannot be read"):
            packets.Tape.load(tmp_path)

    def test_a_file_over_the_limit_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pcap, "FILE_LIMIT", 1 << 20)
        path = tmp_path / "huge.pcapng"
        with path.open("wb") as file:
            file.truncate((1 << 20) + 1)
        with pytest.raises(BadCapture, match="more than 1 MB"):
            packets.Tape.load(path)


class TestTape:
    def conversation(self) -> packets.Tape:
        """Two connections of the same four numbers one after the other, and a datagram between."""

        def segment(*, server: bool = False, **fields: int | bytes) -> bytes:
            ports = {"sport": 8124, "dport": 40000} if server else {"sport": 40000, "dport": 8124}
            ends = {"src": "10.0.0.2", "dst": "10.0.0.1"} if server else {}
            payload = fields.pop("payload", b"")
            assert isinstance(payload, bytes)
            return made.ethernet(made.ipv4(made.tcp(b"", payload, **ports, **fields), **ends))  # type: ignore[arg-type]

        frames = [
            segment(flags=0x02, seq=0xFFFFFFFF),
            segment(server=True, flags=0x12, seq=500, ack=0),
            segment(flags=0x10, seq=0, ack=501),
            segment(flags=0x18, seq=0, ack=501, payload=b"hi"),
            made.ethernet(made.ipv4(made.udp(b"x"), 17)),
            segment(server=True, flags=0x14, seq=501, ack=2),
            segment(flags=0x02, seq=77),
            segment(server=True, flags=0x14, seq=0, ack=78),
        ]
        return packets.Tape(
            Recording([(at, frame, 1, 0, len(frame)) for at, frame in enumerate(frames)], EVENTS), origin="by hand"
        )

    def test_relative_numbers_wrap_and_start_anew(self) -> None:
        tape = self.conversation()
        assert [(packet.seq, packet.ack) for packet in tape.where(protocol="TCP")] == [
            (0, 0),
            (0, 1),
            (1, 1),
            (1, 1),
            (1, 3),
            (0, 0),
            (1, 1),
        ]
        assert [packet.flag_letters for packet in tape] == ["S", "SA", "A", "PA", "", "RA", "S", "RA"]
        assert tape[1].flags == "SYN, ACK"

    def test_connections(self) -> None:
        tape = self.conversation()
        first, second = tape.connections
        assert first.client == second.client == ("10.0.0.1", 40000)
        assert [packet.number for packet in first.packets] == [1, 2, 3, 4, 6]
        assert [packet.number for packet in second.packets] == [7, 8]
        assert second.packets.connections[0].packets[1].sender == "server"

    def test_where(self) -> None:
        tape = self.conversation()
        assert [packet.number for packet in tape.where(only="SYN")] == [1, 7]
        assert [packet.number for packet in tape.where(only="ACK, SYN")] == [2]
        assert [packet.number for packet in tape.where(sender="server")] == [2, 6, 8]
        assert [packet.number for packet in tape.where(payload=True)] == [4, 5]
        assert [packet.number for packet in tape.where(port=40000, payload=False, sender="client")] == [1, 3, 7]
        assert len(tape.where(only="FIN")) == 0
        with pytest.raises(LabError, match="not TCP flags"):
            tape.where(only="SA")
        with pytest.raises(LabError, match="sent by 'me'"):
            tape.where(sender="me")

    def test_is_a_sequence(self) -> None:
        tape = self.conversation()
        assert tape[-1].number == 8
        assert tape[0] is tape.packets[0] is tape[0:2][0]
        assert isinstance(tape[2:4], packets.Tape)
        assert tape[:].events == EVENTS
        # A part has the events from its first packet to the one after its last; the first part also those before.
        assert tape[:1].events == tuple(each for each in EVENTS if each.time_ns < tape[1].time_ns)
        assert tape[7:].events == tuple(each for each in EVENTS if each.time_ns >= tape[7].time_ns)
        assert tape[2:4].events == ()
        assert tape[:1].origin == tape[0].origin == tape[0].layers[0].origin == "by hand"
        with pytest.raises(IndexError, match="this tape has 8 packets"):
            tape[8]
        assert repr(tape) == "<Tape of 8 packets, 2 connections, by hand>"
        assert repr(tape[3]) == "<Packet 4: TCP client → server PSH, ACK seq=1 ack=1 2 bytes>"

    def test_layers_by_name(self) -> None:
        packet = self.conversation()[3]
        assert [layer.name for layer in packet.layers] == ["Ethernet", "IPv4", "TCP", "Payload"]
        assert packet["TCP"]["flags.push"].value == 1
        assert packet["IP"] is packet["IPv4"]
        assert "UDP" not in packet
        assert packet["TCP"]["tcp.seq"].shown == "1"
        with pytest.raises(KeyError, match="no layer 'UDP', only Ethernet, IPv4, TCP, Payload"):
            packet["UDP"]
        assert [item.name for item in packet.fields()][-1] == "tcp.payload"

    def test_importing_and_reading_leaves_scapy_alone(self) -> None:
        import subprocess
        import sys

        code = (
            "import sys, labkit.packets as p; p.capture, p.Tape, p.status; from labkit.packets.tape import Tape;"
            "assert not any(name.startswith('scapy') for name in sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

    def test_the_notes_are_json(self) -> None:
        at = GOOD.index(pcapng._LABKIT_MARK) + len(pcapng._LABKIT_MARK)
        size = struct.unpack_from("<I", GOOD, at)[0]
        assert json.loads(GOOD[at + 4 : at + 4 + size])["platform"] == "Linux 6.1"
