"""The package for somebody without a checkout: wheel and sdist, built here and installed into a clean environment.

Rule: what runs is the wheel alone, outside the checkout; only the packages that labkit needs come from this test's
environment.
"""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from labkit.lessons import FIRST, INSTALLED, cleared
from tests.needs import leave_out
from tests.notebooks.lessons import NOTEBOOKS, ROOT
from tools.distribution import standing_alone

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf8"))
SMALL = 2_500_000
"""Bytes of the wheel, at most."""

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, kernel_name="labkit", timeout=60).execute()
print(sum(len(cell.get("outputs", [])) for cell in notebook.cells), "outputs")
"""

ELSEWHERE = """
from jupyter_client.manager import run_kernel
with run_kernel(kernel_name="labkit", startup_timeout=60) as client:
    client.execute_interactive("import labkit, shutil; print(labkit.__file__, shutil.which('labkit'))", timeout=60)
"""


def run(words: Sequence[str | Path], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, which must be a good one. None of the checkout's settings reach it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LABKIT", "PYTHONPATH"))}
    done = subprocess.run(list(map(str, words)), cwd=cwd, env={**kept, **variables}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-d", folder], ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it. The packages that it needs are this environment's, labkit is not."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], folder)
    # Python follows no .pth of a folder that a .pth names, so the checkout of an editable install is out of reach.
    packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    needed = dict.fromkeys(map(sysconfig.get_path, ("purelib", "platlib")))
    (packages / "needed.pth").write_text("\n".join(needed) + "\n")
    return folder


@pytest.fixture(scope="module")
def mine(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's folder, with the lessons that the wheel has handed out."""
    folder = tmp_path_factory.mktemp("student")
    told = run([clean / "bin" / "labkit", "lessons"], folder).stdout
    assert told == f"{len(NOTEBOOKS)} lessons in my-lessons: {len(NOTEBOOKS)} made\n"
    return folder / "my-lessons"


class TestWheel:
    """What is in it."""

    def test_it_is_small(self, wheel: Path) -> None:
        print(f"the wheel: {wheel.stat().st_size:,} bytes")
        assert wheel.stat().st_size < SMALL

    def test_it_has_the_lessons_without_outputs(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as file:
            names = [name for name in file.namelist() if name.startswith(f"labkit/{INSTALLED}/")]
            assert [Path(name).name for name in sorted(names)] == [path.name for path in NOTEBOOKS]
            for path in NOTEBOOKS:
                inside = json.loads(file.read(f"labkit/{INSTALLED}/{path.name}"))
                assert inside == cleared(json.loads(path.read_text(encoding="utf8")))

    def test_its_description_needs_no_file_beside_it(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as file:
            (name,) = (each for each in file.namelist() if each.endswith(".dist-info/METADATA"))
            metadata = email.message_from_bytes(file.read(name))
        description = metadata.get_payload()
        assert isinstance(description, str)
        assert description.startswith("# labkit")
        assert re.findall(r"\]\((?!https://)[^)]*\)", description) == []
        assert metadata["Name"] == PROJECT["name"] != "labkit"
        assert metadata["License-Expression"] == PROJECT["license"]
        assert set(metadata.get_all("License-File", [])) == set(PROJECT["license-files"])
        assert metadata.get_all("Project-URL") is None  # until the project has an address

    def test_it_passes_twine(self, built: Path) -> None:
        """twine is no dependency: its check is wanted before a release."""
        if subprocess.run([sys.executable, "-c", "import twine"], capture_output=True, check=False).returncode:
            leave_out("twine", "pip install twine", packaged=False)
        run([sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()], built)


class TestSdist:
    """What is in it."""

    def test_it_has_what_a_checkout_has(self, built: Path) -> None:
        (path,) = built.glob("*.tar.gz")
        with tarfile.open(path) as file:
            names = {name.partition("/")[2] for name in file.getnames()}
        assert {"Makefile", "README.md", "LICENSE", "LICENSING.md", "CITATION.cff", "pyproject.toml", "constraints.txt",
                "tests/conftest.py", "tests/project/test_package.py", "tools/distribution.py", "conftest.py", ".ci/run",
                f"notebooks/{FIRST}", "lessons/00-start-here.md", "benchmarks/peers/package.json"} <= names  # fmt: skip
        assert [name for name in names if name.endswith(".pyc") or "/build/" in name or "node_modules" in name] == []

    def test_a_wheel_comes_out_of_it(self, built: Path, wheel: Path, tmp_path: Path) -> None:
        (path,) = built.glob("*.tar.gz")
        with tarfile.open(path) as file:
            file.extractall(tmp_path, filter="data")
        (unpacked,) = tmp_path.iterdir()
        run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], unpacked)
        (again,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
            assert {each.filename: each.CRC for each in one.infolist()} == {
                each.filename: each.CRC for each in other.infolist()
            }


class TestInstalled:
    """What the wheel can do, in an environment that has never seen the checkout."""

    def test_it_is_the_wheel_s_own_labkit(self, clean: Path, tmp_path: Path) -> None:
        said = run([clean / "bin" / "python", "-c", "import labkit; print(labkit.__file__)"], tmp_path).stdout
        assert Path(said.strip()).is_relative_to(clean)

    def test_doctor_finds_its_kernel(self, clean: Path, tmp_path: Path) -> None:
        said, here = (run([program, "doctor"], tmp_path).stdout.splitlines()
                      for program in (clean / "bin" / "labkit", Path(sys.executable).with_name("labkit")))  # fmt: skip
        (verdict,) = (line for line in said if line.startswith("capture in a notebook with the kernel labkit: "))
        assert "not installed" not in verdict
        # the same recordings as in the checkout, and their number
        assert [line for line in said if "recorded captures" in line] == [
            line for line in here if "recorded captures" in line
        ]

    def test_a_lesson_runs(self, clean: Path, mine: Path) -> None:
        told = run([clean / "bin" / "python", "-c", RUN, FIRST], mine, LABKIT_PROGRESS=str(mine.parent / "p.json"))
        assert int(told.stdout.split()[0]) > 10

    def test_its_kernel_serves_a_jupyter_elsewhere(self, clean: Path, tmp_path: Path) -> None:
        """Jupyter runs in this test's environment, and the kernel in that of the wheel."""
        run([clean / "bin" / "labkit", "kernel", "install", "--prefix", tmp_path], tmp_path)
        told = run([sys.executable, "-c", ELSEWHERE], tmp_path, JUPYTER_PATH=str(tmp_path / "share" / "jupyter"))
        package, command = told.stdout.split()
        assert Path(package).is_relative_to(clean)
        assert Path(command) == clean / "bin" / "labkit"

    def test_a_recording_is_found(self, clean: Path, tmp_path: Path) -> None:
        asks = ("import labkit\nlabkit.lesson('00-start-here')\n"
                "with labkit.capture(8124, name='first') as tape: pass\nprint(tape.origin)")  # fmt: skip
        said = run([clean / "bin" / "python", "-c", asks], tmp_path, LABKIT_TIER="recorded").stdout
        assert "recorded" in said

    def test_lessons_are_never_handed_out_into_the_package(self, clean: Path, mine: Path) -> None:
        said = run([clean / "bin" / "labkit", "lessons", mine], mine.parent).stdout
        assert said == f"{len(NOTEBOOKS)} lessons in {mine}: {len(NOTEBOOKS)} kept\n"


@pytest.mark.parametrize(
    ("address", "text"),
    [("", "see LICENSE, [a](https://x.example/y), [b](#c) and *Picture: A ladder.*"),
     ("code.example/labkit", "see [LICENSE](https://code.example/labkit/blob/main/LICENSE), [a](https://x.example/y), "
      "[b](#c) and ![A ladder](https://code.example/labkit/raw/main/docs/l.svg)")],
    ids=["no address", "an address"],
)  # fmt: skip
def test_links_of_the_description(address: str, text: str) -> None:
    source = "see [LICENSE](LICENSE), [a](https://x.example/y), [b](#c) and ![A ladder](docs/l.svg)"
    assert standing_alone(source, address) == text


def test_citation_and_licences_say_the_same() -> None:
    assert CITATION["version"] == PROJECT["version"]
    assert " AND ".join(CITATION["license"]) == PROJECT["license"]
    stated = (ROOT / "LICENSING.md").read_text(encoding="utf8")
    assert [each for each in CITATION["license"] if each not in stated] == []


def test_nothing_tells_to_install_the_other_labkit() -> None:
    """On PyPI that name is somebody else's."""
    patterns = ("*.md", "docs/**/*.md", "lessons/*.md", "labkit/**/*.py")
    documents = [path for pattern in patterns for path in ROOT.glob(pattern)]
    wrong = re.compile(r"pip install (?:--?\S+ )*labkit\b")
    assert [str(path.relative_to(ROOT)) for path in documents if wrong.search(path.read_text(encoding="utf8"))] == []
