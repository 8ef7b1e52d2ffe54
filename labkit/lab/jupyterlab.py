"""JupyterLab on a folder of lessons, with the settings of the course.

Rule: the settings hold for this JupyterLab alone; the user's own stay as they are, and win.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

SETTINGS = Path(__file__).with_name("settings")
"""A folder with JupyterLab's ``overrides.json``: no question about news, no look for updates, since a lesson needs no
internet."""


def command(notebook: Path, words: Sequence[str] = ()) -> list[str]:
    """The command that opens a notebook and shows the files of its folder. words: options of JupyterLab."""
    # JupyterLab refuses to run as root unless told; root is one of the users who can capture live.
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    settings = f"--LabApp.app_settings_dir={SETTINGS}"
    return [sys.executable, "-m", "jupyterlab", *as_root, settings, *words, str(notebook)]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """An environment in which terminals find the commands of labkit's environment first, such as ``labkit``."""
    return {**given, "PATH": os.pathsep.join((os.path.dirname(sys.executable), given.get("PATH", os.defpath)))}


def run(notebook: Path, words: Sequence[str] = ()) -> NoReturn:
    """Become JupyterLab; this process does not go on. As `command`."""
    said = command(notebook, words)
    os.execve(said[0], said, environment(os.environ))
