"""``labkit shell``: from a terminal into a running kernel's network.

Rule: the program as a user runs it; the kernels are real ones, started by their kernel.json.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.core.errors import LabError
from labkit.lab import shell
from tests.cli.conftest import run, without
from tests.lab.kernels import FrontEnd, ask
from tests.needs import need_private_network, need_tool

GREETER = "from labkit import net\nserver = net.create_server(lambda peer: peer.end('hello\\n')).listen(8124)"
BEFORE = without("sys_admin", "net_admin", "net_raw") if os.geteuid() == 0 else ()
"""Words in front of a program that make root an ordinary user, as far as networks go."""


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    need_private_network()


@pytest.fixture(params=["ordinary user", "root"] if os.geteuid() == 0 else ["ordinary user"])
def before(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return BEFORE if request.param == "ordinary user" else ()


@pytest.fixture
def front(tmp_path: Path, before: tuple[str, ...]) -> Iterator[FrontEnd]:
    with FrontEnd(tmp_path, before=before, JPY_SESSION_NAME="/home/someone/course/01a-tcp-connection.ipynb") as started:
        ask(started.connect(), GREETER)
        yield started


def entered(front: FrontEnd, before: tuple[str, ...], *command: str) -> subprocess.CompletedProcess[str]:
    return run("shell", str(front.process.pid), *(("--", *command) if command else ()), before=before)


def test_a_command_in_the_kernel_s_network(front: FrontEnd, before: tuple[str, ...]) -> None:
    told = entered(front, before, need_tool("nc"), "-d", "127.0.0.1", "8124")
    assert (told.returncode, told.stdout, told.stderr) == (0, "hello\n", "")


def test_telnet_as_the_chapter_shows_it(front: FrontEnd, before: tuple[str, ...]) -> None:
    told = entered(front, before, need_tool("telnet"), "127.0.0.1", "8124")
    assert "Connected to 127.0.0.1" in told.stdout


def test_what_it_may_do_and_who_it_is(front: FrontEnd, before: tuple[str, ...]) -> None:
    words = ("sh", "-c", "echo $LABKIT_NETWORK; id -u; readlink /proc/self/ns/net; grep CapEff /proc/self/status")
    network, uid, namespace, capabilities = entered(front, before, *words).stdout.splitlines()
    assert (network, uid) == ("private", str(os.getuid()))
    assert namespace == os.readlink(f"/proc/{front.process.pid}/ns/net")
    wanted = 1 << 10 | 1 << 12 | 1 << 13  # ports below 1024, interfaces, capture
    assert int(capabilities.split()[1], 16) & wanted == wanted


def test_doctor_there_knows_where_it_is(front: FrontEnd, before: tuple[str, ...]) -> None:
    from tests.cli.conftest import LABKIT

    assert "live, in this notebook's own network" in entered(front, before, LABKIT, "doctor").stdout


def test_the_shell_says_where_it_is(front: FrontEnd, before: tuple[str, ...]) -> None:
    told = run("shell", str(front.process.pid), before=before, SHELL="/bin/sh")
    first = told.stdout.splitlines()[0]
    pid = front.process.pid
    assert first == f"in the network of 01a-tcp-connection.ipynb (pid {pid}); leave it with exit"


def test_a_command_that_does_not_exist(front: FrontEnd, before: tuple[str, ...]) -> None:
    told = entered(front, before, "no-such-program")
    assert told.returncode == 1
    assert "no-such-program cannot be run (No such file or directory)" in told.stderr


def test_its_exit_code_is_the_command_s(front: FrontEnd, before: tuple[str, ...]) -> None:
    assert entered(front, before, "sh", "-c", "exit 7").returncode == 7


def test_the_kernel_is_found_once_and_named(front: FrontEnd, before: tuple[str, ...]) -> None:
    assert front.client is not None
    ask(front.client, "import os, signal, warnings\nwarnings.simplefilter('ignore')\n"
        "child = os.fork()\nif child == 0:\n    signal.pause()")  # fmt: skip
    try:
        found = [kernel for kernel in shell.kernels() if kernel.name == "01a-tcp-connection.ipynb"]
        assert [kernel.pid for kernel in found] == [front.process.pid]
    finally:
        ask(front.client, "os.kill(child, signal.SIGKILL); os.waitpid(child, 0)")


def test_one_that_is_not_there() -> None:
    told = run("shell", "1")
    assert told.returncode == 1
    assert told.stderr.startswith("labkit: LabError: process 1 is not a kernel of yours with a network of its own")


def test_by_the_first_letters_of_its_name(front: FrontEnd, before: tuple[str, ...]) -> None:
    for name in ("01a", "01a-tcp-connection.ipynb", str(front.process.pid)):
        assert run("shell", name, "--", "echo", "in", before=before).stdout == "in\n"


def test_words_that_are_no_kernel(front: FrontEnd) -> None:
    told = run("shell", "nobody")
    assert told.returncode == 1
    assert told.stderr.startswith("labkit: LabError: nobody is not the name of a notebook of yours")
    assert f"{front.process.pid} (01a-tcp-connection.ipynb)" in told.stderr
    assert "There is no program of this name either." in told.stderr


def test_a_command_needs_no_hyphens(front: FrontEnd, before: tuple[str, ...]) -> None:
    kernel = str(front.process.pid)
    told = run("shell", kernel, need_tool("telnet"), "127.0.0.1", "8124", before=before)
    assert "Connected to 127.0.0.1" in told.stdout
    # an option belongs to the command, also one that labkit has
    assert run("shell", kernel, "echo", "-h", "--update", before=before).stdout == "-h --update\n"


@pytest.mark.parametrize(
    ("words", "kernel", "command"),
    [
        ("", None, []),
        ("4711", "4711", []),
        ("01a", "01a", []),
        ("sh", None, ["sh"]),
        ("sh -c ls", None, ["sh", "-c", "ls"]),
        ("01a sh -c ls", "01a", ["sh", "-c", "ls"]),
        ("-- 01a", None, ["01a"]),
        ("sh -- ls", "sh", ["ls"]),
        ("4711 -- ls --", "4711", ["ls", "--"]),
    ],
)
def test_what_the_words_mean(words: str, kernel: str | None, command: list[str]) -> None:
    assert shell.taken_apart(words.split()) == (kernel, command)


def test_two_kernels_are_one_too_many() -> None:
    told = run("shell", "01a", "01b", "--", "ls")
    assert told.returncode == 1
    assert "01a 01b are 2 kernels, and a command runs in one" in told.stderr


def test_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "kernels", list)
    with pytest.raises(LabError, match="no kernel of yours has a network of its own"):
        shell.choose(None)


def test_several_are_listed(tmp_path: Path) -> None:
    fronts = []
    try:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            fronts.append(FrontEnd(tmp_path / name, JPY_SESSION_NAME=f"{name}.ipynb"))
        for front in fronts:
            front.connect()
        for command in ([], ["telnet", "127.0.0.1", "8124"]):
            told = run("shell", "--", *command)
            assert told.returncode == 1
            for name, front in zip("ab", fronts, strict=True):
                meant = " ".join([str(front.process.pid), *command])
                assert f"  labkit shell {meant}    {name}.ipynb" in told.stdout.splitlines()
    finally:
        for front in fronts:
            front.__exit__()


def test_nc_is_told_to_end_wherever_it_is_named() -> None:
    """Without -N it stays when its input has ended, and the server never hears of the end."""
    root = Path(__file__).resolve().parents[2]
    texts = [*(root / "lessons").glob("*.md"), root / "README.md", root / "docs" / "instructors.md"]
    named = [call for path in texts for call in re.findall(r"`(nc [^`]+)`", path.read_text(encoding="utf8"))]
    assert named
    assert [call for call in named if "-u" not in call.split() and "-N" not in call.split()] == []
