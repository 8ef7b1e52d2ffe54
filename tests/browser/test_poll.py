"""A poll in JupyterLab: the instructor's bars grow while the room answers; a student answers in the page.

Rule: instructor and students have notebooks of their own, each with a network of its own where the machine allows it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import (
    ATTACK,
    active,
    axe_faults,
    clipped,
    every_theme,
    faults,
    open_notebook,
    run,
    run_code,
    sized,
    unreadable,
    view,
    zoomed,
)

CELLS = (
    "import labkit",
    "poll = labkit.poll('Who closes first?', ['client', 'server', 'both at once'])\npoll",
    "free = labkit.poll()\nfree",
    "labkit.lesson('01a-tcp-connection', large=True)\nlarge = labkit.poll(poll.question, list(poll.counts))\nlarge",
)
IMPORT, POLL, FREE, LARGE = range(len(CELLS))
MINE = ("import labkit\nmine = labkit.join(PORT, name='Ada')\nmine", "labkit.predict('How many?', ..., [1, 2])")

# A room of students whose notebooks are lines of Python: what they answer is counted as that of any other.
ROOM = """
import secrets
from labkit.course.joining import Joined
from labkit.course.tally import Question
def answered(words, times=1):
    for _ in range(times):
        student = Joined(poll.port, "", secrets.token_hex(16))
        student.answer(words)
        student.leave()
"""


@pytest.fixture(scope="module")
def notebook(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    with open_notebook(window, lab, "poll.ipynb", *CELLS) as opened:
        run(opened, IMPORT)
        run_code(opened, ROOM)
        yield opened


@pytest.fixture
def poll(notebook: Notebook) -> Locator:
    """A poll that nobody has answered, of a cell that was just run."""
    run_code(notebook, "labkit.reset(); from labkit import widgets; widgets.set_large(False)")
    run(notebook, POLL)
    shown = view(notebook, POLL)
    expect(bars(shown)).to_have_text(["client0 (0 %)", "server0 (0 %)", "both at once0 (0 %)"])
    return shown


@pytest.fixture(scope="module")
def student(window: BrowserContext, lab: Lab, notebook: Notebook) -> Iterator[Notebook]:
    run_code(notebook, "labkit.reset()")
    run(notebook, POLL)
    how = view(notebook, POLL).locator(".lk-poll-how code").inner_text()
    port = how.removeprefix("labkit.join(").removesuffix(")")
    with open_notebook(window, lab, "student.ipynb", *(cell.replace("PORT", port) for cell in MINE)) as opened:
        yield opened


def bars(shown: Locator) -> Locator:
    return shown.locator(".lk-poll-bars li:visible")


def widths(shown: Locator) -> list[str]:
    found: list[str] = shown.locator(".lk-poll-full").evaluate_all("all => all.map(one => one.style.width)")
    return found


class TestBars:
    """The instructor's view."""

    def test_they_grow_while_the_room_answers(self, notebook: Notebook, poll: Locator) -> None:
        run_code(notebook, "answered('client', 3)")
        run_code(notebook, "answered('both at once')")
        expect(bars(poll)).to_have_text(["client3 (75 %)", "server0 (0 %)", "both at once1 (25 %)"])
        expect(poll.locator(".lk-poll-count")).to_have_text("4 answers, 0 students joined")
        assert widths(poll) == ["75%", "0%", "25%"]
        assert faults(notebook) == []

    def test_hidden_cleared_and_ended_by_mouse(self, notebook: Notebook, poll: Locator) -> None:
        poll.get_by_role("button", name="Hide bars").click()
        expect(bars(poll)).to_have_count(0)
        run_code(notebook, "answered('server', 2)")
        expect(poll.locator(".lk-poll-count")).to_contain_text("2 answers")
        expect(poll.get_by_role("status")).to_have_text("The bars are hidden. Answers are taken meanwhile.")
        poll.get_by_role("button", name="Show bars").click()
        expect(bars(poll).nth(1)).to_have_text("server2 (100 %)")
        poll.get_by_role("button", name="Clear").click()
        expect(bars(poll).nth(1)).to_have_text("server0 (0 %)")
        poll.get_by_role("button", name="End poll").click()
        expect(poll.get_by_role("status")).to_have_text("The poll has ended.")
        expect(poll.get_by_role("button", name="Clear")).to_be_disabled()

    def test_by_keyboard_alone(self, notebook: Notebook, poll: Locator) -> None:
        run_code(notebook, "answered('client')")
        expect(bars(poll).nth(0)).to_contain_text("1 (100 %)")
        before = active(notebook)
        keys = notebook.page.keyboard
        poll.get_by_role("button", name="Hide bars").focus()
        keys.press("Space")
        expect(bars(poll)).to_have_count(0)
        keys.press("Enter")
        expect(bars(poll)).to_have_count(3)
        keys.press("Tab")
        keys.press("Enter")
        expect(bars(poll).nth(0)).to_contain_text("0 (0 %)")
        keys.press("Tab")
        keys.press("Space")
        expect(poll.get_by_role("status")).to_have_text("The poll has ended.")
        assert active(notebook) == before

    def test_predictions_and_which_question_is_shown(self, notebook: Notebook, poll: Locator) -> None:
        run(notebook, FREE)
        free = view(notebook, FREE)
        expect(free.locator(".lk-poll-question")).to_have_text("Who closes first?")
        run_code(notebook, "labkit.predict('How many?', ..., [1, 2])")
        expect(free.locator(".lk-poll-question")).to_have_text("How many?")
        run_code(notebook, "answered('server')")
        choice = free.get_by_role("combobox", name="Question")
        expect(choice.locator("option")).to_have_text(["Who closes first? (1)", "How many? (0)"])
        choice.focus()
        notebook.page.keyboard.press("ArrowUp")
        expect(bars(free).nth(1)).to_have_text("server1 (100 %)")
        expect(poll.locator(".lk-poll-question")).to_have_text("Who closes first?")

    def test_what_students_write_stays_text(self, notebook: Notebook, poll: Locator) -> None:
        run_code(notebook, f"labkit.poll('Free?')\nanswered({ATTACK!r}[:200])\nanswered('\\u202eevil\\x1b[31m\\0')")
        run(notebook, FREE)
        free = view(notebook, FREE)
        free.get_by_role("combobox", name="Question").select_option(index=1)
        expect(bars(free)).to_have_count(2)
        expect(bars(free).nth(0)).to_contain_text(ATTACK[:40])
        expect(bars(free).nth(1)).to_contain_text("\\u202eevil\\x1b[31m\\0")
        assert free.locator("img, script, svg").count() == 0
        assert notebook.page.evaluate("() => window.hurt") is None

    @every_theme
    def test_it_can_be_read_and_has_no_fault(self, notebook: Notebook, poll: Locator, theme: str) -> None:
        notebook.theme(theme)
        run_code(notebook, "answered('client', 2)\nlabkit.predict('How many?', ..., [1, 2])")
        run(notebook, FREE)
        expect(bars(poll).nth(0)).to_contain_text("2 (100 %)")
        for shown in (poll, view(notebook, FREE)):
            assert unreadable(shown) == {}
            assert axe_faults(shown) == []
            assert clipped(shown) == []

    def test_it_fits_a_narrow_window_a_zoomed_one_and_a_projector(self, notebook: Notebook, poll: Locator) -> None:
        run_code(notebook, "answered('client')")
        run(notebook, LARGE)
        large = view(notebook, LARGE)
        for shape in (sized(notebook, 700), zoomed(notebook, 2), sized(notebook, 1024)):
            with shape:
                for shown in (poll, large):
                    expect(bars(shown).nth(0)).to_contain_text("1 (100 %)")
                    assert clipped(shown) == []
        size = bars(large).nth(0).evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
        assert size >= 24


class TestStudent:
    """A student's notebook, beside the instructor's."""

    @pytest.fixture
    def mine(self, student: Notebook, poll: Locator) -> Locator:
        run(student, 0)
        assert student.errors() == []
        shown = view(student, 0)
        expect(shown.get_by_role("radio")).to_have_count(3)
        return shown

    def test_an_answer_and_another_one_by_mouse_and_keyboard(
        self, student: Notebook, mine: Locator, poll: Locator
    ) -> None:
        mine.get_by_role("radio", name="server").click()
        expect(mine.get_by_role("status")).to_have_text("Your answer is in the poll: server")
        expect(bars(poll).nth(1)).to_have_text("server1 (100 %)")
        before = active(student)
        student.page.keyboard.press("ArrowUp")
        expect(bars(poll).nth(0)).to_have_text("client1 (100 %)")
        expect(bars(poll).nth(1)).to_have_text("server0 (0 %)")
        assert active(student) == before
        expect(poll.locator(".lk-poll-count")).to_have_text("1 answer, 1 student joined")

    def test_a_prediction_counts_by_itself(self, student: Notebook, mine: Locator, notebook: Notebook) -> None:
        run(student, 1)
        student.page.get_by_role("radio", name="2").last.click()
        run(notebook, FREE)
        free = view(notebook, FREE)
        free.get_by_role("combobox", name="Question").select_option(label="How many? (1)")
        expect(bars(free)).to_have_text(["10 (0 %)", "21 (100 %)"])

    def test_the_next_question_comes_by_itself(self, student: Notebook, mine: Locator, notebook: Notebook) -> None:
        run_code(notebook, "second = labkit.poll('How many packets?')")
        field = mine.get_by_role("textbox", name="Your answer")
        field.fill("ten")
        field.press("Enter")
        expect(mine.get_by_role("status")).to_have_text("Your answer is in the poll: ten")
        run_code(notebook, "assert second.answers == [('Ada', 'ten')], second.answers")
        run_code(notebook, "second.clear()")
        expect(field).to_be_visible()
        run_code(notebook, "second.close()")
        expect(mine).to_contain_text("The poll has ended.")
        assert field.is_disabled()

    @every_theme
    def test_it_can_be_read_and_has_no_fault(self, student: Notebook, mine: Locator, theme: str) -> None:
        student.theme(theme)
        mine.get_by_role("radio", name="both").click()
        expect(mine.get_by_role("status")).to_have_text("Your answer is in the poll: both at once")
        assert unreadable(mine) == {}
        assert axe_faults(mine) == []
        with sized(student, 700):
            assert clipped(mine) == []
        assert faults(student) == []
