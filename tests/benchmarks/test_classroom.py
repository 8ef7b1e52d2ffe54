"""The class on a JupyterHub: what counts as a student who has done it, and whose processes a student pays for.

Rule: no hub here; the benchmark itself starts one.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import classroom, run

PROOF = {"live": True, "network": "private", "connections": 1, "said": "greetings to s01", "wire": True}


def test_without_jupyterhub_it_is_not_measured_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jupyterhub" else find(name))
    (target,) = run.gather({"classroom": run.run("classroom", [])})
    assert target.verdict == "NOT MEASURED"
    assert "JupyterHub is not installed: " in target.note
    assert "pip install" in target.note


@pytest.mark.parametrize(
    "other",
    [{"said": "greetings to s02"}, {"live": False}, {"network": "shared"}, {"connections": 2}, {"wire": False}, None],
    ids=str,
)
def test_only_a_student_s_own_handshake_counts(other: dict[str, Any] | None) -> None:
    student = classroom.Student("s01", "http://127.0.0.1:1")
    assert not student.proved("01a")
    student.proofs["01a"] = dict(PROOF)
    assert student.proved("01a")
    if other is None:
        student.errors.append("01a: a cell failed")
    else:
        student.proofs["01a"].update(other)
    assert not student.proved("01a")


def test_the_processes_of_a_student_are_found_by_their_environment() -> None:
    code = "import sys, time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\nsys.stdin.read()"
    started = []
    try:
        for variables in ({"LABKIT_CLASSROOM": "m"}, {"LABKIT_CLASSROOM": "m"}, {"LABKIT_CLASSROOM": "another"}, {}):
            given = {**os.environ, "JUPYTERHUB_USER": "s01", **variables}
            words = [sys.executable, "-c", code]
            one = subprocess.Popen(words, env=given, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            started.append(one)
            assert one.stdout is not None
            one.stdout.readline()
        found = classroom.costs("m")
    finally:
        for one in started:
            one.communicate()
    assert set(found) == {"s01"}
    assert found["s01"].processes == 2
    assert found["s01"].memory > 2
    assert found["s01"].cpu >= 0.3
