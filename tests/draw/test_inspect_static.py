"""What an inspector shows where no kernel runs: HTML whose fields and bytes have classes in common.

Rule: the markup is parsed; what a page makes of it is asked in tests/browser.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import labkit
from labkit.draw.inspect_static import static
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from tests.packets import made

DATA = Path(__file__).resolve().parents[2] / "data"
HTTP = DATA / "03b-http-connections" / "twice.pcapng"


class Read(HTMLParser):
    """The tags of a page, its words by class of the element around them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.words: dict[str, str] = {}
        self._class = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag in ("p", "span"):
            self._class = f"{tag} {dict(attributes).get('class')}"

    def handle_data(self, data: str) -> None:
        self.words.setdefault(self._class, "")
        self.words[self._class] += data


def test_a_field_and_its_bytes_have_a_class_in_common() -> None:
    read = Read(static(Tape.load(HTTP)[3:4]))
    assert read.words["p n7"].startswith("Total Length 130")
    assert read.words["span n7"].strip() == "00 82"
    # a byte in which two fields lie has the classes of both
    assert read.words["span n3 n4"].strip() == "45"
    assert "lks:has(.n7:hover,.n7:focus) .n7" in static(Tape.load(HTTP)[3:4])


def test_a_short_tape_shows_the_packets_that_say_most_and_a_long_one_is_small() -> None:
    short = static(Tape.load(HTTP))
    assert Read(short).tags["details"] == 5
    assert len(short) < 50_000
    long = static(Tape.load(DATA / "04a-push" / "events.pcapng"))
    assert Read(long).tags["details"] >= 1
    assert "and 200 packets more" in long
    assert len(long) < 12_000


def test_an_empty_tape_says_so() -> None:
    assert "0 packets" in static(Tape.load(HTTP)[:0])


def test_hostile_content_is_text() -> None:
    attack = b"<script>alert(1)</script>\"'><img src=x onerror=alert(1)></pre>\x1b[31m\xe2\x80\xae\0" + b"x" * 60_000
    frame = made.ethernet(made.ipv4(made.tcp(b"", attack, sport=1, dport=2, flags=0x18, seq=1, ack=1)))
    shown = static(Tape(Recording([(1, frame, 1, 0, len(frame))])))
    assert not {"script", "img"} & Read(shown).tags.keys()
    assert not re.findall("[\x00-\x09\x0b-\x1f\u202e\ud800-\udfff]", shown)
    assert len(shown) < 20_000


@pytest.mark.parametrize("path", sorted(DATA.glob("*/*.pcapng"))[::6], ids=lambda path: path.stem)
def test_every_recorded_capture_can_be_inspected(path: Path) -> None:
    its = labkit.inspect(path)
    bundle = its._repr_mimebundle_()
    assert bundle["text/plain"] == repr(its)
    assert set(bundle) == {"text/plain", "text/html"}
    assert len(bundle["text/html"]) < 60_000
    for kind in ("packets", "messages", "records"):
        scope = {"kind": kind, "flow": -1, "shown": ""}
        answer = its.panel.heard({"ask": "rows", "ticket": 1, **scope, "first": 0, "last": 9})
        assert answer is not None
        assert answer[0]["tell"] == "rows"
