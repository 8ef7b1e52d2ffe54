"""Questions for the class: every prediction of the lessons, what was measured, and what each wrong answer reveals.

Rule: read from the cells and outputs of the committed notebooks; no answer is typed here.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from tools import sync_lessons
from tools.claims import cell_link, escaped, table

PAGE = sync_lessons.ROOT / "docs" / "questions-for-the-class.md"

HEAD = """# Questions for the class

Each prediction of the lessons is a question for a room. Ask it before you run the cell (`labkit.poll` shows the answers
as bars), and let two students with different answers convince each other. Here is what was measured, and what a wrong
answer tells you about who gives it. Made by `tools/questions.py` from the notebooks.
"""

_MEASURED = re.compile(r"^Measured: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One prediction. asked: its words. options: what is said to those who choose an answer, by the answer; none if a
    number is asked for. measured: what came out when the notebook ran. cell: the id of the cell that asks.
    """

    asked: str
    options: dict[str, str]
    measured: str
    cell: str


def questions(notebook: Path) -> list[Question]:
    """The predictions of a notebook, in their order. Raises SystemExit if one is asked and never compared."""
    cells = [each for each in json.loads(notebook.read_text(encoding="utf8"))["cells"] if each["cell_type"] == "code"]
    asked: dict[str, tuple[str, dict[str, str], str]] = {}
    found = []
    for cell in cells:
        tree = _parsed("".join(cell["source"]))
        for name, call in _predictions(tree):
            asked[name] = (*_read(call), cell["id"])
        for name in _compared(tree):
            if name in asked:
                text = "\n".join("".join(each.get("data", {}).get("text/plain", each.get("text", "")))
                                 for each in cell["outputs"])  # fmt: skip
                measured = _MEASURED.search(text)
                if measured:
                    words, options, where = asked.pop(name)
                    found.append(Question(words, options, measured[1], where))
    if asked:
        raise SystemExit(f"{notebook.name}: no verdict was found for {', '.join(asked)}.")
    return found


def _parsed(source: str) -> ast.Module:
    # a lesson's cell may await at its top level
    tree: ast.Module = compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return tree


def _predictions(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for each in ast.walk(tree):
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                if ast.unparse(call.func) == "labkit.predict":
                    yield name, call


def _read(call: ast.Call) -> tuple[str, dict[str, str]]:
    """The question, and its options; a question for a number has none."""
    words: dict[str, Any] = {word.arg: word.value for word in call.keywords if word.arg}
    options: Any = ast.literal_eval(words["options"]) if "options" in words else {}
    if not isinstance(options, dict):
        options = {str(each): "" for each in options}
    return str(ast.literal_eval(call.args[0])), {str(answer): str(said) for answer, said in options.items()}


def _compared(tree: ast.Module) -> Iterator[str]:
    for each in ast.walk(tree):
        match each:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="compare")):
                yield name


def written() -> str:
    """The text of the page."""
    parts = [HEAD]
    for text in sync_lessons.lessons():
        notebook = sync_lessons.notebook_of(text)
        found = questions(notebook)
        if found:
            rows = [[_asked(each, notebook.stem), escaped(each.measured), _wrong(each)] for each in found]
            heads = ["question", "what was measured", "what a wrong answer reveals"]
            parts.append(f"## {sync_lessons.title(text)}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _asked(question: Question, lesson: str) -> str:
    link = cell_link(lesson, question.cell).replace(f"[{lesson.partition('-')[0]}]", "[cell]")
    return f"{escaped(question.asked)} ({link})"


def _wrong(question: Question) -> str:
    told = [
        f"*{escaped(answer)}*: {escaped(said)}"
        for answer, said in question.options.items() if said and answer != question.measured
    ]  # fmt: skip
    return "<br>".join(told) or "a number is asked for: let the room write it down first"


def main() -> int:
    """Write the page, or check that it is what the notebooks say."""
    parser = argparse.ArgumentParser(description="docs/questions-for-the-class.md, computed from the notebooks")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is not up to date")
    options = parser.parse_args()
    said = "is not what the notebooks say. Run `tools/questions.py`."
    return sync_lessons.keep({PAGE: written()}, options.check, said)


if __name__ == "__main__":
    sys.exit(main())
