"""The frame builder in JupyterLab: by mouse and by keyboard, in each theme, narrow and enlarged, and on a real wire.

Rule: what the page shows is compared with what the object says; nothing is waited for by time.
"""

from __future__ import annotations

import re
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
    run_code,
    sized,
    unreadable,
    view,
    zoomed,
)

START = """
import labkit
from labkit import lab, net
from scapy.layers.inet import ICMP, IP, TCP, UDP
wire = lab.Wire()
with wire.server:
    server = net.create_server(lambda socket: socket.write("welcome")).listen(8124, wire.server.address)
syn = IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40000, dport=8124, flags="S", seq=1000)
frame = labkit.build(syn, wire=wire)
frame
"""
HOSTILE_BYTES = ATTACK.encode() + bytes(range(256))
CELLS = (
    START,
    "frame",
    "labkit.build('ICMP')",
    f"labkit.build(IP(src='10.0.0.1', dst='10.0.0.2') / UDP() / ({HOSTILE_BYTES!r} + b'x' * 60000))",
)
FIRST, AGAIN, ALONE, HOSTILE = range(len(CELLS))


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook of frames."""
    with open_notebook(window, lab, "builders.ipynb", *CELLS) as notebook:
        notebook.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        notebook.run_all()
        assert notebook.errors() == []
        for number in range(len(CELLS)):
            view(notebook, number)
        yield notebook


@pytest.fixture
def frames(opened: Notebook) -> Notebook:
    """The same, its first frame as it was at first."""
    run_code(opened, "while frame.undoable:\n    frame.undo()")
    run_code(opened, "wire.clear()")
    expect(undo(view(opened, FIRST))).to_have_attribute("aria-disabled", "true")
    return opened


def undo(shown: Locator) -> Locator:
    return shown.get_by_role("button", name="Undo")


def box(shown: Locator, name: str) -> Locator:
    """The field to type into of this name."""
    return shown.get_by_label(name, exact=True)


def says(shown: Locator, name: str) -> Locator:
    """What a field says now."""
    return shown.locator(".lk-b-row", has=shown.page.get_by_text(name, exact=True)).locator(".lk-b-says")


def asked(notebook: Notebook, question: str) -> None:
    """Fail if this is not so in the kernel."""
    run_code(notebook, f"assert {question}, frame")


class TestMouse:
    """By mouse."""

    def test_a_field_by_value(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        box(shown, "ip.ttl").fill("0x10")
        box(shown, "ip.ttl").press("Enter")
        expect(box(shown, "ip.ttl")).to_have_value("16")
        expect(says(shown, "ip.ttl")).to_have_text("16 more routers at most")
        expect(says(shown, "ip.checksum")).to_have_text("✓ right")
        expect(shown.locator(".lk-b-dump")).to_contain_text("10")
        asked(frames, "frame['ip.ttl'].value == 16 and not frame.wrong()")
        undo(shown).click()
        expect(box(shown, "ip.ttl")).to_have_value("64")

    def test_a_bit(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        box(shown, "tcp.checksum").click()
        shown.get_by_role("button", name="of tcp.checksum: ").first.click()
        expect(says(shown, "tcp.checksum")).to_contain_text("✗ not right now: should be 0x")
        asked(frames, "[each.name for each in frame.wrong()] == ['tcp.checksum']")
        shown.get_by_role("button", name="Mend tcp.checksum").click()
        expect(says(shown, "tcp.checksum")).to_have_text("✓ right")
        shown.get_by_role("button", name="tcp.flags.fin: 0, flip it").click()
        expect(says(shown, "tcp.flags")).to_contain_text("FIN")
        shown.get_by_role("button", name="Leave ip.checksum").click()
        expect(says(shown, "ip.checksum")).to_have_text("✓ right (left so)")
        shown.get_by_role("button", name="Mend all").click()
        expect(says(shown, "ip.checksum")).to_have_text("✓ right")

    def test_a_byte_leads_to_its_field(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        shown.get_by_role("button", name="byte 8: 40").click()
        expect(shown.locator(".lk-b-chosen .lk-b-name")).to_have_text("ip.ttl")
        expect(shown.locator(".lk-b-why")).to_contain_text("Time to Live")

    def test_what_does_not_fit_is_told_and_stays_until_escape(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        box(shown, "ip.ttl").fill("300")
        box(shown, "ip.ttl").press("Enter")
        expect(shown.locator(".lk-say")).to_contain_text("does not fit into ip.ttl, which has 8 bits")
        expect(box(shown, "ip.ttl")).to_have_attribute("aria-invalid", "true")
        expect(box(shown, "ip.ttl")).to_have_value("300")
        box(shown, "ip.ttl").press("Escape")
        expect(box(shown, "ip.ttl")).to_have_value("64")
        asked(frames, "frame['ip.ttl'].value == 64")

    def test_sent_and_answered(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        shown.get_by_role("button", name="Send").click()
        expect(shown.locator(".lk-b-came")).to_contain_text("came back:")
        expect(shown.locator(".lk-b-came li").first).to_contain_text("TCP: SYN, ACK")
        asked(frames, "frame.came.tape[0].flags == 'SYN' and frame.came.answered")

    def test_sent_and_nothing_came(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        box(shown, "tcp.checksum").fill("1")
        box(shown, "tcp.checksum").press("Enter")
        expect(says(shown, "tcp.checksum")).to_contain_text("(left so)")
        shown.get_by_role("button", name="Send").click()
        expect(shown.locator(".lk-b-came")).to_have_text("Nothing came back in 1 s.")

    def test_for_somebody_else_is_refused(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        box(shown, "ip.dst").fill("192.0.2.1")
        box(shown, "ip.dst").press("Enter")
        shown.get_by_role("button", name="Send").click()
        expect(shown.locator(".lk-b-came")).to_contain_text("sends only to the other end of the wire")


class TestKeyboard:
    """By keyboard alone; no key moves the notebook meanwhile."""

    def test_bytes_bits_and_undo(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        keyboard = frames.page.keyboard
        box(shown, "ip.version").focus()
        before = active(frames)
        shown.locator(".lk-b-dump [tabindex='0']").focus()
        for key, byte in (("ArrowRight", 1), ("ArrowDown", 17), ("ArrowUp", 1), ("End", 39)):
            keyboard.press(key)
            expect(shown.locator(".lk-b-byte:focus")).to_have_attribute("aria-label", re.compile(f"^byte {byte}:"))
        keyboard.press("Tab")
        keyboard.press("End")
        expect(shown.locator(".lk-b-bit:focus")).to_have_attribute("aria-label", "bit 319 of tcp.urgent_pointer: 0")
        keyboard.press("Enter")
        expect(shown.locator(".lk-b-bit:focus")).to_have_attribute("aria-label", "bit 319 of tcp.urgent_pointer: 1")
        keyboard.press("ArrowLeft")
        keyboard.press("Space")
        expect(box(shown, "tcp.urgent_pointer")).to_have_value("3")
        undo(shown).focus()
        keyboard.press("Enter")
        expect(box(shown, "tcp.urgent_pointer")).to_have_value("1")
        for key in "jkabdx":
            keyboard.press(key)
        assert active(frames) == before
        assert frames.page.locator(".jp-Notebook-cell").count() == len(CELLS)

    def test_escape_takes_back_what_is_typed_and_then_leads_to_the_cell(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        ttl = box(shown, "ip.ttl")
        was = ttl.input_value()
        ttl.focus()
        frames.page.keyboard.type("9")
        frames.page.keyboard.press("Escape")
        expect(ttl).to_have_value(was)
        expect(ttl).to_be_focused()
        frames.page.keyboard.press("Escape")
        expect(ttl).not_to_be_focused()
        assert active(frames)[1] == "command"

    def test_sent(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        shown.get_by_role("button", name="Send").focus()
        frames.page.keyboard.press("Enter")
        expect(shown.locator(".lk-b-came")).to_have_text(re.compile(r"^1 packet came back:TCP: SYN, ACK"))

    def test_typing_is_never_overwritten_by_an_echo(self, frames: Notebook) -> None:
        shown = view(frames, FIRST)
        box(shown, "ip.id").focus()
        for number in range(12):
            box(shown, "ip.id").fill(str(number))
            frames.page.keyboard.press("Enter")
            assert box(shown, "ip.id").input_value() in {str(number), f"0x{number:04x}"}
        expect(box(shown, "ip.id")).to_have_value("0x000b")
        asked(frames, "frame['ip.id'].value == 11")

    def test_what_is_typed_replaces_a_selected_text_though_another_one_came(self, frames: Notebook) -> None:
        field = box(view(frames, FIRST), "ip.id")
        field.select_text()
        run_code(frames, "frame.set('ip.id', 10)")
        expect(field).to_have_value("0x000a")
        frames.page.keyboard.type("11")
        expect(field).to_have_value("11")

    def test_roles_and_names(self, frames: Notebook) -> None:
        tree = view(frames, FIRST).aria_snapshot()
        for line in ('group "Frame builder"', 'textbox "ip.ttl"', 'button "Leave ip.checksum"', 'group "Fields"',
                     'group "Bits: arrow keys move, Enter flips"'):  # fmt: skip
            assert line in tree


class TestLook:
    """Themes, sizes, hostile bytes."""

    @every_theme
    def test_words_can_be_read_and_axe_finds_no_fault(self, frames: Notebook, theme: str) -> None:
        frames.theme(theme)
        run_code(frames, "frame.set('tcp.checksum', 1); frame.send(timeout=0.1)")
        shown = view(frames, FIRST)
        box(shown, "tcp.checksum").click()
        expect(says(shown, "tcp.checksum")).to_contain_text("(left so)")
        assert unreadable(shown) == {}
        assert axe_faults(shown) == []

    @pytest.mark.parametrize("way", ["1280", "700", "200 %"])
    def test_nothing_is_cut_off(self, frames: Notebook, way: str) -> None:
        with zoomed(frames, 2) if way == "200 %" else sized(frames, int(way)):
            shown = view(frames, FIRST)
            assert [each for each in clipped(shown) if not each.startswith("INPUT")] == []
            box(shown, "ip.ttl").fill("9")
            box(shown, "ip.ttl").press("Enter")
            expect(says(shown, "ip.ttl")).to_contain_text("9 more routers")

    def test_hostile_bytes_stay_words(self, frames: Notebook) -> None:
        shown = view(frames, HOSTILE)
        shown.get_by_role("button", name="byte 60:").click()
        box(shown, "ip.id").fill(ATTACK)
        box(shown, "ip.id").press("Enter")
        expect(shown.locator(".lk-say")).to_contain_text("is no value of ip.id")
        assert frames.page.evaluate("() => window.hurt") is None
        assert shown.locator(":is(img, script, svg, textarea)").count() == 0


def test_two_views_follow_each_other(frames: Notebook) -> None:
    first, again = view(frames, FIRST), view(frames, AGAIN)
    box(again, "ip.id").fill("typed meanwhile")
    box(first, "ip.ttl").fill("5")
    box(first, "ip.ttl").press("Enter")
    expect(box(again, "ip.ttl")).to_have_value("5")
    expect(box(again, "ip.id")).to_have_value("typed meanwhile")
    box(again, "ip.id").press("Escape")


def test_without_a_wire_it_says_why_and_edits(frames: Notebook) -> None:
    shown = view(frames, ALONE)
    expect(shown.get_by_role("button", name="Send")).to_be_hidden()
    expect(shown).to_contain_text("There is no wire to send this frame onto")
    box(shown, "icmp.type").fill("0")
    box(shown, "icmp.type").press("Enter")
    expect(says(shown, "icmp.type")).to_have_text("echo reply")


def test_the_page_says_nothing_wrong(frames: Notebook) -> None:
    assert faults(frames) == []
