"""``labkit doctor`` and ``labkit --version``: what this machine allows, why not better, what to do.

Rule: a tier is taken away for real where that can be done (root's capabilities), else forced by its name.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

import pytest

import labkit
from labkit.packets import status
from labkit.packets.probe import TIERS
from tests.cli.conftest import LABKIT, refusal, run, without
from tests.needs import need_live_capture, need_private_network, need_tool

IN_NOTEBOOK = "capture in a notebook with the kernel labkit: "
IN_TERMINAL = "capture in this terminal: "

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to take away")


class Doctor:
    """What it printed, taken apart. capture: its verdict of this terminal. tiers: (works, why, what to do) by name.

    notebook: its verdict of a notebook with the kernel labkit; private: the one tier that is judged there.
    """

    def __init__(self, *, before: tuple[str, ...] = (), **environment: str) -> None:
        told = run("doctor", before=before, **environment)
        assert (told.returncode, told.stderr) == (0, "")
        self.lines = told.stdout.splitlines()
        self.capture = self.notebook = ""
        self.tiers: dict[str, tuple[bool, str, str]] = {}
        self.private: tuple[bool, str, str] | None = None
        for line in self.lines:
            if line.startswith(IN_NOTEBOOK):
                self.notebook = line.removeprefix(IN_NOTEBOOK)
            elif line.startswith(IN_TERMINAL):
                self.capture = line.removeprefix(IN_TERMINAL)
                self.private, self.tiers = self.tiers["private"], {}
            elif found := re.fullmatch(r"  (yes|no )  (\w+): (.*)", line):
                name = found[2]
                self.tiers[name] = (found[1] == "yes", found[3], "")
            elif found := re.fullmatch(r" {9}to have it: (.*)", line):
                self.tiers[name] = (*self.tiers[name][:2], found[1])
        assert self.capture
        assert self.notebook
        assert self.private is not None


class TestAsThisUser:
    """Without anything forced."""

    def test_it_says_where_it_runs(self) -> None:
        lines = Doctor().lines
        assert lines[0].startswith(f"labkit {labkit.__version__}, Python {platform.python_version()}, ")
        assert lines[1] in ("event loop: uvloop", "event loop: asyncio")

    def test_it_names_the_tier_that_a_capture_uses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LABKIT_TIER", raising=False)
        monkeypatch.delenv("LABKIT_NETWORK", raising=False)
        doctor = Doctor()
        assert doctor.capture == str(status()).removesuffix(" (see `labkit doctor`)")  # which is what runs here
        assert list(doctor.tiers) == list(TIERS)
        assert doctor.tiers[status().tier][0]

    def test_it_says_which_wire_a_notebook_has(self) -> None:
        (wire,) = (line for line in Doctor().lines if line.startswith("wire in a notebook with the kernel labkit: "))
        assert re.search(": (live|UDP through a relay, TCP recorded: .+|none: .+)", wire)
        (wire,) = (line for line in Doctor(LABKIT_TIER="recorded").lines if line.startswith("wire in "))
        assert wire.endswith(": UDP through a relay, TCP recorded: LABKIT_TIER asks for recordings")

    def test_nothing_is_refused_without_saying_why_and_what_to_do(self) -> None:
        doctor = Doctor()
        assert doctor.private is not None
        for works, why, todo in [doctor.private, *doctor.tiers.values()]:
            assert why
            assert works or todo or why.startswith("not tried: ")


class TestOfANotebook:
    """What a notebook with the kernel labkit would have is tried, in a child that is thrown away."""

    def test_a_network_of_its_own(self) -> None:
        need_private_network()
        doctor = Doctor()
        assert doctor.notebook == "live, in a network of its own"
        assert doctor.private == (
            True, "in a network of its own, an AF_PACKET ring on lo saw a datagram sent to it", "",
        )  # fmt: skip

    @as_root
    def test_also_for_who_may_not_capture_in_the_terminal(self) -> None:
        need_private_network()
        doctor = Doctor(before=without("sys_admin", "net_raw", "net_admin"))
        assert doctor.notebook == "live, in a network of its own"
        assert doctor.capture.startswith("recorded, since this machine lets you capture nothing")

    def test_another_tier_forced(self) -> None:
        doctor = Doctor(LABKIT_TIER="recorded")
        assert doctor.notebook == f"as in this terminal, {doctor.capture}"
        assert doctor.private == (
            False, "no network of its own: LABKIT_TIER=recorded asks for the machine's own network",
            "Unset LABKIT_TIER, and restart the kernel.",
        )  # fmt: skip

    def test_a_terminal_is_told_how_to_come_in(self) -> None:
        works, why, todo = Doctor().tiers["private"]
        assert not works
        assert why == "this program is in the machine's own network"
        assert "`labkit shell`" in todo

    def test_private_forced_in_a_terminal(self) -> None:
        doctor = Doctor(LABKIT_TIER="private")
        assert doctor.capture == "none, for this program is in the machine's own network"

    def test_inside_a_kernel_it_says_what_this_kernel_has(self) -> None:
        told = run("doctor", LABKIT_NETWORK="shared: unshare: Operation not permitted").stdout.splitlines()
        assert told[2].startswith("capture in this notebook: ")
        assert told[3] == "  no   private: no network of its own: unshare: Operation not permitted"
        assert told[4].startswith("         to have it: ")


class TestForced:
    """A tier named by LABKIT_TIER is used, or nothing is; and that it was forced is said."""

    def test_recorded(self) -> None:
        doctor = Doctor(LABKIT_TIER="recorded")
        assert doctor.capture.startswith("recorded")
        assert "  LABKIT_TIER=recorded asks for this: unset it to have the best that works here" in doctor.lines
        assert doctor.tiers["recorded"][0]
        assert doctor.tiers["direct"] == (False, "not tried: LABKIT_TIER comes first", "")

    @pytest.mark.parametrize(("tier", "says"), [("direct", "live, by an AF_PACKET ring"), ("tool", "live, by a capt")])
    def test_live(self, tier: str, says: str) -> None:
        need_live_capture()
        if tier == "direct" and not sys.platform.startswith("linux"):
            pytest.skip("only Linux has packet sockets")
        if tier == "tool":
            need_tool("tcpdump")
        doctor = Doctor(LABKIT_TIER=tier)
        assert doctor.capture.startswith(says)
        assert doctor.tiers[tier][0]
        assert "saw a datagram sent to it" in doctor.tiers[tier][1]

    @as_root
    @pytest.mark.parametrize("tier", ["direct", "tool"])
    def test_one_that_does_not_work_is_not_called_live(self, tier: str) -> None:
        doctor = Doctor(before=without("net_raw", "net_admin"), LABKIT_TIER=tier)
        works, why, todo = doctor.tiers[tier]
        assert not works
        assert todo
        assert doctor.capture == f"none, for {why}"

    def test_one_that_does_not_exist(self) -> None:
        said = refusal(run("doctor", LABKIT_TIER="psychic"))
        assert "LABKIT_TIER=psychic is not a way to capture" in said
        assert "private, direct, tool, recorded" in said


@as_root
class TestWithoutTheRight:
    """Root without the capabilities, which is an ordinary user in a container."""

    def test_recorded_and_why(self) -> None:
        doctor = Doctor(before=without("net_raw", "net_admin"))
        assert doctor.capture.startswith("recorded, since this machine lets you capture nothing")
        works, why, todo = doctor.tiers["direct"]
        assert not works
        assert "Operation not permitted" in why
        assert "CAP_NET_RAW" in todo
        works, why, todo = doctor.tiers["tool"]
        assert not works
        assert "refuses" in why or "not installed" in why
        assert todo

    @pytest.mark.parametrize(
        ("does", "says"),
        [("echo broken on purpose >&2; exit 1", "broken on purpose"), ("exec cat", "refuses: ")],
        ids=["a capture program that fails", "one that never speaks"],
    )
    def test_why_not_a_tool(self, tmp_path: Path, does: str, says: str) -> None:
        for name in ("tcpdump", "dumpcap"):
            stub = tmp_path / name
            stub.write_text(f"#!/bin/sh\n{does}\n")
            stub.chmod(0o755)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        doctor = Doctor(before=without("net_raw", "net_admin"), PATH=path)
        assert doctor.capture.startswith("recorded")
        works, why, todo = doctor.tiers["tool"]
        assert not works
        assert why.count(says) == 2  # of tcpdump, and of dumpcap
        assert todo


def test_no_recordings_is_said(tmp_path: Path) -> None:
    doctor = Doctor(LABKIT_TIER="recorded", LABKIT_DATA=str(tmp_path / "nowhere"))
    assert doctor.capture == "none, for the directory of recorded captures is missing"
    assert doctor.tiers["recorded"] == (
        False, "the directory of recorded captures is missing", "Set LABKIT_DATA to its path.",
    )  # fmt: skip


def test_version() -> None:
    told = run("--version")
    assert (told.returncode, told.stdout, told.stderr) == (0, f"labkit {labkit.__version__}\n", "")
    assert Path(LABKIT).exists()
