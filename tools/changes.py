"""Changes for students and instructors to try, from lessons/changes/ into lessons/*.md and docs/instructors.md.

Rule: a change names its cell by code that occurs in one cell only, so it stays right if cells move; no kernel starts.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from tools import sync_lessons

ROOT = sync_lessons.ROOT
CHANGES = ROOT / "lessons" / "changes"
GUIDE = ROOT / "docs" / "instructors.md"

SHOWN_TO = ("students", "instructors", "both")
BEGIN, END = "<!-- change: {} -->", "<!-- end of change -->"
TABLE_BEGIN, TABLE_END = "<!-- changes: {} -->", "<!-- end of changes -->"
BLOCK = re.compile(r"<!-- change: (\S+) -->\n.*?<!-- end of change -->\n", re.DOTALL)
_TABLE = re.compile(r"(<!-- changes: (\S+) -->\n).*?(<!-- end of changes -->\n)", re.DOTALL)
_FENCE = re.compile(r"^```python.*?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Mistake(Exception):
    """What is wrong with a change, in one line."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of one cell. Texts are Markdown, sentences with their full stops.

    lesson, id: whose change, and its name in there. section: the heading under which students read it. cell: code that
    occurs in one cell only. replace: pairs of old and new code; the old one occurs once in the cell. also: the same in
    further cells, as (cell, old, new). do: what to do, if the code does not say it well. question: asked before;
    options: answers to choose from; answer: the right one. seen: what is seen. breaks: what no longer works below it.
    undo: code for a new cell, before the change is undone. back: how to get back, if that is not all. shown_to: one of
    `SHOWN_TO`. run: cells that are run with the changed one, before or after it as in the lesson. expect: pairs of a
    cell (``""``: the changed one) and a regular expression of its outputs after the change.
    """

    lesson: str
    id: str
    section: str
    cell: str
    seen: str
    replace: tuple[tuple[str, str], ...] = ()
    also: tuple[tuple[str, str, str], ...] = ()
    do: str = ""
    question: str = ""
    options: tuple[str, ...] = ()
    answer: str = ""
    breaks: str = ""
    undo: str = ""
    back: str = ""
    shown_to: str = "both"
    run: tuple[str, ...] = ()
    expect: tuple[tuple[str, str], ...] = field(default=())

    @property
    def for_students(self) -> bool:
        """Whether the lesson shows it."""
        return self.shown_to in ("students", "both")

    @property
    def for_instructors(self) -> bool:
        """Whether the guide for instructors lists it."""
        return self.shown_to in ("instructors", "both")


def load(lesson: str) -> list[Change]:
    """The changes of a lesson, in the order of its file; none if there is no file. Raises `Mistake`."""
    path = CHANGES / f"{lesson}.toml"
    if not path.exists():
        return []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf8")).get("change", [])
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"lessons/changes/{path.name}: {error}") from None
    found = [_change(lesson, row) for row in rows]
    names = [change.id for change in found]
    if len(set(names)) < len(names):
        raise Mistake(f"{path.name}: an id occurs twice")
    return found


def _change(lesson: str, row: dict[str, Any]) -> Change:
    tuples = {name: _tuples(value) for name, value in row.items()}
    try:
        change = Change(lesson=lesson, **tuples)
    except TypeError as error:
        raise Mistake(f"{lesson}.toml: {row.get('id', 'a change')}: {error}") from None
    where = f"{lesson}.toml: {change.id}"
    if change.shown_to not in SHOWN_TO:
        raise Mistake(f"{where}: shown_to is {change.shown_to!r}, not one of {', '.join(SHOWN_TO)}")
    if not change.expect:
        raise Mistake(f"{where}: expect is missing, so no test would notice that it is no longer true")
    if change.for_students and not change.question:
        raise Mistake(f"{where}: students are asked a question first")
    if bool(change.options) != bool(change.answer) or (change.answer and change.answer not in change.options):
        raise Mistake(f"{where}: the answer is one of the options")
    return change


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def code_cells(text: str) -> list[str]:
    """The code of a lesson's text, cell by cell."""
    return [match[1].rstrip("\n") for match in _FENCE.finditer(text)]


def find(cells: list[str], piece: str) -> int:
    """The number of the one cell with this code, from 0. Raises `Mistake`."""
    there = [number for number, cell in enumerate(cells) if piece in cell]
    if len(there) != 1:
        raise Mistake(f"{piece!r} occurs in {len(there)} cells, not in one")
    return there[0]


def changed(cells: list[str], change: Change) -> dict[int, str]:
    """The cells as the change makes them, by their numbers. Raises `Mistake`."""
    made: dict[int, str] = {}
    number = find(cells, change.cell)
    edits = [(number, *pair) for pair in change.replace] + [(find(cells, c), a, b) for c, a, b in change.also]
    for where, old, new in edits:
        code = made.get(where, cells[where])
        if code.count(old) != 1:
            raise Mistake(f"{old!r} occurs {code.count(old)} times in its cell, not once")
        made[where] = code.replace(old, new)
    if not made:
        raise Mistake("it changes nothing: say what to replace")
    return made


def to_run(cells: list[str], change: Change) -> list[int]:
    """The numbers of the cells that are run with the change, in the lesson's order. Raises `Mistake`."""
    numbers = set(changed(cells, change)) | {find(cells, piece) for piece in change.run}
    return sorted(numbers | {find(cells, piece or change.cell) for piece, _ in change.expect})


def block(cells: list[str], change: Change) -> str:
    """What the lesson shows, between its two marks."""
    words = " ".join(part for part in (_what_to_do(cells, change), change.question, _choices(change)) if part)
    answer = f"**{_capital(change.answer)}.** " if change.answer else ""
    breaks = f" {change.breaks}" if change.breaks else ""
    return (
        f"{BEGIN.format(change.id)}\n**Change one thing.** {words}\n\n"
        f"<details>\n<summary>What is seen</summary>\n\n{answer}{change.seen}{breaks} {_back(cells, change)}\n\n"
        f"</details>\n{END}\n"
    )


def _what_to_do(cells: list[str], change: Change) -> str:
    own = find(cells, change.cell)
    others = [number for number in to_run(cells, change) if number not in changed(cells, change)]
    before, behind = (
        _list([_cell(cells, number) for number in others if (number < own) is first]) for first in (True, False)
    )
    pairs = [f"`{old}` to `{new}`" for old, new in change.replace if new]
    gone = [f"`{old}`" for old, new in change.replace if not new]
    steps = [f"change {_list(pairs)}"] * bool(pairs) + [f"take {_list(gone)} away"] * bool(gone)
    what = change.do or f"In {_cell(cells, own)}, {_list(steps)}, and run the cell."
    return (f"Run {before} again. " if before else "") + what + (f" Then run {behind} again." if behind else "")


def _cell(cells: list[str], number: int) -> str:
    """A cell by its first lines, as many as it takes to tell it from the others."""
    first = cells[number].splitlines()[0].removesuffix("(").rstrip()
    if sum(cell.startswith(first) for cell in cells) == 1:
        return f"the cell that begins with `{first}`"
    # the same first line in several cells: the nearest one above is meant, unless the change says more in `do`
    return f"the cell `{first}`" if len(cells[number].splitlines()) == 1 else f"the cell that begins with `{first}`"


def _list(parts: list[str]) -> str:
    return "".join(parts) if len(parts) < 2 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _choices(change: Change) -> str:
    return "Choose: " + ", ".join(f"*{option}*" for option in change.options) + "." if change.options else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _back(cells: list[str], change: Change) -> str:
    if change.back:
        return change.back
    several = len(to_run(cells, change)) > 1
    first = f"run `{change.undo}` in a new cell, then " if change.undo else ""
    return f"To get back, {first}undo the change and run {'the same cells' if several else 'the cell'} again."


def table(cells: list[str], changes: list[Change]) -> str:
    """The table of a lesson in the guide for instructors."""
    rows = [["change", "the class sees", "what no longer works below", "way back"], ["---"] * 4]
    for one in filter(lambda change: change.for_instructors, changes):
        rows += [[_what_to_do(cells, one), one.seen, one.breaks or "Nothing.", _back(cells, one)]]
    return "".join(f"| {' | '.join(part.replace('|', chr(92) + '|') for part in row)} |\n" for row in rows)


def written_lesson(text: str, changes: list[Change]) -> str:
    """A lesson's text with its blocks brought up to date: new ones at the end of their section. Raises `Mistake`."""
    cells = code_cells(text)
    blocks = {change.id: block(cells, change) for change in changes if change.for_students}
    there = set(_BLOCK_ID.findall(text))
    text = BLOCK.sub(lambda match: blocks.get(match[1], ""), text)
    for change in changes:
        if change.id in blocks and change.id not in there:
            text = _at_the_end_of_section(text, change.section, blocks[change.id])
    return re.sub(r"\n{3,}", "\n\n", text)


_BLOCK_ID = re.compile(r"<!-- change: (\S+) -->")


def _at_the_end_of_section(text: str, section: str, addition: str) -> str:
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(section)}\n", line)]
    if len(starts) != 1:
        raise Mistake(f"the heading {section!r} occurs {len(starts)} times, not once")
    end, fenced = starts[0] + 1, False
    while end < len(lines) and (fenced or not lines[end].startswith("#")):
        fenced ^= lines[end].startswith("```")
        end += 1
    return "".join(lines[:end]).rstrip("\n") + "\n\n" + addition + "\n" + "".join(lines[end:])


def written_guide(text: str, lessons: dict[str, tuple[list[str], list[Change]]]) -> str:
    """The guide with its tables brought up to date. lessons: code and changes, by name. Raises `Mistake`."""
    missing = [name for name, (_, changes) in lessons.items() if changes and TABLE_BEGIN.format(name) not in text]
    if missing:
        raise Mistake(f"{GUIDE.name} has no place for {', '.join(missing)}: add {TABLE_BEGIN.format(missing[0])}")
    strange = sorted({name for _, name, _ in _TABLE.findall(text)} - set(lessons))
    if strange:
        raise Mistake(f"{GUIDE.name} has a place for {', '.join(strange)}, which is not a lesson")
    return _TABLE.sub(lambda match: match[1] + table(*lessons[match[2]]) + match[3], text)


def outdated() -> tuple[dict[Path, str], list[str]]:
    """The files that the changes make other than they are, with the text they should have; and every mistake.

    A lesson with a mistake is left as it is, and so is the guide if there is any: the others are brought up to date.
    """
    lessons: dict[str, tuple[list[str], list[Change]]] = {}
    wanted: dict[Path, str] = {}
    mistakes: list[str] = []
    for path in sync_lessons.lessons():
        text = path.read_text(encoding="utf8")
        try:
            cells, changes = lessons[path.stem] = code_cells(text), load(path.stem)
            for change in changes:
                _try(change, cells)
            wanted[path] = written_lesson(text, changes)
        except Mistake as error:
            mistakes.append(f"lessons/{path.name}: {error}")
    strange = {path.stem for path in CHANGES.glob("*.toml")} - {path.stem for path in sync_lessons.lessons()}
    mistakes += [f"lessons/changes/{name}.toml belongs to no lesson" for name in sorted(strange)]
    try:
        if not mistakes:
            wanted[GUIDE] = written_guide(GUIDE.read_text(encoding="utf8"), lessons)
    except Mistake as error:
        mistakes.append(str(error))
    return {path: text for path, text in wanted.items() if path.read_text(encoding="utf8") != text}, mistakes


def _try(change: Change, cells: list[str]) -> None:
    try:
        to_run(cells, change)
    except Mistake as error:
        raise Mistake(f"change {change.id}: {error}") from None


def main() -> int:
    """Write the blocks and tables, or check that they are written."""
    parser = argparse.ArgumentParser(description="lessons/changes/*.toml into lessons/*.md and docs/instructors.md")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if something is not up to date")
    options = parser.parse_args()
    found, mistakes = outdated()
    for mistake in mistakes:
        print(f"{mistake}. Mend lessons/changes/.")
    for path, text in found.items():
        if options.check:
            print(f"{path.relative_to(ROOT)} is not what lessons/changes/ makes of it. Run tools/changes.py.")
            continue
        path.write_text(text, encoding="utf8")
        print(f"{path.relative_to(ROOT)} written")
        if path.parent == sync_lessons.LESSONS and not sync_lessons.carry_outputs(path):
            print(f"  its code has changed as well: make notebooks LESSONS={path.relative_to(ROOT)}")
    return 1 if options.check and (found or mistakes) else 0


if __name__ == "__main__":
    sys.exit(main())
