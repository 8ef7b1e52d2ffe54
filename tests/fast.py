"""`make test FAST=1`, for daily work: the files that tests/slow.txt names are left out, and it is said so at the end.

Rule: chosen by what a whole run measured (tools/slow.py), file by file; a new file is never left out before that.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "slow.txt"
OPTION = "--fast"

left_out: set[str] = set()
"""What this run has left out."""


@cache
def slow() -> frozenset[str]:
    """The files that take long, as paths from the project's directory."""
    lines = LIST.read_text(encoding="utf8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def add(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(OPTION, action="store_true", help="leave out the files of tests/slow.txt")


def leaves_out(path: Path, config: pytest.Config) -> bool:
    """Whether this run leaves this file out."""
    if not config.getoption(OPTION) or not path.is_relative_to(ROOT):
        return False
    name = path.relative_to(ROOT).as_posix()
    if name not in slow():
        return False
    left_out.add(name)
    return True


def told() -> str:
    """What a run says at its end, ``""`` if it left out nothing."""
    count = "1 file" if len(left_out) == 1 else f"{len(left_out)} files"
    return f"left out by {OPTION}: {count} of tests/slow.txt; `make test` runs them" if left_out else ""
