"""A file is written whole or not at all, by `labkit.core.files`.

Rule: after a failure the old content is still there, and nothing lies beside it.
"""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from labkit.core.files import write_whole

LONGEST_NAME = 255  # bytes of a file's name on Linux


def test_the_file_holds_what_was_written_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "file"
    write_whole(file, b"one")
    write_whole(file, b"two")
    assert file.read_bytes() == b"two"
    assert os.listdir(file.parent) == ["file"]


@pytest.mark.parametrize("name", ["a" * LONGEST_NAME, "名" * (LONGEST_NAME // 3), ".hidden"])
def test_every_name_that_the_system_takes(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, b"x")
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o640)])
def test_who_may_read_it(tmp_path: Path, private: bool, mode: int) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"x", private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_failed_move_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "taken", b"x")
    assert os.listdir(tmp_path) == ["taken"]


def test_a_write_that_fails_halfway_changes_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "file").write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # Python ignores SIGXFSZ, so write() fails with EFBIG
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(tmp_path / "file", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
