"""The parts of labkit import each other one way only, and `import labkit` costs nothing.

Rule: the rules stand in tools/imports.py; here they are enforced, and shown to bite.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import imports

LAZY = ("scapy", "matplotlib", "numpy", "ipywidgets", "IPython", "asyncio", "uvloop", "ssl", "subprocess", "xml")


def test_no_part_breaks_the_rule() -> None:
    assert imports.breaches() == []


def test_the_rule_itself_has_no_circle() -> None:
    order = list(imports.ALLOWED)
    for part, targets in imports.ALLOWED.items():
        assert all(order.index(target) < order.index(part) for target in targets), part


def test_the_picture_is_what_the_code_says() -> None:
    assert imports.PICTURE.read_text(encoding="utf8") == imports.picture(), "run `make docs`"


@pytest.mark.parametrize(
    ("module", "line", "says"),
    [
        ("core/loop.py", "from labkit import net", "core must not import net"),
        ("core/loop.py", "from labkit.net import socket", "core must not import net"),
        ("core/loop.py", "from ..net import socket", "core must not import net"),
        ("packets/tape.py", "def f():\n    import labkit.servers", "packets must not import servers"),
        ("draw/bits.py", "import scapy.all", "only packets imports scapy"),
        ("packets/tape.py", "from matplotlib.figure import Figure", "only draw imports matplotlib"),
        ("draw/bits.py", "import ipywidgets", "only widgets imports ipywidgets"),
        ("surprise.py", "import os", "without a line in tools/imports.py"),
    ],
)
def test_a_breach_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, line: str, says: str) -> None:
    for name in ("core/__init__.py", "net/__init__.py", "servers/__init__.py", "__init__.py", module):
        path = tmp_path / "labkit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "labkit" / module).write_text(line + "\n", encoding="utf8")
    monkeypatch.setattr(imports, "PACKAGE", tmp_path / "labkit")
    (wrong,) = imports.breaches()
    assert says in wrong


def test_importing_labkit_loads_nothing_heavy() -> None:
    asks = f"import labkit, sys; print(*sorted(set({LAZY!r}) & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-I", "-c", asks], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == []


def test_scapy_and_matplotlib_wait_until_they_are_used() -> None:
    names = "{'scapy', 'matplotlib', 'ipywidgets'}"
    asks = f"import sys; from labkit import draw, net, packets; print(*sorted({names} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-I", "-c", asks], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == []
