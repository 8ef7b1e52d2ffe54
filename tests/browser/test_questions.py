"""Check questions in JupyterLab: answered by mouse and by keyboard, in both themes, and kept as progress.

Rule: what the page shows and what the kernel knows are asked for separately; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from labkit.exercises.quizzes import QUESTIONS
from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import cell, clipped, notebook_file, open_notebook, run, says, themes, unreadable

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
    with open_notebook(window, lab, "questions.ipynb", *CELLS) as notebook:
        for number in (IMPORT, QUIZ, TASK):
            run(notebook, number)
        yield notebook


def options(notebook: Notebook) -> Locator:
    """The radio buttons of the question that is in sight."""
    return cell(notebook, QUIZ).locator("input[type=radio]").filter(visible=True)


def tabs(notebook: Notebook) -> Locator:
    """The tabs of the questions: a number each, and the sign of its answer."""
    return cell(notebook, QUIZ).locator(".lm-TabBar-tab")


def test_by_mouse_and_by_keyboard(opened: Notebook) -> None:
    options(opened).nth(0).click()
    says(opened, QUIZ, "5 is the number of the last byte received")
    tabs(opened).nth(1).click()
    expect(options(opened)).to_have_count(3)
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Space")
    says(opened, QUIZ, "SYN does. But nearly every segment has ACK set")
    tabs(opened).nth(1).focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("Enter")
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Space")
    says(opened, QUIZ, "✓ Right. The window says how many bytes")
    expect(tabs(opened)).to_have_text(["1 △", "2 △", "3 ✓", "4"])
    run(opened, CHECK)
    says(opened, CHECK, "1 of 4 right")
    run(opened, PROGRESS)
    says(opened, PROGRESS, "0 of 5 exercises solved, 1 of 4 questions right")


@pytest.mark.timeout(15 * len(QUESTIONS))
def test_every_question_of_the_course_fits_a_projector(window: BrowserContext, lab: Lab) -> None:
    notebook_file(
        lab.notebooks / "projected-questions.ipynb",
        f'import labkit\nfrom labkit import exercises\nlabkit.lesson("{LESSON}", large=True)',
        *(f'exercises.questions("{lesson}")' for lesson in QUESTIONS),
    )
    notebook = Notebook(window, lab, "projected-questions.ipynb")
    notebook.page.set_viewport_size({"width": 1024, "height": 768})
    notebook.page.evaluate("window.jupyterapp.shell.collapseLeft()")
    notebook.run_all()
    room = notebook.page.evaluate("document.querySelector('.jp-Notebook').getBoundingClientRect().height")
    too_high = []
    for number, (lesson, questions) in enumerate(QUESTIONS.items(), 1):
        shown = cell(notebook, number)
        for place in range(len(questions)):
            shown.locator(".lm-TabBar-tab").nth(place).click()
            card = shown.locator(".labkit-ask").nth(place)
            card.locator("input[type=radio]").first.click()
            card.locator("[role=status]").wait_for()  # with the words of an answer below it
            if shown.evaluate("cell => cell.getBoundingClientRect().height") > room:
                too_high.append((lesson, place + 1))
    notebook.close()
    assert too_high == []


@themes
def test_nothing_is_cut_and_all_can_be_read(opened: Notebook, theme: str) -> None:
    opened.theme(theme)
    assert clipped(opened) == []
    assert unreadable(opened) == {}


def test_the_task_has_a_fixed_width(opened: Notebook) -> None:
    family = cell(opened, TASK).locator("pre").first.evaluate("pre => getComputedStyle(pre).fontFamily")
    assert "mono" in family.lower()
