"""What every exercise is: a task, a check with three outcomes, hints, and a solution that opens after some tries.

Rule: knows no protocol; a check tests what an answer does, not how it is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from labkit.core.calls import in_words
from labkit.exercises import progress_file
from labkit.exercises.printing import few_lines
from labkit.exercises.result import Note, Outcome, Result, plain
from labkit.exercises.running import Interrupted, NotAttempted, NotYet, Run, supervised

TRIES = 3
"""Answers after which the solution opens."""

SKELETON = (
    "This is still the empty skeleton, or it returns nothing yet: put your code in place of the ..., "
    "and run this again."
)
"""Said if an answer is of the right kind and has nothing in it yet."""

_EMPTY = (str, bytes, list, tuple, set, frozenset, dict)


class Exercise(ABC):
    """One exercise; showing it shows the task.

    name: ``"tcp.flags"``. title: a few words. steps: what `check` tries, in order. stub: the code a cell starts with.
    asks: what `check` must be given. praise: said with a correct answer, one thing to remember.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    steps: ClassVar[tuple[str, ...]]
    stub: ClassVar[str]
    asks: ClassVar[str]
    praise: ClassVar[str]

    def __init__(self) -> None:
        self._tries = 0
        self._hints = 0
        self._asked = 0
        self._solved = False

    # -- what each exercise says: a class attribute, or a property if it depends on the problem

    @property
    @abstractmethod
    def task(self) -> str:
        """What to do, in Markdown."""

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

        Raises `Interrupted` if the student stops the check: one line in a notebook, and this does not count as a try.
        """
        try:
            return self._tried(answer)
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
            self._note(False)
            why = f"{found.why}\n{self._next()}".strip()
            step = f"step {run.number} of {len(self.steps)}: {self.steps[run.number - 1]}"
            return Result(self.name, Outcome.NOT_YET, step, found.expected, found.seen, why, found.frames)
        self._note(True)
        return Result(self.name, Outcome.CORRECT, why=self.praise)

    @in_words
    def hint(self) -> Note:
        """Return the hints so far and one more, from a nudge to nearly the answer."""
        count = len(self.hints)
        self._hints = min(self._hints + 1, count)
        given = self.hints[: self._hints]
        lines = [f"**Hint {number} of {count}.** {text}" for number, text in enumerate(given, 1)]
        if self._hints == count:
            lines.append(f"That is the last hint; there is {self._call('solution')} too.")
        return Note("\n\n".join(lines))

    @in_words
    def solution(self) -> Note:
        """Return the solution after a correct answer or three tries, or if it is asked for a second time."""
        self._asked += 1
        if self._open():
            return Note(f"**Solution of {self.name}**\n\n{self.worked}")
        left = TRIES - self._tries
        tries = "one more try" if left == 1 else f"{left} more tries"
        return Note(
            f"The solution of {self.name} opens after a correct answer or {tries}. To see it now, ask once more."
        )

    def restart(self) -> None:
        """Forget tries and hints of this session, as if the notebook had just been opened."""
        self._tries = self._hints = self._asked = 0
        self._solved = False

    def __repr__(self) -> str:
        return plain(self._markdown())

    def _repr_markdown_(self) -> str:
        return self._markdown()

    # -- inside

    def _markdown(self) -> str:
        return f"**Exercise {self.name}: {self.title}**\n\n{self.task}\n\n{self._next(check=True)}"

    def _call(self, method: str) -> str:
        return f"`exercises.{self.name}.{method}()`"  # every lesson imports `exercises`, and maybe nothing else

    def _next(self, *, check: bool = False) -> str:
        calls = [self._call("hint"), self._call("solution")]
        if check:
            return f"Then {self._call('check').replace('()', '(…)')}; if you are stuck, {calls[0]}."
        text = f"Stuck? You may look at {calls[1]}." if self._open() else f"Stuck? {calls[0]}."
        return text.replace("`", "")

    def _open(self) -> bool:
        # Not by the progress file: a lesson must say the same on every run, whatever was solved last week.
        return self._solved or self._tries >= TRIES or self._asked >= 2

    def _note(self, solved: bool) -> None:
        self._tries += 1
        self._solved = self._solved or solved
        progress_file.note(self.name, solved=solved)


class Seeded(Exercise):
    """An exercise with many problems to practise on, each made from a number. seed: the number, from 1."""

    def __init__(self) -> None:
        super().__init__()
        self._turn_to(1)

    def another(self, seed: int | None = None) -> Self:
        """Turn to the next problem, or to the one with this number; returns the exercise, as if never tried."""
        self._turn_to(self.seed + 1 if seed is None else seed)
        self.restart()
        return self

    def _turn_to(self, seed: int) -> None:
        self.seed = seed
        self._make(seed)

    @abstractmethod
    def _make(self, seed: int) -> None:
        """Make the problem of this seed."""


def is_empty(answer: Any) -> bool:
    """Whether an answer says nothing: None, ``...``, or a collection that is empty or holds only None and ``...``."""
    if answer is None or answer is ...:
        return True
    if type(answer) not in _EMPTY:
        return False
    parts = answer.values() if isinstance(answer, dict) else answer
    return all(part is None or part is ... for part in parts)
