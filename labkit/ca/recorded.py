"""What programs said to the gallery when it was recorded: it stands in for a program that is not installed.

Rule: an answer from here says with which version and when it was recorded; recording.py makes the file.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from labkit.ca import asking
from labkit.ca.asking import Answer
from labkit.core.errors import LabError

FILE = Path(__file__).with_name("recorded.json")


@cache
def _kept() -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{FILE.name} holds no recorded answers", "Install labkit again.") from error
    return kept


def answer(case: str, program: str) -> Answer:
    """The recorded answer of a program to a case. Raises `LabError` if there is none."""
    kept = _kept()
    try:
        accepted, words, server = kept["cases"][case][program]
        version = kept["versions"][program]
    except KeyError:
        why = asking.missing(program) or f"{program} was not asked"
        raise LabError(f"{why}, and nothing is recorded for it", "Ask another program.") from None
    return Answer(program, accepted, words, server, version, day=kept["day"])
