"""An exercise in a page: its task, fields for the answer, buttons for check, hint and solution, the result below.

Rule: a button calls the method of the same name, and what that returns is shown; nothing is decided here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from labkit import widgets
from labkit.exercises.form import Form
from labkit.exercises.result import Note, Result


class Shown(Protocol):
    """What a view asks of an exercise; `Exercise` says what each of it is."""

    name: ClassVar[str]

    @property
    def form(self) -> Form | None:
        """The fields of an answer."""

    def check(self, answer: Any = None) -> Result:
        """Try an answer."""

    def hint(self) -> Note:
        """One more hint."""

    def solution(self) -> Note:
        """The solution, or how it opens."""

    def is_open(self) -> bool:
        """Whether `solution` shows the solution."""

    def _repr_markdown_(self) -> str: ...


class ExerciseView:
    """What a page shows of one exercise. panel: the fields and buttons. sheet: them between the task
    and the result.
    """

    def __init__(self, exercise: Shown) -> None:
        self.exercise = exercise
        self._found: Result | Note | None = None
        asks = {"hint": widgets.Ask(self._hint), "solution": widgets.Ask(self._solution)}
        if exercise.form is not None:
            asks["check"] = widgets.Ask(self._check, answer=str)
        state = {"name": exercise.name, "fields": [], "texts": [], "round": 0}
        self.panel = widgets.Panel("exercise", asks, state)
        self.sheet = widgets.Sheet(self.panel)
        self.fit()

    def fit(self) -> None:
        """Show the task and its fields as they are now: another problem, or another tape, changes both."""
        form, panel = self.exercise.form, self.panel
        fields = [] if form is None else form.state()
        if fields != panel.state["fields"]:
            panel.update(fields=fields, texts=[])
        task = {"text/markdown": self.exercise._repr_markdown_(), "text/plain": repr(self.exercise)}
        if task != self.sheet.above:
            self._found = None
            self.sheet.show(above=task, below={})

    def clear(self) -> None:
        """As if nothing had been typed, checked or asked for."""
        panel = self.panel
        panel.update(texts=[], round=panel.state["round"] + 1)  # a new round empties also what was typed and not sent
        self._found = None
        self.sheet.show(below={})

    def _check(self, answer: str) -> widgets.Answer:
        form = self.exercise.form
        assert form is not None  # else there is no such ask
        texts = form.texts(answer)
        result = self.exercise.check(form.answer(texts))
        self.panel.update(texts=texts)
        if isinstance(result, widgets.Held):
            result.follow(lambda: self._follow(result))
            return self._show(result, "Checked. The result is below as soon as verdicts are shown.")
        return self._show(result, f"Checked: {result.outcome.value}. The result is below.")

    def _follow(self, result: Result) -> None:
        """The verdict of this result is shown now."""
        with self.panel.guard:
            if self._found is result:
                self._show(result, "")

    def _hint(self) -> widgets.Answer:
        return self._show(self.exercise.hint(), "The hint is below.")

    def _solution(self) -> widgets.Answer:
        note = self.exercise.solution()
        opened = "The solution is below." if self.exercise.is_open() else "Not yet: below is how it opens."
        return self._show(note, opened)

    def _show(self, found: Result | Note, words: str) -> widgets.Answer:
        self._found = found
        rich = (
            {"text/markdown": found._repr_markdown_()}
            if isinstance(found, Note)
            else {"text/html": found._repr_html_()}
        )
        self.sheet.show(below={**rich, "text/plain": repr(found)})
        return widgets.Answer({"words": words})
