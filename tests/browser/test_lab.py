"""A lesson in JupyterLab as a student sees it, in both themes; and what a hostile peer sent stays text there.

Rule: everything is asked of the page, when the page says that it is done.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from labkit.draw import style
from tests.browser.conftest import ROOT, Lab, Notebook
from tests.browser.looking import ATTACK, clipped, colours, notebook_file, themes, unreadable
from tests.packets import made

LESSON = "00-start-here.ipynb"
PICTURES = 2  # the ladder, and the bits of the TCP header


@pytest.fixture(scope="module")
def lesson(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """The first lesson, run from top to bottom."""
    notebook = Notebook(window, lab, LESSON)
    notebook.run_all()
    yield notebook
    notebook.close()


def pictures(notebook: Notebook) -> list[dict[str, Any]]:
    """Every picture among the outputs that is not folded away: where it comes from, its size, how wide it is shown."""
    found: list[dict[str, Any]] = notebook.page.evaluate(
        """() => [...document.querySelectorAll('.jp-OutputArea-output img')].filter(
                image => !image.closest('details:not([open])')).map(image => ({
            source: image.src.slice(0, 19), width: image.naturalWidth, height: image.naturalHeight,
            shown: image.getBoundingClientRect().width}))"""
    )
    return found


class TestLesson:
    """The first lesson, after `make lab` and Run All Cells."""

    def test_every_cell_ran_and_none_failed(self, lesson: Notebook) -> None:
        assert lesson.errors() == []
        counts = lesson.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code').map(cell => cell.model.executionCount)"""
        )
        assert len(counts) > 10
        assert counts == list(range(1, len(counts) + 1))

    @themes
    def test_the_pictures_are_pictures(self, lesson: Notebook, theme: str) -> None:
        lesson.theme(theme)
        found = pictures(lesson)
        assert len(found) == PICTURES
        for each in found:
            assert each["source"].rstrip(",;") == "data:image/svg+xml"  # JupyterLab's own, and those in a page of ours
            assert each["width"] == style.WIDTH
            assert each["height"] > 100
            assert each["shown"] == style.WIDTH  # not shrunk: its text is as small as it may be

    @themes
    def test_nothing_is_cut_off_at_the_side(self, lesson: Notebook, theme: str) -> None:
        lesson.theme(theme)
        assert clipped(lesson) == []

    @themes
    def test_every_text_is_readable(self, lesson: Notebook, theme: str) -> None:
        lesson.theme(theme)
        found = colours(lesson)
        assert any(words.startswith("Measured: ") for words in found)
        assert any(words.startswith("The book: ") for words in found)
        assert unreadable(lesson) == {}

    def test_the_page_talks_to_this_machine_alone(self, lesson: Notebook) -> None:
        assert lesson.hosts - {"in the page"} == {"127.0.0.1"}


def capture_file(path: Path, payload: bytes) -> None:
    """Write a capture of one connection on which the server sends the payload."""
    there, back = {"src": "10.0.0.1", "dst": "10.0.0.2"}, {"src": "10.0.0.2", "dst": "10.0.0.1"}
    client, server = {"sport": 40000, "dport": 8124}, {"sport": 8124, "dport": 40000}
    frames = [
        made.ipv4(made.tcp(**client, flags=0x02, seq=100), **there),
        made.ipv4(made.tcp(**server, flags=0x12, seq=500, ack=101), **back),
        made.ipv4(made.tcp(**client, flags=0x10, seq=101, ack=501), **there),
        made.ipv4(made.tcp(b"", payload, **server, flags=0x18, seq=501, ack=101), **back),
    ]
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    records = (made.ethernet(frame) for frame in frames)
    path.write_bytes(head + b"".join(struct.pack("<IIII", 1, 0, len(one), len(one)) + one for one in records))


SHOWN = (
    "draw.ladder(tape)",
    "draw.ladder(tape, title=attack)",
    "draw.bits(tape[3])",
    "draw.bits(tape[3]['TCP'])",
    "draw.bytes(tape[3])",
    "tape",
    "tape[3]",
    "labkit.predict(attack, mine=attack, options=[attack, 'two'])",
    "labkit.predict(attack, mine=1).compare(attack, attack)",
    "labkit.check_claim(attack, attack, holds=False, seen=attack, outdated=attack)",
)


@pytest.fixture(scope="module")
def hostile(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook that loads a capture with hostile content and shows it in every way there is, run."""
    capture_file(lab.notebooks / "hostile.pcap", ATTACK.encode())
    first = f"import labkit\nfrom labkit import draw\ntape = labkit.Tape.load('hostile.pcap')\nattack = {ATTACK!r}"
    last = "from IPython.display import HTML\nHTML('<script>window.reached = 1; console.log(\"reached\")</script>')"
    notebook_file(lab.notebooks / "hostile.ipynb", first, *SHOWN, last)
    notebook = Notebook(window, lab, "hostile.ipynb")
    notebook.run_all()
    yield notebook
    notebook.close()


@pytest.fixture(scope="module")
def projected(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook that was opened for a projector, run."""
    shutil.copy(ROOT / "data" / "01a-tcp-connection" / "greeting.pcapng", lab.notebooks)
    first = "import labkit\nfrom labkit import draw\nlabkit.lesson('01a-tcp-connection', large=True)"
    notebook_file(lab.notebooks / "large.ipynb", first, "draw.ladder(labkit.Tape.load('greeting.pcapng'))", "print(1)")
    notebook = Notebook(window, lab, "large.ipynb")
    notebook.run_all()
    yield notebook
    notebook.close()


class TestLarge:
    """`labkit.lesson(..., large=True)`: for the back row."""

    def test_pictures_take_the_width_there_is(self, projected: Notebook) -> None:
        assert projected.errors() == []
        (picture,) = pictures(projected)
        room = projected.page.evaluate("() => document.querySelector('.jp-RenderedSVG').clientWidth")
        # no wider than this, or a picture would be higher than the screen
        high = projected.page.evaluate("() => 1.12 * window.innerHeight")
        assert picture["shown"] == pytest.approx(min(room, high), abs=1)
        assert clipped(projected) == []

    def test_type_is_larger(self, projected: Notebook, lesson: Notebook) -> None:
        size = """() => parseFloat(getComputedStyle(document.querySelector('.jp-Notebook .cm-content')).fontSize)"""
        assert projected.page.evaluate(size) > 1.3 * lesson.page.evaluate(size)


class TestHostilePeer:
    """Whatever a peer sends is drawn as text; nothing of it runs in the page."""

    def test_everything_was_drawn(self, hostile: Notebook) -> None:
        assert hostile.errors() == []
        assert len(pictures(hostile)) == sum(line.startswith("draw.") for line in SHOWN)
        assert min(each["width"] for each in pictures(hostile)) > 0
        text = hostile.page.evaluate(
            "() => [...document.querySelectorAll('.jp-OutputArea-output')].map(one => one.textContent).join()"
        )
        assert text.count(ATTACK) >= 6  # the cards show it, as text

    def test_nothing_of_it_ran(self, hostile: Notebook) -> None:
        hostile.page.wait_for_function("() => window.reached === 1")  # a script in an output does run in this page
        assert hostile.page.evaluate("() => window.hurt") is None
        assert [line for line in hostile.heard if "hurt" in line or line.startswith("dialog")] == []

    def test_nothing_of_it_became_part_of_the_page(self, hostile: Notebook) -> None:
        strange = hostile.page.evaluate(
            """() => document.querySelectorAll(
                '.jp-OutputArea-output svg, .jp-OutputArea-output img[onerror], .jp-OutputArea-output img[src="x"]'
            ).length"""
        )
        assert strange == 0
