"""Run the notebooks of a class, and write down what their checks found: ``labkit grade FOLDER``.

Rule: the student's notebook runs unchanged, in a kernel of its own; what counts is what its checks say in this run.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import exercises
from labkit.core.environment import POLL, settings
from labkit.core.errors import LabError, from_oserror
from labkit.core.files import write_whole
from labkit.exercises import STUDENT

CELL_TIMEOUT = 60.0
"""Seconds that one cell may take."""
TIMEOUT = 900.0
"""Seconds that a whole notebook may take."""
SIZE_LIMIT = 32 << 20
"""Bytes of a notebook at most, and of what it prints."""
NAME = "grades.csv"
"""Where the table is written, in the folder, if nothing else is said."""

_LESSON = re.compile(r"""labkit\.lesson\(\s*["']([\w-]+)["']""")


@dataclass(frozen=True, slots=True)
class Grade:
    """One notebook. student: by its folder, or by what its name has besides the lesson's. lesson: its name, or "".

    solved, exercises: of how many. right, questions: of how many. failed: cells that ended with an error. open:
    names of exercises that are not solved. note: why it was not run to its end, or "".
    """

    student: str
    lesson: str
    file: str
    solved: int = 0
    exercises: int = 0
    right: int = 0
    questions: int = 0
    failed: int = 0
    open: tuple[str, ...] = ()
    note: str = ""

    @property
    def row(self) -> dict[str, str]:
        """The columns of the table, by their names."""
        return {
            "student": self.student, "lesson": self.lesson, "exercises": f"{self.solved} of {self.exercises}",
            "questions": f"{self.right} of {self.questions}", "cells that failed": str(self.failed),
            "open": " ".join(self.open), "note": self.note, "file": self.file,
        }  # fmt: skip


def grade(
    folder: Path, *, personal: bool = False, timeout: float = CELL_TIMEOUT,
    over: Callable[[Sequence[Path]], Iterable[Path]] = lambda paths: paths,
) -> Iterator[Grade]:  # fmt: skip
    """Run every notebook in a folder and the folders in it, in the order of their names; yields a grade for each.

    personal: each student has problems of their own (`exercises.personal`), and those of another one do not count.
    timeout: seconds that one cell may take; after it the notebook is ended, and what was solved before counts. over:
    goes over the notebooks in place of a loop, to show how far it is. Raises `LabError` if there is no notebook.

    The code of the students runs as the user who calls this, in a private network where there is one.
    """
    try:
        found = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    except OSError as error:
        raise from_oserror(error, str(folder)) from error
    if not found:
        raise LabError(f"there is no notebook in {folder}", "Give the folder that has a folder for each student.")
    for path in over(found):
        yield _grade(path, folder, personal, timeout)


def write(grades: Iterable[Grade], path: Path) -> None:
    """Write the table as CSV, with a line of heads. Raises `LabError` if the file cannot be written."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(Grade("", "", "").row))
    table.writeheader()
    table.writerows({key: _plain(cell) for key, cell in each.row.items()} for each in grades)
    try:
        write_whole(path, text.getvalue().encode("utf-8", "backslashreplace"))  # a name may have bytes of another code
    except OSError as error:
        raise from_oserror(error, str(path)) from error


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _grade(path: Path, folder: Path, personal: bool, timeout: float) -> Grade:
    file, lesson = str(path.relative_to(folder)), ""
    student = _student(path, folder, "")
    try:
        notebook = _read(path)
        lesson = _lesson(notebook, path)
        student = _student(path, folder, lesson)
        if lesson not in exercises.lessons():
            return Grade(student, lesson, file, note="it is not known which lesson this is")
        with tempfile.TemporaryDirectory(prefix="labkit-grade-", ignore_cleanup_errors=True) as place:
            progress = Path(place) / "progress.json"
            given = {"LABKIT_PROGRESS": str(progress), STUDENT: (personal and student) or None, POLL: "0"}
            with settings(given):
                failed, note = _run(notebook, place, timeout)
            done = exercises.progress_kept(lesson, progress)
    except Exception as error:  # a notebook can be wrong in any way, and the others are graded all the same
        words = str(error).splitlines()
        return Grade(student, lesson, file, note=f"it could not be run: {words[0] if words else type(error).__name__}")
    open_ = tuple(row.name for row in done.rows if row.done < row.of)
    return Grade(student, lesson, file, *done.exercises, *done.questions, failed, open_, note)


def _read(path: Path) -> Any:
    """The notebook of a file. Raises `OSError`, or ValueError if it is none."""
    import nbformat

    if path.is_symlink() or not path.is_file():
        raise ValueError("this is no file of its own")
    if path.stat().st_size > SIZE_LIMIT:
        raise ValueError(f"it has more than {SIZE_LIMIT >> 20} MB")
    try:
        notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises what it likes
        words = str(error).splitlines()
        raise ValueError(f"this is no notebook: {words[0] if words else type(error).__name__}") from error
    return notebook


def _lesson(notebook: Any, path: Path) -> str:
    """The lesson that its cells name; else the one that the name of the file has."""
    code = "\n".join(str(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    if found := _LESSON.search(code):
        return found[1]
    return next((name for name in exercises.lessons() if name in path.stem), "")


def _student(path: Path, folder: Path, lesson: str) -> str:
    first, *rest = path.relative_to(folder).parts
    if rest:
        return first
    return path.stem.replace(lesson, "").strip(" -_.") or path.stem


def _run(notebook: Any, place: str, timeout: float) -> tuple[int, str]:
    """Run its cells, also behind one that fails. Returns how many have failed, and why it did not come to its end."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    class Client(NotebookClient):
        """Keeps what is printed within bounds, and passes over what is for a page: nobody looks at it."""

        printed = 0

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            kind = str(msg["msg_type"])
            if kind in ("stream", "display_data", "execute_result", "update_display_data"):
                self.printed += len(str(msg["content"]))
                if self.printed > SIZE_LIMIT:
                    return None
            return None if kind.startswith("comm_") else super().process_message(msg, cell, cell_index)

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    note = ""
    client = Client(
        notebook, timeout=timeout, allow_errors=True, kernel_name="labkit", resources={"metadata": {"path": place}},
        extra_arguments=["--log-level=ERROR"],
    )  # fmt: skip
    try:
        asyncio.run(asyncio.wait_for(client.async_execute(), TIMEOUT))
    except CellTimeoutError:
        note = f"a cell took more than {timeout:g} s; the cells behind it were not run"
    except DeadKernelError:
        note = "the kernel died; the cells behind it were not run"
    except TimeoutError:
        note = f"it took more than {TIMEOUT:g} s; the rest was not run"
    outputs = [cell.get("outputs", ()) for cell in notebook.cells if cell.cell_type == "code"]
    return sum(any(each.output_type == "error" for each in mine) for mine in outputs), note
