"""Careless calls of labkit.ca: each is told in words, and a key is never left where others can read it.

Rule: real files in a folder of this test.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.ca import CA
from labkit.core.errors import BadArgument


@pytest.fixture(scope="module")
def root() -> CA:
    return CA()


@pytest.mark.parametrize("host", ["127.0.0.1/8", "[::1]", "a b", "a\0b", "https://localhost", "localhost:8443", "a\nb"])
def test_what_is_not_a_host_does_not_come_into_a_certificate(root: CA, host: str) -> None:
    with pytest.raises(BadArgument) as told:
        root.issue(host)
    assert "is not a host. Give a name or an address alone, without port, / or []." in str(told.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda root: CA(path_length=-1), "-1 is not path_length"),
        (lambda root: CA(path_length="0"), "'0' is not path_length"),  # type: ignore[arg-type]
        (lambda root: root.issue("a", client="yes"), "client='yes' is neither True nor False"),
        (lambda root: root.save(5), "5 is not a folder"),
    ],
)
def test_arguments_of_the_wrong_kind(root: CA, call: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(BadArgument) as told:
        call(root)
    assert words in str(told.value)


def test_a_key_is_for_its_user_alone_whatever_lies_there(root: CA, tmp_path: Path) -> None:
    """Also without a umask, over a file that everybody could read, and over a link to somebody else's file."""
    identity = root.issue("localhost")
    before = os.umask(0)
    try:
        files = identity.save(tmp_path)
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
        files.key.chmod(0o666)
        identity.save(tmp_path)
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
        other = tmp_path / "other"
        other.write_text("not to be touched")
        files.key.unlink()
        files.key.symlink_to(other)
        identity.save(tmp_path)
        assert other.read_text() == "not to be touched"
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
        assert not files.key.is_symlink()
    finally:
        os.umask(before)
    assert b"PRIVATE KEY" in files.key.read_bytes()
    for each in (root, identity):
        assert "PRIVATE KEY" not in repr(each)
