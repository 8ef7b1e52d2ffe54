"""A poll: the answers of a room as bars, which grow while they come.

Rule: the bars are counts, never names; the page of the instructor decides which question is shown, no student's does.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from labkit import widgets
from labkit.core import checks
from labkit.core.calls import in_words
from labkit.core.checks import flag, text
from labkit.core.errors import LabError
from labkit.course import posting
from labkit.course.choices import choices_of
from labkit.course.room import Room
from labkit.course.tally import Question, Refused
from labkit.draw.text import count, visible

_BARS = 12
"""Free answers that are shown; the others are counted together."""
_WIDTH = 24  # characters of a full bar in the text

_room: Room | None = None
_polls: weakref.WeakSet[Poll] = weakref.WeakSet()


@in_words
def poll(
    question: str = "",
    options: Sequence[Any] | Mapping[Any, str] = (),
    *,
    hidden: bool = False,
    port: int | None = None,
) -> Poll:
    """Show the answers of the room as bars, which grow while they come.

    Students join once, by ``labkit.join(8700)`` in a cell of their own notebook; the poll shows the number. From then
    on each prediction that they make in a lesson (`labkit.predict`) counts here.
    question: a question of your own, which the view of each student who has joined asks at once. Without it, the poll
    shows the predictions: those of the question whose cell ran last in this notebook, or the one that you choose in the
    poll. options: the answers to choose from; none for a free answer. hidden: whether the bars wait until you show
    them. port: of this machine's loopback; default 8700, or any free one if another program has that. A notebook has
    one room: a second poll in it takes the same port, and nobody has to join again.
    Raises `PortInUse` if another program has the port, `LabError` for a question that is none.
    """
    names = tuple(str(option) for option in choices_of(options))
    asked = _question(text(question, "a question"), names)
    flag(hidden, "hidden")
    room = _open_room(port)
    try:
        if asked is not None:
            room.ask(asked)
    except Refused as error:
        raise LabError(str(error), "End it by labkit.reset(), and begin a new one.") from None
    made = Poll(room, asked, hidden)
    if (last := posting.last()) is not None:
        made.turn_to(last)
    _polls.add(made)
    return made


def _question(question: str, names: tuple[str, ...]) -> Question | None:
    if not question:
        if names:
            raise LabError("options without a question", 'Give the question first: labkit.poll("…", ["yes", "no"]).')
        return None
    try:
        return Question.checked(question, list(names))
    except Refused as error:
        raise LabError(f"{checks.shown(question)}: {error}", "Ask more shortly, or give fewer options.") from None


def _open_room(port: int | None) -> Room:
    global _room
    if port is not None:
        checks.whole(port, "a port", 0, 65535)
    if _room is not None and not _room.closed:
        if port not in (None, 0, _room.port):
            raise LabError(
                f"this notebook's poll is at port {_room.port} already", "Leave port out, or end it: `.close()`."
            )
        return _room
    _room = Room(port, _show_all)
    _listen()
    return _room


def _listen() -> None:
    posting.unlisten(_turn)
    posting.listen(_turn)


def _turn(question: Question, _answer: str) -> None:
    """A prediction's cell ran here: the polls without a question of their own show this one."""
    for each in tuple(_polls):
        each.turn_to(question)


def _show_all() -> None:
    for each in tuple(_polls):
        each.refresh()


def end() -> bool:
    """End the poll of this notebook. Returns whether there was one."""
    global _room
    open_one = _room is not None and not _room.closed
    if _room is not None:
        _room.close()
        _show_all()
    _room = None
    posting.unlisten(_turn)
    return open_one


def _forked() -> None:
    global _room
    _room = None  # the parent's


os.register_at_fork(after_in_child=_forked)


class Poll:
    """The answers of a room. port: where students' kernels join."""

    def __init__(self, room: Room, asked: Question | None, hidden: bool) -> None:
        self.port = room.port
        self._room, self._asked, self._chosen, self._hidden = room, asked, asked, hidden
        self._panel = widgets.Panel(
            "poll",
            {
                "hide": widgets.Ask(self.hide),
                "show": widgets.Ask(self.show),
                "clear": widgets.Ask(self.clear),
                "close": widgets.Ask(self._close_from_page),
                "choose": widgets.Ask(self._choose, number=int),
                "there": widgets.Ask(lambda: None),
            },
        )
        self.refresh()

    # -- for a cell

    @property
    def question(self) -> str:
        """The question that is shown, ``""`` if there is none yet."""
        shown = self._shown()
        return "" if shown is None else shown.text

    @property
    def counts(self) -> dict[str, int]:
        """How many gave each answer to the question that is shown."""
        shown = self._shown()
        with self._room.lock:
            return {} if shown is None else self._room.tally.counts(shown)

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Each answer to the question that is shown, with the student's name, ``""`` for an anonymous one."""
        shown = self._shown()
        with self._room.lock:
            return [] if shown is None else self._room.tally.given(shown)

    def hide(self) -> None:
        """Show no bars until `show` is called; answers are taken meanwhile."""
        self._hidden = True
        self.refresh()

    def show(self) -> None:
        """Show the bars."""
        self._hidden = False
        self.refresh()

    def clear(self) -> None:
        """Give up the answers to the question that is shown: the room can answer again."""
        shown = self._shown()
        if shown is not None:
            self._room.clear(shown)
        self.refresh()

    def close(self) -> None:
        """End the poll: no answer is taken any more, the bars stay. May be called again."""
        self._room.close()
        self.refresh()

    def _close_from_page(self) -> None:
        self._room.close(wait=False)
        self.refresh()

    def __repr__(self) -> str:
        state = self._state()
        lines = [state["question"] or "No question has an answer yet."]
        if self._hidden:
            lines.append("The bars are hidden. .show() shows them.")
        else:
            width = max((len(name) for name, _ in state["bars"]), default=0)
            total = max(1, state["answered"])
            lines += [
                f"  {name:<{width}}  {'#' * round(_WIDTH * number / total):.<{_WIDTH}}  {number}"
                for name, number in state["bars"]
            ]
        return "\n".join([*lines, f"{count(state['answered'], 'answer')}. {state['how']}"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return widgets.mimebundle(repr(self), "", self._panel)

    # -- inside

    def turn_to(self, question: Question) -> None:
        """Show this question, unless the poll has one of its own."""
        if self._asked is None and not self._room.closed:
            with self._room.lock, contextlib.suppress(Refused):
                self._room.tally.ask(question)
            self._chosen = question
            self.refresh()

    def _choose(self, number: int) -> None:
        with self._room.lock:
            questions = self._room.tally.questions
        if self._asked is None and 0 <= number < len(questions):
            self._chosen = questions[number]
        self.refresh()

    def _shown(self) -> Question | None:
        if self._chosen is not None:
            return self._chosen
        with self._room.lock:  # never what a student has sent first: what the room sees, the instructor decides
            return next(iter(self._room.tally.own), None)

    def refresh(self) -> None:
        """Show the answers as they are now, in each page that shows the poll."""
        with self._panel.guard:
            state = self._state()
            if state != self._panel.state:  # nothing is sent to a page for nothing
                self._panel.update(**state)

    def _state(self) -> dict[str, Any]:
        shown = self._shown()
        with self._room.lock:
            tally = self._room.tally
            counts = {} if shown is None else tally.counts(shown)
            answered = 0 if shown is None else tally.answered(shown)
            questions = tally.questions if self._asked is None else ()
            chosen = questions.index(shown) if shown is not None and shown in questions else -1
            listed = [[visible(each.text)[:80], tally.answered(each)] for each in questions]
        bars: list[tuple[str, int]] = [(visible(name), number) for name, number in counts.items()]
        if shown is not None and not shown.options and len(bars) > _BARS:
            rest = sum(number for _, number in bars[_BARS:])
            bars = [*bars[:_BARS], (f"{len(bars) - _BARS} other answers", rest)]
        joined = self._room.joined
        how = (
            "The poll has ended."
            if self._room.closed
            else f"{count(joined, 'student')} joined, by labkit.join({self.port})."
        )
        return {
            "question": "" if shown is None else visible(shown.text),
            "bars": [] if self._hidden else bars,
            "answered": answered,
            "joined": joined,
            "hidden": self._hidden,
            "ended": self._room.closed,
            "port": self.port,
            "how": how,
            "questions": listed,
            "chosen": chosen,
        }
