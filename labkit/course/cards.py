"""How a question, a result and a checked claim look: three forms that cannot be taken for one another.

Rule: the same words in the console and on the page; green and red are for the student's own answer and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labkit.widgets import EDGES, marked

Tone = Literal["question", "plain", "good", "bad", "claim"]

_FONT = "font-family:var(--jp-content-font-family,sans-serif);margin:.3em 0;line-height:1.5"
# Text and paper keep the page's own colours, so both themes are readable; only edges have a colour of their own.
_FORMS = {
    "question": f"border:1px dashed {EDGES['plain']};border-radius:6px;padding:.4em .9em",
    "plain": f"border-left:6px solid {EDGES['plain']};padding:.2em .9em",
    "good": f"border-left:6px solid {EDGES['good']};padding:.2em .9em",
    "bad": f"border-left:6px solid {EDGES['bad']};padding:.2em .9em",
    "claim": f"border:solid {EDGES['plain']};border-width:1px 0;padding:.4em .9em .4em 2.2em",
}


class Card:
    """Lines of text for the console and nbval, the same words as quiet HTML for the page.

    lines: the first is the most important one. tone: the form of the card, and for a result its colour.
    """

    def __init__(self, lines: Sequence[str], tone: Tone = "plain") -> None:
        self.lines = tuple(lines)
        self.tone = tone

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _body(self) -> list[str]:
        first, *rest = (marked(line) for line in self.lines)
        return [f"<b>{first}</b>", *rest]

    def _repr_html_(self) -> str:
        body = "".join(f'<div style="white-space:pre-wrap">{line}</div>' for line in self._body())
        return f'<div style="{_FONT};{_FORMS[self.tone]}">{body}</div>'


class ClaimCard(Card):
    """A sentence that was put to the test: quoted, with a badge for the verdict and the id at the end, small.

    lines: the sentence, what was measured, and more if there is more. verdict: one word. number: the id.
    """

    def __init__(self, lines: Sequence[str], verdict: str, number: str) -> None:
        super().__init__([*lines, f"Verdict: {verdict} ({number})"], "claim")
        self.verdict = verdict
        self.number = number

    def _body(self) -> list[str]:
        quoted, *rest = (marked(line) for line in self.lines[:-1])
        badge = f"border:1px solid {EDGES['plain']};border-radius:1em;padding:.05em .7em;font-weight:bold"
        small = f'<span style="font-size:.8em">({marked(self.number)})</span>'
        return [f"<i>{quoted}</i>", *rest, f'Verdict: <span style="{badge}">{marked(self.verdict)}</span> {small}']
