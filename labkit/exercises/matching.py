"""Exercises that ask for one of a few answers to each of several cases, marked with letters.

Rule: each wrong answer to each case has its own words; the first case that is wrong is told, and no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, ClassVar

from labkit.exercises.engine import Exercise
from labkit.exercises.form import Form, choices
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run


@dataclass(frozen=True, slots=True)
class Case:
    """One case. shown: the text of the task, without the letter. right: the right choice.

    here: what can be seen in this case, in words; it is said with each wrong choice. wrong: words for single choices
    that say more than `Matching.looks` does.
    """

    shown: str
    right: str
    here: str
    wrong: dict[str, str] = field(default_factory=dict)


class Matching(Exercise):
    """Choose for each case, A, B, C and so on.

    looks: the choices, and what each of them would look like, a sentence. cases: in the order of their letters.
    intro: the task above the cases.
    """

    looks: ClassVar[dict[str, str]]
    cases: ClassVar[tuple[Case, ...]]
    intro: ClassVar[str]

    def __init_subclass__(cls) -> None:
        letters = ascii_uppercase[: len(cls.cases)]
        cls.steps = ("one answer for each letter", *(f"case {letter}" for letter in letters))
        empty = ", ".join(f'"{letter}": ...' for letter in letters)
        cls.stub = f"answer = {{{empty}}}\nexercises.{cls.name}.check(answer)"
        cls.asks = f'Give check() an answer for each letter: {{"A": {show(next(iter(cls.looks)))}, "B": …}}.'

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return choices({letter: tuple(self.looks) for letter, _ in self._lettered()})

    @property
    def task(self) -> str:
        choices = "\n".join(f"- `{choice}`" for choice in self.looks)
        cases = "\n\n".join(f"{letter}  " + case.shown.replace("\n", "\n   ") for letter, case in self._lettered())
        return f"{self.intro}\n\n```text\n{cases}\n```\n\nChoose for each letter:\n\n{choices}"

    def examine(self, answer: Any, run: Run) -> None:
        given = self._given(answer)
        for number, (letter, case) in enumerate(self._lettered(), 2):
            run.step(number)
            chosen = given[letter]
            if chosen != case.right:
                raise NotYet(f"another answer for {letter}", show(chosen), self.words(case, chosen))

    def words(self, case: Case, chosen: str) -> str:
        """What is said about a wrong choice."""
        return case.wrong.get(chosen) or f"{self.looks[chosen]} {case.here}"

    def _lettered(self) -> list[tuple[str, Case]]:
        return list(zip(ascii_uppercase, self.cases, strict=False))

    def _given(self, answer: Any) -> dict[str, str]:
        """The choice for each letter. Raises `NotYet` if one is missing, or is none of the choices."""
        letters = [letter for letter, _ in self._lettered()]
        if type(answer) in (list, tuple) and len(answer) == len(letters):
            answer = dict(zip(letters, answer, strict=True))
        if type(answer) is not dict or not all(type(key) is str for key in answer):
            raise NotYet("a dictionary with an answer for each letter", show(answer), self.asks)
        upper = {key.strip().upper(): value for key, value in answer.items()}
        missing = [letter for letter in letters if upper.get(letter) in (None, ...)]
        if missing:
            raise NotYet(f"an answer for each letter, {letters[0]} to {letters[-1]}", f"none for {', '.join(missing)}",
                         "If you do not know one, choose what fits best: the check tells what speaks against it.")
        return {letter: self._choice(letter, upper[letter]) for letter in letters}

    def _choice(self, letter: str, given: Any) -> str:
        if type(given) is str:
            for choice in self.looks:
                if _simple(choice) == _simple(given):
                    return choice
        raise NotYet(f"one of {', '.join(map(show, self.looks))} for {letter}", show(given),
                     "Write the answer as it is in the list.")

    @property
    def worked(self) -> str:
        lines = "\n".join(f"- {letter}: {case.here}" for letter, case in self._lettered())
        return f"{lines}\n\n```python\nanswer = {self.reference!r}\nexercises.{self.name}.check(answer)\n```"

    @property
    def reference(self) -> Any:
        return {letter: case.right for letter, case in self._lettered()}


def _simple(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()
