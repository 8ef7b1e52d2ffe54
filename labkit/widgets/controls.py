"""What a question knows of its answer: chosen or not, open or locked; the controls in a page follow it.

Rule: nothing a page sends is trusted, and one lock guards the answer: a page may speak while a cell runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from labkit.core.checks import text as as_text
from labkit.core.errors import LabError

Tone = Literal["plain", "good", "bad"]
LONGEST = 200
"""Characters of an answer that a page may send; more is no answer to any question here."""


class Attached(Protocol):
    """Controls in a page that follow a question."""

    def follow(self) -> None:
        """Show what the question knows now."""


class _Question:
    """A question with one answer. view: its controls, None as long as no page has shown it."""

    def __init__(self, question: str, below: str) -> None:
        self.question = as_text(question, "a question")
        self.below = below
        self.said, self.tone = below, "plain"
        self.locked = False
        self.view: Attached | None = None
        # Reentrant: to change the control in a page calls back here, in the same thread.
        self.guard = threading.RLock()

    @property
    def text(self) -> str:
        """The answer as text, ``""`` if there is none."""
        raise NotImplementedError

    def _forget(self) -> None:
        raise NotImplementedError

    def say(self, line: str, tone: Tone = "plain") -> None:
        """Say something below the question. tone: ``"good"`` and ``"bad"`` are for the verdict on an answer."""
        with self.guard:
            self.said, self.tone = as_text(line, "a line"), tone
            self._show()

    def lock(self) -> str:
        """Take no answer any more; returns the one that counts, ``""`` if there is none."""
        with self.guard:
            self.locked = True
            self._show()
            return self.text

    def open(self) -> None:
        """Take answers again."""
        with self.guard:
            self.locked = False
            self._show()

    def clear(self) -> None:
        """Back to the start: no answer, open, the first line below."""
        with self.guard:
            self._forget()
            self.locked, self.said, self.tone = False, self.below, "plain"
            self._show()

    def _show(self) -> None:
        if self.view is not None:
            self.view.follow()

    def _heard(self, line: Any) -> None:
        if isinstance(line, str):
            self.said, self.tone = line, "plain"


class Choice(_Question):
    """A question with options. options: their texts. chosen: the number of the one that was chosen, from 0, or None."""

    def __init__(
        self,
        question: str,
        options: Sequence[str],
        on_choice: Callable[[int], str | None] | None = None,
        *,
        chosen: int | None = None,
        below: str = "",
    ) -> None:
        super().__init__(question, below)
        self.options = tuple(as_text(option, "an option") for option in options)
        if len(self.options) < 2:
            raise LabError(f"{len(self.options)} options are no choice", "Give two or more.")
        self.on_choice = on_choice
        self.chosen = chosen if self._fits(chosen) else None

    @property
    def text(self) -> str:
        """The text of the option that was chosen, ``""`` if none was."""
        return "" if self.chosen is None else self.options[self.chosen]

    def choose(self, number: Any) -> bool:
        """Choose an option by its number, as a click does. False if it is locked, or there is no such option."""
        with self.guard:
            taken = not self.locked and self._fits(number)
            if taken and number != self.chosen:
                self.chosen = int(number)
                if self.on_choice is not None:
                    self._heard(self.on_choice(self.chosen))
            self._show()  # also after a refusal: the page goes back to what counts
            return taken

    def _fits(self, number: Any) -> bool:
        return type(number) is int and 0 <= number < len(self.options)

    def _forget(self) -> None:
        self.chosen = None


class Entry(_Question):
    """A question answered by a word or a number that is typed into a field."""

    def __init__(
        self, question: str, on_entry: Callable[[str], str | None] | None = None, *, typed: str = "", below: str = ""
    ) -> None:
        super().__init__(question, below)
        self.on_entry = on_entry
        self.typed = typed if self._fits(typed) else ""

    @property
    def text(self) -> str:
        """What was typed, ``""`` if nothing was."""
        return self.typed

    def enter(self, typed: Any) -> bool:
        """Answer, as a key press does. False if it is locked, or this is no text of a reasonable length."""
        with self.guard:
            taken = not self.locked and self._fits(typed)
            if taken and typed.strip() != self.typed:
                self.typed = typed.strip()
                if self.on_entry is not None:
                    self._heard(self.on_entry(self.typed))
            self._show()
            return taken

    @staticmethod
    def _fits(typed: Any) -> bool:
        return isinstance(typed, str) and len(typed) <= LONGEST and typed.isprintable()

    def _forget(self) -> None:
        self.typed = ""


def choice(
    question: str,
    options: Sequence[str],
    on_choice: Callable[[int], str | None] | None = None,
    *,
    chosen: int | None = None,
    below: str = "",
) -> Choice:
    """A question with two options or more, each on a line of its own.

    on_choice: called with the number of the option, from 0, each time another one is chosen; what it returns is said
    below, if it is text. chosen: the one that is chosen at first. below: the line below the question at first.
    """
    return Choice(question, options, on_choice, chosen=chosen, below=below)


def entry(
    question: str, on_entry: Callable[[str], str | None] | None = None, *, typed: str = "", below: str = ""
) -> Entry:
    """A question with a field to type into.

    on_entry: called with what was typed; what it returns is said below, if it is text. typed, below: as at first.
    """
    return Entry(question, on_entry, typed=typed, below=below)
