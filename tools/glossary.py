"""The glossary, computed: each term that a lesson introduces in bold, with the sentence that introduces it.

Rule: the lessons are the only source; nothing is typed a second time here. Starts no kernel.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from tools import changes, sync_lessons

GLOSSARY = sync_lessons.ROOT / "docs" / "glossary.md"

HEAD = """# Glossary

The terms of the course, each with the sentence that introduces it. Made by `tools/glossary.py` from the lessons.

| term | what it is | lesson |
| --- | --- | --- |
"""

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_CODE = re.compile(r"`[^`\n]*`")
_TARGET = re.compile(r"\]\([^)\n]*\)")
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[\"'(*]*[A-Z0-9`])")
_ITEM = re.compile(r"^(?:[-*]|\d+\.) +", re.MULTILINE)


@dataclass(frozen=True)
class Term:
    """One introduction. at: its place in the text. sentence: with the term, in Markdown. lesson: its file's stem."""

    words: str
    sentence: str
    lesson: str
    at: int


@dataclass(frozen=True)
class Prose:
    """What a lesson says outside of its cells. text: as long as the lesson's, blanks in place of what is no prose.

    opening: where the first cell is; what stands before it promises, and introduces nothing.
    """

    lesson: str
    text: str
    opening: int

    @classmethod
    def of(cls, lesson: str, text: str) -> Prose:
        """The prose of a lesson's text: without cells, the blocks "Change one thing", and the notebook's metadata."""
        first = text.find("\n```python")
        if text.startswith("---\n"):
            end = text.index("\n---\n", 4) + 5
            text = re.sub(r"[^\n]", " ", text[:end]) + text[end:]
        for pattern in (_FENCE, changes.BLOCK):
            text = pattern.sub(_blank, text)
        return cls(lesson, text, first if first >= 0 else 0)

    def plain(self) -> str:
        """The words that a reader reads as words: no code, no addresses of links, no marks of bold type."""
        text = _TARGET.sub(_blank, _CODE.sub(_blank, self.text))
        return text.replace("*", " ")


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def terms(prose: Prose) -> list[Term]:
    """The terms that a lesson introduces, in their order: bold words that are no label (``**Exercise.**``)."""
    found = []
    for start, paragraph in _paragraphs(prose.text):
        if start < prose.opening or paragraph.lstrip().startswith(("|", "#")):
            continue
        for match in _BOLD.finditer(paragraph):
            if not match[1].endswith((".", ":")):
                sentence = _sentence(paragraph, match.start())
                found.append(Term(match[1], sentence, prose.lesson, start + match.start()))
    return found


def _paragraphs(text: str) -> list[tuple[int, str]]:
    """Paragraphs and items of lists, each with its place."""
    marks = sorted({0, *(m.end() for m in re.finditer(r"\n\s*\n", text)), *(m.start() for m in _ITEM.finditer(text))})
    return [(a, text[a:b]) for a, b in zip(marks, [*marks[1:], len(text)], strict=True) if text[a:b].strip()]


def _sentence(paragraph: str, at: int) -> str:
    edges = [0, *(match.end() for match in _SENTENCE.finditer(paragraph)), len(paragraph)]
    for begin, end in itertools.pairwise(edges):
        if begin <= at < end:
            return " ".join(_ITEM.sub("", paragraph[begin:end].strip(), count=1).split())
    raise AssertionError("a place in a paragraph is in one of its sentences")


def introduced(lessons: Sequence[Prose]) -> dict[str, Term]:
    """The first introduction of each term, in the order of the course."""
    found: dict[str, Term] = {}
    for prose in lessons:
        for term in terms(prose):
            found.setdefault(_singular(term.words).casefold(), term)
    return found


def _singular(words: str) -> str:
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words


def used_too_early(lessons: Sequence[Prose]) -> list[str]:
    """Each term that a lesson uses before its introduction, one sentence each.

    The opening of a lesson may name what this lesson will introduce, and so may the heading above an introduction.
    """
    wrong = []
    for term in introduced(lessons).values():
        pattern = re.compile(rf"(?<![\w-]){re.escape(_singular(term.words))}(?:s|es)?(?![\w-])", _flags(term.words))
        for prose in lessons:
            last = prose.lesson == term.lesson
            text = _without_heading(prose.plain(), term.at) if last else prose.plain()
            early = pattern.search(text, prose.opening, term.at) if last else pattern.search(text)
            if early:
                line = text.count("\n", 0, early.start()) + 1
                wrong.append(f"{prose.lesson}:{line} uses {term.words!r}, which {term.lesson} introduces")
                break
            if last:
                break
    return wrong


def _flags(words: str) -> re.RegexFlag:
    """A term in small letters may begin a sentence; SYN and IP are only these."""
    return re.IGNORECASE if words == words.lower() else re.NOFLAG


def _without_heading(text: str, at: int) -> str:
    """The text with blanks in place of the heading above this place."""
    above = text.rfind("\n#", 0, at)
    if above < 0:
        return text
    end = text.index("\n", above + 1)
    return text[:above] + "\n" + " " * (end - above - 1) + text[end:]


def course() -> list[Prose]:
    """The prose of all lessons, in the order of the course."""
    return [Prose.of(path.stem, path.read_text(encoding="utf8")) for path in sync_lessons.lessons()]


def written(lessons: Sequence[Prose]) -> str:
    """The glossary's text, by the alphabet."""
    return HEAD + "".join(_row(term) for _, term in sorted(introduced(lessons).items()))


def _row(term: Term) -> str:
    number, sentence = term.lesson.partition("-")[0], term.sentence.replace("|", r"\|")
    return f"| {term.words} | {sentence} | [{number}](../notebooks/{term.lesson}.ipynb) |\n"


def main() -> int:
    """Write the glossary, or check that it is what the lessons say."""
    parser = argparse.ArgumentParser(description="docs/glossary.md, computed from the bold words of the lessons")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the glossary is not up to date")
    options = parser.parse_args()
    lessons = course()
    said = "is not what the lessons say. Run `tools/glossary.py`."
    status = sync_lessons.keep({GLOSSARY: written(lessons)}, options.check, said)
    if options.check:
        return status
    early = used_too_early(lessons)
    print(*early, sep="\n")
    return 1 if early else 0


if __name__ == "__main__":
    sys.exit(main())
