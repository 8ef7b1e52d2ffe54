"""The TLS echo server and the HTTPS server, as processes, with openssl and curl: T-5.6, T-5.8.

Rule: the clients are the system's; the CA is the one of this run's own home directory.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from labkit import ca
from tests.needs import need_tool
from tests.servers.conftest import Serving

Serve = Callable[..., Serving]


def run(program: str, *words: str, send: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run([need_tool(program), *words], input=send, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_tls_echo_server_says_who_is_authorized(serve: Serve, tmp_path: Path) -> None:
    root = ca.mine().save(tmp_path, "root").cert
    client = ca.mine().issue("client@labkit.test", client=True).save(tmp_path, "client")
    server = serve("tls_echo", "--port", "0")
    assert server.said.startswith("tls_echo listens on 127.0.0.1 port ")
    asked = ["s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", str(root), "-quiet", "-no_ign_eof"]
    for own, line in (
        ([], "A client has connected: unauthorized (UNABLE_TO_GET_ISSUER_CERT).\n"),
        (["-cert", str(client.cert), "-key", str(client.key)], "A client has connected: authorized.\n"),
    ):
        with subprocess.Popen(
            [need_tool("openssl"), *asked, *own], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"\xff\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"welcome!\n"
            assert process.stdout.readline() == b"\xff\n", "bytes that are no text come back as they were (C-5.15)"
            process.stdin.close()
            assert process.wait(30) == 0
        assert server.line() == line
    assert server.stop() == (0, "", "")


def test_the_https_server_by_curl(serve: Serve, tmp_path: Path) -> None:
    root = ca.mine().save(tmp_path, "root").cert
    server = serve("https_hello", "--port", "0")
    url = f"https://localhost:{server.port}/"
    code, _, err = run("curl", "-sS", url)
    assert code == 60
    assert "certificate" in err
    assert run("curl", "-sS", "-k", url) == (0, "Hello World\n", "")
    assert run("curl", "-sS", "--cacert", str(root), url) == (0, "Hello World\n", "")
    assert server.stop() == (0, "", "")
