"""Run a server of labkit as a user would, and sit at a terminal in front of a real client.

Rule: programs are waited for by what they print or by their end, never by time.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.loops import LOOPS

WAIT = 30.0
"""Seconds after which what was expected is called missing."""


class Serving:
    """``labkit serve NAME`` in a process of its own; `port` or `path` is where it listens."""

    def __init__(self, kind: str, name: str, *where: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "labkit.cli", "serve", name, *where],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "LABKIT_LOOP": kind},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.port = self.said.partition(" port ")[2].partition(";")[0]

    def line(self) -> str:
        """The next line it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """End it as Ctrl-C does; returns its exit code, the rest of what it printed, and its errors."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out, err


class Terminal:
    """A program on a terminal of its own, which shows what is typed (as telnet, too, asks it to)."""

    def __init__(self, *command: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        os.close(slave)
        self.screen = b""

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def see(self, text: str) -> str:
        """Wait until the text is on the screen; returns what was there before it."""
        deadline = monotonic() + WAIT
        while text.encode() not in self.screen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - monotonic()))
            assert ready, f"{text!r} never appeared, only {self.screen!r}"
            try:
                self.screen += os.read(self.master, 65536)
            except OSError:  # the program has ended
                raise AssertionError(f"it ended without {text!r}, after {self.screen!r}") from None
        before, _, self.screen = self.screen.partition(text.encode())
        return before.decode()

    def close(self) -> None:
        """Hang up."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT)
        os.close(self.master)


@pytest.fixture(params=LOOPS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of event loop the server runs on."""
    return str(request.param)


@pytest.fixture
def serve(kind: str) -> Iterator[Callable[..., Serving]]:
    """Start a server: ``serve("greeter", "--port", "0")``."""
    running: list[Serving] = []

    def start(name: str, *where: str) -> Serving:
        running.append(Serving(kind, name, *where))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate(timeout=WAIT)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Start a program on a terminal."""
    opened: list[Terminal] = []

    def start(*command: str) -> Terminal:
        opened.append(Terminal(*command))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A path for a Unix socket."""
    return str(tmp_path / "echo.sock")
