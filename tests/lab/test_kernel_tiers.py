"""Where a kernel is to have no network of its own, or cannot: an ordinary kernel starts, and knows why.

Rule: a refusal is a real one of the system where that can be had: a limit, a seccomp filter, capabilities taken away.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.lab import kernel, namespaces, network_probe
from labkit.packets import probe
from tests.cli.conftest import without
from tests.lab.kernels import GREETING, WAIT, FrontEnd, ask, environment, listening_ports
from tests.needs import need_private_network
from tests.refusals import ORDINARY, no_unshare

TIER = "from labkit import packets; print(packets.status().tier, '|', packets.status())"
NETWORK = "import os; print(os.environ['LABKIT_NETWORK'])"
HERE = "import os; print(os.readlink('/proc/self/ns/net'))"

def no_more_namespaces() -> None:
    """Into a user namespace in which no further network may be made. Source: namespaces(7)."""
    uid, gid = os.getuid(), os.getgid()
    namespaces.unshare(namespaces.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path("/proc/self", name).write_text(text)
    Path("/proc/sys/user/max_net_namespaces").write_text("0")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


class TestAsAnOrdinaryUser:
    """The way through a user namespace; root without its capabilities takes it as well."""

    @pytest.fixture(autouse=True)
    def _needs(self) -> None:
        need_private_network()

    def test_a_network_of_its_own(self, tmp_path: Path) -> None:
        before = without(*ORDINARY) if os.geteuid() == 0 else ()
        with FrontEnd(tmp_path, before=before) as front:
            client = front.connect()
            assert ask(client, GREETING).startswith("live from this notebook's own network")
            assert ask(client, "import os; print(os.getuid())") == f"{os.getuid()}\n"
            user = ask(client, "print(os.readlink('/proc/self/ns/user'))").strip()
            assert user != os.readlink("/proc/self/ns/user")
            # Programs of the notebook keep the right: this one takes a port below 1024.
            low = "import socket; socket.create_server(('127.0.0.1', 80)).close(); print('taken')"
            assert ask(client, f'!{sys.executable} -c "{low}"').strip() == "taken"

    def test_what_belongs_to_the_user_can_be_written(self, tmp_path: Path) -> None:
        before = without(*ORDINARY) if os.geteuid() == 0 else ()
        with FrontEnd(tmp_path, before=before) as front:
            ask(front.connect(), "open('written', 'w').close()")
        assert (tmp_path / "written").stat().st_uid == os.getuid()


class TestForced:
    def test_private(self, tmp_path: Path) -> None:
        need_private_network()
        with FrontEnd(tmp_path, LABKIT_TIER="private") as front:
            assert ask(front.connect(), TIER) == "private | live, in this notebook's own network\n"

    @pytest.mark.parametrize("tier", ["direct", "tool", "recorded"])
    def test_another_is_had_in_the_machine_s_network(self, tmp_path: Path, tier: str) -> None:
        with FrontEnd(tmp_path, LABKIT_TIER=tier) as front:
            client = front.connect()
            assert ask(client, TIER).startswith(tier)
            assert ask(client, HERE).strip() == os.readlink("/proc/self/ns/net")
            assert ask(client, NETWORK) == f"shared: LABKIT_TIER={tier} asks for the machine's own network\n"
            assert ask(client, "from labkit.lab import outside_process; print(outside_process.current())") == "None\n"

    def test_private_where_it_is_refused_is_never_replaced(self, tmp_path: Path) -> None:
        with FrontEnd(tmp_path, prepare=no_unshare, LABKIT_TIER="private") as front:
            client = front.connect()
            said = ask(client, "import labkit\nlabkit.capture(8124)", fails=True)
            assert said.startswith("CaptureUnavailable: LABKIT_TIER=private, but no network of its own: unshare: ")
            assert "seccomp" in said


class TestRefused:
    """The kernel starts all the same; its cells run; the reason and what to do are there to read."""

    @pytest.mark.parametrize(
        ("prepare", "why", "todo"),
        [(no_unshare, "unshare: Operation not permitted", "seccomp"),
         (no_more_namespaces, "unshare: No space left on device", "sysctl -w user.max_user_namespaces=")],
        ids=["by a seccomp filter", "by the limit on namespaces"],
    )  # fmt: skip
    def test_by_the_system(self, tmp_path: Path, prepare: object, why: str, todo: str) -> None:
        if prepare is no_more_namespaces:
            need_private_network()
        with FrontEnd(tmp_path, prepare=prepare) as front:  # type: ignore[arg-type]
            client = front.connect()
            assert ask(client, "1 + 1") == "2"
            assert ask(client, NETWORK) == f"shared: {why}\n"
            assert ask(client, HERE).strip() == os.readlink("/proc/self/ns/net")
            reason = ask(client, "from labkit import packets; print(packets.status().reasons[0])")
            assert why in reason
            assert todo in reason
            told = ask(client, f"!{sys.executable} -m labkit.cli doctor")
            assert "capture in this notebook: " in told
            assert f"no   private: no network of its own: {why}" in told
            assert todo in told
            ask(client, "import labkit; published = labkit.lab.publish(8124)")
            said = ask(client, "print(published)")
            assert said.startswith("port 8124 of this machine's network, reachable by TCP at 127.0.0.1:")
            assert int(ask(client, "print(published.port)")) in listening_ports() - {8124}

    @pytest.mark.parametrize(
        ("name", "value"),
        [("kernel.unprivileged_userns_clone", "0"), ("user.max_user_namespaces", "0"),
         ("kernel.apparmor_restrict_unprivileged_userns", "1")],
    )  # fmt: skip
    def test_by_a_setting_that_is_named(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setattr(probe, "_setting", lambda asked: value if asked == name else "")
        assert f"sysctl -w {name}=" in probe.private_refused("unshare: Operation not permitted").todo

    def test_on_another_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "darwin")
        assert kernel.enter() == "only Linux has private networks"
        assert "capture tool" in probe.private_refused(network_probe.refusal()).todo


# Each in a program of its own, since it forks.
ATTEMPT = """
import {module} as module
module.{name} = {instead}
from labkit.lab import network_probe
network_probe.DEADLINE = {deadline}
print(network_probe.refusal())
"""


@pytest.mark.parametrize(
    ("module", "name", "instead", "says"),
    [
        ("labkit.lab.namespaces", "enter_private_network", "lambda: 1 / 0", "ZeroDivisionError: division by zero"),
        ("labkit.lab.namespaces", "enter_private_network", "lambda: __import__('os')._exit(3)", "trying it ended"),
        (
            "labkit.lab.network_probe", "_captures", "lambda: False",
            "a ring in the private network opened, but saw nothing",
        ),
        ("labkit.lab.network_probe", "_try", "lambda: __import__('signal').pause()", "trying it gave no"),
    ],
    ids=["an error", "a crash", "a capture that sees nothing", "no answer"],
)  # fmt: skip
def test_an_attempt_that_goes_wrong_is_a_refusal(module: str, name: str, instead: str, says: str) -> None:
    if name == "_captures":
        need_private_network()
    code = ATTEMPT.format(module=module, name=name, instead=instead, deadline=0.5 if "pause" in instead else 5.0)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT, env=environment())
    assert done.stdout.startswith(says), done
