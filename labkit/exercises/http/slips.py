"""An exercise on slips in a client (M-3): some are told, and one is sent without a word.

Rule: the mended client is run; what its server gets decides, and the source is never read.
"""

from __future__ import annotations

import re
from typing import Any

from labkit import http
from labkit.core.errors import NetError, TimedOut
from labkit.exercises.engine import Exercise
from labkit.exercises.http.serving import TrialHttpServer
from labkit.exercises.result import show, show_error
from labkit.exercises.running import NotAttempted, NotYet, Run, own_frames
from labkit.exercises.tcp.serving import PATIENCE, Trial, check_plain

LISTING = '''from labkit import http

def ask(port):
    options = {
        "port": 1338,
        "mehtod": "POST",
        "path": "/greeting",
        "headers": {"Accept-Langauge": "zh"},
    }
    request = http.request(**opitons)
    request.end("Ada")
    response = request.wait_for("response")
    return response.body().decode()
'''
"""What the student mends."""

SLIPS = {"opitons": "options", "mehtod": "method", "1338": "port", "Langauge": "Language"}
"""Each slip, and what was meant, in the order in which they are found."""

MENDED = re.sub("|".join(SLIPS), lambda slip: SLIPS[slip[0]], LISTING)

TARGET, NAME = "/greeting", "Ada"
ENGLISH, CHINESE = f"Hello, {NAME}!\n", f"您好 {NAME}！\n"


def ask(port: int) -> str:
    """Ask for a greeting in Chinese; the reference answer."""
    options: dict[str, Any] = {
        "port": port,
        "method": "POST",
        "path": TARGET,
        "headers": {"Accept-Language": "zh"},
    }
    request = http.request(**options)
    request.end(NAME)
    response = request.wait_for("response")
    text: str = response.body().decode()
    return text


class Slips(Exercise):
    """Find the slips in a client, and mend them."""

    name = "http.slips"
    lesson = "03e-http-book"
    title = "find the slips in a client"
    steps = ("every name in ask() is known", "the options are known", "the request reaches the server",
             "it is the request that was meant", "the server answers in Chinese", "ask() returns the answer")
    stub = "def ask(port):\n    ...\n\nexercises.http.slips.check(ask)"
    asks = "Give check() the function itself: check(ask)."
    praise = (
        "A misspelt variable and a misspelt option are told at once. A misspelt field is not: it is sent, and a server "
        "ignores a field that it does not know.\n"
        "Node ignores a misspelt option too: the request would have gone out as a GET, and nobody would have said a "
        "word."
    )
    stretch = "misspell the option in Node's http.request as well, and look on the wire at what it sends."
    task = (
        "This client was typed from a book, with four slips. It asks the server on the given `port` for a greeting: "
        f"`POST {TARGET}`, with the body `{NAME}`. It wants the answer in Chinese, which it says with the field "
        "Accept-Language, and returns its text. Mend it.\n\n"
        f"```python\n{LISTING}```\n\n"
        "Your function is run. The server listens on a port of its own each time."
    )
    hints = (
        "Python and labkit tell of three slips when their line runs, one after the other. Read the error to its end.",
        "Which port is `ask` told to use? And which names of options does `http.request` take?",
        "The last slip raises no error at all. Look at the fields that the server got: how is Accept-Language spelt?",
    )
    worked = (
        "`opitons`: Python does not know the name. `mehtod`: `http.request` has no such option. `1338`: nothing "
        "listens there. `Accept-Langauge`: the field arrives, the server does not know it, and answers in English.\n\n"
        f"```python\n{MENDED}\nexercises.http.slips.check(ask)\n```"
    )
    reference = staticmethod(ask)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function ask", self.asks)
        run.limit = 4 * PATIENCE  # a wait for an answer ends by itself before that
        trial = Trial(_Server(), run)
        try:
            returned, error = run.call("ask(port)", _attempt, answer, trial.server.port)
        finally:
            trial.close()
        server = trial.server
        assert isinstance(server, _Server)
        if error is not None:
            self._told(error, server, run)
        if returned in (None, ...) and not server.asked:
            raise NotAttempted
        self._compare(returned, server, run)

    def _told(self, error: Exception, server: _Server, run: Run) -> None:
        """Raise the finding that goes with an error of the student's function."""
        seen, frames = show_error(error), own_frames(error)
        if isinstance(error, (NameError, AttributeError)):
            raise NotYet("ask(port) finds every name that it uses", seen,
                         "Python looks a name up when the line runs, not before.", frames)
        if isinstance(error, TimedOut):
            run.step(6 if server.asked else 3)
            raise NotYet("an answer", "nothing came in time", "" if server.asked else
                         "The server got no whole request: it is complete when end() was called.", frames)
        if isinstance(error, NetError):
            run.step(3)
            raise NotYet("a connection to the server", seen,
                         "Nobody takes the connection there. ask() is told on which port the server listens.", frames)
        run.step(6 if server.asked else 2)
        why = "" if server.asked else "Options are checked by name before anything is sent."
        raise NotYet("ask(port) returns" if server.asked else "options that http.request knows", seen, why, frames)

    def _compare(self, returned: Any, server: _Server, run: Run) -> None:
        """Compare what the server has got with the task, and what came back with what it has sent."""
        run.step(3)
        if not server.asked:
            raise NotYet("a request on the server's port", f"none; ask(port) returned {show(returned)}",
                         "The function ended without an error, and asked somebody else or nobody. Which port does it "
                         "use?")
        run.step(4)
        method, target, fields, body = server.asked[0]
        for right, given, why in (
            ("POST", method, "Which option names the method? Without it, the request is a GET."),
            (TARGET, target, "The option path names the target."),
            (NAME, body, "The body is what end() is given."),
        ):
            if given != right:
                raise NotYet(f"POST {TARGET} with the body {show(NAME)}",
                             f"{method} {target} with the body {show(body)}", why)
        run.step(5)
        language = fields.get("accept-language", "")
        if not language.lower().startswith("zh"):
            others = {name: value for name, value in fields.items() if name not in ("host", "content-length")}
            shown = ", ".join(f"{name}: {value}" for name, value in sorted(others.items()))
            raise NotYet("a field that asks for Chinese", shown or "no field about a language",
                         "The server answered in English, and nobody told of an error: a field that a server does not "
                         "know is ignored.")
        run.step(6)
        if returned != CHINESE:
            raise NotYet(f"ask(port) returns {show(CHINESE)}", show(returned),
                         "The text of the answer is response.body(), decoded.")


def _attempt(function: Any, port: int) -> tuple[Any, Exception | None]:
    """What the student's function returns, or the error that it raises."""
    try:
        return function(port), None
    except NotImplementedError:
        raise
    except Exception as error:
        return None, error


class _Server(TrialHttpServer):
    """The server that is asked. asked: method, target, fields and body of each request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        super().__init__(self._greet)

    def _greet(self, request: http.IncomingMessage, response: http.ServerResponse) -> None:
        body = bytearray()

        def answer() -> None:
            fields = dict(request.headers)
            self.asked.append((request.method, request.url, fields, body.decode("utf-8", "replace")))
            in_chinese = fields.get("accept-language", "").lower().startswith("zh")
            response.set_header("Content-Type", "text/plain; charset=utf-8")
            response.end(CHINESE if in_chinese else ENGLISH)

        request.on("data", body.extend)
        request.on("end", answer)
