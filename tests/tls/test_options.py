"""Names, protocols, sessions, and TLS on a connection that stands: what both sides agree on, and what they say of it.

Rule: both ends are ours.
"""

from __future__ import annotations

import os
import stat
import threading
from typing import Any

import pytest

from labkit import net, tls
from labkit.core import loop, secrets
from labkit.core.errors import BadArgument, BrokenPipe, LabError
from labkit.tls.context import client_context
from labkit.tls.options import asked
from tests.tls.people import Pair, people


def test_a_server_of_several_names(good: Pair, version: str) -> None:
    other = people().other_server
    asked: list[str | None] = []

    def choose(name: str | None) -> Any:
        asked.append(name)
        if name == "broken.test":
            raise ValueError("no such name")
        return other if name == "called.wild.test" else None

    made = tls.create_server(key=good, cert=good, sni_callback=choose, max_version=version)
    made.add_context("other.test", key=other, cert=other)
    with made.listen(0) as server:
        for name in ("other.test", "called.wild.test", "localhost"):
            with tls.connect(server.port, servername=name, ca=people().root) as client:
                assert client.servername == name
                assert server.wait_for("secure_connection").servername == name
                certificate = client.get_peer_certificate()
                assert certificate is not None
                assert (f"DNS:{name}" in certificate.names) == (name != "called.wild.test")
        with tls.connect(server.port, ca=people().root) as client:  # by its address: nothing is asked for
            assert client.servername is None
            assert server.wait_for("secure_connection").servername is None
        assert asked == ["called.wild.test", "localhost", None]


def test_a_lenient_server_of_several_names(version: str) -> None:
    made = tls.create_server(
        key=people().server, cert=people().server, ca=people().root, request_cert=True, reject_unauthorized=False,
        max_version=version,
    )  # fmt: skip
    made.add_context("other.test", key=people().other_server, cert=people().other_server)
    with made.listen(0) as server:
        for name in ("other.test", "localhost"):
            with tls.connect(server.port, servername=name, ca=people().root) as client:
                assert client.authorized
                assert server.wait_for("secure_connection").servername == name


def test_a_callback_that_fails_refuses_the_name(good: Pair, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    def choose(name: str | None) -> Any:
        raise ValueError("no such name")

    with tls.create_server(key=good, cert=good, sni_callback=choose, max_version=version).listen(0) as server:
        with pytest.raises(tls.TLSError) as told:
            tls.connect(server.port, servername="broken.test", ca=people().root)
        assert told.value.alert == 112
        error, _ = server.wait_for("tls_client_error")
        assert error.code == "ERR_SSL_UNRECOGNIZED_NAME"
    assert "ValueError: no such name" in capsys.readouterr().err


def test_protocols_are_chosen_by_the_server(good: Pair, version: str) -> None:
    for policy in ({}, {"request_cert": True, "reject_unauthorized": False, "ca": people().root}):
        made = tls.create_server(key=good, cert=good, alpn_protocols=["h2", "http/1.1"], max_version=version, **policy)
        with made.listen(0) as server:
            for offered, chosen in ((["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
                with tls.connect(server.port, alpn_protocols=offered, ca=people().root) as client:
                    assert client.alpn_protocol == chosen
                    assert server.wait_for("secure_connection").alpn_protocol == chosen
            with pytest.raises(tls.TLSError) as told:
                tls.connect(server.port, alpn_protocols=["spdy"], ca=people().root)
            assert told.value.alert == 120
            error, _ = server.wait_for("tls_client_error")
            assert error.code == "ERR_SSL_NO_APPLICATION_PROTOCOL"


def test_a_session_is_resumed_with_the_same_options_alone(good: Pair, version: str) -> None:
    with tls.create_server(lambda s: s.end("x"), key=good, cert=good, max_version=version).listen(0) as server:
        first = tls.connect(server.port, ca=people().root)
        session = first.wait_for("session")
        assert isinstance(session, tls.Session)
        assert first.get_session() is not None
        assert not first.is_session_reused()
        first.wait_for("close")
        second = tls.connect(server.port, ca=people().root, session=session)
        assert second.is_session_reused()
        assert second.authorized
        assert second.get_peer_certificate() is not None
        second.wait_for("close")
        with pytest.raises(BadArgument) as told:
            tls.connect(server.port, ca=people().root, session=session, max_version="TLSv1.2", ciphers="AESGCM")
        assert "this session was made with other options of TLS" in str(told.value)


def test_the_key_log_of_one_connection(good: Pair, version: str) -> None:
    told: list[bytes] = []
    with tls.create_server(lambda s: s.end(), key=good, cert=good, max_version=version).listen(0) as server:
        tls.connect(server.port, ca=people().root).wait_for("close")  # another, before

        at_server: list[Any] = []
        server.on("keylog", lambda line, socket: at_server.append((line, socket.server is server)))

        def use() -> None:
            client = tls.connect(server.port, ca=people().root)
            client.on("keylog", told.append)
            client.on("close", lambda _: done.set())

        done = threading.Event()
        loop.call(use)
        assert done.wait(10)
    assert len(told) == (1 if version == "TLSv1.2" else 5)
    assert len({line.split()[1] for line in told}) == 1
    assert set(told) <= set(secrets.lines())
    assert at_server == [(line, True) for line in told]


def test_the_key_log_where_there_are_no_files_in_memory(
    good: Pair, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[list[int]] = []
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(secrets, "_file", None)
    monkeypatch.setattr(secrets, "_apart", files)
    with tls.create_server(lambda s: s.end(), key=good, cert=good, max_version=version).listen(0) as server:
        before = secrets.lines()
        tls.connect(server.port, ca=people().root).wait_for("close")
        new = [line for line in secrets.lines() if line not in before]
    assert len(new) == (1 if version == "TLSv1.2" else 5)
    for descriptor, _ in files:
        status = os.fstat(descriptor)
        assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 0)
        os.close(descriptor)


def test_who_is_not_rejected_is_told_why(good: Pair, version: str) -> None:
    with tls.create_server(key=good, cert=good, max_version=version).listen(0) as server:
        port = server.port
        for options, code in (
            ({"ca": people().root}, None),
            ({"ca": people().other_root}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
            ({"ca": people().root, "servername": "example.com"}, "ERR_TLS_CERT_ALTNAME_INVALID"),
            ({"ca": people().root, "check_server_identity": lambda *_: None, "servername": "example.com"}, None),
            ({}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        ):
            client = tls.connect(port, reject_unauthorized=False, **options)  # type: ignore[arg-type]
            error = client.authorization_error
            assert (None if error is None else error.code) == code
            assert client.authorized == (code is None)
            client.destroy()


def test_words_of_a_certificate_that_is_not_accepted(good: Pair, version: str) -> None:
    with tls.create_server(key=good, cert=good, max_version=version).listen(0) as server:
        with pytest.raises(tls.CertificateError) as told:
            tls.connect(server.port, servername="example.com", ca=people().root)
        assert str(told.value) == (
            f"the certificate of 127.0.0.1:{server.port} was not accepted: Hostname mismatch, certificate is not "
            "valid for 'example.com' (it is for DNS:localhost, IP:127.0.0.1, IP:::1). Ask for one of its names: "
            "servername=, or another host."
        )


def test_a_check_of_ones_own(good: Pair, version: str) -> None:
    seen: list[Any] = []

    def check(name: str, certificate: Any) -> Any:
        seen.append((name, certificate.names))

    with tls.create_server(key=good, cert=good, max_version=version).listen(0) as server:
        with tls.connect(server.port, servername="any.test", ca=people().root, check_server_identity=check) as client:
            assert client.authorized
        assert seen == [("any.test", ("DNS:localhost", "IP:127.0.0.1", "IP:::1"))]
        for refusal in (ValueError("not you"), LabError("not you", code="EOWN")):
            with pytest.raises(tls.CertificateError) as told:
                tls.connect(server.port, ca=people().root, check_server_identity=lambda *_: refusal)  # noqa: B023
            assert "check_server_identity refused the certificate of 127.0.0.1:" in str(told.value)
            assert told.value.code == getattr(refusal, "code", "ERR_TLS_CERT_ALTNAME_INVALID")


def test_over_a_unix_socket_and_ipv6(good: Pair, tmp_path: Any) -> None:
    where = str(tmp_path / "s")
    made = tls.create_server(lambda s: s.pipe(s), key=good, cert=good)
    with made.listen(path=where), tls.connect(path=where, ca=people().root) as client:
        client.write("x")
        assert client.read(1) == b"x"
    made = tls.create_server(lambda s: s.pipe(s), key=good, cert=good)
    with made.listen(0, "::1") as server, tls.connect(server.port, "::1", ca=people().root) as client:
        assert client.authorized


# -- STARTTLS


def starttls(socket: net.Socket) -> None:
    """A server that speaks a line of plain text, and then TLS."""

    def command(data: bytes) -> None:
        if data == b"STARTTLS\n":
            socket.off("data", command)
            socket.write("go ahead\n")
            secured = tls.secure(socket, key=people().server, cert=people().server)
            secured.on("data", lambda data: secured.write(b"encrypted " + data))

    socket.on("data", command)


def test_starttls_from_a_cell(version: str) -> None:
    with net.create_server(starttls).listen(0) as server:
        plain = net.connect(server.port)
        plain.write("STARTTLS\n")
        assert plain.read(9) == b"go ahead\n"
        secured = tls.connect(socket=plain, servername="localhost", ca=people().root, max_version=version)
        assert (secured.authorized, secured.get_protocol()) == (True, version)
        assert secured.endpoint()[1:] == plain.endpoint()[1:]
        secured.write("hello")
        assert secured.read(15) == b"encrypted hello"
        with pytest.raises(BrokenPipe) as told:
            plain.write("no")
        assert "another socket has this connection now" in str(told.value)
        secured.end()
        secured.wait_for("close")
        plain.wait_for("close")
        assert [each.name for each in secured.history if each.name not in ("data", "session")] == [
            "secure_connect", "finish", "end", "close",
        ]  # fmt: skip


def test_starttls_that_is_refused_raises_and_closes_both() -> None:
    with net.create_server(starttls).listen(0) as server:
        plain = net.connect(server.port)
        plain.write("STARTTLS\n")
        assert plain.read(9) == b"go ahead\n"
        with pytest.raises(tls.CertificateError):
            tls.connect(socket=plain, servername="localhost", ca=people().other_root)
        plain.wait_for("close")
        with pytest.raises(LabError) as told:
            tls.connect(socket=plain, servername="localhost", ca=people().root)
        assert "cannot be handed over. It must be open, in both directions." in str(told.value)


def test_commands_put_in_before_tls_are_not_taken_for_encrypted_ones(capsys: pytest.CaptureFixture[str]) -> None:
    got: list[bytes] = []

    def serve(socket: net.Socket) -> None:
        def command(data: bytes) -> None:
            socket.off("data", command)
            socket.unshift(data[9:])
            secured = tls.secure(socket, key=people().server, cert=people().server)
            secured.on("data", got.append)
            secured.on("error", lambda error: failed.append(error))

        socket.on("data", command)

    failed: list[LabError] = []
    with net.create_server(serve).listen(0) as server, net.connect(server.port) as plain:
        plain.write("STARTTLS\nRCPT TO: <me>\n")
        plain.wait_for("end")
    assert got == []
    assert [type(each) for each in failed] == [tls.TLSError]


def test_tls_inside_tls(good: Pair) -> None:
    def serve(outer: tls.TLSSocket) -> None:
        inner = tls.secure(outer, key=people().server, cert=people().server)
        inner.pipe(inner)

    with tls.create_server(serve, key=good, cert=good).listen(0) as server:
        outer = tls.connect(server.port, ca=people().root)
        inner = tls.connect(socket=outer, servername="localhost", ca=people().root)
        inner.write(bytes(300_000))
        assert inner.read(300_000, timeout=20) == bytes(300_000)
        inner.end()
        inner.wait_for("close")
        outer.wait_for("close")


def test_a_client_offers_the_same_ciphers_in_every_python() -> None:
    """Debian's Python has 60 by default, and others 17: of TLS 1.2 none without forward secrecy, none with SHA-1."""
    names = [each["name"] for each in client_context(asked()).context.get_ciphers()]
    assert names[:3] == ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
    assert len(names) == 17
    assert {name.split("-")[0] for name in names[3:]} == {"ECDHE", "DHE"}
    assert not [name for name in names if name.endswith("SHA")]
