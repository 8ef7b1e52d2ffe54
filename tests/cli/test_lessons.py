"""``labkit lessons``: the student's own copies, made without outputs, kept once they are worked in.

Rule: lessons of the test's own, but for a few tests; what the student has changed is compared byte by byte.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from labkit import lessons
from labkit.core.errors import LabError
from labkit.lessons import Copy, hand_out
from tests.cli.conftest import refusal, run
from tests.notebooks.lessons import NOTEBOOKS, ROOT


class Course:
    """A folder of executed lessons, and the student's copies of them."""

    def __init__(self, root: Path) -> None:
        self.source, self.mine = root / "notebooks", root / "my-lessons"
        self.source.mkdir()

    def lesson(self, name: str, *cells: str) -> None:
        """Write an executed lesson, or a newer one in its place."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# " + name, id="a")])
        for number, cell in enumerate(cells, start=1):
            output = nbformat.v4.new_output("stream", text="said")
            made.cells.append(
                nbformat.v4.new_code_cell(
                    cell, execution_count=number, outputs=[output], id=f"b{number}", metadata={"tags": ["kept"]}
                )
            )
        kernel = {"name": "labkit", "display_name": "labkit"}
        made.metadata = {"kernelspec": kernel, "labkit": {"covers": ["T-1.1"]}, "widgets": {"state": {}}}
        nbformat.write(nbformat.from_dict(made), self.source / f"{name}.ipynb")

    def hand_out(self, *, update: bool = False) -> dict[str, str]:
        """The states of all copies, by the names of their files."""
        return {copy.path.name: copy.state for copy in hand_out(self.mine, update=update, source=self.source)}

    def read(self, name: str) -> dict[str, Any]:
        """A copy."""
        return dict(json.loads((self.mine / f"{name}.ipynb").read_text(encoding="utf8")))

    def edit(self, name: str, **cell: object) -> bytes:
        """Change the second cell of a copy, as JupyterLab would; returns the file as it then is."""
        notebook = self.read(name)
        notebook["cells"][1].update(cell)
        notebook["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
        (self.mine / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf8")
        return self.file(name)

    def file(self, name: str) -> bytes:
        """The bytes of a copy."""
        return (self.mine / f"{name}.ipynb").read_bytes()


@pytest.fixture
def course(tmp_path: Path) -> Course:
    made = Course(tmp_path)
    made.lesson("01-a", "1 + 1")
    made.lesson("02-b", "2 + 2")
    return made


RAN = {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["mine"]}], "execution_count": 7}


def test_made_without_outputs(course: Course) -> None:
    assert course.hand_out() == {"01-a.ipynb": "made", "02-b.ipynb": "made"}
    made = course.read("01-a")
    assert [(cell["outputs"], cell["execution_count"]) for cell in made["cells"][1:]] == [([], None)]
    assert made["cells"][1]["source"] == ["1 + 1"]
    assert made["cells"][1]["metadata"] == {"tags": ["kept"]}
    assert "widgets" not in made["metadata"]
    assert made["metadata"]["labkit"]["covers"] == ["T-1.1"]
    nbformat.validate(nbformat.from_dict(made))


def test_made_once(course: Course) -> None:
    course.hand_out()
    assert course.hand_out() == course.hand_out(update=True) == {"01-a.ipynb": "kept", "02-b.ipynb": "kept"}


def test_the_project_s_own_lessons(tmp_path: Path) -> None:
    copies = hand_out(tmp_path / "mine")
    assert [copy.name for copy in copies] == [path.stem for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        made = json.loads((tmp_path / "mine" / path.name).read_text(encoding="utf8"))
        cells = json.loads(path.read_text(encoding="utf8"))["cells"]
        assert [cell["source"] for cell in made["cells"]] == [cell["source"] for cell in cells]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in made["cells"])


def test_links_between_lessons_lead_to_copies(tmp_path: Path) -> None:
    hand_out(tmp_path)
    texts = [path.read_text(encoding="utf8") for path in tmp_path.iterdir()]
    linked = set(re.findall(r"\]\(([^):#]+)\)", "".join(texts)))
    assert linked
    assert [link for link in linked if not (tmp_path / link).exists()] == []


def test_only_run_is_not_changed_but_kept_if_the_lesson_is_newer(course: Course) -> None:
    course.hand_out()
    before = course.edit("01-a", **RAN)
    assert course.hand_out()["01-a.ipynb"] == "kept"
    course.lesson("01-a", "1 + 1", "a new cell")
    assert course.hand_out()["01-a.ipynb"] == "newer"
    assert course.file("01-a") == before


def test_changed_is_never_overwritten(course: Course) -> None:
    course.hand_out()
    before = course.edit("01-a", source=["my own words"])
    course.lesson("01-a", "1 + 3")
    assert course.hand_out() == {"01-a.ipynb": "newer", "02-b.ipynb": "kept"}
    assert course.file("01-a") == before
    assert course.hand_out(update=True) == {"01-a (new).ipynb": "beside", "02-b.ipynb": "kept"}
    assert course.file("01-a") == before
    assert course.read("01-a (new)")["cells"][1]["source"] == ["1 + 3"]
    assert course.hand_out()["01-a (new).ipynb"] == "kept"  # told once


def test_the_one_beside_is_the_student_s_too(course: Course) -> None:
    course.hand_out()
    course.edit("01-a", source=["mine"])
    course.lesson("01-a", "1 + 3")
    course.hand_out(update=True)
    course.lesson("01-a", "1 + 4")
    assert course.hand_out()["01-a (new).ipynb"] == "renewed"  # nobody had touched it
    before = course.edit("01-a (new)", source=["mine as well"])
    course.lesson("01-a", "1 + 5")
    assert course.hand_out(update=True)["01-a (new 2).ipynb"] == "beside"
    assert course.file("01-a (new)") == before


def test_one_that_nobody_touched_is_renewed(course: Course) -> None:
    course.hand_out()
    course.lesson("01-a", "1 + 3")
    assert course.hand_out()["01-a.ipynb"] == "renewed"
    assert course.read("01-a")["cells"][1]["source"] == ["1 + 3"]


def test_other_outputs_of_the_same_cells_are_no_newer_lesson(course: Course) -> None:
    course.hand_out()
    course.edit("01-a", source=["mine"])
    path = course.source / "01-a.ipynb"
    path.write_text(path.read_text(encoding="utf8").replace("said", "said again"), encoding="utf8")
    assert course.hand_out()["01-a.ipynb"] == "kept"


@pytest.mark.parametrize("text", ["", "no notebook", "[]", "{}", '{"cells": 5}', '{"cells": [{"cell_type": "code"}]}'])
def test_what_is_no_notebook_is_the_student_s(course: Course, text: str) -> None:
    course.mine.mkdir()
    (course.mine / "01-a.ipynb").write_text(text)
    assert course.hand_out()["01-a.ipynb"] == "newer"
    assert course.hand_out(update=True)["01-a (new).ipynb"] == "beside"
    assert course.file("01-a").decode() == text


def test_files_of_the_student_stay(course: Course) -> None:
    course.mine.mkdir()
    (course.mine / "notes.txt").write_text("mine")
    (course.mine / "experiment.ipynb").write_text("mine")
    course.hand_out()
    assert sorted(path.name for path in course.mine.iterdir()) == [
        "01-a.ipynb", "02-b.ipynb", "experiment.ipynb", "notes.txt",
    ]  # fmt: skip


def test_copies_may_be_read_and_written_as_any_file(course: Course) -> None:
    mask = os.umask(0o022)
    try:
        course.hand_out()
    finally:
        os.umask(mask)
    assert (course.mine / "01-a.ipynb").stat().st_mode & 0o777 == 0o644


def test_they_are_trusted(course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    course.hand_out()
    notary = NotebookNotary()
    with contextlib.closing(notary.store):
        assert notary.check_signature(nbformat.read(course.mine / "01-a.ipynb", as_version=4))


def test_a_folder_that_cannot_be_used(course: Course, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="cannot be written"):
        hand_out(tmp_path / "file", source=course.source)
    with pytest.raises(LabError, match="holds the lessons themselves"):
        hand_out(course.source / ".." / "notebooks", source=course.source)


def test_without_the_lessons_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lessons, "__file__", str(tmp_path / "labkit" / "lessons.py"))
    with pytest.raises(LabError, match="installed without its lessons"):
        hand_out(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


class TestCommand:
    """What a user sees."""

    def test_made_and_kept(self, tmp_path: Path) -> None:
        count = len(NOTEBOOKS)
        told = run("lessons", cwd=tmp_path)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout == f"{count} lessons in my-lessons: {count} made\n"
        assert run("lessons", "my-lessons", cwd=tmp_path).stdout == f"{count} lessons in my-lessons: {count} kept\n"
        # a terminal of JupyterLab is in the folder of the copies
        inside = run("lessons", cwd=tmp_path / "my-lessons")
        assert inside.stdout == f"{count} lessons in .: {count} kept\n"

    def test_newer_is_one_line(self, tmp_path: Path) -> None:
        run("lessons", cwd=tmp_path)
        path = tmp_path / "my-lessons" / NOTEBOOKS[0].name
        notebook = json.loads(path.read_text(encoding="utf8"))
        notebook["metadata"]["labkit"]["handed_out"] = "an older one"
        path.write_text(json.dumps(notebook), encoding="utf8")
        name = NOTEBOOKS[0].stem
        told = run("lessons", cwd=tmp_path).stdout.splitlines()
        assert told[1:] == [str(Copy(name, Path("my-lessons") / path.name, "newer"))]
        assert "`labkit lessons --update` puts the new one beside yours" in told[1]
        told = run("lessons", "--update", cwd=tmp_path).stdout.splitlines()
        assert told[1:] == [f"my-lessons/{name} (new).ipynb: the new lesson, put beside yours"]

    def test_a_folder_that_cannot_be_used(self, tmp_path: Path) -> None:
        assert "holds the lessons themselves" in refusal(run("lessons", str(ROOT / "notebooks")))
