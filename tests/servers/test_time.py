"""The time server as a process, asked by nc and by plain sockets: T-2.1, T-2.2.

Rule: the clients are the system's, nothing of labkit is on their side.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from labkit import cli
from labkit.servers import time
from tests.needs import need_tool
from tests.servers.conftest import Serving, Terminal

Serve = Callable[..., Serving]
Open = Callable[..., Terminal]

CLOCK = re.compile(r"\d\d:\d\d:\d\d")


def plain(host: str) -> socket.socket:
    """A plain UDP socket of the host's family."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(30)
    return made


class TestT22Time:
    """T-2.2: a server on 41234 prints who asks what; a client sends one datagram and is done."""

    def test_the_chapters_port(self) -> None:
        assert time.PORT == 41234

    def test_by_nc(self, serve: Serve, terminal: Open) -> None:
        server = serve("time", "--port", "0")
        assert server.said == f"time listens on 127.0.0.1 port {server.port}; stop it with Ctrl-C\n"
        nc = terminal(need_tool("nc"), "-u", "127.0.0.1", server.port)
        for question in ("what time is it?", "您好"):
            nc.type(f"{question}\n")
            nc.see(f"{question}\r\n")  # the terminal shows what is typed
            found = re.fullmatch(r"127\.0\.0\.1:\d+ asks: '(.*)\\n'\n", server.line())
            assert found
            assert found[1] == question
            nc.see(":")
        assert server.stop() == (0, "", "")

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_by_a_plain_socket(self, serve: Serve, host: str) -> None:
        server = serve("time", "--port", "0", "--host", host)
        with plain(host) as client:
            client.sendto(b"now?", (host, int(server.port)))
            answer, sender = client.recvfrom(100)
            port = client.getsockname()[1]
        assert CLOCK.fullmatch(answer.decode())
        assert sender[:2] == (host, int(server.port))
        assert server.line() == f"{host}:{port} asks: 'now?'\n"

    def test_three_peers_at_once(self, serve: Serve) -> None:
        """T-2.1: no connection; one socket answers them all."""
        server = serve("time", "--port", "0")
        peers = [plain("127.0.0.1") for _ in range(3)]
        for peer in peers:
            peer.sendto(b"now?", ("127.0.0.1", int(server.port)))
        for peer in reversed(peers):
            assert CLOCK.fullmatch(peer.recv(100).decode())
            peer.close()

    @pytest.mark.parametrize("question", [b"", b"\xff\xfe\0", b"\x1b[2J", b"x" * 65507])
    def test_hostile_questions_are_shown_harmlessly(self, serve: Serve, question: bytes) -> None:
        server = serve("time", "--port", "0")
        with plain("127.0.0.1") as client:
            client.sendto(question, ("127.0.0.1", int(server.port)))
            assert CLOCK.fullmatch(client.recv(100).decode())
        line = server.line()
        assert line.removesuffix("\n").isprintable()
        assert " asks: '" in line
        assert server.stop() == (0, "", "")


class TestStarting:
    """How it starts, ends, and refuses to start."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_ends_and_frees_the_port(self, serve: Serve, number: int) -> None:
        server = serve("time", "--port", "0")
        assert server.stop(number) == (0, "", "")
        with plain("127.0.0.1") as after:
            after.bind(("127.0.0.1", int(server.port)))

    def test_the_port_is_taken(self) -> None:
        with plain("127.0.0.1") as holder:
            holder.bind(("127.0.0.1", 0))
            port = holder.getsockname()[1]
            said = refused("--port", str(port))
        assert said.startswith(f"labkit: PortInUse: UDP port 127.0.0.1:{port} is taken by ")
        assert f"(pid {os.getpid()})" in said
        assert said.endswith("Close it, or --port 0 for any free port.\n")

    def test_not_to_other_machines_unless_told_so(self) -> None:
        said = refused("--port", "0", "--host", "0.0.0.0")
        assert said.startswith("labkit: LabError: 0.0.0.0:0 can be reached from other machines")
        assert said.endswith("add --expose.\n")

    def test_no_path(self) -> None:
        assert refused("--path", "/tmp/x") == (
            "labkit: LabError: time speaks UDP, and a path is for TCP's servers. Use --port.\n"
        )

    def test_it_is_in_the_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            cli.main(["serve", "--help"])
        assert "time" in capsys.readouterr().out


def refused(*arguments: str) -> str:
    """What ``labkit serve time`` says on stderr where it cannot start."""
    done = subprocess.run(
        [sys.executable, "-m", "labkit.cli", "serve", "time", *arguments], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr
