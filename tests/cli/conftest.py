"""The command ``labkit`` as a user runs it: the installed program, in a process of its own.

Rule: what it says and how it ends is all that is looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.conftest import Serving, Terminal, path, serve, terminal

# The fixtures of the servers' tests serve here as well.
__all__ = ["LABKIT", "Serving", "Terminal", "kind", "path", "refusal", "run", "serve", "terminal", "without"]

WAIT = 60.0
"""Seconds after which a command that should have ended is called stuck."""

LABKIT = str(Path(sys.executable).with_name("labkit"))


def run(
    *words: str, before: tuple[str, ...] = (), cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``labkit`` to its end. before: words in front of the command. environment: variables to set."""
    variables = {name: value for name, value in os.environ.items() if name != "LABKIT_TIER"} | environment
    return subprocess.run(
        [*before, LABKIT, *words], cwd=cwd, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=WAIT, check=False,
    )  # fmt: skip


def refusal(told: subprocess.CompletedProcess[str]) -> str:
    """The one line by which a command says why it failed; nothing else may have been said."""
    assert told.returncode == 1, told
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1, told.stderr
    assert told.stderr.startswith("labkit: ")
    return told.stderr


def without(*capabilities: str) -> tuple[str, ...]:
    """The words in front of a command that take these capabilities of root's away: ``without("net_raw")``."""
    from tests.needs import need_tool

    # Ambient ones are left alone: what is not inheritable cannot be ambient.
    dropped = ",".join(f"-{name}" for name in capabilities)
    return (need_tool("setpriv"), f"--bounding-set={dropped}", f"--inh-caps={dropped}")


@pytest.fixture
def kind() -> str:
    """The event loop the servers of these tests run on; `serve` asks for it."""
    return "uvloop"
