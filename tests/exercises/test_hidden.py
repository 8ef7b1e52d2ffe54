"""Hidden verdicts of exercises and check questions: what each says before and after, in a cell and in a page.

Rule: the words are compared with those of a result that was never hidden.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import labkit
from labkit import exercises
from labkit.exercises.quiz import Quiz, verdict
from labkit.exercises.view import ExerciseView
from labkit.widgets import WAITS, Held, page
from labkit.widgets import view as widget_view

LESSON = "01a-tcp-connection"
FLAGS = exercises.tcp.flags


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    labkit.verdicts(hidden=False)
    exercises.restart()
    FLAGS._view = None


def right() -> Any:
    FLAGS.restart()
    return FLAGS.check(FLAGS.reference)


def wrong() -> Any:
    FLAGS.restart()
    return FLAGS.check({"URG"})


def empty() -> Any:
    return FLAGS.check()


def questions() -> Any:
    return exercises.questions(LESSON).check("a", "b")


@pytest.mark.parametrize("make", [right, wrong, empty, questions])
def test_hidden_and_then_the_same_words(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make()
    exercises.restart()
    labkit.verdicts(hidden=True)
    waits = make()
    assert isinstance(waits, Held)
    assert repr(waits) == WAITS
    for words in ("✓", "△", "○", "correct", "not yet", "right", "expected"):
        assert words not in waits._repr_html_()
    assert bool(waits) == bool(plain)  # the program of a student goes on as ever
    monkeypatch.setattr(page, "available", lambda: True)
    bundle = waits._repr_mimebundle_()
    assert bundle["text/plain"] == WAITS
    output = widget_view._sheet(waits._sheet).children[0]
    labkit.verdicts(hidden=False)
    assert (repr(waits), waits._repr_html_()) == (repr(plain), plain._repr_html_())
    assert output.outputs[0]["data"] == {"text/html": plain._repr_html_(), "text/plain": repr(plain)}


@pytest.mark.parametrize("exercise", exercises.every(), ids=lambda each: each.name)
def test_no_exercise_tells_its_outcome(exercise: exercises.Exercise) -> None:
    labkit.verdicts(hidden=True)
    assert repr(exercise.check()) == WAITS


@pytest.mark.parametrize("answer", ["right", "wrong"])
def test_the_fields_of_a_page(answer: str) -> None:
    labkit.verdicts(hidden=True)
    shown = ExerciseView(FLAGS)
    form = FLAGS.form
    assert form is not None
    texts = ["set" if (field.name in FLAGS.reference) == (answer == "right") else "" for field in form.fields]
    told = shown._check(json.dumps(texts))
    assert told.values["words"] == "Checked. The result is below as soon as verdicts are shown."
    assert shown.sheet.below["text/plain"] == WAITS
    assert shown.panel.state["texts"] == texts
    labkit.verdicts(hidden=False)
    assert FLAGS.name in shown.sheet.below["text/plain"]
    assert ("correct" if answer == "right" else "not yet") in shown.sheet.below["text/html"]


def test_what_is_shown_since_stays() -> None:
    labkit.verdicts(hidden=True)
    shown = ExerciseView(exercises.start.handshake)
    shown._check('["7"]')
    shown._hint()
    hint = shown.sheet.below
    labkit.verdicts(hidden=False)
    assert shown.sheet.below is hint
    exercises.start.handshake.restart()


def test_check_questions_that_are_clicked() -> None:
    quiz: Quiz = exercises.questions(LESSON)
    options = quiz.questions[0].options
    ask = quiz._asked[0]
    labkit.verdicts(hidden=True)
    for place in range(len(options)):
        ask.choose(place)
        assert (ask.said, ask.tone) == ("Your answer counts. Its verdict is hidden.", "plain")
    assert labkit.verdicts(hidden=False).startswith("1 verdict shown.")
    assert (ask.said, ask.tone) == verdict(options[-1])  # of the answer that counts
    ask.choose(0)
    assert (ask.said, ask.tone) == verdict(options[0])


def test_starting_over_shows_them_at_once_again() -> None:
    labkit.verdicts(hidden=True)
    exercises.questions(LESSON)._asked[0].choose(0)
    labkit.reset()
    assert exercises.questions(LESSON)._asked[0].said == ""
    assert repr(right()) != WAITS
