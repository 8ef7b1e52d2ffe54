"""Which cell of a notebook the running code belongs to: the same when it is run again, also after an edit.

Rule: reads what the kernel and the code say of themselves; outside a notebook there is no cell.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from labkit.core.notebook import in_notebook, shell

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Cell(NamedTuple):
    """A cell. number: what the program that shows the notebook calls it, ``""`` if it does not say.

    code: the file name that the kernel makes up from the cell's text.
    """

    number: str
    code: str


def current() -> Cell | None:
    """The cell that has called labkit; None outside a notebook."""
    if not in_notebook():
        return None
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return None if frame is None else Cell(_number(), frame.f_code.co_filename)


def differ(one: Cell | None, other: Cell | None) -> bool:
    """Whether these are two cells for certain. The same text is the same cell, and so is the same number."""
    if one is None or other is None or one.code == other.code:
        return False
    return not one.number or one.number != other.number


def _number() -> str:
    parent = getattr(shell(), "parent_header", None)  # the message that asked for the cell to be run
    metadata = parent.get("metadata") if isinstance(parent, dict) else None
    number = metadata.get("cellId") if isinstance(metadata, dict) else None
    return number if isinstance(number, str) else ""
