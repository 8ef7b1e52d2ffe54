"""Which exercises are solved: a small JSON file of the student's own, and a bar.

Rule: nothing is sent anywhere; a file that is damaged or cannot be written costs one line of text, never the lesson.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.draw import style

if TYPE_CHECKING:
    from labkit.exercises.engine import Exercise

VERSION = 1
SIZE_LIMIT = 1 << 20
"""Bytes of a progress file at most; a larger one is none of ours."""

KEPT = "kept in labkit/progress.json in your user data directory; exercises.restart(forget=True) starts over"
"""Said with the bar: not the path itself, which differs from machine to machine, and lessons compare this text."""

_BAR = 24  # characters
_WIDTH, _HEIGHT = 320, 14  # px


@dataclass(slots=True)
class Entry:
    """How far one exercise is. tries: answers checked. solved: one of them was correct."""

    tries: int = 0
    solved: bool = False


_entries: dict[str, Entry] = {}  # what this process knows; the file may know more
_told: set[str] = set()


def path() -> Path | None:
    """The progress file, or None for a user without a home directory.

    It is ``LABKIT_PROGRESS``, or else ``labkit/progress.json`` in the user's data directory.
    """
    given = os.environ.get("LABKIT_PROGRESS")
    if given:
        return Path(given)
    directory = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(directory):  # the XDG base directory specification: a relative one is to be ignored
        try:
            home = Path.home()
        except RuntimeError:
            return None
        if sys.platform == "win32":
            directory = os.environ.get("APPDATA") or str(home / "AppData" / "Roaming")
        elif sys.platform == "darwin":
            directory = str(home / "Library" / "Application Support")
        else:
            directory = str(home / ".local" / "share")
    return Path(directory) / "labkit" / "progress.json"


def entry(name: str) -> Entry:
    """What is known of one exercise, from the file and from this process."""
    return _known().get(name, Entry())


def note(name: str, *, solved: bool) -> None:
    """Write down one more try of an exercise."""
    known = _known()
    mine = known.setdefault(name, Entry())
    mine.tries += 1
    mine.solved = mine.solved or solved
    _entries[name] = mine
    _save(known)


def forget(names: list[str]) -> None:
    """Remove these exercises from the progress file."""
    known = _known()
    for name in names:
        known.pop(name, None)
        _entries.pop(name, None)
    _save(known)


def _known() -> dict[str, Entry]:
    """The file's entries and this process's, the further one of each: two notebooks may be open at once."""
    known = _load()
    for name, mine in _entries.items():
        other = known.get(name, Entry())
        known[name] = Entry(max(mine.tries, other.tries), mine.solved or other.solved)
    return known


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


def _save(known: dict[str, Entry]) -> None:
    file = path()
    if file is None:
        _tell("Progress is not kept: this user has no home directory. Set LABKIT_PROGRESS to the path of a file.")
        return
    document: dict[str, Any] = {
        "version": VERSION,
        "exercises": {name: {"tries": each.tries, "solved": each.solved} for name, each in sorted(known.items())},
    }
    part = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Written beside the file, then moved: whoever reads it, or a crash, never finds half of it.
        handle, part = tempfile.mkstemp(prefix=file.name + ".", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1)
        os.replace(part, file)
    except (OSError, ValueError) as error:
        if part:
            with suppress(OSError):
                os.unlink(part)
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the exercises are solved, as a bar and a list. rows: (name, title, tries, solved) of each."""

    rows: tuple[tuple[str, str, int, bool], ...]

    @classmethod
    def of(cls, exercises: list[Exercise]) -> Progress:
        """The progress in these exercises, as it is now."""
        known = _known()
        found = [(each, known.get(each.name, Entry())) for each in exercises]
        return cls(tuple((each.name, each.title, mine.tries, mine.solved) for each, mine in found))

    @property
    def solved(self) -> int:
        """Exercises solved."""
        return sum(solved for *_, solved in self.rows)

    def __repr__(self) -> str:
        full = round(_BAR * self.solved / max(1, len(self.rows)))
        width = max((len(name) for name, *_ in self.rows), default=0)
        lines = [f"{self._headline()}  [{'#' * full}{'.' * (_BAR - full)}]"]
        for name, title, tries, solved in self.rows:
            sign, words = _state(tries, solved)
            lines.append(f"  {sign} {name:<{width}}  {words:<{len('not attempted')}}  {title}")
        return "\n".join((*lines, KEPT))

    def _headline(self) -> str:
        return f"{self.solved} of {len(self.rows)} exercises solved"

    def _repr_html_(self) -> str:
        full = _WIDTH * self.solved / max(1, len(self.rows))
        color = f"var(--jp-success-color1,{style.LIGHT.hues[2]})"
        # Drawn inside the page, so currentColor is the theme's own text colour, in light and in dark.
        bar = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{_HEIGHT}" '
            f'aria-label="{escape(self._headline())}"><rect x=".5" y=".5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" '
            f'rx="4" fill="none" stroke="currentColor" opacity=".5"/>'
            f'<rect x="0" y="0" width="{full:.0f}" height="{_HEIGHT}" rx="4" style="fill:{color}"/></svg>'
        )
        rows = ""
        for name, title, tries, solved in self.rows:
            sign, words = _state(tries, solved)
            cells = (f"{sign} {words}", name, title)
            rows += "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in cells) + "</tr>"
        where = f"<small>{escape(KEPT)}</small>"
        return f"<div><strong>{escape(self._headline())}</strong><br/>{bar}<table>{rows}</table>{where}</div>"


def _state(tries: int, solved: bool) -> tuple[str, str]:
    """Sign and words of one row; the number of tries is the student's own affair."""
    if solved:
        return "✓", "solved"
    return ("△", "not yet") if tries else ("○", "not attempted")
