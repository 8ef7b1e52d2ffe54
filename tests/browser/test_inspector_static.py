"""The inspector's HTML in a page without JupyterLab and without script: fields and bytes light each other.

Rule: the page is the HTML that a notebook keeps, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import labkit
from tests.browser.conftest import ROOT
from tests.browser.looking import axe_faults, unreadable

FIELD = "p:has-text('Total Length'):visible"
LIT = "rgb(255, 227, 168)"


@pytest.fixture(params=["light", "dark"])
def page(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, with its fourth packet open."""
    its = labkit.inspect(ROOT / "data" / "03b-http-connections" / "twice.pcapng")
    path = tmp_path / "inspected.html"
    style = f":root{{color-scheme:{request.param}}}body{{background:Canvas}}"
    scheme = f"<html lang=en><title>x</title><style>{style}</style><main><h1>x</h1>"
    path.write_text(f"<!doctype html><meta charset=utf8>{scheme}{its._repr_mimebundle_()['text/html']}</main>")
    opened = chromium.new_page(viewport={"width": 1100, "height": 900})
    opened.goto(path.as_uri())
    opened.locator("summary").nth(1).click()
    yield opened
    opened.close()


def ground(one: Locator) -> str:
    """The colour behind it."""
    found: str = one.evaluate("one => getComputedStyle(one).backgroundColor")
    return found


def test_by_pointer(page: Page) -> None:
    field, data = page.locator(FIELD), page.locator("details[open] span.n7")
    expect(data).to_have_text("00 82")
    assert LIT not in (ground(field), ground(data))
    field.hover()
    assert ground(data) == ground(field) == LIT
    page.mouse.move(0, 0)
    assert LIT not in (ground(field), ground(data))
    data.hover()
    assert ground(data) == ground(field) == LIT


def test_by_keyboard(page: Page) -> None:
    page.locator("summary").nth(1).focus()
    for _ in range(8):
        page.keyboard.press("Tab")
    expect(page.locator(FIELD)).to_be_focused()
    assert ground(page.locator("details[open] span.n7")) == LIT
    page.locator("summary").nth(1).press("Enter")
    expect(page.locator(FIELD)).to_have_count(0)


def test_it_can_be_read(page: Page) -> None:
    page.locator(FIELD).hover()
    assert unreadable(page.locator("body")) == {}
    assert axe_faults(page.locator("main")) == []
