"""Chromium without a window: it opens pages until they are ready, and we are told what they show and what they log.

Rule: speaks the DevTools protocol over two pipes, so nothing of it is on any network; knows nothing of packets.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labkit.core.errors import ConnectionRefused, LabError, NetError
from labkit.programs.alarm import Alarm

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--disable-extensions", "--metrics-recording-only", "--remote-debugging-pipe", "about:blank",
)  # fmt: skip
_COMMANDS, _MESSAGES = 3, 4  # the descriptors from which Chromium reads, and to which it writes
_PIECE = 65536  # bytes read at once

# The page itself looks whether it is ready, so that it answers once. A page may be left meanwhile: then the next one.
_UNTIL = """new Promise((ready, failed) => {
    const look = () => { try { if (%s) ready(); else setTimeout(look, 10); } catch (error) { failed(error); } };
    look();
})"""
_SHOWN = "document.body ? document.body.innerText : ''"
_LEFT = ("context was destroyed", "Promise was collected", "Cannot find context", "navigated or closed")


class Gone(Exception):
    """Chromium has ended before it had answered, or the program is another one."""


def browse(
    path: str, urls: Sequence[str], until: str | None, timeout: float, environment: Mapping[str, str],
    pin: str | None = None,
) -> tuple[str, bool]:  # fmt: skip
    """Open pages one after another in the same window; returns the text, and whether the time was over before that.

    path: the program. pin: the SHA-256 digest, in base64, of a public key that it accepts in a certificate, whoever has
    signed this; None: only those that its CAs have signed. until: a JavaScript expression that becomes true when the
    last page is ready; None: it is when everything that it names is loaded. timeout: seconds.
    The text is what the last page shows, without empty lines, and a line for each thing that the consoles of all pages
    say, ``"console error: ..."``. Raises `OSError` if the program does not start, `ConnectionRefused` if nobody listens
    at an address, `LabError` if the expression is wrong, `Gone` if Chromium ends before it has answered.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, contextlib.ExitStack() as undo:
        words = [path, *FLAGS, f"--user-data-dir={profile}"]
        if pin is not None:
            words.insert(1, f"--ignore-certificate-errors-spki-list={pin}")
        pid, commands, messages = _start(words, environment)
        alarm = Alarm(pid, timeout)
        undo.callback(alarm.stop)
        undo.callback(os.waitpid, pid, 0)
        window = _Window(commands, messages)
        undo.callback(window.close)
        try:
            for url in urls:
                window.open(url)
            if until is not None:
                window.wait(until)
            text = "\n".join([*window.shown(), *window.said])
            window.quit()
        except (Gone, StopIteration, KeyError, json.JSONDecodeError) as error:
            if alarm.rang:
                return "", True
            raise Gone from error  # the rest: what came back is not the protocol
        return text, False


def _start(words: list[str], environment: Mapping[str, str]) -> tuple[int, int, int]:
    """Start it with the two pipes; returns its number, and our ends."""
    theirs_in, commands = os.pipe()
    messages, theirs_out = os.pipe()
    with contextlib.ExitStack() as undo:
        for each in (theirs_in, theirs_out):
            undo.callback(os.close, each)
        # Above those that Chromium gets, or one of them would be overwritten before it is passed on.
        high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (theirs_in, theirs_out)]
        for each in high:
            undo.callback(os.close, each)
        nothing = os.open(os.devnull, os.O_RDWR)
        undo.callback(os.close, nothing)
        pairs = [(nothing, 0), (nothing, 1), (nothing, 2), (high[0], _COMMANDS), (high[1], _MESSAGES)]
        try:
            # A session of its own: Ctrl-C does not reach it, and its processes can be ended together.
            pid = os.posix_spawn(
                words[0], words, environment, setsid=True,
                file_actions=[(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in pairs],
            )  # fmt: skip
        except BaseException:
            os.close(commands)
            os.close(messages)
            raise
    return pid, commands, messages


class _Window:
    """The window: commands go in, answers and events come out. Source: the Chrome DevTools Protocol."""

    def __init__(self, commands: int, messages: int) -> None:
        self._commands, self._messages = commands, messages
        self._incoming = self._read()
        self._number = 0
        self._session: str | None = None
        self._loads = 0  # pages that have loaded all they name
        self.said: list[str] = []

    def _attach(self) -> None:
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Open a page, and wait until all that it names is loaded."""
        if self._session is None:
            self._attach()
        before = self._loads
        failed = self._ask("Page.navigate", url=url).get("errorText")
        if failed == "net::ERR_CONNECTION_REFUSED":
            raise ConnectionRefused(f"Chromium could not connect to {url}: nothing listens there", "Start it first.")
        if failed:
            raise NetError(f"Chromium could not open {url}: {failed}", "Look at what the server answers.")
        while self._loads == before:
            self._hear(next(self._incoming))

    def wait(self, until: str) -> None:
        """Wait until an expression is true in the page that is open then."""
        answer = self._evaluate(_UNTIL % until, awaitPromise=True)
        if wrong := answer.get("exceptionDetails"):
            said = wrong.get("exception", {}).get("description", wrong["text"]).splitlines()[0]
            raise LabError(f"until={until!r} fails in the page: {said}", "Give an expression in JavaScript.")

    def shown(self) -> list[str]:
        """The lines that the page shows, without empty ones."""
        text = str(self._evaluate(_SHOWN, returnByValue=True)["result"].get("value"))
        return [line for line in text.splitlines() if line.strip()]

    def _evaluate(self, expression: str, **how: bool) -> dict[str, Any]:
        """What comes of an expression in the page; if the page is left before that, in the next one."""
        while True:
            answer = self._send("Runtime.evaluate", expression=expression, **how)
            if "error" not in answer:
                result: dict[str, Any] = answer["result"]
                return result
            if not any(words in answer["error"]["message"] for words in _LEFT):
                raise _refused("Runtime.evaluate", answer)

    def quit(self) -> None:
        """End Chromium, and hear what it still has to say."""
        self._write("Browser.close", {}, None)
        with contextlib.suppress(Gone):
            while True:
                self._hear(next(self._incoming))

    def close(self) -> None:
        """Close our ends: Chromium ends if it still runs."""
        os.close(self._commands)
        os.close(self._messages)

    # -- below

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        answer = self._send(method, **params)
        if "error" in answer:
            raise _refused(method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        number = self._write(method, params, self._session)
        while (message := next(self._incoming)).get("id") != number:
            self._hear(message)
        return message

    def _write(self, method: str, params: Mapping[str, Any], session: str | None) -> int:
        self._number += 1
        words = {"id": self._number, "method": method, "params": params}
        data = json.dumps(words if session is None else {**words, "sessionId": session}).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._commands, data) :]
        except BrokenPipeError:
            raise Gone from None
        return self._number

    def _read(self) -> Iterator[dict[str, Any]]:
        rest = b""
        while data := os.read(self._messages, _PIECE):
            *whole, rest = (rest + data).split(b"\0")
            yield from map(json.loads, whole)
        raise Gone

    def _hear(self, message: Mapping[str, Any]) -> None:
        """An event of the page."""
        params = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loads += 1
            case "Runtime.consoleAPICalled":
                words = " ".join(str(each.get("value", each.get("description", ""))) for each in params["args"])
                self.said.append(f"console {params['type']}: {words}")
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                words = details.get("exception", {}).get("description", details["text"])
                self.said.append(f"console error: {words.splitlines()[0]}")
            case "Log.entryAdded":
                entry = params["entry"]
                self.said.append(f"console {entry['level']}: {entry['text']}")


def _refused(method: str, answer: Mapping[str, Any]) -> LabError:
    return LabError(f"Chromium refused {method}: {answer['error']['message']}", "Is it a very old one?")
