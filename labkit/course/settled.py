"""All claims of the book with their verdicts, as the last lesson shows them.

Rule: read from data/book.json, which tools/claims.py computes from the lessons' outputs; no verdict is typed here.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from html import escape

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.course.claims import VERDICTS
from labkit.packets import recorded

FILE = "book.json"
"""Its name in the data directory."""

SECTIONS = {"0": "Opening", "1": "TCP", "2": "UDP", "3": "HTTP", "4": "WebSocket", "5": "Security", "6": "Summary"}
"""The chapter's sections, 7.0 to 7.6, by the first digit of an id."""


@dataclass(frozen=True)
class Claim:
    """One claim of a lesson with its verdict.

    id: ``"C-1.4"``. own: it is the course's own, and the book says nothing of it. words: the claim. seen: what was
    measured. since: since when and by what it is outdated. verdict: one of `VERDICTS`. lesson, cell: the notebook's
    stem, and the id of the cell in it.
    """

    id: str
    own: bool
    words: str
    seen: str
    since: str
    verdict: str
    lesson: str
    cell: str

    @property
    def order(self) -> tuple[int, int]:
        """Its place in the chapter."""
        section, number = self.id.partition("-")[2].split(".")
        return int(section), int(number)


def count(found: Iterable[Claim]) -> dict[str, int]:
    """How many claims have each verdict; a claim that two lessons test counts once."""
    verdicts = {claim.id: claim.verdict for claim in found}
    return {verdict: list(verdicts.values()).count(verdict) for verdict in VERDICTS}


class Book(tuple[Claim, ...]):
    """Claims in the order of the chapter. As text, how many of each section hold, and which do not; on a page, all."""

    def __repr__(self) -> str:
        rows: list[tuple[str, ...]] = [("section", *VERDICTS)]
        for section, name in SECTIONS.items():
            mine = [claim for claim in self if claim.order[0] == int(section)]
            if mine:
                rows.append((f"7.{section} {name}", *map(str, count(mine).values())))
        rows.append(("all", *map(str, count(self).values())))
        width = max(len(first) for first, *_ in rows)
        lines = ["  ".join([first.ljust(width), *(each.rjust(8) for each in rest)]) for first, *rest in rows]
        for verdict in VERDICTS[1:]:
            if named := list(dict.fromkeys(claim.id for claim in self if claim.verdict == verdict)):
                words = f"{verdict}: {', '.join(named)}"
                lines += textwrap.wrap(words, 96, subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = []
        for section, name in SECTIONS.items():
            mine = [claim for claim in self if claim.order[0] == int(section)]
            if not mine:
                continue
            told = ", ".join(f"{number} {verdict}" for verdict, number in count(mine).items() if number)
            texts = [(each.id, each.words, each.verdict, each.seen, each.lesson) for each in mine]
            rows = "".join(f"<tr>{''.join(map(_cell, each))}</tr>" for each in texts)
            head = "".join(f'<th scope="col" style="text-align:left">{each}</th>' for each in _HEAD)
            parts.append(
                f"<details><summary>7.{section} {escape(name)}: {told}</summary>"
                f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
                "</details>"
            )
        whole = ", ".join(f"{number} {verdict}" for verdict, number in count(self).items())
        return f"<div><b>All claims: {whole}</b>{''.join(parts)}</div>"


_HEAD = ("id", "claim", "verdict", "measured", "lesson")


def _cell(text: str) -> str:
    return f'<td style="text-align:left;vertical-align:top;white-space:normal">{escape(text)}</td>'


@in_words
def book(verdict: str | None = None) -> Book:
    """All claims of the book that the lessons test, or those with one verdict.

    verdict: one of `VERDICTS`. Raises `LabError` for another word, or if the data are not at hand.
    """
    if verdict is not None and verdict not in VERDICTS:
        raise LabError(f"{shown(verdict)} is no verdict", f"Give one of {', '.join(VERDICTS)}.")
    folder = recorded.data_directory()
    try:
        if folder is None:
            raise FileNotFoundError
        kept = json.loads((folder / FILE).read_text("utf-8"))
        found = Book(Claim(**{each.name: row[each.name] for each in fields(Claim)}) for row in kept)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"the claims are not at hand: data/{FILE}", "Run `python tools/claims.py`.") from error
    return found if verdict is None else Book(claim for claim in found if claim.verdict == verdict)


def as_json(found: Iterable[Claim]) -> str:
    """The text of the file from which `book` reads these claims."""
    return json.dumps([asdict(claim) for claim in found], indent=1, ensure_ascii=False) + "\n"
