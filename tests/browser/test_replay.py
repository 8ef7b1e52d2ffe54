"""Replay in JupyterLab: stepped by mouse and by keyboard, in each theme, narrow and enlarged, without its kernel.

Rule: what the page shows is compared with what the object says; nothing is waited for by time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator

from labkit.draw.replay_steps import ROWS
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.courses import courses_of
from labkit.packets.states import WHY
from tests.browser.conftest import ROOT, Lab, Notebook
from tests.browser.looking import (
    ATTACK,
    active,
    axe_faults,
    clipped,
    every_theme,
    faults,
    open_notebook,
    sized,
    unreadable,
    view,
    zoomed,
)
from tests.packets.dialogs import talk

LOSS = ROOT / "data" / "01d-tcp-loss" / "lost-segment.pcapng"
WEB = ROOT / "data" / "05e-https" / "agent.pcapng"
LOAD = "labkit.Tape.load"
CELLS = (
    f"import labkit\nfrom labkit import draw\nreplay = draw.replay({LOAD}({str(LOSS)!r}))\nreplay",
    "replay",
    f"draw.replay({LOAD}({str(WEB)!r}))",
    f"draw.replay({LOAD}('two.pcapng'))",
    f"draw.replay({LOAD}('hostile.pcapng'))",
    "draw.replay(labkit.Tape())",
)
FIRST, AGAIN, HTTPS, TWO, HOSTILE, EMPTY = range(len(CELLS))
KEYS = (("End", 24), ("Home", 1), ("ArrowDown", 2), ("ArrowRight", 3), ("ArrowUp", 2), ("PageDown", 10))
SHORTENED = re.compile("lk-words|lk-line|lk-field|lk-digits")
"""What has its whole text in its name and in the line below: a rung and a field may be too narrow for it."""
OBSERVES = "Cannot read properties of null (reading 'observe')"
"""JupyterLab's own: it looks at where a cell stands before the notebook is in the page."""
FIELDS = (("ArrowRight", "tcp.dstport"), ("ArrowDown", "tcp.seq"), ("End", "tcp.options"), ("Home", "tcp.srcport"))


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook of replays."""
    hostile = (ATTACK + "</textarea>\u202e\x1b[31m\0" + "x" * 65000)[:60000].encode()
    talk([("c", hostile), ("c", b"GET /" + ATTACK.encode() + b" HTTP/1.1\r\n\r\n")]).tape().save(
        lab.notebooks / "hostile.pcapng"
    )
    both = [*talk([("c", b"one")], sport=40001).frames, *talk([("s", [b"x"] * 145)], sport=40002).frames]
    frames = [(1_700_000_000_000_000_000 + at * 1_000_000, frame, 1, 0, len(frame)) for at, frame in enumerate(both)]
    Tape(Recording(frames)).save(lab.notebooks / "two.pcapng")
    with open_notebook(window, lab, "replays.ipynb", *CELLS) as notebook:
        notebook.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        notebook.run_all()
        assert notebook.errors() == []
        for number in range(len(CELLS)):
            view(notebook, number)
        yield notebook


@pytest.fixture
def replays(opened: Notebook) -> Notebook:
    """The same, each at its first packet."""
    for number in (FIRST, AGAIN, HTTPS, TWO, HOSTILE):
        shown = view(opened, number)
        shown.get_by_label("exchange").select_option("0")
        shown.get_by_role("slider").fill("0")
        shown.locator(".lk-place", has_text="1 of").wait_for()
    return opened


def place(shown: Locator, words: str) -> None:
    """Wait until a replay stands at this place: ``"3 of 24"``."""
    shown.locator(f".lk-place:text-is('{words}')").wait_for()


def ends(shown: Locator, label: str) -> list[tuple[str, str]]:
    """What the page shows of client and server in this row: the value, and the sign behind it."""
    found = []
    for who in ("client", "server"):
        cell = shown.locator(f".lk-end-{who} tr", has=shown.page.get_by_role("rowheader", name=label, exact=True))
        found.append((cell.locator("td .lk-mono").inner_text(), cell.locator(".lk-mark").text_content() or ""))
    return found


def sign(assumed: str) -> str:
    """What stands behind a value."""
    return "≈" if assumed else "✓"


def states(shown: Locator) -> list[str]:
    """The states of client and server."""
    return [value for value, _ in ends(shown, "State")]


class TestMouse:
    """By mouse."""

    def test_buttons_lead_through_the_tape(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        place(shown, "1 of 24")
        assert states(shown) == ["SYN-SENT", "SYN-RECEIVED"]
        assert shown.get_by_role("button", name="packet before").is_disabled()
        shown.get_by_role("button", name="next packet").click()
        place(shown, "2 of 24")
        assert states(shown) == ["ESTABLISHED", "SYN-RECEIVED"]
        assert "ESTABLISHED✓" in shown.locator(".lk-end-client .lk-lit").all_text_contents()  # what has changed is lit
        assert "SYN-RECEIVED✓" not in shown.locator(".lk-end-server .lk-lit").all_text_contents()
        shown.get_by_role("button", name="last packet").click()
        place(shown, "24 of 24")
        assert ends(shown, "State") == [("TIME-WAIT", "✓"), ("CLOSED", "≈")]
        assert WHY["arrived"] in shown.locator(".lk-why").inner_text()
        assert shown.get_by_role("button", name="next packet").is_disabled()
        shown.get_by_role("button", name="packet before").click()
        place(shown, "23 of 24")
        shown.get_by_role("button", name="first packet").click()
        place(shown, "1 of 24")

    def test_every_step_shows_what_the_tape_says(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        (course,) = courses_of(Tape.load(LOSS))
        for index in range(len(course)):
            place(shown, f"{index + 1} of 24")
            moment = course.moment(index)
            assert moment is not None
            told = shown.evaluate(
                """root => [...root.querySelectorAll('.lk-end')].map(
                    end => [...end.querySelectorAll('td')].map(cell => cell.textContent))"""
            )
            for end, cells in zip((moment.client, moment.server), told, strict=True):
                facts = [getattr(end, name) for name, *_ in ROWS]
                known = ["–" if fact.value is None else f"{fact.value:,}{sign(fact.assumed)}" for fact in facts]
                assert cells == [f"{end.state}{sign(end.assumed)}", *known]
            if index + 1 < len(course):
                shown.get_by_role("button", name="next packet").click()

    def test_a_click_on_a_rung_goes_to_its_packet(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        shown.get_by_role("slider").fill("9")
        place(shown, "10 of 24")
        shown.locator(".lk-rung:visible", has_text="PSH, ACK seq=7301").click()
        place(shown, "9 of 24")
        assert shown.locator(".lk-rung:visible").count() == 8

    def test_play_and_pause(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        shown.get_by_role("slider").fill("21")
        place(shown, "22 of 24")
        shown.get_by_role("button", name="play, one packet a second").click()
        place(shown, "23 of 24")
        shown.get_by_role("button", name="pause").click()
        shown.get_by_role("button", name="play, one packet a second").click()
        place(shown, "24 of 24")  # at the end it stops by itself
        shown.get_by_role("button", name="play, one packet a second").wait_for()

    def test_bits_follow_the_packet_and_a_field_is_explained(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        field = shown.get_by_role("button", name="Sequence Number:")
        field.click()
        assert "tcp.seq" in shown.locator(".lk-told").inner_text()
        shown.get_by_role("slider").fill("4")
        place(shown, "5 of 24")
        assert field.get_attribute("aria-label", timeout=5000) == "Sequence Number: 1461, " + (
            "relative to the connection's first; on the wire "
        ) + str(Tape.load(LOSS)[4].raw_seq)
        digits = field.locator(".lk-digits").inner_text()
        assert digits == f"{Tape.load(LOSS)[4].raw_seq:032b}"
        shown.get_by_label("Bits of").select_option("IPv4")
        shown.get_by_role("button", name="Time to Live").wait_for()

    def test_another_exchange_and_steps_that_the_page_has_to_ask_for(self, replays: Notebook) -> None:
        shown = view(replays, TWO)
        place(shown, "1 of 8")
        shown.get_by_label("exchange").select_option("1")
        place(shown, "1 of 296")
        shown.get_by_role("button", name="last packet").click()
        place(shown, "296 of 296")
        shown.locator(".lk-present", has_text="304 ·").wait_for()
        assert states(shown)[1] == "TIME-WAIT"

    def test_the_protocols_above(self, replays: Notebook) -> None:
        shown = view(replays, HTTPS)
        shown.get_by_role("slider").fill("9")
        place(shown, "10 of 19")
        assert [value for value, _ in ends(shown, "HTTP")] == ["waits for the answer to GET /", "has to answer GET /"]
        assert [value for value, _ in ends(shown, "TLS")] == ["CONNECTED", "CONNECTED"]


class TestKeyboard:
    """By keyboard alone; no key moves the notebook meanwhile."""

    def test_keys_step(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        shown.get_by_label("exchange").focus()
        before = replays.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")
        for _ in range(10):
            replays.page.keyboard.press("Tab")
            if replays.page.evaluate("() => document.activeElement.classList.contains('lk-ladder')"):
                break
        for key, at in KEYS:
            replays.page.keyboard.press(key)
            place(shown, f"{at} of 24")
        assert shown.locator(".lk-present").inner_text().startswith("10 · 12 ms")
        replays.page.keyboard.press("Space")
        place(shown, "11 of 24")
        replays.page.keyboard.press("Space")
        shown.get_by_role("button", name="play, one packet a second").wait_for()
        for key in "jkabdx":
            replays.page.keyboard.press(key)
        after = replays.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")
        assert (after, replays.page.locator(".jp-Notebook-cell").count()) == (before, len(CELLS))

    def test_the_slider_says_its_packet(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        slider = shown.get_by_role("slider")
        slider.focus()
        replays.page.keyboard.press("ArrowRight")
        place(shown, "2 of 24")
        said = slider.get_attribute("aria-valuetext")
        words = "packet 2, server to client: SYN, ACK seq=0 ack=1; client ESTABLISHED, server SYN-RECEIVED"
        assert said == words
        replays.page.keyboard.press("End")
        place(shown, "24 of 24")

    def test_buttons_say_where_they_lead_and_keep_the_focus(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        heard = shown.get_by_role("status").first
        for name, at in (("next packet", 2), ("last packet", 24), ("packet before", 23), ("first packet", 1)):
            button = shown.get_by_role("button", name=name)
            button.focus()
            replays.page.keyboard.press("Enter")
            place(shown, f"{at} of 24")
            assert heard.inner_text() == shown.get_by_role("slider").get_attribute("aria-valuetext")
            replays.painted()  # a disabled button loses the focus then
            assert button.evaluate("button => button === document.activeElement")
        replays.page.keyboard.press("Enter")
        place(shown, "1 of 24")
        shown.get_by_role("slider").press("ArrowRight")  # says it by itself
        place(shown, "2 of 24")
        assert heard.inner_text() == ""

    def test_a_rung_says_its_way(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        shown.locator(".lk-ladder").focus()
        replays.page.keyboard.press("ArrowDown")
        place(shown, "2 of 24")
        named = shown.locator(".lk-ladder").get_attribute("aria-activedescendant")
        words = shown.locator(f"#{named}").get_attribute("aria-label") or ""
        assert re.match("packet 2, server to client: SYN, ACK seq=0 ack=1, at [0-9.]+ ms$", words)

    def test_escape_leads_to_the_cell(self, replays: Notebook) -> None:
        shown = view(replays, AGAIN)
        shown.get_by_role("slider").focus()
        replays.page.keyboard.press("Escape")
        assert active(replays) == (AGAIN, "command")
        replays.page.keyboard.press("ArrowDown")
        assert active(replays) == (HTTPS, "command")

    def test_fields_by_arrow_keys(self, replays: Notebook) -> None:
        shown = view(replays, FIRST)
        shown.get_by_label("Bits of").select_option("TCP")
        shown.get_by_role("button", name="Source Port:").focus()
        for key, name in FIELDS:
            replays.page.keyboard.press(key)
            shown.locator(".lk-told", has_text=name).wait_for()
            assert replays.page.evaluate("() => document.activeElement.getAttribute('aria-pressed')") == "true"

    def test_roles_and_names(self, replays: Notebook) -> None:
        tree = view(replays, FIRST).aria_snapshot()
        for line in (
            'group "Replay of a tape"', 'combobox "exchange"', 'button "next packet"', 'slider "packet"',
            'rowheader "State"', 'listbox "packets up to the present one"', '[selected]', 'img "proved by the tape"',
        ):  # fmt: skip
            assert line in tree


class TestLook:
    """Themes, sizes, faults."""

    @every_theme
    def test_words_can_be_read_and_axe_finds_no_fault(self, replays: Notebook, theme: str) -> None:
        replays.theme(theme)
        for number in (FIRST, HTTPS):
            shown = view(replays, number)
            shown.get_by_role("slider").fill("14")
            shown.locator(".lk-place", has_text="15 of").wait_for()
            assert unreadable(shown) == {}
            assert axe_faults(shown) == []

    @pytest.mark.parametrize("way", ["1280", "700", "200 %"])
    def test_nothing_is_cut_off(self, replays: Notebook, way: str) -> None:
        with zoomed(replays, 2) if way == "200 %" else sized(replays, int(way)):
            shown = view(replays, FIRST)
            shown.get_by_role("slider").fill("14")
            place(shown, "15 of 24")
            assert [each for each in clipped(shown) if not SHORTENED.search(each)] == []
            assert states(shown) == ["FIN-WAIT-1", "ESTABLISHED"]

    def test_hostile_bytes_stay_words(self, replays: Notebook) -> None:
        shown = view(replays, HOSTILE)
        for at in range(3, 7):
            shown.get_by_role("slider").fill(str(at))
            place(shown, f"{at + 1} of 10")
            for layer in shown.get_by_label("Bits of").locator("option").all_inner_texts():
                shown.get_by_label("Bits of").select_option(layer)
        assert "<script>" in shown.inner_text()
        assert replays.page.evaluate("() => window.hurt") is None
        assert shown.locator(":is(img, script, svg, textarea)").count() == 0
        assert [line for line in replays.heard if line.startswith("dialog")] == []

    def test_an_empty_tape_says_so(self, replays: Notebook) -> None:
        assert "No packet of this tape belongs to an exchange" in view(replays, EMPTY).inner_text()


def test_two_views_of_one_object_stand_where_they_were_led(replays: Notebook) -> None:
    first, again = view(replays, FIRST), view(replays, AGAIN)
    first.get_by_role("slider").fill("14")
    place(first, "15 of 24")
    place(again, "1 of 24")
    again.get_by_role("button", name="last packet").click()
    place(again, "24 of 24")
    place(first, "15 of 24")


def test_the_page_says_nothing_wrong(replays: Notebook) -> None:
    assert [fault for fault in faults(replays) if OBSERVES not in fault] == []


def test_without_its_kernel_what_is_held_stays_and_the_rest_is_told(replays: Notebook) -> None:
    """The last test: it restarts the kernel."""
    replays.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    shown = view(replays, TWO)
    shown.get_by_label("exchange").select_option("1")
    shown.get_by_role("slider").fill("150")
    shown.locator(".lk-say", has_text="un the cell again").wait_for()
    shown.get_by_label("exchange").select_option("0")
    shown.get_by_role("button", name="last packet").click()
    place(shown, "8 of 8")
    assert states(shown)[1] == "TIME-WAIT"
    replays.run_all()
    again = view(replays, TWO)
    again.get_by_label("exchange").select_option("1")
    again.get_by_role("button", name="last packet").click()
    again.locator(".lk-present", has_text="304 ·").wait_for()
