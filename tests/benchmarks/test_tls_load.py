"""The load clients of the TLS benchmarks must notice a wrong server: its certificate, what it agrees on, what it sends.

Rule: the client runs against a deliberately wrong server; a client that only counted replies would fail here.
"""

from __future__ import annotations

import json
import queue
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, https_hello, secure, tls_echo, tls_handshake, tls_tape
from labkit.ca import CA
from tests.needs import leave_out, need_tool

SIZE = 64
ECHO = "tls_load"
MANY = "tls_handshakes"
Serve = Callable[[ssl.SSLSocket, int], None]
"""What a server does with a connection; the number says how many there were before."""


def client(name: str) -> Path:
    need_tool("gcc")
    if not Path("/usr/include/openssl/ssl.h").exists():
        leave_out("OpenSSL's headers are", "apt-get install libssl-dev")
    return harness.build(name)


def context(cert: str | None = None, key: str | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = secure.files()
    made.load_cert_chain(cert or own.certificate, key or own.key)
    return made


def whole(connection: ssl.SSLSocket) -> bytes:
    """A message of the client, or b"" if it has ended."""
    got = b""
    while len(got) < SIZE and (piece := connection.recv(SIZE - len(got))):
        got += piece
    return got


@pytest.fixture
def start() -> Iterator[Callable[[ssl.SSLContext, Serve], int]]:
    """Start a server that serves one connection after the other until the first that fails; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    over = threading.Event()

    def run(with_: ssl.SSLContext, serve: Serve) -> None:
        number = 0
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            if over.is_set():
                plain.close()
                return
            try:
                with with_.wrap_socket(plain, server_side=True) as connection:
                    serve(connection, number)
            except OSError:  # the client has given up, as it should
                plain.close()
            number += 1

    def begin(with_: ssl.SSLContext, serve: Serve) -> int:
        threads.append(threading.Thread(target=run, args=(with_, serve)))
        threads[0].start()
        return int(listener.getsockname()[1])

    yield begin
    over.set()
    socket.create_connection(listener.getsockname()).close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    listener.close()


def run_client(name: str, port: int, *options: object, ca: str = "") -> tuple[int, dict[str, Any], str]:
    command = [client(name), "ping", "--port", port, "--ca", ca or secure.files().ca, "--warmup", "0", *options]
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


def refused(name: str, port: int, *options: object, ca: str = "") -> str:
    """What the client complains of; it must end with an error."""
    status, figures, said = run_client(
        name, port, "--connections", 1, "--operations", 9, "--stall", 10, *options, ca=ca
    )  # fmt: skip
    assert (status, figures["errors"]) == (1, 1)
    assert figures["message"] in said
    return str(figures["message"])


def echo(connection: ssl.SSLSocket, number: int) -> None:
    while message := whole(connection):
        connection.sendall(message)
    connection.unwrap()


@pytest.mark.parametrize("name", [ECHO, MANY])
class TestBoth:
    """What both loads must see."""

    def test_a_right_server_passes(self, name: str, start: Callable[..., int]) -> None:
        status, figures, said = run_client(
            name, start(context(), echo), "--connections", 1, "--operations", 5, "--stall", 20
        )
        assert (status, said, figures["errors"]) == (0, "", 0)
        assert figures["ops"] == 5

    def test_a_certificate_of_another_ca_is_refused(
        self, name: str, start: Callable[..., int], tmp_path: Path
    ) -> None:  # fmt: skip
        other = CA("another").save(tmp_path, "other")
        assert "unable to get local issuer" in refused(name, start(context(), echo), ca=str(other.cert))

    def test_a_certificate_for_another_host_is_refused(
        self, name: str, start: Callable[..., int], tmp_path: Path
    ) -> None:  # fmt: skip
        ca = CA("benchmarks")
        files = ca.issue("example.org").save(tmp_path, "server")
        port = start(context(str(files.cert), str(files.key)), echo)
        assert "IP address mismatch" in refused(name, port, ca=str(ca.save(tmp_path, "ca").cert))

    def test_an_older_version_is_refused(self, name: str, start: Callable[..., int]) -> None:
        old = context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert "protocol version" in refused(name, start(old, echo))

    def test_another_group_is_refused(self, name: str, start: Callable[..., int]) -> None:
        other = context()
        other.set_ecdh_curve("prime256v1")
        assert "the group is secp256r1 and not X25519" in refused(name, start(other, echo))

    def test_a_changed_byte_is_noticed(self, name: str, start: Callable[..., int]) -> None:
        def wrong(connection: ssl.SSLSocket, number: int) -> None:
            message = whole(connection)
            connection.sendall(message[:40] + bytes([message[40] ^ 1]) + message[41:])
            whole(connection)

        assert "differs" in refused(name, start(context(), wrong))

    def test_a_long_reply_is_noticed(self, name: str, start: Callable[..., int]) -> None:
        def wrong(connection: ssl.SSLSocket, number: int) -> None:
            connection.sendall(whole(connection) + b"!")
            whole(connection)

        assert "a long reply" in refused(name, start(context(), wrong))

    def test_a_server_that_closes_is_noticed(self, name: str, start: Callable[..., int]) -> None:
        def wrong(connection: ssl.SSLSocket, number: int) -> None:
            connection.sendall(whole(connection)[:-1])
            connection.unwrap()

        assert "after 63 of 64 bytes" in refused(name, start(context(), wrong))

    def test_a_server_that_says_nothing_is_noticed(self, name: str, start: Callable[..., int]) -> None:
        def wrong(connection: ssl.SSLSocket, number: int) -> None:
            whole(connection)
            whole(connection)

        assert "0.3 s after" in refused(name, start(context(), wrong), "--stall", 0.3)


def test_a_cut_without_close_notify_is_noticed(start: Callable[..., int]) -> None:
    def wrong(connection: ssl.SSLSocket, number: int) -> None:
        connection.sendall(whole(connection))
        whole(connection)
        connection.shutdown(socket.SHUT_RDWR)

    assert "unexpected eof" in refused(MANY, start(context(), wrong))


def test_the_handshakes_are_counted_by_whole_connections(start: Callable[..., int]) -> None:
    served: queue.Queue[int] = queue.Queue()

    def counting(connection: ssl.SSLSocket, number: int) -> None:
        echo(connection, number)
        served.put(number)

    status, figures, _ = run_client(
        MANY, start(context(), counting), "--connections", 1, "--operations", 7, "--stall", 20
    )
    assert (status, figures["ops"]) == (0, 7)
    # The client may have ended before the server reads the end of the last connection.
    assert [served.get(timeout=10) for _ in range(7)] == list(range(7))


@pytest.mark.parametrize("size", [24, 1024, 16384, 65536, 200_000])
def test_the_c_server_is_right(size: int) -> None:
    client(ECHO)
    with harness.Server("C", command=tls_echo.command("C")) as server:
        status, figures, said = run_client(
            ECHO, server.port, "--connections", 20, "--operations", 400, "--size", size, "--stall", 30
        )
    assert (status, said, figures["errors"]) == (0, "", 0)


@pytest.mark.parametrize("server", ["labkit", "C", "bare"])
def test_whole_connections_pass(server: str) -> None:
    client(MANY)
    with harness.Server(server, command=tls_echo.command(server)) as running:
        status, figures, said = run_client(
            MANY, running.port, "--connections", 5, "--operations", 50, "--stall", 30
        )  # fmt: skip
    assert (status, said, figures["errors"]) == (0, "", 0)
    assert 50 <= figures["ops"] <= 55


@pytest.mark.parametrize("server", ["labkit", "C", "bare"])
def test_the_servers_of_https_are_right(server: str) -> None:
    with harness.Server(server, command=https_hello.command(server)) as running:
        status, figures, said = run_client(
            "https_load", running.port, "--connections", 5, "--operations", 200, "--framing", "length", "--stall", 30
        )
    assert (status, said, figures["errors"]) == (0, "", 0)


def test_without_a_ca_nothing_is_measured() -> None:
    done = subprocess.run(
        [client(ECHO), "ping", "--port", "1"], capture_output=True, text=True, timeout=30, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "refused" in done.stdout or "--ca is needed" in done.stdout


def test_every_promise_names_a_peer_and_every_work_is_read_as_it_is_written() -> None:
    for module in (tls_echo, tls_handshake, https_hello):
        comparison: Any = module.COMPARISON
        for work in comparison.work:
            assert comparison.read(str(work)) == work
            assert set(comparison.limits(work)) <= set(comparison.peers)
            assert "--ca" in work.arguments()
            assert "--ca" in work.first().arguments()


def test_the_connections_of_the_tape_are_those_that_were_spoken() -> None:
    figures = tls_tape.main(["--connections", "2", "--rounds", "1"])
    assert [len(each) for each in figures["times"].values()] == [1, 1, 1]
