"""The two states of a stream, and who moves them: one for what is read, one for what is written.

Rule: names and tables only; readable.py and writable.py move the states, and nobody else does.

Reading: what arrives is delivered, or it waits.

| from | what happens | to |
| --- | --- | --- |
| IDLE | a listener of data, pipe, resume, read, or a thread that waits for data | FLOWING |
| IDLE, FLOWING | pause | PAUSED |
| PAUSED | resume, or read | FLOWING |
| IDLE, FLOWING, PAUSED | the source has ended, and nothing waits to be delivered: ``end`` is emitted | ENDED |
| FLOWING | the source has ended, and what waited has been delivered: ``end`` is emitted | ENDED |

Writing: what is written goes down, or it is queued.

| from | what happens | to |
| --- | --- | --- |
| OPENING | bytes can flow: what was queued goes down | OPEN |
| OPENING, OPEN | end: no more can be written | ENDING |
| ENDING | all is with the kernel, or whatever else lies below: ``finish`` is emitted | ENDED |

A stream can be destroyed in every state: `Stream.destroyed`, then ``close``. Beside the states there are facts that do
not exclude one another: the source has ended though bytes still wait here; more is written than may wait (until
``drain``); the stream is corked.
"""

from __future__ import annotations

from enum import IntEnum


class Reading(IntEnum):
    """How far the reading side is."""

    IDLE = 0
    FLOWING = 1
    PAUSED = 2
    ENDED = 3


class Writing(IntEnum):
    """How far the writing side is."""

    OPENING = 0
    OPEN = 1
    ENDING = 2
    ENDED = 3


IDLE, FLOWING, PAUSED = Reading.IDLE, Reading.FLOWING, Reading.PAUSED
OPENING, OPEN, ENDING = Writing.OPENING, Writing.OPEN, Writing.ENDING
