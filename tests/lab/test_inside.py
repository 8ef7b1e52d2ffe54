"""The tests that need a wire or a live capture once more, in a private network: an ordinary user has both only there.

Rule: the network is entered as a notebook's kernel enters it; nothing in there may be left out.
"""

from __future__ import annotations

import os
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
    "tests/packets/test_tls_wire.py",
    "tests/packets/test_websocket_frames.py",
)  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", FILES)
def test_every_one_of_them_runs(file: str) -> None:
    need_private_network()
    run = ["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", file]
    variables = {name: value for name, value in os.environ.items() if name != "LABKIT_TIER"}
    ran = subprocess.run(
        [sys.executable, "-c", ENTER, *run],
        env={**variables, INSIDE: "1", "LABKIT_NETWORK": "private"},
        cwd=ROOT, capture_output=True, text=True, timeout=290,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "skipped" not in ran.stdout, ran.stdout[-8000:]
