"""Opening line, prediction, claim: the same words in the console and on the page, and nothing of them is markup.

Rule: the page's words are read out of its HTML by a parser, not compared with HTML written here.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

import labkit
from labkit import course, exercises, net, packets
from labkit.core.errors import LabError
from labkit.course import claims
from labkit.draw import style
from labkit.packets import recorded
from tests.notebooks.lessons import chapter_ids

QUESTION = "How many packets?"
ANEW = "predictions, questions and exercises start anew"
ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;</div></b>"


class Page(HTMLParser):
    """What a browser makes of a card: its lines, and the elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.lines.append(data)


def html_of(card: Any) -> str:
    """What a page without controls shows."""
    bundle = getattr(card, "_repr_mimebundle_", None)
    return str(bundle()["text/html"] if bundle else card._repr_html_())


def text_of(card: Any) -> str:
    """The words of a card, which must be the same on the page."""
    page = Page(html_of(card))
    assert page.open == []
    assert "".join(page.lines) == repr(card).replace("\n", "")
    return repr(card)


CARDS: dict[str, Callable[[str], Any]] = {
    "no prediction yet": lambda words: labkit.predict(words),
    "a prediction": lambda words: labkit.predict(words, mine=words, options=[words, "2"]),
    "not one of the choices": lambda words: labkit.predict(words, mine=words, options=["1", "2"]),
    "compared, right": lambda words: labkit.predict(words, mine=words).compare(words, words),
    "compared, wrong": lambda words: labkit.predict(words, mine=words).compare("", words),
    "compared, wrong, answered": lambda words: labkit.predict(
        words, mine=words, options={words: words + "!", "2": ""}
    ).compare("2"),
    "compared, not made": lambda words: labkit.predict(words).compare(words, words),
    "compared, none of the answers": lambda words: labkit.predict(
        words, mine="1", options=["1", "2"]
    ).compare(words, unlisted=True),
    "a claim that holds": lambda words: labkit.check_claim(words, words, holds=True, seen=words),
    "a wrong claim": lambda words: labkit.check_claim(words, words, holds=False, seen=words),
    "an outdated claim": lambda words: labkit.check_claim(words, words, holds=False, seen=words, outdated=words),
}
cards = pytest.mark.parametrize("make", CARDS.values(), ids=CARDS.keys())


class TestEveryCard:
    """What holds for whatever a lesson shows in words."""

    @cards
    @pytest.mark.parametrize(
        "words",
        ["plain", "您好！ naïve – “quoted”", "a < b & b > c", ATTACK],
        ids=["plain", "beyond ASCII", "signs of markup", "an attack"],
    )
    def test_console_and_page_say_the_same(self, make: Callable[[str], Any], words: str) -> None:
        assert words in text_of(make(words))

    @cards
    def test_hostile_words_stay_words(self, make: Callable[[str], Any]) -> None:
        plain, hostile = Page(html_of(make("plain"))), Page(html_of(make(ATTACK)))
        assert hostile.elements == plain.elements
        assert {tag for tag, _ in hostile.elements} <= {"div", "b", "i", "span"}

    @cards
    def test_it_follows_the_theme(self, make: Callable[[str], Any]) -> None:
        styles = ";".join(attributes.get("style") or "" for _, attributes in Page(html_of(make("words"))).elements)
        rules = dict(rule.split(":", 1) for rule in styles.split(";") if rule)
        # Neither text nor paper has a colour of its own, so both are the page's; only edges have one.
        assert not {name for name in rules if name in ("color", "background", "background-color", "opacity")}
        assert rules["font-family"].startswith("var(--jp-content-font-family,")
        edges = set(re.findall(r"#[0-9a-f]{6}", styles))
        (edge,) = edges
        for paper in ("#ffffff", "#111111"):  # JupyterLab's --jp-layout-color0, light and dark
            assert style.contrast(edge, paper) >= 3  # Source: WCAG 2.2 §1.4.11

    @cards
    def test_a_name_between_backticks_is_code(self, make: Callable[[str], Any]) -> None:
        page = Page(html_of(make("so `end` *comes*")))
        assert ("code", {}) in page.elements
        assert "`end`" not in "".join(page.lines)
        assert "*comes*" in "".join(page.lines)

    @cards
    def test_colour_is_not_the_only_carrier(self, make: Callable[[str], Any]) -> None:
        others = {repr(other("words")) for other in CARDS.values() if other is not make}
        assert repr(make("words")) not in others


class TestPredict:
    """A prediction before an experiment, and what it is held against."""

    @pytest.mark.parametrize("nothing", [..., None])
    def test_not_made(self, nothing: object) -> None:
        prediction = labkit.predict(QUESTION, mine=nothing)
        assert not prediction.made
        first, second = text_of(prediction).split("\n")
        assert first == QUESTION
        assert second == "No prediction yet: put your answer in place of the three dots and run the cell again."

    def test_not_given_is_not_made(self) -> None:
        assert not labkit.predict(QUESTION).made

    @pytest.mark.parametrize("mine", [0, False, "", 4, "nothing at all"])
    def test_made(self, mine: object) -> None:
        prediction = labkit.predict(QUESTION, mine=mine)
        assert prediction.made
        assert text_of(prediction).split("\n") == [QUESTION, f"Your prediction: {mine}"]

    def test_the_choices_are_named(self) -> None:
        for mine in (..., "three"):
            assert "Choose from: two, three" in text_of(labkit.predict(QUESTION, mine=mine, options=("two", "three")))

    def test_choices_with_commas_stand_apart(self) -> None:
        text = text_of(labkit.predict(QUESTION, mine=..., options=("yes", "no, it is lost")))
        assert "Choose from: yes; no, it is lost" in text

    def test_one_of_the_choices(self) -> None:
        text = text_of(labkit.predict(QUESTION, mine="two", options=["two", "three"]))
        assert text.endswith("\nYour prediction: two")

    @pytest.mark.parametrize(("mine", "shown"), [("four", "'four'"), (2, "2"), ("2 3", "'2 3'")])
    def test_none_of_the_choices(self, mine: object, shown: str) -> None:
        text = text_of(labkit.predict(QUESTION, mine=mine, options=["2", "3"]))
        assert text.endswith(f"\n{shown} is not one of the choices.")
        assert "Your prediction" not in text

    @pytest.mark.parametrize("mine", ["2 ", " Two", "TWO", "two"])
    def test_capitals_and_spaces_do_not_count(self, mine: str) -> None:
        prediction = labkit.predict(QUESTION, mine=mine, options=["2", "two"])
        assert "not one of the choices" not in text_of(prediction)
        assert "right" in text_of(prediction.compare(mine.strip().lower()))

    def test_one_that_was_no_choice_is_told_when_it_is_settled_too(self) -> None:
        settled = text_of(labkit.predict(QUESTION, mine=2, options=("yes", "no")).compare("yes"))
        assert "You predicted 2, which is not one of the choices" in settled

    def test_a_number_with_a_fraction_is_a_number(self) -> None:
        assert "not a number" not in text_of(labkit.predict(QUESTION, mine=3.02).compare(3))

    def test_right(self) -> None:
        settled = labkit.predict(QUESTION, mine=3).compare(3, "Because of the handshake.")
        assert text_of(settled).split("\n") == [
            "Measured: 3", "You predicted 3: right.", "Because of the handshake.",
        ]  # fmt: skip

    def test_wrong_asks_why_and_does_not_scold(self) -> None:
        settled = labkit.predict(QUESTION, mine=1).compare(3)
        measured, mine = text_of(settled).split("\n")
        assert measured == "Measured: 3"
        assert mine.startswith("You predicted 1.")
        assert mine.endswith("?")
        assert "right" not in mine

    def test_not_made_but_compared(self) -> None:
        labkit.reset()
        text = text_of(labkit.predict(QUESTION).compare(3, "Because."))
        assert text.startswith("Measured: 3\nYou had made no prediction. Next time")
        assert text.endswith("\nBecause.")

    def test_the_advice_to_predict_is_given_once_a_session(self) -> None:
        labkit.reset()
        first, second = labkit.predict("One?"), labkit.predict("Two?")
        for _ in range(2):  # the first one is told at length as often as its cell is run
            assert "Next time" in text_of(first.compare(3))
            assert text_of(second.compare(3)) == "Measured: 3\nYou had made no prediction."
        labkit.reset()
        assert "Next time" in text_of(labkit.predict("Two?").compare(3))

    def test_words_for_whoever_chose_it_wrongly(self) -> None:
        options = {"one": "One is what `read` gives.", "two": "", "three": "Not said: it is right."}
        for mine, said in (("one", "One is what `read` gives."), ("two", "Look again: which part did you not expect?")):
            compared = repr(labkit.predict(QUESTION, mine=mine, options=options).compare("three", "Because."))
            assert compared.split("\n") == ["Measured: three", f"You predicted {mine}. {said}", "Because."]
        assert "Not said" not in repr(labkit.predict(QUESTION, mine="three", options=options).compare("three"))

    def test_what_no_option_is_cannot_be_measured(self) -> None:
        prediction = labkit.predict(QUESTION, mine="two", options=["two", "three"])
        with pytest.raises(LabError, match="'four' was measured, and the options are two, three"):
            prediction.compare("four")
        compared = prediction.compare("four", unlisted=True)
        assert repr(compared).split("\n")[1].startswith("You predicted two. This run gave none of the answers")
        assert compared.tone == "plain"

    def test_the_three_outcomes_look_different(self) -> None:
        edges = {labkit.predict(QUESTION, mine=mine).compare(3).tone for mine in (..., 1, 3)}
        assert len(edges) == 3


class TestClaim:
    """A claim of the book, and the verdict that a measurement gave."""

    def test_holds(self) -> None:
        card = labkit.check_claim("C-1.4", "It waits.", holds=True, seen="it waited")
        assert text_of(card).split("\n") == ["The book: It waits.", "Measured: it waited", "Verdict: holds (C-1.4)"]

    def test_wrong(self) -> None:
        card = labkit.check_claim("C-1.4", "It waits.", holds=False, seen="it did not")
        assert text_of(card).split("\n") == ["The book: It waits.", "Measured: it did not", "Verdict: wrong (C-1.4)"]

    def test_outdated(self) -> None:
        card = labkit.check_claim("C-1.4", "It waits.", holds=False, seen="it did not", outdated="since Node 20")
        assert text_of(card).split("\n") == [
            "The book: It waits.", "Measured: it did not", "Outdated: since Node 20", "Verdict: outdated (C-1.4)",
        ]  # fmt: skip

    def test_the_book_is_not_blamed_for_a_claim_of_the_course(self) -> None:
        card = labkit.check_claim("C-2.3", "It waits.", holds=False, seen="it did not")
        assert text_of(card).split("\n")[0] == "The claim: It waits."

    def test_the_course_owns_ids_that_there_are(self) -> None:
        assert set(chapter_ids()) >= claims.OWN

    def test_a_claim_that_holds_is_not_outdated_whatever_was_expected(self) -> None:
        card = labkit.check_claim("C-1.4", "It waits.", holds=True, seen="it waited", outdated="since Node 20")
        assert "utdated" not in text_of(card)

    @pytest.mark.parametrize("outdated", ["", "since Node 20"])
    @pytest.mark.parametrize("holds", [True, False])
    def test_the_verdict_is_one_of_three(self, holds: bool, outdated: str) -> None:
        card = labkit.check_claim("C-1.4", "words", holds=holds, seen="words", outdated=outdated)
        assert card.verdict in course.VERDICTS
        assert text_of(card).split("\n")[-1] == f"Verdict: {card.verdict} (C-1.4)"

    def test_every_verdict_has_the_same_neutral_look(self) -> None:
        looks = {
            tuple(attributes.get("style") for _, attributes in Page(html_of(card)).elements)
            for card in (labkit.check_claim("C-1.4", "w", holds=holds, seen="w") for holds in (True, False))
        }
        assert len(looks) == 1

    def test_it_does_not_look_like_a_question_or_a_result(self) -> None:
        claim = html_of(labkit.check_claim("C-1.4", "w", holds=True, seen="w"))
        question, result = html_of(labkit.predict("w")), html_of(labkit.predict("w", mine=1).compare(1))
        borders = {tuple(re.findall(r"border[^;\"]*", html)) for html in (claim, question, result)}
        assert len(borders) == 3

    @pytest.mark.parametrize("verdict", [1, 0, None, "yes", "", [True], ...])
    def test_a_verdict_is_measured_not_said(self, verdict: Any) -> None:
        with pytest.raises(LabError, match=r"C-1\.4.*not True or False") as caught:
            labkit.check_claim("C-1.4", "It waits.", holds=verdict, seen="it waited")
        assert repr(verdict) in str(caught.value)
        assert caught.value.todo


class TestOpening:
    """The first line of a lesson: which one, and how capture works here."""

    @pytest.fixture(autouse=True)
    def _lesson_of_before(self) -> Any:
        before = recorded.current_lesson()
        yield
        packets.set_lesson(before)

    def test_two_lines(self) -> None:
        first, second = repr(labkit.lesson("01a-tcp-connection")).split("\n")
        assert first == "Lesson 01a-tcp-connection"
        assert second == f"capture: {packets.status()}"

    def test_recorded_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        assert "\ncapture: recorded, " in repr(labkit.lesson("01a-tcp-connection"))

    def test_it_looks_the_recordings_up_under_its_name(self) -> None:
        labkit.lesson("01a-tcp-connection")
        assert recorded.current_lesson() == "01a-tcp-connection"

    def test_large_says_the_same_in_larger_type(self) -> None:
        plain, large = labkit.lesson("01a-tcp-connection"), labkit.lesson("01a-tcp-connection", large=True)
        assert repr(large) == repr(plain)
        page = Page(large._repr_html_())  # type: ignore[attr-defined]
        assert [tag for tag, _ in page.elements] == ["style", "pre"]
        assert page.lines[-1].rstrip("\n") == repr(plain)

    def test_pictures_shrink_with_a_narrow_page(self) -> None:
        page = labkit.lesson("01a-tcp-connection")._repr_html_()  # type: ignore[attr-defined]
        assert " img{max-width:100%;height:auto}" in page

    @pytest.mark.parametrize("name", ["", "../secrets", "a/b", ".hidden", "a b"])
    def test_a_name_leads_nowhere_else(self, name: str) -> None:
        with pytest.raises(LabError, match="cannot be the lesson"):
            labkit.lesson(name)


class TestReset:
    """Back to the start, for the next class."""

    def test_what_is_open_is_closed(self) -> None:
        labkit.reset()  # what earlier tests may have left
        servers = [net.create_server(lambda socket: socket.write("hi")).listen(0) for _ in range(2)]
        clients = [net.connect(server.port) for server in servers]
        for client in clients:
            assert client.read(2) == b"hi"
        assert labkit.reset() == f"2 servers and 0 wires closed; {ANEW}"
        for server, client in zip(servers, clients, strict=True):
            client.wait_for("close")
            server.wait_for("close")  # after the last of its connections
            assert not server.listening
            assert server.connections == ()

    def test_nothing_open(self) -> None:
        labkit.reset()
        assert labkit.reset() == f"0 servers and 0 wires closed; {ANEW}"

    def test_one_server(self) -> None:
        labkit.reset()
        net.create_server().listen(0)
        assert labkit.reset() == f"1 server and 0 wires closed; {ANEW}"

    def test_predictions_are_as_never_answered(self) -> None:
        clicked = labkit.predict(QUESTION, options=["2", "3"])
        clicked._ask.choose(1)  # type: ignore[union-attr]
        clicked.compare("3")
        labkit.reset()
        assert not clicked.made
        assert not clicked._ask.locked
        assert not labkit.predict(QUESTION, options=["2", "3"]).made

    def test_the_progress_file_stays_unless_it_is_meant(self) -> None:
        exercises.tcp.flags.check(exercises.tcp.flags.reference)
        before = exercises.progress().solved
        assert before
        labkit.reset()
        assert exercises.progress().solved == before
        assert labkit.reset(forget=True).endswith("; the progress file forgets them too")
        assert not exercises.progress().solved

    def test_names_of_tapes_are_taken_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shell = SimpleNamespace(user_ns={"tape": packets.Tape([]), "number": 1, "Tape": packets.Tape})
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        labkit.reset()
        assert set(shell.user_ns) == {"number", "Tape"}


class TestClicked:
    """An answer that comes from the page: it counts until the experiment is compared."""

    @pytest.fixture(autouse=True)
    def _nothing_remembered(self) -> None:
        labkit.reset()

    def choose(self, prediction: Any, number: int) -> bool:
        return bool(prediction._ask.choose(number))

    def test_it_is_the_answer(self) -> None:
        prediction = labkit.predict(QUESTION, options=(2, 3))
        assert self.choose(prediction, 1)
        assert (prediction.mine, prediction.made) == (3, True)
        assert repr(prediction).endswith("\nYour prediction: 3")
        assert repr(prediction.compare(3)).endswith("You predicted 3: right.")

    def test_what_the_cell_says_goes_first(self) -> None:
        prediction = labkit.predict(QUESTION, mine=2, options=(2, 3))
        self.choose(prediction, 1)
        assert prediction.mine == 2

    def test_after_the_experiment_it_is_locked(self) -> None:
        prediction = labkit.predict(QUESTION, options=(2, 3))
        self.choose(prediction, 0)
        assert "wrong" not in repr(prediction.compare(3))
        assert not self.choose(prediction, 1)
        assert "You predicted 2." in repr(prediction.compare(3))
        assert "has run" in prediction._ask.said

    def test_a_question_asked_again_keeps_its_answer_and_takes_another(self) -> None:
        first = labkit.predict(QUESTION, options=(2, 3))
        self.choose(first, 0)
        first.compare(3)
        again = labkit.predict(QUESTION, options=(2, 3))
        assert again.mine == 2
        assert self.choose(again, 1)
        assert not labkit.predict(QUESTION, options=(2, 3, 4)).made  # another question

    @pytest.mark.parametrize(("typed", "mine"), [("11", 11), ("0.5", 0.5), ("a lot", "a lot"), (" ", ...)])
    def test_a_number_is_typed_into_a_field(self, typed: str, mine: object) -> None:
        prediction = labkit.predict(QUESTION)
        prediction._ask.enter(typed)  # type: ignore[union-attr]
        assert prediction.mine == mine

    def test_the_answer_that_counts_is_taken_once(self) -> None:
        prediction = labkit.predict(QUESTION, options=("a", "b"))
        self.choose(prediction, 0)
        clicks = threading.Thread(target=self.choose, args=(prediction, 1))
        with prediction._ask.guard:
            clicks.start()  # it comes while the cell compares
            compared = prediction.compare("b")
        clicks.join(10)
        assert repr(compared).split("\n")[1].startswith("You predicted a.")
        assert prediction.mine == "a"


@pytest.mark.parametrize("call", [labkit.predict, labkit.check_claim, labkit.lesson, labkit.node])
def test_a_call_with_wrong_arguments_is_told_with_the_right_ones(call: Callable[..., Any]) -> None:
    for wrong in (lambda: call(), lambda: call("a", nonsense=1)):
        with pytest.raises(LabError, match=rf"{call.__name__}\(\) takes "):
            wrong()


@pytest.mark.parametrize("options", [["one"], ["a", "a"], [1, "1"], {"a": ""}])
def test_options_differ_and_are_two_at_least(options: Any) -> None:
    with pytest.raises(LabError, match="no choice"):
        labkit.predict("Which?", options=options)


@pytest.mark.parametrize("options", [None, 5, "ab", b"ab", object()])
def test_options_are_several(options: Any) -> None:
    with pytest.raises(LabError, match="not a list of answers"):
        labkit.predict("Which?", options=options)


def test_a_question_is_text() -> None:
    with pytest.raises(LabError, match="None is not a question"):
        labkit.predict(None)  # type: ignore[arg-type]
