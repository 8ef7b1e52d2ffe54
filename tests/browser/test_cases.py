"""Three exchanges in which something goes wrong (data/cases): what it is, found in JupyterLab by keyboard alone.

Rule: a cell is run, and from there on no mouse, no Python, and no focus set by a script: the Tab key leads to each part
of a view, and what went wrong stands there in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import faults, open_notebook, run, view

NAMES = ("upload", "ferry", "shop")
CELLS = tuple(
    f"import labkit\nfrom labkit import draw\ntape = labkit.recording('{name}', lesson='cases')\n{shown}(tape)"
    for name in NAMES
    for shown in ("labkit.inspect", "draw.replay")
)
MOST_TABS, MOST_LINES = 60, 300
FIELD = ".lk-i-field[aria-selected='true']"
CHOSEN = ".lk-i-row[aria-selected='true']"


@pytest.fixture(scope="module")
def notebook(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    with open_notebook(window, lab, "cases.ipynb", *CELLS) as opened:
        yield opened


def ran(notebook: Notebook, number: int) -> Locator:
    """The view of a cell that was just run; the keys go to the cell, as after Escape."""
    run(notebook, number)
    notebook.page.evaluate(
        """() => {
            const book = window.jupyterapp.shell.currentWidget.content;
            book.mode = 'command';
            book.activeCell.node.focus();
        }"""
    )
    return view(notebook, number)


def tab_to(notebook: Notebook, target: Locator) -> None:
    """Press Tab until this has the focus."""
    expect(target).to_be_visible()
    for _ in range(MOST_TABS):
        notebook.page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {target}")


def walk(notebook: Notebook, chosen: Locator, words: str) -> None:
    """Go down a list or a tree until the chosen line says this, as a whole word."""
    for _ in range(MOST_LINES):
        if re.search(rf"{re.escape(words)}(?![\w.])", chosen.inner_text()):
            return
        notebook.page.keyboard.press("ArrowDown")
        notebook.painted()
    pytest.fail(f"no line says {words}")


def narrow(notebook: Notebook, shown: Locator, words: str) -> None:
    """Type a display filter, and go on to the list."""
    tab_to(notebook, shown.get_by_label("Display filter"))
    before = shown.locator(".lk-i-count").inner_text()
    notebook.page.keyboard.type(words)
    notebook.page.keyboard.press("Enter")
    expect(shown.locator(".lk-i-count")).not_to_contain_text(before)
    tab_to(notebook, shown.get_by_role("grid", name="Packets"))


def listed(notebook: Notebook, shown: Locator, kind: str) -> None:
    """Have the messages of a kind listed, and go on to the list."""
    tab_to(notebook, shown.get_by_role("button", name=kind, exact=True))
    notebook.page.keyboard.press("Enter")
    expect(shown.get_by_role("grid", name=kind).get_by_role("row").nth(1)).to_be_visible()
    tab_to(notebook, shown.get_by_role("grid", name=kind))


def stepped_to_the_end(notebook: Notebook, number: int, last: int, *back: str) -> Locator:
    """The replay of a cell, at its last packet, or some steps before it."""
    shown = ran(notebook, number)
    tab_to(notebook, shown.locator(".lk-ladder"))
    for key in ("End", *back):
        notebook.page.keyboard.press(key)
    expect(shown.locator(".lk-place")).to_have_text(f"{last - len(back)} of {last}")
    return shown


def row(shown: Locator, who: str, label: str) -> Locator:
    """A line of what an end knows."""
    return shown.locator(f".lk-end-{who} tr", has=shown.page.get_by_role("rowheader", name=label, exact=True))


class TestUpload:
    """The client's upload stops: the server's program reads no more, so its window is closed."""

    def test_inspected(self, notebook: Notebook) -> None:
        shown = ran(notebook, 0)
        narrow(notebook, shown, "tcp.analysis.zero_window")
        expect(shown.locator(".lk-i-row[data-i] > :first-child")).to_have_text(["12", "14", "16", "18"])
        notebook.page.keyboard.press("Home")
        expect(shown.locator(CHOSEN)).to_contain_text("zero window")
        tab_to(notebook, shown.get_by_role("tree", name="Fields"))
        walk(notebook, shown.locator(FIELD), "Window")
        expect(shown.locator(f"{FIELD} code")).to_have_text("0")

    def test_replayed(self, notebook: Notebook) -> None:
        shown = stepped_to_the_end(notebook, 1, 19, "ArrowUp")
        expect(row(shown, "server", "Window it told")).to_contain_text("0")
        expect(row(shown, "client", "May send").locator("td .lk-mono")).to_have_text("0")
        expect(shown.locator(".lk-present")).to_contain_text("probe ACK")


class TestFerry:
    """The client waits for bytes of a page that the server has promised and does not send."""

    def test_inspected(self, notebook: Notebook) -> None:
        shown = ran(notebook, 2)
        listed(notebook, shown, "Messages")
        notebook.page.keyboard.press("End")
        expect(shown.locator(CHOSEN)).to_contain_text("HTTP/1.1 200 OK")
        expect(shown.locator(".lk-i-links b")).to_contain_text(
            "Content-Length says 53 bytes, and 20 of them were not sent, or not captured"
        )

    def test_replayed(self, notebook: Notebook) -> None:
        shown = stepped_to_the_end(notebook, 3, 10, "ArrowUp", "ArrowUp", "ArrowUp")
        expect(shown).to_contain_text("waits for the rest of 200 OK")
        expect(shown).to_contain_text("has sent a part of 200 OK")
        expect(row(shown, "server", "State").locator("td .lk-mono")).to_have_text("ESTABLISHED")  # nobody has ended


class TestShop:
    """The client refuses the certificate: it asked for shop.example, and that name is not in it."""

    def test_inspected(self, notebook: Notebook) -> None:
        shown = ran(notebook, 4)
        narrow(notebook, shown, "tls.alert_message")
        expect(shown.locator(".lk-i-links")).to_contain_text("bad_certificate")
        notebook.page.keyboard.press("Tab")  # the first thing that the packet brings
        notebook.page.keyboard.press("Enter")
        expect(shown.locator(".lk-i-links b")).to_contain_text("bad_certificate")
        shown = ran(notebook, 4)
        listed(notebook, shown, "TLS")
        for message, name in (("ClientHello", "shop.example"), ("Certificate", "shop.example.org")):
            walk(notebook, shown.locator(CHOSEN), message)
            expect(shown.locator(".lk-i-links b")).to_contain_text(message)
            tab_to(notebook, shown.get_by_role("tree", name="Fields"))
            walk(notebook, shown.locator(FIELD), name)
            notebook.page.keyboard.press("Shift+Tab")
            while not shown.locator(".lk-i-list").evaluate("one => one === document.activeElement"):
                notebook.page.keyboard.press("Shift+Tab")

    def test_replayed(self, notebook: Notebook) -> None:
        shown = stepped_to_the_end(notebook, 5, 11)
        expect(shown).to_contain_text("closed by the alert bad_certificate")


def test_nothing_was_logged_or_asked_of_others(notebook: Notebook) -> None:
    assert faults(notebook) == []
