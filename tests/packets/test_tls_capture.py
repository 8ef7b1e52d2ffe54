"""A live capture of TLS: the tape has the keys that our own sockets wrote, and nothing more.

Rule: real packets on loopback; what a record says is tested elsewhere.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import labkit
from labkit import ca, draw, https, tls, websocket
from labkit.packets import Tape
from tests.needs import need_live_capture, need_tool
from tests.packets import tls_oracle


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_capture_of_our_own_sockets_is_open(version: str, tmp_path: Path) -> None:
    need_live_capture()
    root = ca.CA()
    me = root.issue("localhost", "127.0.0.1")

    def answer(socket: tls.TLSSocket) -> None:
        socket.on("data", lambda data: socket.write(data.upper()))

    server = tls.create_server(answer, key=me, cert=me, max_version=version).listen(0)
    port = server.address()[1]
    with labkit.capture(port=port) as tape:
        client = tls.connect(port, ca=root, servername="localhost")
        client.write("hello")
        assert client.wait_for("data") == b"HELLO"
        client.end()
        client.wait_for("close")
    server.close()
    assert len(tape.secrets) == (5 if version == "TLSv1.3" else 1)
    assert all(each.opened for each in tape.records if each.encrypted)
    (connection,) = tape.connections
    assert connection.decrypted("client").data == b"hello"
    assert connection.decrypted("server").data == b"HELLO"
    assert connection.decrypted("client").fin == 5  # the client said that this is all
    told = repr(draw.ladder(tape, of="TLS"))
    assert "Alert: close_notify" in told
    assert "secure_connect" in told
    loaded = Tape.load(tape.save(tmp_path / "a.pcapng"))
    assert loaded.secrets == tape.secrets
    assert loaded.connections[0].decrypted("server").data == b"HELLO"
    bare = Tape.load(tape.save(tmp_path / "b.pcapng", secrets=False))
    assert bare.secrets == ()
    assert bare.connections[0].decrypted("server") is None


def test_another_capture_does_not_get_these_keys(tmp_path: Path) -> None:
    need_live_capture()
    root = ca.CA()
    me = root.issue("localhost")
    server = tls.create_server(lambda socket: socket.end("bye"), key=me, cert=me).listen(0)
    port = server.address()[1]
    tapes = []
    for _ in range(2):
        with labkit.capture(port=port) as tape:
            client = tls.connect(port, ca=root, servername="localhost")
            assert client.wait_for("data") == b"bye"
            client.wait_for("close")
        tapes.append(tape)
    server.close()
    one, other = (set(tape.secrets) for tape in tapes)
    assert one
    assert other
    assert not one & other
    assert next(iter(one)).split()[2].encode() not in tapes[1].save(tmp_path / "b.pcapng").read_bytes()


def test_https_and_wss_are_read_inside_tls() -> None:
    need_live_capture()
    root = ca.CA()
    me = root.issue("localhost", "127.0.0.1")
    server = https.create_server(lambda request, response: response.end("hello"), key=me, cert=me)
    sockets = websocket.create_server(server=server)
    sockets.on("connection", lambda socket, request: socket.on("message", socket.send))
    server.listen(0)
    port = server.address()[1]
    with labkit.capture(port=port) as tape:
        response = https.get(f"https://localhost:{port}/", ca=root, agent=False).wait_for("response")
        assert response.body() == b"hello"
        caller = websocket.WebSocket(f"wss://localhost:{port}/", ca=root)
        caller.send("ping?")
        assert caller.wait_for("message") == "ping?"
        caller.close()
        caller.wait_for("close")
    server.close()
    assert [(each.method or each.status, each.encrypted) for each in tape.messages if each.protocol == "HTTP"] == [
        ("GET", True), (200, True), ("GET", True), (101, True),
    ]  # fmt: skip
    assert [each.message for each in tape.frames if each.kind == "text"] == ["ping?", "ping?"]
    for message in tape.messages:
        assert message.records
        assert set(message.packets) <= {number for each in message.records for number in each.packets}
    told = repr(draw.ladder(tape, of="TLS"))
    assert "GET /" in told
    assert 'text "ping?"' in told
    assert "GET" not in repr(draw.ladder(tape.without_secrets(), of="TLS"))


NODE = """
const ca = require("fs").readFileSync(process.argv[2])
require("https").get({ port: +process.argv[1], host: "localhost", ca }, answer => answer.resume())
"""
PROGRAMS = {
    "curl": ["-s", "--cacert", "CA", "https://localhost:PORT/"],
    "node": ["-e", NODE, "PORT", "CA"],
    "openssl": ["s_client", "-quiet", "-CAfile", "CA", "-connect", "localhost:PORT", "-groups", "P-521:X25519:P-256"],
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_other_programs_say_is_as_in_tshark(program: str, tmp_path: Path) -> None:
    need_live_capture()
    path = need_tool(program)
    root = ca.CA()
    me = root.issue("localhost", "127.0.0.1")
    (tmp_path / "ca.pem").write_bytes(root.cert_pem)
    server = https.create_server(lambda request, response: response.end("hello"), key=me, cert=me)
    server.listen(0)
    port = server.address()[1]
    trusted = str(tmp_path / "ca.pem")
    words = [trusted if each == "CA" else each.replace("PORT", str(port)) for each in PROGRAMS[program]]
    with labkit.capture(port=port) as tape:
        said = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" if program == "openssl" else b""
        subprocess.run([path, *words], input=said, capture_output=True, check=True, timeout=60)
    server.close()
    assert [each.method or each.status for each in tape.messages] == ["GET", 200]
    compared = tls_oracle.compare(tape, tape.save(tmp_path / "tape.pcapng"))
    assert not compared.wrong, "\n".join(compared.wrong[:5])
    assert compared.records == len(tape.records)
