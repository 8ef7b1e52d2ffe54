"""One exchange over TLS: handshake, bytes both ways, the two ends, and the key log.

Rule: both ends are ours; other programs are in test_programs.py.
"""

from __future__ import annotations

import pytest

from labkit import tls
from labkit.core import secrets
from tests.tls.people import Pair, people


def test_what_is_written_comes_back(good: Pair, version: str) -> None:
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good, min_version=version).listen(0) as server:
        client = tls.connect(server.port, ca=people().root, max_version=version)
        assert (client.get_protocol(), client.authorized, client.encrypted) == (version, True, True)
        client.write("hello")
        assert client.read(5) == b"hello"
        client.end("bye")
        assert client.read(3) == b"bye"
        client.wait_for("close")
        names = [event.name for event in client.history if event.name not in ("data", "session")]
        assert names == ["connect", "secure_connect", "finish", "end", "close"]


def test_a_half_close_leaves_the_other_direction_open(good: Pair, version: str) -> None:
    def serve(socket: tls.TLSSocket) -> None:
        socket.on("end", lambda: socket.end("late answer"))
        socket.resume()

    made = tls.create_server(serve, key=good, cert=good, allow_half_open=True, max_version=version)
    with made.listen(0) as server:
        client = tls.connect(server.port, ca=people().root, allow_half_open=True)
        client.end("question")
        assert client.read(11) == b"late answer"
        client.wait_for("close")


def test_an_unknown_ca_raises_in_the_cell_and_sends_an_alert(good: Pair, version: str) -> None:
    with tls.create_server(key=good, cert=good, max_version=version).listen(0) as server:
        with pytest.raises(tls.CertificateError) as told:
            tls.connect(server.port, ca=people().other_root)
        assert told.value.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
        error, socket = server.wait_for("tls_client_error")
        assert error.code == "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"
        socket.wait_for("close")


def test_the_key_log_has_the_secrets_of_both_ends(good: Pair, version: str) -> None:
    before = len(secrets.lines())
    made = tls.create_server(key=good, cert=good, max_version=version)
    with made.listen(0) as server, tls.connect(server.port, ca=people().root):
        pass
    new = secrets.lines()[before:]
    kinds = {line.split()[0] for line in new}
    if version == "TLSv1.2":
        assert kinds == {b"CLIENT_RANDOM"}
    else:
        assert kinds == {
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", b"SERVER_HANDSHAKE_TRAFFIC_SECRET", b"CLIENT_TRAFFIC_SECRET_0",
            b"SERVER_TRAFFIC_SECRET_0", b"EXPORTER_SECRET",
        }  # fmt: skip
    assert len({line.split()[1] for line in new}) == 1, "one client random: one connection"
    assert len(new) == len(kinds), "client and server say the same, and it is kept once"
