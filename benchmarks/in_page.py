"""A JupyterLab and a Chromium of their own, for what is measured in a page.

Rule: the same ones that tests/browser use; where they cannot run, Unmeasured says why.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.harness import Unmeasured

if TYPE_CHECKING:
    from tests.browser.conftest import Notebook


class Laboratory(NamedTuple):
    """open: opens a notebook of this name with these cells. folder: where the notebooks are."""

    open: Callable[..., contextlib.AbstractContextManager[Notebook]]
    folder: Path


@contextlib.contextmanager
def laboratory(*flags: str) -> Iterator[Laboratory]:
    """JupyterLab and Chromium, until the end of the ``with``. flags: more of Chromium's. Raises `Unmeasured`."""
    try:
        import pytest
        from playwright.sync_api import sync_playwright

        from tests.browser.conftest import FLAGS, WINDOW, Lab
        from tests.browser.looking import open_notebook
        from tests.needs import need_tool

        try:
            path = need_tool("chromium")
        except pytest.skip.Exception as error:
            raise Unmeasured(str(error)) from None
    except ImportError as error:
        raise Unmeasured(f"{error}: make some TESTS=tests/browser installs what is needed") from None
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        lab = Lab(Path(folder))
        try:
            window = browser.new_context(viewport=WINDOW)
            yield Laboratory(lambda name, *cells: open_notebook(window, lab, name, *cells), lab.notebooks)
        finally:
            browser.close()
            lab.close()
