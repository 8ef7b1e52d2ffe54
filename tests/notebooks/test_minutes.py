"""The minutes that a lesson names are those that its words, code, pictures and questions ask for.

Rule: one estimate for all lessons, so that they can be compared. It is none of people, who were not measured.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import sync_lessons

WORDS = 130.0  # read in a minute: an explanation, in a language that was learned at school
LINE, QUESTION, PICTURE, CHANGE = 4 / 60, 1.0, 0.75, 1.5  # minutes for each

_FENCE = re.compile(r"^```python([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
_NAMED = re.compile(r"Time needed: (\d+) minutes")


def minutes(text: str) -> float:
    """How long a lesson takes to read and to run, without its exercises."""
    code = _FENCE.findall(text)
    shown = "".join(body for tags, body in code if "source_hidden" not in tags)
    every = "".join(body for _, body in code)
    words = len(_FOLDED.sub("", _FENCE.sub("", text)).split())
    pictures = len(re.findall(r"\bdraw\.\w+\(", every))
    return (
        words / WORDS + shown.count("\n") * LINE + every.count("labkit.predict(") * QUESTION + pictures * PICTURE
        + text.count("Change one thing") * CHANGE
    )  # fmt: skip


@pytest.mark.parametrize("lesson", sync_lessons.lessons(), ids=lambda path: path.stem)
def test_the_named_time_is_near_the_estimate(lesson: Path) -> None:
    text = lesson.read_text(encoding="utf8")
    named = _NAMED.search(text)
    assert named is not None
    estimate = minutes(text)
    assert abs(int(named[1]) - estimate) <= max(5, estimate * 0.15), f"about {5 * round(estimate / 5)} minutes"


def test_what_an_estimate_counts() -> None:
    text = (
        "one two three " * 130 + "\n<details>not read</details>\n**Change one thing.**\n"
        "```python\ndraw.ladder(tape)\nx = 1\n```\n"
        '```python jupyter={"source_hidden": true}\nlabkit.predict("?")\n```\n'
    )
    assert minutes(text) == pytest.approx((390 + 3) / 130 + 2 * LINE + QUESTION + PICTURE + CHANGE)
