"""Check questions: the texts, what is said to each answer, the progress, and the controls in a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from labkit import exercises, widgets
from labkit.core.errors import LabError
from labkit.exercises import progress_file
from labkit.exercises.question import Question, ask, right, wrong
from labkit.exercises.quiz import Quiz
from labkit.exercises.quizzes import QUESTIONS

EVERY = [(lesson, question) for lesson, asked in QUESTIONS.items() for question in asked]

# What says nothing: such words would send a student back without a reason.
_EMPTY_WORDS = re.compile(r"\b(wrong|incorrect|try again|not right|look again)\b", re.I)


class TestTexts:
    @pytest.mark.parametrize("lesson", QUESTIONS)
    def test_three_to_five_a_lesson(self, lesson: str) -> None:
        assert 3 <= len(QUESTIONS[lesson]) <= 5
        names = [question.name for question in QUESTIONS[lesson]]
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize(("lesson", "question"), EVERY, ids=[f"{lesson}/{each.name}" for lesson, each in EVERY])
    def test_each_answer_has_its_own_reason(self, lesson: str, question: Question) -> None:
        assert question.text.endswith("?")
        for option in question.options:
            assert len(option.words.split()) >= 6
            assert option.words.endswith(".")
            assert not _EMPTY_WORDS.search(option.words) or "The chapter says that" in option.words
            tells = rf"(?<!\w){re.escape(question.options[question.right].text.rstrip('.'))}(?!\w)"
            assert option.right or not re.search(tells, option.words)

    def test_the_right_answer_is_not_known_by_its_place_or_length(self) -> None:
        places = [question.right for _, question in EVERY]
        assert all(places.count(place) >= len(EVERY) // 5 for place in range(3))
        longest = sum(len(question.options[question.right].text) == max(len(each.text) for each in question.options)
                      for _, question in EVERY)  # fmt: skip
        assert longest <= len(EVERY) * 0.5

    @pytest.mark.parametrize("options", [
        (), (right("a", "1"),), (right("a", "1"), wrong("b", "2")), (wrong("a", "1"), wrong("b", "2"), wrong("c", "3")),
        (right("a", "1"), right("b", "2"), wrong("c", "3")), (right("a", "1"), wrong("b", "2"), wrong("c", "2")),
    ])  # fmt: skip
    def test_a_question_without_form_is_refused(self, options: Any) -> None:
        with pytest.raises(ValueError, match="one right answer"):
            ask("name", "Is it?", *options)


@pytest.fixture
def quiz() -> Quiz:
    return Quiz("test", (
        ask("first", "What does `f()` do?", wrong("`a`", "A is no."), right("b", "B is it."), wrong("c", "C is no.")),
        ask("second", "And <this>?", right("x", "X is it."), wrong("y", "Y is no."), wrong("<z>", "Z & no.")),
    ))  # fmt: skip


class TestCheck:
    def test_words_for_each_answer(self, quiz: Quiz) -> None:
        assert repr(quiz.check("a", "a")) == (
            "△ check questions of test: 1 of 2 right\n"
            "  1. a) a\n"
            "     △ Not this one. A is no.\n"
            "  2. a) x\n"
            "     ✓ Right. X is it."
        )

    def test_all_right(self, quiz: Quiz) -> None:
        result = quiz.check("b", "a")
        assert result
        assert result.right == 2
        assert repr(result).startswith("✓ check questions of test: 2 of 2 right\n")

    def test_none_leaves_a_question_out(self, quiz: Quiz) -> None:
        assert repr(quiz.check()).startswith("○ check questions of test: 0 of 2 right\n  1. not answered")
        assert "2. not answered" in repr(quiz.check("b"))
        result = quiz.check(None, "b")
        assert [row.right for row in result.rows] == [True, False], "the first keeps what was chosen before"
        assert quiz.check(..., "a")  # type: ignore[arg-type]

    @pytest.mark.parametrize("letter", ["b", "B", " b ", "b)", "B."])
    def test_ways_to_write_a_letter(self, quiz: Quiz, letter: str) -> None:
        assert quiz.check(letter, None).rows[0].right

    @pytest.mark.parametrize("letter", ["d", "", "ab", 2, 1.5, ["a"]])
    def test_what_is_no_letter_is_told(self, quiz: Quiz, letter: Any) -> None:
        with pytest.raises(LabError, match=r"question 2 has no answer .*Give a, b or c"):
            quiz.check("a", letter)
        assert repr(quiz.check()).count("not answered") == 2, "nothing was taken"

    def test_more_letters_than_questions_are_told(self, quiz: Quiz) -> None:
        with pytest.raises(LabError, match="3 answers for 2 questions"):
            quiz.check("a", "b", "c")

    def test_the_reference_of_every_lesson(self) -> None:
        for lesson, asked in QUESTIONS.items():
            result = exercises.questions(lesson).check(*("abc"[question.right] for question in asked))
            assert result, result
            assert exercises.progress(lesson).questions == (len(asked), len(asked))


class TestShown:
    def test_text(self, quiz: Quiz) -> None:
        assert repr(quiz) == (
            "Check questions of test\n\n"
            "1. What does f() do?\n   a) a\n   b) b\n   c) c\n\n"
            "2. And <this>?\n   a) x\n   b) y\n   c) <z>\n\n"
            'Answer by letters, in order: exercises.questions("test").check("a", None); None leaves a question out.'
        )

    def test_the_text_does_not_tell_what_was_answered(self, quiz: Quiz) -> None:
        before = repr(quiz)
        quiz.check("b", "b")
        assert repr(quiz) == before

    def test_without_a_page_text_and_html(self, quiz: Quiz) -> None:
        bundle = quiz._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html"}
        assert bundle["text/plain"] == repr(quiz)
        assert "<code>f()</code>" in bundle["text/html"]
        assert "&lt;this&gt;" in bundle["text/html"]
        assert "<this>" not in bundle["text/html"]
        assert "&lt;z&gt;" in quiz.check(None, "c")._repr_html_()

    def test_html_tells_no_answer(self, quiz: Quiz) -> None:
        assert not any(words in quiz._repr_mimebundle_()["text/html"] for words in ("A is no", "B is it"))


class TestClicked:
    def test_a_click_is_answered_at_once(self, quiz: Quiz) -> None:
        first: widgets.Choice = quiz._asked[0]
        assert first.options == ("a) `a`", "b) b", "c) c")
        assert first.choose(0)
        assert (first.said, first.tone) == ("△ Not this one. A is no.", "bad")
        assert first.choose(1)
        assert (first.said, first.tone) == ("✓ Right. B is it.", "good")
        assert quiz.check().rows[0].right

    @pytest.mark.parametrize("number", [3, -1, "0", None, 1.0, True])
    def test_a_click_on_nothing_is_refused(self, quiz: Quiz, number: Any) -> None:
        assert not quiz._asked[0].choose(number)
        assert progress_file.known() == {}

    def test_what_is_typed_is_shown_in_the_page(self, quiz: Quiz) -> None:
        quiz.check("c")
        assert quiz._asked[0].chosen == 2
        assert quiz._asked[0].said == "△ Not this one. C is no."

    def test_restart(self, quiz: Quiz) -> None:
        quiz.check("c", "a")
        quiz.restart()
        assert [asked.chosen for asked in quiz._asked] == [None, None]
        assert repr(quiz.check()).count("not answered") == 2


class TestProgress:
    def test_kept_as_exercises_are(self, quiz: Quiz) -> None:
        quiz.check("a", "a")
        path = progress_file.path()
        assert path is not None
        assert json.loads(path.read_text())["exercises"] == {
            "test/first": {"tries": 1, "solved": False}, "test/second": {"tries": 1, "solved": True},
        }  # fmt: skip

    def test_the_same_answer_again_is_no_new_try(self, quiz: Quiz) -> None:
        quiz.check("a")
        quiz.check("a")
        assert progress_file.entry("test/first").tries == 1

    def test_restart_forgets_on_request(self) -> None:
        lesson = "01a-tcp-connection"
        exercises.questions(lesson).check("c")
        assert exercises.progress(lesson).questions == (1, 4)
        assert exercises.restart(lesson).questions == (1, 4)
        assert exercises.restart(lesson, forget=True).questions == (0, 4)


class TestLessons:
    def test_unknown(self) -> None:
        for call in (exercises.questions, exercises.progress, exercises.every):
            with pytest.raises(LabError, match=r"no lesson 'tcp'.*There are: 00-start-here, 01a"):
                call("tcp")

    def test_every_lesson_that_is_there_has_questions(self) -> None:
        lessons = Path(__file__).parents[2] / "lessons"
        assert {file.stem for file in lessons.glob("*.md")} <= set(QUESTIONS)
