"""The lessons where capturing is not allowed, and those that ask Node where there is none: the same text twins.

Rule: from root the rights are really taken, as in a hardened container; a user gets the recorded tier by its name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import without
from tests.needs import need_tool
from tests.notebooks.lessons import NOTEBOOKS, ROOT, code_cells, copies, load, source
from tests.refusals import ORDINARY, no_unshare

TIMEOUT = 40 * len(NOTEBOOKS)  # seconds, for all lessons together, on a busy machine


@pytest.fixture
def may_not_capture() -> tuple[list[str], dict[str, Any]]:
    """How to start a program that may not capture: the words before its name, and options of `subprocess.run`."""
    environment = {name: value for name, value in os.environ.items() if name != "LABKIT_TIER"}
    if os.geteuid() == 0:
        return [*without(*ORDINARY)], {"env": environment, "preexec_fn": no_unshare}
    return [], {"env": {**environment, "LABKIT_TIER": "recorded"}}


def test_tier_is_recorded(may_not_capture: tuple[list[str], dict[str, Any]]) -> None:
    before, options = may_not_capture
    asks = "from labkit import lab, packets; print(packets.status().tier, lab.Wire().live)"
    told = subprocess.run(
        [*before, sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, timeout=60, **options
    )
    assert (told.stdout.strip(), told.stderr) == ("recorded False", "")


@pytest.mark.timeout(TIMEOUT + 30)
def test_lessons_give_the_same_outputs(may_not_capture: tuple[list[str], dict[str, Any]], tmp_path: Path) -> None:
    before, options = may_not_capture
    assert NOTEBOOKS
    nbval = ["--nbval", "--nbval-sanitize-with=tests/nbval.cfg", "--nbval-cell-timeout=60"]
    pytest_words = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*before, *pytest_words, *nbval, *map(str, copies(tmp_path))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        **options,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]


@pytest.mark.timeout(TIMEOUT + 30)
def test_lessons_that_ask_node_give_the_same_outputs_without_it(tmp_path: Path) -> None:
    notebooks = copies(tmp_path / "work")
    asking = [path for path in notebooks if any("labkit.node(" in source(cell) for cell in code_cells(load(path)))]
    assert asking
    programs = tmp_path / "programs"  # of all programs openssl alone: lessons 05 are about its commands
    programs.mkdir()
    (programs / "openssl").symlink_to(need_tool("openssl"))
    environment = {**os.environ, "PATH": str(programs), "LABKIT_PROGRESS": str(tmp_path / "progress.json")}
    asks = "from labkit import nodejs; print(nodejs.program())"
    told = subprocess.run(
        [sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    assert told.stdout.strip() == "None"
    nbval = ["--nbval", "--nbval-sanitize-with=tests/nbval.cfg", "--nbval-cell-timeout=60"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", *nbval, *map(str, asking)],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, env=environment,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
