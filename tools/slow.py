"""tests/slow.txt: the test files that `make test FAST=1` leaves out, chosen from the times of a whole run.

Rule: those whose tests take longest on average go first, until all that stay take at most `BUDGET` seconds.

    make test PYTEST_ARGS="-n 2 --junitxml=build/times.xml" && .venv/bin/python tools/slow.py build/times.xml
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from tests.fast import LIST, ROOT

BUDGET = 180
"""Seconds of all tests that stay, one after the other, as the whole run measured them."""

HEAD = """# Test files that `make test FAST=1` leaves out. Written by tools/slow.py from the times of a whole run.
"""


def times(report: Path) -> dict[str, list[float]]:
    """Seconds of each test, by its file; the report is what pytest's --junitxml writes."""
    found: dict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        if (file := file_of(case.get("classname", ""))) is not None:
            found[file].append(float(case.get("time", 0)))
    return found


def file_of(name: str) -> str | None:
    """The file of a test by its class name, ``"tests.net.test_socket.TestRead"``; None if it is no test of ours."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = Path(*parts[:length]).with_suffix(".py")
        if (ROOT / path).is_file():
            return path.as_posix()
    return None


def chosen(measured: dict[str, list[float]], budget: float) -> list[str]:
    """The files to leave out, by name."""
    left = sum(map(sum, measured.values()))
    out = []
    for file in sorted(measured, key=lambda each: sum(measured[each]) / len(measured[each]), reverse=True):
        if left <= budget:
            break
        left -= sum(measured[file])
        out.append(file)
    return sorted(out)


def main() -> int:
    """Write the list."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    LIST.write_text(HEAD + "".join(f"{each}\n" for each in chosen(times(Path(sys.argv[1])), BUDGET)), encoding="utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
