"""What a connection leaves behind: OpenSSL's memory is free as soon as it is gone, and what was agreed on can be asked.

Rule: the garbage collector is off: what is freed then has no cycle.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import tls
from tests.tls.people import Pair, people


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_server_keeps_nothing_of_openssl(good: Pair, version: str) -> None:
    inside: list[weakref.ref[Any]] = []
    served: list[tls.TLSSocket] = []

    def serve(socket: tls.TLSSocket) -> None:
        inside.append(weakref.ref(socket._layer.engine._tls))  # type: ignore[union-attr]
        served.append(socket)
        socket.pipe(socket)

    with tls.create_server(serve, key=good, cert=good, max_version=version).listen(0) as server:
        with tls.connect(server.port, "localhost", ca=people().root) as client:
            client.write("您好！")
            client.wait_for("data")
            client.end()
            client.wait_for("close")
        served[0].wait_for("close")
        (socket,) = served
        assert inside[0]() is None
        assert (socket.get_protocol(), socket.servername) == (version, "localhost")
        assert socket.get_cipher() is not None
        assert socket.get_peer_certificate() is None


@pytest.mark.parametrize("rejects", [True, False])
def test_a_server_knows_who_its_client_was(good: Pair, version: str, rejects: bool) -> None:
    served: list[tls.TLSSocket] = []
    mine = people().client
    with tls.create_server(
        served.append, key=good, cert=good, ca=people().root, request_cert=True, reject_unauthorized=rejects,
        max_version=version,
    ).listen(0) as server:  # fmt: skip
        with tls.connect(server.port, ca=people().root, key=mine, cert=mine) as client:
            client.end()
            client.wait_for("close")
        served[0].wait_for("close")
        certificate = served[0].get_peer_certificate()
        assert certificate is not None
        assert served[0].authorized


def test_a_client_is_freed_with_its_name(good: Pair) -> None:
    with tls.create_server(lambda socket: socket.end("ok"), key=good, cert=good).listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        client.wait_for("close")
        assert client.get_protocol() == "TLSv1.3"
        assert client.get_peer_certificate() is not None
        seen = weakref.ref(client)
        del client
        server.close()
        server.wait_for("close")
        assert seen() is None


def test_a_handshake_that_failed_leaves_nothing(good: Pair) -> None:
    failed: list[Any] = []
    with tls.create_server(key=good, cert=good) as server:
        server.on("tls_client_error", lambda error, socket: failed.append((error, socket)))
        server.listen(0)
        with pytest.raises(tls.CertificateError):
            tls.connect(server.port, ca=people().other_root)
        server.wait_for("tls_client_error")
        (_, socket) = failed[0]
        if not socket.closed:
            socket.wait_for("close")
        assert socket.get_protocol() is None
        assert socket.get_cipher() is None
