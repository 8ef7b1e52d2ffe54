"""Questions of the lessons: no answer stands above its question, and plumbing is hidden; both shown on samples first.

Rule: what the samples prove is asked of every committed notebook, without an exception.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebooks.lessons import NOTEBOOKS, Cell, load, source
from tests.notebooks.questions import code, given_away, hidden, markdown, only_asks, shown_sources, verdicts

ASK = 'who = labkit.predict("Who?", mine=..., options=("the far end answers", "the near end"))\nwho'

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


class TestOnlyAsks:
    """Which cells a student need not see the source of."""

    @pytest.mark.parametrize("text", [
        ASK, "who.compare(3)", 'labkit.check_claim("C-1", "w", holds=a == b, seen=f"{len(tape)}")',
        "fins = [each for each in tape if 'FIN' in each.flags]\nwho.compare(len(fins))",
        "data = tape.where(payload=True)\nwho.compare(sum(map(len, data)), 'Because.')",
        "total = 0\ntotal += len(tape)\nwho.compare(total)", "check_claim('C-1', 'w', holds=True, seen='')",
    ])  # fmt: skip
    def test_yes(self, text: str) -> None:
        assert only_asks(text)

    @pytest.mark.parametrize("text", [
        "", "draw.ladder(tape)", "draw.compare(one, other)",
        "client = net.connect(8124)\nwho.compare(client.local_port)", "len(tape)", "tape",
        "answer = client.read(9)\nwho.compare(answer)", "print(1)\nwho.compare(1)", "%time who.compare(1)",
        "with labkit.capture(port=1) as tape:\n    pass\nwho.compare(len(tape))", "import ast\nwho.compare(1)",
        "answer = await client\nwho.compare(answer)", "fins = len(tape)", "who.compare(measure())",
    ])  # fmt: skip
    def test_no(self, text: str) -> None:
        assert not only_asks(text)

    def test_one_that_is_hidden_is_not_told(self) -> None:
        cells = [code(ASK, jupyter={"source_hidden": True}), code("who.compare(1)"), code("draw.ladder(tape)")]
        assert shown_sources(cells) == ["who.compare(1)"]


class TestGivenAway:
    """Which answers stand above their question."""

    VERDICT = code("who.compare(measured)", "Measured: the far end answers\nYou had made no prediction.")
    SHORT = code("who.compare(measured)", "Measured: the far end\nYou had made no prediction.")
    NUMBER = code("who.compare(len(tape))", "Measured: 11\nYou had made no prediction.")

    def test_a_verdict_is_found_with_its_question(self) -> None:
        cells = [markdown("#"), code(ASK), code("x = 1"), self.VERDICT]
        assert list(verdicts(cells)) == [(1, "the far end answers")]

    @pytest.mark.parametrize("before", [
        markdown("# So the far end answers"), markdown("Prose.\n\nSurely **the far** `end` answers!"),
        code("ends()", "The far end answers, 2"),
    ])  # fmt: skip
    def test_words_anywhere(self, before: Cell) -> None:
        (said,) = given_away([markdown("# A lesson"), before, code(ASK), self.VERDICT])
        assert said.startswith("cell 2 asks what cell 1 says: 'the far end answers'")

    @pytest.mark.parametrize("before", [
        markdown("# The far side answers"), markdown("The farthest, the end"), code(ASK.replace("who", "other")),
        markdown("the far end answered"), code("x.compare(y)", "Measured: the far end answers"),
    ])  # fmt: skip
    def test_other_words_and_other_questions(self, before: Cell) -> None:
        assert given_away([markdown("# A lesson"), before, code(ASK), self.VERDICT]) == []

    @pytest.mark.parametrize("sent", ['b"the far end answers"', '"the far end answers"'])
    def test_what_is_sent_is_data(self, sent: str) -> None:
        before = code(f"client.write({sent})\nserver.data", "the far end answers")
        assert given_away([markdown("# A lesson"), before, code(ASK), self.VERDICT]) == []

    def test_two_words_in_headings_and_objectives_alone(self) -> None:
        for before, found in (("# The far end", 1), ("# A\n\n- see the far end", 1), ("# A\n\nthe far end", 0)):
            assert len(given_away([markdown(before), code(ASK), self.SHORT])) == found

    def test_what_stands_below_the_question(self) -> None:
        assert given_away([markdown("#"), code(ASK), markdown("the far end answers"), self.VERDICT]) == []

    @pytest.mark.parametrize("before", [
        "# A lesson\n\n- count to 11", "# Eleven packets", "## What are the 11 packets?",
        "# A lesson\n\n1. all 11 of them",
    ])  # fmt: skip
    def test_a_number_in_headings_and_objectives(self, before: str) -> None:
        assert len(given_away([markdown(before), code(ASK), self.NUMBER])) == 1

    @pytest.mark.parametrize("before", ["# A lesson\n\nthe 11 of them", "# Lesson 110", "# 1.11", "# A\n\n11. then"])
    def test_a_number_in_prose_may_be_another(self, before: str) -> None:
        assert given_away([markdown(before), code(ASK), self.NUMBER]) == []

    def test_a_number_of_the_question_itself_is_no_answer(self) -> None:
        asks = code(ASK.replace("Who?", "Eleven datagrams are sent. How many come?"))
        assert given_away([markdown("# Eleven datagrams"), asks, self.NUMBER]) == []

    @pytest.mark.parametrize("answer", ["yes", "an error", "it is open", "nothing"])
    def test_what_every_page_says_is_not_judged(self, answer: str) -> None:
        verdict = code("who.compare(x)", f"Measured: {answer}")
        assert given_away([markdown(f"# {answer}"), code(ASK), verdict]) == []


@every_notebook
def test_no_answer_stands_above_its_question(path: Path) -> None:
    assert given_away(load(path)["cells"]) == []


@every_notebook
def test_cells_that_only_ask_or_compare_have_their_source_hidden(path: Path) -> None:
    assert shown_sources(load(path)["cells"]) == [], 'write ```python jupyter={"source_hidden": true} … on the fence'


SHOWS_ITS_REASON = re.compile(r"\.compare\(.*['\"]")


def first_lines(cells: list[Cell]) -> list[str]:
    """The first lines of hidden cells that say a reason: JupyterLab shows the first line of a hidden source."""
    lines = [source(cell).split("\n", 1)[0] for cell in cells if cell["cell_type"] == "code" and hidden(cell)]
    return [line for line in lines if SHOWS_ITS_REASON.search(line)]


def test_a_reason_in_the_first_line_is_found() -> None:
    texts = ("a.compare(1, 'Since.')", "a.compare(\n    1, 'b'\n)")
    cut = [code(text, jupyter={"source_hidden": True}) for text in texts]
    assert first_lines(cut) == ["a.compare(1, 'Since.')"]


@every_notebook
def test_no_hidden_source_shows_its_reason(path: Path) -> None:
    assert first_lines(load(path)["cells"]) == [], "break the line after compare("
