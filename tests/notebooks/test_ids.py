"""Every id of the chapter is covered by a lesson, and each has its cell.

Rule: what a lesson covers is read from its metadata, never typed a second time here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks.lessons import NOTEBOOKS, chapter_ids, code_cells, covers, ids, load


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_ids_named_exist(path: Path) -> None:
    notebook = load(path)
    named = {*covers(notebook), *(identifier for cell in notebook["cells"] for identifier in ids(cell))}
    assert named <= set(chapter_ids())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_what_a_lesson_covers_has_its_code_cell_and_the_other_way_round(path: Path) -> None:
    notebook = load(path)
    in_cells = {identifier for cell in code_cells(notebook) for identifier in ids(cell)}
    assert in_cells == set(covers(notebook))
    assert len(covers(notebook)) == len(set(covers(notebook)))


def test_every_id_has_its_cell() -> None:
    in_cells = {identifier for path in NOTEBOOKS for cell in code_cells(load(path)) for identifier in ids(cell)}
    assert set(chapter_ids()) - in_cells == set()


def test_the_table_of_ids() -> None:
    sections: dict[str, set[str]] = {}
    for identifier, section in chapter_ids().items():
        sections.setdefault(section, set()).add(identifier)
    assert set(sections) == {f"7.{n}" for n in range(7)}
    assert sections["7.0"] == {"C-0.1", "C-0.2", "C-0.3"}
    last = {"T": 7, "C": 11, "E": 4}
    assert sections["7.1"] == {f"{kind}-1.{n}" for kind, end in last.items() for n in range(1, end + 1)} | {"M-1"}
    last = {"T": 3, "C": 7, "E": 3}
    assert sections["7.2"] == {f"{kind}-2.{n}" for kind, end in last.items() for n in range(1, end + 1)}
