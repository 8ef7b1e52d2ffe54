"""The progress file: written whole, read with suspicion, never in the way; and the bar."""

from __future__ import annotations

import json
import os
import pwd
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labkit import exercises
from labkit.exercises import Progress, progress_file
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
        rows = (("tcp.flags", "read", 1, True), ("tcp.order", "sort", 2, False), ("tcp.x", "build", 0, False))
        assert repr(Progress(rows)) == (
            "1 of 3 exercises solved  [########................]\n"
            "  ✓ tcp.flags  solved         read\n"
            "  △ tcp.order  not yet        sort\n"
            "  ○ tcp.x      not attempted  build\n"
            "kept in labkit/progress.json in your user data directory; exercises.restart(forget=True) starts over"
        )

    def test_html_is_escaped_and_has_alternative_text(self) -> None:
        html = Progress((("tcp.<script>", "<script>alert(1)</script> & more", 1, True),))._repr_html_()
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
        assert Progress(()).solved == 0
        assert repr(Progress(())).startswith("0 of 0")

    def test_all_exercises(self, file: Path) -> None:
        assert exercises.progress().solved == 0
        exercises.tcp.flags.check({"SYN", "ACK"})
        shown = exercises.progress("tcp")
        assert shown.solved == 1
        assert len(shown.rows) == 9
        assert [name for name, *_ in exercises.progress("udp").rows] == [
            "udp.header", "udp.which_reached", "udp.dns_name", "udp.stop_and_wait",
        ]  # fmt: skip
        assert len(exercises.progress().rows) == 13
        assert exercises.restart("tcp").solved == 1
        assert exercises.restart("tcp", forget=True).solved == 0
        assert progress_file.entry("tcp.flags") == Entry()

    def test_unknown_lesson(self) -> None:
        with pytest.raises(KeyError, match="only for tcp, udp"):
            exercises.every("latin")
