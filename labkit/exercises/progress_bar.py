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
_NAMED = 3  # of a lesson, what is open, by its name


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. name: of an exercise or a lesson. words: how far it is. title: a few words, or "".

    done, of: how many exercises and questions are solved, of how many. tried: whether any answer was given.
    still: of a lesson, what is not solved yet. link: of a lesson, its notebook, or "".
    """

    name: str
    words: str
    title: str
    done: int
    of: int
    tried: bool
    still: tuple[str, ...] = ()
    link: str = ""

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
    def of_lesson(
        cls, exercises: Sequence[Exercise], quiz: Quiz | None, known: Mapping[str, progress_file.Entry] | None = None
    ) -> Progress:
        """The progress in one lesson: a row for each exercise, and one for its check questions.

        known: what is solved, by name; default, what this student's file and this process know.
        """
        if known is None:
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
        known = progress_file.known()
        rows, parts = [], []
        for name, (exercises, quiz) in lessons.items():
            mine = cls.of_lesson(exercises, quiz, known)
            parts.append(mine)
            words = [f"{done} of {of} {what}" for (done, of), what in (
                (mine.exercises, "exercises"), (mine.questions, "questions")) if of]
            done, of = (sum(pair) for pair in zip(mine.exercises, mine.questions, strict=True))
            tried = any(row.tried for row in mine.rows)
            still = tuple(row.name for row in mine.rows if row.done < row.of)
            rows.append(Row(name, ", ".join(words), "", done, of, tried, still, f"{name}.ipynb"))
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
        bar = _bar(self._share(), _WIDTH, _HEIGHT, self._headline())
        rows = ""
        for row in self.rows:
            rows += "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in _cells(row)) + "</tr>"
        where = f"<small>{escape(KEPT)}</small>"
        return f"<div><strong>{escape(self._headline())}</strong><br/>{bar}<table>{rows}</table>{where}</div>"


def _bar(share: float, width: int, height: int, label: str) -> str:
    """A bar as SVG. share: the part that is full, 0 to 1. width, height: px. label: for those who do not see it."""
    color = f"var(--jp-success-color1,{style.LIGHT.hues[2]})"
    # Drawn inside the page, so currentColor is the theme's own text colour, in light and in dark.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'aria-label="{escape(label)}"><rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" '
        f'rx="4" fill="none" stroke="currentColor" opacity=".5"/>'
        f'<rect x="0" y="0" width="{width * share:.0f}" height="{height}" rx="4" style="fill:{color}"/></svg>'
    )


def _cells(row: Row) -> tuple[str, ...]:
    """The cells of a row, as HTML. A lesson has a bar of its own, a link, and what is open."""
    words = escape(f"{row.sign} {row.words}")
    if not row.link:
        return words, escape(row.name), escape(row.title)
    shown = ", ".join(row.still[:_NAMED])
    more = f" and {len(row.still) - _NAMED} more" if len(row.still) > _NAMED else ""
    bar = _bar(row.done / max(1, row.of), _WIDTH // 4, _HEIGHT, f"{row.done} of {row.of}")
    link = f'<a href="{escape(row.link)}">{escape(row.name)}</a>'
    return words, bar, link, escape(f"open: {shown}{more}" if shown else "all done")


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
