"""Programs beside this one, the server that shows a certificate, and whom Chromium trusts.

Rule: nothing stays open or running after a question, whatever the answer was.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

import pytest

from labkit.ca import CA, asking, commands, nss
from labkit.ca.listening import Listener, listening
from labkit.core.errors import LabError, TimedOut
from tests.needs import leave_out, need_tool


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> str:
    """This Python as one of the programs: one that is surely there and does what it is told."""
    monkeypatch.setitem(commands.PROGRAMS, "python", (sys.executable,))
    return "python"


class TestRunning:
    """`commands.run`."""

    def test_what_it_leaves(self, python: str, tmp_path: Path) -> None:
        script = "import sys, os; print(sys.stdin.read(), os.getcwd()); print('why', file=sys.stderr); sys.exit(3)"
        done = commands.run(python, ["-c", script], folder=tmp_path, given="hello")
        assert done == commands.Done(3, f"hello {tmp_path}\n", "why\n")

    def test_it_is_ended_with_its_children(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(commands.PROGRAMS, "sh", ("sh",))
        os.mkfifo(tmp_path / "held")
        reads = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
        try:
            # Both hold the pipe open. It ends when both have ended.
            script = "exec 3>held; echo started >&3; sleep 600 & wait"
            with pytest.raises(TimedOut, match="sh did not end within 2 s"):
                commands.run("sh", ["-c", script], folder=tmp_path, timeout=2)
            os.set_blocking(reads, True)
            assert os.read(reads, 100) == b"started\n"
            assert os.read(reads, 100) == b""
        finally:
            os.close(reads)

    def test_it_does_not_see_the_users_settings(self, python: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTPS_PROXY", "all_proxy", "SSL_CERT_FILE", "SSLKEYLOGFILE", "NODE_OPTIONS", "OPENSSL_CONF"):
            monkeypatch.setenv(name, "/nothing")
        script = "import os; print([name for name, value in os.environ.items() if value == '/nothing'])"
        assert commands.run(python, ["-c", script], more={"MORE": "/nothing"}).out == "['MORE']\n"

    def test_what_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(commands.PROGRAMS, "gopher", ("no-such-program",))
        assert commands.find("gopher") is None
        assert commands.version("gopher") == ""
        with pytest.raises(LabError, match="gopher is not installed"):
            commands.run("gopher", [])

    def test_what_does_not_start(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(commands, "find", lambda program: str(tmp_path))
        with pytest.raises(LabError, match="curl did not start"):
            commands.run("curl", [])

    def test_versions(self, python: str) -> None:
        assert commands.version(python) == sys.version.split()[0]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A server's certificate and key; the CA's certificate is ``ca.pem`` beside them."""
    root = CA()
    (tmp_path / "ca.pem").write_bytes(root.cert_pem)
    made = root.issue("localhost").save(tmp_path, "server")
    return made.cert, made.key


class TestTheServer:
    """`Listener` says what it saw."""

    def said(self, files: tuple[Path, Path], talk: bytes | None) -> list[str]:
        """What it saw of a client that sends these bytes and ends."""
        with listening(*files) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
            if talk:
                client.sendall(talk)
            with contextlib.suppress(OSError):  # the server may have reset it already
                client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):  # the server may leave some of it unread
                while client.recv(4096):
                    pass
        return server.said

    def test_nobody_came(self, files: tuple[Path, Path]) -> None:
        with listening(*files) as server:
            pass
        assert server.said == []

    def test_an_end_at_once(self, files: tuple[Path, Path]) -> None:
        assert self.said(files, None) == ["the end of the connection, without an alert"]

    def test_plain_http(self, files: tuple[Path, Path]) -> None:
        assert self.said(files, b"GET / HTTP/1.1\r\n\r\n") == ["http request"]

    def test_bytes_that_are_no_tls(self, files: tuple[Path, Path]) -> None:
        assert self.said(files, b"hello, is it me you are looking for?\r\n") == ["wrong version number"]

    def test_several_at_once_in_their_order(self, files: tuple[Path, Path]) -> None:
        context = ssl.create_default_context(cafile=str(files[0].with_name("ca.pem")))
        with listening(*files) as server:
            first = socket.create_connection(("127.0.0.1", server.port))
            with (
                socket.create_connection(("127.0.0.1", server.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as second,
            ):
                second.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b""
                while piece := second.recv(4096):
                    answer += piece
            first.close()
        assert answer.endswith(b"\r\n\r\nok")
        assert server.said == ["the end of the connection, without an alert", "a request, and answered it"]

    def test_nothing_is_left(self, files: tuple[Path, Path]) -> None:
        before = set(threading.enumerate())
        asking.ask("python", asking.Question(*files, files[0].with_name("ca.pem")))
        assert set(threading.enumerate()) == before

    def test_an_old_version(self, files: tuple[Path, Path]) -> None:
        context = ssl.create_default_context(cafile=str(files[0].with_name("ca.pem")))
        server = Listener(*files, version=ssl.TLSVersion.TLSv1_2)
        try:
            with (
                socket.create_connection(("127.0.0.1", server.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as tls,
            ):
                assert tls.version() == "TLSv1.2"
        finally:
            server.close()
        assert len(server.said) == 1


class TestChromiumsTrust:
    """`nss.trust`."""

    def test_its_database_holds_one_ca(self, tmp_path: Path) -> None:
        if nss.library() is None:
            leave_out("libnss3", "apt install libnss3")
        root = CA("a CA that is trusted here")
        assert nss.trust(tmp_path, root.der) == ""
        stored = (tmp_path / ".pki/nssdb/cert9.db").read_bytes()
        assert root.der in stored
        assert (tmp_path / ".pki/nssdb").stat().st_mode & 0o777 == 0o700

    def test_what_is_no_certificate(self, tmp_path: Path) -> None:
        if nss.library() is None:
            leave_out("libnss3", "apt install libnss3")
        assert nss.trust(tmp_path, b"hello") == "the certificate cannot be read"

    def test_without_the_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nss, "library", lambda: None)
        assert nss.trust(tmp_path, CA().der) == "the library libnss3 is not there"
        monkeypatch.setattr(commands, "find", lambda program: "/usr/bin/true")
        assert asking.missing("chromium").startswith("the library libnss3, by which Chromium")

    def test_without_trust_chromium_refuses(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        need_tool("chromium")
        (tmp_path / "other.pem").write_bytes(CA("other").cert_pem)
        answer = asking.ask("chromium", asking.Question(*files, tmp_path / "other.pem"))
        assert answer.words == "net::ERR_CERT_AUTHORITY_INVALID"
