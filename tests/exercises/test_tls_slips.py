"""The program with three slips: each of them alone is found, and nothing of a trial stays open."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.exercises.tls import slips
from labkit.exercises.tls.slips import LISTING, MENDED, SLIPS, _listens
from tests.exercises.answers import refused


def run(code: str) -> Any:
    names: dict[str, Any] = {}
    exec(code, names)
    return names["visit_both"]


def with_only(slip: str) -> str:
    code = LISTING
    for each, mended in SLIPS.items():
        if each != slip:
            code = code.replace(each, mended)
    return code


def test_the_listing_has_all_of_them() -> None:
    assert all(LISTING.count(each) == 1 for each in SLIPS)
    assert slips.check(run(MENDED)).correct


@pytest.mark.parametrize(("slip", "message"), list(zip(SLIPS, [
    "Two servers cannot have one port", "a path begins with a slash", "no server of this name",
], strict=True)))  # fmt: skip
def test_each_slip_alone(slip: str, message: str) -> None:
    refused(slips, run(with_only(slip)), 2, message)


def test_a_server_that_stays_is_found() -> None:
    refused(slips, run(MENDED.replace("    two.close()\n", "")), 3, "Close server 2 by name")


@pytest.mark.parametrize(("change", "message"), [
    (("return texts", "return texts[::-1]"), "wrong order"),
    (("return texts", "return tuple(texts)"), "Return a list"),
    ((".decode()", ""), "decode() makes text"),
    (("return texts", "return texts[0]"), "the list of the two texts"),
])  # fmt: skip
def test_wrong_answers(change: tuple[str, str], message: str) -> None:
    refused(slips, run(MENDED.replace(*change)), 2, message)


def test_nobody_listens_at_a_free_port() -> None:
    from labkit.exercises.tls.slips import free_ports

    assert not any(_listens(port) for port in free_ports())
