"""Nothing in the project's files belongs to one machine: no registry's address, no directory of its maker.

Rule: the addresses and directories to look for are asked of the machine the test runs on, never written here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need_tool

ROOT = Path(__file__).resolve().parents[2]
LOCK_FILES = {"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "conda-lock.yml", "Pipfile.lock"}
NO_ADDRESS = ["constraints.txt", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """The project's own files: what git tracks, or would."""
    git = need_tool("git")
    words = [git, "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def containing(files: list[Path], words: list[str]) -> list[str]:
    """The files with one of the words in them, with the word."""
    return [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        for word in words
        if word.encode() in path.read_bytes()
    ]


def test_no_registry_address(files: list[Path]) -> None:
    pip = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60)
    settings = [pip.stdout, *(value for name, value in os.environ.items() if "INDEX_URL" in name.upper())]
    address = re.compile(r"://(?:[^/@'\s]+@)?([^/:'\s]+\.[^/:'\s]+)")
    hosts = sorted({host for text in settings for host in address.findall(text)})
    assert containing(files, hosts) == []


@pytest.mark.parametrize("name", NO_ADDRESS)
def test_set_up_files_hold_names_not_addresses(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf8")


def test_no_directory_of_this_machine(files: list[Path]) -> None:
    places = [f"{place}/" for place in (ROOT, Path.home()) if len(place.parts) > 1]
    assert containing(files, places) == []


def test_no_lock_file_that_records_addresses(files: list[Path]) -> None:
    assert [path.name for path in files if path.name in LOCK_FILES] == []
