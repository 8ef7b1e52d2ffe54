"""Asks all programs about the whole gallery, and keeps what they say: `python -m labkit.ca.recording`.

Rule: each answer is of a run of now; a program that is missing is an error, never a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from labkit.ca import asking, gallery, recorded
from labkit.core.files import write_whole


def record(cases: Iterable[gallery.Case]) -> None:
    """Ask about these cases, and write the file anew. Raises `LabError` if a program is missing."""
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
    write_whole(recorded.FILE, (json.dumps(kept, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    record(gallery.cases())
