"""Ten questions for each lesson: docs/quizzes.md to hand out, and docs/quiz-answers.md for who corrects.

Rule: made from lessons/quizzes/*.toml alone; an answer names the heading of the lesson under which it is found.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from tools import sync_lessons
from tools.claims import table

FOLDER = sync_lessons.LESSONS / "quizzes"
DOCS = sync_lessons.ROOT / "docs"
QUESTIONS, ANSWERS = DOCS / "quizzes.md", DOCS / "quiz-answers.md"

COUNT = 10
"""Questions of a quiz."""

LETTERS = "abcd"

OVERVIEW = "00-start-here"
"""The one lesson without a quiz: it teaches how to work, and nothing about networks."""

HEADS = {
    QUESTIONS: """# A quiz for each lesson

Ten questions each; one answer of each is right. Nothing is needed but the lesson. [The answers](quiz-answers.md) stand
on a page of their own.
""",
    ANSWERS: """# Answers of the quizzes

For whoever corrects [the quizzes](quizzes.md): the right answer, the reason, and the heading of the lesson under which
it is found.
""",
}


class Mistake(Exception):
    """What is wrong in a file of `FOLDER`, in words for its author."""


@dataclass(frozen=True)
class Question:
    """One question of a quiz. options: the answers. right: the number of the right one, from 0. where: a heading."""

    ask: str
    options: tuple[str, ...]
    right: int
    why: str
    where: str


def headings(lesson: Path) -> set[str]:
    """The headings of a lesson's text; lines of its code that begin with # are none."""
    parts = re.split(r"^```.*?^```", lesson.read_text(encoding="utf8"), flags=re.MULTILINE | re.DOTALL)
    return {found.strip() for part in parts for found in re.findall(r"^#+ (.+)$", part, re.MULTILINE)}


def read(lesson: Path) -> list[Question]:
    """The quiz of a lesson. Raises `Mistake`."""
    path = FOLDER / f"{lesson.stem}.toml"
    try:
        rows = tomllib.loads(path.read_text(encoding="utf8")).get("question", [])
        found = [_question(row) for row in rows]
    except (OSError, tomllib.TOMLDecodeError, Mistake) as error:
        raise Mistake(f"{path.name}: {error}") from None
    known = headings(lesson)
    for number, each in enumerate(found, 1):
        if each.where not in known:
            raise Mistake(f"{path.name}, question {number}: {each.where!r} is no heading of the lesson")
    if len(found) != COUNT or len({each.ask for each in found}) != COUNT:
        raise Mistake(f"{path.name}: a quiz has {COUNT} questions, each another one; here are {len(found)}")
    places = [each.right for each in found]
    if any(places.count(place) < 2 for place in range(3)):
        raise Mistake(f"{path.name}: (a), (b) and (c) are right twice at least, or the place tells the answer")
    return found


def _question(row: dict[str, Any]) -> Question:
    match row:
        case {"ask": str(ask), "options": [*given], "right": int(right), "why": str(why), "where": str(where), **more}:
            options = tuple(each for each in given if isinstance(each, str))
            distinct = 3 <= len(set(options)) == len(given) <= len(LETTERS)
            if distinct and 0 < right <= len(given) and not more:
                return Question(ask, options, right - 1, why, where)
    raise Mistake(f"{row.get('ask', row)!r} is no question: ask, options (3 or 4), right (from 1), why, where")


def quizzes() -> dict[Path, list[Question]]:
    """The quiz of each lesson, by the lesson's text. Raises `Mistake`, for a file that belongs to no lesson too."""
    lessons = [each for each in sync_lessons.lessons() if each.stem != OVERVIEW]
    strange = {path.stem for path in FOLDER.glob("*.toml")} - {lesson.stem for lesson in lessons}
    if strange:
        raise Mistake(f"{', '.join(sorted(strange))}: a quiz of no lesson")
    return {lesson: read(lesson) for lesson in lessons}


def written(found: dict[Path, list[Question]]) -> dict[Path, str]:
    """The texts of both pages."""
    parts = {page: [head] for page, head in HEADS.items()}
    for lesson, quiz in found.items():
        heading = f"## {sync_lessons.title(lesson)}\n"
        link = f"[The lesson](../notebooks/{lesson.stem}.ipynb)\n"
        parts[QUESTIONS] += [heading, link, *(_asked(number, each) for number, each in enumerate(quiz, 1))]
        rows = [(str(number), _answer(each), each.why, each.where) for number, each in enumerate(quiz, 1)]
        parts[ANSWERS] += [heading, table(("", "right", "why", "heading of the lesson"), rows)]
    return {page: "\n".join(each) for page, each in parts.items()}


def _asked(number: int, each: Question) -> str:
    lines = [f"{number}. {each.ask}"]
    lines += [f"   - ({letter}) {option}" for letter, option in zip(LETTERS, each.options, strict=False)]
    return "\n".join(lines) + "\n"


def _answer(each: Question) -> str:
    return f"({LETTERS[each.right]}) {each.options[each.right]}"


def main() -> int:
    """Write the pages, or check that they are what the quizzes say."""
    parser = argparse.ArgumentParser(description="docs/quizzes.md and docs/quiz-answers.md from lessons/quizzes/")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is not up to date")
    options = parser.parse_args()
    try:
        texts = written(quizzes())
    except Mistake as error:
        print(f"{error}. Mend lessons/quizzes/.")
        return 1
    return sync_lessons.keep(texts, options.check, "is not what lessons/quizzes/ says. Run `tools/quizzes.py`.")


if __name__ == "__main__":
    sys.exit(main())
