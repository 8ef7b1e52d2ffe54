"""The ES modules of the views: their own tests run by Node, and their types checked by TypeScript's compiler.

Rule: nothing is installed for them; only the check of types needs a program that no package of the system brings.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from labkit.widgets import modules
from labkit.widgets.modules import FOLDER
from tests.needs import leave_out, need_tool

ROOT = Path(__file__).resolve().parents[2]
TESTS = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc")


@pytest.mark.parametrize("path", TESTS, ids=[path.name for path in TESTS])
def test_by_node(path: Path) -> None:
    command = [need_tool("node"), "--test", "--test-reporter=tap", path]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert int(re.findall(r"(?m)^# pass (\d+)$", ran.stdout)[0]) > 0


def test_each_module_has_its_tests() -> None:
    assert {path.name.split(".")[0] for path in TESTS} == {path.stem for path in FOLDER.glob("*.js")}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_no_text_becomes_markup(path: Path) -> None:
    assert MARKUP.findall(path.read_text(encoding="utf8")) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.js")))
def test_a_page_gets_the_module_whole_and_without_comments(name: str, tmp_path: Path) -> None:
    source = modules.module(name)
    (tmp_path / "module.mjs").write_text(modules.dressed(name), encoding="utf8")
    ran = subprocess.run([need_tool("node"), "--check", tmp_path / "module.mjs"], capture_output=True, timeout=100)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert not re.search(r"(?m)^\s*(//|/\*\*|import )|@type", source)


def test_types() -> None:
    own = ROOT / "node_modules" / ".bin" / "tsc"
    compiler = str(own) if own.exists() else shutil.which("tsc")
    if compiler is None:
        leave_out("TypeScript's compiler", "npm install --no-save typescript, in the project's folder", packaged=False)
    ran = subprocess.run([compiler, "-p", FOLDER / "tsconfig.json"], capture_output=True, text=True, timeout=100)
    assert (ran.returncode, ran.stdout) == (0, "")
