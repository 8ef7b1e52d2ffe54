"""`make test FAST=1`: what it leaves out, and that it says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import fast
from tools import slow

REPORT = """<testsuites><testsuite>
<testcase classname="tests.net.test_socket.TestRead" time="0.5"/>
<testcase classname="tests.net.test_socket" time="1.5"/>
<testcase classname="tests.core.test_loop" time="3"/>
<testcase classname="notebooks.01a-tcp-connection.ipynb" time="9"/>
</testsuite></testsuites>"""


def test_each_file_of_the_list_is_there() -> None:
    assert [name for name in fast.slow() if not (fast.ROOT / name).is_file()] == []


def test_the_slowest_go_first(tmp_path: Path) -> None:
    report = tmp_path / "times.xml"
    report.write_text(REPORT)
    measured = slow.times(report)
    assert measured == {"tests/net/test_socket.py": [0.5, 1.5], "tests/core/test_loop.py": [3.0]}
    assert slow.chosen(measured, 5) == []
    assert slow.chosen(measured, 4) == ["tests/core/test_loop.py"]
    assert slow.chosen(measured, 1) == ["tests/core/test_loop.py", "tests/net/test_socket.py"]


@pytest.mark.parametrize(("option", "said"), [((), False), (("--fast",), True)])
def test_what_is_left_out_is_told(option: tuple[str, ...], said: bool) -> None:
    out = next(name for name in sorted(fast.slow()) if name.startswith("tests/core/"))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *option]
    ran = subprocess.run([*command, "tests/core"], cwd=fast.ROOT, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout
    assert (out not in ran.stdout.split("left out by --fast")[0]) == said
    assert ("left out by --fast: " in ran.stdout) == said
