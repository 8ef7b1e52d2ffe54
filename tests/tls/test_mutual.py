"""Client certificates: what is given, what the server asks for, which version; and what each side sees of it.

Rule: the table of chapter 7.5 (E-5.1, C-5.8, C-5.12, C-5.13). Node plays the same table in node/mutual.js.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from labkit import tls
from labkit.core.errors import LabError
from tests.needs import need_tool
from tests.tls.people import Pair, people

GIVEN = ("none", "right", "stranger", "expired")
POLICIES = {
    "not asked": {},
    "asked": {"request_cert": True, "reject_unauthorized": False},
    "required": {"request_cert": True},
}


class Seen(NamedTuple):
    """What came of it. when: at which step the client learns that it is refused, or None. error: how it is told.

    authorized, why: of the server's socket; server_error: of ``tls_client_error``.
    """

    when: str | None
    error: str | None
    authorized: bool | None
    why: str | None
    server_error: str | None


def given(kind: str) -> dict[str, Any]:
    pair: Pair | None = {"right": people().client, "stranger": people().stranger, "expired": people().expired}.get(kind)
    return {} if pair is None else {"cert": pair, "key": pair}


def play(policy: dict[str, Any], kind: str, version: str) -> Seen:
    """Connect, send a line, read the answer."""
    served: list[tls.TLSSocket] = []

    def serve(socket: tls.TLSSocket) -> None:
        served.append(socket)
        socket.end("welcome!\n")

    server = tls.create_server(
        serve, key=people().server, cert=people().server, ca=people().root, min_version=version, max_version=version,
        **policy,
    )  # fmt: skip
    when: str | None = "connect"
    error: str | None = None
    failed: Any = None
    with server.listen(0):
        try:
            client = tls.connect(server.port, ca=people().root, **given(kind))
            when = "read"
            assert client.read(9) == b"welcome!\n"
            when = None
            client.wait_for("close")
        except LabError as told:
            error = told.code
        if when is not None:
            failed, _ = server.wait_for("tls_client_error")
    socket = served[0] if served else None
    return Seen(
        when, error, None if socket is None else socket.authorized,
        None if socket is None or socket.authorization_error is None else socket.authorization_error.code,
        None if failed is None else failed.code,
    )  # fmt: skip


LET_IN = {
    ("not asked", "none"): (False, None),
    ("not asked", "right"): (False, None),
    ("not asked", "stranger"): (False, None),
    ("not asked", "expired"): (False, None),
    ("asked", "none"): (False, "UNABLE_TO_GET_ISSUER_CERT"),
    ("asked", "right"): (True, None),
    ("asked", "stranger"): (False, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("asked", "expired"): (False, "CERT_HAS_EXPIRED"),
    ("required", "right"): (True, None),
}
"""(policy, given) -> (authorized, authorization_error): the same in both versions, and in Node."""

REFUSED = {
    "none": ("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "SSLV3_ALERT_HANDSHAKE_FAILURE", "CERTIFICATE_REQUIRED"),
    "stranger": ("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_UNKNOWN_CA"),
    "expired": ("CERT_HAS_EXPIRED", "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
}
"""given -> (what the server says, the alert that the client gets in TLS 1.2, and in TLS 1.3), if one is required."""


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("policy", POLICIES)
def test_what_both_sides_see(policy: str, kind: str, version: str) -> None:
    seen = play(POLICIES[policy], kind, version)
    if (policy, kind) in LET_IN:
        assert seen == Seen(None, None, *LET_IN[policy, kind], None)
        return
    server_error, old, new = REFUSED[kind]
    if version == "TLSv1.2":  # refused in the handshake
        assert seen == Seen("connect", f"ERR_SSL_{old}", None, None, server_error)
    else:  # the client takes itself for connected: the alert comes after its own last message
        new = f"TLSV13_ALERT_{new}" if new == "CERTIFICATE_REQUIRED" else new
        assert seen == Seen("read", f"ERR_SSL_{new}", None, None, server_error)


@cache
def nodes_table() -> dict[str, dict[str, Any]]:
    """``"TLSv1.2,asked,none"`` -> what both sides see in Node."""
    with TemporaryDirectory() as folder:
        where = Path(folder)
        people().server.save(where, "server")
        for kind, pair in {
            "right": people().client,
            "stranger": people().stranger,
            "expired": people().expired,
        }.items():
            pair.save(where, kind)
        (where / "root.pem").write_bytes(people().root)
        command = [need_tool("node"), str(Path(__file__).parent / "node" / "mutual.js"), folder]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    table: dict[str, dict[str, Any]] = json.loads(ran.stdout)
    return table


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("policy", POLICIES)
def test_node_sees_the_same(policy: str, kind: str, version: str) -> None:
    seen = nodes_table()[f"{version},{policy},{kind}"]
    if (policy, kind) in LET_IN:
        authorized, why = LET_IN[policy, kind]
        assert seen == {"authorized": authorized, "why": why, "server": None, "client": None, "got": "welcome!\n"}
        return
    server, old, new = REFUSED[kind]
    assert (seen["authorized"], seen["got"]) == (None, "")
    if kind == "none":  # OpenSSL refuses it, there as here
        alert = f"ERR_SSL_{old}" if version == "TLSv1.2" else f"ERR_SSL_TLSV13_ALERT_{new}"
        assert (seen["server"], seen["client"]) == (server, alert)
    else:  # Node's own code looks at it after the handshake, and closes without an alert
        assert seen["server"] == "ECONNRESET"
        assert seen["client"] == ("ECONNRESET" if version == "TLSv1.2" else None)


def test_a_server_knows_its_client(version: str) -> None:
    for policy in ("asked", "required"):
        made = tls.create_server(
            key=people().server, cert=people().server, ca=people().root, max_version=version, **POLICIES[policy]
        )
        with made.listen(0) as server, tls.connect(server.port, ca=people().root, **given("right")) as client:
            served = server.wait_for("secure_connection")
            assert served.authorized
            certificate = served.get_peer_certificate()
            assert certificate.names == ("email:client@labkit.test",)
            assert served.get_cipher() == client.get_cipher()
            assert served.get_protocol() == version


def test_a_lenient_server_echoes_as_any_other(version: str) -> None:
    made = tls.create_server(
        lambda socket: socket.pipe(socket), key=people().server, cert=people().server, ca=people().root,
        max_version=version, **POLICIES["asked"],
    )  # fmt: skip
    size = 1_000_000
    with made.listen(0) as server:
        client = tls.connect(server.port, ca=people().root)
        client.write(bytes(size))
        assert client.read(size, timeout=20) == bytes(size)
        client.end()
        client.wait_for("close")
        assert [each.name for each in client.history if each.name != "session"][-3:] == ["finish", "end", "close"]
