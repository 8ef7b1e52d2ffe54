"""How much is solved, as a bar and a list: of one lesson, or of all of them.

Rule: shows what `progress_file` knows; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from labkit.draw import style
from labkit.exercises import progress_file
from labkit.exercises.engine import Exercise
from labkit.exercises.quiz import Quiz

KEPT = "kept in labkit/progress.json in your user data directory; exercises.restart(forget=True) starts over"
"""Said with the bar. It is not the path itself: that differs from machine to machine, and lessons compare this text."""

_BAR = 24  # characters
_WIDTH, _HEIGHT = 320, 14  # px


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. name: of an exercise or a lesson. words: how far it is. title: a few words, or "".

    done, of: how many exercises and questions are solved, of how many. tried: whether any answer was given.
    """

    name: str
    words: str
    title: str
    done: int
    of: int
    tried: bool

    @property
    def sign(self) -> str:
        """``"✓"``, ``"△"`` or ``"○"``."""
        return "✓" if self.done == self.of else "△" if self.tried else "○"


@dataclass(frozen=True, slots=True)
class Progress:
    """How much is solved, as a bar and a list. exercises, questions: solved, of how many. rows: the list."""

    exercises: tuple[int, int]
    questions: tuple[int, int]
    rows: tuple[Row, ...]

    @classmethod
    def of_lesson(cls, exercises: Sequence[Exercise], quiz: Quiz | None) -> Progress:
        """The progress in one lesson: a row for each exercise, and one for its check questions."""
        known = progress_file.known()
        rows = [_exercise(each, known.get(each.name, progress_file.Entry())) for each in exercises]
        solved = sum(row.done for row in rows)
        asked = _questions(quiz, known)
        if quiz is not None:
            done, of, tried = asked
            words = f"{done} of {of} right" if tried else "not attempted"
            rows.append(Row("questions", words, "check questions", done, of, tried))
        return cls((solved, len(exercises)), asked[:2], tuple(rows))

    @classmethod
    def of_all(cls, lessons: Mapping[str, tuple[Sequence[Exercise], Quiz | None]]) -> Progress:
        """The progress in all lessons: a row for each of them."""
        rows, parts = [], []
        for name, (exercises, quiz) in lessons.items():
            mine = cls.of_lesson(exercises, quiz)
            parts.append(mine)
            words = [f"{done} of {of} {what}" for (done, of), what in (
                (mine.exercises, "exercises"), (mine.questions, "questions")) if of]
            done, of = (sum(pair) for pair in zip(mine.exercises, mine.questions, strict=True))
            rows.append(Row(name, ", ".join(words), "", done, of, any(row.tried for row in mine.rows)))
        return cls(_added([part.exercises for part in parts]), _added([part.questions for part in parts]), tuple(rows))

    @property
    def solved(self) -> int:
        """Exercises solved."""
        return self.exercises[0]

    def __repr__(self) -> str:
        full = round(_BAR * self._share())
        width = max((len(row.name) for row in self.rows), default=0)
        column = max((len(row.words) for row in self.rows), default=0)
        lines = [f"{self._headline()}  [{'#' * full}{'.' * (_BAR - full)}]"]
        lines += [f"  {row.sign} {row.name:<{width}}  {row.words:<{column}}  {row.title}".rstrip() for row in self.rows]
        return "\n".join((*lines, KEPT))

    def _headline(self) -> str:
        text = f"{self.exercises[0]} of {self.exercises[1]} exercises solved"
        return f"{text}, {self.questions[0]} of {self.questions[1]} questions right" if self.questions[1] else text

    def _share(self) -> float:
        return (self.exercises[0] + self.questions[0]) / max(1, self.exercises[1] + self.questions[1])

    def _repr_html_(self) -> str:
        full = _WIDTH * self._share()
        color = f"var(--jp-success-color1,{style.LIGHT.hues[2]})"
        # Drawn inside the page, so currentColor is the theme's own text colour, in light and in dark.
        bar = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{_HEIGHT}" '
            f'aria-label="{escape(self._headline())}"><rect x=".5" y=".5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" '
            f'rx="4" fill="none" stroke="currentColor" opacity=".5"/>'
            f'<rect x="0" y="0" width="{full:.0f}" height="{_HEIGHT}" rx="4" style="fill:{color}"/></svg>'
        )
        rows = ""
        for row in self.rows:
            cells = (f"{row.sign} {row.words}", row.name, row.title)
            rows += "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in cells) + "</tr>"
        where = f"<small>{escape(KEPT)}</small>"
        return f"<div><strong>{escape(self._headline())}</strong><br/>{bar}<table>{rows}</table>{where}</div>"


def _exercise(exercise: Exercise, mine: progress_file.Entry) -> Row:
    # The number of tries is not shown.
    words = "solved" if mine.solved else "not yet" if mine.tries else "not attempted"
    return Row(exercise.name, words, exercise.title, int(mine.solved), 1, mine.tries > 0)


def _questions(quiz: Quiz | None, known: Mapping[str, progress_file.Entry]) -> tuple[int, int, bool]:
    """How many questions were answered right, of how many, and whether any was answered."""
    if quiz is None:
        return 0, 0, False
    entries = [known.get(name, progress_file.Entry()) for name in quiz.names]
    return sum(each.solved for each in entries), len(entries), any(each.tries for each in entries)


def _added(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(first for first, _ in pairs), sum(second for _, second in pairs)
