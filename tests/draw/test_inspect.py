"""The inspector without a page: its text, and what it tells a page that asks.

Rule: the page is played by the messages that it would send.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit import draw
from labkit.core.errors import BadCapture, LabError
from labkit.draw.inspect import Inspector
from labkit.draw.inspect_files import LARGEST, has_more
from labkit.packets import Tape

DATA = Path(__file__).resolve().parents[2] / "data"
HTTP = DATA / "03b-http-connections" / "twice.pcapng"
HTTPS = DATA / "05e-https" / "at-client.pcapng"
FRAMES = DATA / "04c-websocket-frames" / "fragments.pcapng"

SCOPED = {"rows", "item", "why", "bytes", "find", "secrets", "save"}
"""What is asked of a list, which may be narrowed."""


def asked(its: Inspector, name: str, **values: Any) -> tuple[dict[str, Any], Sequence[bytes]]:
    """What a page is told."""
    scope = {"flow": -1, "shown": ""} if name in SCOPED else {}
    answer = its.panel.heard({"ask": name, "ticket": 1, **scope, **values})
    assert answer is not None
    assert answer[0]["tell"] in (name, "error")
    return answer


def rows(its: Inspector, kind: str, *, first: int = 0, last: int = 100, **scope: Any) -> list[list[str]]:
    """Rows of a list, as columns."""
    _, (words,) = asked(its, "rows", kind=kind, first=first, last=last, **scope)
    return [line.split("\t") for line in words.decode().split("\n")] if words else []


def test_the_text_is_the_same_with_and_without_a_page() -> None:
    lines = repr(labkit.inspect(HTTP)).split("\n")
    assert lines[0] == "Inspector of 12 packets"
    assert lines[1] == "  1  client → server  TCP  SYN, seq 0"
    assert lines[4] == "  4  client → server  TCP  PSH, ACK, seq 1, ack 1, 78 bytes"
    assert lines[-1] == "tape: recorded from data/03b-http-connections/twice.pcapng"
    long = repr(labkit.inspect(DATA / "04a-push" / "events.pcapng")).split("\n")
    assert (len(long), long[-2]) == (23, "     (190 packets more)")


def test_a_tape_a_connection_or_a_path() -> None:
    tape = Tape.load(HTTP)
    for given in (tape, tape.connections[0], str(HTTP), HTTP):
        assert len(draw.inspect(given).tape) == 12
    with pytest.raises(LabError, match="cannot inspect int 3"):
        labkit.inspect(3)
    with pytest.raises(BadCapture, match="none"):
        labkit.inspect("none.pcapng")


def test_rows_come_as_they_are_asked_for() -> None:
    its = labkit.inspect(DATA / "04a-push" / "events.pcapng")
    assert its.panel.data.partition(b"\0")[0].count(b"\n") == 29
    assert [row[0] for row in rows(its, "packets", first=100, last=103)] == ["101", "102", "103"]
    assert len(rows(its, "packets", first=0, last=1 << 40)) == 210
    assert rows(its, "packets", first=-5, last=-1) == rows(its, "packets", first=900, last=903) == []


def test_a_packet_with_its_fields_and_bytes() -> None:
    its = labkit.inspect(HTTP)
    told, (data,) = asked(its, "item", kind="packets", index=3)
    assert (told["title"], told["parts"]) == ("Packet 4", [["The frame", 144]])
    assert data == its.tape[3].raw
    fields = {each[2]: each for each in told["fields"]}
    depth, part, _, label, start, bits, _shown, _meaning = fields["tcp.flags.syn"]
    assert (depth, part, label, start, bits) == (2, 0, "SYN", 47 * 8 + 6, 1)
    reasons, _ = asked(its, "why", kind="packets", index=3)
    assert len(reasons["why"]) == len(told["fields"])
    why, rfc = reasons["why"][told["fields"].index(fields["tcp.flags.syn"])]
    assert why
    assert rfc.startswith("RFC 9293")
    assert told["links"] == [["messages", 4, 0, "GET / HTTP/1.1"]]


def test_the_first_packet_comes_with_the_view() -> None:
    its = labkit.inspect(HTTP)
    told, data = asked(its, "item", kind="packets", index=0)
    _, words, raw = its.panel.data.split(b"\0", 2)
    assert {**json.loads(words), "tell": "item", "ticket": 1} == json.loads(json.dumps(told))
    assert [raw] == data == [its.tape[0].raw]
    assert b"\0" not in labkit.inspect(its.tape.where(port=1)).panel.data


@pytest.mark.parametrize("path", [HTTP, HTTPS, FRAMES], ids=lambda path: path.stem)
def test_every_link_leads_there_and_back(path: Path) -> None:
    its = labkit.inspect(path)
    seen = 0
    for at, packet in enumerate(its.tape):
        told, _ = asked(its, "item", kind="packets", index=at)
        for kind, number, place, words in told["links"]:
            found, _ = asked(its, "find", kind=kind, packet=number, place=place)
            other, _ = asked(its, "item", kind=kind, index=found["index"])
            assert words in other["title"]
            assert ["packets", packet.number, 0, f"packet {packet.number}"] in other["links"]
            seen += 1
    assert seen >= 4


def test_every_message_record_and_frame_is_listed() -> None:
    its = labkit.inspect(HTTPS)
    assert len(rows(its, "messages")) == len(its.tape.messages) == 2
    assert len(rows(its, "records")) == len(its.tape.records) + len(its.tape.handshake)
    assert [row[6] for row in rows(labkit.inspect(FRAMES), "messages")][2].startswith("text")


def test_a_record_and_what_it_carries_have_two_names() -> None:
    names = [row[6] for row in rows(labkit.inspect(HTTPS), "records")]
    assert names[:2] == ["record of ClientHello", "ClientHello"]
    told, _ = asked(labkit.inspect(HTTPS), "item", kind="records", index=0)
    assert told["title"] == "record of ClientHello"


def test_a_record_has_what_was_decrypted_beside_what_was_sent() -> None:
    its = labkit.inspect(HTTPS)
    wanted = next(at for at, row in enumerate(rows(its, "records")) if row[6] == "record of application data")
    told, buffers = asked(its, "item", kind="records", index=wanted)
    assert [title for title, _ in told["parts"]] == ["The record as it was sent", "What was encrypted"]
    assert buffers[1].startswith(b"GET / HTTP/1.1\r\n")
    assert {part for _, part, *_ in told["fields"]} == {0, 1}


class TestFiltered:
    """By a display filter."""

    def test_packets_messages_and_records_are_narrowed(self) -> None:
        its = labkit.inspect(HTTPS)
        numbers = [packet.number for packet in its.tape if "SYN" in packet.flags]
        assert [row[0] for row in rows(its, "packets", shown="tcp.flags.syn == 1")] == list(map(str, numbers))
        assert rows(its, "messages", shown="tcp.flags.syn == 1") == []
        one = its.tape.messages[0]
        found = rows(its, "messages", shown=f"frame.number == {one.packets[0]}")
        assert [row[6] for row in found] == ["GET / HTTP/1.1"]
        (frame,) = [packet for packet in its.tape if packet.number == one.packets[0]]
        told, (data,) = asked(its, "item", kind="packets", shown=f"frame.number == {frame.number}", index=0)
        assert (told["title"], data) == (f"Packet {frame.number}", frame.raw)

    def test_a_link_that_leads_out_of_it_widens_the_list(self) -> None:
        its = labkit.inspect(HTTP)
        found, _ = asked(its, "find", kind="messages", shown="tcp.flags.syn == 1", packet=4, place=0)
        assert (found["flow"], found["shown"], found["index"]) == (-1, "", 0)
        found, _ = asked(its, "find", kind="messages", shown="http", packet=4, place=0)
        assert found["shown"] == "http"

    @pytest.mark.parametrize(
        ("text", "place"),
        [("tcp.flags.sin == 1", 0), ("tcp.port == 8124 &&", 19), ('ip.src == "', 10), ("", -1), ("tcp.port == 80", -1)],
    )
    def test_a_wrong_one_is_told_with_its_place(self, text: str, place: int) -> None:
        told, _ = asked(labkit.inspect(HTTP), "filter", text=text)
        assert told["place"] == place
        assert bool(told.get("fault")) is (place >= 0)

    def test_no_list_is_made_by_a_wrong_one(self) -> None:
        told, _ = asked(labkit.inspect(HTTP), "rows", kind="packets", shown="tcp.", first=0, last=9)
        assert told["tell"] == "error"


class TestRefused:
    """What no page of ours asks."""

    @pytest.mark.parametrize(
        ("name", "values", "words"),
        [
            ("rows", {"kind": "<b>", "first": 0, "last": 9}, "there is no list of <b>"),
            ("rows", {"kind": "packets", "flow": 7, "first": 0, "last": 9}, "there is no connection 7"),
            ("item", {"kind": "packets", "index": 12}, "this list has 12 rows, there is no row 13"),
            ("item", {"kind": "packets", "index": -1}, "there is no row 0"),
            ("bytes", {"kind": "packets", "index": 0, "part": 1, "first": 0}, "there are no such bytes"),
            ("find", {"kind": "messages", "packet": 4, "place": 9}, "packet 4 does not lead there"),
            ("find", {"kind": "packets", "packet": 99, "place": 0}, "packet 99 does not lead there"),
            ("find", {"kind": "", "packet": 4, "place": 0}, "there is no list of"),
            ("follow", {"packet": 99}, "packet 99 belongs to no TCP connection"),
            ("secrets", {"flow": -2}, "there is no connection -2"),
            ("save", {"flow": 1, "secrets": True, "first": 0}, "there is no connection 1"),
        ],
    )
    def test_it_is_told_why(self, name: str, values: dict[str, Any], words: str) -> None:
        told, _ = asked(labkit.inspect(HTTP), name, **values)
        assert told["tell"] == "error"
        assert words in told["words"]

    def test_what_has_another_form_does_nothing(self) -> None:
        its = labkit.inspect(HTTP)
        wrong = {"ask": "item", "ticket": 1, "kind": "packets", "flow": "0", "index": 1}
        for message in ({"ask": "item"}, wrong, [], 5):
            its.panel.heard(message)
        assert its.panel.refused == 4


class TestFiles:
    """Captures that come from a page, and go to it."""

    def give(self, its: Inspector, name: str, data: bytes, size: int = -1, piece: int = 1 << 20) -> dict[str, Any]:
        """Send a file as a page does; returns the last answer."""
        told: dict[str, Any] = {}
        for first in range(0, max(1, len(data)), piece):
            values = {"name": name, "size": len(data) if size < 0 else size, "first": first}
            answer = its.panel.heard({"ask": "file", "ticket": 1, **values}, [data[first : first + piece]])
            assert answer is not None
            told = answer[0]
        return told

    def test_a_file_in_pieces_takes_the_place_of_the_tape(self) -> None:
        its = labkit.inspect(HTTP)
        state = dict(its.panel.state)
        assert self.give(its, "mine.pcapng", HTTPS.read_bytes(), piece=1000)["whole"] is True
        assert (len(its.tape), its.tape.origin) == (19, "recorded from mine.pcapng")
        assert its.panel.state["count"] == 19
        assert its.panel.state["shown"] > state["shown"]
        assert len(rows(its, "messages")) == 2

    def test_one_that_is_too_large_is_refused_before_it_comes(self) -> None:
        its = labkit.inspect(HTTP)
        told = self.give(its, "huge.pcapng", b"", size=1 << 30)
        assert told["words"].startswith("huge.pcapng has 1,073,741,824 bytes; from a page a file may have 67,108,864.")
        assert len(its.tape) == 12

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "is empty"), (b"hello, this is no capture", "neither pcapng nor pcap"),
            (HTTP.read_bytes()[:40], "at byte"), (b"PK\3\4" + bytes(100), "compressed with ZIP"),
        ],
    )  # fmt: skip
    def test_a_damaged_one_is_told_and_the_tape_stays(self, data: bytes, words: str) -> None:
        its = labkit.inspect(HTTP)
        told = self.give(its, "<b>\u202ebad", data)
        assert (told["tell"], len(its.tape)) == ("error", 12)
        assert words in told["words"]
        assert "\u202e" not in told["words"]

    @pytest.mark.parametrize("form", ["pcap <", "pcap >", "pcapng"])
    def test_small_bytes_that_become_many_packets_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
    ) -> None:
        its = labkit.inspect(HTTP)
        if form == "pcapng":
            few = its.tape.save(tmp_path / "few.pcapng").read_bytes()
            many = few + 600_000 * struct.pack("<8I", 6, 32, 0, 0, 0, 0, 0, 32)
        else:
            head = struct.pack(f"{form[-1]}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
            few = head + struct.pack(f"{form[-1]}IIII", 0, 0, 3, 3) + b"abc"
            many = few + bytes(16) * 600_000
        assert not has_more(few, 30)
        packed = gzip.compress(many)
        assert len(packed) < 1 << 20
        monkeypatch.setattr("labkit.packets.pcap.decode", lambda *_: pytest.fail("it was read"))
        told = self.give(its, "many.pcap.gz", packed)
        assert told["words"].startswith("many.pcap.gz has more than 500,000 packets, which is the most")
        assert len(its.tape) == 12

    def test_packets_are_counted(self, tmp_path: Path) -> None:
        blocks = labkit.inspect(HTTP).tape.save(tmp_path / "a.pcapng").read_bytes()
        assert has_more(blocks, 12)
        assert not has_more(blocks[:100], 12)
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        three = head + 3 * (struct.pack("<IIII", 0, 0, 3, 3) + b"abc")
        assert [has_more(three, most) for most in (2, 3)] == [True, False]

    def test_what_unpacks_to_more_than_the_limit_is_refused(self) -> None:
        its = labkit.inspect(HTTP)
        told = self.give(its, "bomb.pcap.gz", gzip.compress(bytes(LARGEST + 1)))
        assert "bomb.pcap.gz" in told["words"]
        assert (told["tell"], len(its.tape)) == ("error", 12)

    def test_one_that_is_packed_is_opened(self) -> None:
        its = labkit.inspect(HTTP)
        assert self.give(its, "mine.gz", gzip.compress(HTTPS.read_bytes()))["whole"] is True
        assert len(its.tape) == 19
        assert self.give(its, "cut.gz", gzip.compress(HTTPS.read_bytes())[:-3])["whole"] is True
        assert "not whole" in its.panel.state["origin"]

    def test_one_that_is_cut_off_gives_what_is_there(self) -> None:
        its = labkit.inspect(HTTP)
        whole = HTTP.read_bytes()
        assert self.give(its, "cut.pcapng", whole[: len(whole) // 2])["tell"] == "file"
        assert 0 < len(its.tape) < 12
        assert "not whole" in its.panel.state["origin"]

    def test_pieces_out_of_order_are_refused(self) -> None:
        its = labkit.inspect(HTTP)
        for first, content in ((0, b"abc"), (4, b"x")):
            answer = its.panel.heard({"ask": "file", "ticket": 1, "name": "a", "size": 9, "first": first}, [content])
        assert answer is not None
        assert "did not come in order" in answer[0]["words"]

    @pytest.mark.parametrize("secrets", [True, False])
    def test_what_is_downloaded_is_the_tape_with_or_without_its_keys(self, tmp_path: Path, secrets: bool) -> None:
        its = labkit.inspect(HTTPS)
        told, (data,) = asked(its, "save", secrets=secrets, first=0)
        assert told["size"] == len(data)
        (tmp_path / "got.pcapng").write_bytes(data)
        got = Tape.load(tmp_path / "got.pcapng")
        assert [packet.raw for packet in got] == [packet.raw for packet in its.tape]
        assert bool(got.secrets) is secrets
        assert asked(its, "secrets")[0]["count"] == len(its.tape.secrets) > 0

    def test_of_a_followed_connection_its_packets_are_downloaded(self, tmp_path: Path) -> None:
        its = labkit.inspect(DATA / "01b-tcp-endings" / "server-closes.pcapng")
        flow, number = 1, its.tape.connections[1].packets[0].number
        assert asked(its, "follow", packet=number)[0]["flow"] == flow
        _, (data,) = asked(its, "save", flow=flow, secrets=True, first=0)
        (tmp_path / "got.pcapng").write_bytes(data)
        assert len(Tape.load(tmp_path / "got.pcapng")) == len(rows(its, "packets", flow=flow)) < len(its.tape)
