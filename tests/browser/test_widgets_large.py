"""`labkit.lesson(..., large=True)` on projectors: larger text, tables and pictures, and nothing cut off.

Rule: a whole lesson is run once, and looked at in every window a lecturer may have.
"""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, ViewportSize

from tests.browser.conftest import Lab, Notebook
from tests.browser.looking import clipped
from tests.browser.test_lab import pictures

NAME = "01a-tcp-connection"

SIZES: list[ViewportSize] = [{"width": 1280, "height": 720}, {"width": 1024, "height": 768}]
WINDOWS = [(size, files) for size in SIZES for files in (True, False)]
windows = pytest.mark.parametrize(
    ("size", "browser"), WINDOWS,
    ids=[f"{size['width']}x{size['height']}, {'with' if files else 'without'} files" for size, files in WINDOWS],
)  # fmt: skip


@pytest.fixture(scope="module")
def projected(window: BrowserContext, lab: Lab) -> Iterator[Notebook]:
    """A lesson as for the back row, run from top to bottom, with a prompt of three digits at its end."""
    book = nbformat.read(lab.notebooks / f"{NAME}.ipynb", as_version=4)
    (first,) = [cell for cell in book.cells if f'labkit.lesson("{NAME}")' in cell.source]
    first.source = first.source.replace(f'"{NAME}")', f'"{NAME}", large=True)')
    book.cells.append(nbformat.v4.new_code_cell("get_ipython().execution_count = 123"))
    book.cells.append(nbformat.v4.new_code_cell("'the last one'"))
    nbformat.write(book, lab.notebooks / "projected.ipynb")
    notebook = Notebook(window, lab, "projected.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    yield notebook
    notebook.close()


def arrange(notebook: Notebook, size: ViewportSize, browser: bool) -> None:
    """Give the window its size, open or close the file browser, and wait until the page has followed."""
    notebook.page.set_viewport_size(size)
    notebook.page.evaluate(
        """open => {
            const shell = window.jupyterapp.shell;
            open ? shell.expandLeft() : shell.collapseLeft();
            return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""",
        browser,
    )
    notebook.page.wait_for_function(
        """([width, open]) => {
            const book = document.querySelector('.jp-Notebook').getBoundingClientRect();
            return window.innerWidth === width && (book.left > 200) === open && book.right <= width;
        }""",
        arg=[size["width"], browser],
    )


@windows
def test_nothing_is_cut_off(projected: Notebook, size: ViewportSize, browser: bool) -> None:
    arrange(projected, size, browser)
    assert clipped(projected) == []


@windows
def test_pictures_take_the_width_there_is(projected: Notebook, size: ViewportSize, browser: bool) -> None:
    arrange(projected, size, browser)
    found = pictures(projected)
    assert found
    page = projected.page.evaluate("() => document.querySelector('.jp-Notebook').clientWidth")
    high = 1.12 * size["height"]  # no wider than this, or a picture would be higher than the screen
    for each in found:
        # less the prompt, and the padding of a picture with folds
        assert min(page - 100, high - 1) <= each["shown"] <= page


@windows
def test_a_prompt_of_three_digits_is_whole(projected: Notebook, size: ViewportSize, browser: bool) -> None:
    arrange(projected, size, browser)
    prompts = projected.page.evaluate(
        """() => [...document.querySelectorAll('.jp-InputPrompt, .jp-OutputPrompt')].filter(
                one => one.textContent.trim()).map(one => {
            const range = document.createRange();
            range.selectNodeContents(one);
            const text = range.getBoundingClientRect(), box = one.getBoundingClientRect();
            return [one.textContent, text.left >= box.left - 1 && text.right <= box.right + 1];
        })"""
    )
    assert ["[123]:", True] in prompts
    assert [text for text, whole in prompts if not whole] == []


def test_type_and_tables_are_larger(projected: Notebook) -> None:
    sizes = projected.page.evaluate(
        """() => Object.fromEntries(['.jp-MarkdownOutput p', '.jp-RenderedHTMLCommon td', '.cm-content', 'pre'].map(
            which => [which, [...new Set([...document.querySelectorAll('.jp-Notebook ' + which)].map(
                one => parseFloat(getComputedStyle(one).fontSize)))]]))"""
    )
    for which, found in sizes.items():
        assert found, which
        assert min(found) >= 18, which
