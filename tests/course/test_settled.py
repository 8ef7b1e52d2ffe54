"""`labkit.book`: all claims with their verdicts, as the notebooks have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit.core.errors import LabError
from labkit.course.settled import FILE, Claim, as_json


def test_the_claims_are_those_of_the_notebooks_and_each_has_a_verdict() -> None:
    book = labkit.book()
    assert len({claim.id for claim in book}) == 93
    assert [claim.order for claim in book] == sorted(claim.order for claim in book)
    assert sum(len(labkit.book(verdict)) for verdict in ("holds", "wrong", "outdated")) == len(book)
    total = next(line for line in repr(book).splitlines() if line.startswith("all"))
    assert sum(map(int, total.split()[1:])) == 93
    assert max(map(len, repr(book).splitlines())) <= 96


def test_a_page_shows_texts_as_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    claim = Claim("C-1.1", False, "<script>", "a & b", "", "wrong", "01a", "x")
    (tmp_path / FILE).write_text(as_json([claim]), "utf-8")
    (read,) = labkit.book()
    assert read == claim
    page = labkit.book()._repr_html_()
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page
    assert "<script>" not in page


@pytest.mark.parametrize("verdict", ["right", "", 3])
def test_another_verdict_is_refused(verdict: Any) -> None:
    with pytest.raises(LabError, match="is no verdict"):
        labkit.book(verdict)


@pytest.mark.parametrize("text", [None, "", "[3]", '[{"id": "C-1.1"}]', "{}x"])
def test_data_that_are_not_at_hand(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    if text is not None:
        (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(LabError, match="the claims are not at hand"):
        labkit.book()
