"""The tests that need a wire or a live capture once more, in a private network: an ordinary user has both only there.

Rule: the network is entered as a notebook's kernel enters it; nothing in there may be skipped. Long tests that read
files and no network are not repeated: `NO_NETWORK` names them.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys

import pytest

from tests.lab.wires import INSIDE
from tests.needs import need_private_network
from tests.notebooks.lessons import ROOT

ENTER = """
import os, sys
from labkit.lab import namespaces
namespaces.enter_private_network()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

FILES = (
    "tests/lab/test_wire.py", "tests/packets/test_capture.py", "tests/packets/test_oracle.py",
    "tests/cli/test_record.py", "tests/dgram/test_socket.py", "tests/lab/test_relay.py",
    "tests/lab/test_crafting.py", "tests/packets/test_streams.py", "tests/packets/test_messages.py",
    "tests/packets/test_tls_wire.py", "tests/packets/test_states_wire.py",
    "tests/packets/test_websocket_frames.py",
)  # fmt: skip

NO_NETWORK = (
    "tests/packets/test_oracle.py::test_what_is_recorded",
    "tests/packets/test_messages.py::test_whatever_comes",
    "tests/packets/test_websocket_frames.py::test_whatever_comes",
)
"""They read recordings, or bytes that Hypothesis makes, and run outside for each user. They are beginnings of names."""

NETWORK = re.compile(r"live_wire|need_|socket\.|capture\(|subprocess")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", FILES)
def test_every_one_of_them_runs(file: str) -> None:
    need_private_network()
    apart = [word for test in NO_NETWORK if test.startswith(f"{file}::") for word in ("--deselect", test)]
    run = ["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", *apart, file]
    variables = {name: value for name, value in os.environ.items() if name != "LABKIT_TIER"}
    ran = subprocess.run(
        [sys.executable, "-c", ENTER, *run],
        env={**variables, INSIDE: "1", "LABKIT_NETWORK": "private"},
        cwd=ROOT, capture_output=True, text=True, timeout=290,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "skipped" not in ran.stdout, ran.stdout[-8000:]
    assert ("deselected" in ran.stdout) == bool(apart), ran.stdout[-8000:]  # each name is still that of a test


def source(test: str) -> str:
    """The text of the test functions whose names begin so. test: ``"tests/x/test_y.py::test_z"``."""
    file, _, start = test.partition("::")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    return "".join(inspect.getsource(value) for name, value in vars(module).items() if name.startswith(start))


@pytest.mark.parametrize("test", NO_NETWORK)
def test_what_is_not_repeated_needs_no_network(test: str) -> None:
    assert NETWORK.findall(source(test)) == []


def test_one_that_needs_a_network_is_found() -> None:
    assert NETWORK.findall(source("tests/packets/test_oracle.py::test_what_was_just_captured"))
    assert NETWORK.findall(source("tests/packets/test_websocket_frames.py::test_frames_over_a_wire"))
