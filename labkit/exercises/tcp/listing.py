"""An exercise on misspelt names: the greeter, with slips that nobody sees before their lines run.

Rule: a client decides what is wrong, by what it gets; the source is never read.
"""

from __future__ import annotations

import re
import socket as system
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from labkit import net
from labkit.core.errors import LabError
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, show_error
from labkit.exercises.running import NotAttempted, NotYet, Run, own_frames
from labkit.exercises.tcp.serving import PATIENCE, Trial, TrialServer, check_plain, in_short

GREETING = "您好！\n"
"""Ten bytes of UTF-8: three for each character, and the line end."""

LISTING = '''from labkit import net

GREETING = "您好！\\n"

def create():
    server = net.create_sever()

    @server.on("connection")
    def greet(socket):
        socket.write(GRETING)

        @socket.on("data")
        def answer(data):
            socket.wirte(GREETING)

        @socket.on("end")
        def goodbye():
            pirnt("The client has disconnected.")

    return server
'''
"""What the student mends: a slip in each function."""

SLIPS = {"create_sever": "create_server", "GRETING": "GREETING", "wirte": "write", "pirnt": "print"}
"""Each slip, and what was meant, in the order in which they are found."""

MENDED = re.sub("|".join(SLIPS), lambda slip: SLIPS[slip[0]], LISTING)

_SETTINGS = ("allow_half_open", "no_delay", "high_water_mark", "max_connections", "pause_on_connect")

_SAYS = "the server prints a line when a client has left"

_NAMES = {
    NameError: "Python looks a name up when the line runs, not before.",
    AttributeError: "Python looks a method up when the line runs, not before; dir() lists those that an object has.",
}


def create() -> net.Server:
    """Make the greeter, every name spelt right; the reference answer."""
    server = net.create_server()

    @server.on("connection")
    def greet(socket: net.Socket) -> None:
        socket.write(GREETING)

        @socket.on("data")
        def answer(data: bytes) -> None:
            socket.write(GREETING)

        @socket.on("end")
        def goodbye() -> None:
            print("The client has disconnected.")

    return server


class Listing(Exercise):
    """Find the misspelt names in a listing, and mend them."""

    name = "tcp.listing"
    lesson = "01f-tcp-book"
    title = "find the slips in a listing"
    steps = ("create() makes a server", "a client that connects is greeted", "what a client sends is answered",
             "a client leaves, and the server says so", "two clients at once are served alike")
    stub = "def create():\n    ...\n\nexercises.tcp.listing.check(create)"
    asks = "Give check() the function that makes the server: check(create)."
    praise = (
        "A misspelt name is found when its line runs: a handler that no client has called may still hold one.\n"
        "labkit ends the connection of a handler that fails. Node ends the whole program, and all its connections."
    )
    task = (
        "This listing was typed from a book, and some names in it are misspelt. Python accepts it, "
        "since it looks up a name only when the line runs. Mend them all.\n\n"
        f"```python\n{LISTING}```\n\n"
        "Your server is tried by clients. Each of them connects, reads the greeting, sends a line, reads the "
        "greeting again, and leaves. Then the server prints a line."
    )
    hints = (
        "When does each of the four functions run? Which of them runs when the cell is run?",
        "`create` runs first, `greet` when a client connects, `answer` when data arrives, `goodbye` when the "
        "client ends. Each has one slip; `check` stops at the first that is left.",
        "In `create` it is the name of the function of `net`, in `greet` the name of the text, in `answer` the "
        "method of the socket, in `goodbye` the name of Python's own function.",
    )
    worked = (
        "`create_sever`: there is no server at all. `GRETING`: the connection ends before a byte is sent. `wirte`: the "
        "connection ends at the client's first data. `pirnt`: the client gets all it asked for, and only the "
        "server's side fails.\n\n"
        f"```python\n{MENDED}\nexercises.tcp.listing.check(create)\n```"
    )
    reference = staticmethod(create)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function create", self.asks)
        with _listened() as heard:
            trial = _Trial(_made(answer, run), run, heard)
            try:
                run.step(2)
                with trial.client() as client:
                    trial.greeted(client)
                    run.step(3)
                    trial.answered(client)
                    run.step(4)
                    trial.left(client)
                run.step(5)
                trial.two_at_once()
            finally:
                trial.close()


def _made(answer: Any, run: Run) -> net.Server:
    """The server that the student's function returns."""
    try:
        server = run.call("create()", answer, first=True)
    except NotYet as found:
        found.expected = "create() returns a server"
        found.why = f"{found.why}\nNo client can connect, since there is no server.".strip()
        raise
    if not isinstance(server, net.Server):
        raise NotYet("create() returns a server", f"it returned {show(server)}", "Its last line is: return server")
    return server


class _Trial(Trial):
    """The student's server under trial. heard: collects what is printed."""

    server: TrialServer

    def __init__(self, server: net.Server, run: Run, heard: _Heard) -> None:
        self.heard = heard
        if server.listening:  # its own port is not needed, and the next check must find it free
            server.close()
        handlers = server.listeners("connection")
        trial = TrialServer(lambda socket: [handler(socket) for handler in handlers])
        for setting in _SETTINGS:
            setattr(trial, setting, getattr(server, setting))
        for event in net.Server.EVENTS - {"connection"}:
            for listener in server.listeners(event):
                trial.on(event, listener)
        super().__init__(trial, run)
        self._check_failures("the server starts to listen", "it listens")

    def greeted(self, client: system.socket) -> None:
        """The greeting comes."""
        came = self.receive(client, len(GREETING.encode()))
        self._compare(f"{show(GREETING)} when a client has connected", came)

    def answered(self, client: system.socket) -> None:
        """The client sends a line and gets the greeting again."""
        with suppress(ConnectionError):  # then nothing comes, and that is the finding
            client.sendall(b"hello\n")
        came = self.receive(client, len(GREETING.encode()))
        self._compare(f"{show(GREETING)} when a client has sent 'hello\\n'", came)

    def left(self, client: system.socket) -> None:
        """The client ends; the server ends too, and prints a line."""
        self.heard.text = ""
        with suppress(OSError):
            client.shutdown(system.SHUT_WR)
        came = self.receive(client, len(GREETING.encode()))
        self._check_failures(_SAYS, "the client got all it asked for")
        if came:
            raise NotYet("nothing more after the client's FIN", _text(came),
                         "A greeting comes once at the start, and once for each line.")
        with suppress(LabError):  # the line may be printed at close; how the connection ended, the client has seen
            self.server.sockets[client.getsockname()[1]].wait_for("close", timeout=PATIENCE)
        if not self.heard.text.strip():
            raise NotYet(_SAYS, "nothing was printed",
                         "The client got all it asked for. What should the handler of end do?")

    def two_at_once(self) -> None:
        """Two clients are connected at the same time; the first leaves before the second."""
        with self.client() as one, self.client() as two:
            for client in (one, two):
                self.greeted(client)
            for client in (two, one):
                self.answered(client)
            self.left(one)
            self.answered(two)

    def _compare(self, expected: str, came: bytes) -> None:
        self._check_failures(expected, f"the client got {_text(came)}, and its connection was cut")
        if came == GREETING.encode():
            return
        if not came:
            why = ("The server's side raised no error. Has the handler been registered with on? Does an except hide "
                   "an error?")
        elif came == GREETING.strip().encode():
            why = "The greeting is a line: its last character is the line end."
        else:
            why = "The greeting is always the same, whatever the client sends."
        raise NotYet(expected, _text(came), why)

    def _check_failures(self, expected: str, client: str) -> None:
        """Report what the student's handlers raised. client: what the client got meanwhile, in words."""
        for error in self.server.failures:
            if isinstance(error, NotImplementedError):
                raise NotAttempted
            more = next((text for kind, text in _NAMES.items() if isinstance(error, kind)), "")
            raise NotYet(expected, f"{client}\nyour handler raised {show_error(error)}",
                         more, own_frames(error))


class _Heard:
    """A stream that passes everything on. text: what was printed since it was last emptied."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text) if self.stream is None else self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def _listened() -> Iterator[_Heard]:
    """While this lasts, collect what is printed."""
    before = sys.stdout
    heard = _Heard(before)
    sys.stdout = during = cast(TextIO, heard)
    try:
        yield heard
    finally:
        if sys.stdout is during:
            sys.stdout = before


def _text(came: bytes) -> str:
    """What came, as text if it is text."""
    try:
        return show(came.decode()) if came else in_short(came)
    except UnicodeDecodeError:
        return in_short(came)
