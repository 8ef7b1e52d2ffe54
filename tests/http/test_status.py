"""The phrases of status codes: Node's own list, and the same with each version of Python."""

from __future__ import annotations

import json
import subprocess

from labkit import http
from tests.needs import need_tool


def test_they_are_those_of_node() -> None:
    ran = subprocess.run(
        [need_tool("node"), "-p", "JSON.stringify(require('http').STATUS_CODES)"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    theirs = {int(code): phrase for code, phrase in json.loads(ran.stdout).items()}
    assert {code: phrase for code, phrase in http.STATUS_CODES.items() if code in theirs} == theirs
