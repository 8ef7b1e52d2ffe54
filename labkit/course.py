"""What a lesson's cells say besides code: which lesson this is, a prediction, a claim of the book put to the test.

Rule: text and small HTML made from measured values; nothing here knows a protocol.
"""

from __future__ import annotations

import html
from collections.abc import Sequence, Set
from typing import Any

from labkit import packets
from labkit.core.calls import in_words
from labkit.core.checks import shown, text
from labkit.core.errors import LabError

VERDICTS = ("holds", "wrong", "outdated")


class _Card:
    """Text for the console and nbval, the same text as quiet HTML for the page."""

    def __init__(self, lines: Sequence[str], tone: str = "plain") -> None:
        self.lines = tuple(lines)
        self.tone = tone

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        # The page's own variables follow JupyterLab's theme; the plain colours serve pages without them.
        edge = {"good": "#2a9d5c", "bad": "#d1495b", "plain": "#7a8aa0"}[self.tone]
        first, *rest = (html.escape(line) for line in self.lines)
        body = "".join(f'<div style="margin-top:.2em">{line}</div>' for line in rest)
        return (
            f'<div style="border-left:4px solid {edge};padding:.3em .8em;margin:.2em 0;'
            f'font-family:var(--jp-content-font-family,sans-serif)"><div><b>{first}</b></div>{body}</div>'
        )


# JupyterLab gives an SVG its own width, and a narrow window a scrollbar; a picture should shrink with its page.
_FIT = ".jp-Notebook .jp-RenderedSVG img{max-width:100%;height:auto}"
# For a projector: the page's text and code larger, pictures as wide as the page.
_LARGE = (
    ".jp-Notebook{--jp-content-font-size1:21px;--jp-code-font-size:19px;--jp-content-line-height:1.5}"
    ".jp-Notebook .jp-RenderedSVG img{width:100%;height:auto}"
)


class _Opening:
    """Two plain lines: which lesson, and how capture works on this machine; and pictures that fit the page."""

    def __init__(self, name: str, status: object, style: str) -> None:
        self.name, self.status, self.style = name, status, style

    def __repr__(self) -> str:
        return f"Lesson {self.name}\ncapture: {self.status}"

    def _repr_html_(self) -> str:
        return f"<style>{self.style}</style><pre>{html.escape(repr(self))}\n</pre>"


@in_words
def lesson(name: str, *, large: bool = False) -> _Opening:
    """Begin a lesson: recordings are looked up under its name. Shows how capture works on this machine.

    name: the notebook's name without its ending, such as ``"01a-tcp-connection"``.
    large: type and pictures for a projector.
    """
    packets.set_lesson(name)
    return _Opening(name, packets.status(), _LARGE if large else _FIT)


def reset() -> str:
    """Put the notebook back to its start: servers, sockets and wires of ours closed, exercises as if never tried.

    For live demonstrations: the next class sees what the first one saw. The progress file is left alone.
    """
    from labkit import dgram, exercises, net
    from labkit.lab import wire

    closed = net.close_everything() + dgram.close_everything()
    wire.close_everything()
    exercises.restart()
    return f"{closed} {'server' if closed == 1 else 'servers'} closed; the exercises start anew"


class Prediction:
    """A student's answer, given before the experiment; `compare` puts it beside what was measured."""

    def __init__(self, question: str, mine: Any, options: Sequence[Any]) -> None:
        self.question = question
        self.mine = mine
        self.options = tuple(options)

    @property
    def made(self) -> bool:
        """Whether the student has answered."""
        return self.mine is not ... and self.mine is not None

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        lines = [self.question]
        if self.options:
            lines.append("Choose from: " + ", ".join(str(option) for option in self.options))
        if not self.made:
            lines.append("No prediction yet: put your answer in place of the three dots and run the cell again.")
        elif not self._is_choice():
            lines.append(f"{self.mine!r} is not one of the choices.")
        else:
            lines.append(f"Your prediction: {self.mine}")
        return lines

    def _is_choice(self) -> bool:
        return not self.options or any(self._same(option) for option in self.options)

    def _same(self, other: Any) -> bool:
        """Whether the student means this: capitals and spaces around do not count."""
        if isinstance(self.mine, str) and isinstance(other, str):
            return self.mine.strip().casefold() == other.strip().casefold()
        return bool(self.mine == other)

    def _repr_html_(self) -> str:
        return _Card(self._lines())._repr_html_()

    def compare(self, measured: Any, because: str = "") -> _Card:
        """Compare the prediction with what the experiment measured. because: one sentence that explains it."""
        lines = [f"Measured: {measured}"]
        tone = "plain"
        if not self.made:
            lines.append("You had made no prediction. Next time, commit first: being surprised is how this is learned.")
        elif not self._is_choice():
            lines.append(f"You predicted {self.mine!r}, which is not one of the choices: it counts as none.")
        elif isinstance(measured, (int, float)) and not isinstance(self.mine, (int, float)):
            lines.append(f"You predicted {self.mine!r}, which is not a number: give one, without quotes.")
        elif self._same(measured):
            lines.append(f"You predicted {self.mine}: right.")
            tone = "good"
        else:
            lines.append(f"You predicted {self.mine}. Look again: which part did you not expect?")
            tone = "bad"
        if because:
            lines.append(because)
        return _Card(lines, tone)


@in_words
def predict(question: str, mine: Any = ..., options: Sequence[Any] = ()) -> Prediction:
    """Ask for a prediction before an experiment.

    question: what will happen? mine: the student's answer (``...``: not yet). options: answers to choose from.
    Raises `LabError` for a question that is not text, or options that are not a list.
    """
    if isinstance(options, (str, bytes)) or not isinstance(options, (Sequence, Set)):
        raise LabError(f"options={shown(options)} is not a list of answers", 'Give several: options=["yes", "no"].')
    return Prediction(text(question, "a question"), mine, tuple(options))


@in_words
def check_claim(number: str, words: str, *, holds: bool, seen: str, outdated: str = "") -> _Card:
    """Settle one claim of the chapter by what was just measured.

    number: its id (``"C-1.4"``). words: the claim, in our words. holds: the measurement's verdict.
    seen: what was measured. outdated: since when and by what it no longer holds, if it once did.
    Raises `LabError` if the verdict is not True or False, as a comparison of measured values gives it.
    """
    if not isinstance(holds, bool):
        raise LabError(f"the verdict on {number} is {holds!r}, not True or False", "Compare two measured values.")
    verdict = "holds" if holds else "outdated" if outdated else "wrong"
    lines = [f"{number} {verdict}", f"The book: {words}", f"Measured: {seen}"]
    if outdated and not holds:
        lines.append(f"Outdated: {outdated}")
    return _Card(lines, "good" if holds else "bad")
