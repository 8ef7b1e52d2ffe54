"""The live ladder in JupyterLab: it grows while packets come, and is paused, cleared, scrolled and stopped there.

Rule: the packets are those of cells that run meanwhile; what the page shows is waited for, never a time.
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
    cell,
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
    "import labkit\nfrom labkit import dgram, draw, net\n"
    'server = net.create_server(lambda socket: socket.on("data", socket.write)).listen(8124)\n'
    "def talk(words):\n    with net.connect(8124) as socket:\n        socket.write(words)\n"
    '        socket.wait_for("data")\n        socket.end()\n        socket.wait_for("close")',
    "live = draw.live(8124, keep=200)\nlive",
    "with labkit.capture(8124) as tape:\n    display(draw.live(tape))\n    talk(b'while it runs')",
    'labkit.lesson("01a-tcp-connection", large=True)\nlarge = draw.live(8124)\nlarge',
)
IMPORT, LIVE, CAPTURE, LARGE = range(len(CELLS))
PACKETS = 10  # of one connection


@pytest.fixture(scope="module")
def notebook(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    with open_notebook(window, lab, "live.ipynb", *CELLS) as opened:
        run(opened, IMPORT)
        yield opened


@pytest.fixture
def live(notebook: Notebook) -> Locator:
    """A ladder that has shown nothing yet, of a cell that was just run."""
    run(notebook, LIVE)
    shown = view(notebook, LIVE)
    is_empty(shown)
    return shown


def is_empty(shown: Locator) -> None:
    """Wait until it shows that no packet is there: the words are always in the page, and hidden beside packets."""
    expect(shown.get_by_text("No packet yet.")).to_be_visible()


def counts(shown: Locator, words: str) -> None:
    """Wait until it has counted so many."""
    expect(shown.locator(".lk-live-count")).to_have_text(words)


def talk(notebook: Notebook, times: int = 1, words: bytes = b"hello") -> None:
    """So many connections, each of 10 packets, beside the cells."""
    run_code(notebook, f"for _ in range({times}):\n    talk({words!r})")


def rows(shown: Locator) -> Locator:
    """The rows in sight."""
    return shown.get_by_role("listitem")


class TestGrows:
    """Packets that come while it is shown."""

    def test_it_grows_and_follows(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook)
        expect(live.locator(".lk-live-count")).to_contain_text("10 packets")
        expect(rows(live).last).to_contain_text("client to server: ACK seq=7 ack=7")
        talk(notebook, 2)
        expect(live.locator(".lk-live-count")).to_contain_text("30 packets")
        expect(live.locator("[aria-posinset='30']")).to_be_in_viewport()
        assert rows(live).count() < 20  # the rows in sight alone
        options = live.get_by_role("combobox", name="Conversation").locator("option")
        expect(options).to_have_count(4)  # all, and three
        assert faults(notebook) == []

    def test_one_conversation_of_several(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook, 3)
        choice = live.get_by_role("combobox", name="Conversation")
        expect(choice.locator("option")).to_have_count(4)
        choice.select_option(index=2)
        expect(rows(live).first).to_have_attribute("aria-setsize", str(PACKETS))
        choice.select_option(index=0)
        expect(rows(live).first).to_have_attribute("aria-setsize", str(3 * PACKETS))

    def test_the_newest_are_kept(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook, 25)
        expect(live.locator(".lk-live-count")).to_contain_text("250 packets")
        counts(live, "250 packets, the newest 200 are here")  # once nothing more comes
        expect(rows(live).last).to_have_attribute("aria-posinset", "200")

    def test_it_is_shown_while_the_cell_of_a_capture_runs_and_ends_with_it(self, notebook: Notebook) -> None:
        run(notebook, CAPTURE)
        shown = view(notebook, CAPTURE)
        expect(shown.locator(".lk-live-count")).to_contain_text("10 packets")
        expect(shown.get_by_role("status")).to_have_text("The capture has ended.")
        expect(shown.get_by_role("button", name="Stop")).to_be_disabled()
        expect(shown).to_contain_text("“while it runs”")

    def test_what_a_peer_sent_stays_text(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook, words=ATTACK.encode() + b"\0\x1b[31m" + "\u202e".encode())
        expect(live.locator(".lk-live-count")).to_contain_text("10 packets")
        expect(live).to_contain_text(ATTACK[:20])
        assert notebook.page.evaluate("() => window.hurt") is None
        assert live.locator("img, script, svg").count() == 0


class TestByKeyboard:
    """Every button by keyboard alone; no key moves the notebook meanwhile."""

    def test_pause_clear_follow_and_stop(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook)
        expect(live.locator(".lk-live-count")).to_contain_text("10 packets")
        before = active(notebook)
        pause = live.get_by_role("button", name="Pause")
        pause.focus()
        notebook.page.keyboard.press("Space")
        expect(pause).to_have_attribute("aria-pressed", "true")
        talk(notebook)
        expect(live.locator(".lk-live-count")).to_contain_text("20 packets")
        expect(rows(live).last).to_have_attribute("aria-setsize", "10")
        notebook.page.keyboard.press("Enter")  # goes on, with what came meanwhile
        expect(rows(live).last).to_have_attribute("aria-setsize", "20")
        notebook.page.keyboard.press("Tab")
        notebook.page.keyboard.press("Tab")
        assert notebook.page.evaluate("() => document.activeElement.textContent") == "Clear"
        notebook.page.keyboard.press("Enter")
        is_empty(live)
        talk(notebook)
        expect(rows(live).last).to_have_attribute("aria-setsize", "10")
        notebook.page.keyboard.press("Tab")
        notebook.page.keyboard.press("Space")
        expect(live.get_by_role("status")).to_have_text("It was stopped.")
        assert active(notebook) == before

    def test_who_scrolls_back_stays_there_until_he_goes_to_the_end(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook, 10)
        expect(live.locator(".lk-live-count")).to_contain_text("100 packets")
        log, follow = live.locator(".lk-live-log"), live.get_by_role("button", name="Follow")
        expect(follow).to_have_attribute("aria-pressed", "true")
        log.focus()
        before = active(notebook)
        notebook.page.keyboard.press("Home")
        expect(follow).to_have_attribute("aria-pressed", "false")
        expect(rows(live).first).to_have_attribute("aria-posinset", "1")
        talk(notebook, 8)
        expect(live.locator(".lk-live-count")).to_contain_text("180 packets")
        expect(rows(live).first).to_have_attribute("aria-posinset", "1")
        notebook.page.keyboard.press("End")
        expect(follow).to_have_attribute("aria-pressed", "true")
        talk(notebook)
        expect(live.locator("[aria-posinset='190']")).to_be_in_viewport()
        assert active(notebook) == before


    def test_the_smallest_step_back_is_enough(self, notebook: Notebook, live: Locator) -> None:
        # A browser scrolls smoothly: the first step of a key or of a wheel is a few pixels.
        talk(notebook, 10)
        expect(live.locator(".lk-live-count")).to_contain_text("100 packets")
        follow = live.get_by_role("button", name="Follow")
        live.locator(".lk-live-log").evaluate("log => log.scrollBy({top: -3, behavior: 'instant'})")
        expect(follow).to_have_attribute("aria-pressed", "false")
        follow.click()
        expect(follow).to_have_attribute("aria-pressed", "true")
        expect(live.locator("[aria-posinset='100']")).to_be_in_viewport()


class TestAgain:
    """Its cell run again, and a page loaded again."""

    def test_the_cell_run_again_begins_a_new_one_and_ends_the_old(self, notebook: Notebook, live: Locator) -> None:
        run_code(notebook, "old = live")
        run(notebook, LIVE)
        run_code(notebook, 'assert old.ended == "The cell was run again." and live.ended == "" and old is not live')
        talk(notebook)
        expect(view(notebook, LIVE).locator(".lk-live-count")).to_contain_text("10 packets")

    def test_two_views_of_one_are_alike(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook)
        expect(live.locator(".lk-live-count")).to_contain_text("10 packets")
        notebook.page.evaluate(
            """number => {
                const app = window.jupyterapp;
                app.shell.currentWidget.content.activeCellIndex = number;
                return app.commands.execute('notebook:create-output-view');
            }""",
            LIVE,
        )
        second = notebook.page.locator(".jp-LinkedOutputView .lk-live")
        try:
            expect(second.locator(".lk-live-count")).to_contain_text("10 packets")
            second.get_by_role("button", name="Clear").click()
            for shown in (live, second):
                is_empty(shown)
        finally:
            notebook.page.evaluate(
                """() => {
                    const shell = window.jupyterapp.shell, [book, ...others] = [...shell.widgets('main')];
                    others.forEach(one => one.dispose());
                    shell.activateById(book.id);
                }"""
            )
            notebook.page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.sessionContext")


class TestLook:
    """Themes, sizes, the back of a room."""

    @every_theme
    def test_it_can_be_read_and_has_no_fault(self, notebook: Notebook, live: Locator, theme: str) -> None:
        notebook.theme(theme)
        talk(notebook, 2)
        expect(live.locator(".lk-live-count")).to_contain_text("20 packets")
        expect(rows(live).last).to_be_visible()
        assert unreadable(live) == {}
        assert axe_faults(live) == []
        assert clipped(live) == []

    def test_it_fits_a_narrow_window_and_a_zoomed_one(self, notebook: Notebook, live: Locator) -> None:
        talk(notebook, 2)
        for shape in (sized(notebook, 700), zoomed(notebook, 2)):
            with shape:
                expect(rows(live).last).to_contain_text("ACK seq=7 ack=7")
                log = live.locator(".lk-live-log")
                outside = [each for each in clipped(live) if "lk-live-log" not in each]  # the rows scroll sideways
                assert outside == []
                box, room = log.bounding_box(), live.bounding_box()
                assert box is not None
                assert room is not None
                assert box["x"] >= room["x"]
                assert box["x"] + box["width"] <= room["x"] + room["width"]

    def test_it_can_be_read_from_the_back_of_a_room(self, notebook: Notebook) -> None:
        run(notebook, LARGE)
        shown = view(notebook, LARGE)
        talk(notebook)
        expect(shown.locator(".lk-live-count")).to_contain_text("10 packets")
        size = rows(shown).last.locator(".lk-live-above").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
        assert size >= 24
        assert clipped(shown) == []
        run_code(notebook, "from labkit import widgets; widgets.set_large(False)")
        assert cell(notebook, LARGE).locator(".lk-large").count() == 1
