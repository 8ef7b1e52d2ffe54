"""What every committed notebook keeps to, so that it reads well unexecuted and compares well executed.

Rule: reads the files only; that the outputs are true is nbval's part.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks.lessons import NOTEBOOKS, code_cells, ignored, load, source, tags

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])

MAX_LINES = 12  # lines of a code cell
MAX_CELLS = 66  # cells whose source is shown: "a lesson that grows past about 60 cells is split"
COMPARED = 0.95  # share of code cells whose output nbval compares


def test_kernel_is_named(path: Path) -> None:
    assert load(path)["metadata"]["kernelspec"]["name"] == "labkit"


def test_executed_from_top_to_bottom(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(load(path))]
    assert counts == list(range(1, len(counts) + 1))


def test_no_error_is_shown_unless_meant(path: Path) -> None:
    wrong = [
        source(cell)
        for cell in code_cells(load(path))
        if any(output["output_type"] == "error" for output in cell["outputs"]) and "raises-exception" not in tags(cell)
    ]
    assert wrong == []


def test_a_cell_meant_to_fail_does(path: Path) -> None:
    wrong = [
        source(cell)
        for cell in code_cells(load(path))
        if "raises-exception" in tags(cell) and not any(output["output_type"] == "error" for output in cell["outputs"])
    ]
    assert wrong == []


def test_nothing_on_stderr(path: Path) -> None:
    wrong = [
        source(cell)
        for cell in code_cells(load(path))
        if any(output.get("name") == "stderr" for output in cell["outputs"])
    ]
    assert wrong == []


def test_cells_are_short(path: Path) -> None:
    wrong = [source(cell) for cell in code_cells(load(path)) if len(source(cell).splitlines()) > MAX_LINES]
    assert wrong == []


def test_lesson_is_not_too_long(path: Path) -> None:
    cells = load(path)["cells"]
    assert sum(not cell["metadata"].get("jupyter", {}).get("source_hidden") for cell in cells) <= MAX_CELLS


def test_prose_before_each_code_cell(path: Path) -> None:
    before = "code"
    wrong = []
    for cell in load(path)["cells"]:
        if cell["cell_type"] == "code" and (before == "code" or not source(cell).strip()):
            wrong.append(source(cell))
        before = cell["cell_type"]
    assert wrong == []


def test_most_outputs_are_compared(path: Path) -> None:
    cells = code_cells(load(path))
    compared = [cell for cell in cells if not ignored(cell)]
    assert len(compared) >= COMPARED * len(cells), f"{len(compared)} of {len(cells)} code cells are compared"


def test_an_ignored_cell_says_why(path: Path) -> None:
    wrong = [
        source(cell)
        for cell in code_cells(load(path))
        if ignored(cell) and not any(line.startswith("# not compared: ") for line in source(cell).splitlines())
    ]
    assert wrong == [], "an ignored cell needs a comment line '# not compared: ' and the reason"


def test_every_picture_has_its_text_twin(path: Path) -> None:
    wrong = []
    for cell in code_cells(load(path)):
        for output in cell["outputs"]:
            data = output.get("data", {})
            twin = "".join(data.get("text/plain", ""))
            pictured = any(kind.startswith("image/") or "widget" in kind for kind in data)
            if pictured and (not twin.strip() or twin.startswith("<") or twin.startswith("Figure(")):
                wrong.append(source(cell))
    assert wrong == []


def test_svg_has_alternative_text(path: Path) -> None:
    wrong = []
    for cell in code_cells(load(path)):
        for output in cell["outputs"]:
            svg = "".join(output.get("data", {}).get("image/svg+xml", ""))
            if svg and not ("<title" in svg and "<desc" in svg):
                wrong.append(source(cell))
    assert wrong == []


def test_nothing_of_this_machine_is_stored(path: Path) -> None:
    notebook = load(path)
    assert set(notebook["metadata"]) <= {"kernelspec", "labkit", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    about = [cell["metadata"] for cell in notebook["cells"]]
    assert [each for each in about if set(each) - {"jupyter", "labkit", "tags"}] == []
    folded = [each["jupyter"] for each in about if "jupyter" in each]
    assert [each for each in folded if each != {"source_hidden": True}] == []


def test_no_view_of_a_widget_is_stored(path: Path) -> None:
    notebook = load(path)
    assert "widgets" not in notebook["metadata"]
    kinds = [kind for cell in code_cells(notebook) for output in cell["outputs"] for kind in output.get("data", {})]
    assert [kind for kind in kinds if "widget" in kind] == []
