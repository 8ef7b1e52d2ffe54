"""The command `openssl`, run as in a terminal: what is typed into it, and what it prints.

Rule: keys of the keyboard come when the program has said what they wait for; no time is guessed.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import ConnectionRefused, LabError, TimedOut
from labkit.programs.alarm import Alarm
from labkit.programs.running import ProgramFailed, Ran, _environment, _run

_REFUSED = re.compile(rb"(?i)connect:errno=|connection refused")

Typed = Sequence[tuple[str, str]]
"""What is typed: pairs of the text that has to come first (``""``: nothing), and the line."""


@in_words
def openssl(
    command: str, port: int | Sequence[int] | None, *, name: str, typed: Typed = (), until: str = "",
    lesson: str | None = None, timeout: float = 20.0,
) -> Ran:  # fmt: skip
    """Run a command of openssl as in a terminal, and capture the packets of a port meanwhile.

    command: as one would type it, ``"openssl s_client -connect 127.0.0.1:8000"``; no shell reads it. typed: lines for
    its input, each with the text of its output after which it is typed: ``[("welcome", "hello")]``. Input ends when
    all are typed and ``until`` has been printed, or when openssl ends. port: what to capture; None: nothing. name,
    lesson, timeout: as for `labkit.curl`. The text has what the program printed, without what was typed. Raises
    `LabError` for another command, `TimedOut` if openssl does not end, `ConnectionRefused` if nobody listens there,
    `ProgramFailed` if there is neither openssl nor a recording.
    """
    if not isinstance(command, str) or not (words := shlex.split(command)) or words[0] != "openssl":
        raise LabError(f"{shown(command)} is not a command of openssl", "Write it as in a terminal.")
    return _run(
        "openssl", ("openssl",), lambda path: _output([path, *words[1:]], typed, until, timeout), port, name, lesson,
        timeout,
    )  # fmt: skip


def _output(command: Sequence[str], typed: Typed, until: str, timeout: float) -> str:
    """What it prints, notes in their place among the rest. Input is a pipe: a terminal would repeat what is typed."""
    main, other = pty.openpty()
    with ExitStack() as undo:
        undo.callback(os.close, main)
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=other, stderr=other, start_new_session=True, env=_environment()
            )
        except OSError as error:
            raise ProgramFailed(f"openssl did not start: {error}", "Try it in a terminal.") from error
        finally:
            os.close(other)
        undo.callback(process.wait)
        alarm = Alarm(process.pid, timeout)
        undo.callback(alarm.stop)
        printed = _talked(process, main, typed, until)
        process.wait()
        if alarm.rang:
            raise TimedOut(
                f"openssl did not end within {timeout:g} s, and was stopped",
                f"It had printed: {shown(printed[-200:].decode('utf-8', 'replace'))}",
            )
        if process.returncode and _REFUSED.search(printed):
            raise ConnectionRefused("openssl could not connect: nothing listens there", "Start the server first.")
    return printed.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")


def _talked(process: subprocess.Popen[bytes], terminal: int, typed: Typed, until: str) -> bytes:
    """Type each line when its text has come, and end the input behind the last one; returns all that was printed."""
    keyboard = process.stdin
    assert keyboard is not None
    printed, at = bytearray(), 0
    waiting = [*typed, (until, None)]
    with suppress(OSError):  # Linux reports the end of a terminal as an error
        while True:
            while waiting and (found := printed.find(waiting[0][0].encode(), at)) >= 0:
                wanted, line = waiting.pop(0)
                at = found + len(wanted.encode())
                with suppress(BrokenPipeError):
                    if line is None:
                        keyboard.close()
                    else:
                        keyboard.write(line.encode() + b"\n")
                        keyboard.flush()
            piece = os.read(terminal, 65536)
            if not piece:
                break
            printed += piece
    with suppress(BrokenPipeError):
        keyboard.close()
    return bytes(printed)
