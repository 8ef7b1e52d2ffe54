"""What every exercise is: a task, a check with three outcomes, hints, and a solution that opens after some tries.

Rule: knows no protocol; a check tests what an answer does, not how it is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from labkit import widgets
from labkit.core.calls import in_words
from labkit.exercises import progress_file
from labkit.exercises.folding import folded
from labkit.exercises.form import Form
from labkit.exercises.printing import few_lines
from labkit.exercises.result import Note, Outcome, Result, fixed_width, held, plain
from labkit.exercises.running import Interrupted, NotAttempted, NotYet, Run, supervised
from labkit.exercises.view import ExerciseView

TRIES = 3
"""Answers that fail at the same step, after which the solution opens."""

SKELETON = (
    "This is still the empty skeleton, or it returns nothing yet: put your code in place of the ..., "
    "and run this again."
)
"""Said if an answer is of the right kind and has nothing in it yet."""

_EMPTY = (str, bytes, list, tuple, set, frozenset, dict)


class Exercise(ABC):
    """One exercise; showing it shows the task.

    name: ``"tcp.flags"``. lesson: where it belongs, ``"01a-tcp-connection"``. title: a few words. steps: what `check`
    tries, in order. stub: the code a cell starts with. asks: what `check` must be given. praise: said with a correct
    answer, one thing to remember. stretch: something harder to try after that, or "". following: the call that shows
    what comes next in the lesson (the list of all exercises sets it). form: the fields by which a page takes an answer,
    None if the answer is code.
    """

    name: ClassVar[str]
    lesson: ClassVar[str] = ""
    title: ClassVar[str]
    steps: ClassVar[tuple[str, ...]]
    stub: ClassVar[str]
    asks: ClassVar[str]
    praise: ClassVar[str]
    stretch: ClassVar[str] = ""

    def __init__(self) -> None:
        self.following = ""
        self._failed: dict[int, int] = {}  # how many answers failed at each step
        self._hints = 0
        self._asked = 0
        self._solved = False
        self._view: ExerciseView | None = None

    # -- what each exercise says: a class attribute, or a property if it depends on the problem

    @property
    @abstractmethod
    def task(self) -> str:
        """What to do, in Markdown."""

    @property
    def form(self) -> Form | None:
        """The fields by which a page takes an answer; None if the answer is code, which belongs in a cell."""
        return None

    @property
    @abstractmethod
    def hints(self) -> tuple[str, ...]:
        """The hints in Markdown, from a nudge to nearly the answer."""

    @property
    @abstractmethod
    def worked(self) -> str:
        """The solution in Markdown, with the way to it."""

    @property
    @abstractmethod
    def reference(self) -> Any:
        """An answer that is correct; the tests check it."""

    @abstractmethod
    def examine(self, answer: Any, run: Run) -> None:
        """Try the answer step by step; raises `NotYet` or `NotAttempted`, returns when nothing is wrong."""

    # -- what a student calls

    @in_words
    def check(self, answer: Any = None) -> Result:
        """Try an answer, within seconds; returns a `Result`: not attempted, not yet (what failed, where) or correct.

        While verdicts are hidden (`labkit.verdicts`), what it returns does not show its outcome yet.
        Raises `Interrupted` if the student stops the check: one line in a notebook, and this does not count as a try.
        """
        try:
            return held(self._tried(answer))
        except KeyboardInterrupt:
            raise Interrupted(f"the check of {self.name} was stopped; it does not count as a try") from None

    def _tried(self, answer: Any) -> Result:
        run = Run()
        try:
            if is_empty(answer):
                raise NotAttempted
            with few_lines():
                supervised(lambda run: self.examine(answer, run), run)
        except NotAttempted:
            todo = self.asks if is_empty(answer) else SKELETON
            return Result(self.name, Outcome.NOT_ATTEMPTED, why=f"{todo}\n{self._next()}")
        except NotYet as found:
            further = self._further(run.number)
            self._failed[run.number] = self._failed.get(run.number, 0) + 1
            self._note(False)
            why = "\n".join(part for part in (found.why, further, self._next()) if part)
            step = f"step {run.number} of {len(self.steps)}: {self.steps[run.number - 1]}"
            return Result(self.name, Outcome.NOT_YET, step, found.expected, found.seen, why, found.frames)
        self._note(True)
        return Result(self.name, Outcome.CORRECT, why="\n".join((self.praise, *self._onward())))

    @in_words
    def hint(self) -> Note:
        """Return one more hint, from a nudge to nearly the answer. In a notebook the earlier ones are above it."""
        count = len(self.hints)
        self._hints = min(self._hints + 1, count)
        lines = [f"**Hint {number} of {count}.** {text}" for number, text in enumerate(self.hints[: self._hints], 1)]
        last = f"That is the last hint; there is {self._call('solution')} too."
        more = [last] if self._hints == count else []
        # A notebook replaces the output of its cell, so it shows them all; in a terminal the earlier ones are above.
        return Note("\n\n".join(lines + more), plain("\n\n".join(lines[-1:] + more)))

    @in_words
    def solution(self) -> Note:
        """Return the solution after a correct answer or three tries at one step, or if it is asked for twice."""
        self._asked += 1
        if self.is_open():
            return Note(f"**Solution of {self.name}**\n\n{self.worked}")
        left = TRIES - max(self._failed.values(), default=0)
        tries = "one more try" if left == 1 else f"{left} more tries"
        return Note(
            f"The solution of {self.name} opens after a correct answer or {tries} at the same step. "
            "To see it now, ask once more."
        )

    def restart(self) -> None:
        """Forget tries and hints of this session, as if the notebook had just been opened."""
        self._failed.clear()
        self._hints = self._asked = 0
        self._solved = False
        if self._view is not None:
            self._view.clear()

    def __repr__(self) -> str:
        return plain(self._markdown())

    def _repr_markdown_(self) -> str:
        return fixed_width(folded(self._markdown()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if not widgets.available() or widgets.is_large():
            return {}  # the text and the Markdown above are all; with fields a task would not fit on a projector
        if self._view is None:
            self._view = ExerciseView(self)
        self._view.fit()
        return widgets.mimebundle(repr(self), "", self._view.sheet)

    # -- inside

    def _markdown(self) -> str:
        return f"**Exercise {self.name}: {self.title}**\n\n{self.task}\n\n{self._next(check=True)}"

    def _call(self, method: str) -> str:
        return f"`exercises.{self.name}.{method}()`"  # every lesson imports `exercises`, and maybe nothing else

    def _next(self, *, check: bool = False) -> str:
        calls = [self._call("hint"), self._call("solution")]
        if check:
            return f"Then {self._call('check').replace('()', '(…)')}; if you are stuck, {calls[0]}."
        text = f"Stuck? {' or '.join(calls)}." if self.is_open() else f"Stuck? {calls[0]}."
        return text.replace("`", "")

    def _further(self, step: int) -> str:
        """Said of an answer that fails at another step than the best one before it; "" for the first answer.

        Nothing is said after a correct answer: the best one did not fail.
        """
        if self._solved:
            return ""
        best = max(self._failed, default=step)
        if step > best:
            return f"You got further: your best answer before failed at step {best}."
        return f"Your best answer so far failed at step {best}." if step < best else ""

    def _onward(self) -> list[str]:
        """What to do after a correct answer: something harder, and what comes next in the lesson."""
        lines = [f"To go further: {self.stretch}"] if self.stretch else []
        return lines + ([f"Next in this lesson: {self.following}"] if self.following else [])

    def is_open(self) -> bool:
        """Whether `solution` shows the solution, and not how to come to it."""
        # Not by the progress file: a lesson must say the same on every run, whatever was solved last week.
        return self._solved or max(self._failed.values(), default=0) >= TRIES or self._asked >= 2

    def _note(self, solved: bool) -> None:
        self._solved = self._solved or solved
        progress_file.note(self.name, solved=solved)


class Seeded(Exercise):
    """An exercise with many problems to practise on, each made from a number. seed: the number, from 1.

    only_seed: the only number whose answers count as solved, where a student has problems of their own; else None.
    """

    only_seed: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self._turn_to(1)

    def another(self, seed: int | None = None) -> Self:
        """Turn to the next problem, or to the one with this number; returns the exercise, as if never tried."""
        self._turn_to(self.seed + 1 if seed is None else seed)
        self.restart()
        return self

    def _onward(self) -> list[str]:
        return [f"Another problem of this kind: exercises.{self.name}.another()", *super()._onward()]

    def _turn_to(self, seed: int) -> None:
        self.seed = seed
        self._make(seed)

    def _note(self, solved: bool) -> None:
        self._solved = self._solved or solved
        progress_file.note(self.name, solved=solved and self.only_seed in (None, self.seed))

    @abstractmethod
    def _make(self, seed: int) -> None:
        """Make the problem of this seed."""


def is_empty(answer: Any) -> bool:
    """Whether an answer says nothing: None, ``...``, or a collection that is empty or holds nothing but such parts."""
    return _is_empty(answer, 3)


def _is_empty(answer: Any, depth: int) -> bool:
    """As `is_empty`. depth: how many collections inside each other are looked at, for one may hold itself."""
    if answer is None or answer is ...:
        return True
    if type(answer) not in _EMPTY or depth == 0:
        return False
    if type(answer) in (str, bytes):
        return not answer
    parts = answer.values() if isinstance(answer, dict) else answer
    return all(_is_empty(part, depth - 1) for part in parts)
