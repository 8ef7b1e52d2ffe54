"""`lab.crowd`: what a connection costs with a thread and on the loop; and the recorded run.

Rule: counts and relations alone are asserted, no time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit import lab
from labkit.core.errors import LabError
from labkit.lab import crowds


def test_a_thread_for_each_and_one_loop() -> None:
    with_threads, with_loop = lab.crowd("threads", 200), lab.crowd("loop", 200)
    assert (with_threads.threads, with_loop.threads) == (202, 2)
    assert with_threads.kb > 2 * with_loop.kb > 0
    assert with_threads.switches > with_loop.switches
    for each in (with_threads, with_loop):
        assert each.connections == 200
        assert each.all_ms > 0 < each.one_ms


@pytest.mark.parametrize(("way", "connections", "said"), [
    ("process", 10, "is no way to serve"), (None, 10, "is no way to serve"), ("loop", 1, "cannot be opened"),
    ("loop", 20_001, "cannot be opened"), ("loop", "10", "cannot be opened"), ("loop", True, "cannot be opened"),
])  # fmt: skip
def test_what_is_refused(way: Any, connections: Any, said: str) -> None:
    with pytest.raises(LabError, match=said):
        lab.crowd(way, connections)


def test_too_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds.resource, "getrlimit", lambda _: (64, 100))
    with pytest.raises(LabError, match="lets a program open 100 files"):
        lab.crowd("loop", 1000)


def test_the_recorded_run_is_a_whole_one_and_says_where_it_is_from() -> None:
    runs = lab.recorded_crowds()
    assert [(each.connections, each.way) for each in runs] == [
        (size, way) for size in (10, 100, 1000, 10_000) for way in crowds.WAYS
    ]
    assert repr(runs).splitlines()[-1].startswith("recorded: Python 3.")
    assert len({len(line) for line in repr(runs).splitlines()[:-1]}) == 1


@pytest.mark.parametrize(
    "text", ["", "{}", '{"machine": "x", "runs": [{"way": "loop"}]}', '{"machine": "x", "runs": 3}']
)
def test_a_damaged_recording(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    (tmp_path / crowds.FILE).write_text(text, "utf-8")
    with pytest.raises(LabError, match="no recorded figures"):
        lab.recorded_crowds()


def test_what_is_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    runs = (crowds.Figures("loop", 10, 2, 2.5, 0.25, 1.5, 0.5),)
    crowds.keep(runs, "a machine", tmp_path / crowds.FILE)
    read = lab.recorded_crowds()
    assert (tuple(read), read.origin) == (runs, "recorded: a machine")
