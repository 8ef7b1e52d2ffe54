"""A sentence of the book, or one that is often said, put to the test by what was just measured.

Rule: the verdict is a comparison of measured values, never a word of the author.
"""

from __future__ import annotations

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.course.cards import Card, ClaimCard
from labkit.course.hiding import held

VERDICTS = ("holds", "wrong", "outdated")

OWN = frozenset({"C-2.3", "C-3.30"})
"""Ids of the claims that are the course's own: the book says nothing of them."""


@in_words
def check_claim(number: str, words: str, *, holds: bool, seen: str, outdated: str = "") -> Card:
    """Give the verdict on one claim by what was just measured.

    number: its id (``"C-1.4"``). words: the claim, in our words. holds: the measurement's verdict.
    seen: what was measured. outdated: since when and by what it no longer holds, if it once did.
    While verdicts are hidden (`labkit.verdicts`), the card waits with its words.
    Raises `LabError` if the verdict is not True or False, as a comparison of measured values gives it.
    """
    if not isinstance(holds, bool):
        raise LabError(f"the verdict on {number} is {holds!r}, not True or False", "Compare two measured values.")
    verdict = "holds" if holds else "outdated" if outdated else "wrong"
    lines = [f"{'The claim' if number in OWN else 'The book'}: {words}", f"Measured: {seen}"]
    if outdated and not holds:
        lines.append(f"Outdated: {outdated}")
    return held(ClaimCard(lines, verdict, number))
