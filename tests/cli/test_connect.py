"""``labkit connect``: what is typed goes out, what comes is printed, and what the command itself has to say.

Rule: stdout holds the bytes that came, and nothing else; each end of a connection is waited for, never slept for.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit import cli
from labkit.ca import CA, Identity
from tests.cli.conftest import LABKIT, WAIT, Terminal, refusal, run

ENDED = "the other side has ended the connection\n"


class Server:
    """A blocking server of one connection, in a thread. talk: what it does. got: what it has read at its end."""

    def __init__(self, talk: Callable[[socket.socket], bytes], context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._talk, self._context = talk, context
        self.port = str(self._listener.getsockname()[1])
        self.got = b""
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # closed before anybody came
            return
        connection.settimeout(WAIT)
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self.got = self._talk(connection)
                if isinstance(connection, ssl.SSLSocket):
                    connection.unwrap()  # close_notify: Python's close() does not send it
        except OSError as error:
            self.error = error
            connection.close()

    def end(self) -> None:
        """Wait for the end of its connection, if there is one."""
        with contextlib.suppress(OSError):  # ended before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT)
        self._listener.close()


def everything(connection: socket.socket) -> bytes:
    """Read to the end."""
    read = b""
    while piece := connection.recv(4096):
        read += piece
    return read


def greet_and_read(connection: socket.socket) -> bytes:
    """A greeting, and what comes back; then a last word, after the client has ended its side."""
    connection.sendall("welcome 您好！\n".encode())
    read = everything(connection)
    connection.sendall(b"bye\n")
    return read


Serve = Callable[..., Server]


@pytest.fixture
def serve_once() -> Iterator[Serve]:
    """Start a `Server`; it is over at the end of the test."""
    started: list[Server] = []

    def start(talk: Callable[[socket.socket], bytes], context: ssl.SSLContext | None = None) -> Server:
        started.append(Server(talk, context))
        return started[-1]

    yield start
    for each in started:
        each.end()


def connect(*words: str, typed: bytes = b"", code: int = 0) -> tuple[bytes, str]:
    """Run it with this input to its end; returns stdout and stderr."""
    done = subprocess.run([LABKIT, "connect", *words], input=typed, capture_output=True, timeout=WAIT, check=False)
    assert done.returncode == code, done
    return done.stdout, done.stderr.decode()


class TestOverTCP:
    """Without TLS."""

    def test_both_directions_and_a_half_close(self, serve_once: Serve) -> None:
        server = serve_once(greet_and_read)
        out, said = connect("127.0.0.1", server.port, typed=b"hello\nyou")
        assert out == "welcome 您好！\nbye\n".encode()
        assert said == f"connected to 127.0.0.1:{server.port}; Ctrl-D ends\n{ENDED}"
        server.end()
        assert server.got == b"hello\nyou"

    def test_lines_as_telnet_ends_them(self, serve_once: Serve) -> None:
        server = serve_once(greet_and_read)
        connect("127.0.0.1", server.port, "--crlf", typed=b"GET / HTTP/1.1\nHost: x\r\n\n")
        server.end()
        assert server.got == b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    def test_every_byte_there_is(self, serve_once: Serve) -> None:
        data = bytes(range(256)) * 2000

        def echo(connection: socket.socket) -> bytes:
            read = everything(connection)
            connection.sendall(read)
            return read

        server = serve_once(echo)
        out, _ = connect("127.0.0.1", server.port, typed=data)
        server.end()
        assert server.got == data
        assert out == data

    def test_a_server_that_ends_first(self, serve_once: Serve) -> None:
        def leave(connection: socket.socket) -> bytes:
            connection.sendall(b"bye\n")
            return b""

        server = serve_once(leave)
        # Its input stays open: it ends all the same.
        with subprocess.Popen(
            [LABKIT, "connect", "127.0.0.1", server.port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:  # fmt: skip
            assert running.wait(WAIT) == 0
            assert running.stdout is not None
            assert running.stdout.read() == b"bye\n"

    def test_a_server_that_resets(self, serve_once: Serve) -> None:
        def reset(connection: socket.socket) -> bytes:
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return b""

        server = serve_once(reset)
        with subprocess.Popen(
            [LABKIT, "connect", "127.0.0.1", server.port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:  # fmt: skip
            assert running.stdin is not None
            running.stdin.write(b"x")
            running.stdin.flush()
            assert running.wait(WAIT) == 1
            assert running.stderr is not None
            assert f"labkit: ConnectionReset: 127.0.0.1:{server.port} reset" in running.stderr.read().decode()

    def test_from_a_terminal(self, serve_once: Serve, terminal: Callable[..., Terminal]) -> None:
        server = serve_once(greet_and_read)
        screen = terminal(LABKIT, "connect", "127.0.0.1", server.port)
        screen.see("Ctrl-D ends")
        screen.see("welcome 您好！")
        screen.type("one\n")
        screen.type("two\n")
        screen.type("\x04")
        screen.see("bye")
        screen.see("has ended the connection")
        assert screen.process.wait(WAIT) == 0
        server.end()
        assert server.got == b"one\ntwo\n"

    def test_ctrl_c(self, serve_once: Serve, terminal: Callable[..., Terminal]) -> None:
        server = serve_once(greet_and_read)
        screen = terminal(LABKIT, "connect", "127.0.0.1", server.port)
        screen.see("Ctrl-D ends")
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(WAIT) == 130
        server.end()
        assert server.got == b""


class TestRefusals:
    """One line on stderr, code 1."""

    def test_nobody_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            assert f"127.0.0.1:{port} refused the connection" in refusal(run("connect", "127.0.0.1", str(port)))

    @pytest.mark.parametrize(
        "words", [["--cacert", "ca.pem"], ["--cert", "x"], ["--key", "x"], ["--servername", "x"], ["--insecure"]]
    )
    def test_words_of_tls_without_tls(self, words: list[str]) -> None:
        told = refusal(run("connect", "127.0.0.1", "1", *words))
        assert told == f"labkit: LabError: {words[0]} is about TLS, and this connection has none. Add --tls.\n"

    def test_a_key_without_its_certificate(self) -> None:
        assert "--key is given without --cert" in refusal(run("connect", "127.0.0.1", "1", "--tls", "--key", "x"))

    def test_a_name_that_does_not_resolve(self) -> None:
        assert "'no.such.host.invalid' does not resolve" in refusal(run("connect", "no.such.host.invalid", "1"))

    @pytest.mark.parametrize("port", ["x", "-1", "65536"])
    def test_what_is_no_port(self, port: str) -> None:
        done = run("connect", "127.0.0.1", "--", port)
        assert done.returncode in (1, 2)
        assert "is not a port" in done.stderr

    def test_it_is_in_the_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            cli.main(["--help"])
        assert "connect" in capsys.readouterr().out


class TestOverTLS:
    """With ``--tls``; the server is Python's own `ssl`."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> CA:
        """A CA; its certificate is in ``ca.pem``."""
        made = CA()
        made.save(tmp_path, "ca")
        return made

    @pytest.fixture
    def identity(self, root: CA) -> Identity:
        """A server's certificate."""
        return root.issue("localhost", "127.0.0.1")

    def context(self, identity: Identity, folder: Path) -> ssl.SSLContext:
        """Of a server with this certificate."""
        files = identity.save(folder, "server")
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(files.cert, files.key)
        return made

    def test_both_directions_and_a_half_close(
        self, serve_once: Serve, root: CA, identity: Identity, tmp_path: Path
    ) -> None:
        server = serve_once(greet_and_read, self.context(identity, tmp_path))
        out, said = connect("127.0.0.1", server.port, "--tls", "--cacert", str(tmp_path / "ca.pem"), typed=b"hello\n")
        assert out == "welcome 您好！\nbye\n".encode()
        assert said.splitlines() == [
            f"connected to 127.0.0.1:{server.port}; Ctrl-D ends",
            "agreed: TLSv1.3, TLS_AES_256_GCM_SHA384",
            "certificate: O=labkit, CN=localhost; issued by O=labkit, CN=labkit CA; names: DNS:localhost, IP:127.0.0.1",
            "authorized: the certificate was verified",
            ENDED.strip(),
        ]
        server.end()
        assert (server.got, server.error) == (b"hello\n", None)

    def test_tls_1_2(self, serve_once: Serve, root: CA, identity: Identity, tmp_path: Path) -> None:
        context = self.context(identity, tmp_path)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        server = serve_once(greet_and_read, context)
        _, said = connect("127.0.0.1", server.port, "--tls", "--cacert", str(tmp_path / "ca.pem"))
        assert "agreed: TLSv1.2, ECDHE-ECDSA-AES256-GCM-SHA384\n" in said

    def test_without_its_ca(self, serve_once: Serve, identity: Identity, tmp_path: Path) -> None:
        server = serve_once(greet_and_read, self.context(identity, tmp_path))
        out, said = connect("127.0.0.1", server.port, "--tls", code=1)
        assert out == b""
        assert "unable to get local issuer certificate" in said
        assert "Give --cacert the certificate of that CA" in said
        server.end()
        assert getattr(server.error, "reason", "") == "TLSV1_ALERT_UNKNOWN_CA"

    def test_insecure_says_so(self, serve_once: Serve, identity: Identity, tmp_path: Path) -> None:
        server = serve_once(greet_and_read, self.context(identity, tmp_path))
        out, said = connect("127.0.0.1", server.port, "--tls", "--insecure")
        assert out.endswith(b"bye\n")
        assert "NOT authorized: UNABLE_TO_VERIFY_LEAF_SIGNATURE: " in said

    def test_another_name(self, serve_once: Serve, root: CA, tmp_path: Path) -> None:
        context = self.context(root.issue("example.org"), tmp_path)
        ca = str(tmp_path / "ca.pem")
        server = serve_once(greet_and_read, context)
        _, said = connect("127.0.0.1", server.port, "--tls", "--cacert", ca, code=1)
        assert "is not valid for '127.0.0.1'" in said
        server = serve_once(greet_and_read, context)
        _, said = connect("127.0.0.1", server.port, "--tls", "--cacert", ca, "--servername", "example.org")
        assert "authorized: the certificate was verified" in said

    @pytest.mark.parametrize("together", [False, True])
    def test_with_a_certificate_of_its_own(
        self, together: bool, serve_once: Serve, root: CA, identity: Identity, tmp_path: Path
    ) -> None:
        ada = root.issue("Ada", client=True)
        files = ada.save(tmp_path, "ada")
        words = ["--cert", str(files.cert), "--key", str(files.key)]
        if together:
            (tmp_path / "both.pem").write_bytes(ada.cert_pem + ada.key_pem)
            words = ["--cert", str(tmp_path / "both.pem")]
        context = self.context(identity, tmp_path)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tmp_path / "ca.pem")

        def name(connection: socket.socket) -> bytes:
            assert isinstance(connection, ssl.SSLSocket)
            shown = connection.getpeercert() or {}
            connection.sendall(repr(shown["subject"]).encode())
            return everything(connection)

        server = serve_once(name, context)
        out, _ = connect("127.0.0.1", server.port, "--tls", "--cacert", str(tmp_path / "ca.pem"), *words)
        assert b"('commonName', 'Ada')" in out

    def test_without_the_certificate_that_is_asked_for(
        self, serve_once: Serve, root: CA, identity: Identity, tmp_path: Path
    ) -> None:
        context = self.context(identity, tmp_path)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tmp_path / "ca.pem")
        server = serve_once(greet_and_read, context)
        # TLS 1.3: the client believes that it is connected, and is told afterwards (alert 116).
        out, said = connect("127.0.0.1", server.port, "--tls", "--cacert", str(tmp_path / "ca.pem"), code=1)
        assert out == b""
        assert "agreed: TLSv1.3" in said
        assert "certificate_required (116)" in said
        server.end()
        assert getattr(server.error, "reason", "") == "PEER_DID_NOT_RETURN_A_CERTIFICATE"

    def test_a_server_that_does_not_speak_tls(self, serve_once: Serve) -> None:
        server = serve_once(greet_and_read)
        _, said = connect("127.0.0.1", server.port, "--tls", "--insecure", code=1)
        assert "does not speak TLS" in said

    @pytest.mark.parametrize("option", ["--cacert", "--cert"])
    def test_files_that_are_not_there(self, option: str) -> None:
        told = refusal(run("connect", "127.0.0.1", "1", "--tls", option, "/nothing/at/all.pem"))
        assert "/nothing/at/all.pem" in told
