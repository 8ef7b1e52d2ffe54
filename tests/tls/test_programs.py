"""Other programs at both ends: curl, openssl, Node, Python's own TLS, and sslyze's look at the defaults.

Rule: what they say is taken as it is; nothing of labkit is on their side.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from labkit import http, https, tls
from tests.needs import find_tool, leave_out, need_tool
from tests.tls.people import Pair, people


@pytest.fixture
def root(tmp_path: Path) -> str:
    """The path of the CA's certificate."""
    (tmp_path / "root.pem").write_bytes(people().root)
    return str(tmp_path / "root.pem")


@pytest.fixture(autouse=True)
def no_connection_is_kept() -> Any:
    yield
    http.close_everything()


def run(program: str, *arguments: str, send: bytes = b"", code: int | None = 0) -> tuple[str, str]:
    done = subprocess.run([need_tool(program), *arguments], input=send, capture_output=True, timeout=20, check=False)
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert code is None or done.returncode == code, (done.returncode, out, err)
    return out, err


def hello(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    socket: Any = request.socket
    response.end(f"{request.method} {request.url} {socket.get_protocol()} {socket.alpn_protocol}\n")


def test_curl_fails_without_the_ca_and_works_with_it(good: Pair, root: str, version: str) -> None:
    errors: list[Any] = []
    with https.create_server(hello, key=good, cert=good, max_version=version).listen(0) as server:
        server.on("tls_client_error", lambda error, _: errors.append(error.code))
        url = f"https://localhost:{server.port}/a"
        _, err = run("curl", "-sS", url, code=60)
        assert "unable to get local issuer certificate" in err
        server.wait_for("tls_client_error")
        assert errors == ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"]
        assert run("curl", "-sS", "-k", url)[0] == f"GET /a {version} http/1.1\n"
        assert run("curl", "-sS", "--cacert", root, url, url)[0] == f"GET /a {version} http/1.1\n" * 2
        body = b"x" * 200_000
        posted = run("curl", "-sS", "--cacert", root, "--data-binary", "@-", url, send=body)[0]
        assert posted == f"POST /a {version} http/1.1\n"


@pytest.mark.parametrize("given", [False, True])
def test_openssl_with_and_without_a_client_certificate(
    good: Pair, root: str, version: str, given: bool, tmp_path: Path
) -> None:
    served: list[tuple[bool, str | None]] = []

    def greet(socket: tls.TLSSocket) -> None:
        error = socket.authorization_error
        served.append((socket.authorized, None if error is None else error.code))
        socket.write("welcome!\n")
        socket.once("data", socket.end)

    made = tls.create_server(
        greet, key=good, cert=good, ca=people().root, request_cert=True, reject_unauthorized=False, max_version=version
    )
    cert, key = people().client.save(tmp_path, "client")
    own = ["-cert", cert, "-key", key] if given else []
    with made.listen(0) as server:
        asked = ["s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", root, "-servername", "localhost"]
        out, _ = run("openssl", *asked, "-quiet", *own, send=b"hello\n")  # it reads on until the server ends
        assert out == "welcome!\nhello\n"
        server.wait_for("secure_connection")
    assert served == [(True, None) if given else (False, "UNABLE_TO_GET_ISSUER_CERT")]


def test_a_client_of_ours_at_openssls_server(good: Pair, tmp_path: Path, version: str) -> None:
    cert, key = good.save(tmp_path, "server")
    with subprocess.Popen(
        [need_tool("openssl"), "s_server", "-accept", "0", "-cert", cert, "-key", key, "-rev",
         "-tls1_2" if version == "TLSv1.2" else "-tls1_3"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            port = None
            while port is None:
                line = process.stdout.readline().decode()
                assert line, "openssl s_server ended"
                found = re.search(r"ACCEPT .*:(\d+)", line)
                port = None if found is None else int(found[1])
            client = tls.connect(port, ca=people().root)
            assert client.get_protocol() == version
            client.write("stressed\n")
            assert client.read(9) == b"desserts\n"
            client.end()
            client.wait_for("close")
        finally:
            process.terminate()
            process.communicate(timeout=10)


NODE_SERVER = """
const tls = require('tls'), fs = require('fs'), [, cert, key] = process.argv;
const server = tls.createServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key)}, (s) => s.pipe(s));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""

NODE_CLIENT = """
const tls = require('tls'), fs = require('fs'), [, port, ca] = process.argv;
let got = 0;
const s = tls.connect({host: '127.0.0.1', port: +port, ca: fs.readFileSync(ca)}, () => s.end(Buffer.alloc(1e6)));
s.on('data', (d) => { got += d.length; });
s.on('close', (failed) => console.log(JSON.stringify([got, failed, s.authorized])));
"""


def test_node_at_our_server(good: Pair, root: str, version: str) -> None:
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good, max_version=version).listen(0) as server:
        out, _ = run("node", "-e", NODE_CLIENT, str(server.port), root)
    assert json.loads(out) == [1_000_000, False, True]


def test_our_client_at_nodes_server(good: Pair, tmp_path: Path, version: str) -> None:
    cert, key = good.save(tmp_path, "server")
    with subprocess.Popen(
        [need_tool("node"), "-e", NODE_SERVER, cert, key], stdout=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            client = tls.connect(int(process.stdout.readline()), ca=people().root, max_version=version)
            client.write(bytes(1_000_000))
            assert client.read(1_000_000, timeout=20) == bytes(1_000_000)
            client.end()
            client.wait_for("close")
            assert client.errored is None
        finally:
            process.kill()
            process.communicate(timeout=10)


def test_chromium_reads_a_page_over_https(good: Pair, tmp_path: Path) -> None:
    """Chromium trusts this one key (by the digest of it), and so does everything else as with any server."""

    def page(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        socket: Any = request.socket
        response.set_header("Content-Type", "text/html")
        response.end(f"<title>x</title><p>over {socket.get_protocol()}</p>")

    key = x509.load_pem_x509_certificate(good.cert_pem).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server", f"--user-data-dir={tmp_path}"]
    trusted = f"--ignore-certificate-errors-spki-list={digest}"
    refused: list[Any] = []
    with https.create_server(page, key=good, cert=good).listen(0) as server:
        server.on("tls_client_error", lambda error, _: refused.append(error))
        url = f"https://localhost:{server.port}/"
        out, _ = run("chromium", *flags, trusted, "--dump-dom", url)
        assert "<p>over TLSv1.3</p>" in out
        assert not [each for each in refused if isinstance(each, tls.TLSError)]  # it drops a spare connection
        out, _ = run("chromium", *flags, "--dump-dom", url, code=None)
        assert "over TLSv1.3" not in out
        assert "ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN" in [each.code for each in refused]


def test_what_sslyze_says_of_the_defaults(good: Pair) -> None:
    """It cannot be installed beside labkit: it wants an older cryptography. So it is a program here."""
    program = find_tool("sslyze")
    if program is None:
        leave_out("sslyze", "pipx install sslyze", packaged=False)
    with https.create_server(hello, key=good, cert=good).listen(0) as server:
        done = subprocess.run(
            [program, "--json_out=-", f"localhost:{server.port}"],
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
    (found,) = json.loads(done.stdout)["server_scan_results"]
    assert found["scan_status"] == "COMPLETED"
    results = {name: each["result"] for name, each in found["scan_result"].items() if each["result"] is not None}

    def accepted(version: str) -> set[str]:
        suites = results[f"{version}_cipher_suites"]["accepted_cipher_suites"]
        assert all(each["ephemeral_key"] is not None for each in suites), "forward secrecy"
        return {each["cipher_suite"]["name"] for each in suites}

    for old in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        assert accepted(old) == set()
    assert accepted("tls_1_2") == {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    }  # fmt: skip
    assert accepted("tls_1_3") == {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    }  # fmt: skip
    assert not results["tls_compression"]["supports_compression"]
    assert not results["heartbleed"]["is_vulnerable_to_heartbleed"]
    assert not results["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"]
    assert not results["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"]
    assert results["session_renegotiation"]["supports_secure_renegotiation"]
    assert results["robot"]["robot_result"].startswith("NOT_VULNERABLE")
