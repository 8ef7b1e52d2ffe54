"""Claims about Node are settled by Node: run a few lines of JavaScript, or show what they printed when recorded.

Rule: starts one program and waits for its end; the recorded result is never passed off as a live one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from labkit.core.calls import in_words
from labkit.core.checks import is_number
from labkit.core.errors import LabError, TimedOut
from labkit.packets import recorded

ENDING = ".node.json"
"""How the name of a recorded result ends, behind the name that the lesson gives it."""
_PROGRAMS = ("node", "nodejs")  # Debian once called it nodejs, and some machines still have that name alone


class NodeFailed(LabError):
    """A script of ours ended with an error in Node."""


@dataclass(frozen=True)
class Said:
    """What a script printed. text: its output, without the last line break. version: Node's, ``"20.20.2"``.

    live: whether Node ran it just now; if not, ``origin`` says where the result comes from. As text, it shows both.
    """

    text: str
    version: str
    live: bool
    origin: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The output, line by line."""
        return tuple(self.text.splitlines())

    def __repr__(self) -> str:
        return f"{self.text}\nnode: {self.origin}".lstrip("\n")


def program() -> str | None:
    """The path of the program ``node`` on this machine; None if it is not installed."""
    return next((path for name in _PROGRAMS if (path := shutil.which(name))), None)


@in_words
def node(script: str, *, name: str | None = None, lesson: str | None = None, timeout: float = 10.0) -> Said:
    """Run a script in Node, in this program's network, and return what it printed.

    script: JavaScript, as one would write it into a file. name: the recording that stands in if Node is not installed,
    ``data/<lesson>/<name>.node.json``. lesson: default, the one that runs. timeout: seconds the script may take.
    Raises `NodeFailed` if the script ends with an error, `TimedOut` if it does not end, and `LabError` if there is
    neither Node nor a recording.
    """
    if not isinstance(script, str):
        raise LabError(f"{script!r} is not a script", "Give JavaScript as text: node('console.log(1)').")
    if not is_number(timeout) or not 0 < timeout < 1e6:
        raise LabError(f"timeout={timeout!r} is not a time", "Give the seconds that the script may take, such as 10.")
    where = None if name is None else _place(name, lesson)
    path = program()
    if path is None:
        return _recorded(script, name, where)
    said = _run(path, script, timeout)
    if (asked := recorded.asked_for(name, lesson, ENDING)) is not None:
        _save(asked, script, said)
    return said


def load(path: Path) -> tuple[str, Said]:
    """A recorded result: the script, and what it printed. Raises `LabError` if the file holds none."""
    shown = "/".join(["data", *path.parts[-2:]])
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        script, version, text = (str(kept[key]) for key in ("script", "node", "printed"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{shown} is no recorded result of Node", "`labkit record` makes it again.") from error
    return script, Said(text, version, live=False, origin=f"recorded with Node {version}, from {shown}")


def _run(path: str, script: str, timeout: float) -> Said:
    # Without colours and without the user's own options: the same script prints the same everywhere.
    environment = {key: value for key, value in os.environ.items() if key not in ("NODE_OPTIONS", "FORCE_COLOR")}
    try:
        done = subprocess.run(
            [path, "--eval", _OPENING + script], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=timeout, env={**environment, "NO_COLOR": "1", "NODE_NO_WARNINGS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimedOut(
            f"the script did not end within {timeout:g} s, and was stopped",
            "Node ends when nothing is open any more: close each server and each socket.",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the script
        raise NodeFailed(f"Node did not start: {error}", "Try `node --version` in a terminal.") from error
    version, _, text = done.stdout.decode("utf-8", "replace").partition("\n")
    if done.returncode:
        raise NodeFailed(f"Node ended with code {done.returncode}: {_reason(done.stderr)}", "Mend the script.")
    version = version.removeprefix("v")
    return Said(text.removesuffix("\n"), version, live=True, origin=f"live, Node {version}")


_OPENING = "console.log(process.version);"  # on the script's own first line: line numbers of errors stay right


def _reason(stderr: bytes) -> str:
    """The line of a Node error that says what happened, and in which line of the script."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    last = lines[-1] if lines else "no word"
    said = next((line for line in lines if re.match(r"(Uncaught )?\w*Error\b", line)), last)
    at = next((found[1] for line in lines if (found := re.search(r"\[eval\]:(\d+)", line))), None)
    return said.rstrip(".") + (f" (line {at} of the script)" if at else "")


def _place(name: str, lesson: str | None) -> Path | None:
    """The file of a recorded result; None if there is no directory of recordings."""
    return None if recorded.data_directory() is None else recorded.recording_path(name, lesson, ending=ENDING)


def _recorded(script: str, name: str | None, where: Path | None) -> Said:
    if where is None or not where.is_file():
        nameless = " and this call has no name, so nothing is recorded for it" if name is None else ""
        raise LabError(
            f"Node is not installed,{nameless or ' and there is no recording to stand in'}",
            "Install it (on Debian and Ubuntu: apt install nodejs), or leave this cell out.",
        )
    of, said = load(where)
    if of == script:
        return said
    return Said(said.text, said.version, False, f"{said.origin}; your script differs, and was not run: install Node")


def _save(path: Path, script: str, said: Said) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"node": said.version, "script": script, "printed": said.text}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
