"""The progress file: written whole, read with suspicion, never in the way; and the bar."""

from __future__ import annotations

import json
import os
import pwd
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labkit import exercises
from labkit.exercises import Progress, progress_file
from labkit.exercises.progress_bar import Row
from labkit.exercises.progress_file import Entry


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "some" / "progress.json"
    monkeypatch.setenv("LABKIT_PROGRESS", str(path))
    fresh(monkeypatch)
    return path


def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.setattr(progress_file, "_entries", {})
    monkeypatch.setattr(progress_file, "_told", set())


class TestPath:
    def test_named_by_the_environment(self, file: Path) -> None:
        assert progress_file.path() == file

    def test_xdg(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("LABKIT_PROGRESS", raising=False)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert progress_file.path() == tmp_path / "labkit" / "progress.json"

    @pytest.mark.parametrize("ignored", ["", "relative/is/ignored"])
    def test_home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ignored: str) -> None:
        monkeypatch.delenv("LABKIT_PROGRESS", raising=False)
        monkeypatch.setenv("XDG_DATA_HOME", ignored)
        monkeypatch.setenv("HOME", str(tmp_path))
        place = {"darwin": "Library/Application Support"}.get(sys.platform, ".local/share")
        assert progress_file.path() == tmp_path / place / "labkit" / "progress.json"

    def test_no_home(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def homeless(number: int) -> None:
            raise KeyError(f"getpwuid(): uid not found: {number}")

        fresh(monkeypatch)
        for name in ("LABKIT_PROGRESS", "XDG_DATA_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(pwd, "getpwuid", homeless)  # as in a container whose user is a bare number
        progress_file.note("tcp.flags", solved=True)
        progress_file.note("tcp.flags", solved=True)
        assert progress_file.entry("tcp.flags") == Entry(2, True)
        assert capsys.readouterr().err == (
            "Progress is not kept: this user has no home directory. Set LABKIT_PROGRESS to the path of a file.\n"
        )


class TestFile:
    def test_kept_from_process_to_process(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        progress_file.note("tcp.flags", solved=False)
        progress_file.note("tcp.flags", solved=True)
        progress_file.note("tcp.flags", solved=False)
        fresh(monkeypatch)
        assert progress_file.entry("tcp.flags") == Entry(3, True)

    def test_holds_tries_and_solved_and_nothing_else(self, file: Path) -> None:
        progress_file.note("tcp.flags", solved=True)
        assert json.loads(file.read_text()) == {"version": 1, "exercises": {"tcp.flags": {"tries": 1, "solved": True}}}
        assert os.listdir(file.parent) == [file.name], "the part written first is left over"

    def test_two_notebooks_do_not_erase_each_other(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        progress_file.note("tcp.flags", solved=True)
        fresh(monkeypatch)
        progress_file.note("tcp.order", solved=True)
        fresh(monkeypatch)
        assert progress_file.entry("tcp.flags").solved
        assert progress_file.entry("tcp.order").solved

    @pytest.mark.parametrize("content", [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"exercises": 3}', b'{"exercises": {"tcp.flags": 1}}',
        b'{"exercises": {"tcp.flags": {"tries": -1, "solved": true}}}',
        b'{"exercises": {"tcp.flags": {"tries": true, "solved": 1}}}',
        b"[" * 200_000, b" " * (progress_file.SIZE_LIMIT + 1),
    ])  # fmt: skip
    def test_damaged_costs_one_line(self, file: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
        file.parent.mkdir()
        file.write_bytes(content)
        progress_file.note("tcp.order", solved=True)
        assert progress_file.entry("tcp.order").solved
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "is damaged and was renamed to progress.json.damaged; progress counts from now on." in said
        assert file.with_name("progress.json.damaged").read_bytes() == content

    def test_a_directory_in_its_place(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file.mkdir(parents=True)
        progress_file.note("tcp.order", solved=True)
        progress_file.note("tcp.order", solved=True)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("Earlier progress cannot be read from ")
        assert lines[1].startswith("Progress is not kept: ")
        assert lines[1].endswith("Set LABKIT_PROGRESS to the path of a file you may write.")
        assert progress_file.entry("tcp.order") == Entry(2, True)

    def test_read_only(
        self, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object, **__: object) -> int:
            raise OSError(30, "Read-only file system")  # root may write anywhere, so the system's answer is played

        monkeypatch.setattr(os, "open", refused)
        progress_file.note("tcp.flags", solved=True)
        progress_file.note("tcp.flags", solved=True)
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "(Read-only file system)" in said
        assert progress_file.entry("tcp.flags").solved

    def test_a_failed_move_leaves_the_old_file(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        progress_file.note("tcp.flags", solved=True)
        before = file.read_bytes()

        def refused(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", refused)
        progress_file.note("tcp.order", solved=True)
        assert file.read_bytes() == before
        assert os.listdir(file.parent) == [file.name]

    def test_a_path_that_is_none(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        fresh(monkeypatch)
        monkeypatch.setenv("LABKIT_PROGRESS", "/dev/null/progress.json")
        progress_file.note("tcp.flags", solved=True)
        assert "cannot be written" in capsys.readouterr().err


class TestBar:
    def test_text(self) -> None:
        rows = (
            Row("tcp.flags", "solved", "read", 1, 1, True), Row("tcp.order", "not yet", "sort", 0, 1, True),
            Row("questions", "not attempted", "check questions", 0, 2, False),
        )  # fmt: skip
        assert repr(Progress((1, 2), (0, 2), rows)) == (
            "1 of 2 exercises solved, 0 of 2 questions right  [######..................]\n"
            "  ✓ tcp.flags  solved         read\n"
            "  △ tcp.order  not yet        sort\n"
            "  ○ questions  not attempted  check questions\n"
            "kept in labkit/progress.json in your user data directory; exercises.restart(forget=True) starts over"
        )

    def test_each_lesson_has_a_bar_a_link_and_what_is_open(self) -> None:
        shown = exercises.progress()
        tree = ElementTree.fromstring(shown._repr_html_())
        links = [link.attrib["href"] for link in tree.iter("a")]
        assert links == [f"{name}.ipynb" for name in exercises.lessons()]
        bars = [each.attrib["aria-label"] for each in tree.iter() if each.attrib.get("role") == "img"]
        assert bars[1:] == [f"{row.done} of {row.of}" for row in shown.rows]
        assert "open: tcp.flags, tcp.order, tcp.final_ack and 3 more" in "".join(tree.itertext())
        assert {row.still for row in exercises.progress("01a-tcp-connection").rows} == {()}

    def test_all_done_and_a_hostile_name(self) -> None:
        name = "<script>\"'"
        html = Progress((1, 1), (0, 0), (Row(name, "1 of 1", "", 1, 1, True, (), name),))._repr_html_()
        assert "<script" not in html
        assert "all done" in "".join(ElementTree.fromstring(html).itertext())

    def test_html_is_escaped_and_has_alternative_text(self) -> None:
        row = Row("tcp.<script>", "solved", "<script>alert(1)</script> & more", 1, 1, True)
        html = Progress((1, 1), (0, 0), (row,))._repr_html_()
        assert "<script" not in html
        tree = ElementTree.fromstring(html)
        svg = tree.find("{http://www.w3.org/2000/svg}svg")
        assert svg is not None
        assert svg.get("aria-label") == "1 of 1 exercises solved"
        assert "<script>alert(1)</script> & more" in "".join(tree.itertext())

    def test_says_where_it_is_kept_without_a_path_of_this_machine(self, file: Path) -> None:
        shown = exercises.progress()
        kept = "kept in labkit/progress.json in your user data directory; exercises.restart(forget=True) starts over"
        assert repr(shown).split("\n")[-1] == kept
        assert kept in "".join(ElementTree.fromstring(shown._repr_html_()).itertext())
        assert str(file.parent) not in repr(shown) + shown._repr_html_()

    def test_of_nothing(self) -> None:
        nothing = Progress((0, 0), (0, 0), ())
        assert nothing.solved == 0
        assert repr(nothing).startswith("0 of 0 exercises solved  [....")

    def test_one_lesson(self, file: Path) -> None:
        exercises.tcp.flags.check({"SYN", "ACK"})
        exercises.tcp.order.check("ABCDEF")
        exercises.questions("01a-tcp-connection").check("c", "a")
        shown = exercises.progress("01a-tcp-connection")
        assert repr(shown).split("\n")[:-1] == [
            "1 of 5 exercises solved, 1 of 4 questions right  [#####...................]",
            "  ✓ tcp.flags      solved         read the covered flag",
            "  △ tcp.order      not yet        put six packets in order",
            "  ○ tcp.final_ack  not attempted  compute the last ack number",
            "  ○ tcp.checksum   not attempted  compute a checksum in three steps",
            "  ○ tcp.build_syn  not attempted  build the 20 bytes of a SYN",
            "  △ questions      1 of 4 right   check questions",
        ]
        assert exercises.restart("01a-tcp-connection").solved == 1
        assert exercises.restart("01a-tcp-connection", forget=True).solved == 0
        assert progress_file.entry("tcp.flags") == Entry()

    def test_all_lessons(self, file: Path) -> None:
        exercises.start.handshake.check(7)
        lines = repr(exercises.progress()).split("\n")
        assert lines[0].startswith(f"1 of {len(exercises.every())} exercises solved, 0 of ")
        width = max(map(len, exercises.lessons()))
        assert lines[1] == f"  △ {'00-start-here':<{width}}  1 of 1 exercises, 0 of 4 questions"
        assert lines[2] == f"  ○ {'01a-tcp-connection':<{width}}  0 of 5 exercises, 0 of 4 questions"
        assert [line.split()[1] for line in lines[1:-1]] == exercises.lessons()

    def test_two_threads_lose_nothing(self, file: Path) -> None:
        """A click in a page is noted beside a running cell."""
        def click(number: int) -> None:
            for _ in range(20):
                progress_file.note(f"x{number}", solved=False)

        threads = [threading.Thread(target=click, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {name: each.tries for name, each in progress_file.known().items()} == dict.fromkeys(
            ("x0", "x1", "x2", "x3"), 20)  # fmt: skip
