"""Hidden verdicts: what a card says before and after, with and without a page.

Rule: the words are compared with those of a card that was never hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import labkit
from labkit.core.errors import LabError
from labkit.course import Card
from labkit.widgets import WAITS, Held, page, view


@pytest.fixture(autouse=True)
def shown_afterwards() -> Iterator[None]:
    yield
    labkit.verdicts(hidden=False)


def compared() -> Card:
    return labkit.predict("Who ends?", "client", ["client", "server"]).compare("server", "It sends FIN.")


def claimed() -> Card:
    return labkit.check_claim("C-1.4", "`end` comes <last>.", holds=False, seen="`close` did")


@pytest.mark.parametrize("make", [compared, claimed])
class TestCard:
    """A card that waits, and then is as the others."""

    def test_hidden_and_then_the_same_words(self, make: Any) -> None:
        plain = make()
        labkit.verdicts(hidden=True)
        card = make()
        assert repr(card) == WAITS
        assert not any(line in card._repr_html_() for line in ("Measured", "wrong", "predicted"))
        assert labkit.verdicts(hidden=False) == "1 verdict shown. From now on each is shown at once."
        assert (repr(card), card._repr_html_()) == (repr(plain), plain._repr_html_())
        assert type(make()) is type(plain)

    def test_the_page_follows_without_running_the_cell(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "available", lambda: True)
        labkit.verdicts(hidden=True)
        card = make()
        assert isinstance(card, Held)
        bundle = card._repr_mimebundle_()
        assert bundle["text/plain"] == WAITS
        output = view._sheet(card._sheet).children[0]
        assert output.outputs[0]["data"]["text/plain"] == WAITS
        labkit.verdicts(hidden=False)
        assert output.outputs[0]["data"] == {"text/plain": repr(card), "text/html": card._repr_html_()}
        assert "Measured" in repr(card)

    def test_without_a_page_text_and_html_alone(self, make: Any) -> None:
        labkit.verdicts(hidden=True)
        assert set(make()._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_several_are_shown_at_once_and_only_once() -> None:
    labkit.verdicts(hidden=True)
    cards = [compared(), claimed(), compared()]
    assert labkit.verdicts(hidden=False).startswith("3 verdicts shown.")
    assert all(WAITS not in repr(card) for card in cards)
    assert labkit.verdicts(hidden=False).startswith("0 verdicts shown.")


def test_reset_shows_verdicts_at_once_again() -> None:
    labkit.verdicts(hidden=True)
    labkit.reset()
    assert "Measured" in repr(compared())


@pytest.mark.parametrize("hidden", [None, 1, "yes"])
def test_true_or_false(hidden: Any) -> None:
    with pytest.raises(LabError):
        labkit.verdicts(hidden=hidden)
