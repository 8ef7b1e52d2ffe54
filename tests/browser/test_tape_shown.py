"""A tape at the end of a cell in JupyterLab: its text as everywhere, and a list that opens.

Rule: what the page shows is asked of the page; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from labkit.packets import Tape
from tests.browser.conftest import ROOT, Lab, Notebook
from tests.browser.looking import (
    LIGHT,
    axe_faults,
    cell,
    clipped,
    every_theme,
    faults,
    open_notebook,
    run,
    sized,
    unreadable,
)

SHORT, LONG = ROOT / "data/01a-tcp-connection/greeting.pcapng", ROOT / "data/04a-push/events.pcapng"
CELLS = (
    f"import labkit\ntape = labkit.Tape.load({str(SHORT)!r})\ntape",
    f"long = labkit.Tape.load({str(LONG)!r})\nlong",
    "labkit.Tape()",
    "from labkit import widgets\nwidgets.set_large(True)\nlong",
)
LARGE = len(CELLS) - 1

expect.set_options(timeout=30_000)  # a busy machine is slow, and is no fault


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook with tapes, each cell run."""
    with open_notebook(window, lab, "tapes.ipynb", *CELLS) as notebook:
        notebook.heard.clear()  # JupyterLab's own, while it opens
        for number in range(len(CELLS)):
            run(notebook, number)
        assert notebook.errors() == []
        yield notebook


def view(notebook: Notebook, number: int) -> Locator:
    """The tape of a cell, closed."""
    its = cell(notebook, number).locator(".lk-inspector")
    opener = its.locator(".lk-i-more")
    if opener.get_attribute("aria-expanded") == "true":
        opener.click()
    expect(its.get_by_role("tree")).to_be_hidden()
    return its


def output(notebook: Notebook, number: int) -> dict[str, str]:
    """What a cell has put out, by MIME type, as its file has it."""
    found: dict[str, str] = notebook.page.evaluate(
        """number => window.jupyterapp.shell.currentWidget.content.widgets[number].model.outputs.toJSON()[0].data""",
        number,
    )
    return found


def test_the_text_stays_and_the_html_is_small(opened: Notebook) -> None:
    for number, path in enumerate((SHORT, LONG)):
        found = output(opened, number)
        origin = f"recorded from data/{path.parent.name}/{path.name}"
        assert found["text/plain"] == f"<Tape of {len(Tape.load(path))} packets, 1 connection, {origin}>"
        assert 1_000 < len(found["text/html"]) < 20_000
    assert output(opened, 2) == {"text/plain": "<Tape of 0 packets, still being captured>"}


def test_it_is_a_list_and_opens_by_a_click(opened: Notebook) -> None:
    its = view(opened, 0)
    expect(its.locator(".lk-i-row[data-i]")).to_have_count(11)
    for part in (
        its.get_by_role("textbox"),
        its.get_by_role("grid", name="Bytes"),
        its.get_by_role("button", name="TLS"),
    ):
        expect(part).to_be_hidden()
    low = its.evaluate("one => one.getBoundingClientRect().height")
    its.locator(".lk-i-row[data-i='3']").click()
    expect(its.locator(".lk-i-links b")).to_have_text("Packet 4")
    expect(its.locator(".lk-i-byte[data-k='0']")).to_be_visible()
    expect(its.locator(".lk-i-detail")).to_contain_text("IEEE 802.3")  # the reason comes when it is looked at
    its.get_by_role("button", name="Show the list alone").click()
    expect(its.get_by_role("tree")).to_be_hidden()
    assert its.evaluate("one => one.getBoundingClientRect().height") == low < 350


@pytest.mark.parametrize(("key", "number"), [("ArrowDown", 2), ("Enter", 1), ("End", 210)])
def test_it_opens_by_a_key(opened: Notebook, key: str, number: int) -> None:
    its = view(opened, 1)
    rows = its.get_by_role("grid", name="Packets")
    rows.focus()
    rows.press("Home")
    its = view(opened, 1)
    rows.focus()
    rows.press(key)
    expect(its.locator(".lk-i-links b")).to_have_text(f"Packet {number}")
    expect(its.get_by_role("tree")).to_be_visible()
    expect(rows).to_be_focused()


def test_nothing_is_asked_while_it_is_closed(opened: Notebook) -> None:
    run(opened, 0)
    assert view(opened, 0).locator(".lk-i-field, .lk-i-byte").count() == 0


@every_theme
def test_every_text_is_readable(opened: Notebook, theme: str) -> None:
    opened.theme(theme)
    assert unreadable(view(opened, 0)) == {}


def test_axe_finds_no_fault(opened: Notebook) -> None:
    opened.theme(LIGHT)
    assert axe_faults(view(opened, 0)) == []


def test_in_large_type_it_is_no_wider_than_the_page(opened: Notebook) -> None:
    with sized(opened, 1024, 768):
        its = view(opened, LARGE)
        its.scroll_into_view_if_needed()
        expect(its.locator(".lk-i-row[data-i='0']")).to_contain_text("SYN, seq 0")
        assert clipped(its) == []
        row = its.locator(".lk-i-row[data-i='0']")
        high, type_ = row.evaluate(
            "one => [one.getBoundingClientRect().height, parseFloat(getComputedStyle(one).fontSize)]"
        )
        assert high >= 1.6 * type_ >= 30


def test_the_page_logged_no_fault(opened: Notebook) -> None:
    assert faults(opened) == []
