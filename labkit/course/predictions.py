"""A student's answer before an experiment, clicked or typed, and the card that compares it with the measurement.

Rule: what is compared is the answer that stood when the experiment was compared; a click after that changes nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.checks import is_number, shown, text
from labkit.core.errors import LabError
from labkit.course import posting
from labkit.course.cards import Card, Tone
from labkit.course.choices import choices_of, listed
from labkit.course.hiding import held
from labkit.course.tally import Question

_OPEN = "You can change it until the experiment has run."
_CHOOSE = "Choose with the mouse, or with Tab and the space bar."
_TYPE = "Type your answer and press Enter."
_NAG = "You had made no prediction. Next time, commit first: being surprised is how this is learned."
_NAG_AGAIN = "You had made no prediction."

_remembered: dict[tuple[str, ...], str] = {}
"""What was clicked for a question: its cell may be run again, and the answer is still there."""

_live: weakref.WeakSet[Prediction] = weakref.WeakSet()
_nagged: list[str] = []
"""The first question of this session that was compared without an answer: only that one is told at length."""


class Prediction:
    """A student's answer, given before the experiment; `compare` puts it beside what was measured.

    question: what will happen? options: the answers to choose from, and for each one the words for a student who
    chose it wrongly. A notebook shows controls for it, if the cell itself holds no answer.
    """

    def __init__(self, question: str, mine: Any, options: Mapping[Any, str]) -> None:
        self.question = question
        self.options = tuple(options)
        self._words = dict(options)
        self._typed = mine
        self._key = (question, *(str(option) for option in self.options))
        before = _remembered.get(self._key, "")
        self._ask: widgets.Choice | widgets.Entry
        if self.options:
            names = list(self._key[1:])
            chosen = names.index(before) if before in names else None
            self._ask = widgets.choice(question, names, self._clicked, chosen=chosen, below=_CHOOSE)
        else:
            self._ask = widgets.entry(question, self._clicked, typed=before, below=_TYPE)
        self._ask.say(self._said())
        _live.add(self)
        self._post()

    def _clicked(self, _answer: object) -> str:
        _remembered[self._key] = self._ask.text
        self._post()
        return self._said()

    def _post(self) -> None:
        """Tell the room's poll, if this notebook has joined one or shows one."""
        mine = self.mine
        counts = mine is not ... and self._is_choice(mine)
        name = next((str(option) for option in self.options if _same(mine, option)), str(mine)) if counts else ""
        posting.tell(Question(self.question, self._key[1:]), name)

    def _said(self) -> str:
        return f"Your prediction: {self._ask.text}. {_OPEN}" if self._ask.text else self._ask.below

    @property
    def mine(self) -> Any:
        """The answer: what the cell says, else what was clicked or typed in the page; ``...`` if there is none."""
        if self._typed is not ... and self._typed is not None:
            return self._typed
        if isinstance(self._ask, widgets.Choice):
            return ... if self._ask.chosen is None else self.options[self._ask.chosen]
        return _value(self._ask.text)

    @mine.setter
    def mine(self, value: Any) -> None:
        self._typed = value

    @property
    def made(self) -> bool:
        """Whether the student has answered."""
        return self.mine is not ...

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        mine = self.mine
        lines = [self.question]
        if self.options:
            lines.append(f"Choose from: {listed(map(str, self.options))}")
        if mine is ...:
            lines.append("No prediction yet: put your answer in place of the three dots and run the cell again.")
        elif not self._is_choice(mine):
            lines.append(f"{mine!r} is not one of the choices.")
        else:
            lines.append(f"Your prediction: {mine}")
        return lines

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        card = Card(self._lines(), "question")
        typed = self._typed is not ... and self._typed is not None
        return widgets.mimebundle(repr(card), card._repr_html_(), *([] if typed else [self._ask]))

    def _is_choice(self, value: Any) -> bool:
        return not self.options or any(_same(value, option) for option in self.options)

    def compare(self, measured: Any, because: str = "", *, unlisted: bool = False) -> Card:
        """Compare the prediction with what the experiment measured, and take no other answer from now on.

        While verdicts are hidden (`labkit.verdicts`), the card waits with its words.
        because: one sentence that explains it. unlisted: the measurement may give something that is no option, and
        the card then says so; without it, `LabError` tells the author of the lesson that no answer could be right.
        """
        listed = self._is_choice(measured)
        if not listed and not unlisted:
            raise LabError(
                f"{shown(measured)} was measured, and the options are {', '.join(map(str, self.options))}",
                "Run the cells from the question on once more. For the author: measure one of the options, "
                "or write compare(..., unlisted=True).",
            )
        with self._ask.guard:  # the page may send another answer while this cell runs
            mine = self.mine
            self._ask.lock()
            self._ask.say(
                f"Your prediction: {self._ask.text}. The experiment has run."
                if self._ask.text
                else "The experiment has run. To answer, run this cell again."
            )
        lines = [f"Measured: {measured}"]
        tone: Tone = "plain"
        if mine is ...:
            lines.append(self._nag())
        elif not self._is_choice(mine):
            lines.append(f"You predicted {mine!r}, which is not one of the choices: it counts as none.")
        elif is_number(measured) and not is_number(mine):
            lines.append(f"You predicted {mine!r}, which is not a number: give one, without quotes.")
        elif not listed:
            lines.append(f"You predicted {mine}. This run gave none of the answers, so it proves nothing.")
        elif _same(mine, measured):
            lines.append(f"You predicted {mine}: right.")
            tone = "good"
        else:
            lines.append(f"You predicted {mine}. {self._answer(mine)}")
            tone = "bad"
        if because:
            lines.append(because)
        return held(Card(lines, tone))

    def _answer(self, mine: Any) -> str:
        """The words for whoever chose this wrongly."""
        words = next((words for option, words in self._words.items() if _same(mine, option)), "")
        return words or "Look again: which part did you not expect?"

    def _nag(self) -> str:
        if not _nagged:
            _nagged.append(self.question)
        return _NAG if _nagged[0] == self.question else _NAG_AGAIN


def _same(one: Any, other: Any) -> bool:
    """Whether these mean the same: capitals and spaces around do not count."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().casefold() == other.strip().casefold()
    return bool(one == other)


def _value(typed: str) -> Any:
    """What was typed into a field, as a number if it is one; ``...`` if it is nothing."""
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            pass
    return typed or ...


def forget() -> None:
    """Every prediction of this session as if never answered; what the cells themselves say stays."""
    _remembered.clear()
    posting.forget()
    _nagged.clear()
    for each in tuple(_live):
        each._ask.clear()


@in_words
def predict(question: str, mine: Any = ..., options: Sequence[Any] | Mapping[Any, str] = ()) -> Prediction:
    """Ask for a prediction before an experiment.

    question: what will happen? mine: the student's answer (``...``: not yet, or clicked in the page).
    options: answers to choose from; as a mapping, with the words for a student who chose that answer wrongly.
    Raises `LabError` for a question that is not text, or options that are neither a list nor such a mapping.
    """
    return Prediction(text(question, "a question"), mine, choices_of(options))
