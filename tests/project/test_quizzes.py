"""lessons/quizzes: ten questions a lesson, and the pages that are made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import quizzes, sync_lessons

LESSONS = [each for each in sync_lessons.lessons() if each.stem != quizzes.OVERVIEW]
GOOD = """[[question]]
ask = "Why {number}?"
options = ["a", "b", "c"]
right = {right}
why = "Because."
where = "One"
"""
LESSON = "# Title\n\n## One\n\n```python\n# Not a heading\n```\n\n### Two\n"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_ten_questions(lesson: Path) -> None:
    quiz = quizzes.read(lesson)
    longest = sum(max(each.options, key=len) == each.options[each.right] for each in quiz)
    assert longest <= 6  # or length tells the answer


def test_the_pages_are_what_the_quizzes_say() -> None:
    assert {page: page.read_text(encoding="utf8") for page in quizzes.HEADS} == quizzes.written(quizzes.quizzes())


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lesson of its own; its quiz is to be written beside it."""
    monkeypatch.setattr(quizzes, "FOLDER", tmp_path)
    path = tmp_path / "07-x.md"
    path.write_text(LESSON)
    return path


def put(lesson: Path, *questions: str) -> None:
    lesson.with_suffix(".toml").write_text("\n".join(questions))


def ten(rights: str = "1231231231") -> list[str]:
    return [GOOD.format(number=number, right=right) for number, right in enumerate(rights)]


def test_a_quiz_is_read(lesson: Path) -> None:
    put(lesson, *ten())
    first, *rest = quizzes.read(lesson)
    assert first == quizzes.Question("Why 0?", ("a", "b", "c"), 0, "Because.", "One")
    assert len(rest) == 9
    assert quizzes.headings(lesson) == {"Title", "One", "Two"}
    asked, answered = quizzes.written({lesson: [first]}).values()
    assert "## 07 Title\n" in asked
    assert "1. Why 0?\n   - (a) a\n   - (b) b\n   - (c) c\n" in asked
    assert "| 1 | (a) a | Because. | One |" in answered


@pytest.mark.parametrize(
    ("questions", "told"),
    [
        (ten()[:9], "a quiz has 10 questions, each another one; here are 9"),
        ([*ten()[:9], ten()[0]], "a quiz has 10 questions"),
        (ten("1111111122"), "are right twice at least"),
        ([GOOD.format(number=1, right=4)], "'Why 1\\?' is no question"),
        ([GOOD.format(number=1, right=0)], "'Why 1\\?' is no question"),
        ([GOOD.format(number=1, right='"1"')], "'Why 1\\?' is no question"),
        ([GOOD.format(number=1, right=1).replace('"c"', '"b"')], "'Why 1\\?' is no question"),
        ([GOOD.format(number=1, right=1) + "more = 1\n"], "'Why 1\\?' is no question"),
        ([each.replace('"One"', '"Not a heading"') for each in ten()], "question 1: 'Not a heading' is no heading"),
        (["[[question"], "07-x.toml: Expected"),
    ],
)
def test_what_is_wrong_is_told(lesson: Path, questions: list[str], told: str) -> None:
    put(lesson, *questions)
    with pytest.raises(quizzes.Mistake, match=told):
        quizzes.read(lesson)


def test_a_lesson_without_a_quiz_and_a_quiz_without_a_lesson_are_told(lesson: Path) -> None:
    with pytest.raises(quizzes.Mistake, match=r"07-x\.toml"):
        quizzes.read(lesson)
    put(lesson, *ten())
    with pytest.raises(quizzes.Mistake, match="07-x: a quiz of no lesson"):
        quizzes.quizzes()
