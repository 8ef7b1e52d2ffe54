"""What the tests of views repeat: a notebook of cells, a cell of it run, and what a reader of its page meets.

Rule: each question returns what is wrong with one view, `[]` or `{}` if nothing is, so that a test says which view.

    with open_notebook(window, lab, "inspected.ipynb", "import labkit", "labkit.Tape()") as notebook:
        run(notebook, 1)                     # a cell, as its button does
        one = view(notebook, 1)              # the view in its output, a Locator
        assert axe_faults(one) == []         # ARIA, names, roles
        assert unreadable(one) == {}         # every text whose contrast is below 4.5
        assert clipped(one) == []            # what holds more than it shows
        with zoomed(notebook, 2): ...        # as at 200 %; sized(notebook, 700) for a narrow window
        assert faults(notebook) == []        # errors in the console, dialogs, requests that leave this machine
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator

from labkit.draw import style
from tests.browser.conftest import WINDOW, Lab, Notebook

READABLE = 4.5  # contrast of text. Source: WCAG 2.2 §1.4.3

LIGHT, DARK, HIGH_CONTRAST = "JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"

themes = pytest.mark.parametrize("theme", [LIGHT, DARK])
every_theme = pytest.mark.parametrize("theme", [LIGHT, DARK, HIGH_CONTRAST])

# Each would run in a page that takes it for markup: as it stands, out of an attribute, out of a title, out of CDATA.
ATTACK = (
    "<script>window.hurt = 1; alert('hurt')</script>"
    "\"'><img src=x onerror=\"window.hurt = 1; alert('hurt')\">"
    "</title></desc></style></textarea></text></svg><svg onload=\"window.hurt = 1; alert('hurt')\">]]>"
)

# -- notebooks


def notebook_file(path: Path, *cells: str, hidden: bool = False) -> None:
    """Write a notebook that was never run. hidden: the sources of all cells but the first are hidden."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    for one in notebook.cells[1:] if hidden else ():
        one.metadata["jupyter"] = {"source_hidden": True}
    notebook.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
    nbformat.write(notebook, path)


@contextlib.contextmanager
def open_notebook(window: BrowserContext, lab: Lab, name: str, *cells: str) -> Iterator[Notebook]:
    """A notebook of these cells, open in JupyterLab, none of them run; its kernel ends with the body."""
    notebook_file(lab.notebooks / name, *cells)
    notebook = Notebook(window, lab, name)
    try:
        yield notebook
    finally:
        notebook.close()


def run(notebook: Notebook, number: int) -> None:
    """Run one cell, as its button does, until the kernel has nothing more to say."""
    notebook.page.evaluate(
        """async number => {
            const app = window.jupyterapp, panel = app.shell.currentWidget;
            panel.content.activeCellIndex = number;
            await app.commands.execute('notebook:run-cell');
            await panel.sessionContext.session.kernel.requestExecute({code: '', silent: true}).done;
        }""",
        number,
    )


def run_code(notebook: Notebook, code: str) -> None:
    """Run code in the notebook's kernel that no cell shows; fails the test if the code raises."""
    found: dict[str, Any] = notebook.page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            return (await kernel.requestExecute({code, store_history: false}).done).content;
        }""",
        code,
    )
    assert found["status"] == "ok", found


def cell(notebook: Notebook, number: int) -> Locator:
    """A cell of the page."""
    return notebook.page.locator(".jp-Notebook-cell").nth(number)


def view(notebook: Notebook, number: int) -> Locator:
    """The view of ours in the output of a cell, once it is there."""
    found = cell(notebook, number).locator(".lk").first
    found.wait_for()
    return found


def says(notebook: Notebook, number: int, words: str) -> None:
    """Wait until the output of a cell says this."""
    cell(notebook, number).locator(".jp-Cell-outputArea", has_text=words).wait_for()


def active(notebook: Notebook) -> tuple[int, str]:
    """Which cell is active, and whether the notebook takes keys as commands or as text."""
    found: list[Any] = notebook.page.evaluate(
        "() => [window.jupyterapp.shell.currentWidget.content].flatMap(book => [book.activeCellIndex, book.mode])"
    )
    return found[0], found[1]


# -- windows


@contextlib.contextmanager
def sized(notebook: Notebook, width: int, height: int = WINDOW["height"], scale: float = 1) -> Iterator[None]:
    """A window of this size while the body runs, in CSS pixels. scale: pixels of the screen for one of these."""
    session = notebook.page.context.new_cdp_session(notebook.page)
    _resize(notebook, session, width, height, scale)
    try:
        yield
    finally:
        _resize(notebook, session, WINDOW["width"], WINDOW["height"], 1)
        session.detach()


def zoomed(notebook: Notebook, times: float) -> contextlib.AbstractContextManager[None]:
    """The window at this zoom, 2 for 200 %, while the body runs: as many times fewer pixels of CSS, each larger."""
    return sized(notebook, round(WINDOW["width"] / times), round(WINDOW["height"] / times), times)


def _resize(notebook: Notebook, session: Any, width: int, height: int, scale: float) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    session.send("Emulation.setDeviceMetricsOverride", metrics)
    notebook.page.wait_for_function("width => window.innerWidth === width", arg=width)
    notebook.painted()


# -- what is wrong


def faults(notebook: Notebook) -> list[str]:
    """Errors that the page logged, dialogs that it opened, and hosts it talked to that are not this machine."""
    strange = sorted(notebook.hosts - {"in the page", "127.0.0.1"})
    wrong = [line for line in notebook.heard if line.startswith(("error:", "exception:", "dialog:"))]
    return wrong + [f"talked to {host}" for host in strange]


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf8")


def axe_faults(views: Locator) -> list[str]:
    """What axe finds wrong in a view, or in several: the view's name, the rule, and where."""
    if views.page.evaluate("() => typeof window.axe") == "undefined":
        views.page.evaluate(_axe())
    passed, found = views.evaluate_all(
        """async views => {
            const report = await window.axe.run({include: views}, {elementRef: true});
            const name = one => (one.closest('.lk[aria-label]') || views.find(view => view.contains(one)) || one);
            return [report.passes.length, report.violations.flatMap(each => each.nodes.map(node => {
                const view = name(node.element), called = view.getAttribute('aria-label') || view.className;
                return `${called}: ${each.id} (${each.help}): ${node.html.slice(0, 160)}`;
            }))];
        }"""
    )
    assert passed, "axe has looked at nothing"
    assert isinstance(found, list)
    return found


def outputs(notebook: Notebook) -> Locator:
    """All that the notebook's cells have put out."""
    return notebook.page.locator(".jp-OutputArea-output")


def clipped(within: Notebook | Locator) -> list[str]:
    """Every output and text, and every part of one, that holds more than it shows in width: its class and its words.

    A part that scrolls sideways is found as well; what is for screen readers alone, 1 px wide, is not.
    within: a view, or a notebook for all of its outputs and texts.
    """
    if isinstance(within, Notebook):
        within = within.page.locator(".jp-OutputArea-output, .jp-MarkdownOutput")
    found: list[str] = within.evaluate_all(
        """all => [...new Set(all.flatMap(one => [one, ...one.querySelectorAll('*')]))]
            .filter(one => one.clientWidth > 1 && one.scrollWidth > one.clientWidth)
            .map(one => `${one.tagName} ${one.className}: ${one.textContent.slice(0, 80)}`)"""
    )
    return found


def colours(within: Notebook | Locator) -> dict[str, tuple[str, str]]:
    """For every text its colour and the one behind it, as #rrggbb; of two alike in words, the one that is paler.

    What a field holds counts as text; what is in a disabled control does not (WCAG leaves it out), nor what is not
    shown. In SVG, behind a text is the last rectangle or circle before it that holds its middle.
    within: a view, or a notebook for all of its outputs.
    """
    found: list[list[str]] = (outputs(within) if isinstance(within, Notebook) else within).evaluate_all(_COLOURS)
    worst: dict[str, tuple[str, str]] = {}
    for words, front, back in found:
        if words not in worst or style.contrast(front, back) < style.contrast(*worst[words]):
            worst[words] = (front, back)
    return worst


def unreadable(within: Notebook | Locator) -> dict[str, tuple[str, str, float]]:
    """The texts whose contrast is too low, each with its colour, the one behind it, and the contrast."""
    found = colours(within)
    assert found, "there is no text"
    return {
        words: (front, back, round(contrast, 2))
        for words, (front, back) in found.items()
        if (contrast := style.contrast(front, back)) < READABLE
    }


_COLOURS = """all => {
    const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const pixel = colour => {  // any way of writing a colour, as three numbers and its opacity
        brush.clearRect(0, 0, 1, 1); brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1);
        return [...brush.getImageData(0, 0, 1, 1).data];
    };
    const over = (front, back, seen = 1) => {  // a colour that lets some of the one behind it through
        const part = front[3] / 255 * seen;
        return [0, 1, 2].map(each => Math.round(front[each] * part + back[each] * (1 - part))).concat(255);
    };
    const hex = data => '#' + data.slice(0, 3).map(part => part.toString(16).padStart(2, '0')).join('');
    const behind = element => {
        const layers = [];
        for (let one = element; one; one = one.parentElement) {
            const data = pixel(getComputedStyle(one).backgroundColor);
            layers.push(data);
            if (data[3] === 255) break;
        }
        return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255, 255]);
    };
    const shape = (text, below) => {  // what is painted in SVG between the page and a text
        const box = text.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
        for (const one of text.ownerSVGElement.querySelectorAll('rect, circle, text')) {
            if (one === text) break;
            const area = one.getBoundingClientRect(), look = getComputedStyle(one);
            if (one.tagName === 'text' || look.fill === 'none') continue;
            if (area.left > x || area.right < x || area.top > y || area.bottom < y) continue;
            below = over(pixel(look.fill), below, look.opacity * look.fillOpacity);
        }
        return below;
    };
    const seen = element => {
        let opacity = 1;
        for (let one = element; one; one = one.parentElement) opacity *= getComputedStyle(one).opacity;
        return opacity;
    };
    const texts = [];
    const add = (words, element) => {
        words = words.trim();
        if (!words || !element.checkVisibility({visibilityProperty: true}) || element.closest(':disabled')) return;
        const text = element.closest('text'), look = getComputedStyle(element);
        const below = text ? shape(text, behind(text.ownerSVGElement.parentElement)) : behind(element);
        texts.push([words, hex(over(pixel(text ? look.fill : look.color), below, seen(element))), hex(below)]);
    };
    for (const each of all) {
        const walk = document.createTreeWalker(each, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const parent = walk.currentNode.parentElement;
            if (!['SCRIPT', 'STYLE', 'title', 'desc'].includes(parent.tagName)) add(walk.currentNode.data, parent);
        }
        for (const field of each.querySelectorAll('input, textarea')) {
            if (!['checkbox', 'radio', 'range'].includes(field.type)) add(field.value, field);
        }
    }
    return texts;
}"""
