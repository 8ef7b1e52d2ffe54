"""An exercise on slips in a server that speaks WebSocket by hand (M-4): four are told, and one is sent.

Rule: the mended class is run; what its clients get decides, and the source is never read.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from labkit import http
from labkit.exercises.engine import Exercise
from labkit.exercises.http.serving import TrialHttpServer
from labkit.exercises.result import show, show_error
from labkit.exercises.running import NotAttempted, NotYet, Run, check_callable, own_frames
from labkit.exercises.tcp.serving import PATIENCE, Trial, in_short
from labkit.exercises.websocket.accept import SAMPLE, accept

LISTING = r'''import base64, hashlib
from labkit import http

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

def accept(key):
    sha = hashlib.sha1((key + GUID).encode())
    return sha.b64digest()

class Greeter:
    def __init__(self):
        self.greeted = 0
        self.server = http.create_server()
        self.server.on("upgrade", self.upgraded)

    def upgraded(self, request, socket):
        accept = accept(request.headers["sec-websocket-key"])
        protocol = request.headers.get("sec-websocket-protocol")
        head = "HTTP/1.1 101 Switching Protocols\r\n"
        head += "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        head += f"Sec-WebSocket-Accept: {accept}\r\n"
        head += f"Sec-WebSocket-Protocol: {protocol}\r\n"
        socket.write(head + "\r\n")
        self.greet(socket)

    def greet(self, socket):
        this.greeted += 1
        socket.write(b"\x81\x06yakexi")
'''
"""What the student mends."""

SLIPS = {
    "request, socket):": "request, socket, head):",
    "        accept = accept(": "        value = accept(",
    "sha.b64digest()": "base64.b64encode(sha.digest()).decode()",
    '        head += f"Sec-WebSocket-Protocol': '        if protocol:\n            head += f"Sec-WebSocket-Protocol',
    "this.": "self.",
}
"""Each slip, and a way to mend it, in the order in which they are found."""

MENDED = re.sub("|".join(map(re.escape, SLIPS)), lambda slip: SLIPS[slip[0]], LISTING).replace("{accept}", "{value}")

FRAME = b"\x81\x06yakexi"

_EVENTS = ("request", "upgrade", "connection", "connect", "check_continue", "check_expectation")


class Greeter:
    """Grants each upgrade, and greets in a frame; the reference answer."""

    def __init__(self) -> None:
        self.greeted = 0
        self.server = http.create_server()
        self.server.on("upgrade", self.upgraded)

    def upgraded(self, request: http.IncomingMessage, socket: Any, head: bytes) -> None:
        """Answer 101."""
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {accept(request.headers['sec-websocket-key'])}")
        protocol = request.headers.get("sec-websocket-protocol")
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        socket.write("\r\n".join(lines) + "\r\n\r\n")
        self.greet(socket)

    def greet(self, socket: Any) -> None:
        """Send a text frame."""
        self.greeted += 1
        socket.write(FRAME)


class Slips(Exercise):
    """Find the slips in a server that speaks WebSocket by hand, and mend them."""

    name = "websocket.slips"
    lesson = "04d-websocket-endings"
    title = "find the slips in a server"
    steps = ("Greeter() has a server", "its handler takes what an upgrade brings", "the answer is 101, with its value",
             "a client that offers no subprotocol takes the answer", "the greeting comes, and is counted",
             "a second client offers a subprotocol")
    stub = "class Greeter:\n    def __init__(self):\n        ...\n\nexercises.websocket.slips.check(Greeter)"
    asks = "Give check() the class itself: check(Greeter)."
    praise = (
        "Four slips raise an error when their line runs, and a line in a handler runs when a client comes. The fifth "
        "raises none: a value that is not there becomes the text None, and goes out.\n"
        "A client refuses a subprotocol that it has not offered. In JavaScript the text is undefined."
    )
    stretch = (
        "a client may offer several subprotocols, such as chat, updates. Choose the first that your server speaks, and "
        "none if it speaks none of them."
    )
    task = (
        "This server was carried over from JavaScript, with five slips. It grants each upgrade, takes the subprotocol "
        "that the client offers (at most one), sends one text frame, and counts how many clients it has greeted. Mend "
        "it.\n\n"
        f"```python\n{LISTING}```\n\n"
        "Two clients try it. The first offers no subprotocol, the second offers `chat`."
    )
    hints = (
        "With how many arguments does the server call the listener of `upgrade`? It hands over the request, the "
        "socket, and the first bytes behind the request.",
        "In `upgraded`, `accept` is assigned. So it is a name of its own in the whole function, also in the line that "
        "assigns it, and the function `accept` is hidden. And which methods has a hash?",
        "`headers.get()` returns None if the field is missing. What does an f-string make of None? And how does a "
        "method in Python name its own object: `this`, or its first parameter?",
    )
    worked = (
        "The handler lacks its third parameter. The name `accept` is hidden by its own assignment: call the value "
        "something else. A hash has `digest` and `hexdigest`, and base64 is another module. If the client offers no "
        "subprotocol, the field must be left out. A method's object is its first parameter, `self`.\n\n"
        f"```python\n{MENDED}\nexercises.websocket.slips.check(Greeter)\n```"
    )
    reference = Greeter

    def examine(self, answer: Any, run: Run) -> None:
        check_callable(answer, "the class Greeter", self.asks)
        greeter = run.call("Greeter()", answer)
        server = getattr(greeter, "server", None)
        if not isinstance(server, http.Server):
            if not _has_more(greeter):
                raise NotAttempted
            raise NotYet("Greeter() has an HTTP server, as its attribute server", show(server),
                         "Greeter() makes it: self.server = http.create_server().")
        if not server.listeners("upgrade"):
            raise NotYet("a listener of upgrade", "none", 'It is registered by self.server.on("upgrade", …).')
        trial = _Trial(_Server(server), run)
        try:
            trial.greet(greeter, None, 1)
            run.step(6)
            trial.greet(greeter, "chat", 2)
        finally:
            trial.close()


def _has_more(thing: Any) -> bool:
    """Whether an object has anything that an empty class does not have."""
    return bool(getattr(thing, "__dict__", None)) or any(not name.startswith("__") for name in dir(thing))


class _Server(TrialHttpServer):
    """A server with the listeners of the student's one, on a port of its own."""

    def __init__(self, theirs: http.Server) -> None:
        super().__init__(lambda request, response: response.end())
        if theirs.listening:  # its own port is not needed, and the next check must find it free
            theirs.close()
        theirs.close_all_connections()  # also those that it has upgraded
        for event in _EVENTS:
            for listener in theirs.listeners(event):
                self.on(event, self._noting(listener) if event == "upgrade" else listener)

    def _noting(self, listener: Any) -> Any:
        def call(*args: Any) -> None:
            try:
                listener(*args)
            finally:
                self.served.set()

        return call


class _Trial(Trial):
    """The student's server under trial."""

    server: _Server

    def greet(self, greeter: Any, offered: str | None, number: int) -> None:
        """A client asks for the upgrade, reads the answer, and then the frame."""
        key = SAMPLE if number == 1 else base64.b64encode(b"second key here!").decode()
        field = f"Sec-WebSocket-Protocol: {offered}\r\n" if offered else ""
        self.server.served.clear()
        with self.client() as client:
            client.sendall(
                "GET /updates HTTP/1.1\r\nHost: lab.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{field}\r\n".encode()
            )
            self.check_served()
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if self.server.failures:
                    client.setblocking(False)  # the handler has ended: what is not here by now does not come
                if not (part := self._one(client)):
                    break
                head += part
            client.settimeout(PATIENCE)
            self._check_head(head, key, offered, number)
            self.run.step(max(self.run.number, 5))
            self._check_failures(f"the frame {show(FRAME)} after the answer", "the client got the answer 101 only")
            came = self.receive(client, len(FRAME))
        if came != FRAME:
            raise NotYet(f"the frame {show(FRAME)} after the answer", in_short(came),
                         "The greeting is a frame: FIN and opcode 1, the length 6, no mask.")
        greeted = getattr(greeter, "greeted", None)
        if greeted != number:
            raise NotYet(f"greeted is {number} after {number} client{'s' if number > 1 else ''}", show(greeted),
                         "Each client that is greeted counts. Where is the number kept: in the object, in the class, "
                         "or in a name of the function?")

    def _one(self, client: Any) -> bytes:
        try:
            return self.receive(client, 1)
        except BlockingIOError:
            return b""

    def _check_head(self, head: bytes, key: str, offered: str | None, number: int) -> None:
        """The answer is what a client of WebSocket takes. Source: RFC 6455 §4.1."""
        run, later = self.run, number > 1
        granted = head.startswith(b"HTTP/1.1 101 ") and head.endswith(b"\r\n\r\n")
        if not granted:
            run.step(6 if later else 2)
            answer = head.partition(b"\r\n")[0]
            self._check_failures("the answer 101", f"the client got {in_short(answer)}")
        if not head.endswith(b"\r\n\r\n"):
            run.step(6 if later else 3)
            raise NotYet("the answer 101, and an empty line at its end", in_short(head),
                         "The handler raised no error. What does it write, and does an empty line end it?")
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        run.step(6 if later else 3)
        right = accept(key)
        for what, wanted, given in (
            ("the status", "101", first.partition(" ")[2][:3]),
            ("Upgrade", "websocket", fields.get("upgrade", "").lower()),
            ("Connection", "upgrade", fields.get("connection", "").lower()),
            ("Sec-WebSocket-Accept", right, fields.get("sec-websocket-accept", "")),
        ):
            if wanted != given:
                raise NotYet(f"{what}: {wanted}", given or "nothing", self._about(what))
        run.step(6 if later else 4)
        protocol = fields.get("sec-websocket-protocol")
        if protocol != offered:
            raise NotYet(f"Sec-WebSocket-Protocol: {offered}" if offered else "no field Sec-WebSocket-Protocol",
                         "no such field" if protocol is None else f"Sec-WebSocket-Protocol: {protocol}",
                         "The client offers this one, and the server speaks it." if offered else
                         "This client has offered no subprotocol, so it closes the connection: the server may choose "
                         "only from what was offered.")

    @staticmethod
    def _about(what: str) -> str:
        if what == "Sec-WebSocket-Accept":
            return "It is key and GUID together, their SHA-1 digest (20 bytes), and that in base64, as text."
        return "The lines of the listing were right here."

    def _check_failures(self, expected: str, client: str) -> None:
        """Report what the handler raised. client: what the client got meanwhile, in words."""
        for error in self.server.failures:
            if isinstance(error, NotImplementedError):
                raise NotAttempted
            frames = own_frames(error)
            if self.run.number == 2 and frames:
                self.run.step(3)  # the handler was called, and a line in it failed
            raise NotYet(expected, f"{client}\nyour handler raised {show_error(error)}", _words(error, frames), frames)


def _words(error: BaseException, frames: tuple[str, ...]) -> str:
    """What is said about an error of the handler."""
    if isinstance(error, UnboundLocalError):
        return ("A function that assigns to a name has this name for itself, in all its lines. The function outside, "
                "which has the same name, is hidden.")
    if isinstance(error, NameError):
        return "Python looks a name up when the line runs. A method names its own object by its first parameter."
    if isinstance(error, AttributeError):
        return "Python looks a method up when the line runs; dir() lists those that an object has."
    if isinstance(error, TypeError) and not frames:
        return "The listener of upgrade is called with three arguments: the request, the socket, and the first bytes."
    return ""
