"""The inspector in JupyterLab: by mouse and by keyboard alone, in both themes, wide, narrow and zoomed.

Rule: what the page shows is asked of the page; nothing is waited for by time.
"""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.conftest import ROOT, Lab, Notebook
from tests.browser.test_widgets import cell, run

DATA = ROOT / "data"
CELLS = (
    f"import labkit\nhttp = labkit.inspect({str(DATA / '03b-http-connections' / 'twice.pcapng')!r})\nhttp",
    f"labkit.inspect({str(DATA / '05e-https' / 'at-client.pcapng')!r})",
    f"labkit.inspect({str(DATA / '04a-push' / 'events.pcapng')!r})",
)
HTTP, TLS, LONG = range(len(CELLS))


@pytest.fixture(scope="module")
def opened(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A notebook with inspectors, each cell run."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    book.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
    nbformat.write(book, lab.notebooks / "inspected.ipynb")
    notebook = Notebook(window, lab, "inspected.ipynb")
    for number in range(len(CELLS)):
        run(notebook, number)
    assert notebook.errors() == []
    yield notebook
    notebook.close()


def view(notebook: Notebook, number: int) -> Locator:
    """The inspector of a cell, when its first packet is shown."""
    found = cell(notebook, number).locator(".lk-inspector")
    found.locator(".lk-i-field").first.wait_for()
    return found


class TestMouse:
    """By mouse."""

    def test_the_first_packet_is_shown(self, opened: Notebook) -> None:
        its = view(opened, HTTP)
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 1")
        expect(its.locator(".lk-i-row[aria-selected=true] > :first-child")).to_have_text("1")

    def test_a_packet_leads_to_its_message_and_back(self, opened: Notebook) -> None:
        its = view(opened, HTTP)
        its.locator(".lk-i-row[data-i='3']").click()
        its.get_by_role("button", name="GET / HTTP/1.1").click()
        expect(its.locator(".lk-i-links b")).to_have_text("GET / HTTP/1.1")
        expect(its.get_by_role("button", name="Messages")).to_have_attribute("aria-pressed", "true")
        its.get_by_role("button", name="packet 4").click()
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 4")
        expect(its.locator(".lk-i-row[aria-selected=true] > :first-child")).to_have_text("4")

    def test_a_field_lights_its_bytes_and_a_byte_its_field(self, opened: Notebook) -> None:
        its = view(opened, HTTP)
        its.locator(".lk-i-row[data-i='0']").click()
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 1")
        its.locator(".lk-i-row[data-i='3']").click()
        expect(its.locator(".lk-i-links b")).to_have_text("Packet 4")
        its.get_by_role("treeitem", name="Total Length").hover()
        expect(its.locator(".lk-i-byte.lk-lit")).to_have_text(["00", "82"])
        its.locator(".lk-i-byte[data-k='23']").hover()
        expect(its.locator(".lk-i-field.lk-lit")).to_contain_text("Protocol")
        expect(its.locator(".lk-i-detail")).to_contain_text("ip.proto, byte 23")
        expect(its.locator(".lk-i-detail")).to_contain_text("RFC 791 §3.1")
