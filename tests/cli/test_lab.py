"""``labkit lab``: JupyterLab on one's own copies, with the settings of the course.

Rule: a real JupyterLab is asked; only its options are looked at without one.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import pytest

from labkit import cli, lessons
from labkit.lab import jupyterlab
from labkit.lessons import FIRST
from tests.cli.conftest import LABKIT, WAIT

NOTIFICATION = "@jupyterlab/apputils-extension:notification"


def ask(url: str, path: str) -> Any:
    """What JupyterLab answers; on loopback, whatever proxy this machine may have."""
    with build_opener(ProxyHandler({})).open(url + path, timeout=WAIT) as answer:
        return json.load(answer)


def wait_for_a_listener(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until somebody listens there: JupyterLab names its port a moment before it does."""
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None
        select.select([], [], [], 0.02)


def test_it_shows_the_copies_and_asks_nothing(tmp_path: Path) -> None:
    words = ["mine", "--no-browser", "--port=0", "--ip=127.0.0.1", "--IdentityProvider.token="]
    own = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "run")}
    process = subprocess.Popen([LABKIT, "lab", *words], cwd=tmp_path, env={**os.environ, **own}, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"(http://127\.0\.0\.1:(\d+))/lab", line):
                break
        else:
            pytest.fail("JupyterLab did not start:\n" + "".join(said), pytrace=False)
        assert said[0].endswith(" made\n")
        url = found[1]
        wait_for_a_listener(int(found[2]), process)
        settings = ask(url, f"/lab/api/settings/{quote(NOTIFICATION)}")["schema"]["properties"]
        assert settings["fetchNews"]["default"] == "false"
        assert settings["checkForUpdates"]["default"] is False
        assert ask(url, f"/api/contents/{FIRST}?content=0")["type"] == "notebook"
        assert "labkit" in ask(url, "/api/kernelspecs")["kernelspecs"]
        variables = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        assert any(each.startswith(f"PATH={Path(sys.executable).parent}:".encode()) for each in variables)
    finally:
        process.terminate()
        process.communicate(timeout=WAIT)


@pytest.mark.parametrize(
    ("words", "directory", "others"),
    [([], "my-lessons", []), (["d"], "d", []), (["--port=9000"], "my-lessons", ["--port=9000"]),
     (["d", "--port", "9000", "x"], "d", ["--port", "9000", "x"])],
    ids=" ".join,
)  # fmt: skip
def test_what_follows_the_folder_is_jupyterlab_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], directory: str, others: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lessons, "hand_out", lambda directory, *, update: [])
    opened: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(jupyterlab, "run", lambda notebook, words: opened.append((notebook, words)))
    cli.main(["lab", *words])
    assert opened == [(Path(directory, FIRST), others)]
