"""Replay in JupyterLab: stepped by mouse and by keyboard, in each theme, with and without its kernel.

Rule: what the page shows is compared with what the object says; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator

from tests.browser.conftest import ROOT, Lab, Notebook

LOSS = ROOT / "data" / "01d-tcp-loss" / "lost-segment.pcapng"
CELLS = (f"import labkit\nfrom labkit import draw\nreplay = draw.replay(labkit.Tape.load({str(LOSS)!r}))\nreplay",)
KEYS = (("End", 24), ("Home", 1), ("ArrowDown", 2), ("ArrowRight", 3), ("ArrowUp", 2), ("PageDown", 10))


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook of replays."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    book.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
    for cell in book.cells:
        cell.metadata["jupyter"] = {"source_hidden": True}
    nbformat.write(book, lab.notebooks / "replays.ipynb")
    notebook = Notebook(window, lab, "replays.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    view(notebook).wait_for()
    yield notebook
    notebook.close()


def view(notebook: Notebook, number: int = 0) -> Locator:
    """One of the replays in the page."""
    return notebook.page.locator(".lk-replay").nth(number)


def place(shown: Locator, words: str) -> None:
    """Wait until a replay stands at this place: ``"3 of 24"``."""
    shown.locator(".lk-place", has_text=words).wait_for()


def states(shown: Locator) -> list[str]:
    """The states of client and server, as the page shows them."""
    return [shown.locator(f".lk-end-{who} td").first.locator(".lk-mono").inner_text() for who in ("client", "server")]


class TestMouse:
    """By mouse."""

    def test_buttons_lead_through_the_tape(self, opened: Notebook) -> None:
        shown = view(opened)
        place(shown, "1 of 24")
        assert states(shown) == ["SYN-SENT", "SYN-RECEIVED"]
        shown.get_by_role("button", name="next packet").click()
        place(shown, "2 of 24")
        assert states(shown) == ["ESTABLISHED", "SYN-RECEIVED"]
        shown.get_by_role("button", name="last packet").click()
        place(shown, "24 of 24")
        assert states(shown) == ["TIME-WAIT", "CLOSED"]
        assert shown.get_by_role("button", name="next packet").is_disabled()
        shown.get_by_role("button", name="packet before").click()
        place(shown, "23 of 24")
        shown.get_by_role("button", name="first packet").click()
        place(shown, "1 of 24")


class TestKeyboard:
    """By keyboard alone; no key moves the notebook meanwhile."""

    def test_keys_step(self, opened: Notebook) -> None:
        shown = view(opened)
        shown.locator(".lk-ladder").focus()
        for key, at in KEYS:
            opened.page.keyboard.press(key)
            place(shown, f"{at} of 24")
        assert shown.locator(".lk-present").inner_text().startswith("10 · 12 ms")
