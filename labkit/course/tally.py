"""The answers of a room, counted: one of each student to each question, and the limits of all of it.

Rule: no network and no page; what a student's program sends is a stranger's, and is refused with words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

LONGEST_QUESTION = 1000
"""Characters of a question."""
LONGEST_ANSWER = 200
"""Characters of an option, or of an answer."""
LONGEST_NAME = 40
"""Characters of a student's name."""
MOST_OPTIONS = 30
"""Options of a question."""
MOST_QUESTIONS = 200
"""Questions of a room."""
MOST_OF_ONE = 60
"""Questions that one student's answers can add to a room."""
MOST_STUDENTS = 500
"""Students of a room, those that have left included."""
LONGEST_LINE = 32768
"""Bytes of a message."""

_TOKEN = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Question:
    """A question. text: its words. options: the answers to choose from; none for a free answer."""

    text: str
    options: tuple[str, ...] = ()

    @classmethod
    def checked(cls, text: Any, options: Any) -> Question:
        """A question of these parts, if they have the form of one. Raises `Refused`."""
        if not _is_text(text, LONGEST_QUESTION):
            raise Refused(f"a question of a poll is text of 1 to {LONGEST_QUESTION} characters")
        if not isinstance(options, list) or len(options) > MOST_OPTIONS or len(options) == 1:
            raise Refused(f"a question of a poll has no options, or 2 to {MOST_OPTIONS}")
        if not all(_is_text(each, LONGEST_ANSWER) for each in options):
            raise Refused(f"an option of a poll is text of 1 to {LONGEST_ANSWER} characters")
        stripped = [each.strip() for each in options]
        if len(set(stripped)) < len(stripped):
            raise Refused("two options of a question are the same")
        return cls(text, tuple(stripped))


class Refused(ValueError):
    """What a message asks for cannot be done; its text says why."""


def line_of(message: dict[str, Any]) -> bytes:
    """A message as it is sent: JSON on a line."""
    return json.dumps(message).encode() + b"\n"


def message_of(line: bytes) -> dict[str, Any]:
    """The message of a line. Raises `Refused`."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Refused("this is no message of a poll")
    return message


def question_of(message: dict[str, Any]) -> Question:
    """The question that a message is about. Raises `Refused`."""
    return Question.checked(message.get("question"), message.get("options"))


def token_of(message: dict[str, Any]) -> tuple[str, str]:
    """The token and the name of a student who joins. Raises `Refused`."""
    token, name = message.get("join"), message.get("name", "")
    if not isinstance(token, str) or not _TOKEN.match(token) or not (name == "" or _is_text(name, LONGEST_NAME)):
        raise Refused("this is no message that joins a poll")
    return token, name


def _is_text(value: Any, most: int) -> bool:
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)  # half a character: UTF-8 has no bytes for it


class Tally:
    """What a room has answered. names: of each student who has joined, by token, ``""`` for an anonymous one.

    own: the questions that the instructor has asked, the oldest first; students add others by answering them.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.own: list[Question] = []
        self._answers: dict[Question, dict[str, str]] = {}
        self._added: Counter[str] = Counter()

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions, the oldest first."""
        return tuple(self._answers)

    def join(self, token: str, name: str) -> None:
        """A student joins, or joins again. Raises `Refused` if the room is full."""
        if token not in self.names and len(self.names) >= MOST_STUDENTS:
            raise Refused(f"the poll has {MOST_STUDENTS} students already")
        self.names[token] = name

    def ask(self, question: Question) -> None:
        """Add a question of the instructor's, if it is not there yet. Raises `Refused` if there are too many."""
        self._add(question)
        if question not in self.own:
            self.own.append(question)

    def _add(self, question: Question) -> None:
        if question not in self._answers:
            if len(self._answers) >= MOST_QUESTIONS:
                raise Refused(f"the poll has {MOST_QUESTIONS} questions already")
            self._answers[question] = {}

    def take(self, token: str, question: Question, answer: Any) -> None:
        """Take a student's answer, in place of an earlier one. Raises `Refused`."""
        if not _is_text(answer, LONGEST_ANSWER) or (question.options and answer.strip() not in question.options):
            raise Refused("this is no answer to this question")
        if question not in self._answers:
            if self._added[token] >= MOST_OF_ONE:
                raise Refused(f"one student adds at most {MOST_OF_ONE} questions")
            self._add(question)
            self._added[token] += 1
        self._answers[question][token] = answer.strip()

    def clear(self, question: Question) -> None:
        """Give up the answers to a question."""
        self._answers.get(question, {}).clear()

    def answered(self, question: Question) -> int:
        """How many students have answered."""
        return len(self._answers.get(question, ()))

    def answer_of(self, token: str, question: Question) -> str:
        """A student's answer, ``""`` if there is none."""
        return self._answers.get(question, {}).get(token, "")

    def given(self, question: Question) -> list[tuple[str, str]]:
        """The answers, each with its student's name, in the order in which they came."""
        return [(self.names[token], answer) for token, answer in self._answers.get(question, {}).items()]

    def counts(self, question: Question) -> dict[str, int]:
        """How many gave each answer: the options in their order, free answers by how often they were given.

        Free answers that differ in capitals alone are one, written as its first student wrote it.
        """
        found = dict.fromkeys(question.options, 0)
        written = {option: option for option in question.options}
        for answer in self._answers.get(question, {}).values():
            name = answer if question.options else written.setdefault(answer.casefold(), answer)
            found[name] = found.get(name, 0) + 1
        return found if question.options else dict(sorted(found.items(), key=lambda pair: -pair[1]))
