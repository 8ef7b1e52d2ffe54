"""What a test may need beyond Python: system tools, and the right to capture.

Rule: the only way a test may be left out; LABKIT_REQUIRE_TOOLS=1 turns every one of these skips into a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NoReturn

import pytest

LEFT_OUT = "left out: "
"""How a skip's reason starts when something of the machine is missing; tests/conftest.py lists these at the end."""

PACKAGES = {
    "chromium": "chromium",
    "cc": "gcc",
    "curl": "curl",
    "dig": "bind9-dnsutils",
    "dumpcap": "tshark",
    "gcc": "gcc",
    "git": "git",
    "ip": "iproute2",
    "make": "make",
    "nc": "netcat-openbsd",
    "nginx": "nginx-light",
    "node": "nodejs",
    "openssl": "openssl",
    "setpriv": "util-linux",
    "sharkd": "tshark",
    "ss": "iproute2",
    "tcpdump": "tcpdump",
    "telnet": "telnet",
    "tshark": "tshark",
}
"""The Debian and Ubuntu package that brings each program."""


def find_tool(name: str) -> str | None:
    """The path of a program, also where only root's PATH has it (tcpdump); None if it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")


def tools_required() -> bool:
    """True where a missing tool is a failure (CI), not a test left out."""
    return os.environ.get("LABKIT_REQUIRE_TOOLS", "") not in ("", "0")


def leave_out(missing: str, todo: str, *, packaged: bool = True) -> NoReturn:
    """Skip the running test, or fail it under LABKIT_REQUIRE_TOOLS=1.

    missing: what this machine lacks, in a few words. todo: how to get it. packaged: whether the system has a package of
    it; what has none (Python 2.7) is never required.
    """
    reason = f"{LEFT_OUT}{missing} ({todo})"
    if packaged and tools_required():
        pytest.fail(f"LABKIT_REQUIRE_TOOLS is set, but {missing} is missing ({todo})", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def need_tool(name: str) -> str:
    """The path of a system tool the test needs; where it is missing the test is left out, with the package to install.

    name: the program, one of PACKAGES. Call it in a test, a fixture or at the top of a module.
    """
    path = find_tool(name)
    if path is None:
        leave_out(name, f"apt install {PACKAGES[name]}")
    return path


def need_live_capture() -> str:
    """The tier by which this process may capture, ``"direct"`` or ``"tool"`` (``"private"`` in a notebook's network).

    Where there is none the test is left out.
    """
    from labkit import packets

    tier = packets.status().tier
    if tier == "recorded":
        leave_out("live capture", "run as root, or allow this user tcpdump: `labkit doctor` says how")
    return str(tier)


def need_private_network() -> None:
    """Leave the test out where this user's kernels cannot have a network of their own."""
    # In a program of its own: it forks, and the one that runs the tests has threads.
    asks = "from labkit.lab.network_probe import refusal; print(refusal())"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True, timeout=60)
    if why := done.stdout.strip():
        leave_out(f"a private network ({why})", "allow user namespaces: `labkit doctor` says how")
