"""Pin the environment: constraints.txt, made from pyproject.toml. It is the one place for versions.

Rule: names and versions only; no address of any registry is ever written.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Every package of the environment, at the version the project is tested with (Python 3.11, 3.12 and 3.13).
# Remade by `make constraints`. Names and versions only.
"""

OLDEST = "3.11.0"
"""The first release that pyproject.toml allows."""

# What pip on Linux cannot see, because only another system installs it.
ELSEWHERE = ["appnope==0.1.4"]

HELD = {"jsonschema": "<4.25"}
"""Packages that stay below a version, with the bound.

jsonschema: since 4.25 each process that imports it builds parsers of RFC 3987's grammar first: two seconds of CPU.
Every test run and every JupyterLab imports it.
"""

# What building an editable install asks for besides the build backend.
BUILD = ["editables"]

def normal(name: str) -> str:
    """A package's name in the one spelling by which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct() -> list[str]:
    """The packages pyproject.toml names, to run, to test and for the site, in normal spelling and sorted."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values()), *BUILD]
    return sorted({normal(re.split(r"[\s;<>=!~\[]", item, maxsplit=1)[0]) for item in wanted})


def held() -> list[str]:
    """What pip is told about the packages of `HELD`: ``["jsonschema<4.25"]``."""
    return [f"{name}{bound}" for name, bound in HELD.items()]


def pinned(text: str) -> dict[str, str]:
    """The versions a constraints file gives, by package name in normal spelling.

    text: the file's lines; ValueError where one is not ``name==version``, with a marker or without.
    """
    versions: dict[str, str] = {}
    for line in text.splitlines():
        wanted = line.split("#")[0].split(";")[0].strip()
        if not wanted:
            continue
        if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", wanted):
            raise ValueError(f"constraints.txt: not name==version: {line}")
        name, version = wanted.split("==")
        versions[normal(name)] = version
    return versions


def freeze() -> str:
    """The text of constraints.txt: what the newest versions resolve to for the oldest Python that labkit runs on."""
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        report = Path(directory, "report.json")
        pip = [str(Path(directory, "bin", "python")), "-m", "pip", "--disable-pip-version-check"]
        # Not for the Python at hand: a package may ask for a later 3.11 than Debian 12 has.
        oldest = ["--python-version", OLDEST, "--only-binary", ":all:", "--target", str(Path(directory, "nowhere"))]
        wanted = [*direct(), *held()]
        subprocess.run([*pip, "install", "--quiet", "--dry-run", *oldest, "--report", report, *wanted], check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    listed = [f"{item['name']}=={item['version']}" for item in found]
    return HEAD + "\n".join(sorted([*listed, *ELSEWHERE], key=str.lower)) + "\n"


def main() -> int:
    """Write constraints.txt."""
    (ROOT / "constraints.txt").write_text(freeze())
    return 0


if __name__ == "__main__":
    sys.exit(main())
