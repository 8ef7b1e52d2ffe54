"""Set-up that every test shares, and the list of what was left out.

Rule: a test run touches nothing of the user's: no progress file, no IPython profile or history.
"""

from __future__ import annotations

import atexit
import os
import resource
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import fast, loops, workers
from tests.needs import LEFT_OUT

FILES = 8192
"""Open files that a test run may have: 500 connections have both ends in one process, and many users may have 1,024."""

_home: tempfile.TemporaryDirectory[str] | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fast``."""
    fast.add(parser)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``--fast``: leave out what takes long."""
    return fast.leaves_out(collection_path, config) or None


def pytest_configure(config: pytest.Config) -> None:
    """Give this run, and the kernels and programs it starts, directories of their own.

    One of several workers (``-n 2``) also gets a network of its own, if it may have one: the ports, packets and
    captures of two workers then have nothing in common.
    """
    global _home
    _home = tempfile.TemporaryDirectory(prefix="labkit-tests-")
    atexit.register(_home.cleanup)  # a worker of several is never unconfigured
    for name in ("XDG_DATA_HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        os.environ[name] = os.path.join(_home.name, name.lower())
    os.environ["LABKIT_PROGRESS"] = os.path.join(_home.name, "progress.json")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    if hasattr(config, "workerinput"):
        workers.enter_own_network()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``-n``: what takes longest comes first."""
    if hasattr(config, "workerinput"):
        items[:] = workers.order(items)


@pytest.fixture(autouse=True, scope="module")
def nothing_left_on_the_loop() -> Iterator[None]:
    """After each file nothing may be open on the background loop; the next file starts a loop of its own."""
    yield
    loops.stop_loop()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.Units:
    """With ``-n``: which worker runs which tests."""
    config.option.loadscopereorder = False  # they have their order
    return workers.Units(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove those directories."""
    if _home is not None:
        _home.cleanup()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the very end, name each missing tool, what was therefore not tested, and how to get it."""
    left_out: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(LEFT_OUT):
            left_out[reason.removeprefix(LEFT_OUT)].append(report.nodeid)
    if said := fast.told():
        terminalreporter.write_line(said)
    if not left_out:
        return
    terminalreporter.section("left out, because this machine lacks something")
    for missing, tests in sorted(left_out.items()):
        places = sorted({test.split("::")[0] for test in tests})
        count = "1 test" if len(tests) == 1 else f"{len(tests)} tests"
        terminalreporter.write_line(f"left out: {missing}: {count} in {', '.join(places)}")
