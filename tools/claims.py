"""The book against the wire: every claim that a lesson tests, with its verdict, what was measured, and the cell.

Rule: verdicts and measurements are read from the committed notebooks, and what a slip breaks is found by running it;
no verdict is typed here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from labkit import exercises
from labkit.core.environment import settings
from labkit.course.claims import VERDICTS
from labkit.course.settled import FILE, SECTIONS, Claim, as_json, count
from labkit.exercises.engine import Exercise
from labkit.exercises.result import Result
from tools import sync_lessons

PAGE = sync_lessons.ROOT / "docs" / "book-against-the-wire.md"
README = sync_lessons.ROOT / "README.md"
DATA = sync_lessons.ROOT / "data" / FILE
"""The same claims, for the last lesson."""

SAID = {"holds": "hold", "wrong": "are wrong", "outdated": "are outdated"}

PRINTED = ("C-1.5", "C-4.5", "C-4.6", "C-4.7", "C-4.8", "C-5.6")
"""Claims that are slips in what the chapter prints: a listing, a command or a message."""

LISTINGS = {
    "M-1": ("labkit.exercises.tcp.listing", "create"),
    "M-3": ("labkit.exercises.http.slips", "ask"),
    "M-4": ("labkit.exercises.websocket.slips", "Greeter"),
    "M-5": ("labkit.exercises.tls.slips", "visit_both"),
}
"""The slips of a section: the module of the exercise whose listing has them, and what its answer is called."""

KINDS = (
    "An error ends the program",
    "An error ends a handler, and the server goes on",
    "No error: the wrong bytes are sent",
)
"""What slips break; each is a heading."""

_HANDLER = "your handler raised"
_CARD = re.compile(
    r"(?P<who>The book|The claim): (?P<words>.+)\nMeasured: (?P<seen>.+)\n(?:Outdated: (?P<since>.+)\n)?"
    r"Verdict: (?P<verdict>\w+) \((?P<id>[\w.-]+)\)"
)
_FIGURES = re.compile(r"Of the book's \d+ claims that the lessons test, .*?\.")
_SIGNS = re.compile(r"([*<]|\\(?=[!-/:-@\[-`{-~]))")  # read as a mark of Markdown where they stand
_ERROR = re.compile(r"\b([A-Z]\w+): ")

HEAD = """# The book against the wire

The course follows a chapter on network programming, written about 2013 for Node.js. Its claims are said here in our own
words, and each of them is tested in a cell of a lesson. The cell measures, and the measurement gives the verdict. The
last column leads to the cell. Made by `tools/claims.py` from the outputs of the notebooks.

- **holds**: what was measured agrees with the claim.
- **wrong**: what was measured contradicts it.
- **outdated**: it was right once, and is no longer.

"""

APPENDIX = """## Appendix: the slips in the listings

The chapter's listings have slips. The course has listings of its own, with slips of the same kinds, and an exercise for
each section: mend them. Here each slip is left alone in its listing, and the exercise tells what no longer works.
"""


@dataclass(frozen=True)
class Slip:
    """One slip of a listing, left in alone. id: ``"M-1"``. typed, meant: its code. result: what the exercise found."""

    id: str
    typed: str
    meant: str
    result: Result

    @property
    def kind(self) -> int:
        """What it breaks: a place in `KINDS`."""
        return 1 if _HANDLER in self.result.seen else 0 if self.error else 2

    @property
    def error(self) -> str:
        """The name of the error that it raises; "" if nothing fails."""
        error = _ERROR.search(self.result.seen)
        return error[1] if error and (self.result.frames or _HANDLER in self.result.seen) else ""

    @property
    def broken(self) -> str:
        """The step of the exercise at which it is found."""
        return self.result.step.partition(": ")[2]

    @property
    def seen(self) -> str:
        """What is seen of it, in Markdown."""
        if self.kind == 1:
            return f"{escaped(self.result.seen.partition(chr(10))[0])}; `{self.error}`"
        return f"`{self.error}`" if self.error else escaped(self.result.seen)


def claims() -> list[Claim]:
    """Every claim of the committed notebooks, in the order of the chapter. Raises SystemExit if two do not agree."""
    found = [claim for text in sync_lessons.lessons() for claim in _claims(sync_lessons.notebook_of(text))]
    verdicts: dict[str, Claim] = {}
    for claim in found:
        first = verdicts.setdefault(claim.id, claim)
        if first.verdict != claim.verdict:
            said = (f"{each.verdict!r} in {each.lesson}" for each in (first, claim))
            raise SystemExit(f"{claim.id}: the verdict is {' and '.join(said)}.")
    return sorted(found, key=lambda claim: claim.order)


def _claims(notebook: Path) -> Iterator[Claim]:
    for cell in json.loads(notebook.read_text(encoding="utf8"))["cells"]:
        for output in cell.get("outputs", ()):
            card = _CARD.fullmatch("".join(output.get("data", {}).get("text/plain", "")))
            if card:
                yield Claim(
                    card["id"], card["who"] == "The claim", card["words"], card["seen"], card["since"] or "",
                    card["verdict"], notebook.stem, cell["id"],
                )  # fmt: skip


def slips() -> list[Slip]:
    """Every slip of the listings, each tried alone: the others are mended, and the exercise tells what it finds."""
    found = []
    with tempfile.TemporaryDirectory() as folder, settings({"LABKIT_PROGRESS": str(Path(folder, "progress.json"))}):
        for id, (name, answer) in LISTINGS.items():
            module = importlib.import_module(name)
            exercise: Exercise = getattr(getattr(exercises, name.split(".")[2]), name.split(".")[3])
            for typed, meant in module.SLIPS.items():
                names: dict[str, Any] = {}
                exec(_with_one(module, typed), names)
                found.append(Slip(id, typed.strip(), meant.strip(), exercise.check(names[answer])))
    return found


def figures(found: Sequence[Claim]) -> str:
    """One sentence for this page and the README."""
    book = count(claim for claim in found if not claim.own)
    told = [f"{number} {SAID[verdict]}" for verdict, number in book.items()]
    return f"Of the book's {sum(book.values())} claims that the lessons test, {', '.join(told[:-1])} and {told[-1]}."


def _with_one(module: Any, left: str) -> str:
    """A listing in which one slip is left."""
    text: str = module.LISTING
    for typed, meant in module.SLIPS.items():
        if typed != left:
            text = text.replace(typed, meant)
    # a name that is hidden by its own assignment is mended in two places
    return text.replace("{accept}", "{value}") if "value = accept(" in text else text


def written(found: Sequence[Claim], typed: Sequence[Slip]) -> str:
    """The text of the page."""
    parts = [HEAD + _figures(found), *_by_section(found), *_by_verdict(found), *_appendix(found, typed)]
    return "\n".join(parts)


def _figures(found: Sequence[Claim]) -> str:
    rows = []
    for section, name in SECTIONS.items():
        numbers = count(claim for claim in found if claim.order[0] == int(section))
        if any(numbers.values()):
            rows.append([f"7.{section} {name}", *map(str, numbers.values()), str(sum(numbers.values()))])
    whole = count(found)
    rows.append(["all", *map(str, whole.values()), str(sum(whole.values()))])
    own_claims = [claim.id for claim in found if claim.own]
    note = f"{' and '.join(own_claims)} are the course's own: the book says nothing of them." if own_claims else ""
    return f"{figures(found)} {note}\n\n{table(['section', *VERDICTS, 'all'], rows)}"


def _by_section(found: Sequence[Claim]) -> Iterator[str]:
    yield "## By section\n"
    for section, name in SECTIONS.items():
        rows = [
            [claim.id, escaped(claim.words), f"**{claim.verdict}**", _evidence(claim), _cell(claim)]
            for claim in found if claim.order[0] == int(section)
        ]  # fmt: skip
        if rows:
            yield f"### 7.{section} {name}\n\n{table(['id', 'claim', 'verdict', 'measured', 'cell'], rows)}"


def _by_verdict(found: Sequence[Claim]) -> Iterator[str]:
    yield "## By verdict\n"
    for verdict, number in count(found).items():
        those = [claim for claim in found if claim.verdict == verdict]
        heads, rows = ["id", "claim", "cell"], [[claim.id, escaped(claim.words), _cell(claim)] for claim in those]
        if any(claim.since for claim in those):
            heads.insert(2, "what has changed")
            for row, claim in zip(rows, those, strict=True):
                row.insert(2, escaped(claim.since))
        if rows:
            yield f"### {verdict.capitalize()}: {number}\n\n{table(heads, rows)}"


def _appendix(found: Sequence[Claim], typed: Sequence[Slip]) -> Iterator[str]:
    """The slips, by what they break."""
    yield APPENDIX
    where = _exercise_cells()
    for kind, heading in enumerate(KINDS):
        rows = [
            [slip.id, f"`{_line(slip.typed)}`", f"`{_line(slip.meant)}`", slip.broken, slip.seen, where[slip.id]]
            for slip in typed if slip.kind == kind
        ]  # fmt: skip
        yield f"### {heading}\n\n{table(['id', 'slip', 'meant', 'what no longer works', 'seen', 'exercise'], rows)}"
    rows = [[claim.id, escaped(claim.words), _evidence(claim), _cell(claim)] for claim in found if claim.id in PRINTED]
    yield f"### Slips of print that are claims\n\n{table(['id', 'printed', 'measured', 'cell'], rows)}"


def _exercise_cells() -> dict[str, str]:
    """The cell of a lesson that shows the exercise of each id of `LISTINGS`."""
    shown = {name.removeprefix("labkit."): id for id, (name, _) in LISTINGS.items()}
    return {
        shown["".join(cell["source"])]: cell_link(path.stem, cell["id"])
        for path in map(sync_lessons.notebook_of, sync_lessons.lessons())
        for cell in json.loads(path.read_text(encoding="utf8"))["cells"]
        if "".join(cell["source"]) in shown
    }


def _evidence(claim: Claim) -> str:
    return escaped(claim.seen + (f". Outdated: {claim.since}" if claim.since else ""))


def _cell(claim: Claim) -> str:
    return cell_link(claim.lesson, claim.cell)


def cell_link(lesson: str, cell: str) -> str:
    """A link to one cell, as JupyterLab writes it."""
    return f"[{lesson.partition('-')[0]}](../notebooks/{lesson}.ipynb#cell-id={cell})"


def escaped(text: str) -> str:
    """A text of a card as Markdown that shows it: only its code is marked."""
    return "".join(_SIGNS.sub(r"\\\1", part) if at % 2 == 0 else f"`{part}`" for at, part in enumerate(text.split("`")))


def _line(code: str) -> str:
    return " ".join(code.split())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *([bar(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def bar(text: str) -> str:
    """A text as a cell of a table."""
    return text.replace("|", r"\|")


def main() -> int:
    """Write the page, or check that it is what the notebooks say."""
    parser = argparse.ArgumentParser(description="docs/book-against-the-wire.md, computed from the notebooks")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is not up to date")
    options = parser.parse_args()
    found = claims()
    readme = README.read_text(encoding="utf8")
    texts = {
        PAGE: written(found, slips()), README: _FIGURES.sub(lambda _: figures(found), readme), DATA: as_json(found),
    }  # fmt: skip
    return sync_lessons.keep(texts, options.check, "is not what the notebooks say. Run `tools/claims.py`.")


if __name__ == "__main__":
    sys.exit(main())
