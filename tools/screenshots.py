"""Take docs/inspector.png and docs/replay.png, light and dark: what a student sees in JupyterLab, from a recording.

Rule: the page of a real JupyterLab, as tests/browser opens it; nothing is touched up by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a program, from any directory

from playwright.sync_api import expect

from benchmarks.in_page import laboratory
from tests.browser.conftest import Notebook
from tests.browser.looking import DARK, LIGHT, cell, run, view

DOCS = ROOT / "docs"
CHAT, LOSS = "06-together/browser.pcapng", "01d-tcp-loss/lost-segment.pcapng"
CELLS = (
    "import labkit\nfrom labkit import draw",
    f"draw.inspect(labkit.Tape.load({str(ROOT / 'data' / CHAT)!r}))",
    f"draw.replay(labkit.Tape.load({str(ROOT / 'data' / LOSS)!r}))",
)
INSPECTOR, REPLAY = 1, 2
STEP = 11
"""The packet at which the replay stands: three duplicate ACKs have come, and nothing was repeated yet."""


def inspector(notebook: Notebook) -> None:
    """Go to the first frame with text, decrypted, and to one of its fields."""
    its = view(notebook, INSPECTOR)
    its.get_by_role("button", name="WebSocket").click()
    its.locator(".lk-i-row", has_text="text").first.click()
    its.get_by_role("treeitem", name="Masking key").first.click()
    expect(its.locator(".lk-i-detail b")).to_have_text("Masking key")


def replay(notebook: Notebook) -> None:
    """Go on to `STEP`."""
    its = view(notebook, REPLAY)
    slider = its.get_by_role("slider").first
    slider.focus()
    for _ in range(STEP - 1):
        notebook.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", str(STEP))


def main() -> int:
    """Write the four files."""
    with laboratory() as lab, lab.open("pictures.ipynb", *CELLS) as notebook:
        notebook.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        for number in range(len(CELLS)):
            run(notebook, number)
        inspector(notebook)
        replay(notebook)
        for theme, ending in ((LIGHT, ""), (DARK, "-dark")):
            notebook.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
            notebook.page.wait_for_timeout(1000)
            for number, name in ((INSPECTOR, "inspector"), (REPLAY, "replay")):
                path = DOCS / f"{name}{ending}.png"
                view(notebook, number).screenshot(path=path)
                print(path.relative_to(ROOT), f"{path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
