"""The greeter and the echo server, as processes, with telnet and nc: T-1.3, T-1.4, T-1.6.

Rule: the clients are the system's, nothing of labkit is on their side.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.needs import need_tool
from tests.servers.conftest import Serving, Terminal

Serve = Callable[..., Serving]
Open = Callable[..., Terminal]

WELCOME = "Welcome!\n"
GREETING = "您好！"
ECHO = b"Echo server: say something.\n"
GOODBYE = "The client has disconnected.\n"


def nc(*where: str, send: bytes) -> bytes:
    """Send bytes through nc, close its input (half-close: -N), and return all that came back."""
    run = subprocess.run([need_tool("nc"), "-N", *where], input=send, capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    return run.stdout


class TestT13GreeterByTelnet:
    """T-1.3: a telnet user can talk to the greeter."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_a_session(self, serve: Serve, terminal: Open, host: str) -> None:
        greeter = serve("greeter", "--port", "0", "--host", host)
        assert greeter.said.startswith(f"greeter listens on {host} port ")
        telnet = terminal(need_tool("telnet"), host, greeter.port)
        telnet.see(f"Connected to {host}.")
        telnet.see("Escape character is '^]'.")
        telnet.see("Welcome!\r\n")  # a line of its own
        for _ in range(3):
            telnet.type("hello\n")
            telnet.see(GREETING)
        telnet.type("\x1d")
        telnet.see("telnet> ")
        telnet.type("quit\n")
        telnet.see("Connection closed.")
        assert telnet.process.wait(30) == 0
        assert greeter.line() == GOODBYE
        assert greeter.stop() == (0, "", "")

    def test_two_at_once(self, serve: Serve, terminal: Open) -> None:
        greeter = serve("greeter", "--port", "0")
        sessions = [terminal(need_tool("telnet"), "127.0.0.1", greeter.port) for _ in range(2)]
        for telnet in sessions:
            telnet.see("Welcome!")
        for telnet in reversed(sessions):
            telnet.type("x\n")
            telnet.see(GREETING)

    def test_the_server_stops_while_somebody_is_connected(self, serve: Serve, terminal: Open) -> None:
        greeter = serve("greeter", "--port", "0")
        telnet = terminal(need_tool("telnet"), "127.0.0.1", greeter.port)
        telnet.see("Welcome!")
        code, _, err = greeter.stop()
        assert (code, err) == (0, "")
        telnet.see("Connection closed by foreign host.")


class TestT13GreeterByNc:
    """T-1.3: a line on connecting, then 您好！ for each piece of data."""

    def test_a_line_and_a_half_close(self, serve: Serve) -> None:
        greeter = serve("greeter", "--port", "0")
        assert nc("127.0.0.1", greeter.port, send=b"hi\n") == (WELCOME + GREETING).encode()
        assert greeter.line() == GOODBYE
        assert greeter.stop() == (0, "", "")

    def test_nothing_sent(self, serve: Serve) -> None:
        greeter = serve("greeter", "--port", "0")
        assert nc("127.0.0.1", greeter.port, send=b"") == WELCOME.encode()

    def test_a_client_that_is_killed_does_not_hurt_the_server(self, serve: Serve) -> None:
        greeter = serve("greeter", "--port", "0")
        with subprocess.Popen(
            [need_tool("nc"), "127.0.0.1", greeter.port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline().decode() == WELCOME
            client.kill()
        assert greeter.line() == GOODBYE
        assert nc("127.0.0.1", greeter.port, send=b"") == WELCOME.encode()


class TestT14GreeterOnAPath:
    """T-1.4: the same server on a Unix socket, talked to with nc -U."""

    def test_nc_u(self, serve: Serve, path: str) -> None:
        greeter = serve("greeter", "--path", path)
        assert greeter.said == f"greeter listens on {path}; stop it with Ctrl-C\n"
        assert nc("-U", path, send=b"hi\n") == (WELCOME + GREETING).encode()
        assert greeter.line() == GOODBYE
        assert greeter.stop() == (0, "", "")
        assert not os.path.exists(path)

    def test_nc_u_at_a_terminal(self, serve: Serve, terminal: Open, path: str) -> None:
        serve("greeter", "--path", path)
        session = terminal(need_tool("nc"), "-N", "-U", path)
        session.see("Welcome!")
        session.type("hello\n")
        session.see(GREETING)
        session.type("\x04")  # Ctrl-D: end of input
        assert session.process.wait(30) == 0

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_socket_file_goes_with_the_server(self, serve: Serve, path: str, number: int) -> None:
        greeter = serve("greeter", "--path", path)
        assert os.path.exists(path)
        assert greeter.stop(number) == (0, "", "")
        assert not os.path.exists(path)

    def test_after_a_kill_the_file_left_behind_is_no_obstacle(self, serve: Serve, path: str) -> None:
        serve("greeter", "--path", path).stop(signal.SIGKILL)
        assert os.path.exists(path)
        second = serve("greeter", "--path", path)
        assert "left by a server that is gone" in second.said
        assert path in second.line()  # only now it listens
        assert nc("-U", path, send=b"") == WELCOME.encode()


class TestT16Echo:
    """T-1.6: the echo server, by piping a socket into itself."""

    @pytest.mark.parametrize("size", [0, 1, 100, 5_000_000])
    def test_nc_gets_back_what_it_sent(self, serve: Serve, size: int) -> None:
        echo, data = serve("echo", "--port", "0"), os.urandom(size)
        assert nc("127.0.0.1", echo.port, send=data) == ECHO + data
        assert echo.stop() == (0, "", "")

    def test_nc_u(self, serve: Serve, path: str) -> None:
        serve("echo", "--path", path)
        data = os.urandom(1_000_000)
        assert nc("-U", path, send=data) == ECHO + data

    def test_a_telnet_session(self, serve: Serve, terminal: Open) -> None:
        echo = serve("echo", "--port", "0")
        telnet = terminal(need_tool("telnet"), "127.0.0.1", echo.port)
        telnet.see("Escape character is '^]'.")
        for line in ("first line", "zweite Zeile"):
            telnet.type(line + "\n")
            telnet.see(line)  # by the terminal, as it is typed
            telnet.see(line)  # by the server
        telnet.type("\x1d")
        telnet.see("telnet> ")
        telnet.type("quit\n")
        telnet.see("Connection closed.")
        assert echo.stop() == (0, "", "")


class TestTrouble:
    """What a user sees when a server cannot start."""

    def test_a_port_in_use_is_one_line_naming_the_holder(self, serve: Serve) -> None:
        first = serve("echo", "--port", "0")
        second = serve("echo", "--port", first.port)
        _, err = second.process.communicate(timeout=30)
        assert second.process.returncode == 1
        assert err.count("\n") == 1
        assert err.startswith(f"labkit: PortInUse: 127.0.0.1:{first.port} is taken by ")
        assert f"(pid {first.process.pid})" in err

    def test_a_path_in_use(self, serve: Serve, path: str) -> None:
        serve("echo", "--path", path)
        second = serve("echo", "--path", path)
        _, err = second.process.communicate(timeout=30)
        assert (second.process.returncode, err.count("\n")) == (1, 1)
        assert path in err
        assert nc("-U", path, send=b"still the first") == ECHO + b"still the first"


class TestChapterDefaults:
    """The servers carry the chapter's ports, and stay short enough to be read."""

    def test_ports_path_and_greeting(self) -> None:
        from labkit.servers import echo, greeter

        assert (greeter.PORT, echo.PORT, greeter.PATH) == (8124, 1337, "/tmp/echo.sock")
        assert len(greeter.GREETING) == 3
        assert len(greeter.GREETING.encode()) == 9

    def test_in_a_program_of_ones_own(self) -> None:
        code = (
            "import socket\n"
            "from labkit import servers\n"
            "with servers.greeter.create().listen(0) as server:\n"
            "    with socket.create_connection(('127.0.0.1', server.port)) as plain:\n"
            "        assert plain.recv(100).decode() == servers.greeter.WELCOME\n"
            "    server.wait_for('connection')\n"
            "    server.close()\n"
            "    server.wait_for('close')\n"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert (run.stdout, run.stderr, run.returncode) == (GOODBYE, "", 0)
