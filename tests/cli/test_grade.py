"""``labkit grade``: notebooks of a class, good ones and bad ones, run and written down in a table.

Rule: real kernels; each student's notebook is as small as it can be.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

from labkit import cli, exercises, grading
from labkit.core.errors import LabError
from labkit.exercises import STUDENT, seed_of
from labkit.exercises.engine import Seeded

pytestmark = pytest.mark.timeout(480)  # ten notebooks, one after the other, also on a busy machine

LESSON = "00-start-here"
OPENED = f'import labkit\nfrom labkit import exercises\nlabkit.lesson("{LESSON}")'
(EXERCISE,) = exercises.every(LESSON)
SOLVED = f"exercises.{EXERCISE.name}.check({EXERCISE.reference!r})"
WRONG = f"exercises.{EXERCISE.name}.check(3.5)"


def notebook(path: Path, *cells: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(made, path)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """The table of a class, by student; written by the command."""
    folder = tmp_path_factory.mktemp("class")
    notebook(folder / "ada" / "mine.ipynb", OPENED, "undefined_name", SOLVED)
    notebook(folder / "bob" / f"{LESSON}.ipynb", OPENED, WRONG, f'exercises.questions("{LESSON}").check("a")')
    notebook(folder / "eve" / "a.ipynb", OPENED, SOLVED, "while True:\n    pass", WRONG)
    notebook(folder / "ken" / "a.ipynb", OPENED, "import os\nos._exit(1)", SOLVED)
    notebook(folder / "lea" / "other.ipynb", "1 + 1")
    (folder / "tom.ipynb").write_text('{"cells": 3}')
    (folder / "sue.ipynb").write_text('{"cells": [{"source": 5}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (folder / "max.ipynb").symlink_to(folder / "ada" / "mine.ipynb")
    printing = "for _ in range(60):\n    print('x' * 10**6)"
    strange = "import comm\ncomm.create_comm(target_name='t', data={'state': 5})"
    notebook(folder / "pia" / "a.ipynb", OPENED, printing, strange, SOLVED)
    notebook(folder / f"zoe-{LESSON}.ipynb", SOLVED)
    notebook(folder / ".ipynb_checkpoints" / "old.ipynb", OPENED)
    before = dict(os.environ)
    assert cli.main(["grade", str(folder), "--timeout", "20"]) == 0
    assert dict(os.environ) == before
    with (folder / grading.NAME).open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(("student", "wanted"), [
    ("ada", {"exercises": "1 of 1", "cells that failed": "1", "note": "", "open": "questions", "lesson": LESSON}),
    ("bob", {"exercises": "0 of 1", "cells that failed": "0", "note": "", "file": f"bob/{LESSON}.ipynb"}),
    ("eve", {"exercises": "1 of 1", "note": "a cell took more than 20 s; the cells behind it were not run"}),
    ("ken", {"exercises": "0 of 1", "note": "the kernel died; the cells behind it were not run"}),
    ("lea", {"exercises": "0 of 0", "lesson": "", "note": "it is not known which lesson this is"}),
    ("pia", {"exercises": "1 of 1", "note": ""}),
    ("max", {"exercises": "0 of 0", "note": "it could not be run: this is no file of its own"}),
    ("zoe", {"exercises": "0 of 1", "cells that failed": "1", "lesson": LESSON}),  # it imports nothing
])  # fmt: skip
def test_a_row_for_each_notebook(
    rows: Mapping[str, Mapping[str, str]], student: str, wanted: Mapping[str, str]
) -> None:
    assert {key: rows[student][key] for key in wanted} == wanted


def test_what_is_no_notebook_has_a_row_too(rows: Mapping[str, Mapping[str, str]]) -> None:
    for student in ("tom", "sue"):
        assert rows[student]["note"].startswith("it could not be run: this is no notebook: ")
    assert set(rows) == {"ada", "bob", "eve", "ken", "lea", "max", "pia", "sue", "tom", "zoe"}


def test_a_graded_notebook_does_not_vote(tmp_path: Path) -> None:
    refused = "try:\n    labkit.join(8123)\nexcept Exception as error:\n    assert 'joins no poll' in str(error)"
    notebook(tmp_path / "ada.ipynb", OPENED, refused)
    (row,) = grading.grade(tmp_path)
    assert (row.failed, row.note) == (0, "")


def test_no_notebook_and_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        assert cli.main(["grade", str(folder)]) == 1
        assert "there is no notebook in" in capsys.readouterr().err


def test_a_name_that_would_be_a_formula_is_text(tmp_path: Path) -> None:
    grading.write([grading.Grade("=1+1", "", "a.ipynb")], tmp_path / "t.csv")
    assert "'=1+1" in (tmp_path / "t.csv").read_text()
    with pytest.raises(LabError):
        grading.write([], tmp_path)
    grading.write([grading.Grade("Ren\udce9", "", "a.ipynb")], tmp_path / "t.csv")
    assert "Ren\\udce9" in (tmp_path / "t.csv").read_text()


class TestPersonal:
    """Each student has problems of their own."""

    @pytest.fixture(autouse=True)
    def _as_before(self) -> Any:
        yield
        for each in exercises.every():
            if isinstance(each, Seeded):
                each.another(1)

    def test_the_same_name_has_the_same_problems_and_another_one_has_others(self) -> None:
        flight = exercises.tcp.in_flight
        exercises.personal("Ada")
        first = repr(flight)
        exercises.personal("eve")
        assert repr(flight) != first
        exercises.personal(" ada ")
        assert repr(flight) == first
        assert flight.check(flight.reference).correct
        assert seed_of("tcp.in_flight", "José") == seed_of("tcp.in_flight", "jose\u0301")
        assert seed_of("tcp.in_flight", "Ada") == seed_of("tcp.in_flight", "ada") == 158_299

    @pytest.mark.parametrize("name", ["", "  ", None, 3])
    def test_no_name(self, name: Any) -> None:
        with pytest.raises(LabError, match="is no name"):
            exercises.personal(name)

    def test_the_problems_of_another_student_do_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(STUDENT, "ada")
        assert exercises.personal("ADA").endswith("have the problems of ADA now.")
        with pytest.raises(LabError, match="those of ada here, and not those of bob"):
            exercises.personal("bob")

    def test_a_class_graded_with_problems_of_their_own(self, tmp_path: Path) -> None:
        def solve(name: str) -> str:
            exercises.personal(name)
            return f"exercises.tcp.in_flight.check({exercises.tcp.in_flight.reference!r})"

        opened = OPENED.replace(LESSON, exercises.tcp.in_flight.lesson)
        notebook(tmp_path / "ada" / "a.ipynb", opened, solve("ada"))
        notebook(tmp_path / "eve" / "a.ipynb", opened, solve("ada"))
        notebook(tmp_path / "zoe" / "a.ipynb", opened, 'exercises.personal("ada")', solve("ada"))
        flight = exercises.tcp.in_flight.another(1)
        notebook(tmp_path / "tom" / "a.ipynb", opened, "exercises.tcp.in_flight.another(1)",
                 f"exercises.tcp.in_flight.check({flight.reference!r})")  # fmt: skip
        graded = {each.student: each for each in grading.grade(tmp_path, personal=True)}
        assert {name: each.solved for name, each in graded.items()} == {"ada": 1, "eve": 0, "tom": 0, "zoe": 0}
        assert graded["zoe"].failed == 1
