"""What the other tests look with finds the faults that it is there for.

Rule: each question is put to a page that has the fault, and to one that has not.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looking import axe_faults, clipped, colours, unreadable


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    opened = chromium.new_page()
    yield opened
    opened.close()


def show(page: Page, html: str) -> None:
    """Show this on white."""
    page.set_content(f'<!doctype html><html lang="en"><title>t</title><body style="background:#fff">{html}')


@pytest.mark.parametrize(
    ("html", "front", "back"),
    [
        ("<p style='color:#777'>x", "#777777", "#ffffff"),
        ("<p style='color:#000;opacity:.4'>x", "#999999", "#ffffff"),
        ("<p style='color:rgb(0 0 0 / 40%)'>x", "#999999", "#ffffff"),
        ("<div style='background:#000'><p style='background:rgb(255 255 255/20%);color:#444'>x", "#444444", "#333333"),
        ("<input value=x aria-label=i style='color:#777;background:#eee'>", "#777777", "#eeeeee"),
        ("<p style='color:#000'>x</p><p style='color:#777'>x</p>", "#777777", "#ffffff"),
        ("<svg><rect width=99 height=99 fill='#222' /><text x=9 y=20 fill='#333'>x</text>", "#333333", "#222222"),
        ("<svg><text x=9 y=20 fill='#777'>x</text><rect width=99 height=99 />", "#777777", "#ffffff"),
    ],
    ids=["colour", "opacity", "translucent", "layers", "field", "palest", "rectangle", "svg"],
)  # fmt: skip
def test_a_text_that_is_too_pale_is_found(page: Page, html: str, front: str, back: str) -> None:
    show(page, html)
    assert colours(page.locator("body")) == {"x": (front, back)}
    assert [pair[:2] for pair in unreadable(page.locator("body")).values()] == [(front, back)]


def test_what_is_not_shown_or_disabled_is_left_out_and_the_rest_is_readable(page: Page) -> None:
    show(
        page, "<p hidden style='color:#eee'>a</p><button disabled style='color:#eee'>b</button><p>c</p><style>d</style>"
    )
    assert colours(page.locator("body")) == {"c": ("#000000", "#ffffff")}
    assert unreadable(page.locator("body")) == {}


def test_a_page_without_text_is_no_readable_one(page: Page) -> None:
    show(page, "")
    with pytest.raises(AssertionError, match="there is no text"):
        unreadable(page.locator("body"))


def test_axe_names_the_view(page: Page) -> None:
    show(page, "<div class=lk role=group aria-label=Live><input></div><div class=lk role=group aria-label=Good>x</div>")
    (fault,) = axe_faults(page.locator(".lk").first)
    assert fault.startswith("Live: label (")
    assert axe_faults(page.locator(".lk").last) == []


def test_what_is_cut_off_is_found(page: Page) -> None:
    show(page, "<div class=a style='width:50px;overflow:hidden;white-space:nowrap'>a word that is longer</div><p>b")
    assert clipped(page.locator("body")) == ["DIV a: a word that is longer"]
