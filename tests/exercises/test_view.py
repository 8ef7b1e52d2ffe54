"""Exercises in a page: what the fields make of their texts, and that a button says what the method says.

Rule: the page is played by its messages; that no page is needed for an exercise is tried here too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import exercises, widgets
from labkit.core.errors import LabError
from labkit.exercises.engine import Exercise
from labkit.exercises.form import Field, Form, numbers
from labkit.exercises.result import Outcome
from labkit.exercises.view import ExerciseView
from labkit.widgets import page, view

WITH_FIELDS = [each for each in exercises.every() if each.form is not None]
ATTACKS = ["<script>alert(1)</script>", "</textarea>", "9" * 200, "0x", "nan", "1e999", "‮12"]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    for each in (exercises.start.handshake, exercises.tcp.flags, exercises.tcp.final_ack, exercises.tcp.order):
        each.restart()


def texts(form: Form, answer: Any) -> list[str]:
    """What a page would have in its fields for this answer."""
    if form.shape == "set":
        return ["set" if field.name in answer else "" for field in form.fields]
    parts = [answer] if form.shape == "one" else list(answer.values() if isinstance(answer, dict) else answer)
    made: dict[str, Any] = {
        "bytes": lambda part: part.hex(" "), "numbers": lambda part: ", ".join(map(str, part)), "order": "".join,
    }  # fmt: skip
    return [made.get(field.kind, str)(part) for field, part in zip(form.fields, parts, strict=True)]


def pressed(shown: ExerciseView, button: str, **values: Any) -> dict[str, Any]:
    """What the page is answered."""
    answer = shown.panel.heard({"ask": button, "ticket": 1, **values})
    assert answer is not None
    return answer[0]


@pytest.mark.parametrize("exercise", WITH_FIELDS, ids=lambda each: each.name)
class TestEachForm:
    """Every exercise that has fields."""

    def test_the_right_answer_can_be_filled_in(self, exercise: Exercise) -> None:
        form = exercise.form
        assert form is not None
        filled = form.texts(json.dumps(texts(form, exercise.reference)))
        assert exercise.check(form.answer(filled)).correct
        exercise.restart()

    def test_nothing_filled_in_is_not_attempted(self, exercise: Exercise) -> None:
        form = exercise.form
        assert form is not None
        assert exercise.check(form.answer([""] * len(form.fields))).outcome is Outcome.NOT_ATTEMPTED

    @pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
    def test_a_strange_text_is_judged_as_in_a_cell(self, exercise: Exercise, attack: str) -> None:
        form = exercise.form
        assert form is not None
        if attack.isprintable():
            result = exercise.check(form.answer(form.texts(json.dumps([attack] * len(form.fields)))))
            assert result.outcome is Outcome.NOT_YET
        else:
            with pytest.raises(LabError, match="cannot be shown"):
                form.texts(json.dumps([attack] * len(form.fields)))
        exercise.restart()


class TestForm:
    """Texts of a page become a value."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [("7", 7), (" 7 ", 7), ("007", 7), ("0x1a2b", 0x1A2B), ("-1", -1), ("1.5", 1.5), ("1,448", "1,448"),
         ("a", "a")],
    )  # fmt: skip
    def test_a_number(self, text: str, value: Any) -> None:
        found = Form("one", (Field("n"),)).answer([text])
        assert (found, type(found)) == (value, type(value))

    def test_several_numbers_and_none(self) -> None:
        form = Form("dict", (Field("lost", "numbers"), Field("twice", "numbers")))
        assert form.answer(["1, 2 3", ""]) == {"lost": [1, 2, 3], "twice": []}

    def test_half_an_answer_is_no_try(self) -> None:
        with pytest.raises(LabError, match="still empty: b"):
            numbers("a", "b", "c").answer(["1", " ", "3"])

    @pytest.mark.parametrize(
        "message",
        ["", "{}", "[]", '["1"]', "[1, 2]", '["1", null]', "[" * 100_000, '["\\ud800", "1"]', '["\\u0000", "1"]',
         json.dumps(["x" * 201, "1"]), '["\\u001b[31m", "1"]'],
        ids=lambda message: message[:12],
    )  # fmt: skip
    def test_a_hostile_message_is_refused(self, message: str) -> None:
        with pytest.raises(LabError):
            numbers("a", "b").texts(message)


class TestButtons:
    """A button says what the method says."""

    @pytest.mark.parametrize("given", ["7", "3", "9"])
    def test_check(self, given: str) -> None:
        exercise = exercises.start.handshake
        shown = ExerciseView(exercise)
        told = pressed(shown, "check", answer=json.dumps([given]))
        exercise.restart()
        result = exercise.check(int(given))
        assert shown.sheet.below["text/plain"] == repr(result)
        assert shown.sheet.below["text/html"] == result._repr_html_()
        assert result.outcome.value in told["words"]
        assert shown.panel.state["texts"] == [given]

    def test_hint_and_then_the_next_one(self) -> None:
        shown = ExerciseView(exercises.start.handshake)
        for number in (1, 2):
            assert pressed(shown, "hint")["words"] == "The hint is below."
            assert f"**Hint {number} of 3.**" in shown.sheet.below["text/markdown"]

    def test_the_solution_asks_once(self) -> None:
        shown = ExerciseView(exercises.start.handshake)
        assert "Not yet" in pressed(shown, "solution")["words"]
        assert "ask once more" in shown.sheet.below["text/plain"]
        assert "SYN, ACK" not in shown.sheet.below["text/plain"]
        assert pressed(shown, "solution")["words"] == "The solution is below."
        assert "2 (SYN), 5 (SYN, ACK)" in shown.sheet.below["text/plain"]

    def test_an_answer_that_is_code_has_no_check_in_the_page(self) -> None:
        shown = ExerciseView(exercises.tcp.build_syn)
        assert "does not know" in pressed(shown, "check", answer="[]")["words"]
        assert shown.panel.state["fields"] == []

    def test_a_hostile_message_changes_nothing(self) -> None:
        shown = ExerciseView(exercises.start.handshake)
        for values in ({"answer": 7}, {"answer": "x" * 5000}, {}, {"answer": '["7"]', "more": 1}, {"answer": "[7]"}):
            assert pressed(shown, "check", **values)["tell"] == "error"
        assert shown.sheet.below == {}

    def test_restart_empties_the_page(self) -> None:
        exercise = exercises.start.handshake
        exercise._view = shown = ExerciseView(exercise)
        pressed(shown, "check", answer='["7"]')
        exercise.restart()
        assert (shown.sheet.below, shown.panel.state["texts"], shown.panel.state["round"]) == ({}, [], 1)
        exercise._view = None

    def test_another_problem_has_its_own_fields_and_task(self) -> None:
        exercise = exercises.tcp.time_wait
        shown = ExerciseView(exercise)
        before = dict(shown.sheet.above)
        exercise.another()
        shown.fit()
        assert shown.sheet.above != before
        exercise.another(1)


class TestPage:
    """With and without a page."""

    def test_without_a_page_the_text_and_the_markdown_are_all(self) -> None:
        assert exercises.tcp.flags._repr_mimebundle_() == {}

    def test_in_a_page_the_task_the_panel_and_the_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "available", lambda: True)
        monkeypatch.setattr(widgets, "available", lambda: True)
        exercise = exercises.start.handshake
        bundle = exercise._repr_mimebundle_()
        assert set(bundle) == {"text/plain", page.VIEW}
        assert bundle["text/plain"] == repr(exercise)
        assert exercise._view is not None
        sheet = exercise._view.sheet
        assert isinstance(sheet.view, view._SheetView)
        assert sheet.view.above.outputs[0]["data"]["text/markdown"] == exercise._repr_markdown_()
        assert sheet.view.below.outputs == ()
        pressed(exercise._view, "check", answer='["7"]')
        assert "correct" in sheet.view.below.outputs[0]["data"]["text/html"]
        assert exercise._repr_mimebundle_()[page.VIEW] == bundle[page.VIEW]  # two views of one exercise are alike
        exercise._view = None
