"""Predictions and verdicts as the cells of a notebook hold them, and what a machine can find wrong with them.

Rule: reads code as a tree and outputs as stored; it finds what is certain, and leaves the rest to a person.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from typing import Any

from tests.notebooks.lessons import Cell, source

ASKING = {"predict", "compare", "check_claim"}
"""Calls that ask, compare or give a verdict."""

PURE = {
    "append", "count", "decode", "endswith", "get", "index", "intersection", "items", "join", "keys", "replace",
    "rstrip", "sort", "split", "splitlines", "startswith", "strip", "union", "values", "where",
}  # fmt: skip
"""Methods that only look at what was measured before."""

# Words that say too little to be an answer: a text of these and one word more is found everywhere.
EMPTY = {
    "a", "after", "all", "an", "and", "are", "as", "at", "by", "for", "in", "is", "it", "its", "no", "not", "of", "on",
    "one", "or", "that", "the", "them", "they", "this", "to", "was", "when", "with",
}  # fmt: skip
NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip


def tree(code: str) -> ast.Module:
    """A cell's code as a tree, without the lines that are IPython's own."""
    lines = ("pass" if line.lstrip().startswith(("%", "!")) else line for line in code.splitlines())
    return ast.parse("\n".join(lines), feature_version=(3, 11))


def calls(node: ast.AST) -> Iterator[str]:
    """The names of what is called somewhere in a piece of code: ``"predict"`` for ``labkit.predict(…)``.

    A picture is named with its module, ``"draw.compare"``: it is no verdict.
    """
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            drawn = isinstance(each.func.value, ast.Name) and each.func.value.id == "draw"
            yield f"draw.{each.func.attr}" if drawn else each.func.attr
        elif isinstance(each, ast.Call):
            yield getattr(each.func, "id", "")


def only_asks(code: str) -> bool:
    """Whether a cell does nothing but ask, compare or give a verdict, and compute what it needs for that."""
    asks = False
    for statement in tree(code).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name):
            continue  # shows the prediction
        if not isinstance(statement, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)) or statement.value is None:
            return False
        if any(isinstance(each, (ast.Await, ast.Yield)) for each in ast.walk(statement)):
            return False
        if not isinstance(statement, ast.Expr) or next(calls(statement), "") in ASKING:
            for name in calls(statement):
                if name not in ASKING | PURE and not hasattr(builtins, name):
                    return False
            asks = asks or bool(ASKING & set(calls(statement)))
        else:
            return False
    return asks


def hidden(cell: Cell) -> bool:
    """Whether JupyterLab hides the source of a cell."""
    return bool(cell["metadata"].get("jupyter", {}).get("source_hidden"))


def shown_sources(cells: list[Cell]) -> list[str]:
    """The sources of the cells that only ask, compare or give a verdict, and are not hidden."""
    codes = [cell for cell in cells if cell["cell_type"] == "code" and not hidden(cell)]
    return [source(cell) for cell in codes if only_asks(source(cell))]


def words(text: str) -> str:
    """Text as words alone, in small letters, one space between: what can be searched."""
    return " ".join(re.findall(r"\w+(?:[.,]\d+)?", text.casefold()))


def outputs(cell: Cell) -> str:
    """What a cell printed and showed, as text."""
    texts = (each.get("text") or each.get("data", {}).get("text/plain", "") for each in cell.get("outputs", ()))
    return "\n".join("".join(each) for each in texts)


def verdicts(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    """For each prediction that was compared: the number of the cell that asks it, and what was measured."""
    asked: dict[str, int] = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        for each in ast.walk(tree(source(cell))):
            if isinstance(each, ast.Assign) and "predict" in calls(each) and isinstance(each.targets[0], ast.Name):
                asked[each.targets[0].id] = number
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "compare":
                name = each.func.value.id if isinstance(each.func.value, ast.Name) else ""
                measured = re.search(r"^Measured: (.*)$", outputs(cell), re.MULTILINE)
                if name in asked and measured:
                    yield asked[name], measured[1]


def above(cells: list[Cell], number: int, *, everywhere: bool) -> Iterator[tuple[int, str]]:
    """Line by line what a student has read above a cell, with the number of its cell.

    Headings, and the list of objectives in the first cells. everywhere: all prose and all outputs too, but for those of
    other questions, whose answers are not this one's. Code is not read: it holds the data that the answer is about.
    """
    for before, cell in enumerate(cells[:number]):
        if cell["cell_type"] == "markdown":
            for line in source(cell).splitlines():
                objective = before < 2 and re.match(r"\s*([-*]|\d+\.) ", line)
                if everywhere or line.startswith("#") or objective:
                    yield before, re.sub(r"^\s*([-*#]+|\d+\.) ", "", line)
        elif everywhere and not ASKING & set(calls(tree(source(cell)))):
            yield from ((before, line) for line in outputs(cell).splitlines())


def data(cells: list[Cell]) -> str:
    """All text and bytes that code of these cells holds, as words: what is sent is no answer when it is printed."""
    codes = [tree(source(cell)) for cell in cells if cell["cell_type"] == "code"]
    literals = (each.value for code in codes for each in ast.walk(code) if isinstance(each, ast.Constant))
    texts = (each.decode("utf8", "replace") if isinstance(each, bytes) else str(each) for each in literals)
    return " | ".join(words(each) for each in texts)


def question(cell: Cell) -> str:
    """The words of the question that a cell asks, without its options."""
    asked = [each for each in ast.walk(tree(source(cell))) if isinstance(each, ast.Call) and each.args]
    first = [each.args[0] for each in asked if "predict" in calls(each)]
    return " ".join(words(str(each.value)) for each in first if isinstance(each, ast.Constant))


def given_away(cells: list[Cell]) -> list[str]:
    """Every prediction whose answer stands above it, one sentence each.

    A number is looked for in headings and objectives, and so is an answer of two telling words; one of three or more
    in everything that a student has read.
    """
    found = []
    for number, measured in verdicts(cells):
        answer = words(measured)
        telling = [word for word in answer.split() if word not in EMPTY]
        spelled = {answer}
        if re.fullmatch(r"-?\d+([.,]\d+)?", measured.strip()):
            if answer.isdigit() and 2 < int(answer) < len(NUMBERS):
                spelled.add(NUMBERS[int(answer)])
            everywhere = False
        elif len(telling) >= 2:
            everywhere = len(telling) >= 3 and answer not in data(cells[:number])
        else:
            continue
        if any(f" {each} " in f" {question(cells[number])} " for each in spelled):
            continue  # the question itself names it: five datagrams are sent, and how many messages come?
        for place, line in above(cells, number, everywhere=everywhere):
            if any(f" {each} " in f" {words(line)} " for each in spelled):
                found.append(f"cell {number} asks what cell {place} says: {measured!r} is in {line.strip()!r}")
                break
    return found


def markdown(text: str) -> Any:
    """A cell of prose, for samples."""
    return {"cell_type": "markdown", "source": text, "metadata": {}}


def code(text: str, shows: str = "", **metadata: Any) -> Any:
    """A cell of code with what it shows, for samples."""
    output = {"output_type": "execute_result", "data": {"text/plain": shows}}
    return {"cell_type": "code", "source": text, "metadata": metadata, "outputs": [output] if shows else []}
