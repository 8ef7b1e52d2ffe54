"""A notebook where the system allows less: few capabilities, a read-only /proc/sys, no pidfd_open.

Rule: what can be had is had, and `labkit doctor` says beforehand exactly what the kernel then does; refusals are real.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import LABKIT, without
from tests.lab.kernels import CHANNELS, GREETING, FrontEnd, Trace, ask
from tests.needs import need_private_network
from tests.refusals import ORDINARY, no_pidfd, no_setsid, no_unshare, read_only_settings

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to take away")

OWN = "live from this notebook's own network"
OVER_A_WIRE = "live from a wire between two hosts"
READ_ONLY = "nothing below /proc/sys/net can be changed: Read-only file system"

# Five datagrams over a wire, of which the second is lost, and a TCP connection; what the tapes say.
WIRED = """
from labkit import lab, net
import socket
with lab.Wire() as wire:
    wire.drop(protocol="UDP", nth=2)
    with wire.capture(9000) as tape:
        receiver = wire.server.socket(kind=socket.SOCK_DGRAM)
        receiver.bind((wire.server.address, 9000))
        sender = wire.client.socket(kind=socket.SOCK_DGRAM)
        for number in range(5):
            sender.sendto(bytes((number,)), (wire.server.address, 9000))
    print(len(tape), [packet.verdict.kind for packet in tape if packet.verdict])
    with wire.capture(8124, name="handshake") as tape:
        with wire.server:
            server = net.create_server(lambda peer: peer.end("hello")).listen(8124, wire.server.address)
        with wire.client:
            client = net.connect(8124, wire.server.address)
        client.wait_for("end")
        client.end()
    print(tape.live, tape.origin)
    print(len(tape.connections))
    print(wire.why_not_textbook)
"""

NO_ROOM = """
from labkit import lab, net
with lab.Wire() as wire:
    wire.server.set("net.ipv4.tcp_rmem", "8192 8192 8192")
    with wire.server:
        busy = net.create_server(pause_on_connect=True).listen(8125, wire.server.address)
    with wire.capture(8125) as tape:
        with wire.client:
            client = net.connect(8125, wire.server.address)
        accepted = busy.wait_for("connection")
        client.set_timeout(1.2).end(bytes(6000))
        client.wait_for("timeout")
        accepted.resume()
        client.wait_for("close")
    print(sum(packet.sender == "server" and packet.window == 0 for packet in tape))
"""

PLACES = "from pathlib import Path; print(*(line.split()[-1] for line in Path('{}').read_text().splitlines()))"


@pytest.fixture(autouse=True)
def _needs() -> None:
    need_private_network()


def doctor(prepare: Callable[[], None] | None, before: tuple[str, ...], **variables: str) -> tuple[str, str]:
    """What doctor foretells under the same conditions: capture in a notebook, and a wire in it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("LABKIT_TIER", "LABKIT_NETWORK")}
    told = subprocess.run(
        [*before, LABKIT, "doctor"], preexec_fn=prepare, env={**kept, **variables}, capture_output=True, text=True,
        timeout=60, check=True,
    ).stdout  # fmt: skip
    capture = re.search(r"^capture in a notebook with the kernel labkit: (.*)$", told, re.MULTILINE)
    wire = re.search(r"^wire in a notebook with the kernel labkit: (.*)$", told, re.MULTILINE)
    assert capture, told
    assert wire, told
    return capture[1], wire[1]


class TestReadOnlySettings:
    """Containers mount /proc/sys read-only: a wire is live all the same, with Linux's own TCP."""

    @pytest.mark.parametrize("before", [(), pytest.param(ORDINARY, marks=as_root)], ids=["as this user", "as ordinary"])
    def test_a_wire_is_live_and_says_what_is_not_as_in_books(self, tmp_path: Path, before: tuple[str, ...]) -> None:
        words = without(*before) if before else ()
        capture, wire = doctor(read_only_settings, words)
        assert capture == "live, in a network of its own"
        assert wire == f"live, but TCP has Linux's own settings ({READ_ONLY})"
        with FrontEnd(tmp_path, before=words, prepare=read_only_settings) as front:
            client = front.connect()
            assert ask(client, GREETING).startswith(OWN)
            assert ask(client, WIRED).splitlines() == [
                "5 ['dropped']", f"True {OVER_A_WIRE}, TCP with Linux's own settings", "1", READ_ONLY,
            ]  # fmt: skip
            said = ask(client, "with lab.Wire() as wire: wire.client.set('net.ipv4.tcp_sack', 0)", fails=True)
            assert said.startswith("LabError: net.ipv4.tcp_sack cannot be set to 0: Read-only file system")
            assert "read-only" in said.partition(". ")[2]
            assert READ_ONLY in ask(client, "with lab.Wire() as wire: print(wire)")

    @pytest.mark.parametrize("prepare", [None, read_only_settings], ids=["may be set", "read-only"])
    def test_a_small_buffer_closes_the_window_all_the_same(
        self, tmp_path: Path, prepare: Callable[[], None] | None
    ) -> None:
        """Lesson 01d, the receiver without room."""
        with FrontEnd(tmp_path, prepare=prepare) as front:
            said = ask(front.connect(), NO_ROOM)
        assert int(said) >= 2  # the full window, and at least one answer to a probe

    def test_elsewhere_nothing_is_missing(self, tmp_path: Path) -> None:
        capture, wire = doctor(None, ())
        assert (capture, wire) == ("live, in a network of its own", "live")
        with FrontEnd(tmp_path) as front:
            assert ask(front.connect(), WIRED).splitlines()[1:] == [f"True {OVER_A_WIRE}", "1", ""]

    def test_no_interface_has_an_ipv6_address(self, tmp_path: Path) -> None:
        """Who has none sends no router solicitation, no test for a second owner, and no report of groups."""
        with FrontEnd(tmp_path, prepare=read_only_settings) as front:
            client = front.connect()
            ask(client, f"from labkit import lab\nwire = lab.Wire()\ndef names():\n"
                f"    {PLACES.format('/proc/thread-self/net/if_inet6')}")  # fmt: skip
            for host in ("client", "server"):
                assert ask(client, f"wire.{host}.run(names)") in ("lo\n", "\n")


@as_root
class TestRootWithLess:
    """Root in a container has some of root's capabilities: too few for the short way, and the way of users is left."""

    @pytest.mark.parametrize(
        "missing", [("net_admin",), ("net_raw",), ("net_admin", "net_raw"), ORDINARY], ids=lambda each: "-".join(each)
    )
    def test_it_goes_as_an_ordinary_user_does(self, tmp_path: Path, missing: tuple[str, ...]) -> None:
        before = without(*missing)
        assert doctor(None, before) == ("live, in a network of its own", "live")
        with FrontEnd(tmp_path, before=before) as front:
            client = front.connect()
            assert ask(client, GREETING).startswith(OWN)
            assert ask(client, WIRED).startswith("5 ['dropped']\nTrue live from a wire between two hosts\n")

    def test_a_kernel_with_all_of_them_stays_in_its_user_namespace(self, tmp_path: Path) -> None:
        with FrontEnd(tmp_path) as front:
            assert ask(front.connect(), "import os; print(os.readlink('/proc/self/ns/user'))").strip() == os.readlink(
                "/proc/self/ns/user"
            )


class TestWithoutPidfd:
    """conda's Python has no os.pidfd_open; the kernel labkit and doctor need none of Python's."""

    @pytest.mark.parametrize("prepare", [None, no_pidfd], ids=["Python has not", "the system has not"])
    def test_a_network_of_its_own_and_nothing_left(
        self, tmp_path: Path, prepare: Callable[[], None] | None
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text("import os\nif hasattr(os, 'pidfd_open'):\n    del os.pidfd_open\n")
        variables = {"PYTHONPATH": str(tmp_path)}
        assert doctor(prepare, (), **variables) == ("live, in a network of its own", "live")
        with FrontEnd(tmp_path, prepare=prepare, **variables) as front:
            client = front.connect()
            assert ask(client, "import os; print(hasattr(os, 'pidfd_open'))") == "False\n"
            assert ask(client, GREETING).startswith(OWN)
            assert int(ask(client, "print(labkit.lab.publish(8124, outside=0).port)"))
            trace = Trace(client, dict.fromkeys(CHANNELS, 0))
            # A program that the kernel forked holds the channel for longer than the kernel lives.
            child = int(ask(client, "import signal, warnings\nwarnings.simplefilter('ignore')\nchild = os.fork()\n"
                                    "if child == 0:\n    signal.pause()\nprint(child)"))  # fmt: skip
            try:
                front.process.kill()
                front.process.wait()
                trace.command = b"?"  # the fork has the kernel's command line
                trace.assert_gone()
            finally:
                os.kill(child, 9)


class TestRefused:
    """What cannot be had: doctor says so, with the words that the kernel keeps."""

    @pytest.mark.parametrize(
        ("prepare", "why"),
        [(no_unshare, "unshare: Operation not permitted"),
         (no_setsid, "no process could stay outside (the outside process ended at once)")],
        ids=["a network", "a process outside"],
    )  # fmt: skip
    def test_doctor_says_what_the_kernel_says(self, tmp_path: Path, prepare: Callable[[], None], why: str) -> None:
        capture, wire = doctor(prepare, ())
        assert capture.startswith("as in this terminal, ")
        with FrontEnd(tmp_path, prepare=prepare) as front:
            client = front.connect()
            assert ask(client, "import os; print(os.environ['LABKIT_NETWORK'])") == f"shared: {why}\n"
            live = ask(client, "from labkit import lab; print(lab.Wire().live)").strip()
            assert live == str(wire.startswith("live"))
