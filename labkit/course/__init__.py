"""What a lesson's cells say besides code: which lesson this is, a prediction, a claim of the book put to the test.

Rule: text and small HTML made from measured values; nothing here knows a protocol.
"""

from __future__ import annotations

from labkit.course.cards import Card
from labkit.course.claims import VERDICTS, check_claim
from labkit.course.hiding import verdicts
from labkit.course.joining import join
from labkit.course.opening import lesson
from labkit.course.polling import poll
from labkit.course.predictions import Prediction, predict
from labkit.course.settled import Book, book
from labkit.course.starting_over import reset
from labkit.course.stops import tour

__all__ = [
    "VERDICTS", "Book", "Card", "Prediction", "book", "check_claim", "join", "lesson", "poll", "predict", "reset",
    "tour", "verdicts",
]  # fmt: skip
