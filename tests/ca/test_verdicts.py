"""Three judges of our own chains: they say the same, or the row says why not.

Rule: each row is minted here and judged here; a judge that changes its mind in a new version fails its row.
"""

from __future__ import annotations

import pytest

from labkit.ca import CA, commands, verdict, verdicts
from tests.ca.chains import ROWS, Row
from tests.needs import need_tool


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_each_judge_says(row: Row) -> None:
    need_tool("openssl")
    chain = row.make()
    found = verdicts(chain.identity, chain.trusted, chain.host, client=chain.client, sent=chain.sent)
    assert [each.judge for each in found.each] == list(verdict.JUDGES)
    assert "".join("+" if each.good else "-" for each in found.each) == row.says, repr(found)
    assert found.agree == (not row.why)
    assert all(bool(each.why) != each.good for each in found.each)


def test_the_table_is_what_was_promised() -> None:
    assert len(ROWS) >= 60
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(bool(row.why) == (len(set(row.says)) > 1) for row in ROWS)
    assert {"+++", "---"} < {row.says for row in ROWS}


class TestInWords:
    """What a student sees."""

    def test_a_good_chain(self) -> None:
        need_tool("openssl")
        root = CA()
        found = verdicts(root.issue("localhost"), root)
        assert found.good
        assert repr(found) == "cryptography  good\nopenssl       good\npython        good"

    def test_a_bad_one(self) -> None:
        need_tool("openssl")
        found = verdicts(CA("x").issue("localhost"), CA())
        assert not found.good
        assert found.agree
        assert found["python"].why == "unable to get local issuer certificate"
        assert found["openssl"].why == "20 at 0 depth lookup: unable to get local issuer certificate"
        assert "candidates exhausted" in found["cryptography"].why

    def test_no_certificate_stands_in_its_message(self) -> None:
        root = CA()
        for row in ("expired", "other"):
            other = root if row == "expired" else CA("x")
            found = verdicts(other.issue("localhost", days=1), root, "example.org")
            assert "<" not in repr(found)

    def test_without_openssl_there_are_two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commands, "find", lambda program: None)
        root = CA()
        found = verdicts(root.issue("localhost"), root)
        assert [each.judge for each in found.each] == ["cryptography", "python"]
        assert found.good
