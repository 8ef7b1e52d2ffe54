"""`labkit.tour`: the map of the course, and ways through it."""

from __future__ import annotations

from typing import Any

import pytest

import labkit
from labkit import exercises
from labkit.core.errors import LabError
from labkit.course.stops import PATHS, STOPS
from tests.notebooks.lessons import NOTEBOOKS
from tools import book


def test_titles_and_times_are_those_of_the_lessons() -> None:
    assert [(stop.name, stop.title, (stop.reading, stop.practice)) for stop in STOPS] == [
        (stop.name, stop.title, stop.minutes) for stop in book.course()
    ]
    assert [stop.name for stop in STOPS] == [path.stem for path in NOTEBOOKS] == exercises.lessons()


@pytest.mark.parametrize("path", [None, *PATHS])
def test_each_way_is_in_order_and_says_how_long_it_takes(path: str | None) -> None:
    tour = labkit.tour(path)
    names = [stop.name for stop in tour.stops]
    assert names == sorted(names)
    assert len(names) == (len(STOPS) if path is None else len(PATHS[path]))
    minutes = sum(stop.reading for stop in tour.stops)
    said = repr(tour).splitlines()[0]
    assert f"{minutes // 60} h" in said
    assert f"{len(names)} lessons" in said
    page = tour._repr_html_()
    assert all(f'href="{name}.ipynb"' in page for name in names)


def test_a_day_is_no_longer_than_a_day() -> None:
    assert sum(stop.reading for stop in labkit.tour("a day").stops) <= 6 * 60
    assert sum(stop.reading + stop.practice for stop in labkit.tour("a week").stops) <= 5 * 8 * 60


def test_what_is_solved_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    (exercise,) = exercises.every("00-start-here")
    exercises.restart("00-start-here", forget=True)
    assert "  ○ 00-start-here" in repr(labkit.tour())
    exercise.check(exercise.reference)
    assert "  △ 00-start-here" in repr(labkit.tour())
    exercises.restart("00-start-here", forget=True)


@pytest.mark.parametrize("path", ["a year", "", 3])
def test_another_way_is_told(path: Any) -> None:
    with pytest.raises(LabError, match="There are: a day, a week, only TLS"):
        labkit.tour(path)
