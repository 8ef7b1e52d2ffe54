"""Verdicts that wait: an instructor hides them while the room is asked, and shows all of them at once.

Rule: only when a verdict is shown changes; its words are those it would have had at once.
"""

from __future__ import annotations

import threading
from typing import Any

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.checks import flag
from labkit.course.cards import Card

WAITS = "The verdict is hidden. labkit.verdicts(hidden=False) shows it."

_guard = threading.Lock()
_hidden = False
_waiting: list[HeldCard] = []


class HeldCard(Card):
    """A card that does not say its verdict yet. card: what it will say. In a page it follows by itself."""

    def __init__(self, card: Card) -> None:
        super().__init__([WAITS])
        self.card = card
        self._sheet = widgets.Sheet()
        self._said = False
        self._fill()

    def show(self) -> None:
        """Say the verdict, in each page that shows the card too."""
        self._said = True
        self.lines, self.tone = self.card.lines, self.card.tone
        self._fill()

    def _fill(self) -> None:
        self._sheet.show(above={"text/html": self._repr_html_(), "text/plain": repr(self)})

    def _body(self) -> list[str]:
        return self.card._body() if self._said else super()._body()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return widgets.mimebundle(repr(self), self._repr_html_(), self._sheet)


def held(card: Card) -> Card:
    """The card itself, or one that waits while verdicts are hidden."""
    with _guard:
        if not _hidden:
            return card
        waiting = HeldCard(card)
        _waiting.append(waiting)
        return waiting


@in_words
def verdicts(*, hidden: bool) -> str:
    """Hide the verdicts of predictions and claims from now on, or show all that are hidden. Returns what it did.

    hidden: whether the cells that compare a prediction or check a claim wait with their verdicts. What these cells
    return shows its verdict in the page as soon as this is called with False; without controls in the page, after the
    cell has run again.
    """
    global _hidden
    with _guard:
        _hidden = flag(hidden, "hidden")
        if _hidden:
            return "Verdicts are hidden from now on. labkit.verdicts(hidden=False) shows all of them."
        shown = _waiting[:]
        _waiting.clear()
    for each in shown:
        each.show()
    count = f"{len(shown)} verdict{'' if len(shown) == 1 else 's'}"
    return f"{count} shown. From now on each is shown at once."


def forget() -> None:
    """Verdicts are shown at once again, and none waits; what is hidden on the page stays so."""
    global _hidden
    with _guard:
        _hidden = False
        _waiting.clear()
