"""Run curl or Chromium as in a terminal, and capture meanwhile; or give what both were when recorded.

Rule: starts one program and waits for its end; a recorded result is never passed off as a live one.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labkit.core.calls import in_words
from labkit.core.checks import is_number, shown
from labkit.core.errors import ConnectionRefused, LabError, TimedOut
from labkit.packets import Tape, capture, recorded, recording
from labkit.packets.probe import best_tier
from labkit.programs.alarm import Alarm
from labkit.programs.beside import Beside
from labkit.programs.browser import Gone, browse

ENDING = ".program.json"
"""How the name of a recorded output ends, behind the name that the lesson gives it."""
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PIN = re.compile(r"[A-Za-z0-9+/]{43}=")  # 32 bytes in base64
_REFUSED = 7
"""curl's exit code if nobody listens at the address."""


class ProgramFailed(LabError):
    """A program did not start, or is neither installed nor recorded."""


@dataclass(frozen=True)
class Ran:
    """What a program printed, and the packets of its ports. text: see `curl` and `chromium`.

    tape: what was captured while it ran. live: whether both come from this run; if not, ``origin`` says where
    they come from. As text, it shows the output and the origin.
    """

    text: str
    tape: Tape
    live: bool
    origin: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The output, line by line."""
        return tuple(self.text.splitlines())

    def beside(self) -> Beside:
        """Each line of ``curl -v`` beside the packets that its bytes were in."""
        return Beside(self.text, self.tape)

    def __repr__(self) -> str:
        return f"{self.text}\nprogram: {self.origin}".lstrip("\n")


@in_words
def curl(
    command: str, port: int | Sequence[int] | None, *, name: str, lesson: str | None = None, timeout: float = 20.0
) -> Ran:
    """Run a command of curl as in a terminal, and capture the packets of a port meanwhile.

    command: as one would type it, ``"curl -v http://127.0.0.1:1337/"``; no shell reads it. port: what to
    capture; None: nothing. name: the recording that stands in if curl is not installed or nothing can be captured,
    ``data/<lesson>/<name>``. lesson: default, the one that runs. timeout: seconds that curl may take.
    Raises `LabError` for another command, `TimedOut` if curl does not end, `ConnectionRefused` if nobody listens there,
    `ProgramFailed` if there is neither curl nor a recording. Any other error of curl is in its text.
    """
    if not isinstance(command, str) or not (words := shlex.split(command)) or words[0] != "curl":
        raise LabError(f"{shown(command)} is not a command of curl", "Write it as in a terminal: curl('curl -v URL').")
    # The user's own settings (.curlrc) would change what curl sends: -q leaves them out.
    rest = ["-q", "--no-buffer", *words[1:]]
    return _run("curl", ("curl",), lambda path: _output([path, *rest], timeout), port, name, lesson, timeout)


@in_words
def chromium(
    url: str | Sequence[str], port: int | Sequence[int] | None, *, name: str, lesson: str | None = None,
    until: str | None = None, timeout: float = 40.0, trust: Any = None,
) -> Ran:  # fmt: skip
    """Open a page in Chromium, without a window, and capture the packets of a port until the page is ready.

    url: of a server in this notebook; or several, which are opened one after another in the same tab: the cookies stay.
    until: when the last page is ready, as an expression of JavaScript in it, such as ``"window.done"``; default: it is
    when everything that it names is loaded. port, name, lesson, timeout: as for `curl`. trust: an identity of
    `labkit.ca`: Chromium accepts its key in this run, and no other key without a CA that it knows. Default: none.
    The text is what the last page shows. Below it is a line for each thing that the pages and Chromium itself write to
    the console: ``console log: ...``, ``console error: ...``. Raises as `curl` does, and `LabError` if ``until`` is no
    expression of JavaScript.
    """
    urls: list[str] = list(url) if isinstance(url, (list, tuple)) else [url]  # type: ignore[list-item]  # looked at below
    for each in urls:
        if not _is_of_this_machine(each):
            raise LabError(f"{shown(each)} is not a page of this machine", "Give one such as http://127.0.0.1:1337/.")
    if not urls:
        raise LabError("no page to open", "Give one such as http://127.0.0.1:1337/.")
    if until is not None and not isinstance(until, str):
        raise LabError(f"until={shown(until)} is not an expression", "Write it in quotes: until='window.done'.")

    pin = None if trust is None else getattr(trust, "pin", None)
    if trust is not None and not (isinstance(pin, str) and _PIN.fullmatch(pin)):
        raise LabError(f"trust={shown(trust)} is no certificate with its key", "Give what the server has: trust=shop.")

    def run(path: str) -> str:
        try:
            text, late = browse(path, urls, until, timeout, _environment(), pin)
        except OSError as error:
            if isinstance(error, LabError):
                raise
            raise ProgramFailed(f"Chromium did not start: {error}", "Try it in a terminal.") from error
        except Gone:
            raise ProgramFailed("Chromium ended before it had answered", "Try it in a terminal.") from None
        if late:
            what = "the page was not loaded" if until is None else f"{until} was not true"
            raise TimedOut(f"{what} after {timeout:g} s, and Chromium was stopped", "Look at what the page waits for.")
        return text

    return _run("Chromium", _CHROMIUM, run, port, name, lesson, timeout)


def _is_of_this_machine(url: object) -> bool:
    """Whether a URL is http or https, at 127.0.0.1 or localhost."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in ("http", "https") and parts.hostname in ("127.0.0.1", "localhost")


def _run(
    what: str, names: Sequence[str], run: Callable[[str], str], port: int | Sequence[int] | None,
    name: str, lesson: str | None, timeout: float,
) -> Ran:  # fmt: skip
    """run: runs the program of this path, and returns its text."""
    if not is_number(timeout) or not 0 < timeout < 1e6:
        raise LabError(f"timeout={shown(timeout)} is not a time", "Give the seconds that the program may take.")
    path = next((found for each in names if (found := shutil.which(each))), None)
    if path is None:
        return _recorded(what, name, lesson, f"{what} is not installed", port is not None)
    with contextlib.nullcontext(Tape()) if port is None else capture(port, name=name, lesson=lesson) as tape:
        text = run(path)
    if port is not None and best_tier() == "recorded":  # text and packets must be of the same run
        return _recorded(what, name, lesson, "this machine captures nothing")
    version = _version(path)
    if (asked := recorded.asked_for(name, lesson, ENDING)) is not None:
        asked.parent.mkdir(parents=True, exist_ok=True)
        kept = {"program": what, "version": version, "printed": text}
        asked.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Ran(text, tape, True, f"live, {what} {version}")


def load(path: Path) -> tuple[str, str, str]:
    """A recorded output: the program, its version, what it printed. Raises `LabError` if the file holds none."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return str(kept["program"]), str(kept["version"]), str(kept["printed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        where = "/".join(["data", *path.parts[-2:]])
        raise LabError(f"{where} is no recorded output", "`labkit record` makes it again.") from error


def _recorded(what: str, name: str, lesson: str | None, why: str, captured: bool = True) -> Ran:
    path = recorded.recording_path(name, lesson, ending=ENDING)
    if not path.is_file():
        raise ProgramFailed(f"{why}, and there is no recording to stand in", f"Install {what}, or leave this cell out.")
    _, version, text = load(path)
    where = "/".join(["data", *path.parts[-2:]])
    tape = recording(name, lesson=lesson) if captured else Tape()
    return Ran(text, tape, False, f"recorded with {what} {version}, from {where}; {why}")


def _output(command: Sequence[str], timeout: float) -> str:
    """What curl prints on a terminal, errors and notes in their place among the rest."""
    main, other = pty.openpty()
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, main)
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=other, stderr=other, start_new_session=True,
                env=_environment(),
            )  # fmt: skip
        except OSError as error:
            raise ProgramFailed(f"curl did not start: {error}", "Try it in a terminal.") from error
        finally:
            os.close(other)
        undo.callback(process.wait)
        alarm = Alarm(process.pid, timeout)
        undo.callback(alarm.stop)
        printed = b"".join(_read(main))
        process.wait()
        if alarm.rang:
            raise TimedOut(f"curl did not end within {timeout:g} s, and was stopped", "Look at what it waits for.")
        if process.returncode == _REFUSED:
            raise ConnectionRefused("curl could not connect: nothing listens there", "Start the server first.")
    text = printed.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")
    return re.sub(r"\x1b\[[0-9;]*m", "", text)  # curl writes names of fields in bold


def _environment() -> dict[str, str]:
    """This program's own, without the proxies that it may name: they would change what is sent."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return {**kept, "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def _read(terminal: int) -> Iterator[bytes]:
    """Bytes from a terminal until no program has its other end open: Linux reports that as an error."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            yield piece


def _version(path: str) -> str:
    """The version that a program says it has, ``"7.88.1"``; ``"of an unknown version"`` if it says none."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        word = "version" if path.endswith("openssl") else "--version"
        done = subprocess.run([path, word], capture_output=True, text=True, check=False, timeout=20)
        if found := re.search(r"\d+(\.\d+)+", done.stdout):
            return found[0]
    return "of an unknown version"
