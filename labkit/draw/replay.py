"""Replay: step through a tape packet by packet, and see what each end knows after each.

Rule: the object is words and numbers; a page shows it by a view that asks for the steps it needs, some at a time.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.checks import whole
from labkit.core.errors import LabError
from labkit.draw import replay_static, replay_steps, replay_text
from labkit.draw.text import given
from labkit.packets.courses import Course, courses_of
from labkit.packets.states import Moment
from labkit.packets.tape import Tape


class Replay:
    """A tape to step through. tape: what it shows. connection: the number of the exchange that its text tells, from 1.

    Its text is the table of states. Source: RFC 9293 §3.3.2.
    """

    def __init__(self, tape: Tape, connection: int = 1) -> None:
        self.tape, self.connection = tape, connection
        self._courses: list[Course] = list(courses_of(tape))
        if self._courses or connection != 1:
            whole(connection, "the number of a connection", 1, max(1, len(self._courses)))
        self._panel: widgets.Panel | None = None

    def moment(self, number: int) -> Moment:
        """What both ends know after the packet with this number.

        Raises LabError if it is not a packet of the connection, or its protocol has no states.
        """
        course = self._course
        for index in range(len(course) if course is not None else 0):
            if course is not None and course.tape[index].number == number:
                found = course.moment(index)
                if found is not None:
                    return found
        raise LabError(
            f"packet {number} is not a TCP segment of the connection that is replayed",
            "Choose one by its number: draw.replay(tape, connection=2).",
        )

    @property
    def _course(self) -> Course | None:
        return self._courses[self.connection - 1] if self._courses else None

    @property
    def panel(self) -> widgets.Panel:
        """What a page shows of it, and may ask for."""
        if self._panel is None:
            chosen = self.connection - 1
            state = {"origin": self.tape.origin, "chosen": chosen, "courses": replay_steps.named(self._courses),
                     "why": replay_steps.WHY, "rows": replay_steps.ROWS}  # fmt: skip
            data = self._steps(chosen, 0, replay_steps.AHEAD).buffers[0] if self._courses else b""
            self._panel = widgets.Panel(
                "replay", {"steps": widgets.Ask(self._steps, course=int, first=int, last=int)}, state, data
            )
        return self._panel

    def _steps(self, course: int, first: int, last: int) -> widgets.Answer:
        """The steps from the index first to the one before last of an exchange."""
        if not 0 <= course < len(self._courses):
            raise LabError(f"this tape has no exchange {course + 1}", "Run the cell again.")
        first = max(0, first)
        last = min(last, first + replay_steps.MOST, len(self._courses[course]))
        return widgets.Answer({"course": course}, [replay_steps.encoded(self._courses[course], first, last)])

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """What a notebook shows: the view in a page with a kernel, and the table of states elsewhere."""
        html = replay_static.static(self._courses, self.connection - 1, self.tape.origin)
        return widgets.mimebundle(repr(self), html, *([self.panel] if widgets.available() else []))

    def __repr__(self) -> str:
        return replay_text.twin(self._courses, self.connection - 1, self.tape.origin)


@in_words
def replay(tape: Tape, *, connection: int = 1) -> Replay:
    """Step through a tape packet by packet: the ladder grows, and beside each lifeline stands what that end knows.

    tape: a Tape, or a part of one. connection: which of its exchanges is shown first, from 1 in the order of their
    first packets; in a notebook another one can be chosen. Of each end it shows its TCP state (RFC 9293 §3.3.2), the
    next number it sends, what is not acknowledged, the windows and the receive buffer; and whether packets prove it or
    it was assumed (≈). Returns a `Replay`; its text is the table of states. Raises LabError for something that is no
    tape, and for a connection that the tape does not have.
    """
    if not isinstance(tape, Tape):
        raise LabError(f"cannot replay {given(tape)}", "Give a tape or a part of one: draw.replay(tape[2:9]).")
    return Replay(tape, connection)
