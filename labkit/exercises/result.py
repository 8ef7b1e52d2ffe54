"""What a student is shown: the result of a check, the hints, the solution, and values as short text.

Rule: text is the same from run to run, and showing a value never runs the student's code; HTML is made of escaped text.
"""

from __future__ import annotations

import inspect
import re
import reprlib
from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import Any, TypeVar

from labkit import widgets
from labkit.draw import style

T = TypeVar("T")

_SPACE = re.compile(r"(\s+)")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (bool, float, complex, bytes, type(None), type(...))


class Outcome(Enum):
    """The three outcomes of a check."""

    NOT_ATTEMPTED = "not attempted"
    NOT_YET = "not yet"
    CORRECT = "correct"


# Sign, colour in JupyterLab's themes (light and dark), and the colour on a page outside JupyterLab.
_LOOK = {
    Outcome.NOT_ATTEMPTED: ("○", "--jp-border-color1", style.LIGHT.line),
    Outcome.NOT_YET: ("△", "--jp-warn-color1", style.LIGHT.hues[1]),
    Outcome.CORRECT: ("✓", "--jp-success-color1", style.LIGHT.hues[2]),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What `Exercise.check` found; true only if the answer is correct.

    exercise: its name, ``"tcp.flags"``. outcome: one of three. step: what was being tried, ``"step 2 of 3: …"``.
    expected, seen: what should have come, what came. why: what that means, and where to look.
    frames: the student's own lines that led to an error.
    """

    exercise: str
    outcome: Outcome
    step: str = ""
    expected: str = ""
    seen: str = ""
    why: str = ""
    frames: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.outcome is Outcome.CORRECT

    @property
    def correct(self) -> bool:
        """Whether the answer is correct."""
        return bool(self)

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("expected", self.expected), ("seen", self.seen)]
        rows += [("your code" if not number else "", line) for number, line in enumerate(self.frames)]
        return [(name, text) for name, text in rows if text]

    def __repr__(self) -> str:
        lines = [f"{_LOOK[self.outcome][0]} {self.exercise}: {self.outcome.value}"]
        if self.step:
            lines.append(f"  {self.step}")
        for name, text in self._rows():
            label = f"{name}:" if name else ""
            first, *rest = text.split("\n")
            lines.append(f"  {label:<10} {first}")
            lines += [f"  {'':<10} {line}" for line in rest]
        lines += [f"  {line}" for line in self.why.split("\n") if line]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sign, variable, color = _LOOK[self.outcome]
        rows = "".join(
            f'<tr><td style="text-align:left;vertical-align:top;opacity:.75">{escape(name)}</td>'
            f'<td style="text-align:left;white-space:pre-wrap;font-family:{escape(style.MONO)}">{escape(text)}</td>'
            "</tr>"
            for name, text in self._rows()
        )
        parts = [f"<strong>{sign} {escape(self.exercise)}: {self.outcome.value}</strong>"]
        parts += [f"<div>{escape(self.step)}</div>"] if self.step else []
        parts += [f'<table style="margin:.3em 0">{rows}</table>'] if rows else []
        parts += [f'<div style="white-space:pre-wrap">{escape(self.why)}</div>'] if self.why else []
        return boxed("".join(parts), variable, color)


@dataclass(frozen=True, slots=True)
class Note:
    """A hint or a solution: Markdown in a notebook, plain text elsewhere. text: the plain text, if it differs."""

    markdown: str
    text: str = ""

    def __repr__(self) -> str:
        return self.text or plain(self.markdown)

    def _repr_markdown_(self) -> str:
        return fixed_width(self.markdown)


def held(result: T) -> T:
    """A result as it is, or one that waits while verdicts are hidden (`labkit.verdicts`)."""
    return widgets.held(result, boxed(escape(widgets.WAITS), "--jp-border-color1", style.LIGHT.line))


def source(thing: Any, before: str = "") -> str:
    """The source of a class or function as fenced Python, for a solution. before: a line it needs, an import."""
    head = f"{before}\n\n" if before else ""
    return f"```python\n{head}{inspect.getsource(thing)}```"


# nbconvert's page lets the text in an output's <pre> inherit the proportional font, so tables in it lose their columns.
# JupyterLab drops this element: it has a rule of its own.
_FIXED = f"<style>.jp-OutputArea-output.jp-RenderedMarkdown pre{{font-family:{style.MONO}}}</style>"


def fixed_width(markdown: str) -> str:
    """Markdown whose fenced parts have a fixed-width font on an exported page too."""
    return f"{markdown}\n\n{_FIXED}" if "```" in markdown else markdown


def boxed(content: str, variable: str, color: str) -> str:
    """HTML in a box whose left edge has a colour; text keeps the page's own colours, so light and dark both work."""
    return (
        f'<div role="status" style="border-left:5px solid var({variable},{color});padding:.2em .8em;'
        f'line-height:1.45">{content}</div>'
    )


def plain(markdown: str) -> str:
    """Markdown as plain text: fences go, what was fenced is set in by four spaces."""
    lines, fenced = [], False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
            continue
        lines.append(("    " + line).rstrip() if fenced else line.replace("**", ""))
    return "\n".join(lines).strip("\n")


class _Shown(reprlib.Repr):
    """repr of Python's own types, cut to a readable length; of others the name of their class only.

    The student's ``__repr__`` is not called: it may be long, raise, hang, or print an address of this run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 8
        self.maxstring = self.maxother = self.maxlong = 90

    def repr1(self, x: Any, level: int) -> str:
        kind = type(x)
        if kind in (str, int, list, tuple, set, frozenset, dict):
            return super().repr1(x, level)
        if kind in _PLAIN:
            text = repr(x)
            return text if len(text) <= 90 else f"{text[:60]}...{text[-15:]}"
        if isinstance(x, type):
            return f"the class {type.__getattribute__(x, '__name__')}"
        name = getattr(x, "__name__", None) if kind.__module__ == "builtins" else None
        return f"the function {name}" if isinstance(name, str) else f"an object of class {kind.__name__}"


_shown = _Shown()


def show(value: Any) -> str:
    """A value as a short text that is the same from run to run."""
    try:
        return _shown.repr(value)
    except ValueError:  # Python refuses to write out a number of more than 4300 digits
        return f"a {type(value).__name__} with a number of thousands of digits"


def show_error(error: BaseException) -> str:
    """An exception as one line, ``"ValueError: not a number"``, the same from run to run."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return kind
    text = _ADDRESS.sub("", _SPACE.sub(" ", text)).strip()
    return f"{kind}: {text if len(text) <= 200 else text[:197] + '...'}" if text else kind
