"""The student's own copy of the lessons: made without outputs, and never overwritten once the student has worked in it.

Rule: nothing of the student is changed or deleted; a copy carries the digest of what was handed out, in its metadata.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.core.errors import LabError

FOLDER = "my-lessons"
"""The folder of the copies, unless another one is named."""

FIRST = "00-start-here.ipynb"
"""The lesson to begin with."""

INSTALLED = "_notebooks"
"""The folder of the lessons inside an installed labkit."""

Notebook = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copy:
    """What became of one lesson. name: the lesson's. path: the copy. state: see `hand_out`."""

    name: str
    path: Path
    state: str

    def __str__(self) -> str:
        if self.state == "newer":
            return f"{self.path}: the lesson is newer now; `labkit lessons --update` puts the new one beside yours"
        return f"{self.path}: {_WORDS[self.state]}"


_WORDS = {
    "made": "made",
    "kept": "kept as it is",
    "renewed": "renewed; you had neither changed nor run it",
    "beside": "the new lesson, put beside yours",
}


def original() -> Path:
    """The folder of the lessons: ``notebooks`` beside the package, else the installed one. Raises `LabError`."""
    package = Path(__file__).resolve().parent
    for folder in (package.parent / "notebooks", package / INSTALLED):
        if (folder / FIRST).is_file():
            return folder
    raise LabError("this labkit was installed without its lessons", "Install it again, or get the project itself.")


def hand_out(directory: Path, *, update: bool = False, source: Path | None = None) -> list[Copy]:
    """Bring a folder of copies up to date; returns what became of each lesson, in the order of the course.

    The states: ``"made"``: there was no copy. ``"kept"``: the lesson is as it was, the copy stays. ``"renewed"``: the
    lesson is newer, and the student had neither changed nor run the copy. ``"newer"``: the lesson is newer; the copy
    stays. ``"beside"``: as newer, but with update: the new one was put beside the copy, under a name of its own.
    source: the folder of the lessons; default: labkit's own. Raises `LabError` for a folder that cannot be used.
    """
    source = source or original()
    if directory.resolve() == source.resolve():
        raise LabError(f"{directory} holds the lessons themselves", "Name another folder for your copies.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [_hand_out(path, directory, update) for path in sorted(source.glob("*.ipynb"))]
    except OSError as error:
        what = f"{error.filename or directory}: {error.strerror}"
        raise LabError(f"your copies of the lessons cannot be written ({what})", "Name a folder of your own.") from None


def _hand_out(lesson: Path, directory: Path, update: bool) -> Copy:
    made = cleared(_read(lesson) or {})
    digest = made["metadata"]["labkit"]["handed_out"]
    beside = ["", " (new)", *(f" (new {number})" for number in range(2, 1000))]
    paths = [directory / f"{lesson.stem}{ending}.ipynb" for ending in beside]
    there = [path for path in paths if path.exists()]
    if not paths[0].exists():
        _write(paths[0], made, new=True)
        return Copy(lesson.stem, paths[0], "made")
    for path in there:
        if _handed_out(_read(path)) == digest:
            return Copy(lesson.stem, path, "kept")
    for path in there:
        if _untouched(_read(path)):
            _write(path, made, new=False)
            return Copy(lesson.stem, path, "renewed")
    if not update:
        return Copy(lesson.stem, paths[0], "newer")
    free = next(path for path in paths if not path.exists())
    _write(free, made, new=True)
    return Copy(lesson.stem, free, "beside")


def cleared(notebook: Notebook) -> Notebook:
    """A notebook as it is handed out: no outputs, no counts, no state of widgets; and its own digest."""
    made: Notebook = json.loads(json.dumps(notebook))
    for cell in made.get("cells", []):
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    made["metadata"].pop("widgets", None)
    made["metadata"]["labkit"] = {**made["metadata"].get("labkit", {}), "handed_out": digest_of(made)}
    return made


def digest_of(notebook: Notebook) -> str:
    """What a student can change, as a short text: kinds and sources of the cells; nothing that running them changes."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook.get("cells", [])]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def _handed_out(notebook: Notebook | None) -> str | None:
    """The digest that a copy was given; None for a notebook from elsewhere."""
    found = (notebook or {}).get("metadata", {}).get("labkit", {})
    return found.get("handed_out") if isinstance(found, dict) else None


def _untouched(notebook: Notebook | None) -> bool:
    """Whether a copy is as it was handed out, and was never run."""
    if notebook is None or _handed_out(notebook) != digest_of(notebook):
        return False
    return not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook["cells"])


def _read(path: Path) -> Notebook | None:
    """A notebook from its file; None if the file is no notebook."""
    try:
        found = json.loads(path.read_text(encoding="utf8"))
        digest_of(found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(found)


def _write(path: Path, notebook: Notebook, *, new: bool) -> None:
    """Write a notebook whole or not at all. new: there must be no such file yet."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".ipynb")
    try:
        with os.fdopen(descriptor, "w", encoding="utf8") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        if new:
            os.link(name, path)  # fails if the file has come meanwhile
        else:
            os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    _trust(text)


def _trust(text: str) -> None:
    """Sign it as this user's own, as `jupyter trust` does, so that JupyterLab asks nothing."""
    with contextlib.suppress(Exception):  # a home that cannot be written to: the notebook works all the same
        import nbformat
        from nbformat.sign import NotebookNotary

        notary = NotebookNotary()
        try:
            notary.sign(nbformat.reads(text, as_version=4))
        finally:
            notary.store.close()  # a database, which nobody else closes
