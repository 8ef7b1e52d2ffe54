"""Programs run beside this one: openssl, curl, Node, Chromium. Found, started, ended in time, their words cleaned.

Rule: a program runs without the user's own settings, without a proxy and without a terminal; it is never left running.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labkit.core.errors import LabError, TimedOut

PROGRAMS = {
    "openssl": ("openssl",),
    "curl": ("curl",),
    "node": ("node", "nodejs"),
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
}
"""The names under which each program may be installed."""
_VERSION = {"openssl": "version"}


@dataclass(frozen=True)
class Done:
    """What a program left: its exit code, what it printed, and its errors, as text."""

    code: int
    out: str
    err: str


@cache
def find(program: str) -> str | None:
    """The path of a program of `PROGRAMS`; None if it is not installed."""
    return next((found for each in PROGRAMS[program] if (found := shutil.which(each))), None)


@cache
def version(program: str) -> str:
    """The version of a program, ``"3.0.19"``; ``""`` if it is not installed or does not say."""
    path = find(program)
    if path is None:
        return ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        word = _VERSION.get(program, "--version")
        done = subprocess.run(
            [path, word], capture_output=True, text=True, check=False, timeout=20, stdin=subprocess.DEVNULL
        )
        if found := re.search(r"\d+(\.\d+)+\w*", done.stdout):
            return found[0]
    return ""


def run(
    program: str, words: Sequence[str], *, folder: str | Path | None = None, given: str = "", timeout: float = 30.0,
    more: Mapping[str, str] | None = None,
) -> Done:  # fmt: skip
    """Run a program of `PROGRAMS` until its end, in a folder.

    given: what it reads from its input. more: variables of its environment. Raises `LabError` if it is not installed
    or does not start, `TimedOut` if it does not end; then it and its children are ended.
    """
    path = find(program)
    if path is None:
        raise LabError(f"{program} is not installed", "Install it with the package manager of this system.")
    try:
        # A session of its own, so that its children can be ended with it, and Ctrl-C does not reach it.
        process = subprocess.Popen(
            [path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", cwd=folder, env={**_environment(), **(more or {})}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise LabError(f"{program} did not start: {error}", "Try it in a terminal.") from error
    with process:
        try:
            out, err = process.communicate(given, timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TimedOut(
                f"{program} did not end within {timeout:g} s, and was stopped", "Look at what it waits for."
            ) from None
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return Done(process.returncode, out, err)


_OTHERS = frozenset({
    "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS",
    "FORCE_COLOR", "OPENSSL_CONF",
})  # fmt: skip


def _environment() -> dict[str, str]:
    """This program's own, without what would change the answers: proxies, key logs, options, other lists of CAs."""
    kept = {
        key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and key not in _OTHERS
    }
    return {**kept, "LC_ALL": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1", "NODE_NO_WARNINGS": "1"}
