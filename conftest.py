"""Loaded in every run of the tests and of the lessons, wherever it starts.

Rule: only what nbval has to know before it collects the notebooks, and before it starts the kernel of one.
"""

from __future__ import annotations

import atexit
import os
import tempfile

import pytest
from nbval.plugin import IPyNbFile

from tests.notebooks.pictures import compare_pictures_in_nbval

compare_pictures_in_nbval()

_PROGRESS = "LABKIT_PROGRESS"
_folder = tempfile.TemporaryDirectory(prefix="labkit-progress-")
atexit.register(_folder.cleanup)  # a worker of several is never unconfigured
_before: list[str | None] = []
"""What the setting was before the first cell of a notebook, while notebooks run."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Each notebook begins as a new student's: nothing is solved yet, whatever ran before it."""
    if isinstance(item.parent, IPyNbFile):
        if not _before:
            _before.append(os.environ.get(_PROGRESS))
        os.environ[_PROGRESS] = os.path.join(_folder.name, f"{item.path.stem}.json")
    elif _before:
        kept = _before.pop()
        if kept is None:
            del os.environ[_PROGRESS]
        else:
            os.environ[_PROGRESS] = kept
