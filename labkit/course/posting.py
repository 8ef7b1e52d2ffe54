"""What the predictions of this notebook were answered, for a poll that listens.

Rule: keeps the last answer to each question; knows no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labkit.course.tally import Question

Hearer = Callable[[Question, str], None]
"""Called with a question, and its answer as text; ``""`` if it was asked and not answered yet. It waits for nothing."""

_answers: dict[Question, str] = {}
_last: Question | None = None
_hearers: list[Hearer] = []


def tell(question: Question, answer: str) -> None:
    """A prediction was asked for, or answered."""
    global _last
    _last = question
    if answer:
        _answers[question] = answer
    for hearer in tuple(_hearers):
        hearer(question, answer)


def answers() -> Mapping[Question, str]:
    """The last answer to each question."""
    return dict(_answers)


def last() -> Question | None:
    """The question that was asked or answered last."""
    return _last


def listen(hearer: Hearer) -> None:
    """Have this called at each question and answer from now on."""
    _hearers.append(hearer)


def unlisten(hearer: Hearer) -> None:
    """Call this no more."""
    if hearer in _hearers:
        _hearers.remove(hearer)


def forget() -> None:
    """As if nothing had been answered."""
    global _last
    _answers.clear()
    _last = None
