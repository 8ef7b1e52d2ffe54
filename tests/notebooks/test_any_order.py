"""Each lesson as an instructor runs it: every cell again after all of them, and then in other orders.

Rule: a verdict and a measured value never change; a cell ends within its time; an error is one of labkit's, with words.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

import labkit
import labkit.nodejs  # the errors of these parts, too, are errors with words
import labkit.tls.errors
import labkit.websocket
from labkit.core.errors import LabError
from tests.needs import need_live_capture, need_private_network
from tests.notebooks.running import LessonKernel, Outputs, lesson_kernel, verdicts
from tools import changes, sync_lessons

LESSONS = sync_lessons.lessons()
SEEDS = (1, 2)
TIMEOUT = 360  # seconds for one lesson, on a busy machine; 04b starts Chromium twenty times

RESET = "import labkit as _labkit; _labkit.reset()"


def errors_with_words(root: type[Exception] = LabError) -> set[str]:
    """The names of labkit's errors."""
    return {root.__name__}.union(*(errors_with_words(kind) for kind in root.__subclasses__()))


MEANT = errors_with_words()


def measured(text: str) -> list[str]:
    """What the cards of a cell say was measured."""
    return [line for line in text.splitlines() if line.startswith("Measured: ")]


def wrong(code: str, first: Outputs, again: Outputs, when: str) -> list[str]:
    """What is wrong with a cell that ran again, one line each. first: what it gave from top to bottom."""
    where = f"{when}: the cell {code.splitlines()[0][:70]!r}"
    if again.error == "TooLong":
        return [f"{where} does not end within its time"]
    if again.error:
        # a name that an earlier cell makes; or the error that the cell is about
        fine = again.error in MEANT or again.error in ("NameError", first.error)
        return [] if fine else [f"{where} ends with {again.text.splitlines()[-1][:200]}"]
    before, now = verdicts(first.text), verdicts(again.text)
    found = [f"{where} gave {one} {was}, now {now.get(one)}" for one, was in before.items() if now.get(one) != was]
    if not before and measured(first.text) != measured(again.text):
        found.append(f"{where} gave {measured(first.text)}, now {measured(again.text)}")
    return found


def in_other_orders(kernel: LessonKernel, fresh: LessonKernel, cells: Sequence[str]) -> list[str]:
    """Everything wrong in a lesson. kernel: for all orders but the last one, which has a fresh kernel."""
    first = [kernel.run(code) for code in cells]
    found = [line for code, one in zip(cells, first, strict=True) for line in _itself(code, one)]
    orders = [("again", range(len(cells)))]
    orders += [(f"shuffled with seed {seed}", shuffled(len(cells), seed)) for seed in SEEDS]
    for when, order in orders:
        where = fresh if when == orders[-1][0] else kernel
        if when != "again":
            where.run(RESET)
        for number in order:
            found += wrong(cells[number], first[number], where.run(cells[number]), when)
    return found


def _itself(code: str, one: Outputs) -> list[str]:
    return [f"the cell {code.splitlines()[0]!r} does not end within its time"] if one.error == "TooLong" else []


def shuffled(count: int, seed: int) -> list[int]:
    """The numbers from 0, in an order that depends on the seed alone."""
    numbers = list(range(count))
    random.Random(seed).shuffle(numbers)
    return numbers


@pytest.mark.timeout(TIMEOUT)
@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_a_lesson_in_any_order(path: Path, tmp_path: Path) -> None:
    need_private_network()
    need_live_capture()
    cells = changes.code_cells(path.read_text(encoding="utf8"))
    folders = [tmp_path / name for name in ("kernel", "fresh")]
    for folder in folders:  # cells make files
        folder.mkdir()
    with (
        lesson_kernel(folders[0], tmp_path / "a.json") as kernel,
        lesson_kernel(folders[1], tmp_path / "b.json") as fresh,
    ):
        found = in_other_orders(kernel, fresh, cells)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (repr(labkit.check_claim("C-1.3", "x", holds=True, seen="z")), "", []),
        (repr(labkit.check_claim("C-1.3", "x", holds=False, seen="z")), "", ["gave C-1.3 holds, now wrong"]),
        ("", "", ["gave C-1.3 holds, now None"]),
        ("IndexError: list index out of range", "IndexError", ["ends with IndexError"]),
        ("NameError: name 'tape' is not defined", "NameError", []),
        ("TimedOut: nothing came", "TimedOut", []),
        ("", "TooLong", ["does not end within its time"]),
    ],
)
def test_what_is_wrong(text: str, error: str, says: list[str]) -> None:
    first = Outputs(repr(labkit.check_claim("C-1.3", "x", holds=True, seen="y")), "", 0.1)
    found = wrong("x = 1", first, Outputs(text, error, 0.1), "again")
    assert len(found) == len(says)
    assert all(part in line for part, line in zip(says, found, strict=True))


def test_a_measured_value_does_not_change() -> None:
    first = Outputs("Measured: 11\nYou had made no prediction.", "", 0.1)
    assert wrong("x", first, Outputs("Measured: 11\nYou predicted 11: right.", "", 0.1), "again") == []
    assert len(wrong("x", first, Outputs("Measured: 0\n", "", 0.1), "again")) == 1


def test_a_lesson_that_depends_on_its_order_is_found(tmp_path: Path) -> None:
    measures = "seen.append(1)\nprint('Measured:', len(seen))"
    cells = ["seen = []", measures, "import time\nif len(seen) > 1: time.sleep(9)"]
    with lesson_kernel(tmp_path, tmp_path / "progress.json") as kernel:
        first = [kernel.run(code) for code in cells]
        assert wrong(cells[1], first[1], kernel.run(cells[1]), "again")[0].endswith("now ['Measured: 2']")
        slow = kernel.run(cells[2], 0.5)
        assert wrong(cells[2], first[2], slow, "again")[0].endswith("does not end within its time")
        assert kernel.run("1 + 1").text == "2\n"  # interrupted, and usable


def test_an_order_depends_on_its_seed_alone() -> None:
    assert shuffled(20, 1) == shuffled(20, 1) != shuffled(20, 2)
    assert sorted(shuffled(20, 3)) == list(range(20))
