"""An exercise on back-pressure: a handler that sends ten megabytes to a client that reads slowly.

Rule: what the handler has taken and the client has not got is what the server holds; that is measured, not guessed.
"""

from __future__ import annotations

import random
import socket as system
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from labkit import http
from labkit.exercises.engine import Exercise
from labkit.exercises.http.serving import TrialHttpServer
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import PATIENCE, Trial, check_plain, shrink

PIECE = 16 * 1024
"""Bytes of a piece."""

PIECES = 640
"""Pieces of the long answer: 10 MB."""

HELD = 1 << 20
"""Bytes that may wait for one slow client, those in the kernel's buffers among them."""

_BLOCK = 64 * 1024  # bytes that the slow client reads at a time
_LOOKS = 3  # looks at the server after each block: each gives the event loop a turn
_REQUEST = b"GET /report HTTP/1.0\r\n\r\n"  # an answer to HTTP/1.0 comes without chunks and ends at the close

_BYTES = random.Random(1337).randbytes(PIECE)


def send(response: http.ServerResponse, pieces: Iterator[bytes]) -> None:
    """Write all pieces, and wait for drain when the response is full; the reference answer."""

    def go_on() -> None:
        for piece in pieces:
            if not response.write(piece):
                response.once("drain", go_on)
                return
        response.end()

    go_on()


class Pieces:
    """The pieces of an answer, made when they are asked for. taken: bytes of those that were."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.given == self.count:
            raise StopIteration
        self.given += 1
        return _piece(self.given)

    @property
    def taken(self) -> int:
        """Bytes that the handler has taken so far."""
        return self.given * PIECE


class SlowReader(Exercise):
    """Send much to a client that reads slowly, and hold little."""

    name = "http.slow_reader"
    lesson = "03d-http-bodies"
    title = "send 10 MB to a slow client"
    steps = ("a short answer comes, and ends", "at most 1 MB waits in the server while a client reads slowly",
             "all 10 MB come, in order, and the answer ends", "two slow clients at once")
    stub = "def send(response, pieces):\n    ...\n\nexercises.http.slow_reader.check(send)"
    asks = "Give check() the function itself: check(send)."
    praise = (
        "write() returned False, and the handler returned too: it goes on at drain. One full buffer waits, no more.\n"
        "Without that, the memory of a server grows with the number of its slow clients."
    )
    stretch = (
        "1,000 slow clients ask for the report at the same time. How much waits in the server with your function, and "
        "how much with a loop that does not look at what write() returns?"
    )
    task = (
        "Your handler has to send a report of 10 MB, and some clients read slowly. Write the function "
        "`send(response, pieces)`: `response` is the response of one request, and `pieces` gives the body, an "
        f"iterator of {PIECES} pieces of {PIECE // 1024} kB. A piece is made when it is taken out of the iterator. "
        "Write all pieces to the response, in order, and end it. At most 1 MB may wait in the server.\n\n"
        f"```python\n{stub}\n```\n\n"
        "Your function is called on the event loop, once for each request: it must return, and go on later."
    )
    hints = (
        "What does `response.write(piece)` return when the client does not keep up? The piece is taken all the same.",
        "After False, stop taking pieces and return. The response emits `drain` when there is room again.",
        "Put the loop into an inner function `go_on`. If `write` returns False, it says "
        '`response.once("drain", go_on)` and returns; after the loop it calls `response.end()`. An iterator goes on '
        "where it was.",
    )
    worked = (
        "The loop stops at the first False and is called again at `drain`. The iterator remembers where it was.\n\n"
        "```python\n"
        "def send(response, pieces):\n"
        "    def go_on():\n"
        "        for piece in pieces:\n"
        "            if not response.write(piece):\n"
        '                response.once("drain", go_on)\n'
        "                return\n"
        "        response.end()\n\n"
        "    go_on()\n"
        "```"
    )
    reference = staticmethod(send)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "a function of two arguments, the response and the pieces", self.asks)
        trial = _Trial(_Server(answer), run)
        try:
            trial.short()
            run.step(2)
            trial.long(run)
            run.step(4)
            trial.two()
        finally:
            trial.close()


class _Server(TrialHttpServer):
    """A server whose handler is the student's.

    count: pieces of the next answers. pieces: those of each connection, by the client's port.
    """

    def __init__(self, handler: Callable[[http.ServerResponse, Iterator[bytes]], Any]) -> None:
        self.count = 3
        self.pieces: dict[int | None, Pieces] = {}
        self.handler = handler
        super().__init__(self._serve)
        self.on("connection", shrink)

    def _serve(self, request: http.IncomingMessage, response: http.ServerResponse) -> None:
        pieces = self.pieces[request.socket.remote_port] = Pieces(self.count)
        try:
            returned = self.handler(response, pieces)
            listens = any(response.listeners(event) for event in ("drain", "finish", "close"))
            self.idle = returned in (None, ...) and not (pieces.given or response.headers_sent or listens)
        finally:
            self.served.set()


class _Trial(Trial):
    """One function's server, and the clients that try it."""

    server: _Server

    def short(self) -> None:
        """Three pieces come, and then the end."""
        with self.client() as client:
            client.sendall(_REQUEST)
            self.check_served()
            reader = _Reader(self, client)
            body = reader.all()
            self._compare(body, 3, reader)

    def long(self, run: Run) -> None:
        """Ten megabytes, read slowly; the server may not run ahead."""
        self.server.count = PIECES
        with self.client() as client:
            client.sendall(_REQUEST)
            reader = _Reader(self, client)
            body, right, same = bytearray(), _whole(PIECES), True
            while part := reader.some(_BLOCK):
                same = same and right.startswith(part, len(body))
                body += part
                for _ in range(_LOOKS if same else 0):  # of other bytes nobody knows how many are still to come
                    self._check_held(reader, len(body))
            run.step(3)
            self._compare(bytes(body), PIECES, reader)

    def two(self) -> None:
        """Two clients read in turns."""
        with ExitStack() as stack:
            readers = []
            for _ in range(2):
                client = stack.enter_context(self.client())
                client.sendall(_REQUEST)
                readers.append(_Reader(self, client))
            bodies = [bytearray(), bytearray()]
            open_ = [0, 1]
            while open_:
                for number in tuple(open_):
                    part = readers[number].some(_BLOCK)
                    bodies[number] += part
                    self._check_held(readers[number], len(bodies[number]))
                    if not part:
                        open_.remove(number)
            for body, reader in zip(bodies, readers, strict=True):
                self._compare(bytes(body), PIECES, reader, "Two answers are sent at the same time: what the function "
                                                           "keeps must belong to one call.")

    def _check_held(self, reader: _Reader, got: int) -> None:
        """Raise `NotYet` if the handler has taken far more than this client has got."""
        pieces = self.server.pieces.get(reader.port)
        taken = self.asked(lambda: pieces.taken if pieces is not None else 0)
        self.check_failures("send(response, pieces)")
        if taken - got > HELD:
            raise NotYet(
                "at most 1 MB waits in the server while the client reads slowly",
                "more than 1 MB",
                "What was taken and not sent is in the server's memory. What does write() return, and what does the "
                "response emit when there is room again?",
            )

    def _compare(self, body: bytes, count: int, reader: _Reader, more: str = "") -> None:
        self.check_failures("send(response, pieces)")
        right = _whole(count)
        what = f"{count} pieces, {len(right)} bytes, and then the end of the answer"
        if body == right and reader.ended:
            return
        if body == right:
            raise NotYet(what, f"all bytes, then nothing for {PATIENCE:g} s",
                         more or "The client does not know that this was all: end() says so.")
        if not right.startswith(body):
            place = next(at for at in range(0, len(body), PIECE) if body[at : at + PIECE] != right[at : at + PIECE])
            number = place // PIECE + 1
            seen, why = f"other bytes from piece {number} on", "The pieces go out unchanged, in their order."
            if number > 1 and body[place : place + PIECE] == _piece(number - 1):
                seen = f"piece {number - 1} comes twice"
                why = "write() takes the piece also if it returns False: it is not to be written again."
            elif number < count and body[place : place + PIECE] == _piece(number + 1):
                seen = f"piece {number} is missing"
                why = "A piece that was taken out of the iterator must be written, whatever write() returned before."
            raise NotYet(what, seen, more or why)
        if reader.ended:
            raise NotYet(what, f"{len(body)} bytes, and then the end",
                         more or "end() comes after the last piece, and only then. What is still to be written, the "
                         "response does not know.")
        raise NotYet(what, f"{len(body)} bytes, then nothing for {PATIENCE:g} s",
                     more or "Something must go on when there is room again: the response emits drain.")


class _Reader:
    """The client's side of one answer. ended: whether the server has ended it. port: the client's."""

    def __init__(self, trial: _Trial, client: system.socket) -> None:
        self.trial, self.client = trial, client
        self.port = client.getsockname()[1]
        self.ended = False
        self._over = False  # nothing comes any more
        self._in_body = False

    def some(self, size: int) -> bytes:
        """Up to so many bytes of the body; none at its end, or if nothing comes any more."""
        head = b""
        while not self._in_body and not self._over:
            head += self._next(1)
            self._in_body = head.endswith(b"\r\n\r\n")
        return self._next(size)

    def _next(self, size: int) -> bytes:
        part = b"" if self._over else self.trial.receive(self.client, size)
        if len(part) < size:
            self._over = True
            self._note_end()
        return part

    def all(self) -> bytes:
        """The body up to its end."""
        body = b""
        while part := self.some(_BLOCK):
            body += part
        return body

    def _note_end(self) -> None:
        """Whether the connection has ended, after fewer bytes came than were asked for."""
        self.client.setblocking(False)
        try:
            self.ended = self.client.recv(1) == b""
        except BlockingIOError:
            self.ended = False
        except ConnectionError:
            self.ended = True
        finally:
            self.client.settimeout(PATIENCE)


def _whole(count: int) -> bytes:
    return b"".join(_piece(number) for number in range(1, count + 1))


def _piece(number: int) -> bytes:
    """Piece number 1, 2, 3 …: all of them differ."""
    return number.to_bytes(4, "big") + _BYTES[4:]
