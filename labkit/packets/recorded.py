"""The place of recorded captures: the data directory, the lesson's name, the file of a named capture.

Rule: finds files and never captures; a name from a lesson cannot lead out of the data directory.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from labkit.core.checks import shown as printed
from labkit.core.errors import CaptureUnavailable, LabError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_lesson: str | None = None


def set_lesson(name: str | None) -> None:
    """Say which lesson runs, ``"01-tcp"``: captures of this process belong to it until the next call."""
    global _lesson
    _lesson = None if name is None else _checked("lesson", name)


def current_lesson() -> str | None:
    """The lesson given to `set_lesson`, or None."""
    return _lesson


def data_directory() -> Path | None:
    """The directory of recorded captures: ``LABKIT_DATA``, or ``data`` beside the package, or the installed one."""
    given = os.environ.get("LABKIT_DATA")
    if given:
        return Path(given)
    package = Path(__file__).resolve().parent.parent
    # An editable install runs from the repository, where data/ stands beside the package and its pyproject.toml.
    if (package.parent / "pyproject.toml").is_file() and (package.parent / "data").is_dir():
        return package.parent / "data"
    installed = package / "_data"
    return installed if installed.is_dir() else None


def recording_path(
    name: str | None, lesson: str | None, directory: Path | None = None, ending: str = ".pcapng"
) -> Path:
    """The file in which a named capture is recorded, or another thing by its ending.

    Raises `CaptureUnavailable` without a name or a directory.
    """
    if name is None:
        raise CaptureUnavailable(
            "this machine cannot capture, and a capture without a name has no recording",
            'Run `labkit doctor` to see what is missing, or name a recording: capture(port, name="handshake").',
        )
    lesson = lesson if lesson is not None else current_lesson()
    root = directory if directory is not None else data_directory()
    if root is None:
        raise CaptureUnavailable("the directory of recorded captures is missing", "Set LABKIT_DATA to its path.")
    folder = root / _checked("lesson", lesson) if lesson is not None else root
    return folder / (_checked("name", name) + ending)


def existing_recording(name: str | None, lesson: str | None, ending: str = ".pcapng") -> Path:
    """Like `recording_path`, for a file that exists."""
    path = recording_path(name, lesson, ending=ending)
    if not path.is_file():
        shown = "/".join(["data", *path.parts[-2:]])
        raise CaptureUnavailable(
            f"this machine cannot capture, and the recording {shown} does not exist",
            "Run `labkit doctor` to see what is missing; `labkit record` makes the recordings on a machine that can.",
        )
    return path


def asked_for(name: str | None, lesson: str | None, ending: str = ".pcapng") -> Path | None:
    """The file in which ``LABKIT_RECORD=DIR`` wants something named; None if it is not set, or there is no name."""
    directory = os.environ.get("LABKIT_RECORD")
    return recording_path(name, lesson, Path(directory), ending) if directory and name is not None else None


def _checked(what: str, name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise LabError(f"{printed(name)} cannot be the {what} of a capture", "Use letters, digits, '-', '_' and '.'.")
    return name
