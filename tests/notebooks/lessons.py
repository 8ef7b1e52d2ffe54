"""The committed notebooks as the policy tests read them.

Rule: plain JSON in, no kernel started here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS_FILE = ROOT / "tests" / "project" / "chapter_ids.txt"

Cell = dict[str, Any]


def copies(folder: Path) -> list[Path]:
    """The notebooks in a folder of a test's own: cells make files beside them, and two tests may run at once."""
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(path, folder)) for path in NOTEBOOKS]


def load(path: Path) -> dict[str, Any]:
    """A notebook as it is stored."""
    return dict(json.loads(path.read_text(encoding="utf8")))


def code_cells(notebook: dict[str, Any]) -> list[Cell]:
    """The code cells, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: Cell) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def tags(cell: Cell) -> set[str]:
    """The tags of a cell."""
    return set(cell["metadata"].get("tags", []))


def ignored(cell: Cell) -> bool:
    """True where nbval runs the cell but does not compare what it prints."""
    return bool(tags(cell) & {"nbval-ignore-output", "nbval-skip"}) or any(
        marker in source(cell) for marker in ("NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP", "PYTEST_VALIDATE_IGNORE_OUTPUT")
    )


def covers(notebook: dict[str, Any]) -> list[str]:
    """The ids of the chapter that the lesson says it covers."""
    return list(notebook["metadata"].get("labkit", {}).get("covers", []))


def ids(cell: Cell) -> list[str]:
    """The ids of the chapter that a cell treats."""
    return list(cell["metadata"].get("labkit", {}).get("ids", []))


def chapter_ids() -> dict[str, str]:
    """Every id of the chapter with its section: ``{"T-1.1": "7.1", ...}``."""
    lines = [line.split() for line in IDS_FILE.read_text(encoding="utf8").splitlines() if not line.startswith("#")]
    return {identifier: section for section, identifier in lines}
