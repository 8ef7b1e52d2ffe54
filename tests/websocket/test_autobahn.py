"""A part of the Autobahn testsuite: the cases that take some seconds, for the server and for the client.

Rule: strict; `make autobahn` runs all 517 cases, and docs/autobahn.md sums them up.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.needs import leave_out
from tools import autobahn


@pytest.fixture(scope="module")
def python() -> str:
    """The Python that has the testsuite."""
    python2 = autobahn.find_python2()
    if python2 is None:
        leave_out("Python 2.7, for the Autobahn testsuite", "pyenv install 2.7.18", packaged=False)
    try:
        return autobahn.install(python2)
    except (OSError, subprocess.CalledProcessError):
        todo = "python tools/autobahn.py --install, where pip reaches its registry"
        leave_out("the Autobahn testsuite, which pip could not install", todo)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("judge", [autobahn.judge_server, autobahn.judge_client], ids=["server", "client"])
def test_the_quick_cases(judge: autobahn.Judge, python: str, tmp_path: Path) -> None:
    found = judge(python, list(autobahn.QUICK), tmp_path)
    assert len(found) > 100
    wrong = {
        case: (each["behavior"], each["behaviorClose"])
        for case, each in found.items()
        if each["behavior"] not in autobahn.FINE or each["behaviorClose"] not in autobahn.FINE
    }
    assert wrong == {}


def test_the_verdicts_are_told_in_words() -> None:
    found = {
        "1.10": {"behavior": "FAILED", "behaviorClose": "OK"},
        "1.2": {"behavior": "NON-STRICT", "behaviorClose": "UNCLEAN"},
        "7.1": {"behavior": "OK", "behaviorClose": "INFORMATIONAL"},
    }
    assert autobahn.told("server", found) == [
        "server: 3 cases",
        "  messages: 1 FAILED, 1 NON-STRICT, 1 OK",
        "    1.2: NON-STRICT",
        "    1.10: FAILED",
        "  closing handshake: 1 OK, 1 UNCLEAN, 1 INFORMATIONAL",
        "    1.2: UNCLEAN",
    ]
