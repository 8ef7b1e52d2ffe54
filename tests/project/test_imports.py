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


@pytest.mark.parametrize("part", imports.ALLOWED)
def test_no_circle_inside_a_part(part: str) -> None:
    assert imports.circles(part) == []


@pytest.mark.parametrize("line", [
    "from labkit.net import b", "import labkit.net.b", "from labkit.net.b import thing", "from . import b",
    "from .b import thing", "def later():\n    from labkit.net import b",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from labkit.net.b import thing",
])  # fmt: skip
def test_a_circle_is_found_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    texts = {
        "__init__": "", "net/__init__": "from labkit.net import a", "net/a": line, "net/b": "import labkit.net.c",
        "net/c": "from labkit.net.a import thing\nimport labkit.dgram.d", "dgram/__init__": "",
        "dgram/d": "from labkit.net import a",
    }  # fmt: skip
    for name, text in texts.items():
        path = tmp_path / "labkit" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf8")
    monkeypatch.setattr(imports, "PACKAGE", tmp_path / "labkit")
    assert imports.circles("net") == ["net.a -> net.b -> net.c -> net.a"]
    assert imports.circles("dgram") == []


def test_the_package_itself_is_part_of_a_circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"__init__": "", "net/__init__": "from labkit.net import a", "net/a": "import labkit.net"}
    for name, text in texts.items():
        path = tmp_path / "labkit" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf8")
    monkeypatch.setattr(imports, "PACKAGE", tmp_path / "labkit")
    assert imports.circles("net") == ["net.__init__ -> net.a -> net.__init__"]


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


def test_ciphers_wait_until_they_are_used() -> None:
    """Every lesson imports the exercises; few of them encrypt something."""
    names = "{'cryptography', 'OpenSSL', 'labkit.tls.socket'}"
    asks = f"import sys; from labkit import exercises, websocket; print(*sorted({names} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-I", "-c", asks], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == []
