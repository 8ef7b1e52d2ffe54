"""Check questions in JupyterLab: answered by mouse and by keyboard, in both themes, and kept as progress.

Rule: what the page shows and what the kernel knows are asked for separately; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator

from labkit.draw import style
from tests.browser.conftest import Lab, Notebook
from tests.browser.test_lab import READABLE, clipped, colours, themes
from tests.browser.test_widgets import cell, run, says

LESSON = "01a-tcp-connection"
CELLS = (
    "from labkit import exercises",
    f'exercises.questions("{LESSON}")',
    f'exercises.questions("{LESSON}").check()',
    f'exercises.progress("{LESSON}")',
    "exercises.tcp.build_syn",
)
IMPORT, QUIZ, CHECK, PROGRESS, TASK = range(len(CELLS))


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook with the questions of one lesson."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    book.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
    nbformat.write(book, lab.notebooks / "questions.ipynb")
    notebook = Notebook(window, lab, "questions.ipynb")
    for number in (IMPORT, QUIZ, TASK):
        run(notebook, number)
    yield notebook
    notebook.close()


def options(notebook: Notebook) -> Locator:
    """The radio buttons of all questions."""
    return cell(notebook, QUIZ).locator("input[type=radio]")


def test_by_mouse_and_by_keyboard(opened: Notebook) -> None:
    options(opened).nth(0).click()
    says(opened, QUIZ, "5 is the number of the last byte received")
    for words in ("An ack does not count segments", "✓ Right. An ack names the number of the next byte",
                  "SYN does. But nearly every segment has ACK set"):
        opened.page.keyboard.press("Tab")
        opened.page.keyboard.press("Space")
        says(opened, QUIZ, words)
    run(opened, CHECK)
    says(opened, CHECK, "1 of 4 right")
    run(opened, PROGRESS)
    says(opened, PROGRESS, "0 of 5 exercises solved, 1 of 4 questions right")


@themes
def test_nothing_is_cut_and_all_can_be_read(opened: Notebook, theme: str) -> None:
    opened.theme(theme)
    assert clipped(opened) == []
    found = colours(opened)
    assert found
    assert {words: pair for words, pair in found.items() if style.contrast(*pair) < READABLE} == {}


def test_the_task_has_a_fixed_width(opened: Notebook) -> None:
    family = cell(opened, TASK).locator("pre").first.evaluate("pre => getComputedStyle(pre).fontFamily")
    assert "mono" in family.lower()
