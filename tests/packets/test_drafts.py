"""Frames that are built: fields by value, bits, lengths and checksums mended or left, undone.

Rule: Scapy's own lengths and checksums are the oracle; a flip is compared with the bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from scapy.fields import BitField, FieldLenField, ShortField, StrLenField
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.packet import Packet, bind_layers

from labkit.core.errors import BadArgument, LabError, NoSuchPart
from labkit.packets import Tape
from labkit.packets.drafts import Draft, start
from labkit.packets.drafts.templates import NAMES
from labkit.packets.drafts.websocket_form import WebSocketForm
from labkit.websocket.frames import encode

ROOT = Path(__file__).resolve().parents[2]
THERE = IP(src="10.0.0.1", dst="10.0.0.2")


class Note(Packet):
    """The layer of lesson 02d."""

    name = "Note"
    fields_desc: ClassVar = [
        BitField("version", 1, 4), BitField("kind", 0, 4), FieldLenField("length", None, fmt="B", length_of="text"),
        ShortField("number", 0), StrLenField("text", b"", length_from=lambda note: note.length),
    ]  # fmt: skip


bind_layers(UDP, Note, sport=9107, dport=9107)


def draft(thing: Any) -> Draft:
    if isinstance(thing, Draft):
        return thing
    raw, form, unfilled = start(thing)
    return Draft(raw, form, unfilled=unfilled)


def states(built: Draft) -> dict[str, str]:
    """The state of each length and checksum."""
    return {row.field.name: row.state for row in built.rows() if row.field is not None and row.state}


def says(built: Draft, name: str) -> str:
    return next(row.says for row in built.rows() if row.field is not None and row.field.name == name)


class TestStart:
    """What a frame can begin with."""

    @pytest.mark.parametrize("name", NAMES)
    def test_each_protocol_by_its_name(self, name: str) -> None:
        built = draft(name)
        assert built.wrong() == []
        again = Ether(built.raw)
        for layer in (IP, IPv6, TCP, UDP, ICMP):
            for each in ("len", "plen", "chksum"):
                if layer in again and each in again[layer].fields:
                    delattr(again[layer], each)
        assert bytes(again) == built.raw

    @pytest.mark.parametrize(
        "packet",
        [
            Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / THERE / TCP() / b"x",
            THERE / UDP() / b"odd", THERE / ICMP() / b"ping", IPv6(src="fd00::1", dst="fd00::2") / ICMPv6EchoRequest(),
            Ether(src="02:00:00:00:00:01") / Dot1Q(vlan=5) / THERE / TCP(), THERE / IP(src="10.0.0.3") / UDP() / b"in",
            THERE / GRE() / THERE / TCP(options=[("MSS", 1460)]) / b"tunnel", ARP(),
            Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ARP(psrc="10.0.0.1"),
        ],
        ids=lambda packet: packet.summary()[:40],
    )  # fmt: skip
    def test_scapys_layers_are_right(self, packet: Any) -> None:
        built = draft(packet)
        assert (built.raw, built.wrong(), built.left) == (bytes(packet), [], frozenset())

    def test_a_packet_of_a_tape_with_checksums_that_were_never_filled_in(self) -> None:
        tape = Tape.load(ROOT / "data" / "01a-tcp-connection" / "greeting.pcapng")
        built = draft(tape[0])
        assert (built.raw, built.left) == (tape[0].raw, frozenset())
        built.set("tcp.seq", 7)
        assert built.wrong() == []

    def test_what_was_wrong_on_purpose_stays(self) -> None:
        built = draft(THERE / TCP(chksum=1))
        built.set("tcp.seq", 7)
        assert states(built) == {"ip.len": "right", "ip.checksum": "right", "tcp.checksum": "left"}

    def test_padding_of_ethernet_is_no_part_of_the_packet(self) -> None:
        built = draft(bytes(Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") / THERE / ICMP()) + bytes(18))
        assert built.wrong() == []

    @pytest.mark.parametrize("thing", [5, None, [], "no protocol", object(), b"".join])
    def test_anything_else_is_refused(self, thing: object) -> None:
        with pytest.raises(LabError):
            start(thing)


class TestSet:
    """Fields by value."""

    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("tcp.flags", "SYN, ACK", 0x12), ("tcp.flags", "SA", 0x12), ("tcp.flags", "ack", 0x10),
            ("tcp.flags.syn", False, 0), ("tcp.flags.fin", "Set", 1), ("tcp.seq", "0xffffffff", 0xFFFFFFFF),
            ("ip.ttl", "007", 7), ("ip.src", "192.0.2.1", "192.0.2.1"),
            ("eth.src", "02-00-00-00-00-09", "02:00:00:00:00:09"), ("ip.id", b"\1\2", 0x102),
        ],
    )  # fmt: skip
    def test_values(self, name: str, value: object, shown: object) -> None:
        built = draft("TCP")
        built.set(name, value)
        assert (built[name].value, built.wrong()) == (shown, [])

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("ip.ttl", 256, "8 bits"), ("ip.ttl", -1, "0 to 255"), ("ip.ttl", "many", "Give a number"),
            ("ip.ttl", 1.5, "Give a number"), ("ip.src", "10.0.0", "Write it so"), ("eth.src", "02:00", "Write it so"),
            ("ip.src", 5, "Give text"), ("tcp.flags", "SYN, XYZ", "flags"), ("ip.id", b"1", "2 bytes"),
            ("tcp.flags.syn", b"1", "no bytes"), ("ip.flags.df", "maybe", "Give a number"),
            ("ip.src", "10\0", "Write it so"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_told_and_changes_nothing(self, name: str, value: object, words: str) -> None:
        built = draft("TCP")
        before = built.raw
        with pytest.raises(BadArgument, match=words):
            built.set(name, value)
        assert (built.raw, built.undoable) == (before, 0)

    def test_data_may_become_longer_and_shorter(self) -> None:
        for text, data in (("a longer text", b"a longer text"), ("0x00 ff", b"\0\xff"), ("é", "é".encode())):
            built = draft("UDP")
            built.set("udp.payload" if "udp.payload" in str(list(built.rows())) else "data.data", text)
            again = Ether(built.raw)
            assert (again[IP].len, again[UDP].len, bytes(again[UDP].payload)) == (28 + len(data), 8 + len(data), data)
            assert built.wrong() == []

    def test_a_name_that_is_not_there_gets_near_ones(self) -> None:
        with pytest.raises(NoSuchPart, match=r"tcp\.flags"):
            draft("TCP").set("tcp.flag", 1)

    def test_a_frame_has_an_end(self) -> None:
        with pytest.raises(BadArgument, match="65535"):
            draft("UDP").set("udp.payload", bytes(65536))


class TestBits:
    """Bits, and what is right now."""

    @pytest.mark.parametrize("bit", [0, 13, 111, 200, 431])
    def test_a_flip_turns_one_bit(self, bit: int) -> None:
        built = draft("TCP")
        built.leave()
        before = built.raw
        built.flip(bit)
        assert int.from_bytes(before, "big") ^ int.from_bytes(built.raw, "big") == 1 << (len(before) * 8 - 1 - bit)

    @pytest.mark.parametrize("bit", [-1, 432, True, 1.0, "tcp.flags"])
    def test_no_bit(self, bit: Any) -> None:
        with pytest.raises(BadArgument):
            draft("TCP").flip(bit)

    def test_by_name(self) -> None:
        built = draft("TCP")
        built.flip("tcp.flags.fin")
        assert built["tcp.flags"].value == 3

    def test_a_checksum_that_a_flip_made_wrong_says_so(self) -> None:
        built = draft("TCP")
        right = int(built["tcp.checksum"].value)  # type: ignore[arg-type]
        built.flip(built["tcp.checksum"].start)
        assert states(built)["tcp.checksum"] == "left"
        assert says(built, "tcp.checksum") == f"not right now: should be 0x{right:04x} (left so)"
        built.set("ip.src", "10.0.0.7")  # the sum covers the addresses, too
        assert says(built, "tcp.checksum") == f"not right now: should be 0x{right - 6:04x} (left so)"
        built.mend("tcp.checksum")
        assert says(built, "tcp.checksum") == "right"


class TestLeave:
    """Wrong on purpose, mended, undone."""

    def test_left_mended_undone(self) -> None:
        built = draft("TCP")
        first = built.raw
        built.leave("ip.checksum")
        assert states(built)["ip.checksum"] == "held"
        built.set("ip.ttl", 1)
        assert states(built) == {"ip.len": "right", "ip.checksum": "left", "tcp.checksum": "right"}
        built.mend()
        assert set(states(built).values()) == {"right"}
        built.undo()
        assert states(built)["ip.checksum"] == "left"
        built.undo()
        built.undo()
        assert (built.raw, built.left) == (first, frozenset())
        with pytest.raises(LabError, match="nothing to undo"):
            built.undo()

    def test_a_length_that_is_wrong_stays_and_the_checksums_follow_it(self) -> None:
        built = draft("UDP")
        built.set("udp.length", 10)
        assert states(built)["udp.length"] == "left"
        assert says(built, "udp.length") == "not right now: should be 13 (left so)"
        assert built["udp.checksum"].meaning == "good"  # says labkit's own table: it covers what UDP's length says

    def test_no_udp_checksum_is_no_fault_over_ipv4_and_one_over_ipv6(self) -> None:
        four, six = draft("UDP"), draft("IPv6/UDP")
        four.set("udp.checksum", 0)
        six.set("udp.checksum", 0)
        assert (states(four)["udp.checksum"], states(six)["udp.checksum"]) == ("held", "left")

    @pytest.mark.parametrize("name", ["ip.ttl", "ip.hdr_len"])
    def test_only_lengths_and_checksums(self, name: str) -> None:
        with pytest.raises(BadArgument, match=r"ip\.checksum"):
            draft("TCP").leave(name)

    def test_every_flip_of_every_protocol_keeps_the_rest_right(self) -> None:
        for name in NAMES:
            built = draft(name)
            for bit in range(len(built.raw) * 8):
                built.flip(bit)
                names = {each.name for each in built.wrong()}
                assert names <= built.left, (name, bit)
                list(built.rows())
                built.undo()
            assert built.wrong() == []


class TestOwnLayers:
    """A student's own Scapy layer."""

    def test_its_length_follows_its_text(self) -> None:
        built = draft(THERE / UDP(sport=9107, dport=9107) / Note(kind=2, number=258, text=b"ping me"))
        built.set("note.text", "a longer text")
        same = THERE / UDP(sport=9107, dport=9107) / Note(kind=2, number=258, text=b"a longer text")
        assert (built.raw, states(built)["note.length"]) == (bytes(same), "right")

    def test_one_that_is_bound_to_nothing(self) -> None:
        built = draft(THERE / UDP(sport=9, dport=9) / Note(kind=2, text=b"hi"))
        built.set("note.text", "a longer text")
        assert built.raw == bytes(THERE / UDP(sport=9, dport=9) / Note(kind=2, text=b"a longer text"))
        assert (states(built)["note.length"], built.wrong()) == ("right", [])

    def test_alone(self) -> None:
        built = draft(Note(text=b"hi"))
        built.set("note.text", "longer")
        built.set("note.kind", 5)
        assert built.raw == bytes(Note(kind=5, text=b"longer"))
        with pytest.raises(BadArgument, match="4 bits"):
            built.set("note.kind", 18)

    def test_a_class_that_raises_is_left_alone(self) -> None:
        class Broken(Note):
            def post_build(self, pkt: bytes, pay: bytes) -> bytes:
                if self.getfieldval("length") is None:
                    raise ValueError("broken")
                return pkt + pay

        built = draft(Broken(length=2, text=b"hi"))
        built.set("broken.kind", 1)
        assert built.raw == bytes(Broken(kind=1, length=2, text=b"hi"))


class TestWebSocket:
    """A WebSocket frame: labkit's own encoder is the oracle."""

    KEY = bytes.fromhex("37fa213d")

    @pytest.mark.parametrize("size", [0, 1, 5, 125, 126, 300, 65535, 65536])
    def test_a_text_of_each_size(self, size: int) -> None:
        built = draft("WebSocket")
        text = "é" * (size // 2) + "x" * (size % 2)
        if size > 65000:
            with pytest.raises(BadArgument, match="65535"):
                built.set("websocket.payload.text", text)
            return
        built.set("websocket.payload.text", text)
        assert (built.raw, built.wrong()) == (encode(1, text.encode(), key=self.KEY), [])

    def test_a_longer_text_and_back(self) -> None:
        built = draft("WebSocket")
        first = built.raw
        built.set("websocket.payload.text", "x" * 200)
        built.set("websocket.payload.text", "Hello")
        assert built.raw == first

    def test_a_close_code_under_its_mask(self) -> None:
        built = draft(raw_frame(encode(8, b"\x03\xe8bye", key=self.KEY)))
        built.set("websocket.payload.close.status_code", 1002)
        assert built.raw == encode(8, b"\x03\xeabye", key=self.KEY)

    def test_a_flip_without_the_mask_is_a_flip_in_the_masked_bytes(self) -> None:
        built = draft("WebSocket")
        built.flip(built["websocket.payload.text"].start + 2)
        assert built["websocket.payload.text"].value == "hello"

    def test_a_length_that_is_wrong_on_purpose(self) -> None:
        built = draft("WebSocket")
        built.set("websocket.payload_length", 96)
        built.set("websocket.payload.text", "Hi")
        assert says(built, "websocket.payload_length") == "not right now: should be 2 (left so)"
        built.set("websocket.payload_length", 1)
        assert [layer.title for layer in built.layers][-1] == "Behind the frame"
        built.mend()
        assert built.raw == encode(1, b"Hi", key=self.KEY)

    def test_a_longer_form_than_needed(self) -> None:
        built = draft(raw_frame(b"\x81\xfe\x00\x05" + self.KEY + encode(1, b"Hello", key=self.KEY)[6:]))
        assert states(built) == {"websocket.payload_length": "left", "websocket.payload_length_ext_16": "right"}
        built.set("websocket.payload.text", "Hello!")
        assert built["websocket.payload_length_ext_16"].value == 6
        built.mend()
        assert built.raw == encode(1, b"Hello!", key=self.KEY)

    def test_every_flip_and_every_cut_can_be_shown(self) -> None:
        whole = draft("WebSocket").raw
        for size in range(len(whole) + 1):
            built = draft(raw_frame(whole[:size]))
            list(built.rows())
            for bit in range(size * 8):
                built.flip(bit)
                list(built.rows())
                built.undo()

    def test_of_a_tape(self) -> None:
        tape = Tape.load(ROOT / "data" / "04c-websocket-frames" / "by-hand.pcapng")
        asked, answered = [frame for frame in tape.frames if frame.kind == "text"]
        assert draft(asked)["websocket.payload.text"].value == asked.text
        assert draft(answered)["websocket.mask"].meaning == "no key follows"
        assert draft(answered).wrong() == []


def raw_frame(raw: bytes) -> Draft:
    """A draft of these bytes as a client's WebSocket frame."""
    return Draft(raw, WebSocketForm())
