"""A live capture of TLS: the tape has the keys that our own sockets wrote, and nothing more.

Rule: real packets on loopback; what a record says is tested elsewhere.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import labkit
from labkit import ca, draw, tls
from labkit.packets import Tape
from tests.needs import need_live_capture


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
