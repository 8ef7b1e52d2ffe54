"""What a check question is: a text, three or four answers, and words for each of them.

Rule: data only; what a student chose is kept elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

LETTERS = "abcdef"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that can be chosen.

    text: the answer. words: said to a student who chose it; for the right one, the fact to remember. right: whether it
    is the right one.
    """

    text: str
    words: str
    right: bool = False


def right(text: str, fact: str) -> Option:
    """The right answer. fact: the sentence that a lesson's "What to keep" must contain in some form."""
    return Option(text, fact, right=True)


def wrong(text: str, words: str) -> Option:
    """A wrong answer. words: why somebody may think so, and what speaks against it."""
    return Option(text, words)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with one right answer. name: stays the same when the words change, ``"ack-names"``.

    Raises ValueError unless there is exactly one right answer, at least two wrong ones, and different words for each.
    """

    name: str
    text: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        rights = sum(option.right for option in self.options)
        words = {option.words for option in self.options}
        if rights != 1 or not 3 <= len(self.options) <= len(LETTERS) or len(words) < len(self.options):
            raise ValueError(f"question {self.name!r}: one right answer, two or more wrong ones, words for each")

    @property
    def right(self) -> int:
        """The place of the right answer, from 0."""
        return next(place for place, option in enumerate(self.options) if option.right)

    @property
    def letters(self) -> str:
        """The letters of the answers, ``"abc"``."""
        return LETTERS[: len(self.options)]


def ask(name: str, text: str, *options: Option) -> Question:
    """A question: its name, its text, and its answers in the order in which they are shown."""
    return Question(name, text, options)
