"""Each view when its kernel is interrupted, restarted, killed, or was never there; and after its cell has run again.

Rule: one table, a line for each view: what is done in it that needs the kernel, and what it says if there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from labkit import exercises
from tests.browser.conftest import ROOT, START, Lab, Notebook
from tests.browser.looking import cell, open_notebook, run, run_code, says

TAPE = ROOT / "data" / "01d-tcp-loss" / "lost-segment.pcapng"
NAME = "kernel-gone.ipynb"
AGAIN = re.compile("[Rr]un the cell again")
NOT_FOUND = "Error displaying widget: model not found"
"""JupyterLab's own words for the view of a kernel that is gone, in a page that was loaded since."""


@dataclass(frozen=True)
class Line:
    """One view. code: its cell. act: does in it, for the n-th time, what needs the kernel. answered: waits until that
    is done. gone: what the view says if it is not; None for one that needs no kernel any more once it is shown.
    after_interrupt: what it says if another cell was interrupted, and nothing more is done then. saved: words of what
    stands beside the view in a saved notebook. view: whether there is one; an output without one needs no kernel.
    """

    name: str
    code: str
    act: Callable[[Locator, int], None]
    answered: Callable[[Locator, int], None]
    saved: str = "of 24 packets"
    gone: str | re.Pattern[str] | None = AGAIN
    after_interrupt: str = ""
    view: bool = True


def choose(shown: Locator, time: int) -> None:
    shown.locator("input[type=radio]").nth(time % 2).click()


def chosen(shown: Locator, time: int) -> None:
    expect(shown).to_contain_text(f"Your prediction: {('one', 'two')[time % 2]}.")


def next_packet(shown: Locator, time: int) -> None:
    shown.get_by_role("button", name="next packet").click()


def at_packet(shown: Locator, time: int) -> None:
    expect(shown.locator(".lk-place")).to_contain_text(f"{time + 1} of 24")


def packet_row(shown: Locator, time: int) -> None:
    shown.locator(f".lk-i-row[data-i='{time}']").click()


def packet_shown(shown: Locator, time: int) -> None:
    expect(shown.locator(".lk-i-links b")).to_have_text(f"Packet {time + 1}")


def new_ttl(shown: Locator, time: int) -> None:
    shown.get_by_label("ip.ttl", exact=True).fill(str(time))
    shown.get_by_label("ip.ttl", exact=True).press("Enter")


def ttl_written(shown: Locator, time: int) -> None:
    expect(shown.locator(".lk-b-row", has_text="ip.ttl").locator(".lk-b-says")).to_have_text(
        re.compile(f"^{time} more router")
    )


def clear(shown: Locator, time: int) -> None:
    shown.get_by_role("button", name="Clear").click()


def cleared(shown: Locator, time: int) -> None:
    expect(shown.get_by_role("status")).to_have_text("Packets are shown as they come.")


def check_number(shown: Locator, time: int) -> None:
    shown.get_by_label("number of the packet").fill(str(time))
    shown.get_by_role("button", name="Check").click()


def number_checked(shown: Locator, time: int) -> None:
    expect(shown).to_contain_text(f"packet {time}: ")


def choose_option(shown: Locator, time: int) -> None:
    shown.locator("input[type=radio]").nth(time).click()


def option_judged(shown: Locator, time: int) -> None:
    expect(shown).to_contain_text(OPTIONS[time].words)


def nothing(shown: Locator, time: int) -> None:
    """There is nothing to do in it."""


def progress_shown(shown: Locator, time: int) -> None:
    expect(shown.get_by_role("img").first).to_be_visible()


def hide_or_show(shown: Locator, time: int) -> None:
    button = shown.get_by_role("button", name=re.compile("bars"))
    button.evaluate("one => { one.dataset.before = one.textContent; }")
    button.click()


def hidden_or_shown(shown: Locator, time: int) -> None:
    button = shown.get_by_role("button", name=re.compile("bars"))
    before = button.get_attribute("data-before")
    assert before is not None
    expect(button).not_to_have_text(before)


def answer_counts(shown: Locator, time: int) -> None:
    expect(shown.get_by_role("status")).to_have_text(f"Your answer is in the poll: {('one', 'two')[time % 2]}")


OPTIONS = exercises.questions("00-start-here").questions[0].options

VIEWS = (
    # ipywidgets' own controls say nothing, so the line below keeps the answer that the kernel had.
    Line(
        "choice", "labkit.predict('Which?', mine=..., options=['one', 'two'])", choose, chosen,
        saved="Choose from: one, two", gone="Your prediction: two. You can change it",
    ),
    Line("inspector", "labkit.inspect(tape)", packet_row, packet_shown, saved="seq 10221"),
    Line("replay", "draw.replay(tape)", next_packet, at_packet, gone=None),
    Line("builder", "labkit.build('UDP')", new_ttl, ttl_written, saved="Frame of 47 bytes"),
    Line(
        "live", "draw.live(8124)", clear, cleared,
        saved="Live: port 8124: 0 packets so far.", after_interrupt="A cell was interrupted.",
    ),
    Line("exercise", "exercises.start.handshake", check_number, number_checked, saved="Exercise start.handshake"),
    Line(
        "questions", "exercises.questions('00-start-here')", choose_option, option_judged,
        saved="Answer by letters", gone=OPTIONS[1].words,
    ),
    Line(
        "progress", "exercises.progress('00-start-here')", nothing, progress_shown,
        saved="exercises solved", gone=None, view=False,
    ),
    Line(
        "poll", "poll = labkit.poll('Which?', ['one', 'two'])\npoll", hide_or_show, hidden_or_shown,
        saved="labkit.join(",
    ),
    Line("joined", "labkit.join(poll.port)", choose, answer_counts, saved="You have joined the poll"),
)  # fmt: skip
FIRST = f"import labkit\nfrom labkit import draw, exercises\ntape = labkit.Tape.load({str(TAPE)!r})"
BUSY = "while True:\n    pass"
CELLS = (FIRST, *(line.code for line in VIEWS), BUSY)


@pytest.fixture(scope="module")
def notebook(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    with open_notebook(window, lab, NAME, *CELLS) as opened:
        yield opened


def run_views(notebook: Notebook) -> None:
    """Run the first cell and those of the views, and do in each what needs the kernel."""
    for number in range(len(VIEWS) + 1):
        run(notebook, number)
    assert notebook.errors() == []
    act(notebook, 1)
    answered(notebook, 1)


def shown(notebook: Notebook, line: Line) -> Locator:
    """The output of a view's cell."""
    return cell(notebook, VIEWS.index(line) + 1).locator(".jp-OutputArea-output").first


def act(notebook: Notebook, time: int) -> None:
    """Do in each view, for this time, what needs the kernel."""
    for line in VIEWS:
        line.act(shown(notebook, line), time)


def answered(notebook: Notebook, time: int) -> None:
    """Wait until the kernel has answered each of them."""
    for line in VIEWS:
        line.answered(shown(notebook, line), time)


def gone(notebook: Notebook) -> None:
    """Do something in each view once more: it says that there is no kernel, or does what needs none."""
    act(notebook, 2)
    for line in VIEWS:
        if line.gone is None:
            line.answered(shown(notebook, line), 2)
        else:
            expect(shown(notebook, line)).to_contain_text(line.gone)
    assert [each for each in notebook.heard if each.startswith("exception:")] == []


def test_interrupted(notebook: Notebook) -> None:
    run_views(notebook)
    notebook.page.evaluate(
        """number => {
            const app = window.jupyterapp, panel = app.shell.currentWidget;
            panel.content.activeCellIndex = number;
            app.commands.execute('notebook:run-cell');
        }""",
        len(CELLS) - 1,
    )
    notebook.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
    )
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    says(notebook, len(CELLS) - 1, "KeyboardInterrupt")
    for line in VIEWS:
        if line.after_interrupt:
            expect(shown(notebook, line)).to_contain_text(line.after_interrupt)
        else:
            line.act(shown(notebook, line), 2)
            line.answered(shown(notebook, line), 2)
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")


def test_a_cell_run_again(notebook: Notebook) -> None:
    run_views(notebook)
    run_views(notebook)
    assert [each for each in notebook.heard if each.startswith(("error:", "exception:"))] == []


def test_restarted(notebook: Notebook) -> None:
    run_views(notebook)
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    gone(notebook)
    run_views(notebook)


def test_killed(notebook: Notebook) -> None:
    run_views(notebook)
    notebook.page.evaluate(
        """() => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            kernel.requestExecute({code: 'import os; os._exit(1)', silent: true});
        }"""
    )
    notebook.page.get_by_role("dialog").get_by_role("button", name="Ok").click(timeout=START * 1000)
    gone(notebook)
    run_code(notebook, "")  # the server has started another one
    run_views(notebook)


def test_the_page_loaded_again(notebook: Notebook, window: BrowserContext, lab: Lab) -> None:
    run_views(notebook)
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    second = Notebook(window, lab, NAME)
    try:
        for line in VIEWS:
            expect(shown(second, line)).to_be_visible()
        at_packet(shown(second, VIEWS[2]), 0)  # where a reader stands is the page's own matter
        act(second, 1)
        answered(second, 1)
    finally:
        second.page.close()


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
def test_reopened_without_its_kernel(notebook: Notebook, window: BrowserContext, lab: Lab, trusted: bool) -> None:
    """The saved notebook has words or a picture beside each view; a cell that is run again gives its view back."""
    run_views(notebook)
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    book = nbformat.read(lab.notebooks / NAME, as_version=4)
    assert "widgets" not in book.metadata
    outputs = [each.outputs[0].data for each in book.cells[1 : len(VIEWS) + 1]]
    for line, data in zip(VIEWS, outputs, strict=True):
        assert "text/plain" in data
        assert ("application/vnd.jupyter.widget-view+json" in data) == line.view
    if not trusted:  # as a file that came by mail: no signature of this machine is for what is in it
        outputs[0]["text/plain"] += " "
    name = f"reopened-{'' if trusted else 'un'}trusted.ipynb"
    nbformat.write(book, lab.notebooks / name)  # its kernel is another one, which knows none of the views
    again = Notebook(window, lab, name)
    try:
        for line in VIEWS:
            output = shown(again, line)
            if trusted and line.view:
                expect(output).to_contain_text(NOT_FOUND)
            else:
                expect(output).to_contain_text(line.saved)
        run_views(again)
        assert [each for each in again.heard if each.startswith("exception:")] == []
    finally:
        again.close()
