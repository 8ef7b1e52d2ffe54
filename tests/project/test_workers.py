"""Several processes for one run of the tests: each in a network of its own, files whole, long tests first.

Rule: the networks are proved by a real run with two workers; who may not make any is told so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests import workers
from tests.notebooks.lessons import ROOT

# Both listen on one port; each goes on only when the other one listens too.
MEETING = """
import socket
def test_it():
    with socket.create_server(("127.0.0.1", 5151)), open({fifo!r}, {mode!r}) as other:
        other.{act}
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
"""


def two_workers(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run two files of tests, a worker each."""
    fifo = str(folder / "fifo")
    os.mkfifo(fifo)
    for mode, act in (("w", "write('x')"), ("r", "read()")):
        (folder / f"test_{mode}.py").write_text(MEETING.format(fifo=fifo, mode=mode, act=act), encoding="utf8")
    words = ["-q", "--color=no", "-p", "no:cacheprovider", "-p", "tests.conftest", "-n", "2", "--timeout=60"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=110
    )


def test_two_workers_have_one_port_at_the_same_time(tmp_path: Path) -> None:
    ran = two_workers(tmp_path)
    if os.geteuid() == 0:
        assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
    else:
        assert "this user may not make one" in ran.stdout + ran.stderr
        assert ran.returncode != 0


def test_a_file_stays_with_one_worker_unless_its_tests_are_long() -> None:
    assert workers.unit("tests/net/test_socket.py::TestEnd::test_it[a::b]") == "tests/net/test_socket.py"
    assert workers.unit("notebooks/01a-tcp-connection.ipynb::Cell 3") == "notebooks/01a-tcp-connection.ipynb"
    long = "tests/notebooks/test_changes.py::test_each_change_of_a_lesson[01a-tcp-connection]"
    assert workers.unit(long) == long


def test_what_takes_longest_comes_first_and_a_file_keeps_its_order() -> None:
    files = ["tests/net/test_a.py::b", "tests/net/test_a.py::a", "notebooks/x.ipynb::0", "tests/browser/test_x.py::a"]
    items: list[Any] = [SimpleNamespace(nodeid=file) for file in files]
    assert [item.nodeid for item in workers.order(items)] == [files[3], files[2], files[0], files[1]]


def test_every_file_that_is_named_is_there() -> None:
    for name in (*workers.APART, *workers.FIRST):
        assert (ROOT / name).exists(), name
