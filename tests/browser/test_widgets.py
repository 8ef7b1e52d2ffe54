"""Questions that are answered in JupyterLab: by mouse and by keyboard, in both themes, until the experiment has run.

Rule: what the page shows and what the kernel knows are asked for separately; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator

from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import (
    ATTACK,
    active,
    axe_faults,
    cell,
    clipped,
    colours,
    notebook_file,
    outputs,
    run,
    says,
    themes,
    unreadable,
)  # fmt: skip

LONG = "never, since the receiver would have to ask for it by a message of its own, which it never sends"

CELLS = (
    'import labkit\nlabkit.lesson("01d-tcp-loss")',
    'who = labkit.predict("When does `TCP` send the lost segment again?", mine=..., options={\n'
    '    "when a timer runs out": "The timer is the second way.", "after about one `round trip`": "",\n'
    f'    "{LONG}": "It asks by its ACKs."}})\nwho',
    'who.compare("after about one `round trip`", "Three duplicate ACKs ask for it.")',
    'number = labkit.predict("How many packets?")\nnumber',
    'number.compare(11)',
    'labkit.check_claim("C-1.4", "`end` comes last.", holds=False, seen="`close` did", outdated="since Node 0.10")',
    'labkit.predict("Typed?", mine="yes", options=["yes", "no"])',
    'labkit.predict("Typed?", mine="yes", options=["yes", "no"]).compare("yes")',
    'labkit.predict("Typed?", mine="no", options=["yes", "no"]).compare("yes")',
    f"labkit.predict({ATTACK!r}, options=[{ATTACK!r}, 'two'])",
    "import os, time\nopen('running', 'w').close()\nuntil = time.monotonic() + 60\n"
    "while os.path.exists('running') and time.monotonic() < until:\n    time.sleep(0.01)",
)  # fmt: skip
LESSON, WHO, COMPARED, NUMBER, COUNTED, BUSY = 0, 1, 2, 3, 4, len(CELLS) - 1


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook of questions whose sources are hidden."""
    notebook_file(lab.notebooks / "asked.ipynb", *CELLS, hidden=True)
    notebook = Notebook(window, lab, "asked.ipynb")
    run(notebook, LESSON)
    yield notebook
    notebook.close()


@pytest.fixture
def asked(opened: Notebook) -> Notebook:
    """The same for each test: the questions are asked and not answered, and no experiment has run."""
    opened.page.evaluate(
        """async () => {
            const app = window.jupyterapp, panel = app.shell.currentWidget;
            await app.commands.execute('notebook:clear-all-cell-outputs');
            await panel.sessionContext.session.kernel.requestExecute({code: 'labkit.reset()', silent: true}).done;
        }"""
    )
    for number in (LESSON, WHO, NUMBER):
        run(opened, number)
    options(opened).first.wait_for()
    return opened


def options(notebook: Notebook) -> Locator:
    """The radio buttons of the first question."""
    return cell(notebook, WHO).locator("input[type=radio]")


class TestMouse:
    """By mouse, from the question to the verdict."""

    def test_a_click_answers_and_the_experiment_locks(self, asked: Notebook) -> None:
        says(asked, WHO, "Choose with the mouse")
        assert [options(asked).nth(each).is_checked() for each in range(3)] == [False] * 3
        cell(asked, WHO).get_by_text("when a timer runs out").click()
        says(asked, WHO, "Your prediction: when a timer runs out. You can change it")
        cell(asked, WHO).get_by_text("after about one round trip").click()
        says(asked, WHO, "Your prediction: after about one round trip")
        run(asked, COMPARED)
        says(asked, COMPARED, "You predicted after about one round trip: right.")
        says(asked, WHO, "The experiment has run.")
        assert [options(asked).nth(each).is_disabled() for each in range(3)] == [True] * 3
        assert [options(asked).nth(each).is_checked() for each in range(3)] == [False, True, False]

    def test_a_wrong_answer_has_its_own_words(self, asked: Notebook) -> None:
        options(asked).nth(0).click()
        says(asked, WHO, "Your prediction")
        run(asked, COMPARED)
        says(asked, COMPARED, "You predicted when a timer runs out. The timer is the second way.")

    def test_the_question_run_again_keeps_the_answer_and_takes_another(self, asked: Notebook) -> None:
        options(asked).nth(0).click()
        says(asked, WHO, "Your prediction: when a timer")
        run(asked, COMPARED)
        run(asked, WHO)
        says(asked, WHO, "Your prediction: when a timer runs out. You can change it")
        assert options(asked).nth(0).is_checked()
        options(asked).nth(1).click()
        says(asked, WHO, "Your prediction: after about")

    def test_reset_opens_a_question_that_is_shown(self, asked: Notebook) -> None:
        options(asked).nth(0).click()
        says(asked, WHO, "Your prediction")
        run(asked, COMPARED)
        says(asked, WHO, "The experiment has run.")
        asked.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
                .requestExecute({code: 'labkit.reset()', silent: true}).done"""
        )
        says(asked, WHO, "Choose with the mouse")
        assert [options(asked).nth(each).is_checked() for each in range(3)] == [False] * 3
        options(asked).nth(1).click()
        says(asked, WHO, "Your prediction: after about")

    def test_a_click_while_a_cell_runs_is_not_lost(self, asked: Notebook, lab: Lab) -> None:
        asked.page.evaluate(
            """number => {
                const app = window.jupyterapp;
                app.shell.currentWidget.content.activeCellIndex = number;
                app.commands.execute('notebook:run-cell');
            }""",
            BUSY,
        )
        asked.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
        )
        options(asked).nth(0).click()
        running = lab.notebooks / "running"
        asked.page.wait_for_function(
            "name => fetch(`/api/contents/${name}`).then(found => found.ok)", arg=running.name, polling=100
        )
        running.unlink()  # the cell ends
        says(asked, WHO, "Your prediction: when a timer")

    def test_the_page_loaded_again_shows_the_answer(self, asked: Notebook, window: BrowserContext, lab: Lab) -> None:
        options(asked).nth(1).click()
        says(asked, WHO, "Your prediction")
        asked.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        second = Notebook(window, lab, "asked.ipynb")
        try:
            options(second).first.wait_for()
            assert options(second).nth(1).is_checked()
            options(second).nth(0).click()
            says(second, WHO, "Your prediction: when a timer")
        finally:
            second.page.close()


class TestKeyboard:
    """By keyboard alone; no key moves the notebook meanwhile."""

    def test_tab_and_the_space_bar_answer(self, asked: Notebook) -> None:
        run(asked, WHO)  # this cell is the active one now
        options(asked).first.wait_for()
        for _ in range(20):
            asked.page.keyboard.press("Tab")
            if asked.page.evaluate("() => document.activeElement.type") == "radio":
                break
        assert asked.page.evaluate("() => document.activeElement.value") == "0"
        before = active(asked)
        asked.page.keyboard.press("Space")
        says(asked, WHO, "Your prediction: when a timer")
        asked.page.keyboard.press("Tab")
        asked.page.keyboard.press("Space")
        says(asked, WHO, "Your prediction: after about")
        assert active(asked) == before == (WHO, "command")
        outline = asked.page.evaluate("() => getComputedStyle(document.activeElement.parentElement).outlineStyle")
        assert outline == "solid"
        asked.page.keyboard.press("Shift+Enter")  # runs this question once more, and goes on
        asked.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex === 2")
        asked.page.keyboard.press("Shift+Enter")
        says(asked, COMPARED, "You predicted after about one round trip: right.")

    def test_a_number_is_typed(self, asked: Notebook) -> None:
        field = cell(asked, NUMBER).locator("input[type=text]")
        field.focus()
        asked.page.keyboard.type("12")
        asked.page.keyboard.press("Backspace")
        asked.page.keyboard.type("1")
        asked.page.keyboard.press("Enter")
        says(asked, NUMBER, "Your prediction: 11.")
        run(asked, COUNTED)
        says(asked, COUNTED, "You predicted 11: right.")
        assert field.is_disabled()


class TestLook:
    """In both themes, everything that asks and answers on one page."""

    @themes
    def test_words_can_be_read_and_nothing_is_cut(self, asked: Notebook, theme: str) -> None:
        asked.theme(theme)
        for number in range(BUSY):
            run(asked, number)
        assert asked.errors() == []
        assert clipped(asked) == []
        found = colours(asked)
        unanswered = "The experiment has run. To answer, run this cell again."
        for words in ("Typed?", "Verdict:", LONG, "Measured: yes", unanswered):
            assert words in found
        assert unreadable(asked) == {}

    @themes
    def test_axe_finds_no_fault(self, asked: Notebook, theme: str) -> None:
        asked.theme(theme)
        options(asked).nth(0).click()
        for number in range(5, BUSY):
            run(asked, number)
        assert axe_faults(outputs(asked)) == []

    def test_each_answer_has_a_line_of_its_own_and_a_long_one_is_broken(self, asked: Notebook) -> None:
        asked.page.set_viewport_size({"width": 900, "height": 700})
        try:
            boxes = [options(asked).nth(each).locator("xpath=..").bounding_box() for each in range(3)]
            tops = [box["y"] for box in boxes if box]
            heights = [box["height"] for box in boxes if box]
            assert tops == sorted(set(tops))
            assert heights[2] > 1.5 * heights[0]
            assert clipped(asked) == []
        finally:
            asked.page.set_viewport_size({"width": 1366, "height": 768})

    def test_hostile_words_stay_words(self, asked: Notebook) -> None:
        number = next(number for number, code in enumerate(CELLS) if "window.hurt" in code)
        run(asked, number)
        cell(asked, number).locator("input[type=radio]").first.click()
        says(asked, number, "Your prediction: " + ATTACK[:20])
        assert asked.page.evaluate("() => window.hurt") is None
        assert [line for line in asked.heard if line.startswith("dialog")] == []
        assert cell(asked, number).locator(".jp-OutputArea-output :is(img, svg, script)").count() == 0

    def test_a_hidden_source_opens_with_one_click(self, asked: Notebook) -> None:
        hidden = cell(asked, WHO)
        assert not hidden.locator(".cm-content").is_visible()
        assert cell(asked, LESSON).locator(".cm-content").is_visible()
        hidden.locator(".jp-InputPlaceholder, .jp-Placeholder").first.click()
        hidden.locator(".cm-content").wait_for()
        assert "labkit.predict" in (hidden.locator(".cm-content").text_content() or "")


def test_what_is_saved_without_its_kernel_is_still_words(asked: Notebook, lab: Lab) -> None:
    """A student's own notebook keeps text and HTML beside the view, for whatever shows it."""
    asked.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved = nbformat.read(Path(lab.notebooks) / "asked.ipynb", as_version=4)
    assert "widgets" not in saved.metadata
    (output,) = saved.cells[WHO].outputs
    assert output.data["text/plain"].startswith("When does `TCP` send the lost segment again?\nChoose from: ")
    assert "<code>TCP</code>" in output.data["text/html"]
