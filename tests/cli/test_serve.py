"""``labkit serve``: where it listens, how it ends, and what it says when it cannot start.

Rule: sessions with telnet and nc are in tests/servers; here the other side is a plain socket, or nobody.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit import cli
from labkit.servers import echo, greeter
from tests.cli.conftest import LABKIT, refusal, run, without
from tests.net.peers import read_exactly
from tests.servers.conftest import Serving, Terminal

Serve = Callable[..., Serving]
Open = Callable[..., Terminal]

GREETED = (greeter.WELCOME + greeter.GREETING).encode()
ECHOED = echo.WELCOME.encode() + b"hello"
HEADED = echo.WELCOME.encode() + b"x"


def talk(where: tuple[str, int] | str, words: bytes, expected: int) -> bytes:
    """Connect, send, read as many bytes as expected, and close."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(30)
        client.connect(where)
        client.sendall(words)
        got = b""
        while len(got) < expected and (piece := client.recv(expected - len(got))):
            got += piece
        return got


def can_be_bound(port: int) -> bool:
    """Whether nobody listens on the port any more. (Connections in TIME-WAIT do not count.)"""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            return False
        return True


class TestListening:
    """The line it prints is where it listens."""

    @pytest.mark.parametrize(("name", "back"), [("greeter", GREETED), ("echo", ECHOED)])
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
    def test_on_a_free_port(self, serve: Serve, name: str, back: bytes, host: str) -> None:
        server = serve(name, "--port", "0", "--host", host)
        found = re.fullmatch(rf"{name} listens on (\S+) port (\d+); stop it with Ctrl-C\n", server.said)
        assert found
        assert talk((found[1], int(found[2])), b"hello", len(back)) == back

    @pytest.mark.parametrize(("name", "back"), [("greeter", GREETED), ("echo", ECHOED)])
    def test_on_a_path(self, serve: Serve, path: str, name: str, back: bytes) -> None:
        assert serve(name, "--path", path).said == f"{name} listens on {path}; stop it with Ctrl-C\n"
        assert talk(path, b"hello", len(back)) == back

    def test_on_every_address_if_told_so_twice(self, serve: Serve) -> None:
        server = serve("echo", "--port", "0", "--host", "0.0.0.0", "--expose")
        told = re.fullmatch(r"Anyone who can reach this machine can now connect to 0\.0\.0\.0:(\d+)\.\n", server.said)
        port = re.fullmatch(r"echo listens on 0\.0\.0\.0 port (\d+); .*\n", server.line())
        assert told
        assert port
        assert told[1] == port[1] != "0"
        assert talk(("127.0.0.1", int(port[1])), b"x", len(HEADED)) == HEADED

    @pytest.mark.parametrize("server", [greeter, echo])
    def test_without_a_port_it_is_the_chapters(self, server: object, monkeypatch: pytest.MonkeyPatch) -> None:
        # Asked in this process, with nothing opened: the chapter's port may well be taken here.
        asked: list[tuple[object, ...]] = []

        def listen(self: object, *where: object, **options: object) -> None:
            asked.append(where)
            raise KeyboardInterrupt

        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        monkeypatch.setattr("labkit.net.Server.listen", listen)
        try:
            assert cli.main(["serve", server.__name__.rpartition(".")[2]]) == 130  # type: ignore[attr-defined]
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)
        assert asked == [(server.PORT, "127.0.0.1")]  # type: ignore[attr-defined]


class TestEnding:
    """Ctrl-C and SIGTERM end it with code 0, and nothing is left behind."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("name", ["greeter", "echo"])
    def test_the_port_is_free_again(self, serve: Serve, name: str, number: int) -> None:
        server = serve(name, "--port", "0")
        port = int(server.port)
        assert not can_be_bound(port)
        assert server.stop(number) == (0, "", "")
        assert can_be_bound(port)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_socket_file_is_gone(self, serve: Serve, path: str, number: int) -> None:
        server = serve("echo", "--path", path)
        assert os.path.exists(path)
        assert server.stop(number) == (0, "", "")
        assert not os.path.exists(path)

    def test_a_client_that_is_connected_sees_the_end(self, serve: Serve) -> None:
        server = serve("echo", "--port", "0")
        with socket.create_connection(("127.0.0.1", int(server.port)), timeout=30) as client:
            client.sendall(b"x")
            assert read_exactly(client, len(HEADED)) == HEADED
            assert server.stop() == (0, "", "")
            assert client.recv(1) == b""
        assert can_be_bound(int(server.port))

    def test_ctrl_c_at_a_terminal(self, terminal: Open) -> None:
        # Opened by the leader of its session, a terminal sends it the signal: as a shell in a window has it.
        in_front = ("sh", "-c", 'exec "$@" <"$(tty)"', "sh")
        server = terminal(*in_front, LABKIT, "serve", "echo", "--port", "0")
        server.see("echo listens on 127.0.0.1 port ")
        port = int(server.see("; stop it with Ctrl-C"))
        server.type("\x03")
        assert server.process.wait(30) == 0
        assert can_be_bound(port)

    def test_ctrl_c_twice(self, serve: Serve) -> None:
        server = serve("echo", "--port", "0")
        server.process.send_signal(signal.SIGINT)
        assert server.stop() == (0, "", "")


class TestRefusals:
    """When it cannot start: one line that names the cause, exit code 1, no traceback."""

    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = refusal(run("serve", "echo", "--port", str(port)))
        assert said.startswith(f"labkit: PortInUse: 127.0.0.1:{port} is taken by ")
        assert f"(pid {os.getpid()})" in said

    def test_path_in_use(self, path: str) -> None:
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(path)
            taken.listen()
            said = refusal(run("serve", "echo", "--path", path))
        assert said.startswith(f"labkit: PathInUse: another server listens on {path}.")
        assert os.path.exists(path)

    def test_path_of_a_file_that_is_no_socket(self, tmp_path: Path) -> None:
        mine = tmp_path / "thesis.txt"
        mine.write_text("of some value")
        assert "is already a file, and not a socket" in refusal(run("serve", "echo", "--path", str(mine)))
        assert mine.read_text() == "of some value"

    def test_path_in_no_directory(self, tmp_path: Path) -> None:
        where = tmp_path / "nowhere" / "s"
        said = refusal(run("serve", "echo", "--path", str(where)))
        assert said.startswith(f"labkit: NotFound: the directory of {where} does not exist")

    @pytest.mark.parametrize(("length", "what"), [(0, "this one has 0"), (300, "this one has 300")])
    def test_path_too_long_or_empty(self, length: int, what: str) -> None:
        assert what in refusal(run("serve", "echo", "--path", "x" * length))

    @pytest.mark.parametrize("port", ["-1", "65536", "99999999999999999999"])
    def test_bad_port(self, port: str) -> None:
        assert refusal(run("serve", "echo", "--port", port)).startswith(f"labkit: BadArgument: {port} is not a port. ")

    def test_a_port_that_is_no_number(self) -> None:
        told = run("serve", "echo", "--port", "http")
        assert told.returncode == 2
        assert "'http' is not a port: give a whole number from 0 to 65535" in told.stderr

    def test_host_that_is_no_address_of_this_machine(self) -> None:
        said = refusal(run("serve", "echo", "--port", "0", "--host", "192.0.2.1"))
        assert said.startswith("labkit: AddressUnavailable: 192.0.2.1:0 is not an address of this machine")

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "name.invalid"])
    def test_host_that_others_reach(self, host: str) -> None:
        said = refusal(run("serve", "echo", "--port", "0", "--host", host))
        assert host in said
        assert "can be reached from other machines" in said
        assert "expose" in said

    @pytest.mark.skipif(
        Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").exists()
        and Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text().strip() == "0",
        reason="on this machine every port is anyone's",
    )
    def test_port_without_permission(self) -> None:
        before = without("net_bind_service") if os.geteuid() == 0 else ()
        said = refusal(run("serve", "echo", "--port", "79", before=before))
        assert said.startswith("labkit: PermissionDenied: no permission for 127.0.0.1:79. ")
        assert "above 1023" in said

    def test_path_without_permission(self, tmp_path: Path) -> None:
        shut = tmp_path / "shut"
        shut.mkdir(mode=0o500)
        before = without("dac_override", "dac_read_search") if os.geteuid() == 0 else ()
        said = refusal(run("serve", "echo", "--path", str(shut / "s"), before=before))
        assert said.startswith(f"labkit: PermissionDenied: no permission for {shut / 's'}. ")


class TestUsage:
    """A command that cannot be understood: usage on stderr, exit code 2."""

    @pytest.mark.parametrize(
        "words",
        [
            "", "fly", "serve", "serve nosuch", "serve echo --port", "serve echo --port abc", "serve echo --port 1.5",
            "serve echo --loud", "serve echo --port 0 --path s", "doctor please", "record --fast",
        ],
    )  # fmt: skip
    def test_exit_code_2(self, words: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            cli.main(words.split())
        assert ended.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("usage: labkit")
        assert "error: " in err.splitlines()[-1]

    def test_in_a_process(self) -> None:
        told = run("serve", "nosuch")
        assert (told.returncode, told.stdout) == (2, "")
        assert "Traceback" not in told.stderr
        assert "greeter" in told.stderr
        assert "echo" in told.stderr

    @pytest.mark.parametrize("words", ["--help", "serve --help", "doctor --help", "record --help"])
    def test_help(self, words: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            cli.main(words.split())
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("usage: labkit")
