"""pyproject.toml, constraints.txt and environment.yml do not contradict each other.

Rule: pyproject names the packages, constraints.txt their versions; everything else follows from the two.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from itertools import chain

import labkit
from tools import pin

CONSTRAINTS = (pin.ROOT / "constraints.txt").read_text()
PROJECT = tomllib.loads((pin.ROOT / "pyproject.toml").read_text())["project"]


def test_every_direct_dependency_is_pinned() -> None:
    assert set(pin.direct()) <= set(pin.pinned(CONSTRAINTS))


def test_pyproject_leaves_versions_to_constraints() -> None:
    named = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    assert [item for item in named if "=" in item.split(";")[0]] == []


def test_conda_brings_python_and_pip_alone() -> None:
    """Versions stand in one place: pip takes all the rest from constraints.txt, with labkit itself."""
    lines = (pin.ROOT / "environment.yml").read_text().partition("dependencies:\n")[2].splitlines()
    python = re.fullmatch(r"  - python=(3\.\d+)", lines[0])  # repo2docker takes a range for no version at all
    assert python, lines
    assert f"Programming Language :: Python :: {python[1]}" in PROJECT["classifiers"]
    of_pip = ["      - --constraint constraints.txt", "      - --editable .[test,book]"]
    assert lines[1:] == ["  - pip", "  - pip:", *of_pip]


def test_what_is_installed_is_what_is_pinned() -> None:
    versions = pin.pinned(CONSTRAINTS)
    assert {name: version(name) for name in pin.direct()} == {name: versions[name] for name in pin.direct()}


def test_one_version_of_labkit() -> None:
    assert PROJECT["version"] == labkit.__version__ == version(PROJECT["name"])
    assert f"## {labkit.__version__}" in (pin.ROOT / "CHANGELOG.md").read_text()


def test_what_is_held_below_a_version_is_pinned_below_it() -> None:
    assert pin.HELD
    for name, bound in pin.HELD.items():
        assert bound.startswith("<")
        pins = [tuple(map(int, text.split("."))) for text in (pin.pinned(CONSTRAINTS)[name], bound[1:])]
        assert pins[0] < pins[1]
        assert version(name) == pin.pinned(CONSTRAINTS)[name]


def test_no_process_builds_parsers_before_it_reads_a_notebook() -> None:
    """It took two seconds of CPU, in each test run and each JupyterLab."""
    asks = "import jsonschema, nbformat, sys; print('rfc3987_syntax' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == "False\n"
