"""The check questions of one lesson: asked by clicking or by letters, each answer with its own words.

Rule: what was answered right is kept in the progress file as an exercise is; no answer says which other one is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.exercises import progress_file
from labkit.exercises.question import LETTERS, Option, Question
from labkit.exercises.result import boxed, held, show
from labkit.widgets.controls import Tone


@dataclass(frozen=True, slots=True)
class Answered:
    """One question and what was chosen. number: from 1. letter, option: None if nothing was chosen."""

    number: int
    question: Question
    letter: str | None = None
    option: Option | None = None

    @property
    def right(self) -> bool:
        """Whether the right answer was chosen."""
        return self.option is not None and self.option.right

    def lines(self) -> tuple[str, str]:
        """What was chosen, and what is to be said about it."""
        if self.option is None:
            return "not answered", ""
        return f"{self.letter}) {self.option.text}", verdict(self.option)[0]


@dataclass(frozen=True, slots=True)
class QuizResult:
    """What `Quiz.check` found; true only if every question is answered right. rows: one a question."""

    lesson: str
    rows: tuple[Answered, ...]

    def __bool__(self) -> bool:
        return all(row.right for row in self.rows)

    @property
    def right(self) -> int:
        """Questions answered right."""
        return sum(row.right for row in self.rows)

    def _headline(self) -> str:
        sign = "✓" if self else "△" if any(row.option for row in self.rows) else "○"
        return f"{sign} check questions of {self.lesson}: {self.right} of {len(self.rows)} right"

    def __repr__(self) -> str:
        lines = [self._headline()]
        for row in self.rows:
            chosen, said = row.lines()
            lines.append(f"  {row.number}. {widgets.bare(chosen)}")
            lines += [f"     {widgets.bare(said)}"] if said else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<strong>{escape(self._headline())}</strong>"]
        for row in self.rows:
            chosen, said = row.lines()
            more = f"<br/>{widgets.marked(said)}" if said else ""
            parts.append(f'<div style="margin:.3em 0">{row.number}. {widgets.marked(chosen)}{more}</div>')
        variable, color = ("--jp-success-color1", style.LIGHT.hues[2]) if self else ("--jp-warn-color1",
                                                                                    style.LIGHT.hues[1])
        return boxed("".join(parts), variable, color)


class Quiz:
    """The check questions of one lesson; showing it asks them.

    lesson: ``"01a-tcp-connection"``. questions: in the order in which they are asked.
    """

    def __init__(self, lesson: str, questions: tuple[Question, ...]) -> None:
        self.lesson = lesson
        self.questions = questions
        self._waiting: set[int] = set()  # numbers of questions, from 0, whose verdicts are hidden
        self._asked = [
            widgets.choice(
                f"{number}. {question.text}",
                [f"{letter}) {option.text}" for letter, option in zip(LETTERS, question.options, strict=False)],
                partial(self._chosen, number - 1),
            )
            for number, question in enumerate(questions, 1)
        ]

    @in_words
    def check(self, *answers: str | None) -> QuizResult:
        """Answer the questions by their letters, in order: ``check("a", None, "b")``; None leaves a question out.

        Questions that are left out keep what was chosen before. Returns a `QuizResult`. Raises `LabError` for a letter
        that no answer has, and for more letters than questions.
        """
        if len(answers) > len(self.questions):
            raise LabError(f"{len(answers)} answers for {len(self.questions)} questions",
                           "Give one letter for each question, in order, or None.")
        places = [self._place(number, answer) for number, answer in enumerate(answers)]
        for ask, place in zip(self._asked, places, strict=False):
            if place is not None:
                ask.choose(place)
        return held(QuizResult(self.lesson, tuple(map(self._answered, range(len(self.questions))))))

    @property
    def names(self) -> list[str]:
        """The questions' names in the progress file."""
        return [f"{self.lesson}/{question.name}" for question in self.questions]

    def restart(self) -> None:
        """Forget what was chosen in this session; the controls in a page are empty again."""
        self._waiting.clear()
        for ask in self._asked:
            ask.clear()

    def __repr__(self) -> str:
        lines = [self._headline(), ""]
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {widgets.bare(question.text)}")
            lines += [f"   {letter}) {widgets.bare(option.text)}"
                      for letter, option in zip(LETTERS, question.options, strict=False)]
            lines.append("")
        return "\n".join([*lines, self._how()])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        parts = [f"<strong>{escape(self._headline())}</strong>"]
        for number, question in enumerate(self.questions, 1):
            options = "".join(f"<div>{letter}) {widgets.marked(option.text)}</div>"
                              for letter, option in zip(LETTERS, question.options, strict=False))
            parts.append(f'<div style="margin:.6em 0"><div>{number}. {widgets.marked(question.text)}</div>'
                         f'<div style="margin-left:1.5em">{options}</div></div>')
        parts.append(f"<div>{widgets.marked(self._how(code=True))}</div>")
        html = boxed("".join(parts), "--jp-border-color1", style.LIGHT.line)
        return widgets.mimebundle(repr(self), html, *self._asked)

    # -- inside

    def _headline(self) -> str:
        return f"Check questions of {self.lesson}"

    def _how(self, *, code: bool = False) -> str:
        mark = "`" if code else ""
        letters = ", ".join(['"a"', "None", *['"b"'] * (len(self.questions) - 2)][: len(self.questions)])
        return (f'Answer by letters, in order: {mark}exercises.questions("{self.lesson}").check({letters}){mark}; '
                "None leaves a question out.")

    def _place(self, number: int, answer: Any) -> int | None:
        """The place of the answer that a student named. Raises `LabError` for what is no letter of this question."""
        if answer is None or answer is ...:
            return None
        letters = self.questions[number].letters
        letter = answer.strip().rstrip(").").lower() if type(answer) is str else ""
        if len(letter) != 1 or letter not in letters:
            *first, last = list(letters)
            raise LabError(f"question {number + 1} has no answer {show(answer)}",
                           f"Give {', '.join(first)} or {last} as text, or None to leave it out.")
        return letters.index(letter)

    def _answered(self, number: int) -> Answered:
        question, chosen = self.questions[number], self._asked[number].chosen
        if chosen is None:
            return Answered(number + 1, question)
        return Answered(number + 1, question, LETTERS[chosen], question.options[chosen])

    def _chosen(self, number: int, place: int) -> None:
        """Keep an answer, and say its words below the question."""
        option = self.questions[number].options[place]
        progress_file.note(self.names[number], solved=option.right)
        if number in self._waiting or widgets.wait(partial(self._judge, number)):
            self._waiting.add(number)
            self._asked[number].say("Your answer counts. Its verdict is hidden.")
        else:
            self._judge(number)

    def _judge(self, number: int) -> None:
        """Say the words of the answer that counts."""
        self._waiting.discard(number)
        chosen = self._asked[number].chosen
        if chosen is not None:
            words, tone = verdict(self.questions[number].options[chosen])
            self._asked[number].say(words, tone)



def verdict(option: Option) -> tuple[str, Tone]:
    """What is said about an answer, and the tone for a page."""
    return (f"✓ Right. {option.words}", "good") if option.right else (f"△ Not this one. {option.words}", "bad")
