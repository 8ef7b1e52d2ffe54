"""Every change that a lesson or the guide for instructors proposes: it shows what is said, and there is a way back.

Rule: one kernel a lesson; its cells run in order, and each change is tried as soon as the cells that it needs have run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.needs import need_live_capture, need_private_network
from tests.notebooks.lessons import code_cells, load, source
from tests.notebooks.running import LessonKernel, Outputs, lesson_kernel
from tests.notebooks.test_nbval_cfg import sanitise
from tools import changes, sync_lessons
from tools.changes import Change, Mistake

LESSONS = [path for path in sync_lessons.lessons() if changes.load(path.stem)]
TIMEOUT = 360  # seconds for the changes of one lesson, on a busy machine

# A change that ends with an error leaves a server or a socket open; the cell says so when it runs again, and goes on.
REPLACED = re.compile(r"(?m)^.* was taken by a (?:server|socket) of another cell\. That one is closed now\.\n")

# Said once a session, to whoever makes no prediction.
NAG = re.compile(r" Next time, commit first: .*")

TEXT = """\
# A lesson

## One

Run this.

```python
one = 1
```

Then this.

```python jupyter={"source_hidden": true}
print(one)
```

## Two

```python
# a comment
two = one + 1
two
```
"""
ROW = {
    "id": "more", "section": "One", "cell": "one = 1", "replace": [["= 1", "= 5"]], "question": "What is printed?",
    "seen": "It prints 5.", "run": ["print(one)"], "expect": [["print(one)", "^5$"]],
}  # fmt: skip


def change(**values: object) -> Change:
    """A change of the lesson above."""
    return changes._change("lesson", {**ROW, **values})


@pytest.mark.timeout(TIMEOUT)
@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_each_change_of_a_lesson(path: Path, tmp_path: Path) -> None:
    need_private_network()  # the outputs below are of a live notebook with a wire
    need_live_capture()
    cells = changes.code_cells(path.read_text(encoding="utf8"))
    waiting = changes.load(path.stem)
    committed = {source(cell): said(cell) for cell in code_cells(load(sync_lessons.notebook_of(path)))}
    first: list[Outputs] = []
    wrong: list[str] = []
    undone: list[str] = []  # the changes that were taken back just now
    with lesson_kernel(tmp_path, tmp_path / "progress.json") as kernel:
        for number, code in enumerate(cells):
            first.append(kernel.run(code))
            wanted = committed.get(code, "(the notebook has no such cell: make notebooks)")
            if undone and NAG.sub("", first[-1].compared) != NAG.sub("", wanted):
                wrong.append(f"after {undone}: {code[:40]!r} gives {first[-1].compared!r}, not {wanted!r}")
            undone = []
            for each in waiting:
                if max(changes.to_run(cells, each)) == number:
                    wrong += [f"{each.id}: {line}" for line in tried(kernel, cells, each, first)]
                    undone.append(each.id)
    assert not wrong, "\n".join(wrong)


def said(cell: dict[str, Any]) -> str:
    """What a committed cell says, as `Outputs.compared` has it."""
    text = ""
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            text += f"{output['ename']}: {output['evalue']}\n"
        elif output["output_type"] == "stream":
            text += "".join(output["text"])
        else:
            text += "".join(output["data"].get("text/plain", "")) + "\n"
    return sanitise(text)


def tried(kernel: LessonKernel, cells: list[str], each: Change, first: list[Outputs]) -> list[str]:
    """What is wrong with a change, in a kernel that has run all the cells that it needs, and no other below them."""
    numbers, wrong = changes.to_run(cells, each), []
    made = changes.changed(cells, each)
    expected: dict[int, list[str]] = {}
    for piece, pattern in each.expect:
        expected.setdefault(changes.find(cells, piece or each.cell), []).append(pattern)
    for number in numbers:
        outputs = kernel.run(made.get(number, cells[number]))
        missing = [one for one in expected.get(number, []) if not re.search(one, outputs.text, re.MULTILINE)]
        wrong += [f"cell {cells[number][:40]!r} shows not {one!r} but {outputs.text[-600:]!r}" for one in missing]
        if outputs.error and not any(f"{outputs.error}: " in pattern for pattern in expected.get(number, [])):
            wrong.append(f"cell {cells[number][:40]!r} ends with {outputs.text[-300:]!r}")
    # The way back: the same cells as they were give what they gave.
    if each.undo and (undone := kernel.run(each.undo)).error:
        wrong.append(f"undo ends with {undone.text[-300:]!r}")
    for number in numbers:
        before, again = (NAG.sub("", text) for text in (first[number].compared, kernel.run(cells[number]).compared))
        again = REPLACED.sub("", again)
        if again != before:
            wrong.append(f"back: {cells[number][:40]!r} gave {before[-400:]!r}, now {again[-400:]!r}")
    return wrong


def test_lessons_and_guide_are_up_to_date() -> None:
    found, mistakes = changes.outdated()
    assert ([str(path) for path in found], mistakes) == ([], [])


@pytest.mark.parametrize("path", sync_lessons.lessons(), ids=lambda path: path.stem)
def test_each_section_with_an_experiment_has_something_to_change(path: Path) -> None:
    assert unchanged(path.read_text(encoding="utf8")) == []


def unchanged(text: str) -> list[str]:
    """The headings of the sections that have an experiment and nothing to change. text: a lesson's."""
    found = []
    for section in re.split(r"(?m)^## ", text.partition("\n## What to keep\n")[0])[1:]:
        heading = section.splitlines()[0]
        experiments = [code for code in changes.code_cells(section) if "exercises." not in code]
        if experiments and heading != "In production" and not changes.BLOCK.search(section):
            found.append(heading)
    return found


def test_a_section_with_nothing_to_change_is_found() -> None:
    assert unchanged(TEXT) == ["One", "Two"]
    assert unchanged(changes.written_lesson(TEXT, [change()])) == ["Two"]
    assert unchanged(TEXT.replace("two = one + 1", "exercises.tcp.flags")) == ["One"]


def test_a_block_says_what_to_do_and_hides_what_is_seen() -> None:
    written = changes.written_lesson(TEXT, [change()])
    (block,) = re.findall(r"<!-- change: more -->\n(.*?)<!-- end of change -->\n", written, re.DOTALL)
    assert block == (
        "**Change one thing.** In the cell that begins with `one = 1`, change `= 1` to `= 5`, and run the cell. "
        "Then run the cell that begins with `print(one)` again. What is printed?\n\n"
        "<details>\n<summary>What is seen</summary>\n\n"
        "It prints 5. To get back, undo the change and run the same cells again.\n\n</details>\n"
    )
    assert written.index("print(one)\n```") < written.index("<!-- change") < written.index("## Two")


def test_written_twice_is_written_once() -> None:
    written = changes.written_lesson(TEXT, [change()])
    assert changes.written_lesson(written, [change()]) == written
    assert "It prints 5" not in changes.written_lesson(written, [change(seen="It prints more.")])


def test_a_block_that_was_moved_stays_where_it_is() -> None:
    block = changes.block(changes.code_cells(TEXT), change())
    moved = TEXT.replace("Then this.\n", block + "\nThen this.\n")
    assert changes.written_lesson(moved, [change()]) == moved


def test_one_that_is_gone_goes_from_the_lesson() -> None:
    assert changes.written_lesson(changes.written_lesson(TEXT, [change()]), []) == TEXT


def test_a_prediction_has_its_options_before_and_its_answer_behind_the_fold() -> None:
    block = changes.block(changes.code_cells(TEXT), change(options=["four", "five"], answer="five"))
    before, behind = block.split("<details>")
    assert "Choose: *four*, *five*." in before
    assert "**Five.** It prints 5." in behind


def test_only_instructors_see_theirs() -> None:
    cells, hidden = changes.code_cells(TEXT), change(shown_to="instructors", question="")
    assert changes.written_lesson(TEXT, [hidden]) == TEXT
    assert "It prints 5." in changes.table(cells, [hidden])
    assert "It prints 5." not in changes.table(cells, [change(shown_to="students")])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"cell": "one"}, "'one' occurs in 3 cells"),
        ({"cell": "three"}, "'three' occurs in 0 cells"),
        ({"replace": [["= 2", "= 5"]]}, "'= 2' occurs 0 times"),
        ({"replace": []}, "it changes nothing"),
        ({"run": ["nowhere"]}, "'nowhere' occurs in 0 cells"),
        ({"expect": [["nowhere", "5"]]}, "'nowhere' occurs in 0 cells"),
    ],
)
def test_what_does_not_fit_its_lesson_is_told(values: dict[str, object], says: str) -> None:
    with pytest.raises(Mistake, match=re.escape(says)):
        changes.to_run(changes.code_cells(TEXT), change(**values))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"expect": []}, "expect is missing"),
        ({"shown_to": "nobody"}, "shown_to is 'nobody'"),
        ({"question": ""}, "asked a question"),
        ({"options": ["a"], "answer": "b"}, "the answer is one of the options"),
        ({"options": ["a"]}, "the answer is one of the options"),
        ({"sen": "x"}, "unexpected keyword argument 'sen'"),
    ],
)
def test_what_is_not_a_change_is_told(values: dict[str, object], says: str) -> None:
    with pytest.raises(Mistake, match=re.escape(says)):
        change(**values)


def test_a_section_that_is_not_there_is_told() -> None:
    with pytest.raises(Mistake, match="'Three' occurs 0 times"):
        changes.written_lesson(TEXT, [change(section="Three")])


def test_a_change_that_shows_something_else_is_found(tmp_path: Path) -> None:
    """The test of the lessons can fail: by what is shown, by an error, and by no way back."""
    cells = changes.code_cells(TEXT)
    with lesson_kernel(tmp_path, tmp_path / "progress.json") as kernel:
        first = [kernel.run(code) for code in cells]
        assert tried(kernel, cells, change(), first) == []
        (line,) = tried(kernel, cells, change(expect=[["print(one)", "^6$"]]), first)
        assert "shows not '^6$'" in line
        assert any("NameError" in line for line in tried(kernel, cells, change(replace=[["= 1", "= x"]]), first))
        (line,) = tried(kernel, cells, change(replace=[["one = 1", "one = 5; print = str"]], expect=[["", ""]]), first)
        assert line.startswith("back: ")
