"""The instructor's end of a poll: a port on the machine's loopback, and the students' kernels connected to it.

Rule: lines of JSON, each checked before it counts; what is too long, too slow or of no known form ends its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from labkit.core import loop
from labkit.core.errors import LabError, from_oserror
from labkit.course.tally import (
    LONGEST_LINE,
    MOST_STUDENTS,
    Question,
    Refused,
    Tally,
    line_of,
    message_of,
    question_of,
    token_of,
)
from labkit.lab import outside_process
from labkit.packets.probe import NETWORK

HOST = "127.0.0.1"
PORT = 8700
"""The port of a poll, if no other program has it."""
JOIN_WAIT = 10.0
"""Seconds that a connection has for its first message."""
PACE = 0.1
"""Seconds between two looks of the views, while answers come."""
_UNREAD = 65536  # bytes that may wait for a student's kernel that does not read


def own_network(what: str) -> outside_process.Outside | None:
    """The outside process, None if this program is in the machine's network. what: what is tried, ``"poll"``.

    Raises `LabError` in a program that runs inside a notebook's network and is not the notebook.
    """
    left = outside_process.current()
    if left is None and os.environ.get(NETWORK) == "private":
        raise LabError(
            f"this program runs inside a notebook's network, which leads nowhere: it cannot {what}",
            f"Call labkit.{what}(...) in a cell of the notebook.",
        )
    return left


class Room:
    """A port at which students' kernels join, and what they answer.

    port: wanted port, 0 for any free one, None for `PORT`, or any free one if another program has that.
    changed: called on the background loop, at most once in `PACE` seconds, after answers have come.
    Raises `PortInUse` if another program has the port.
    """

    def __init__(self, port: int | None, changed: Callable[[], None]) -> None:
        self.lock = threading.RLock()  # guards the tally and the question
        self.tally = Tally()
        self.asked: Question | None = None
        self.closed = False
        self._changed, self._planned = changed, False
        self._open: set[asyncio.StreamWriter] = set()
        self._joined: dict[asyncio.StreamWriter, str] = {}
        listening = _listening(port)
        self.port: int = listening.getsockname()[1]
        try:
            self._server = loop.run(self._serve(listening))
        except BaseException:
            listening.close()
            raise

    async def _serve(self, listening: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(self._visit, sock=listening, limit=LONGEST_LINE)

    @property
    def joined(self) -> int:
        """Students whose kernels are connected."""
        with self.lock:
            return len(set(self._joined.values()))

    def ask(self, question: Question) -> None:
        """Ask the room a question: each student's view shows it. Raises `Refused`."""
        with self.lock:
            self.tally.ask(question)
            self.asked = question
        loop.call(self._tell_all)

    def clear(self, question: Question) -> None:
        """Give up the answers to a question; who is asked it can answer again. Does not wait until they are told."""
        with self.lock:
            self.tally.clear(question)
            asked = question == self.asked
        if asked:
            loop.get().call_soon_threadsafe(self._tell_all)

    def close(self, *, wait: bool = True) -> None:
        """End it: no answer is taken any more. May be called again.

        wait: until the port is closed. A click in a page must not: it holds a lock that the loop may want.
        """
        self.closed = True
        if wait:
            loop.call(self._close)
        else:
            loop.get().call_soon_threadsafe(self._close)

    def _close(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.close()

    # -- on the loop

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed or len(self._open) >= MOST_STUDENTS:
            writer.close()
            return
        self._open.add(writer)
        try:
            line = await asyncio.wait_for(reader.readline(), JOIN_WAIT)
            token, name = token_of(message_of(line))
            with self.lock:
                self.tally.join(token, name)
                self._joined[writer] = token
            self._send(writer, self._asking(token))
            self.plan()
            while line := await reader.readline():
                self._send(writer, self._answered(token, line))
        except Refused as error:
            self._send(writer, {"refused": str(error)})
        except (OSError, TimeoutError, ValueError, RuntimeError):
            pass  # too slow, too long, or gone (of a connection that is closed uvloop raises RuntimeError)
        finally:
            self._open.discard(writer)
            with self.lock:
                self._joined.pop(writer, None)
            writer.close()
            self.plan()

    def _answered(self, token: str, line: bytes) -> dict[str, Any]:
        """Take an answer; returns what to reply."""
        try:
            message = message_of(line)
            question = question_of(message)
            with self.lock:
                self.tally.take(token, question, message.get("answer"))
        except Refused as error:
            return {"refused": str(error)}
        self.plan()
        return {"taken": True}

    def _asking(self, token: str) -> dict[str, Any]:
        with self.lock:
            asked = self.asked
            if asked is None:
                return {"asks": None}
            mine = self.tally.answer_of(token, asked)
        return {"asks": {"question": asked.text, "options": list(asked.options), "mine": mine}}

    def _tell_all(self) -> None:
        for writer, token in list(self._joined.items()):
            self._send(writer, self._asking(token))
        self.plan()

    @staticmethod
    def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            if writer.transport.get_write_buffer_size() > _UNREAD:
                writer.transport.abort()
            elif not writer.transport.is_closing():
                writer.write(line_of(message))

    def plan(self) -> None:
        """Have `changed` called soon. On the loop."""
        if not self._planned:
            self._planned = True
            loop.get().call_later(PACE, self._tell_changed)

    def _tell_changed(self) -> None:
        self._planned = False
        self._changed()


def _listening(port: int | None) -> socket.socket:
    left = own_network("poll")
    listen = outside_process.listening if left is None else left.listen
    try:
        return listen(HOST, PORT if port is None else port)
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return listen(HOST, 0)
        raise from_oserror(error, f"{HOST}:{PORT if port is None else port}") from None
