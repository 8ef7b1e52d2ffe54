"""A lesson's kernel for tests that run its cells in other ways than from top to bottom.

Rule: a cell's outputs are text, as nbval compares them: what it printed, its last value, its error's name and words.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.notebooks.test_nbval_cfg import sanitise

CELL = 30.0
"""Seconds that a cell of a lesson may take, whatever ran before it."""

START = 60.0
"""Seconds that a kernel has to start and, once interrupted, to answer."""


@dataclass(frozen=True)
class Outputs:
    """What a cell said. text: everything, in order. error: the name of its exception, ``""`` if there is none."""

    text: str
    error: str
    seconds: float

    @property
    def compared(self) -> str:
        """The text as nbval compares it."""
        return sanitise(self.text)


class LessonKernel:
    """A kernel in which a lesson's cells are run, one at a time."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager, self._client = manager, client

    def run(self, code: str, limit: float = CELL) -> Outputs:
        """Run a cell. A cell that takes longer than the limit is interrupted; its error is then ``TooLong``."""
        said: list[str] = []
        error = ""

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                said.append(content["data"].get("text/plain", "") + "\n")

        start = time.monotonic()
        try:
            reply = self._client.execute_interactive(code, timeout=limit, output_hook=hear, stop_on_error=False)
            content = reply["content"]
        except TimeoutError:
            self._manager.interrupt_kernel()
            self._client.execute_interactive("", timeout=START, stop_on_error=False)
            return Outputs("".join(said), "TooLong", time.monotonic() - start)
        if content["status"] == "error":
            error = content["ename"]
            said.append(f"{error}: {content['evalue']}\n")
        return Outputs("".join(said), error, time.monotonic() - start)


@contextmanager
def lesson_kernel(folder: Path, progress: Path, **variables: str) -> Iterator[LessonKernel]:
    """A kernel labkit started in a folder, as JupyterLab would. progress: the file for the exercises' progress."""
    environment = {**os.environ, "LABKIT_PROGRESS": str(progress), **variables}
    manager = KernelManager(kernel_name="labkit")
    manager.start_kernel(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL)
    try:
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=START)
            yield LessonKernel(manager, client)
        finally:
            client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def verdicts(text: str) -> dict[str, str]:
    """The verdicts that a cell gave: ``{"C-1.3": "holds"}``."""
    return {claim: verdict for verdict, claim in re.findall(r"(?m)^Verdict: (\w+) \((\S+)\)$", text)}
