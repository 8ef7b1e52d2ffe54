"""Exercises in JupyterLab: fields, order, buttons and the result, by mouse and by keyboard alone.

Rule: what the page shows and what the kernel knows are asked for separately; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import (
    active,
    axe_faults,
    cell,
    clipped,
    every_theme,
    faults,
    open_notebook,
    run,
    run_code,
    says,
    sized,
    unreadable,
    view,
    zoomed,
)  # fmt: skip

CELLS = (
    'import labkit\nfrom labkit import exercises\nlabkit.lesson("01a-tcp-connection")',
    "exercises.tcp.final_ack",
    "exercises.tcp.order",
    "exercises.tcp.flags",
    "exercises.tcp.which_end",
    "exercises.tcp.build_syn",
    "exercises.tcp.final_ack",
    "exercises.tcp.final_ack.check(5)",
    'labkit.lesson("01a-tcp-connection", large=True)\nexercises.tcp.time_wait',
    "exercises.progress()",
    'labkit.verdicts(hidden=True)\nlabkit.predict("Which?", "one", ["one", "two"]).compare("two", "So it is.")',
    'labkit.check_claim("C-1.4", "`end` comes last.", holds=False, seen="`close` did")',
    "labkit.verdicts(hidden=False)",
)
ACK, ORDER, FLAGS, ENDS, CODE, AGAIN, TYPED, LARGE, PROGRESS, COMPARED, CLAIMED, SHOWN = range(1, 13)


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    with open_notebook(window, lab, "exercises.ipynb", *CELLS) as notebook:
        for number in range(COMPARED):
            run(notebook, number)
        yield notebook


@pytest.fixture
def notebook(opened: Notebook) -> Notebook:
    """The exercises as if never tried, in every view."""
    run_code(opened, "exercises.restart()")
    opened.page.wait_for_function(
        "() => [...document.querySelectorAll('.lk-exercise input[type=text]')].every(one => !one.value)"
    )
    return opened


def field(notebook: Notebook, number: int, name: str) -> Locator:
    return view(notebook, number).get_by_label(name, exact=True)


def press(notebook: Notebook, number: int, name: str) -> None:
    view(notebook, number).get_by_role("button", name=name, exact=True).click()


def lines(notebook: Notebook) -> str:
    """The letters of the lines to put in order, from the top."""
    rows = view(notebook, ORDER).locator("li .lk-mono").all_text_contents()
    return "".join(row[0] for row in rows)


def right(notebook: Notebook) -> list[str]:
    """The three acks, which the kernel is asked for and writes below the page's reach."""
    found: list[str] = notebook.page.evaluate(
        """async () => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const asked = kernel.requestExecute({code: '', silent: true, store_history: false,
                user_expressions: {acks: '" ".join(map(str, exercises.tcp.final_ack.reference))'}});
            return (await asked.done).content.user_expressions.acks.data['text/plain'].replaceAll("'", '').split(' ');
        }"""
    )
    return found


NAMES = ("ack after the SYN", "ack after the data", "ack after the FIN")


class TestFields:
    """Numbers, words and ticks."""

    def test_the_task_stands_above_and_the_result_comes_below(self, notebook: Notebook) -> None:
        assert cell(notebook, ACK).locator("strong", has_text="Exercise tcp.final_ack").count() == 1
        for name, ack in zip(NAMES, right(notebook), strict=True):
            field(notebook, ACK, name).fill(ack)
        press(notebook, ACK, "Check")
        says(notebook, ACK, "tcp.final_ack: correct")
        says(notebook, ACK, "Checked: correct.")
        says(notebook, AGAIN, "tcp.final_ack: correct")  # the other view of the same exercise
        assert [field(notebook, AGAIN, name).input_value() for name in NAMES] == right(notebook)

    def test_half_an_answer_is_told_and_stays(self, notebook: Notebook) -> None:
        field(notebook, ACK, NAMES[0]).fill("5")
        press(notebook, ACK, "Check")
        says(notebook, ACK, "still empty: ack after the data, ack after the FIN")
        assert field(notebook, ACK, NAMES[0]).input_value() == "5"

    def test_what_is_typed_while_the_kernel_is_slow_stays(self, notebook: Notebook, lab: Lab) -> None:
        for name in NAMES:
            field(notebook, ACK, name).fill("1")
        asked = notebook.page.evaluate_handle(
            """() => ({done: window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute(
                {code: 'import os, time\\nwhile not os.path.exists("go"): time.sleep(0.01)'}).done})"""
        )
        press(notebook, ACK, "Check")
        field(notebook, ACK, NAMES[1]).press("End")
        notebook.page.keyboard.type("23")
        press(notebook, ACK, "Check")
        field(notebook, ACK, NAMES[2]).press("End")
        notebook.page.keyboard.type("45")
        (lab.notebooks / "go").touch()
        notebook.page.evaluate("asked => asked.done", asked)
        says(notebook, ACK, "Checked: not yet.")
        run_code(notebook, "import os; os.remove('go')")
        assert [field(notebook, ACK, name).input_value() for name in NAMES] == ["1", "123", "145"]

    def test_ticks_and_choices(self, notebook: Notebook) -> None:
        for flag in ("SYN", "ACK"):
            field(notebook, FLAGS, flag).check()
        press(notebook, FLAGS, "Check")
        says(notebook, FLAGS, "tcp.flags: correct")
        for letter in "ABCDEF":
            view(notebook, ENDS).get_by_label(letter, exact=True).select_option(index=1)
        press(notebook, ENDS, "Check")
        says(notebook, ENDS, "tcp.which_end: not yet")

    def test_hint_and_solution(self, notebook: Notebook) -> None:
        press(notebook, CODE, "Hint")
        says(notebook, CODE, "Hint 1 of")
        press(notebook, CODE, "Solution")
        says(notebook, CODE, "To see it now, ask once more.")
        press(notebook, CODE, "Solution")
        says(notebook, CODE, "Solution of tcp.build_syn")
        assert view(notebook, CODE).get_by_role("button", name="Check").count() == 0

    def test_a_check_in_a_cell_works_as_before(self, notebook: Notebook) -> None:
        run(notebook, TYPED)
        says(notebook, TYPED, "tcp.final_ack: not yet")


class TestOrder:
    """Lines by drag, by button, by arrow key."""

    def test_by_mouse(self, notebook: Notebook) -> None:
        rows = view(notebook, ORDER).locator("li .lk-mono")
        rows.nth(0).scroll_into_view_if_needed()
        first, third = rows.nth(0).bounding_box(), rows.nth(2).bounding_box()
        assert first is not None
        assert third is not None
        mouse = notebook.page.mouse
        mouse.move(first["x"] + 20, first["y"] + first["height"] / 2)
        mouse.down()
        mouse.move(third["x"] + 20, third["y"] + third["height"] / 2, steps=8)
        mouse.move(third["x"] + 20, third["y"] + third["height"], steps=4)
        mouse.up()
        assert lines(notebook) == "BCADEF"
        says(notebook, ORDER, "A is in place 3 of 6.")

    def test_by_keyboard_alone_to_the_verdict(self, notebook: Notebook) -> None:
        before = active(notebook)
        up = view(notebook, ORDER).get_by_role("button", name="move D up", exact=True)
        up.focus()
        keys = notebook.page.keyboard
        for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp"):  # one more than there is room
            keys.press(key)
        assert lines(notebook) == "DABCEF"
        keys.press("ArrowDown")
        keys.press("Space")
        assert lines(notebook) == "DABCEF"
        assert up.evaluate("one => one === document.activeElement")
        while not notebook.page.evaluate("() => document.activeElement.textContent === 'Check'"):
            keys.press("Tab")
        keys.press("Enter")
        says(notebook, ORDER, "tcp.order: not yet")
        assert active(notebook)[1] == before[1]


class TestCourse:
    """Progress of all lessons, and verdicts that wait."""

    def test_progress_has_a_bar_and_a_link_for_each_lesson(self, notebook: Notebook) -> None:
        table = cell(notebook, PROGRESS).locator("table")
        assert table.get_by_role("img").count() == table.get_by_role("link").count() == table.locator("tr").count()
        assert unreadable(table) == {}

    def test_verdicts_wait_and_come_at_once(self, notebook: Notebook) -> None:
        for number in (COMPARED, CLAIMED):
            run(notebook, number)
        field(notebook, ACK, NAMES[0]).fill("1")
        for name in NAMES[1:]:
            field(notebook, ACK, name).fill("2")
        press(notebook, ACK, "Check")
        says(notebook, ACK, "The verdict is hidden.")
        says(notebook, AGAIN, "The verdict is hidden.")
        assert "not yet" not in cell(notebook, ACK).inner_text()
        for number in (COMPARED, CLAIMED):
            says(notebook, number, "The verdict is hidden.")
        run(notebook, SHOWN)
        says(notebook, SHOWN, "3 verdicts shown.")
        says(notebook, ACK, "tcp.final_ack: not yet")
        says(notebook, COMPARED, "You predicted one.")
        says(notebook, CLAIMED, "Measured: `close` did".replace("`", ""))
        assert unreadable(cell(notebook, CLAIMED).locator(".jp-RenderedHTMLCommon")) == {}


class TestLooks:
    """Themes, zoom, a narrow window, large type, names and roles."""

    @every_theme
    def test_contrast_and_axe(self, notebook: Notebook, theme: str) -> None:
        notebook.theme(theme)
        press(notebook, ACK, "Hint")
        says(notebook, ACK, "Hint 1 of")
        views = notebook.page.locator(".lk-exercise")
        assert unreadable(views) == {}
        assert axe_faults(views) == []

    def test_zoom_and_a_narrow_window(self, notebook: Notebook) -> None:
        views = notebook.page.locator(".lk-exercise")
        with zoomed(notebook, 2):
            assert clipped(views) == []
        with sized(notebook, 700):
            assert clipped(views) == []

    def test_in_large_type_the_task_is_text_and_fits_a_projector(self, notebook: Notebook) -> None:
        """How high it may be: test_projected.py."""
        shown = cell(notebook, LARGE)
        shown.scroll_into_view_if_needed()
        expect(shown).to_contain_text("exercises.tcp.time_wait.check")
        assert shown.locator(".lk").count() == 0

    def test_nothing_was_logged_or_asked_of_others(self, notebook: Notebook) -> None:
        assert faults(notebook) == []


def test_a_link_of_the_progress_opens_the_lesson(opened: Notebook) -> None:
    """After the faults are counted: JupyterLab complains of a notebook that is closed while it opens."""
    cell(opened, PROGRESS).get_by_role("link", name="00-start-here").click()
    path = "() => window.jupyterapp.shell.currentWidget?.context?.path"
    opened.page.wait_for_function(f"{path} === '00-start-here.ipynb'")
    opened.page.evaluate(
        """async () => {
            const opened = window.jupyterapp.shell.currentWidget;
            await opened.sessionContext.ready;
            await opened.sessionContext.shutdown();
            opened.close();
        }"""
    )
    opened.page.wait_for_function(f"{path} === 'exercises.ipynb'")


def test_the_kernel_is_gone(opened: Notebook) -> None:
    """The last test: it ends the kernel."""
    opened.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    press(opened, ACK, "Hint")
    says(opened, ACK, "run the cell again")
