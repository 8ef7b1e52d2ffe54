"""labkit.core.cell: which cell has called, and whether two are the same."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from labkit.core import cell
from labkit.core.cell import Cell, differ


@pytest.mark.parametrize(("one", "other", "different"), [
    (Cell("a", "1.py"), Cell("b", "2.py"), True),
    (Cell("", "1.py"), Cell("", "2.py"), True),
    (Cell("a", "1.py"), Cell("a", "2.py"), False),  # edited, and run again
    (Cell("", "1.py"), Cell("", "1.py"), False),
    (Cell("a", "1.py"), Cell("b", "1.py"), False),  # the same text: nobody can have meant another thing
    (None, Cell("a", "1.py"), False),
    (Cell("a", "1.py"), None, False),
    (None, None, False),
])  # fmt: skip
def test_two_cells(one: Cell | None, other: Cell | None, different: bool) -> None:
    assert differ(one, other) is different


def test_outside_a_notebook_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    assert cell.current() is None


@pytest.mark.parametrize(("parent", "number"), [
    ({"metadata": {"cellId": "f00"}}, "f00"), ({"metadata": {}}, ""), ({}, ""), (None, ""), ({"metadata": None}, ""),
])  # fmt: skip
def test_in_a_notebook_it_is_the_callers(parent: Any, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("ipykernel.kernelapp"))
    shell = types.SimpleNamespace(parent_header=parent)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert cell.current() == Cell(number, __file__)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))  # type: ignore[arg-type]
    assert cell.current() == Cell("", __file__)
