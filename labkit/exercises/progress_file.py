"""Which exercises and questions are solved: a small JSON file of the student's own.

Rule: nothing is sent anywhere. If the file is damaged or cannot be written, one line says so and the lesson goes on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.core.files import write_whole

VERSION = 1
SIZE_LIMIT = 1 << 20
"""Bytes of a progress file at most; a larger file was not written by us."""


@dataclass(slots=True)
class Entry:
    """How far one exercise is. tries: answers checked. solved: one of them was correct."""

    tries: int = 0
    solved: bool = False


_entries: dict[str, Entry] = {}  # what this process knows; the file may know more
_told: set[str] = set()
_guard = threading.Lock()  # a click in a page is noted beside a running cell


def path() -> Path | None:
    """The progress file, or None for a user without a home directory.

    It is ``LABKIT_PROGRESS``, or else ``labkit/progress.json`` in the user's data directory.
    """
    given = os.environ.get("LABKIT_PROGRESS")
    if given:
        return Path(given)
    from platformdirs import user_data_path  # here, because the import takes 30 ms

    try:
        directory = user_data_path("labkit", appauthor=False, roaming=True)
    except RuntimeError:
        return None
    return directory / "progress.json" if directory.is_absolute() else None


def entry(name: str) -> Entry:
    """What is known of one exercise, from the file and from this process."""
    return known().get(name, Entry())


def note(name: str, *, solved: bool) -> None:
    """Write down one more try of an exercise or a question."""
    with _guard:
        entries = known()
        mine = entries.setdefault(name, Entry())
        mine.tries += 1
        mine.solved = mine.solved or solved
        _entries[name] = mine
        _save(entries)


def forget(names: list[str]) -> None:
    """Remove these exercises and questions from the progress file."""
    with _guard:
        entries = known()
        for name in names:
            entries.pop(name, None)
            _entries.pop(name, None)
        _save(entries)


def known() -> dict[str, Entry]:
    """The entries of the file and of this process, by the exercise's name.

    Of one that both have it takes the further one, since two notebooks may be open at once.
    """
    entries = _load()
    for name, mine in _entries.items():
        other = entries.get(name, Entry())
        entries[name] = Entry(max(mine.tries, other.tries), mine.solved or other.solved)
    return entries


def kept(file: Path) -> dict[str, Entry]:
    """The entries of a file alone, without those of this process; none if there is no good one."""
    try:
        with file.open("rb") as stream:
            return _decoded(stream.read(SIZE_LIMIT + 1))
    except (OSError, ValueError, RecursionError):
        return {}


def _load() -> dict[str, Entry]:
    file = path()
    if file is None:
        return {}
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _tell(f"Earlier progress cannot be read from {_shown(file)} ({_reason(error)}); it counts from now on.")
        return {}
    try:
        return _decoded(content)
    except (ValueError, RecursionError):
        kept = _put_aside(file)
        _tell(f"The progress file {_shown(file)} is damaged{kept}; progress counts from now on.")
        return {}


def _decoded(content: bytes) -> dict[str, Entry]:
    """The entries of a progress file. Raises ValueError for anything that `_save` has not written."""
    if len(content) > SIZE_LIMIT:
        raise ValueError("too large")
    document = json.loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("exercises"), dict):
        raise ValueError("not a progress file")
    entries = {}
    for name, fields in document["exercises"].items():
        tries, solved = (fields.get("tries"), fields.get("solved")) if isinstance(fields, dict) else (None, None)
        if type(tries) is not int or tries < 0 or type(solved) is not bool:
            raise ValueError("not an entry")
        entries[name] = Entry(tries, solved)
    return entries


def _put_aside(file: Path) -> str:
    """Keep a damaged file under another name; returns how to say so."""
    try:
        file.replace(file.with_name(file.name + ".damaged"))
    except OSError:
        return ""
    return f" and was renamed to {file.name}.damaged"


def _save(entries: dict[str, Entry]) -> None:
    file = path()
    if file is None:
        _tell("Progress is not kept: this user has no home directory. Set LABKIT_PROGRESS to the path of a file.")
        return
    document: dict[str, Any] = {
        "version": VERSION,
        "exercises": {name: {"tries": each.tries, "solved": each.solved} for name, each in sorted(entries.items())},
    }
    try:
        write_whole(file, json.dumps(document, indent=1).encode(), private=True)
    except (OSError, ValueError) as error:
        _tell(f"Progress is not kept: {_shown(file)} cannot be written ({_reason(error)}). "
              "Set LABKIT_PROGRESS to the path of a file you may write.")


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _shown(file: Path) -> str:
    """The path with ``~`` for the home directory."""
    with suppress(RuntimeError, ValueError):
        return str(Path("~") / file.relative_to(Path.home()))
    return str(file)


def _tell(line: str) -> None:
    """Say it once in this process."""
    if line not in _told:
        _told.add(line)
        print(line, file=sys.stderr, flush=True)
