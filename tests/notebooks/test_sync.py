"""tools/sync_lessons.py: text and notebook are one source.

Rule: no kernel is started; running the lessons is nbval's part.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tools import sync_lessons

LESSON = """\
---
jupyter:
  kernelspec:
    display_name: labkit
    language: python
    name: labkit
  labkit:
    covers:
    - T-1.1
    - C-1.2
---

# A lesson

A question, and a table:

| a | b |
| --- | --- |
| 1 | 2 |

```console
$ telnet 127.0.0.1 8124
```

```python labkit={"ids": ["T-1.1"]} tags=["raises-exception"]
1 / 0
```

The same cell twice.

```python labkit={"ids": ["C-1.2"]}
!echo 您好！
%time 1 + 1
```

A cell whose source is hidden.

```python jupyter={"source_hidden": true} labkit={"ids": ["C-1.2"]}
guess.compare(2)
```

And one with a tag.

```python jupyter={"source_hidden": true} tags=["raises-exception"]
1 / 0
```

The same cell twice.

```python
1 + 1
```
"""


def test_text_to_notebook_and_back_is_the_same_text() -> None:
    assert sync_lessons.to_text(sync_lessons.from_text(LESSON)) == LESSON


def test_metadata_of_lesson_and_cells_is_kept() -> None:
    notebook = sync_lessons.from_text(LESSON)
    assert notebook.metadata["labkit"] == {"covers": ["T-1.1", "C-1.2"]}
    first, second, hidden, both, third = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert first.metadata == {"labkit": {"ids": ["T-1.1"]}, "tags": ["raises-exception"]}
    assert second.source == "!echo 您好！\n%time 1 + 1"
    assert third.metadata == {}
    assert hidden.metadata == {"jupyter": {"source_hidden": True}, "labkit": {"ids": ["C-1.2"]}}
    assert both.metadata == {"jupyter": {"source_hidden": True}, "tags": ["raises-exception"]}


def test_the_order_of_the_keys_on_a_fence_does_not_matter() -> None:
    hidden, ids = 'jupyter={"source_hidden": true}', 'labkit={"ids": ["C-1.2"]}'
    turned = LESSON.replace(f"{hidden} {ids}", f"{ids} {hidden}")
    assert turned != LESSON
    assert sync_lessons.source_form(sync_lessons.from_text(turned)) == sync_lessons.source_form(
        sync_lessons.from_text(LESSON)
    )


def test_of_what_a_reader_folded_only_hidden_sources_are_kept() -> None:
    notebook = sync_lessons.from_text(LESSON)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    codes[4].metadata["jupyter"] = {"outputs_hidden": True, "source_hidden": False}
    codes[2].metadata["jupyter"] = {"outputs_hidden": True, "source_hidden": True}
    codes[3].metadata["collapsed"] = True
    assert sync_lessons.to_text(notebook) == LESSON


def test_committed_form_has_no_view_of_a_widget() -> None:
    notebook = sync_lessons.from_text(LESSON)
    view = "application/vnd.jupyter.widget-view+json"
    data = {"text/plain": "Which?", "text/html": "<b>Which?</b>", view: {"model_id": "1"}}
    notebook.cells[1].outputs = [nbformat.v4.new_output("execute_result", data=data)]
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    sync_lessons.settle(notebook)
    (output,) = notebook.cells[1].outputs
    assert set(output.data) == {"text/plain", "text/html"}
    assert "widget" not in nbformat.writes(notebook)


def test_cell_ids_follow_from_content_and_are_unique() -> None:
    ids = [cell.id for cell in sync_lessons.from_text(LESSON).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [cell.id for cell in sync_lessons.from_text(LESSON).cells]
    longer = sync_lessons.from_text(LESSON.replace("# A lesson", "# Another title"))
    assert [cell.id for cell in longer.cells][1:] == ids[1:]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("lessons", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sync_lessons, "LESSONS", tmp_path / "lessons")
    monkeypatch.setattr(sync_lessons, "NOTEBOOKS", tmp_path / "notebooks")
    (tmp_path / "lessons" / "01-x.md").write_text(LESSON, encoding="utf8")
    nbformat.write(sync_lessons.from_text(LESSON), tmp_path / "notebooks" / "01-x.ipynb")
    return tmp_path


def test_check_is_content_where_both_sides_agree(folders: Path) -> None:
    assert sync_lessons.check() == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("1 / 0", "1 / 1", "cell 1"),
        ("# A lesson", "# The lesson", "cell 0"),
        ('["C-1.2"]}', '["C-1.3"]}', "its metadata"),
        ("- C-1.2", "- C-1.3", "its metadata"),
        ("\n```python\n1 + 1\n```\n", "", "10 cells"),
    ],
)
def test_check_names_what_differs(folders: Path, old: str, new: str, says: str) -> None:
    assert old in LESSON
    (folders / "lessons" / "01-x.md").write_text(LESSON.replace(old, new), encoding="utf8")
    (line,) = sync_lessons.check()
    assert says in line


def test_check_names_a_side_that_is_missing(folders: Path) -> None:
    (folders / "notebooks" / "01-x.ipynb").rename(folders / "notebooks" / "02-y.ipynb")
    assert sync_lessons.check() == ["01-x.md has no notebook", "02-y.ipynb has no text in lessons/"]


def test_committed_form_names_no_place_of_this_machine() -> None:
    notebook = sync_lessons.from_text(LESSON)
    traceback = [f"\x1b[31mFile {sync_lessons.ROOT}/labkit/x.py"]
    error = nbformat.v4.new_output("error", ename="E", evalue="v", traceback=traceback)
    notebook.cells[1].outputs = [error]
    notebook.metadata["widgets"] = {"state": {}}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.0"}
    sync_lessons.settle(notebook)
    assert notebook.cells[1].outputs[0].traceback == ["File ./labkit/x.py"]
    assert set(notebook.metadata) == {"kernelspec", "labkit", "language_info"}
    assert notebook.metadata["language_info"] == {"name": "python"}


def test_the_committed_lessons_agree() -> None:
    assert sync_lessons.check() == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("lessons/01a-tcp-connection.md", ["01a-tcp-connection"]),
        ("01a-tcp-connection", ["01a-tcp-connection"]),
        ("05a", ["05a-eavesdropping"]),
        ("05a2", ["05a2-in-the-middle"]),
        ("00", ["00-start-here"]),
        ("02", ["02a-udp", "02b-udp-network", "02c-dns", "02d-crafting", "02e-udp-book"]),
    ],
)
def test_a_lesson_is_named_by_its_path_or_by_its_beginning(given: str, meant: list[str]) -> None:
    assert [path.stem for path in sync_lessons.named(given)] == meant


def test_a_lesson_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SystemExit, match=r"no lesson '09'.*01a-tcp-connection"):
        sync_lessons.named("09")
