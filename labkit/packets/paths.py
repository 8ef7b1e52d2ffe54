"""Paths of capture files as a lesson gives them and prints them.

Rule: nothing of the machine is printed but what lies below ``data/`` or the current directory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from labkit.core.checks import shown
from labkit.core.errors import LabError


def as_path(given: Any) -> Path:
    """A student's value as the path of a file. Raises `LabError` if it cannot be one."""
    text = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise LabError(f"{shown(given)} is not the path of a file", 'Give a text in quotes, such as "capture.pcapng".')
    return Path(text)


def shown_path(path: Path) -> str:
    """A path as a lesson prints it: from ``data/`` on, or relative to the current directory; else only the name."""
    from labkit.packets.recorded import data_directory

    full = path.resolve()
    data = data_directory()
    if data is not None and full.is_relative_to(data.resolve()):
        return "data/" + full.relative_to(data.resolve()).as_posix()
    try:
        relative = full.relative_to(Path.cwd())
    except ValueError:
        return path.name
    return relative.as_posix()


def this_platform() -> str:
    """The name of this system, for a capture's file: ``"Linux 6.18"``."""
    if sys.platform == "win32":
        return "Windows"
    system = os.uname()
    return f"{system.sysname} {'.'.join(system.release.split('.')[:2])}"
