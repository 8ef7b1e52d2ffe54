"""An exercise on the form of a request: its bytes, written by hand, are sent to a live server.

Rule: the server decides; the bytes are looked at only to say why it refused them.
"""

from __future__ import annotations

import re
import socket as system
from typing import Any

from labkit import http
from labkit.exercises.engine import Exercise
from labkit.exercises.http.serving import TrialHttpServer
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import Trial

HOST = "lab.example"
TARGET = "/greeting"
BODY = b"name=Ada"

GET = b"GET /greeting HTTP/1.1\r\nHost: lab.example\r\nConnection: close\r\n\r\n"
"""The reference answer."""

POST = (b"POST /greeting HTTP/1.1\r\nHost: lab.example\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"
        b"name=Ada")  # fmt: skip
"""The same for the stretch."""

_LONGEST = 64 * 1024  # bytes; nobody writes more by hand

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ([^\r\n]*)\r\n")


class ByHand(Exercise):
    """Write the bytes of a request, and get 200."""

    name = "http.by_hand"
    lesson = "03a-http-messages"
    title = "write a request by hand, and get 200"
    steps = ("bytes", "the server finds one whole request in them", "the server answers 200",
             "the request says what was asked for")
    stub = "request = b\"\"\nexercises.http.by_hand.check(request)"
    asks = r'Give check() the bytes of the request: b"GET …\r\n…".'
    praise = (
        "That is all that HTTP/1.1 asks for: a request line, Host, an empty line. Everything else is optional.\n"
        "CR LF ends each line, and the empty line ends the head: without it, the server waits."
    )
    stretch = (
        "write a POST to the same target, with the 8 bytes name=Ada as its body, and check that. How does the server "
        "know where the body ends?"
    )
    task = (
        f"Write the bytes of an HTTP/1.1 request: `GET` for the target `{TARGET}` on the host `{HOST}`. Ask the server "
        "to close the connection after its answer, by the field `Connection`. Your bytes are sent to a live server on "
        "this machine, and it decides.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "The first line has three parts, with one space between them: method, target, version. Then comes a line for "
        "each field, a name, a colon and a value.",
        r"Each line ends in CR LF, in Python `\r\n`. After the last field comes an empty line: CR LF once more.",
        r"Two fields are needed, `Host: lab.example` and `Connection: close`. In all: the request line, two fields, an "
        r"empty line, four times `\r\n`.",
    )
    worked = (
        "The request line, two fields, and the empty line.\n\n"
        "```python\n"
        "request = (\n"
        '    b"GET /greeting HTTP/1.1\\r\\n"\n'
        '    b"Host: lab.example\\r\\n"\n'
        '    b"Connection: close\\r\\n"\n'
        '    b"\\r\\n"\n'
        ")\n"
        "exercises.http.by_hand.check(request)\n```\n\n"
        "The POST has one field more, `Content-Length: 8`, and after the empty line the 8 bytes `name=Ada`."
    )
    reference = GET

    def examine(self, answer: Any, run: Run) -> None:
        raw = self._bytes(answer)
        run.step(2)
        trial = _Trial(_Server(), run)
        try:
            answers = trial.send(raw)
            asked = trial.server.asked
        finally:
            trial.close()
        run.step(2)
        seen = ", then ".join(f"{status} {phrase}".strip() for status, phrase in answers) or "no answer"
        if len(asked) != 1 or len(answers) != 1 or answers[0][0] in (400, 501, 505, 431, 414, 413, 408):
            raise NotYet("one request, and one answer to it", seen, _form(raw) or _more(raw, len(asked)))
        request, body = asked[0]
        run.step(3)
        if answers[0][0] != 200:
            raise NotYet("200 OK", seen, _status(request))
        run.step(4)
        self._asked_for(raw, request, body)

    def _bytes(self, answer: Any) -> bytes:
        if type(answer) is str:
            raise NotYet("bytes", show(answer), 'That is text. A b before the quotes makes bytes of it: b"GET …".')
        if type(answer) in (list, tuple) and answer and all(type(each) is bytes for each in answer):
            raise NotYet("bytes", show(answer), 'Several lines are not one message yet: b"".join(lines) joins them.')
        if type(answer) not in (bytes, bytearray):
            raise NotYet("bytes", show(answer), self.asks)
        if len(answer) > _LONGEST:
            raise NotYet("the bytes of a request that somebody wrote by hand", f"{len(answer)} bytes", self.asks)
        return bytes(answer)

    def _asked_for(self, raw: bytes, request: http.IncomingMessage, body: bytes) -> None:
        """Compare what the server has read with the task."""
        if request.http_version != "1.1":
            raise NotYet("version HTTP/1.1", f"HTTP/{request.http_version}",
                         "The server answers older versions too. Host came with HTTP/1.1.")
        host = request.headers.get("host", "")
        if host.lower() != HOST:
            raise NotYet(f"Host: {HOST}", f"Host: {host}",
                         "Host names the site that is meant: one server may have many.")
        if "close" not in request.headers.get("connection", "").lower():
            fields = ", ".join(f"{name}: {value}" for name, value in request.headers.items())
            raise NotYet("a field that asks the server to close the connection", fields,
                         "Without it, an HTTP/1.1 connection stays open for the next request. A misspelt field is no "
                         "error: the server does not know it, and says nothing.")
        rest = _more(raw, 1)
        if rest:
            raise NotYet("the request, and nothing behind it", show(raw.partition(b"\r\n\r\n")[2]),
                         f"{rest} Here the connection closes before that.")
        if request.method == "POST" and body != BODY:
            raise NotYet(f"a body of {len(BODY)} bytes: {show(BODY)}", f"{len(body)} bytes: {show(body)}",
                         "Content-Length says how many bytes the server takes for the body." if body
                         else "The request has no body. Which field announces one?")


class _Server(TrialHttpServer):
    """The live server. asked: the requests that it has got, with their bodies."""

    def __init__(self) -> None:
        self.asked: list[tuple[http.IncomingMessage, bytes]] = []
        super().__init__(self._greet)

    def _greet(self, request: http.IncomingMessage, response: http.ServerResponse) -> None:
        body = bytearray()
        place = len(self.asked)
        self.asked.append((request, b""))

        def answer() -> None:
            self.asked[place] = (request, bytes(body))
            if request.url != TARGET:
                response.status_code = 404
            elif request.method not in ("GET", "POST"):
                response.status_code = 405
                response.set_header("Allow", "GET, POST")
            response.end(f"{response.status_code}\n")

        request.on("data", body.extend)
        request.on("end", answer)


class _Trial(Trial):
    """The live server, and the one client that sends the student's bytes."""

    server: _Server

    def send(self, raw: bytes) -> list[tuple[int, str]]:
        """Send the bytes, then FIN; return status and phrase of each answer."""
        with self.client() as client:
            try:
                client.sendall(raw)
                client.shutdown(system.SHUT_WR)  # nothing more comes: a server that waits for it gives up
            except OSError:
                pass  # it has answered and closed already
            came = self.receive(client, 1 << 20)
        return [(int(found[1]), found[2].decode("latin-1")) for found in _STATUS.finditer(came)]


def _form(raw: bytes) -> str:
    """What is wrong with the form of the head; "" if nothing is known. Source: RFC 9112 §2 to §5."""
    if b"\\r" in raw or b"\\n" in raw:
        return r"The bytes hold a backslash and a letter, not CR and LF. Do not put r before the quotes, nor \\ for \."
    head, empty_line, _ = raw.partition(b"\r\n\r\n")
    if raw[:1].isspace():
        return "The request line comes first: nothing stands before the method."
    if b"\n" in head.replace(b"\r\n", b""):
        return r"Each line ends in CR LF. Here a line ends in LF alone: write \r\n for it."
    if b"\r" in head.removesuffix(b"\r").replace(b"\r\n", b""):
        return r"Each line ends in CR LF. Here a CR stands without its LF: write \r\n for it."
    first, *lines = head.decode("latin-1").split("\r\n")
    about = _request_line(first)
    if about:
        return about
    if not empty_line:
        return ("The empty line is missing, so the server waits for more fields: after the last one comes CR LF twice."
                if raw.endswith(b"\r\n") else
                "The last line is not ended, so the server waits for the rest: CR LF ends it, and CR LF once more ends "
                "the head.")
    for line in lines:
        name, colon, _ = line.partition(":")
        if not colon:
            return f"A field is a name, a colon and a value. In this line the colon is missing: {show(line)}"
        if name != name.strip():
            return f"No space stands before the name of a field, nor between name and colon: {show(line)}"
    hosts = [line for line in lines if line.lower().startswith("host:")]
    if len(hosts) != 1:
        return ("HTTP/1.1 asks for the field Host: without it the server answers 400." if not hosts
                else "Host must come once only: which of them would be meant?")
    return ""


def _request_line(line: str) -> str:
    parts = line.split(" ")
    if len(parts) == 2:
        return "The request line has three parts: method, target, version. Here are two of them."
    if len(parts) != 3 or not all(parts):
        return f"The request line has three parts, with one space between them. Here it is {show(line)}"
    method, target, version = parts
    if method != method.upper():
        return f"Methods are in capital letters: {method.upper()}"
    if not re.fullmatch(r"HTTP/[0-9]\.[0-9]", version):
        return f"The version is written HTTP/1.1, in capital letters. Here it is {show(version)}"
    if version != "HTTP/1.1":
        return f"The version is HTTP/1.1. Here it is {version}."
    return "" if target.startswith("/") else f"The target is a path that begins with a slash. Here it is {show(target)}"


def _more(raw: bytes, asked: int) -> str:
    """What is wrong behind the head."""
    head, _, body = raw.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length:[ \t]*([0-9]+)[ \t]*(?:\r\n|$)", head)
    length = int(found[1][:9]) if found else 0
    if found and len(body) < length:
        come = f"behind the empty line come {len(body)}"
        return f"Content-Length says {length}, and {come}: the server waits for the rest."
    if len(body) > length and b"chunked" not in head.lower():
        what = f"Content-Length says {length}" if found else "No field says that the request has a body"
        count = "1 byte comes" if len(body) == 1 else f"{len(body)} bytes come"
        return f"{what}, and {count} behind the empty line: the server takes the rest for the next request."
    return "The bytes are not one request." if asked != 1 else ""


def _status(request: http.IncomingMessage) -> str:
    if request.url != TARGET:
        return f"The form is right. The server has nothing at the target {show(request.url)}."
    return f"The form is right. The server knows GET and POST for this target, and not {request.method}."
