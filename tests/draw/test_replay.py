"""Replay: its text, what its page gets, and what a page may ask for.

Rule: no browser here; a page is played by the messages that it would send.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import draw
from labkit.core.errors import BadCapture, LabError
from labkit.draw import replay_steps
from labkit.packets import Tape
from labkit.widgets import page
from tests.packets import made, oracle
from tests.packets.dialogs import ACK, PSH, Dialog, talk, tape_of

DATA = Path(__file__).resolve().parents[2] / "data"
HOSTILE = (
    "<script>window.hurt = 1</script>", "</textarea>", "\u202eright to left", "\x1b[31mred", "nul \0 inside",
    "x" * 65000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
)  # fmt: skip


@pytest.fixture
def tape() -> Tape:
    return Tape.load(DATA / "01b-tcp-endings" / "half-close.pcapng")


def steps(replay: draw.Replay, **values: Any) -> Any:
    """What a page is told that asks for steps."""
    answer = replay.panel.heard({"ask": "steps", "ticket": 1, **values})
    assert answer is not None
    message, buffers = answer
    return json.loads(bytes(buffers[0])) if buffers else message


def texts(thing: Any) -> Iterator[str]:
    """Every text in what JSON can hold."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, (list, dict)):
        for each in thing.values() if isinstance(thing, dict) else thing:
            yield from texts(each)


class TestText:
    """The table of states."""

    def test_the_table(self, tape: Tape) -> None:
        lines = repr(draw.replay(tape)).splitlines()
        assert lines[0] == "Replay of 10 packets with port 8126"
        heads = "state next unacked expects"
        assert lines[1].split() == f"packet client {heads} server {heads}".split()
        client, server = "FIN-WAIT-1 27 ≈1 1", "CLOSE-WAIT 1 0 27"
        assert lines[7].split() == f"6 → FIN, ACK seq=26 ack=1 {client} {server}".split()
        assert lines[-2:] == [
            "≈ assumed: no packet of the tape proves it",
            "tape: recorded from data/01b-tcp-endings/half-close.pcapng",
        ]

    def test_an_empty_tape(self) -> None:
        replay = draw.replay(Tape())
        assert repr(replay) == "Replay: no packet of this tape belongs to an exchange"
        assert (replay.panel.state["courses"], replay.panel.data) == ([], b"")

    def test_another_connection(self) -> None:
        frames = [*talk([("c", b"1")], sport=40001).frames, *talk([("c", b"2"), ("s", b"3")], port=8081).frames]
        lines = repr(draw.replay(tape_of(frames), connection=2)).splitlines()
        assert lines[0] == "Replay of 10 packets with port 8081, exchange 2 of 2"

    def test_datagrams_have_no_states(self) -> None:
        datagram = made.ethernet(made.ipv4(made.udp(b"hi", sport=41000, dport=5353), protocol=17))
        lines = repr(draw.replay(tape_of([datagram]))).splitlines()
        assert [" ".join(line.split()) for line in lines] == [
            "Replay of 1 packet with port 5353", "packet client Datagrams server Datagrams",
            "1 → UDP, 2 bytes 1 sent, 2 bytes 0 sent, 0 bytes",
        ]  # fmt: skip

    def test_a_long_tape_is_cut(self) -> None:
        lines = repr(draw.replay(talk([("c", [b"x"] * 100)]).tape())).splitlines()
        assert lines[0] == "Replay of 206 packets with port 8080; the first 80 of them"
        assert len(lines) == 2 + 80 + 1

    def test_a_moment_by_the_number_of_its_packet(self, tape: Tape) -> None:
        assert draw.replay(tape).moment(6).server.state == "CLOSE-WAIT"
        with pytest.raises(LabError, match="packet 99 is not a TCP segment"):
            draw.replay(tape).moment(99)

    @pytest.mark.parametrize(("wrong", "words"), [(3, "int 3"), ([], "list"), (None, "None")])
    def test_something_else_is_refused(self, wrong: Any, words: str) -> None:
        with pytest.raises(LabError, match=f"cannot replay {words}"):
            draw.replay(wrong)

    @pytest.mark.parametrize("wrong", [0, 2, "1", True, None])
    def test_a_connection_that_is_none(self, tape: Tape, wrong: Any) -> None:
        with pytest.raises(LabError, match="number of a connection"):
            draw.replay(tape, connection=wrong)


class TestPage:
    """What the page gets."""

    def test_the_first_steps_come_with_the_view(self, tape: Tape) -> None:
        panel = draw.replay(tape).panel
        found = json.loads(panel.data)
        assert (found["first"], len(found["steps"])) == (0, 10)
        step = found["steps"][5]
        assert (step["n"], step["r"], step["f"], step["l"]) == (6, True, "FIN, ACK seq=26 ack=1", False)
        assert step["c"][:3] == ["FIN-WAIT-1", "", [27, ""]]
        assert len(step["c"]) == 2 + len(replay_steps.ROWS)
        name, _, bits, data, fields = step["b"][2]
        assert (name, bits, len(data)) == ("TCP", 256, 64)
        assert found["kinds"][fields[0][0]][:3] == ["Source Port", "SP", "tcp.srcport"]

    def test_more_steps_when_the_page_asks(self) -> None:
        replay = draw.replay(talk([("c", [b"x"] * 100)]).tape())
        assert len(json.loads(replay.panel.data)["steps"]) == replay_steps.AHEAD
        found = steps(replay, course=0, first=100, last=150)
        assert (found["first"], [step["n"] for step in found["steps"]]) == (100, list(range(101, 151)))
        assert len(steps(replay, course=0, first=0, last=200)["steps"]) == replay_steps.MOST
        assert steps(replay, course=0, first=500, last=600)["steps"] == []
        assert steps(replay, course=0, first=-5, last=1)["first"] == 0

    @pytest.mark.parametrize("wrong", [
        {"course": 1, "first": 0, "last": 1}, {"course": -1, "first": 0, "last": 1},
        {"course": 0, "first": "0", "last": 1},
        {"course": 0, "first": 0}, {"first": 0, "last": 1}, {"course": 0, "first": 0, "last": 1, "more": 2},
        {"course": True, "first": 0, "last": 1},
    ], ids=str)  # fmt: skip
    def test_another_request_is_refused(self, tape: Tape, wrong: Any) -> None:
        assert steps(draw.replay(tape), **wrong)["tell"] == "error"

    def test_every_packet_of_the_recordings_can_be_sent(self) -> None:
        read = 0
        for path in (*sorted(DATA.glob("01*/*.pcapng")), *oracle.all_cases()):
            try:
                tape = Tape.load(path)
            except BadCapture:  # some of the cases are damaged
                continue
            replay, read = draw.replay(tape), read + 1
            for number, course in enumerate(replay.panel.state["courses"]):
                for first in range(0, min(course["count"], 200), 50):
                    found = steps(replay, course=number, first=first, last=first + 50)
                    assert len(found["steps"]) == min(50, course["count"] - first)
        assert read > 50

    @pytest.mark.parametrize("words", HOSTILE, ids=[str(number) for number in range(len(HOSTILE))])
    def test_what_a_peer_sent_is_visible_text_and_short(self, words: str) -> None:
        dialog = Dialog()
        dialog.open()
        payload = words.encode("latin-1", "surrogateescape") if words.isascii() else words.encode("utf-8", "replace")
        dialog.send("c", PSH | ACK, payload[:60000])
        replay = draw.replay(dialog.tape())
        assert len(replay.panel.data) < 40_000
        told = "".join(texts(json.loads(replay.panel.data)))
        assert [sign for sign in told + repr(replay).replace("\n", "") if not sign.isprintable()] == []

    def test_without_a_page_it_is_words(self, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
        replay = draw.replay(tape)
        assert set(replay._repr_mimebundle_()) == {"text/plain", "text/html"}
        monkeypatch.setattr(page, "available", lambda: True)
        monkeypatch.setattr("labkit.widgets.available", lambda: True)
        assert set(replay._repr_mimebundle_()) == {"text/plain", "text/html", page.VIEW}
