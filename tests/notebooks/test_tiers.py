"""The lessons in the network in which Jupyter runs, by each way of capturing there: the same text twins as committed.

Rule: only the MSS is set aside besides what tests/nbval.cfg names: there loopback has an MTU of its own. As root, all
notebooks together run in a network that the test makes, like a container's, so that no other test's ports are in the
way, and without tail loss probes: labkit switches them off in a notebook's own network, and it may not do so here.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.packets import probe
from tests import workers
from tests.needs import leave_out, need_tool
from tests.notebooks.lessons import NOTEBOOKS, ROOT, copies

TIMEOUT = 40 * len(NOTEBOOKS)  # seconds, for all lessons together, on a busy machine

MTU = r"""
[maximum segment size] Loopback's MTU is 65536 bytes and more; in a network of its own it is Ethernet's.
regex: (?m)^([^=\n]*\btcp\.options\.mss(?:_val)?\b[^=\n]* = (?:Maximum Segment Size: )?).*$
replace: \1MSS
"""


def new_network() -> None:
    """Move this process, which has one thread, into a network with a plain loopback of its own."""
    with contextlib.suppress(OSError, pytest.UsageError):  # root of a container may lack the right: then in its network
        workers.enter_own_network()
        Path("/proc/sys/net/ipv4/tcp_early_retrans").write_text("0", encoding="ascii")


@pytest.mark.timeout(TIMEOUT + 30)
@pytest.mark.parametrize("tier", ["direct", "tool"])
def test_lessons_give_the_same_outputs(tier: str, tmp_path: Path) -> None:
    if tier == "tool":
        need_tool("tcpdump")
    reason = probe.attempt(tier)
    if not reason.ok:
        leave_out(f"capture by tier {tier}", reason.todo)
    notebooks = copies(tmp_path)
    config = tmp_path / "nbval.cfg"
    config.write_text((ROOT / "tests/nbval.cfg").read_text(encoding="utf8") + MTU, encoding="utf8")
    nbval = ["--nbval", f"--nbval-sanitize-with={config}", "--nbval-cell-timeout=60"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", *nbval, *map(str, notebooks)],
        env={**os.environ, "LABKIT_TIER": tier}, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT,
        preexec_fn=None if os.geteuid() else new_network,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
