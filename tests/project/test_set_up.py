"""The two commands of the README, and everything the documents point at, exist.

Rule: reads files and asks make; installs nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import PACKAGES, need_tool

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").glob("*.md")])
documents = pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])


def targets() -> set[str]:
    """The targets of the Makefile that a person calls."""
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_make_lists_its_targets() -> None:
    told = subprocess.run([need_tool("make")], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert set(re.findall(r"^  make ([a-z]+) ", told.stdout, flags=re.MULTILINE)) == targets()
    assert {"lab", "test", "bench", "record", "notebooks", "format", "docs", "clean"} <= targets()


def test_an_old_python_is_refused_with_a_message(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    told = subprocess.run(
        [need_tool("make"), "lab", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode != 0
    assert "labkit needs Python 3.11 or newer" in told.stderr


def test_ci_runs_the_readmes_test_command_and_requires_the_tools() -> None:
    assert "$ make test" in (ROOT / "README.md").read_text(encoding="utf8")
    ran = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    assert "LABKIT_REQUIRE_TOOLS=1 make test" in ran
    brought = set(re.findall(r"\b\w+:([\w.-]+)", re.search(r"wanted=\((.*?)\)", ran, flags=re.DOTALL)[1]))
    assert set(PACKAGES.values()) <= brought


@documents
def test_commands_named_in_documents_exist(path: Path) -> None:
    named = set(re.findall(r"(?:\$ |`)make ([a-z]+)", path.read_text(encoding="utf8")))
    assert named <= targets()


@documents
def test_links_in_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf8"))
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


TEST_THAT_NEEDS = """\
from tests import needs

def test_with_a_tool(monkeypatch):
    monkeypatch.setitem(needs.PACKAGES, "no-such-program", "no-such-package")
    needs.need_tool("no-such-program")
"""


@pytest.mark.parametrize("required", [False, True])
def test_a_missing_tool_is_named_at_the_end_or_fails_where_it_must(tmp_path: Path, required: bool) -> None:
    (tmp_path / "test_x.py").write_text(TEST_THAT_NEEDS)
    words = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    told = subprocess.run(
        [*words, "-c", str(ROOT / "pyproject.toml"), str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "LABKIT_REQUIRE_TOOLS": "1" if required else ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == int(required), told.stdout + told.stderr
    line = "left out: no-such-program (apt install no-such-package): 1 test in "
    assert (line in told.stdout) is not required
    assert ("LABKIT_REQUIRE_TOOLS is set, but no-such-program is missing" in told.stdout) is required
