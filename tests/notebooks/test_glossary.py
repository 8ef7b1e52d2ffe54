"""Terms of the lessons: each is introduced in bold, by a sentence, before any lesson uses it.

Rule: reads the lessons' text only; the samples show that each kind of mistake is found.
"""

from __future__ import annotations

import pytest

from tools import glossary
from tools.glossary import Prose

CELL = "\n```python\nimport labkit\n```\n"


def lesson(name: str, text: str, opening: str = "# Title\n") -> Prose:
    return Prose.of(name, f"---\njupyter: {{}}\n---\n\n{opening}{CELL}\n{text}\n")


class TestCourse:
    def test_each_term_is_introduced_before_it_is_used(self) -> None:
        assert glossary.used_too_early(glossary.course()) == []

    def test_one_new_term_a_sentence(self) -> None:
        for prose in glossary.course():
            sentences = [term.sentence for term in glossary.terms(prose)]
            assert len(sentences) == len(set(sentences)), [each for each in sentences if sentences.count(each) > 1]

    def test_a_term_is_introduced_by_a_whole_sentence(self) -> None:
        short = [
            term
            for term in glossary.introduced(glossary.course()).values()
            if len(term.sentence.split()) < len(term.words.split()) + 2 or term.sentence[-1] not in ".?!)"
        ]
        assert short == []

    def test_the_glossary_is_what_the_lessons_say(self) -> None:
        assert glossary.GLOSSARY.read_text(encoding="utf8") == glossary.written(glossary.course()), "tools/glossary.py"


class TestFinding:
    def test_term_with_its_sentence(self) -> None:
        (term,) = glossary.terms(lesson("00", "First. A **port** is a number, `8124` here. It names a program."))
        assert (term.words, term.sentence) == ("port", "A **port** is a number, `8124` here.")

    def test_an_item_of_a_list_is_a_paragraph(self) -> None:
        (term,) = glossary.terms(lesson("00", "Rules:\n\n1. **Nagle** is a rule: it waits.\n2. Another one."))
        assert term.sentence == "**Nagle** is a rule: it waits."

    @pytest.mark.parametrize(
        "text",
        [
            "**Exercise.** Do it.",
            "```python\nx = '**no**'\n```",
            "| a **word** | b |\n| --- | --- |",
            "<!-- change: a -->\n**Change one thing.** And a **word** here.\n<!-- end of change -->",
        ],
    )
    def test_what_is_no_introduction(self, text: str) -> None:
        assert glossary.terms(lesson("00", text)) == []

    def test_the_opening_introduces_nothing(self) -> None:
        assert glossary.terms(lesson("00", "Text.", opening="# Title\n\n- **follow** a connection,\n")) == []


class TestTooEarly:
    def early(self, *lessons: Prose) -> int:
        return len(glossary.used_too_early(lessons))

    def test_in_the_same_lesson(self) -> None:
        assert self.early(lesson("00", "Take a port.\n\nA **port** is a number.")) == 1
        assert self.early(lesson("00", "A **port** is a number.\n\nTake a port.")) == 0

    def test_in_the_same_paragraph(self) -> None:
        assert self.early(lesson("00", "## Numbers\n\nTwo ports. A **port** is a number.")) == 1

    def test_in_a_lesson_before(self) -> None:
        assert self.early(lesson("00", "Many ports."), lesson("01", "A **port** is a number.")) == 1
        assert self.early(lesson("00", "A **port** is a number."), lesson("01", "Many ports.")) == 0

    def test_other_words_and_code_are_no_use(self) -> None:
        text = "A report, `port`, [there](port.md), a port-like thing.\n\nA **port** is a number."
        assert self.early(lesson("00", text)) == 0

    def test_capitals_are_a_word_of_their_own(self) -> None:
        assert self.early(lesson("00", "Say ack.\n\n**ACK** is a flag.")) == 0
        assert self.early(lesson("00", "Say ACK.\n\n**ACK** is a flag.")) == 1
        assert self.early(lesson("00", "Ports exist.\n\nA **port** is a number.")) == 1

    def test_the_opening_and_the_heading_may_name_it(self) -> None:
        opening = "# Ports\n\nIt is about a port.\n"
        assert self.early(lesson("00", "## A port\n\nA **port** is a number.", opening=opening)) == 0

    def test_the_opening_of_an_earlier_lesson_may_not(self) -> None:
        first = lesson("00", "Text.", opening="# Title\n\nTake a port.\n")
        assert self.early(first, lesson("01", "A **port** is a number.")) == 1
