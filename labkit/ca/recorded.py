"""What programs said to the gallery when it was recorded: it stands in for a program that is not installed.

Rule: an answer from here says with which version and when it was recorded; `python -m labkit.ca.recorded` does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from labkit.ca import asking, gallery
from labkit.ca.asking import Answer
from labkit.core.errors import LabError
from labkit.core.files import write_whole

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
    origin = f"recorded with {program} {version} on {kept['day']}"
    return Answer(program, accepted, words, server, version, live=False, origin=origin)


def record(cases: Iterable[gallery.Case]) -> None:
    """Ask all programs about these cases, and write the file anew. Raises `LabError` if a program is missing."""
    said = {}
    for case in cases:
        answers = [asking.ask(program, case.question) for program in asking.NAMES]
        said[case.name] = {each.program: [each.accepted, each.words, each.server] for each in answers}
        print(case.name, flush=True)
    kept = {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {program: asking.version(program) for program in asking.NAMES},
        "cases": said,
    }
    write_whole(FILE, (json.dumps(kept, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    record(gallery.cases())
