"""The page of the claims: each claim of the chapter, with the verdict of its cell; each slip, by what it breaks.

Rule: that the committed page is what the notebooks say, `make lint` checks; here is what the page is made of.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labkit.course.claims import OWN, VERDICTS
from labkit.exercises.result import Outcome
from tests.notebooks.lessons import chapter_ids
from tools import claims


@pytest.fixture(scope="module")
def found() -> list[claims.Claim]:
    """The claims of the committed notebooks."""
    return claims.claims()


@pytest.fixture(scope="module")
def slips() -> list[claims.Slip]:
    """The slips, each tried alone."""
    return claims.slips()


def test_every_claim_of_the_chapter_has_a_verdict(found: list[claims.Claim]) -> None:
    wanted = {identifier for identifier in chapter_ids() if identifier.startswith("C-")}
    assert wanted == {claim.id for claim in found}
    assert {claim.verdict for claim in found} <= set(VERDICTS)
    assert {claim.id for claim in found if claim.own} == OWN
    assert set(claims.PRINTED) <= wanted


def test_figures_count_a_claim_once(found: list[claims.Claim]) -> None:
    assert len(found) > len({claim.id for claim in found})
    assert sum(claims.count(found).values()) == len({claim.id for claim in found})
    one = found[0]
    three = [replace(one, id=f"C-9.{at}", verdict=verdict) for at, verdict in enumerate(VERDICTS)]
    said = "Of the book's 3 claims that the lessons test, 1 hold, 1 are wrong and 1 are outdated."
    assert claims.figures([*three, three[0], replace(one, id="C-9.9", own=True)]) == said


def test_the_page_has_each_claim_with_its_cell(found: list[claims.Claim], slips: list[claims.Slip]) -> None:
    lines = claims.written(found, slips).splitlines()
    for claim in found:
        link = f"(../notebooks/{claim.lesson}.ipynb#cell-id={claim.cell})"
        rows = [line for line in lines if line.startswith(f"| {claim.id} |") and link in line]
        assert len(rows) == 2 + (claim.id in claims.PRINTED)  # by section, by verdict, and in the appendix
        assert f"| **{claim.verdict}** |" in rows[0]


def test_verdicts_that_do_not_agree_are_refused(found: list[claims.Claim], monkeypatch: pytest.MonkeyPatch) -> None:
    by_notebook = {Path("a"): [found[0]], Path("b"): [replace(found[0], verdict="outdated", lesson="b")]}
    monkeypatch.setattr(claims.sync_lessons, "lessons", lambda: list(by_notebook))
    monkeypatch.setattr(claims.sync_lessons, "notebook_of", lambda path: path)
    monkeypatch.setattr(claims, "_claims", by_notebook.__getitem__)
    with pytest.raises(SystemExit, match=r"C-0\.1: the verdict is 'holds' in .* and 'outdated' in b"):
        claims.claims()


def test_each_slip_breaks_something(slips: list[claims.Slip]) -> None:
    assert {slip.id for slip in slips} == {identifier for identifier in chapter_ids() if identifier.startswith("M-")}
    assert [slip.typed for slip in slips if slip.result.outcome is not Outcome.NOT_YET] == []
    assert {slip.kind for slip in slips} == set(range(len(claims.KINDS)))
    assert all(slip.broken and slip.seen for slip in slips)


def test_words_of_a_card_are_shown_as_they_are() -> None:
    assert claims.escaped(r"`a*b` is *a* <b> \* c\r|") == r"`a*b` is \*a\* \<b> \\\* c\r|"


def test_a_stale_page_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("Of the book's 1 claims that the lessons test, 1 hold, 0 are wrong and 0 are outdated. More.\n")
    monkeypatch.setattr(claims, "README", readme)
    monkeypatch.setattr(claims, "PAGE", tmp_path / "page.md")
    for words, status in (["--check"], 1), ([], 0), (["--check"], 0):
        monkeypatch.setattr("sys.argv", ["claims.py", *words])
        assert claims.main() == status
    assert readme.read_text() == claims.figures(claims.claims()) + " More.\n"
    assert (tmp_path / "page.md").read_text().startswith("# The book against the wire\n")
    assert capsys.readouterr().out.splitlines() == [
        f"{name} is not what the notebooks say. Run `tools/claims.py`." for name in ("page.md", "README.md")
    ]
