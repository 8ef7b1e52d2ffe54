"""An exercise on back-pressure: a chat room in which one member does not read.

Rule: real connections decide: what the others hear, and how much the server holds for the one who does not read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from labkit import websocket
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import PATIENCE, Trial, check_plain, shrink
from labkit.exercises.websocket.accept import SAMPLE
from labkit.exercises.websocket.streams import CLOSE, TEXT, frame

LINE = 16 * 1024
"""Bytes of a long line."""

BEHIND = 256 * 1024
"""Bytes by which a member may be behind; who is not further behind must not be cut off."""

HELD = 1 << 20
"""Bytes that may wait in the server for one member, at most."""

_LATE = BEHIND // LINE - 1  # lines that a late member has not read yet
_LINES = 3 * HELD // LINE  # lines that are said while a member does not read

Members = set[websocket.WebSocket]


def room(ws: websocket.WebSocket, members: Members) -> None:
    """Pass on what a member says, and cut off who is too far behind; the reference answer."""

    @ws.on("message")
    def say(line: str) -> None:
        for member in tuple(members):
            if member.buffered_amount > HELD // 2:
                member.terminate()
            else:
                member.send(line)


class Chat(Exercise):
    """Write a chat room that goes on when a member does not read."""

    name = "websocket.chat"
    lesson = "04d-websocket-endings"
    title = "write a chat room with a member who does not read"
    steps = ("each line comes to all members, as it was said", "a member who is late gets every line",
             "the others hear each line while a member does not read", "at most 1 MB waits for that member",
             "that member is cut off, and the room goes on")
    stub = "def room(ws, members):\n    ...\n\nexercises.websocket.chat.check(room)"
    asks = "Give check() the function itself: check(room)."
    praise = (
        "send() never waits. It returns False, and what it took stays in the server's memory until the member reads.\n"
        "A room cannot wait for its slowest member. So it must choose: leave lines out, or cut the member off."
    )
    stretch = (
        'cut the member off with close(1013, "too slow") in place of terminate(). When does the close frame arrive, '
        "if so much waits in front of it? And what if the member never reads again?"
    )
    task = (
        "Write the handler of a chat room, `room(ws, members)`. It is called for each new member: `ws` is the "
        "WebSocket of the new one, and `members` is the set of all that are connected, `ws` too. The server keeps this "
        "set up to date. What a member says (`message`) goes to all members, also to the one who said it.\n\n"
        "One member does not read, and the others must not notice. A member may be late: do not cut it off while less "
        "than 256 kB wait for it. Cut it off before more than 1 MB waits; it can come back. Until it is cut off, it "
        "gets every line: a chat with gaps cannot be understood.\n\n"
        f"```python\n{stub}\n```\n\n"
        "Your function is called on the event loop. It must return, and so must its listeners."
    )
    hints = (
        'A listener of `message` on `ws` gets the line. For each member there is `member.send(line)`. How much waits '
        "for a member after that?",
        "`member.buffered_amount` says how many bytes wait for one member. Look at it before each `send`. Nobody else "
        "is to wait: do not pause the one who talks.",
        "If more than 500,000 bytes wait for a member, `member.terminate()`, else `member.send(line)`. The set changes "
        "when a member goes, so walk over a copy: `for member in tuple(members):`.",
    )
    worked = (
        "Each member has a queue of its own, which the server sees as `buffered_amount`. Who has too long a queue is "
        "cut off, so that its memory comes back.\n\n"
        "```python\n"
        "def room(ws, members):\n"
        '    @ws.on("message")\n'
        "    def say(line):\n"
        "        for member in tuple(members):\n"
        "            if member.buffered_amount > 500_000:\n"
        "                member.terminate()\n"
        "            else:\n"
        "                member.send(line)\n"
        "```"
    )
    reference = staticmethod(room)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "a function of two arguments, the WebSocket and the members", self.asks)
        trial = _Trial(_Server(answer), run)
        try:
            trial.talk()
            run.step(2)
            trial.late()
            run.step(3)
            trial.deaf()
        finally:
            trial.close()


class _Server(websocket.Server):
    """A server whose handler is the student's; failures, served, idle: see `TrialServer`.

    sides: the server's WebSocket of each member, by the member's port.
    """

    __slots__ = ("failures", "handler", "idle", "served", "sides")

    def __init__(self, handler: Callable[[websocket.WebSocket, Members], Any]) -> None:
        self.failures: list[BaseException] = []
        self.served = threading.Event()
        self.idle = False
        self.sides: dict[int | None, websocket.WebSocket] = {}
        self.handler = handler
        super().__init__(self._serve, max_queue=0)

    def _serve(self, ws: websocket.WebSocket, request: Any) -> None:
        if ws.socket is not None:
            shrink(ws.socket)
            self.sides[ws.socket.remote_port] = ws
        try:
            returned = self.handler(ws, self.clients)
            self.idle = returned in (None, ...) and not any(ws.listeners(event) for event in ("message", "close"))
        finally:
            self.served.set()

    def _report(self, error: BaseException, about: object = None) -> None:
        self.failures.append(error)


class _Member:
    """A member: a client that speaks WebSocket by hand. port: its own port. name: in words."""

    def __init__(self, trial: _Trial, name: str) -> None:
        self.trial, self.name = trial, name
        self.client = trial.client()
        self.port = self.client.getsockname()[1]
        try:
            self._join()
        except BaseException:
            self.client.close()
            raise

    def _join(self) -> None:
        """Do the handshake, and wait until room() was called."""
        self.client.sendall(
            "GET /room HTTP/1.1\r\nHost: lab.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {SAMPLE}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n") and (part := self.trial.receive(self.client, 1)):
            head += part
        self.trial.check_served()

    def __enter__(self) -> _Member:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def say(self, line: str) -> None:
        """Send a line."""
        self.trial.run.beat(6 * PATIENCE)
        try:
            self.client.sendall(frame(TEXT, line.encode(), key=os.urandom(4)))
        except OSError:
            self.trial.failed("your handler")
            raise NotYet(f"{self.name} talks, and the server reads", "the server does not read, or it has hung up",
                         "Nobody may have to wait for the slowest member, and nobody else is cut off.") from None

    def hear(self) -> tuple[int, bytes] | None:
        """Opcode and payload of the next frame; None if none comes, or not all of it."""
        head = self.trial.receive(self.client, 2)
        if len(head) < 2:
            return None
        size = {126: 2, 127: 8}.get(head[1], 0)
        length = int.from_bytes(self.trial.receive(self.client, size), "big") if size else head[1]
        payload = self.trial.receive(self.client, length)
        return (head[0], payload) if len(payload) == length else None

    def hears(self, line: str, why: str) -> None:
        """Raise `NotYet` if this line is not what comes next."""
        heard = self.hear()
        if heard == (0x80 | TEXT, line.encode()):
            return
        self.trial.failed("your handler")
        raise NotYet(f"{self.name} hears {_short(line.encode())}, a text", _said(heard), _about(heard, line) or why)


class _Trial(Trial):
    """One function's room, and its members."""

    server: _Server

    def failed(self, doing: str) -> None:
        """Raise what the student's handler raised, as a finding."""
        self.asked(lambda: None)
        self.check_failures(doing)

    def talk(self) -> None:
        """Two members hear what one of them says."""
        with _Member(self, "Ada") as ada, _Member(self, "Bob") as bob:
            for line in ("hello", "您好！", ""):
                ada.say(line)
                bob.hears(line, "What one member says goes to all that are in members.")
                ada.hears(line, "Who says a line hears it too: members has all, ws itself as well.")
            bob.say("bye")
            for each in (ada, bob):
                each.hears("bye", "room() is called for each member: each one can talk.")
            ada.client.close()
            self._gone(ada.port)
            bob.say("still here?")
            bob.hears("still here?", "A member has left. The others go on.")

    def late(self) -> None:
        """A member reads nothing while some lines are said, and then reads them all."""
        with _Member(self, "Ada") as ada, _Member(self, "Cleo") as cleo:
            lines = [_line(number) for number in range(1, _LATE + 1)]
            for line in lines:
                ada.say(line)
                ada.hears(line, "Nobody waits for a member who is late.")
            for line in lines:
                cleo.hears(line, "This member was less than 256 kB behind: it gets every line, and is not cut off. "
                                 "send() returns False much earlier.")

    def deaf(self) -> None:
        """A member does not read at all."""
        run = self.run
        with _Member(self, "Ada") as ada, _Member(self, "Bob") as bob, _Member(self, "Dan") as dan:
            for number in range(1, _LINES + 1):
                ada.say(_line(number))
                run.number = 3
                for each in (bob, ada):
                    each.hears(_line(number), "Dan does not read, and the others do. They need not wait for Dan.")
                run.number = 4
                self._check_held(dan)
            run.number = 5
            self._cut_off(dan)
            ada.say("he is gone")
            for each in (bob, ada):
                each.hears("he is gone", "The room goes on when a member is cut off.")
            self.failed("room(ws, members)")

    def _check_held(self, dan: _Member) -> None:
        """Raise `NotYet` if too much waits in the server for this member."""
        ws = self.server.sides[dan.port]
        held = self.asked(lambda: 0 if ws.socket is None or ws.socket.destroyed else ws.socket.writable_length)
        if held > HELD:
            self.check_failures("room(ws, members)")
            raise NotYet("at most 1 MB waits in the server for Dan, who does not read", "more than 1 MB",
                         "send() takes every line, and keeps it until the member reads. Which attribute of a WebSocket "
                         "says how much waits?")

    def _cut_off(self, dan: _Member) -> None:
        """Dan reads now: lines from the first on, without a gap, and then the end."""
        number = 0
        while (heard := dan.hear()) is not None:
            opcode, payload = heard
            if opcode & 15 == CLOSE:
                return
            number += 1
            if payload != _line(number).encode():
                raise NotYet(f"line {number} comes after line {number - 1}, or the end of the connection",
                             _said(heard), "Dan missed lines and does not know it. Cut him off instead.")
        self.failed("your handler")
        ws = self.server.sides[dan.port]
        if self.asked(lambda: ws.ready_state == websocket.ReadyState.OPEN):
            raise NotYet("Dan is cut off", f"Dan heard {number} of {_LINES} lines, and is still connected",
                         "Dan missed lines and does not know it. terminate() cuts a connection off at once.")

    def _gone(self, port: int) -> None:
        """Wait until the server knows that a member has left."""
        self.server.sides[port].wait_for("close", timeout=PATIENCE)


def _line(number: int) -> str:
    """A long line that says its number."""
    return f"line {number}: ".ljust(LINE, ".")


def _short(payload: bytes) -> str:
    text = payload.decode("utf-8", "replace")
    return show(text) if len(text) < 60 else show(text.rstrip(".") + "...")


def _said(heard: tuple[int, bytes] | None) -> str:
    """What a member has heard, in words."""
    if heard is None:
        return "nothing more"
    opcode, payload = heard[0] & 15, heard[1]
    if opcode == CLOSE:
        return f"a close frame, code {int.from_bytes(payload[:2], 'big') if payload else 'none'}"
    return f"{_short(payload)}, {'a text' if opcode == TEXT else 'bytes'}"


def _about(heard: tuple[int, bytes] | None, line: str) -> str:
    """What most likely went wrong; "" if that is not known."""
    if heard is not None and heard[0] & 15 == TEXT and heard[1] != line.encode():
        return "The line goes out as it came, once, and in the order in which the lines were said."
    if heard is not None and heard[1] == line.encode():
        return "The line was text (str) when it came. Bytes go out as a binary message."
    return ""
