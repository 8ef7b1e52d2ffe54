"""The two commands of the README, and everything the documents point at, exist.

Rule: reads files and asks make; installs nothing.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from labkit.lab.outside_process import pidfd_open
from tests.needs import PACKAGES, need_tool

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").glob("*.md")])
documents = pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])


def targets() -> set[str]:
    """The targets of the Makefile that a person calls."""
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_make_lists_its_targets() -> None:
    told = subprocess.run([need_tool("make")], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert set(re.findall(r"^  make ([a-z]+) ", told.stdout, flags=re.MULTILINE)) == targets()
    assert {"lab", "test", "bench", "record", "notebooks", "format", "docs", "clean"} <= targets()


def test_an_old_python_is_refused_with_a_message(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    told = subprocess.run(
        [need_tool("make"), "lab", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode != 0
    assert "labkit needs Python 3.11 or newer" in told.stderr


def test_ci_runs_the_readmes_test_command_and_requires_the_tools() -> None:
    assert "$ make test" in (ROOT / "README.md").read_text(encoding="utf8")
    ran = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    assert "LABKIT_REQUIRE_TOOLS=1 make test" in ran
    brought = set(re.findall(r"\b\w+:([\w.-]+)", re.search(r"wanted=\((.*?)\)", ran, flags=re.DOTALL)[1]))
    assert set(PACKAGES.values()) <= brought


@documents
def test_commands_named_in_documents_exist(path: Path) -> None:
    named = set(re.findall(r"(?:\$ |`)make ([a-z]+)", path.read_text(encoding="utf8")))
    assert named <= targets()


@documents
def test_links_in_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf8"))
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


TEST_THAT_NEEDS = """\
from tests import needs

def test_with_a_tool(monkeypatch):
    monkeypatch.setitem(needs.PACKAGES, "no-such-program", "no-such-package")
    needs.need_tool("no-such-program")
"""


@pytest.mark.parametrize("required", [False, True])
def test_a_missing_tool_is_named_at_the_end_or_fails_where_it_must(tmp_path: Path, required: bool) -> None:
    (tmp_path / "test_x.py").write_text(TEST_THAT_NEEDS)
    words = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    told = subprocess.run(
        [*words, "-c", str(ROOT / "pyproject.toml"), str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "LABKIT_REQUIRE_TOOLS": "1" if required else ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == int(required), told.stdout + told.stderr
    line = "left out: no-such-program (apt install no-such-package): 1 test in "
    assert (line in told.stdout) is not required
    assert ("LABKIT_REQUIRE_TOOLS is set, but no-such-program is missing" in told.stdout) is required


# In the place of a venv's Python: says which programs make has started beside it, and then ends as it is told.
STUB = """\
#!/bin/sh
cat /proc/$PPID/task/$PPID/children > {told}.new
mv {told}.new {told}
{end}
"""


class TestRepeatBesideBusyLoops:
    """``make repeat BUSY=1`` starts two busy loops a core, and ends them, however it ends itself."""

    def start(self, directory: Path, end: str) -> tuple[subprocess.Popen[bytes], set[int]]:
        """make, while its first run is under way; and the programs that it has started beside it."""
        venv, told = directory / "venv", directory / "told"
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").write_text(STUB.format(told=told, end=end))
        (venv / "bin" / "python").chmod(0o755)
        for stamp in (".lab", ".test"):
            (venv / stamp).touch()
        made = subprocess.Popen(
            [need_tool("make"), "repeat", "RUNS=1", "BUSY=1", f"VENV={venv}", f"PYTHON={sys.executable}"],
            cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while not told.exists():
            assert made.poll() is None or told.exists()
            select.select([], [], [], 0.01)
        found = set(map(int, told.read_text().split()))
        return made, found

    @pytest.mark.parametrize(("end", "code"), [("exit 0", 0), ("exit 1", 2)], ids=["all is well", "a difference"])
    def test_at_the_end(self, tmp_path: Path, end: str, code: int) -> None:
        made, started = self.start(tmp_path, end)
        assert made.wait(60) == code
        self.assert_ended(started)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_stopped_before(self, tmp_path: Path, number: int) -> None:
        made, started = self.start(tmp_path, "exec sleep 600")
        os.killpg(made.pid, number)  # as a terminal does it
        assert made.wait(60) != 0
        self.assert_ended(started)

    def test_make_itself_is_killed(self, tmp_path: Path) -> None:
        made, started = self.start(tmp_path, "exec sleep 600")
        shell = int(Path(f"/proc/{made.pid}/task/{made.pid}/children").read_text())
        for each in (made.pid, shell):
            os.kill(each, signal.SIGKILL)
        made.wait(60)
        for each in started:
            # The stub itself; it may not yet have become the `sleep` that it ends in.
            with suppress(FileNotFoundError, ProcessLookupError):
                if b"kill -0" not in Path(f"/proc/{each}/cmdline").read_bytes():
                    os.kill(each, signal.SIGKILL)
        self.assert_ended(started)

    def assert_ended(self, started: set[int]) -> None:
        assert len(started) == 2 * (os.cpu_count() or 1) + 1  # and the stub itself
        for pid in started:
            try:
                descriptor = pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                assert select.select([descriptor], [], [], 60)[0], "a busy loop goes on"
            finally:
                os.close(descriptor)


def test_lab_trusts_the_notebooks_that_it_ships() -> None:
    """Without trust JupyterLab shows no committed picture, in a fresh clone."""
    rule = (ROOT / "Makefile").read_text().partition("\nlab: ")[2].partition("\n\n")[0]
    assert rule.index("jupyter trust notebooks/*.ipynb") < rule.index("labkit lab")
    with tempfile.TemporaryDirectory() as directory:
        kept = {**os.environ, "JUPYTER_DATA_DIR": directory}
        word = [sys.executable, "-m", "jupyter", "trust"]
        done = subprocess.run([*word, *sorted(map(str, (ROOT / "notebooks").glob("*.ipynb")))], env=kept, timeout=60,
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert done.stdout.count("Signing notebook") == len(list((ROOT / "notebooks").glob("*.ipynb")))


NEWEST = re.search(r"^newest\(\) \{.*?^\}", (ROOT / ".ci" / "run").read_text(encoding="utf8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("here", "installed", "found"),
    [
        ("3.11", ["3.12", "3.13"], "3.13"), ("3.11", ["3.12"], "3.12"), ("3.12", ["3.12"], ""), ("3.11", [], ""),
        ("3.13", ["3.12", "3.13"], ""), ("3.12", ["3.12", "3.13", "3.99"], "3.13"),
    ],
)  # fmt: skip
def test_ci_finds_the_newest_python_that_runs(tmp_path: Path, here: str, installed: list[str], found: str) -> None:
    """Stand-ins answer as Pythons of their versions; one that does not run, as pyenv may leave it, is none."""
    assert NEWEST
    python = '#!/bin/sh\nexec {real} -c "import sys; sys.version_info = ({version}, 0); exec(sys.argv[1])" "$2"\n'
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, version in [(".venv/bin/python", here), *((f"bin/python{each}", each) for each in installed)]:
        (tmp_path / name).write_text(python.format(real=sys.executable, version=version.replace(".", ", ")))
    for version in {"3.11", "3.12", "3.13"} - set(installed):
        (tmp_path / "bin" / f"python{version}").write_text("#!/bin/sh\nexit 127\n")
    for path in [*tmp_path.glob("bin/*"), *tmp_path.glob(".venv/bin/*")]:
        path.chmod(0o755)
    said = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", NEWEST[0] + "\nnewest"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}, timeout=60,
    )  # fmt: skip
    assert said.stdout.strip() == (f"python{found}" if found else "")


def test_ci_runs_the_parts_that_hold_the_system_on_it() -> None:
    ran = (ROOT / ".ci" / "run").read_text(encoding="utf8").partition("python=$(newest)")[2]
    assert "LABKIT_REQUIRE_TOOLS=1 make some VENV=.venv-newest" in ran
    for part in ("core", "net", "dgram", "lab"):
        assert f"tests/{part}" in ran
    assert re.search(r"notebooks/\S+\.ipynb", ran)
