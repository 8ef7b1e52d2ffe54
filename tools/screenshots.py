"""Take docs/inspector.png and docs/replay.png, light and dark: what a student sees in JupyterLab, from a recording.

Rule: the page of a real JupyterLab, as tests/browser opens it; nothing is touched up by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from playwright.sync_api import ViewportSize, expect

from benchmarks.in_page import laboratory
from tests.browser.conftest import Notebook
from tests.browser.looking import DARK, LIGHT, run, view

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CHAT, LOSS = "06-together/browser.pcapng", "01d-tcp-loss/lost-segment.pcapng"
CELLS = (
    "import labkit\nfrom labkit import draw",
    f"draw.inspect(labkit.Tape.load({str(ROOT / 'data' / CHAT)!r}))",
    f"draw.replay(labkit.Tape.load({str(ROOT / 'data' / LOSS)!r}))",
)
INSPECTOR, REPLAY = 1, 2
WINDOW: ViewportSize = {"width": 1000, "height": 1500}
"""Tall, so that no bar of JupyterLab lies over a view."""
STEP = 17
"""The packet at which the replay stands: the third duplicate ACK has left, and nothing was repeated yet."""
_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


def inspector(notebook: Notebook) -> None:
    """Go to the first frame with text, decrypted, and to one of its fields."""
    its = view(notebook, INSPECTOR)
    its.get_by_role("button", name="Messages").click()
    its.locator(".lk-i-row", has_text="bob: hello").first.click()
    its.get_by_role("treeitem", name="Payload length").first.click()
    expect(its.locator(".lk-i-detail b")).to_have_text("Payload length")


def replay(notebook: Notebook) -> None:
    """Go on to `STEP`."""
    its = view(notebook, REPLAY)
    its.get_by_role("listbox").focus()
    for _ in range(STEP - 1):
        notebook.page.keyboard.press("ArrowDown")
    expect(its.locator(".lk-place")).to_contain_text(str(STEP))


def main() -> int:
    """Write the four files."""
    with laboratory() as lab, lab.open("pictures.ipynb", *CELLS) as notebook:
        notebook.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        notebook.page.set_viewport_size(WINDOW)
        for number in range(len(CELLS)):
            run(notebook, number)
        inspector(notebook)
        replay(notebook)
        for theme, ending in ((LIGHT, ""), (DARK, "-dark")):
            notebook.page.evaluate(_THEME, theme)
            light = str(theme == LIGHT).lower()
            notebook.page.locator(f"body[data-jp-theme-light='{light}']").wait_for(state="attached")
            for number, name in ((INSPECTOR, "inspector"), (REPLAY, "replay")):
                path = DOCS / f"{name}{ending}.png"
                view(notebook, number).screenshot(path=path, animations="disabled")
                print(path.relative_to(ROOT), f"{path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
