"""Questions in a page: what a page may say to them, when, and what of it counts.

Rule: the page is played by the messages it would send to ipywidgets' own controls; a race is played, not waited for.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from traitlets import TraitError

from labkit import widgets
from labkit.core.errors import LabError
from labkit.widgets import page

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def attached(asks: Any) -> Any:
    """The view that a page would show."""
    from labkit.widgets import view

    view.attached(asks)
    return asks.view


def from_page(asks: Any, **state: Any) -> None:
    """A page sends an update to the control, as JupyterLab does."""
    control = attached(asks).control
    message = {"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []}
    control._handle_msg(message)


def short(value: Any) -> str:
    """A name for a test."""
    return repr(value)[:12]


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
def ask(heard: list[Any]) -> widgets.Choice:
    return widgets.choice("Who `ends`?", ["the `client`", "<the server>", "both"], heard.append, below="Choose.")


class TestChoice:
    """A question with options."""

    def test_nothing_is_chosen_at_first(self, ask: widgets.Choice) -> None:
        assert (ask.chosen, ask.text, ask.locked, ask.said) == (None, "", False, "Choose.")

    def test_the_page_shows_what_the_question_knows(self, ask: widgets.Choice) -> None:
        view = attached(ask)
        assert view.control._options_labels == ("the client", "<the server>", "both")
        assert view.control.index is None
        assert not view.control.disabled
        ask.choose(2)
        assert view.control.index == 2

    def test_a_click_chooses(self, ask: widgets.Choice, heard: list[Any]) -> None:
        from_page(ask, index=1)
        assert (ask.chosen, ask.text, heard) == (1, "<the server>", [1])

    def test_it_can_be_changed_and_the_same_again_is_nothing_new(self, ask: widgets.Choice, heard: list[Any]) -> None:
        for index in (1, 0, 0):
            from_page(ask, index=index)
        assert (ask.chosen, heard) == (0, [1, 0])

    def test_what_the_listener_returns_is_said(self) -> None:
        asks = widgets.choice("Which?", ["a", "b"], lambda number: f"You chose {number}.")
        from_page(asks, index=1)
        assert asks.said == "You chose 1."
        assert "You chose 1." in attached(asks).below.value

    def test_what_the_listener_says_itself_stays(self) -> None:
        asks = widgets.choice("Which?", ["a", "b"], lambda _: asks.say("Right.", "good"))
        from_page(asks, index=1)
        assert (asks.said, asks.tone) == ("Right.", "good")

    def test_after_the_lock_a_click_changes_nothing(self, ask: widgets.Choice, heard: list[Any]) -> None:
        from_page(ask, index=0)
        assert ask.lock() == "the `client`"
        assert attached(ask).control.disabled
        from_page(ask, index=1)
        assert (ask.chosen, heard) == (0, [0])
        assert attached(ask).control.index == 0  # the page is put right

    def test_the_page_cannot_take_the_lock_away(self, ask: widgets.Choice, heard: list[Any]) -> None:
        ask.lock()
        from_page(ask, disabled=False)
        assert attached(ask).control.disabled
        from_page(ask, disabled=False, index=1)
        assert (ask.chosen, heard) == (None, [])

    def test_opened_again_it_takes_answers(self, ask: widgets.Choice) -> None:
        ask.lock()
        ask.open()
        from_page(ask, index=1)
        assert ask.chosen == 1

    def test_cleared_it_is_as_at_first(self, ask: widgets.Choice) -> None:
        from_page(ask, index=1)
        ask.say("No.", "bad")
        ask.lock()
        ask.clear()
        assert (ask.chosen, ask.locked, ask.said, ask.tone) == (None, False, "Choose.", "plain")
        assert attached(ask).control.index is None
        assert not attached(ask).control.disabled

    @pytest.mark.parametrize(
        "index", [3, -1, 10**30, True, None, "1", 1.5, float("nan"), [1], {"a": 1}, "x" * 100_000], ids=short
    )
    def test_a_hostile_index_is_never_taken(self, ask: widgets.Choice, heard: list[Any], index: Any) -> None:
        ask.choose(0)
        heard.clear()
        with suppress(TraitError):  # ipywidgets' own check; a kernel prints it and goes on
            from_page(ask, index=index)
        assert (ask.chosen, heard) == (0, [])
        from_page(ask, index=1)  # and it still works
        assert (ask.chosen, heard) == (1, [1])

    @pytest.mark.parametrize("number", [3, -1, True, 1.0, None, "1", ...])
    def test_a_hostile_number_is_refused_by_the_question_itself(self, ask: widgets.Choice, number: Any) -> None:
        assert not ask.choose(number)
        assert ask.chosen is None

    def test_the_page_cannot_change_what_an_option_means(self, ask: widgets.Choice) -> None:
        from_page(ask, _options_labels=["yours", "mine", "nobody's"])
        from_page(ask, index=0)
        assert ask.text == "the `client`"

    def test_two_options_at_least(self) -> None:
        with pytest.raises(LabError, match="no choice"):
            widgets.choice("Which?", ["one"])

    def test_one_that_was_chosen_before(self) -> None:
        assert widgets.choice("Which?", ["a", "b"], chosen=1).text == "b"
        assert widgets.choice("Which?", ["a", "b"], chosen=7).text == ""


class TestEntry:
    """A question with a field."""

    def test_what_is_typed_is_the_answer(self, heard: list[Any]) -> None:
        asks = widgets.entry("How many?", heard.append)
        from_page(asks, value=" 11 ")
        assert (asks.text, heard) == ("11", ["11"])
        assert attached(asks).control.value == "11"

    @pytest.mark.parametrize("value", [5, None, ["1"], "x" * 201, "a\nb", "\x1b[31m", "\x00"], ids=ascii)
    def test_a_hostile_text_is_never_taken(self, heard: list[Any], value: Any) -> None:
        asks = widgets.entry("How many?", heard.append, typed="3")
        with suppress(TraitError):
            from_page(asks, value=value)
        assert (asks.text, heard) == ("3", [])
        assert attached(asks).control.value == "3"

    def test_after_the_lock_nothing_is_taken(self, heard: list[Any]) -> None:
        asks = widgets.entry("How many?", heard.append)
        assert asks.lock() == ""
        from_page(asks, value="11", disabled=False)
        assert (asks.text, heard, attached(asks).control.value) == ("", [], "")


class TestRace:
    """The page speaks in a thread of its own while a cell runs."""

    def test_a_click_waits_while_the_answer_is_taken(self, ask: widgets.Choice) -> None:
        from_page(ask, index=0)
        clicks = threading.Thread(target=from_page, args=(ask,), kwargs={"index": 1})
        with ask.guard:
            clicks.start()
            clicks.join(0.2)
            assert clicks.is_alive()  # it is held up, so that what is read here stays
            assert ask.lock() == "the `client`"
        clicks.join(10)
        assert not clicks.is_alive()
        assert ask.chosen == 0
        assert attached(ask).control.index == 0

    def test_what_lock_returns_is_what_counts(self) -> None:
        for _ in range(200):
            asks = widgets.choice("Which?", ["a", "b"])
            start = threading.Barrier(3)

            def click(number: int, asks: Any = asks, start: Any = start) -> None:
                start.wait(10)
                asks.choose(number)

            threads = [threading.Thread(target=click, args=(number,)) for number in (0, 1)]
            for thread in threads:
                thread.start()
            start.wait(10)
            taken = asks.lock()
            for thread in threads:
                thread.join(10)
            assert asks.text == taken


class TestPage:
    """What a notebook is given to show."""

    def test_without_a_kernel_text_and_html_alone(self, ask: widgets.Choice) -> None:
        assert not widgets.available()
        assert widgets.mimebundle("words", "<b>words</b>", ask) == {"text/plain": "words", "text/html": "<b>words</b>"}
        assert ask.view is None

    @pytest.mark.parametrize("setting", ["", "0"])
    def test_a_kernel_may_be_told_that_its_page_has_no_controls(
        self, monkeypatch: pytest.MonkeyPatch, setting: str
    ) -> None:
        shell = SimpleNamespace(kernel=SimpleNamespace(comm_manager=None))
        monkeypatch.setattr(page, "in_notebook", lambda: True)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        monkeypatch.setenv("LABKIT_WIDGETS", setting)
        assert widgets.available() is (setting != "0")

    def test_in_a_page_the_controls_too_and_the_text_is_the_same(
        self, ask: widgets.Choice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page, "available", lambda: True)
        other = widgets.entry("How many?")
        for controls in ((ask,), (ask, other)):
            bundle = widgets.mimebundle("words", "<b>words</b>", *controls)
            assert (bundle["text/plain"], bundle["text/html"]) == ("words", "<b>words</b>")
            assert set(bundle) - {"text/plain", "text/html"} == {page.VIEW}
            assert bundle[page.VIEW]["model_id"]

    def test_shown_twice_it_is_one_control(self, ask: widgets.Choice, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "available", lambda: True)
        first, second = (widgets.mimebundle("", "", ask)[page.VIEW]["model_id"] for _ in range(2))
        assert first == second

    def test_hostile_words_stay_words(self) -> None:
        asks = widgets.choice(ATTACK, [ATTACK, "b"], lambda _: ATTACK)
        from_page(asks, index=0)
        view = attached(asks)
        for part in (view.box.children[0], view.below):
            assert "&lt;script&gt;" in part.value
            assert "<script" not in part.value
            assert "<img" not in part.value
        assert not view.control.description_allow_html

    def test_a_name_is_set_as_code(self) -> None:
        assert widgets.marked("`end` < 3, ``, *x*, a ` b") == "<code>end</code> &lt; 3, ``, *x*, a ` b"

    @pytest.mark.parametrize("hide", ["", "import sys; sys.modules['ipywidgets'] = None; "])
    def test_without_ipywidgets_or_without_a_kernel_a_prediction_is_words(self, hide: str) -> None:
        asks = (
            f"{hide}import labkit, sys; p = labkit.predict('Which?', options=['a', 'b']); "
            "print(sorted(p._repr_mimebundle_()), repr(p.compare('a')).splitlines()[0], "
            "bool(sys.modules.get('ipywidgets')))"
        )
        told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True, timeout=60)
        assert told.stdout.strip() == "['text/html', 'text/plain'] Measured: a False"
