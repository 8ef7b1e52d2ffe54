"""``labkit record``: lessons are run live, and what they captured replaces what was there.

Rule: a course of one tiny lesson in a directory of its own; the project's recordings are never touched.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest

from labkit import nodejs
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.packets import Tape
from labkit.record import record
from tests.cli.conftest import refusal, run
from tests.needs import need_live_capture, need_tool

RECORDINGS = Path(__file__).resolve().parents[2] / "data"

OPEN = """\
import labkit
from labkit import net
labkit.lesson("tiny")
server = net.create_server(lambda socket: socket.end("hello")).listen(0)"""
CAPTURE = """\
with labkit.capture(port=server.port, name="hello") as tape:
    client = net.connect(server.port)
    assert client.read() == b"hello"
    client.end()
    client.wait_for("close")"""
CLOSE = "server.close()"
SCRIPT = 'said = labkit.node("""\nconsole.log(1)\n""", name="one")\nawait __import__("asyncio").sleep(0)'


class Course:
    """A checkout with one lesson in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.notebooks = root, root / "data", root / "notebooks"
        self.data.mkdir()
        self.notebooks.mkdir()

    def lesson(self, name: str, *cells: str) -> None:
        """Write a lesson."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
        nbformat.write(notebook, self.notebooks / f"{name}.ipynb")

    def files(self) -> dict[str, bytes]:
        """Everything in data/, by its path in there."""
        return {str(path.relative_to(self.data)): path.read_bytes() for path in self.data.rglob("*") if path.is_file()}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made = Course(tmp_path)
    made.lesson("tiny", OPEN, CAPTURE, CLOSE)
    monkeypatch.setenv("LABKIT_DATA", str(made.data))
    return made


class TestRecord:
    """Where this machine can capture."""

    @pytest.fixture(autouse=True)
    def _live(self) -> None:
        need_live_capture()

    @pytest.mark.parametrize("before", [None, "where-it-was"])
    def test_a_lesson_makes_its_files(
        self, course: Course, monkeypatch: pytest.MonkeyPatch, before: str | None
    ) -> None:
        for name in ("LABKIT_RECORD", "LABKIT_PROGRESS"):
            if before is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, before)
        stale = course.data / "tiny" / "stale.pcapng"
        stale.parent.mkdir()
        stale.write_bytes(b"of another day")
        environment = dict(os.environ)

        (line,) = record()

        assert dict(os.environ) == environment
        assert sorted(course.files()) == ["README.md", "tiny/hello.pcapng"]
        tape = Tape.load(course.data / "tiny" / "hello.pcapng")
        assert line == f"data/tiny/hello.pcapng: {len(tape)} packets"
        (connection,) = tape.connections
        assert b"".join(packet.payload for packet in connection.packets) == b"hello"
        assert {event.who for event in tape.events} == {"client", "server"}
        readme = (course.data / "README.md").read_text(encoding="utf8")
        (row,) = (line for line in readme.splitlines() if line.startswith("| `"))
        said = 'with labkit.capture(port=server.port, name="hello") as tape:'
        assert row == f"| `tiny/hello.pcapng` | {len(tape)} | 1 | `{said}` |"
        assert not Path("where-it-was").exists()

    def test_what_node_printed_is_recorded(self, course: Course) -> None:
        need_tool("node")
        course.lesson("tiny", OPEN, CAPTURE, SCRIPT, CLOSE)
        assert len(list(record())) == 2
        assert sorted(course.files()) == ["README.md", "tiny/hello.pcapng", "tiny/one.node.json"]
        script, said = nodejs.load(course.data / "tiny" / "one.node.json")
        assert (script, said.text) == ("\nconsole.log(1)\n", "1")
        readme = (course.data / "README.md").read_text(encoding="utf8")
        assert f"| `tiny/one.node.json` | {said.version} | 1 |" in readme.splitlines()

    def test_without_node_nothing_is_lost(self, course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
        course.lesson("tiny", OPEN, CAPTURE, "import os; os.environ['PATH'] = ''\n" + SCRIPT, CLOSE)
        old = course.data / "tiny" / "one.node.json"
        old.parent.mkdir()
        old.write_text('{"node": "1", "script": "", "printed": ""}', encoding="utf-8")
        with pytest.raises(LabError, match=r"tiny ran, but Node did not: one was not recorded"):
            list(record())
        assert list(course.files()) == ["tiny/one.node.json"]

    def test_one_lesson_by_its_name_leaves_the_others_alone(self, course: Course) -> None:
        course.lesson("other", "raise SystemExit('this lesson must not run')")
        kept = course.data / "other" / "kept.pcapng"
        kept.parent.mkdir()
        shutil.copy(RECORDINGS / "00-start-here" / "first.pcapng", kept)
        assert len(list(record(["tiny"]))) == 1
        assert sorted(course.files()) == ["README.md", "other/kept.pcapng", "tiny/hello.pcapng"]
        assert "`other/kept.pcapng`" in (course.data / "README.md").read_text(encoding="utf8")

    def test_a_lesson_that_fails_changes_nothing(self, course: Course) -> None:
        course.lesson("tiny", OPEN, CAPTURE, "1 / 0", CLOSE)
        old = course.data / "tiny" / "hello.pcapng"
        old.parent.mkdir()
        old.write_bytes(b"as it was")
        environment = dict(os.environ)
        said = refusal(run("record", LABKIT_DATA=str(course.data)))
        assert said.startswith("labkit: LabError: tiny.ipynb failed while it was recorded: ZeroDivisionError: ")
        assert course.files() == {"tiny/hello.pcapng": b"as it was"}
        with pytest.raises(LabError, match="ZeroDivisionError"):
            list(record())
        assert dict(os.environ) == environment

    def test_a_lesson_that_did_not_capture_live_changes_nothing(self, course: Course) -> None:
        course.lesson("tiny", "import os\nos.environ['LABKIT_TIER'] = 'recorded'", OPEN, CAPTURE, CLOSE)
        old = course.data / "tiny" / "hello.pcapng"
        old.parent.mkdir()
        shutil.copy(RECORDINGS / "00-start-here" / "first.pcapng", old)
        before = old.read_bytes()
        said = refusal(run("record", LABKIT_DATA=str(course.data)))
        assert said.startswith("labkit: CaptureUnavailable: tiny ran, but not live: hello was not captured. ")
        assert course.files() == {"tiny/hello.pcapng": before}

    def test_the_command_says_what_it_made(self, course: Course) -> None:
        told = run("record", "tiny", LABKIT_DATA=str(course.data))
        assert (told.returncode, told.stderr) == (0, "")
        count = len(Tape.load(course.data / "tiny" / "hello.pcapng"))
        assert told.stdout == f"data/tiny/hello.pcapng: {count} packets\n"

    def test_a_name_that_is_no_lesson(self, course: Course) -> None:
        said = refusal(run("record", "tiny", "tyni", LABKIT_DATA=str(course.data)))
        assert said == "labkit: LabError: there is no lesson tyni. There are: tiny.\n"
        assert course.files() == {}

    def test_no_lessons_at_hand(self, tmp_path: Path) -> None:
        for data in (tmp_path, tmp_path / "missing"):
            assert "the lessons are not beside the data directory" in refusal(run("record", LABKIT_DATA=str(data)))


def test_nothing_is_recorded_where_nothing_can_be_captured(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(run("record", LABKIT_DATA=str(course.data), LABKIT_TIER="recorded"))
    assert said.startswith("labkit: CaptureUnavailable: recording needs live capture")
    assert "labkit doctor" in said
    monkeypatch.setenv("LABKIT_TIER", "recorded")
    with pytest.raises(CaptureUnavailable, match="recording needs live capture"):
        list(record())
    assert course.files() == {}
