"""A replay's HTML in a page without JupyterLab and without script: a packet lights the one that acknowledges it.

Rule: the page is the HTML that a notebook keeps, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

import labkit
from labkit import draw
from tests.browser.looking import ATTACK, axe_faults, unreadable
from tests.packets.dialogs import talk

LIT = "rgb(255, 227, 168)"


def shown(chromium: Browser, folder: Path, replay: draw.Replay, scheme: str, width: int = 1100) -> Page:
    """A page that holds what a notebook keeps of this replay."""
    path = folder / "replayed.html"
    style = f":root{{color-scheme:{scheme}}}body{{background:Canvas}}"
    head = f"<html lang=en><title>x</title><style>{style}</style><main><h1>x</h1>"
    path.write_text(f"<!doctype html><meta charset=utf8>{head}{replay._repr_mimebundle_()['text/html']}</main>")
    opened = chromium.new_page(viewport={"width": width, "height": 900})
    opened.goto(path.as_uri())
    return opened


@pytest.fixture(params=["light", "dark"])
def page(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    opened = shown(chromium, tmp_path, draw.replay(labkit.recording("upload", lesson="cases")), request.param)
    yield opened
    opened.close()


def lit(page: Page) -> list[str]:
    """The numbers of the packets that are lit."""
    rows: list[list[str]] = page.locator("tbody tr").evaluate_all(
        "all => all.map(one => [one.firstChild.textContent, getComputedStyle(one).backgroundColor])"
    )
    return [number for number, colour in rows if colour == LIT]


def row(page: Page, number: int) -> Locator:
    return page.locator("tbody tr").nth(number - 1)


def test_by_pointer(page: Page) -> None:
    assert lit(page) == []
    row(page, 7).hover()
    assert lit(page) == ["7", "9"]
    row(page, 12).hover()  # acknowledges two
    assert lit(page) == ["10", "11", "12"]
    row(page, 18).hover()  # acknowledges nothing new
    assert lit(page) == []


def test_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")  # the table, which may have to be scrolled
    page.keyboard.press("Tab")
    assert lit(page) == ["1", "2"]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert lit(page) == ["2", "3"]


def test_it_says_what_each_end_knows_and_what_a_packet_has_changed(page: Page) -> None:
    assert row(page, 3).locator("td").all_inner_texts()[1:3] == ["ESTABLISHED", "1"]
    assert row(page, 7).locator("b").all_inner_texts() == ["2474", "≈2460"]


def test_it_can_be_read(page: Page) -> None:
    row(page, 7).hover()
    assert unreadable(page.locator("body")) == {}
    assert axe_faults(page.locator("main")) == []


def test_hostile_words_and_a_narrow_page(chromium: Browser, tmp_path: Path) -> None:
    tape = talk([("c", f"GET /{ATTACK}\u202e HTTP/1.1\r\n\r\n".encode()), *[("s", [b"x"] * 400)] * 3]).tape()
    replay = draw.replay(tape)
    opened = shown(chromium, tmp_path, replay, "light", 700)
    try:
        assert opened.locator("img, script, svg").count() == 0
        assert opened.evaluate("() => window.hurt") is None
        assert opened.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        assert "more" in opened.locator("main").inner_text()
        assert len(replay._repr_mimebundle_()["text/html"]) < 50_000
    finally:
        opened.close()
