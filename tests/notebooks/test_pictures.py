"""What nbval compares of a picture: what the code draws, and not what this run measured.

Rule: pictures of recorded captures; one was drawn by older code, at commit 2c6dd51, and committed all the same.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from nbval.plugin import IPyNbCell

import labkit
from labkit import draw
from tests.notebooks.lessons import ROOT
from tests.notebooks.pictures import made_of, pictures_in_words
from tests.notebooks.test_nbval_cfg import PATTERNS

OLD = (Path(__file__).parent / "old" / "bits-of-a-syn.svg").read_text(encoding="utf8")

A_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" class="lk"><title>t</title><desc>d\ntape: live from this machine\'s '
    'loopback, by a ring</desc><style>.h{font-size:18px}</style><text class="h">SYN seq=0</text><text class="z e">0.010'
    '</text><path class="as" d="M1 2"/><text class="s">tape: live from this machine\'s</text><text class="s">loopback, '
    "by a ring</text></svg>"
)


def syn(lesson: str, name: str) -> Any:
    """The first packet of a recording."""
    return labkit.Tape.load(ROOT / "data" / lesson / f"{name}.pcapng")[0]


def svg(picture: Any) -> str:
    """A picture as the page gets it."""
    return str(picture.svg)


@pytest.fixture
def pictures() -> list[str]:
    """The same header of two connections, with other ports, numbers and clocks."""
    return [
        svg(draw.bits(syn(lesson, name)["TCP"]))
        for lesson, name in (("01a-tcp-connection", "greeting"), ("00-start-here", "first"))
    ]


def test_other_numbers_are_the_same_picture(pictures: list[str]) -> None:
    assert pictures[0] != pictures[1]
    assert made_of(pictures[0]) == made_of(pictures[1])


def test_one_or_several_of_a_thing_are_the_same_picture() -> None:
    one, two = (A_SVG.replace("SYN seq=0", f"and {number}  12 bytes") for number in ("1 ACK", "2 ACKs"))
    assert made_of(one) == made_of(two)
    assert made_of(one) != made_of(A_SVG)


def test_a_time_is_written_in_the_unit_that_fits_it() -> None:
    long, short = (A_SVG.replace("SYN seq=0", time) for time in ("1.01 s", "999 ms"))
    assert made_of(long) == made_of(short)
    assert made_of(long) != made_of(A_SVG.replace("SYN seq=0", "999 sockets"))


def test_a_time_of_a_second_or_more_in_the_column_of_times_is_one_more_number() -> None:
    label = '<text class="z e" x="2" y="2">{}</text></svg>'
    long, short = (A_SVG.replace("</svg>", label.format(time)) for time in ("1.56 s", "506"))
    assert made_of(long) == made_of(short)
    assert made_of(long) != made_of(A_SVG.replace("</svg>", label.format("2 sockets")))


def test_one_drawn_by_older_code_is_not(pictures: list[str]) -> None:
    assert made_of(OLD) != made_of(pictures[0])
    # also apart from the style sheet
    lines = [[line for line in made_of(one).splitlines() if not line.startswith("style")] for one in (OLD, pictures[0])]
    assert lines[0] != lines[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SYN seq=0", "SYN, ACK seq=0"),
        ('class="h"', 'class="g"'),
        ("18px", "19px"),
        ('class="as" d="M1 2"', 'class="as" d="M1 2" opacity="1"'),
        ('<path class="as" d="M1 2"/>', ""),
        ("</svg>", '<circle class="as"/></svg>'),
        ("</svg>", '<text class="ev">loopback</text></svg>'),
        ("</svg>", '<text class="s">2 frames lost</text></svg>'),
    ],
)
def test_what_is_compared(old: str, new: str) -> None:
    assert old in A_SVG
    assert made_of(A_SVG) != made_of(A_SVG.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seq=0", "seq=4711"),
        ("0.010", "1,022.882"),
        ("</svg>", '<text class="s">live</text></svg>'),
        ("SYN seq=0", "SYN seq=0, arrived after 11 ms"),
        ("SYN seq=0", "SYN seq=0, arrived after 3 and 11 ms"),
        ("SYN seq=0", "SYN seq=0, arrived after 900 µs and 1.1 ms"),
        ("</svg>", '<text class="c ev">7 ms later</text></svg>'),
        ("M1 2", "M3 4"),
        ("live from this machine's", "recorded in data/"),
        ("loopback, by a ring", "01a/greeting.pcapng"),
        ("</svg>", '<path class="dot life"/><text class="s">41 ms, nothing is sent</text></svg>'),
        ("</svg>", '<text class="x c">fe</text></svg>'),
        ("</svg>", '<text class="c ev">12 ms later</text></svg>'),
        ("</svg>", '<rect class="oam" width="8"/></svg>'),
        ("<title>t</title>", "<title>u</title>"),
    ],
)
def test_what_is_not(old: str, new: str) -> None:
    assert old in A_SVG
    assert made_of(A_SVG) == made_of(A_SVG.replace(old, new))


@pytest.mark.parametrize(
    "markup",
    [
        A_SVG,
        f"<?xml version='1.0'?>\n{A_SVG}\n",
        f'<img src="data:image/svg+xml;base64,{base64.b64encode(A_SVG.encode()).decode()}">',
        f'<img src="data:image/svg+xml,{quote(A_SVG)}">',
        f'<img src="data:image/svg+xml;charset=utf-8,{quote(A_SVG)}">',
        f"<details><summary>More</summary>{A_SVG}</details>",
    ],
)
def test_a_picture_is_found_in_the_markup_of_a_page(markup: str) -> None:
    text = pictures_in_words(markup)
    assert "text [h] SYN seq=#" in text
    assert "<svg" not in text
    assert "base64" not in text


def test_what_is_no_picture_stays() -> None:
    for text in ("plain", "data:image/svg+xml;base64,!!!!", "<svg without an end", "data:image/svg+xml,no%20markup"):
        assert pictures_in_words(text) == text


def test_nbval_compares_it() -> None:
    """The patterns of tests/nbval.cfg would set all of a picture aside; the words of what it is made of they leave."""
    cell = SimpleNamespace(parent=SimpleNamespace(sanitize_patterns=dict(PATTERNS)))
    compared = [IPyNbCell.sanitize(cell, one) for one in (A_SVG, A_SVG.replace("seq=0", "seq=1"), OLD)]
    assert compared[0] == compared[1] != compared[2]
    assert re.search(r"(?m)^text \[h\] SYN seq=#$", compared[0])


def test_a_note_may_break_within_a_time() -> None:
    note = '<text class="p">twice, arrived after</text><text class="p">3 and 11 ms</text>'
    broken, short = (A_SVG.replace("</svg>", f"{line}</svg>") for line in (note, '<text class="p">twice</text>'))
    assert made_of(broken) == made_of(short) != made_of(A_SVG)


def test_where_the_lines_of_a_note_are_broken_does_not_count() -> None:
    pairs = [("lost, arrived after 9 ms", "pay 1 coin"), ("lost pay", "1 coin"), ("late pay", "1 coin")]
    note = '<text class="c p">{}</text>'
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(map(note.format, pair))}</svg>' for pair in pairs]
    one, other, third = map(made_of, drawn)
    assert one == other != third


def test_which_packets_brought_a_message_does_not_count() -> None:
    """TCP cuts its stream in another way in each run; what a message is, and that it was encrypted, stays."""
    label = '<svg><text class="m c"><tspan class="fl">Finished</tspan>  {}</text><text class="z e">{}</text></svg>'
    first = made_of(label.format("decrypted, 74 bytes, packet 6", "ms"))
    assert first == made_of(label.format("decrypted, 1 byte, packets 6, 8 and 9", "s"))
    assert first == made_of(label.format("decrypted", "µs"))
    assert first != made_of(label.format("encrypted, 74 bytes, packet 6", "ms"))
    assert first != made_of(label.format("decrypted, 74 bytes, packet 6", "hours"))
