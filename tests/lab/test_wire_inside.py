"""The tests of the wire once more, inside a private network: as an ordinary user the only place where it is live.

Rule: the network is entered as a notebook's kernel enters it; nothing in there may be left out.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.lab.wires import INSIDE
from tests.needs import leave_out
from tests.notebooks.lessons import ROOT

ENTER = """
import os, sys
from labkit.lab import namespaces
try:
    namespaces.enter_private_network()
except OSError as error:
    sys.exit(f"refused: {error}")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.timeout(180)
def test_every_one_of_them_runs() -> None:
    run = ["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "tests/lab/test_wire.py"]
    ran = subprocess.run(
        [sys.executable, "-c", ENTER, *run],
        env={**os.environ, INSIDE: "1"}, cwd=ROOT, capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    if ran.stderr.startswith("refused: "):
        leave_out("private networks", f"{ran.stderr.strip()}: `labkit doctor` says what to do")
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "skipped" not in ran.stdout
