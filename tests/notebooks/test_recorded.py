"""The lessons where capturing is not allowed: the same text twins as committed, only the origin line differs.

Rule: as root the right to capture is really taken away; an ordinary user gets the recorded tier by its name.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.needs import need_tool
from tests.notebooks.lessons import NOTEBOOKS, ROOT

TIMEOUT = 300  # seconds, for all lessons together


@pytest.fixture
def may_not_capture() -> tuple[list[str], dict[str, str]]:
    """How to start a program that may not capture: the words before its name, and its environment."""
    environment = {name: value for name, value in os.environ.items() if name != "LABKIT_TIER"}
    if os.geteuid() == 0:
        caps = "-net_raw,-net_admin"
        # --ambient-caps is left alone: what is not inheritable cannot be ambient.
        return [need_tool("setpriv"), f"--bounding-set={caps}", f"--inh-caps={caps}"], environment
    return [], {**environment, "LABKIT_TIER": "recorded"}


def test_tier_is_recorded(may_not_capture: tuple[list[str], dict[str, str]]) -> None:
    before, environment = may_not_capture
    asks = "from labkit import packets; print(packets.status().tier)"
    told = subprocess.run(
        [*before, sys.executable, "-c", asks], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (told.stdout.strip(), told.stderr) == ("recorded", "")


@pytest.mark.timeout(TIMEOUT + 30)
def test_lessons_give_the_same_outputs(may_not_capture: tuple[list[str], dict[str, str]]) -> None:
    before, environment = may_not_capture
    assert NOTEBOOKS
    nbval = ["--nbval", "--nbval-sanitize-with=tests/nbval.cfg", "--nbval-cell-timeout=60"]
    pytest_words = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*before, *pytest_words, *nbval, *map(str, NOTEBOOKS)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
