"""What several programs said, as tables: to one certificate in their own words, to many as yes and no.

Rule: the last line says which answers are of now and which are recorded; the rest is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.ca.asking import Answer
from labkit.core.errors import BadArgument


@dataclass(frozen=True)
class Answers:
    """What several programs said to one certificate. case: its name, and what is wrong. As text, a table."""

    case: str
    wrong: str
    each: tuple[Answer, ...]

    def __getitem__(self, program: str) -> Answer:
        for answer in self.each:
            if answer.program == program:
                return answer
        raise BadArgument(f"{program!r} was not asked", f"There are {', '.join(each.program for each in self.each)}.")

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.each)

    def __repr__(self) -> str:
        rows = [("program", "what the server saw", "its words")]
        rows += [(answer.program, answer.server, answer.words) for answer in self.each]
        return "\n".join([f"{self.case}: {self.wrong}", *table(rows), origin(self.each)])


@dataclass(frozen=True)
class Survey:
    """What several programs said to several certificates. As text, a table: whether each takes each."""

    each: tuple[Answers, ...]

    def __getitem__(self, case: str) -> Answers:
        for answers in self.each:
            if answers.case == case:
                return answers
        raise BadArgument(f"{case!r} was not asked about", f"There are {', '.join(one.case for one in self.each)}.")

    def __iter__(self) -> Iterator[Answers]:
        return iter(self.each)

    def __repr__(self) -> str:
        rows: list[tuple[str, ...]] = [("certificate", *(answer.program for answer in self.each[0]))]
        rows += [
            (answers.case, *("takes it" if answer.accepted else "refuses" for answer in answers))
            for answers in self.each
        ]
        return "\n".join([*table(rows), origin([answer for answers in self.each for answer in answers])])


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, each column as wide as it has to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def origin(answers: Sequence[Answer]) -> str:
    """``"program: live: curl 7.88.1; recorded on 2026-11-27: chromium 156.0"``: where each answer comes from."""
    parts: dict[str, list[str]] = {}
    for answer in answers:
        said = parts.setdefault("live" if answer.live else f"recorded on {answer.day}", [])
        if (words := f"{answer.program} {answer.version}") not in said:
            said.append(words)
    return "program: " + "; ".join(f"{when}: {', '.join(who)}" for when, who in parts.items())
