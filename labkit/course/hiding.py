"""`labkit.verdicts`: the instructor's call that hides verdicts, and shows them.

Rule: what waits, and how, is the business of `labkit.widgets`.
"""

from __future__ import annotations

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.checks import flag
from labkit.course.cards import Card
from labkit.draw.text import count


def held(card: Card) -> Card:
    """The card itself, or one that waits while verdicts are hidden."""
    return widgets.held(card, Card([widgets.WAITS])._repr_html_())


@in_words
def verdicts(*, hidden: bool) -> str:
    """Hide verdicts from now on, or show all that are hidden. Returns what it did.

    hidden: whether predictions, claims, exercises and check questions wait with their verdicts. What their cells show
    says its verdict in the page as soon as this is called with False; without controls in the page, after the cell has
    run again. An answer counts at once, and `exercises.progress()` counts it.
    """
    shown = widgets.hide(flag(hidden, "hidden"))
    if hidden:
        return "Verdicts are hidden from now on. labkit.verdicts(hidden=False) shows all of them."
    return f"{count(shown, 'verdict')} shown. From now on each is shown at once."
