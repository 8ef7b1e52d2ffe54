"""The inspector in JupyterLab: by mouse and by keyboard alone, in every theme, narrow, zoomed; hostile content.

Rule: what the page shows is asked of the page; nothing is waited for by time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from labkit.packets import Tape
from tests.browser.conftest import ROOT, Lab, Notebook
from tests.browser.looking import (
    ATTACK,
    LIGHT,
    active,
    axe_faults,
    cell,
    colours,
    every_theme,
    faults,
    open_notebook,
    run,
    sized,
    unreadable,
    zoomed,
)
from tests.browser.test_lab import capture_file

DATA = ROOT / "data"
CELLS = (
    f"import labkit\nhttp = labkit.inspect({str(DATA / '03b-http-connections' / 'twice.pcapng')!r})\nhttp",
    f"labkit.inspect({str(DATA / '05e-https' / 'at-client.pcapng')!r})",
    f"labkit.inspect({str(DATA / '04a-push' / 'events.pcapng')!r})",
    f"labkit.inspect({str(DATA / '01b-tcp-endings' / 'server-closes.pcapng')!r})",
    "labkit.inspect('hostile.pcap')",
    "http",
)
HTTP, TLS, LONG, TWO, HOSTILE, AGAIN = range(len(CELLS))
NASTY = f"</textarea>{ATTACK}\u202egnp.exe\u200b\x1b[31m\0" + "x" * 20_000
CHOSEN = ".lk-i-row[aria-selected=true]"

expect.set_options(timeout=30_000)  # a busy machine is slow, and is no fault


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook with inspectors, each cell run."""
    content = NASTY.encode() + b"\xed\xa0\x80\xff"
    start = b"HTTP/1.1 200 " + ATTACK.encode() + b"\r\nX-Name: \x1b]0;" + ATTACK.encode() + b"\r\n"
    capture_file(lab.notebooks / "hostile.pcap", start + b"Content-Length: %d\r\n\r\n" % len(content) + content)
    with open_notebook(window, lab, "inspected.ipynb", *CELLS) as notebook:
        notebook.heard.clear()  # JupyterLab's own, while it opens
        for number in range(len(CELLS)):
            run(notebook, number)
        assert notebook.errors() == []
        yield notebook


@pytest.fixture
def page(opened: Notebook) -> Page:
    """The page, with its side bar closed: as a reader has it who needs room."""
    opened.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    return opened.page


def view(notebook: Notebook, number: int) -> Locator:
    """The inspector of a cell, with its first packet chosen."""
    found = cell(notebook, number).locator(".lk-inspector")
    found.get_by_role("button", name="Packets").click()
    expect(found.locator(".lk-i-links b")).to_have_text("Packet 1")
    return found


def choose(its: Locator, number: int) -> None:
    """Click on a packet that is in sight."""
    its.locator(f".lk-i-row[data-i='{number - 1}']").click()
    expect(its.locator(".lk-i-links b")).to_have_text(f"Packet {number}")


def focused(page: Page) -> str:
    """Which element has the focus: its role and its name."""
    found: str = page.evaluate(
        "() => [document.activeElement].map(one => `${one.getAttribute('role')} ${one.getAttribute('aria-label')}`)[0]"
    )
    return found


class TestMouse:
    """By mouse."""

    def test_a_packet_leads_to_its_message_and_back(self, opened: Notebook) -> None:
        its = view(opened, HTTP)
        choose(its, 4)
        its.get_by_role("button", name="GET / HTTP/1.1").click()
        expect(its.locator(".lk-i-links b")).to_have_text("GET / HTTP/1.1")
        expect(its.get_by_role("button", name="Messages")).to_have_attribute("aria-pressed", "true")
        expect(its.locator(CHOSEN)).to_contain_text("GET / HTTP/1.1")
        its.get_by_role("button", name="packet 4").click()
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 4")
        expect(its.locator(f"{CHOSEN} > :first-child")).to_have_text("4")

    def test_a_field_lights_its_bytes_and_a_byte_its_field(self, opened: Notebook) -> None:
        its = view(opened, HTTP)
        choose(its, 4)
        its.get_by_role("treeitem", name="Total Length").hover()
        expect(its.locator(".lk-i-byte.lk-lit")).to_have_text(["00", "82"])
        expect(its.locator(".lk-i-bits")).to_have_text("0000000010000010")
        its.locator(".lk-i-byte[data-k='23']").hover()
        expect(its.locator(".lk-i-field.lk-lit")).to_contain_text("Protocol")
        expect(its.locator(".lk-i-detail")).to_contain_text("ip.proto, byte 23")
        expect(its.locator(".lk-i-detail")).to_contain_text("RFC 791 §3.1")

    def test_a_click_stays_and_a_click_again_goes_on_to_the_next_field_of_the_byte(self, opened: Notebook) -> None:
        its = view(opened, HTTP)
        flags = its.locator(".lk-i-byte[data-k='47']")
        for label in ("CWR", "ECE", "URG"):
            flags.click()
            expect(its.locator(".lk-i-detail b")).to_have_text(label)
        its.locator(".lk-i-detail").hover()
        expect(its.locator(".lk-i-field.lk-lit")).to_contain_text("URG")
        expect(flags).to_have_class("lk-i-byte lk-i-some lk-i-here")

    def test_a_record_has_two_kinds_of_bytes(self, opened: Notebook) -> None:
        its = view(opened, TLS)
        its.get_by_role("button", name="Messages").click()
        expect(its.locator(CHOSEN)).to_contain_text("GET / HTTP/1.1")
        its.get_by_role("button", name="TLS").click()
        expect(its.locator(".lk-i-count")).to_contain_text("26 rows")
        its.locator(".lk-i-list").evaluate("list => { list.scrollTop = list.scrollHeight; }")
        its.locator(".lk-i-row", has_text="application data").last.click()
        its.get_by_role("button", name="What was encrypted").click()
        expect(its.locator(".lk-i-seen").first).to_have_text("HTTP/1.1 200 OK·")
        its.get_by_role("treeitem", name="Opaque type").click()
        expect(its.locator(".lk-i-byte.lk-lit")).to_have_text("17")

    def test_one_connection_among_several(self, opened: Notebook) -> None:
        its = view(opened, TWO)
        choose(its, 8)
        its.get_by_role("button", name="Follow this connection").click()
        expect(its.locator(".lk-i-count")).to_contain_text("connection 2: ")
        numbers = its.locator(".lk-i-row[data-i] > :first-child").all_text_contents()
        tape = Tape.load(DATA / "01b-tcp-endings" / "server-closes.pcapng")
        assert numbers == [str(packet.number) for packet in tape.connections[1].packets]
        expect(its.locator(f"{CHOSEN} > :first-child")).to_have_text("8")
        its.get_by_role("button", name="Show all connections").click()
        expect(its.locator(".lk-i-count")).to_contain_text("12 packets")
        expect(its.locator(f"{CHOSEN} > :first-child")).to_have_text("8")

    def test_a_list_without_rows_says_so(self, opened: Notebook) -> None:
        its = view(opened, TWO)
        its.get_by_role("button", name="TLS").click()
        expect(its.locator(".lk-i-count")).to_have_text("There is no TLS here.")
        expect(its.locator(".lk-i-field")).to_have_count(0)

    def test_two_views_of_one_object_are_apart(self, opened: Notebook) -> None:
        first, second = view(opened, HTTP), view(opened, AGAIN)
        choose(second, 6)
        choose(first, 4)
        expect(second.locator(f"{CHOSEN} > :first-child")).to_have_text("6")
        expect(second.locator(".lk-i-links b")).to_have_text("Packet 6")


class TestKeyboard:
    """By keyboard alone; no key moves the notebook meanwhile."""

    def test_from_the_list_to_a_bit(self, opened: Notebook, page: Page) -> None:
        its = view(opened, HTTP)
        run(opened, HTTP)
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 1")
        before = active(opened)
        for _ in range(30):
            page.keyboard.press("Tab")
            if focused(page) == "grid Packets":
                break
        assert focused(page) == "grid Packets"
        for key in ("ArrowDown", "End", "PageUp", "Home", "ArrowDown", "ArrowDown", "ArrowDown"):
            page.keyboard.press(key)
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 4")
        named = its.locator(".lk-i-list").get_attribute("aria-activedescendant")
        assert named == its.locator(CHOSEN).get_attribute("id")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the message
        expect(its.locator(".lk-i-links b")).to_have_text("GET / HTTP/1.1")
        assert focused(page) == "grid Messages"
        page.keyboard.press("Tab")
        page.keyboard.press("Space")  # and back
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 4")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert focused(page) == "tree Fields"
        page.keyboard.press("Home")
        page.keyboard.press("ArrowLeft")  # folds Ethernet
        expect(its.get_by_role("treeitem", name="Ethernet II")).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("ArrowDown")
        expect(its.locator(".lk-i-detail b")).to_have_text("Internet Protocol version 4")
        page.keyboard.press("ArrowRight")
        expect(its.locator(".lk-i-detail b")).to_have_text("Version")
        page.keyboard.press("ArrowLeft")
        expect(its.locator(".lk-i-detail b")).to_have_text("Internet Protocol version 4")
        page.keyboard.press("Tab")
        assert focused(page) == "grid Bytes"
        for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight"):
            page.keyboard.press(key)
        expect(its.locator(".lk-i-here")).to_have_attribute("data-k", "33")
        expect(its.locator(".lk-i-detail b")).to_have_text("Destination Address")
        assert active(opened) == before

    def test_letters_lead_to_a_field_and_escape_to_the_cell(self, opened: Notebook, page: Page) -> None:
        its = view(opened, HTTP)
        choose(its, 4)
        expect(its.locator(".lk-i-tree")).to_have_accessible_description("Packet 4")
        its.locator(".lk-i-tree").focus()
        page.keyboard.type("win")
        expect(its.locator(".lk-i-detail b")).to_have_text("Window")
        before = active(opened)
        page.keyboard.press("Escape")
        assert focused(page) == "null Code Cell Content with Output"
        assert active(opened) == before == (HTTP, "command")
        page.keyboard.press("ArrowDown")  # JupyterLab's own key again
        assert active(opened) == (TLS, "command")

    def test_what_is_listed_now_is_heard(self, opened: Notebook, page: Page) -> None:
        its = view(opened, HTTP)
        heard = its.get_by_role("status").first
        its.get_by_role("button", name="TLS").press("Enter")
        expect(heard).to_have_text("There is no TLS here.")
        its.get_by_role("textbox", name="Display filter").fill("tcp.flags.syn == 1")
        its.get_by_role("button", name="Packets").press("Enter")
        its.get_by_role("textbox", name="Display filter").press("Enter")
        expect(heard).to_have_text(re.compile("^2 packets"))
        its.get_by_role("button", name="Clear").press("Enter")
        expect(heard).not_to_have_text(re.compile("^2 packets"))
        connection = its.get_by_role("button", name="Follow this connection")
        assert connection.get_attribute("aria-pressed") is None  # its name says what a press will do
        connection.press("Enter")
        expect(heard).to_contain_text("connection 1")
        its.get_by_role("button", name="Show all connections").press("Enter")
        expect(connection).to_be_focused()

    def test_a_key_that_is_held_ends_where_it_is_let_go(self, opened: Notebook, page: Page) -> None:
        its = view(opened, LONG)
        its.locator(".lk-i-list").focus()
        for _ in range(150):
            page.keyboard.press("ArrowDown")
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 151")
        expect(its.locator(f"{CHOSEN} > :first-child")).to_have_text("151")
        assert its.locator(".lk-i-row").count() < 40


class TestLook:
    """In each theme, in a narrow window, and at a zoom of 200 %."""

    @every_theme
    def test_every_text_is_readable(self, opened: Notebook, theme: str) -> None:
        opened.theme(theme)
        its = view(opened, HTTP)
        choose(its, 4)
        its.get_by_role("treeitem", name="Total Length").click()
        expect(its.locator(".lk-i-detail")).to_contain_text("RFC 791 §3.1")  # reasons come a moment later
        found = colours(its)
        for words in ("Total Length", "82", "→", "GET / HTTP/1.1", "Follow this connection", "RFC 791 §3.1"):
            assert words in found
        assert unreadable(its) == {}

    def test_axe_finds_no_fault(self, opened: Notebook) -> None:
        opened.theme(LIGHT)
        choose(view(opened, HTTP), 4)
        tls = view(opened, TLS)
        tls.get_by_role("button", name="Download pcapng").click()
        tls.get_by_role("button", name="Leave the keys out").wait_for()
        empty = view(opened, TWO)
        empty.get_by_role("button", name="TLS").click()
        expect(empty.locator(".lk-i-field")).to_have_count(0)
        for number in (HTTP, TLS, TWO):
            assert axe_faults(cell(opened, number).locator(".lk-inspector")) == []
        tls.get_by_role("button", name="Cancel").click()

    def test_it_is_no_wider_than_the_page(self, opened: Notebook, page: Page) -> None:
        its = view(opened, HTTP)
        choose(its, 4)
        for window in (sized(opened, 1280, 720), sized(opened, 700, 700), zoomed(opened, 2)):
            with window:
                page.wait_for_function(
                    """() => [...document.querySelectorAll('.lk-inspector')].every(
                        one => one.getBoundingClientRect().right <= window.innerWidth
                            && [...one.querySelectorAll('.lk-i-bytes')].every(
                                pane => pane.scrollWidth <= pane.clientWidth))"""
                )
                assert its.locator(".lk-i-byte[data-k]").count() >= 64
                its.locator(".lk-i-byte[data-k='23']").click()
                expect(its.locator(".lk-i-detail b")).to_have_text("Protocol")
                its.locator(".lk-i-byte[data-k='12']").click()

    def test_in_forced_colours_what_is_chosen_and_lit_differs(self, opened: Notebook, page: Page) -> None:
        page.emulate_media(forced_colors="active")
        try:
            its = view(opened, HTTP)
            its.locator(".lk-i-tree").evaluate("tree => { tree.scrollTop = 0; }")
            its.get_by_role("treeitem", name="EtherType").click()
            ground = "one => getComputedStyle(one).backgroundColor"
            chosen, other = its.locator(CHOSEN), its.locator(".lk-i-row[data-i='3']")
            assert chosen.evaluate(ground) != other.evaluate(ground)
            lit, plain = its.locator(".lk-i-byte[data-k='12']"), its.locator(".lk-i-byte[data-k='20']")
            assert lit.evaluate(ground) != plain.evaluate(ground)
        finally:
            page.emulate_media(forced_colors="none")


class TestFilter:
    """The line that narrows what is listed."""

    def test_by_keyboard(self, opened: Notebook, page: Page) -> None:
        its = view(opened, HTTP)
        field = its.get_by_label("Display filter")
        field.focus()
        page.keyboard.type("tcp.flags.syn == 1")
        page.keyboard.press("Enter")
        expect(its.locator(".lk-i-count")).to_have_text(re.compile("^2 packets"))
        expect(its.locator(".lk-i-row[data-i] > :first-child")).to_have_text(["1", "2"])
        page.keyboard.type(" && tcp.flags.ack == 1")
        page.keyboard.press("Enter")
        expect(its.locator(".lk-i-count")).to_have_text(re.compile("^1 packet,"))
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 2")
        its.get_by_role("button", name="Clear").click()
        expect(its.locator(".lk-i-count")).to_contain_text("12 packets")
        assert field.input_value() == ""

    def test_a_mistake_is_shown_where_it_is(self, opened: Notebook, page: Page) -> None:
        its = view(opened, HTTP)
        field = its.get_by_label("Display filter")
        field.fill("tcp.port == 1337 && tcp.flags.sin == 1")
        its.get_by_role("button", name="Apply").click()
        expect(its.get_by_role("alert")).to_contain_text("tcp.flags.sin")
        assert field.evaluate("one => [one.selectionStart, one.getAttribute('aria-invalid')]") == [20, "true"]
        expect(its.locator(".lk-i-wrong mark")).to_have_text("t")
        expect(its.locator(".lk-i-count")).to_contain_text("12 packets")
        assert unreadable(its) == {}
        its.get_by_role("button", name="Messages").click()
        expect(its.locator(".lk-i-count")).to_contain_text("4 messages")
        assert field.input_value() == "tcp.port == 1337 && tcp.flags.sin == 1"  # somebody is still at it
        its.get_by_role("button", name="Clear").click()
        expect(its.locator(".lk-i-wrong")).to_have_text("")


class TestFiles:
    """A capture to take away, and one that is brought."""

    def test_the_keys_are_asked_about(self, opened: Notebook) -> None:
        its = view(opened, TLS)
        sizes = {}
        for words in ("Leave the keys out", "Put the keys in"):
            its.get_by_role("button", name="Download pcapng").click()
            with opened.page.expect_download() as waiting:
                its.get_by_role("button", name=words).click()
            got = Tape.load(waiting.value.path())
            assert waiting.value.suggested_filename == "capture.pcapng"
            assert len(got) == 19
            sizes[words] = len(got.secrets)
        assert sizes["Leave the keys out"] == 0 < sizes["Put the keys in"]

    def test_without_keys_nothing_is_asked(self, opened: Notebook) -> None:
        with opened.page.expect_download() as waiting:
            view(opened, HTTP).get_by_role("button", name="Download pcapng").click()
        assert len(Tape.load(waiting.value.path())) == 12

    def test_a_file_is_opened_and_a_damaged_one_is_refused(self, opened: Notebook, tmp_path: Path) -> None:
        its, field = view(opened, LONG), cell(opened, LONG).locator("input[type=file]")
        field.set_input_files(DATA / "01b-tcp-endings" / "server-closes.pcapng")
        expect(its.locator(".lk-say")).to_have_text("server-closes.pcapng is open.")
        expect(its.locator(".lk-i-count")).to_have_text("12 packets, recorded from server-closes.pcapng")
        (tmp_path / "bad.pcapng").write_bytes(b"GIF89a" + bytes(100))
        field.set_input_files(tmp_path / "bad.pcapng")
        expect(its.locator(".lk-say")).to_contain_text("bad.pcapng at byte 0: it starts with 0x47494638")
        expect(its.locator(".lk-i-count")).to_contain_text("12 packets")

    def test_a_file_of_a_gigabyte_is_not_read(self, opened: Notebook, tmp_path: Path) -> None:
        path = tmp_path / "huge.pcapng"
        with path.open("wb") as file:
            file.truncate(1 << 30)
        its = view(opened, LONG)
        cell(opened, LONG).locator("input[type=file]").set_input_files(path)
        expect(its.locator(".lk-say")).to_contain_text("huge.pcapng has 1,073,741,824 bytes")

    def test_a_file_is_dropped(self, opened: Notebook) -> None:
        its = view(opened, LONG)
        data = (DATA / "01a-tcp-connection" / "greeting.pcapng").read_bytes()
        its.evaluate(
            """(one, bytes) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], 'mine.pcapng'));
                for (const type of ['dragover', 'drop']) {
                    one.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
                }
            }""",
            list(data),
        )
        expect(its.locator(".lk-i-count")).to_contain_text("recorded from mine.pcapng")


def test_hostile_content_stays_text(opened: Notebook) -> None:
    its = view(opened, HOSTILE)
    choose(its, 4)
    its.locator(".lk-i-links button").first.click()
    expect(its.locator(CHOSEN)).to_contain_text("<script>")
    its.locator(".lk-i-bytes").evaluate("pane => { pane.scrollTop = pane.scrollHeight; }")
    expect(its.locator(".lk-i-line").last).to_contain_text("ff")  # asked for when it came in sight
    assert its.locator("img, svg, script").count() == 0
    assert opened.page.evaluate("() => window.hurt") is None
    expect(its).to_contain_text(re.compile(r"\\x1b|\\u202e"))
    words = its.evaluate("one => one.innerText")
    assert not set(words) & set("\u202e\u200b\x1b\0\ud800")
    assert "\\x1b" in words or "\\u202e" in words
    assert [line for line in opened.heard if line.startswith("dialog")] == []


def test_without_its_kernel_it_says_so_and_comes_back(window: BrowserContext, lab: Lab) -> None:
    with open_notebook(window, lab, "gone.ipynb", CELLS[HTTP]) as notebook:
        run(notebook, 0)
        its = view(notebook, 0)
        notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        for number in (5, 6):  # the second one, too, though nothing has answered the first
            its.locator(f".lk-i-row[data-i='{number}']").click()
            expect(its.locator(f"{CHOSEN} > :first-child")).to_have_text(str(number + 1))
            expect(its.locator(".lk-say")).to_contain_text("run the cell again", ignore_case=True)
        run(notebook, 0)
        choose(view(notebook, 0), 6)


def test_the_page_logged_no_fault(opened: Notebook) -> None:
    assert faults(opened) == []
