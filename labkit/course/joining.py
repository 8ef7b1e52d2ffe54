"""The student's end of a poll: joined once, it is told each prediction, and shows what the instructor asks.

Rule: what comes from the port is a stranger's, too; an answer counts when the poll has said so, and not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections import deque
from concurrent.futures import Future
from typing import Any

from labkit import widgets
from labkit.core import checks, loop
from labkit.core.calls import in_words
from labkit.core.environment import POLL
from labkit.core.errors import LabError, from_oserror
from labkit.course import posting
from labkit.course.choices import listed
from labkit.course.room import HOST, PORT, own_network
from labkit.course.tally import LONGEST_LINE, LONGEST_NAME, Question, Refused, line_of, message_of, question_of
from labkit.draw.text import visible

WAIT = 10.0
"""Seconds to wait for the poll's reply."""
_MOST_WAITING = 1000  # answers that wait for the poll's reply

_token = ""
_joined: Joined | None = None


@in_words
def join(port: int = PORT, *, name: str = "") -> Joined:
    """Join the poll of your instructor, who tells the number. Once for a notebook: then your predictions count there.

    port: the poll's, on this machine. name: yours, if the instructor shall read it beside your answers; without it
    they are anonymous. You have one answer to each question: another one takes its place. What it returns shows the
    question that the instructor asks, with the answers to choose from. Raises `ConnectionRefused` if there is no poll
    at this port, `LabError` if the poll is full, or if what answers there is no poll.
    """
    global _joined, _token
    if os.environ.get(POLL) == "0":
        raise LabError("this notebook joins no poll", f"It runs with {POLL}=0, as `labkit grade` runs it.")
    checks.whole(port, "a port", 1, 65535)
    if len(checks.text(name, "a name")) > LONGEST_NAME or not name.isprintable():
        raise LabError(f"name={checks.shown(name)} is no name for a poll", f"Give at most {LONGEST_NAME} characters.")
    _token = _token or secrets.token_hex(16)
    leave()
    _joined = Joined(port, name.strip(), _token)
    posting.listen(_joined.heard)
    return _joined


def leave() -> bool:
    """Leave the poll. Returns whether there was one."""
    global _joined
    if _joined is None:
        return False
    posting.unlisten(_joined.heard)
    _joined.leave()
    _joined = None
    return True


def _forked() -> None:
    global _joined, _token
    _joined, _token = None, ""


os.register_at_fork(after_in_child=_forked)


class Joined:
    """A poll that was joined. port: its number. name: the student's, ``""`` for none."""

    def __init__(self, port: int, name: str, token: str) -> None:
        self.port, self.name = port, name
        self.question: Question | None = None
        self.mine = ""
        self._said, self._ended = "", False
        self._replies: deque[tuple[Question, str, Future[str]]] = deque()  # the answers for which no reply has come
        self._panel = widgets.Panel(
            "joined",
            {"choose": widgets.Ask(self._chosen, number=int), "enter": widgets.Ask(self._entered, text=str)},
        )
        left = own_network("join")
        try:
            opened = None if left is None else left.connect(HOST, port)
            loop.run(self._open(opened, token), WAIT)
        except Refused as error:
            raise LabError(f"the poll at port {port} says: {error}", "Ask your instructor for its number.") from None
        except OSError as error:
            raise from_oserror(error, f"the poll at {HOST}:{port}") from None
        for question, answer in posting.answers().items():
            self.heard(question, answer)
        self._follow()

    # -- for a cell

    def answer(self, answer: Any) -> str:
        """Answer the question that the instructor asks. Returns what came of it.

        Raises `LabError` if there is no question, if this is none of its options, or if the poll has ended.
        """
        question = self.question
        if question is None:
            raise LabError("the poll asks no question now", "Your predictions count there by themselves.")
        wanted = str(answer).strip()
        found = next((each for each in question.options if each.casefold() == wanted.casefold()), None)
        if question.options and found is None:
            raise LabError(
                f"{checks.shown(answer)} is none of the answers", f"Choose from: {listed(question.options)}."
            )
        reply = self._post(question, found or wanted)
        try:
            self._said = reply.result(WAIT)
        except TimeoutError:
            raise LabError("the poll does not answer", "Try again; if it lasts, join again.") from None
        return self._said

    def __repr__(self) -> str:
        lines = [f"You have {'left' if self._ended else 'joined'} the poll at port {self.port}."]
        if self.question is None:
            lines.append("Each prediction that you make in a lesson counts there.")
        else:
            lines.append(visible(self.question.text))
            if self.question.options:
                lines.append(f"Choose from: {listed(map(visible, self.question.options))}")
            lines.append(f"Your answer: {visible(self.mine)}" if self.mine else "Answer by .answer(…)")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return widgets.mimebundle(repr(self), "", self._panel)

    def leave(self) -> None:
        """Leave the poll; answers that were given stay there. May be called again."""
        loop.call(self._over, "You have left the poll.")

    # -- what predictions and the page say: nothing here waits

    def heard(self, question: Question, answer: str) -> None:
        """A prediction was answered."""
        if answer:
            self._post(question, answer)

    def _chosen(self, number: int) -> None:
        question = self.question
        if question is not None and 0 <= number < len(question.options):
            self._post(question, question.options[number])

    def _entered(self, text: str) -> None:
        question = self.question
        if question is not None and not question.options and text.strip():
            self._post(question, text.strip())

    def _post(self, question: Question, answer: str) -> Future[str]:
        reply: Future[str] = Future()
        loop.get().call_soon_threadsafe(self._write, question, answer, reply)
        return reply

    # -- on the loop

    async def _open(self, opened: Any, token: str) -> None:
        if opened is None:
            reader, self._writer = await asyncio.open_connection(HOST, self.port, limit=LONGEST_LINE)
        else:
            reader, self._writer = await asyncio.open_connection(sock=opened, limit=LONGEST_LINE)
        try:
            self._writer.write(line_of({"join": token, "name": self.name}))
            self._take(await _line(reader))
        except BaseException:
            self._writer.close()
            raise
        loop.spawn(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # ValueError: Refused, too
            while True:
                self._take(await _line(reader))
        self._over("The poll has ended. To join another one, run labkit.join(…) with its number.")

    def _take(self, line: bytes) -> None:
        """Take a line of the poll. Raises `Refused` for one that no poll would send."""
        message = message_of(line)
        if "asks" in message:
            asks = message["asks"] if isinstance(message["asks"], dict) else {}
            self.question = question_of(asks) if asks else None
            mine = asks.get("mine")
            self.mine, self._said = mine if isinstance(mine, str) else "", ""
        elif self._replies:
            question, answer, reply = self._replies.popleft()
            taken = message.get("taken") is True
            if taken and question == self.question:
                self.mine = answer
            self._said = f"Your answer is in the poll: {visible(answer)}" if taken else _why(message)
            reply.set_result(self._said)
        else:
            raise Refused(_why(message))
        self._follow()

    def _write(self, question: Question, answer: str, reply: Future[str]) -> None:
        if self._ended or len(self._replies) >= _MOST_WAITING or self._writer.transport.is_closing():
            reply.set_result(self._said if self._ended else "The poll does not answer.")
            return
        self._replies.append((question, answer, reply))
        message = {"question": question.text, "options": list(question.options), "answer": answer}
        self._writer.write(line_of(message))

    def _over(self, why: str) -> None:
        if not self._ended:
            self._ended, self._said = True, why
            self._writer.close()
            for *_, reply in self._replies:
                reply.set_result(why)
            self._replies.clear()
            self._follow()

    def _follow(self) -> None:
        question = self.question
        options = [] if question is None else list(question.options)
        self._panel.update(
            port=self.port,
            question="" if question is None else visible(question.text),
            options=[visible(each) for each in options],
            mine=options.index(self.mine) if self.mine in options else -1,
            text=visible(self.mine),
            said=self._said,
            ended=self._ended,
        )


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line. Raises `Refused` if there is none."""
    line = await reader.readline()
    if not line:
        raise Refused("it has ended")
    return line


def _why(message: dict[str, Any]) -> str:
    words = message.get("refused")
    return f"The poll takes no such answer: {visible(words)[:200]}." if isinstance(words, str) else "this is no poll"
