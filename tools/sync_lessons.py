"""Keep lessons/*.md and notebooks/*.ipynb one source: text for review, notebook for the student.

Rule: a notebook is made from its text by running it; nothing in it depends on when, where or by whom it was run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ROOT / "lessons"
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 120  # seconds
KEPT = ("kernelspec", "labkit")  # the notebook's metadata that both sides carry

Notebook = Any  # nbformat's NotebookNode has no type information
Cell = Any


def notebook_of(text: Path) -> Path:
    """The notebook that belongs to a lesson's text."""
    return NOTEBOOKS / f"{text.stem}.ipynb"


def lessons() -> list[Path]:
    """Every lesson's text, in the order of the course. README.md is not a lesson."""
    return sorted(path for path in LESSONS.glob("*.md") if path.stem != "README")


def title(text: Path) -> str:
    """A lesson's number and its title: ``"01a TCP: the connection"``."""
    found = re.search(r"^# (.+)$", text.read_text(encoding="utf8"), re.MULTILINE)
    assert found is not None, text
    return f"{text.stem.partition('-')[0]} {found[1]}"


def keep(texts: Mapping[Path, str], check: bool, said: str) -> int:
    """Write computed pages that are not up to date, or only name them with the words said. Returns the exit status."""
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf8") != text]
    for path in stale:
        if check:
            print(f"{path.name} {said}")
        else:
            path.write_text(texts[path], encoding="utf8")
    return 1 if check and stale else 0


def from_text(text: str) -> Notebook:
    """The notebook a lesson's text stands for, not run: cells, their metadata, ids that follow from their content."""
    notebook = jupytext.reads(text, fmt="md")
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    notebook.metadata = {name: notebook.metadata[name] for name in KEPT if name in notebook.metadata}
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def to_text(notebook: Notebook) -> str:
    """A lesson's text from its notebook, for who edited in JupyterLab."""
    notebook = json_copy(notebook)
    notebook.metadata = {name: notebook.metadata[name] for name in KEPT if name in notebook.metadata}
    notebook.metadata["jupytext"] = {
        "notebook_metadata_filter": "kernelspec,labkit,-jupytext",
        "cell_metadata_filter": "jupyter,labkit,tags",
    }
    for cell in notebook.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["jupyter"] = {"source_hidden": True}
        else:  # what else JupyterLab notes there is of one reader, such as outputs folded away
            cell.metadata.pop("jupyter", None)
    return str(jupytext.writes(notebook, fmt="md")).rstrip("\n") + "\n"


def json_copy(notebook: Notebook) -> Notebook:
    """An independent copy."""
    return nbformat.from_dict(json.loads(json.dumps(notebook)))


def execute(notebook: Notebook) -> None:
    """Run every cell in a kernel of its own, as JupyterLab would, from the notebooks' directory.

    Raises nbclient's CellExecutionError where a cell fails that has no tag ``raises-exception``.
    """
    with tempfile.TemporaryDirectory() as home:
        # Nothing of whoever runs this may show in a lesson: no progress file, no IPython profile.
        for name in ("XDG_DATA_HOME", "IPYTHONDIR"):
            os.environ[name] = os.path.join(home, name.lower())
        os.environ["LABKIT_PROGRESS"] = os.path.join(home, "progress.json")
        NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name=notebook.metadata["kernelspec"]["name"],
            resources={"metadata": {"path": str(NOTEBOOKS)}},
            record_timing=False,
            coalesce_streams=True,
        ).execute()


def settle(notebook: Notebook) -> None:
    """Bring an executed notebook to its committed form: no clock, no machine, no state of widgets."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    places = [(str(ROOT), "."), (sys.prefix, "(environment)"), (sys.base_prefix, "(python)"), (str(Path.home()), "~")]
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            if "traceback" in output:
                output.traceback = [portable(re.sub(r"\x1b\[[0-9;]*m", "", line), places) for line in output.traceback]


def portable(text: str, places: list[tuple[str, str]]) -> str:
    """Text with this machine's directories put in words."""
    for path, word in places:
        if len(path) > 1:
            text = text.replace(path, word)
    return text


def carry_outputs(text: Path) -> bool:
    """Write a lesson's notebook anew without running it, if only its prose has changed; False if code has, too."""
    path = notebook_of(text)
    made = from_text(text.read_text(encoding="utf8"))
    ran = nbformat.read(path, as_version=4) if path.exists() else nbformat.v4.new_notebook()
    pairs = [[cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (made, ran)]
    if [cell.source for cell in pairs[0]] != [cell.source for cell in pairs[1]]:
        return False
    for cell, earlier in zip(*pairs, strict=True):
        cell.outputs, cell.execution_count = earlier.outputs, earlier.execution_count
    nbformat.write(made, path)
    return True


def source_form(notebook: Notebook) -> dict[str, Any]:
    """What both sides must agree on: cells, their ids and metadata, the notebook's metadata; no outputs."""
    cells = [
        {"type": cell.cell_type, "source": cell.source, "metadata": dict(cell.metadata), "id": cell.get("id")}
        for cell in notebook.cells
    ]
    metadata = {name: notebook.metadata.get(name) for name in KEPT}
    return {"metadata": json.loads(json.dumps(metadata)), "cells": json.loads(json.dumps(cells))}


def differences(text: Path) -> list[str]:
    """How a lesson's text and its notebook disagree, one sentence each; empty where they agree."""
    path = notebook_of(text)
    if not path.exists():
        return [f"{text.name} has no notebook"]
    wanted = source_form(from_text(text.read_text(encoding="utf8")))
    found = source_form(nbformat.read(path, as_version=4))
    if wanted == found:
        return []
    if wanted["metadata"] != found["metadata"]:
        return [f"{path.name}: its metadata is not that of {text.name}"]
    for number, (left, right) in enumerate(zip(wanted["cells"], found["cells"], strict=False)):
        if left != right:
            what = next(key for key in left if left[key] != right[key])
            first = str(left["source"]).splitlines()[0] if left["source"] else ""
            return [f"{path.name}: cell {number} differs in its {what} from {text.name}: {first!r}"]
    return [f"{path.name} has {len(found['cells'])} cells, {text.name} has {len(wanted['cells'])}"]


def check() -> list[str]:
    """Every disagreement between the two folders."""
    found = [line for text in lessons() for line in differences(text)]
    orphans = {path.stem for path in NOTEBOOKS.glob("*.ipynb")} - {path.stem for path in lessons()}
    return found + [f"{name}.ipynb has no text in lessons/" for name in sorted(orphans)]


def named(given: str) -> list[Path]:
    """The lessons meant by a path, a name or its beginning: ``lessons/01a-tcp-connection.md``, ``01a``, ``01``.

    Raises SystemExit if there is none.
    """
    name = Path(given).name.removesuffix(".md")
    for exact in ({name}, {path.stem for path in lessons() if path.stem.startswith(f"{name}-")}):
        if found := [path for path in lessons() if path.stem in exact]:
            return found
    found = [path for path in lessons() if path.stem.startswith(name)]
    if not found:
        raise SystemExit(f"There is no lesson {given!r}. There are: {', '.join(path.stem for path in lessons())}.")
    return found


def main() -> int:
    """Run lessons and write their notebooks, or check that both sides agree, or go from notebook to text."""
    parser = argparse.ArgumentParser(description="lessons/*.md and notebooks/*.ipynb, kept in step")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the two sides disagree")
    parser.add_argument("--to-text", action="store_true", help="write the text from the notebook")
    parser.add_argument("lessons", nargs="*", help="lessons/00-start-here.md, or 00; default: all")
    options = parser.parse_args()
    if options.check:
        wrong = check()
        for line in wrong:
            print(f"{line}. Run `make notebooks`, or `tools/sync_lessons.py --to-text` if you edited the notebook.")
        return 1 if wrong else 0
    for text in [path for given in options.lessons for path in named(given)] or lessons():
        path = notebook_of(text)
        if options.to_text:
            text.write_text(to_text(nbformat.read(path, as_version=4)), encoding="utf8")
            print(f"{path.name} -> {text.name}")
            continue
        notebook = from_text(text.read_text(encoding="utf8"))
        execute(notebook)
        settle(notebook)
        nbformat.write(notebook, path)
        print(f"{text.name} -> {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
