"""Exercises on a projector: every task fits the screen, and what it folds away opens by a click.

Rule: measures what the page shows, at the size and in the type of a lesson that was opened with ``large=True``.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from labkit import exercises
from labkit.draw.style import HIGH
from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import cell, notebook_file

NAMES = [each.name for each in exercises.every()]


@pytest.fixture(scope="module")
def projected(window: BrowserContext, lab: Lab) -> Notebook:
    """A notebook in large mode with every exercise of the course."""
    notebook_file(
        lab.notebooks / "projected.ipynb",
        'import labkit\nfrom labkit import exercises\nlabkit.lesson("01a-tcp-connection", large=True)',
        *(f"exercises.{name}" for name in NAMES),
        f"words = {'a long line of code ' * 8!r}",
    )
    notebook = Notebook(window, lab, "projected.ipynb")
    notebook.page.set_viewport_size({"width": 1024, "height": 768})
    notebook.page.evaluate("window.jupyterapp.shell.collapseLeft()")
    notebook.run_all()
    return notebook


def test_every_task_fits(projected: Notebook) -> None:
    assert projected.errors() == []
    high = {
        name: round(cell(projected, number).evaluate("cell => cell.getBoundingClientRect().height"))
        for number, name in enumerate(NAMES, 1)
    }
    assert {name: px for name, px in high.items() if px > HIGH} == {}


def test_a_listing_opens_by_a_click_and_by_a_key(projected: Notebook) -> None:
    shown = cell(projected, NAMES.index("tcp.which_end") + 1)
    listing, line = shown.locator("details pre"), shown.locator("summary")
    expect(listing).to_be_hidden()
    line.click()
    expect(listing).to_be_visible()
    expect(listing).to_contain_text("SYN  2 s later")
    line.press("Enter")
    expect(listing).to_be_hidden()


def test_no_line_of_code_is_cut(projected: Notebook) -> None:
    cut = projected.page.evaluate(
        """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell .cm-scroller')]
            .filter(code => code.scrollWidth > code.clientWidth + 1).map(code => code.textContent)"""
    )
    assert cut == []
