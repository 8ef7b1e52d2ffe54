"""The streams of a connection: by sequence number, what came first counts, each byte knows its packet.

Rule: the oracle is a model that takes one byte after the other, or what the sockets at both ends have read.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core.errors import LabError
from labkit.lab import Wire
from labkit.packets import Tape
from labkit.packets.buffers import FrameBuffer
from labkit.packets.capture_file import Recording
from labkit.packets.streams import MOST_MISSING, ByteStream
from tests.lab.wires import live_wire
from tests.packets.dialogs import ACK, FIN, PSH, RST, SYN, Dialog, exactly, talk, tape_of

HEADERS = 14 + 20 + 20  # bytes before the payload of these frames


def client(tape: Tape) -> ByteStream:
    (connection,) = tape.connections
    return connection.stream("client")


def opened(isn: int = 1000) -> Dialog:
    dialog = Dialog(isn=(isn, 5000))
    dialog.open()
    return dialog


def test_both_directions() -> None:
    tape = talk([("c", [b"ab", b"c"]), ("s", b"xyz")]).tape()
    (connection,) = tape.connections
    asked, answered = connection.stream("client"), connection.stream("server")
    assert (asked.data, answered.data) == (b"abc", b"xyz")
    assert (asked.began, asked.fin, answered.fin) == (True, 3, 3)
    assert asked.spans(0, 3) == [(4, HEADERS, 2), (6, HEADERS, 1)]
    assert asked.place(1) == (4, HEADERS + 1)
    assert asked.place(3) is None
    assert asked.packets(1, 3) == (4, 6)
    assert repr(asked) == "<ByteStream of the client: 3 bytes>"
    assert repr(connection) == "<Connection of 10.0.0.1:40000 to 10.0.0.2:8080>"


def test_a_sender_that_does_not_exist() -> None:
    (connection,) = talk([]).tape().connections
    with pytest.raises(LabError, match="no stream is sent by 'klient'"):
        connection.stream("klient")


@pytest.mark.parametrize("seq", [2147488649, 2**31 + 1002, 980, 990])
def test_bytes_of_before_the_syn_are_no_part_of_the_stream(seq: int) -> None:
    """Found by random segments: TLS was looked for at a place before the first byte."""
    dialog = Dialog(isn=(1000, 5000))
    hello = b"\x16\x03\x01\x00\x05hello" * 3
    dialog.send("s", PSH | ACK, b"one", seq=4999)
    dialog.send("c", ACK, hello, seq=seq)
    dialog.send("c", SYN | ACK)
    dialog.send("c", SYN | ACK)
    dialog.send("c", PSH | ACK, hello)
    tape = dialog.tape()
    stream = client(tape)
    assert all(offset >= 0 for offset, *_ in stream.segments)
    assert stream.size == len(stream.data) >= 0
    assert tape.messages == ()


def test_a_connection_is_the_same_in_each_part_of_a_tape() -> None:
    tape = talk([("c", b"ab"), ("s", b"xyz")]).tape()
    (whole,), (part,) = tape.connections, tape[4:5].connections
    assert whole == part
    assert len({whole, part}) == 1
    assert len(part.packets) == 1
    assert part.stream("server") is whole.stream("server")
    assert whole != tape


def test_repeated_and_overlapping_bytes_keep_what_came_first() -> None:
    dialog = opened()
    dialog.send("c", PSH | ACK, b"abcdef", seq=1001)
    dialog.send("c", PSH | ACK, b"abcdef", seq=1001)
    dialog.send("c", PSH | ACK, b"XXXghi", seq=1004)
    stream = client(dialog.tape())
    assert stream.data == b"abcdefghi"
    assert stream.spans(0, 9) == [(4, HEADERS, 6), (6, HEADERS + 3, 3)]


def test_what_came_early_waits_for_what_is_before() -> None:
    dialog = opened()
    dialog.send("c", PSH | ACK, b"def", seq=1004)
    dialog.send("c", PSH | ACK, b"abc", seq=1001)
    stream = client(dialog.tape())
    assert stream.data == b"abcdef"
    assert stream.delivered(6) == stream.delivered(3) == 5
    assert stream.delivered(0) == 0


def test_a_hole_stays_a_hole() -> None:
    dialog = opened()
    dialog.send("c", PSH | ACK, b"abc", seq=1001)
    dialog.send("c", PSH | ACK, b"ghi", seq=1007)
    stream = client(dialog.tape())
    assert (stream.data, list(stream.holes)) == (b"abc\0\0\0ghi", [(3, 6)])
    assert stream.place(4) is None
    assert stream.spans(0, 9) == [(4, HEADERS, 3), (5, HEADERS, 3)]
    assert repr(stream) == "<ByteStream of the client: 9 bytes, 3 of them missing>"


def test_bytes_before_fin_are_missing_too() -> None:
    dialog = opened()
    dialog.send("c", PSH | ACK, b"abc", seq=1001)
    dialog.send("c", FIN | ACK, seq=1008)
    stream = client(dialog.tape())
    assert (stream.data, list(stream.holes), stream.fin) == (b"abc\0\0\0\0", [(3, 7)], 7)


def test_bytes_that_a_snapshot_length_cut_off_are_missing() -> None:
    dialog = opened()
    frames = [(1, frame, 1, 0, len(frame)) for frame in dialog.frames]
    cut = dialog.segment("c", PSH | ACK, b"abcdef")
    frames.append((1, cut[: HEADERS + 2], 1, 0, len(cut)))
    frames.append((1, behind := dialog.segment("c", PSH | ACK, b"ghi"), 1, 0, len(behind)))
    stream = client(Tape(Recording(frames)))
    assert (stream.data, list(stream.holes)) == (b"ab\0\0\0\0ghi", [(2, 6)])
    stream = client(Tape(Recording(frames[:-1])))
    assert (stream.data, list(stream.holes)) == (b"ab\0\0\0\0", [(2, 6)])


def test_sequence_numbers_begin_again_at_0() -> None:
    dialog = opened(isn=2**32 - 4)
    dialog.say("c", b"abc", b"def", b"ghi")
    assert client(dialog.tape()).data == b"abcdefghi"


def test_without_syn_the_first_byte_is_the_first_that_was_captured() -> None:
    dialog = opened()
    dialog.say("c", b"abc", b"def")
    late = dialog.frames[5:]  # from the second segment on
    stream = client(tape_of(late))
    assert (stream.data, stream.began, stream.place(0)) == (b"def", False, (1, HEADERS))
    stream = client(tape_of([late[0], dialog.frames[3]]))  # and then the first one
    assert (stream.data, stream.place(0)) == (b"abcdef", (2, HEADERS))


def test_data_in_a_syn_counts_and_data_in_a_rst_does_not() -> None:
    dialog = Dialog()
    dialog.send("c", SYN, b"abc")
    dialog.send("s", SYN | ACK)
    dialog.send("c", RST | ACK, b"why")
    stream = client(dialog.tape())
    assert (stream.data, stream.reset_packet) == (b"abc", 3)


def test_a_forged_number_does_not_cost_memory() -> None:
    dialog = opened()
    dialog.send("c", PSH | ACK, b"abc", seq=1001)
    for far in range(1, 100):
        dialog.send("c", PSH | ACK, b"x", seq=1001 + far * 20_000_000)
    dialog.send("c", FIN | ACK, seq=1001 + 2_000_000_000)
    stream = client(dialog.tape())
    assert stream.data.startswith(b"abc")
    assert stream.size <= MOST_MISSING + 200


def test_a_frame_is_a_buffer_too() -> None:
    buffer = FrameBuffer(b"abcdef", 7)
    assert (buffer.kind, buffer.spans(2, 9), buffer.place(5), buffer.place(6)) == (
        "frame", [(7, 2, 4)], (7, 5), None,
    )  # fmt: skip
    assert (len(buffer), buffer.holes, buffer.packets(0, 1)) == (6, (), (7,))


Sent = tuple[int, int, int, int]


@st.composite
def sendings(draw: st.DrawFn) -> tuple[int, bool, int, list[Sent]]:
    """(first number, whether the SYN is there, bytes, [(first byte, size, shift of the content, snapshot)])."""
    isn = draw(st.sampled_from([0, 1000, 2**32 - 50, 2**32 - 1, 2**31 - 10]) | st.integers(0, 2**32 - 1))
    size = draw(st.integers(1, 300))
    one = st.tuples(st.integers(0, size - 1), st.integers(1, 60), st.integers(0, 3), st.integers(0, 100))
    return isn, draw(st.booleans()), size, draw(st.lists(one, min_size=1, max_size=14))


@settings(deadline=None)
@given(sendings())
def test_equals_a_model_that_takes_one_byte_after_the_other(case: tuple[int, bool, int, list[Sent]]) -> None:
    isn, syn, size, sent = case
    dialog, model = Dialog(isn=(isn, 5000)), dict[int, tuple[int, int, int]]()
    dialog.open()
    if not syn:
        dialog.frames.clear()
    frames = [(None, frame, 1, 0, len(frame)) for frame in dialog.frames]
    for first, count, shift, snapshot in sent:
        data = bytes((at * 7 + shift) % 256 for at in range(first, min(first + count, size)))  # copies can differ
        frame = dialog.segment("c", PSH | ACK, data, seq=isn + 1 + first)
        captured = frame[: HEADERS + snapshot] if snapshot < 10 else frame
        frames.append((None, captured, 1, 0, len(frame)))
        for at in range(len(captured) - HEADERS):
            model.setdefault(first + at, (data[at], len(frames), HEADERS + at))
    (connection,) = Tape(Recording(frames)).connections
    stream = connection.stream("client")
    base = 0 if syn else min(model, default=0)
    missing = {at for start, stop in stream.holes for at in range(start, stop)}
    for at in range(stream.size):
        place = stream.place(at)
        known = model.pop(at + base, None)
        assert (known is None) == (at in missing) == (place is None)
        assert known is None or place is None or (stream.data[at], *place) == known
    assert model == {}


BYTES = bytes(at * 7 + (at >> 8) & 255 for at in range(40000))
RULES: dict[str, Callable[[Wire], object]] = {
    "dropped": lambda wire: (
        wire.drop(payload=True, sender="client", nth=3, times=2), wire.drop(payload=True, sender="server", nth=5)
    ),
    "duplicated": lambda wire: wire.duplicate(payload=True, times=5),
    "reordered": lambda wire: (
        wire.reorder(payload=True, sender="client", nth=4), wire.reorder(payload=True, sender="server", nth=7)
    ),
    "corrupted": lambda wire: (
        wire.corrupt(payload=True, sender="client", nth=4), wire.corrupt(payload=True, sender="server", nth=2)
    ),
    "lost at random": lambda wire: wire.lose(0.1, seed=4, payload=True),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_equals_what_the_sockets_read(rule: str) -> None:
    """Over a wire that loses, repeats, reorders and damages, both sides read what the streams hold."""
    read: dict[str, bytes] = {}
    with live_wire() as wire:
        with wire.server:
            listener = socket.create_server(("", 8080))

        def serve() -> None:
            with wire.server:
                peer, _ = listener.accept()
            with peer:
                read["client"] = exactly(peer, len(BYTES))
                peer.sendall(BYTES[::-1])
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        RULES[rule](wire)
        with listener, wire.capture() as tape:
            with wire.client:
                caller = socket.create_connection((wire.server.address, 8080), timeout=30)
            with caller:
                caller.sendall(BYTES)
                read["server"] = exactly(caller, len(BYTES))
            thread.join()
    assert read == {"client": BYTES, "server": BYTES[::-1]}
    (connection,) = tape.connections
    for sender, data in read.items():
        stream = connection.stream(sender)
        assert (stream.data, list(stream.holes)) == (data, [])
        for at in random.Random(1).sample(range(len(data)), 300):
            place = stream.place(at)
            assert place is not None
            packet = tape[place[0] - 1]
            assert packet.raw[place[1]] == data[at]
            assert packet.verdict is None or packet.verdict.kind != "dropped"  # it came with the retransmission
        brought = stream.packets(0, stream.size)
        assert not [each.number for each in tape.where(verdict="dropped") if each.number in brought]
