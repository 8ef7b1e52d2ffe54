"""TLS against peers that mean harm, and programs that are careless: sessions, names, and what comes after the end.

Rule: each test is a fault that was found, or could be; the peer is Python's ssl on bare sockets, or ours.
"""

from __future__ import annotations

import socket as system
import ssl
from typing import Any

import pytest

from labkit import net, tls
from labkit.core import loop
from labkit.core.errors import BadArgument, LabError
from tests.tls.people import Pair, people


class Bare:
    """A client on Python's ssl whose bytes are sent by hand. Each `send` is what TCP gets, whatever it is."""

    def __init__(self, port: int, **how: Any) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cadata=people().root.decode())
        context.maximum_version = how.get("version", ssl.TLSVersion.TLSv1_3)
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.tcp = system.create_connection(("127.0.0.1", port), timeout=20)

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self.tcp.close()

    def shake(self) -> Bare:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.tcp.recv(65536))
            else:
                self.flush()
                return self

    def flush(self) -> None:
        self.tcp.sendall(self.outgoing.read())

    def say_goodbye(self) -> None:
        with pytest.raises(ssl.SSLError):  # the server's has not come
            self.tls.unwrap()
        self.flush()


# -- sessions


def session_of(port: int, **options: Any) -> Any:
    with tls.connect(port, **options) as client:
        client.write("x")
        assert client.read(1) == b"x"
        return client.get_session()


def test_a_resumed_session_makes_nobody_trusted(good: Pair, version: str) -> None:
    """The certificates do not come a second time, so the verdict on them is kept with the session."""
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good, max_version=version).listen(0) as server:
        options: dict[str, Any] = {"ca": people().other_root, "reject_unauthorized": False}
        session = session_of(server.port, **options)
        with tls.connect(server.port, session=session, **options) as client:
            assert client.is_session_reused()
            assert not client.authorized
            assert client.authorization_error is not None
            assert client.authorization_error.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
            client.write("x")
            assert client.read(1) == b"x"
            again = client.get_session()
        with tls.connect(server.port, session=again, **options) as client:
            assert client.is_session_reused()
            assert not client.authorized
        good_session = session_of(server.port, ca=people().root, reject_unauthorized=False)
        with tls.connect(server.port, ca=people().root, reject_unauthorized=False, session=good_session) as client:
            assert client.is_session_reused()
            assert client.authorized


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_session_is_for_one_name_alone(good: Pair, version: str, name: str) -> None:
    """Nobody compares names in a resumed handshake: a server known by one name could be any other."""
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good, max_version=version).listen(0) as server:
        session = session_of(server.port, servername=name, ca=people().root)
        with pytest.raises(BadArgument) as told:
            tls.connect(server.port, servername="bank.example", ca=people().root, session=session)
        assert str(told.value) == (
            f"this session was made with {name}, not with bank.example. Connect without it: the server is another."
        )


# -- names


@pytest.mark.parametrize("rejects", [True, False])
@pytest.mark.parametrize("name", ["localhost.", "LOCALHOST", "[::1]", "127.0.0.1", "127.0.0.1."])
def test_the_same_name_written_otherwise(good: Pair, name: str, rejects: bool) -> None:
    with (
        tls.create_server(key=good, cert=good).listen(0) as server,
        tls.connect(server.port, servername=name, ca=people().root, reject_unauthorized=rejects) as client,
    ):
        assert client.authorized
        assert client.servername in (None, "localhost", "LOCALHOST")


@pytest.mark.parametrize(
    "name", ["localhost..", "x" * 300, "a..b", "a\nb", "localhost\0", ".", "[]", "\u200b", "\ud800"]
)
def test_what_is_not_a_host_name(good: Pair, name: str) -> None:
    with pytest.raises(BadArgument) as told:
        tls.connect(1, servername=name, ca=people().root)
    assert "is not a host name" in str(told.value)


@pytest.mark.parametrize("rejects", [True, False])
def test_names_of_other_letters_are_those_of_the_certificate(rejects: bool) -> None:
    import trustme

    ca = trustme.CA()
    leaf = ca.issue_cert("xn--bcher-kva.test")
    pair = Pair(leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())
    with (
        tls.create_server(key=pair, cert=pair).listen(0) as server,
        tls.connect(
            server.port, servername="b\u00fccher.test", ca=ca.cert_pem.bytes(), reject_unauthorized=rejects
        ) as client,
    ):
        assert client.authorized
        assert client.servername == "xn--bcher-kva.test"


# -- several certificates, and certificates of clients


@pytest.mark.parametrize("rejects", [True, False])
def test_a_server_of_several_names_trusts_the_same_clients_for_each(
    good: Pair, version: str, rejects: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    other, client = people().other_server, people().client

    def choose(name: str | None) -> Any:
        if name == "broken.test":
            raise ValueError("no such name")
        return other if name == "called.wild.test" else None

    made = tls.create_server(
        lambda s: s.end(f"{s.authorized} {s.servername}"), key=good, cert=good, ca=people().root, request_cert=True,
        reject_unauthorized=rejects, sni_callback=choose, max_version=version,
    )  # fmt: skip
    made.add_context("other.test", key=other, cert=other)
    with made.listen(0) as server:
        for name in ("localhost", "other.test", "called.wild.test"):
            with tls.connect(server.port, servername=name, ca=people().root, key=client, cert=client) as socket:
                assert socket.read(4) == b"True"
        with pytest.raises(tls.TLSError) as told:
            tls.connect(server.port, servername="broken.test", ca=people().root)
        assert told.value.alert == 112
        stranger = people().stranger
        failed: list[BaseException] = []
        for name in ("localhost", "other.test"):  # nobody else is let in by another name
            options: dict[str, Any] = {"servername": name, "ca": people().root, "key": stranger, "cert": stranger}
            try:
                with tls.connect(server.port, **options) as socket:
                    assert socket.read(5) == b"False"
            except LabError as error:
                failed.append(error)
        assert len(failed) == (2 if rejects else 0)
    assert "ValueError: no such name" in capsys.readouterr().err


# -- after the end, and before the beginning


def test_what_follows_close_notify_is_not_kept(good: Pair) -> None:
    """A client that has said that it ends sends 20 MB more: they are dropped. Source: RFC 8446 section 6.1."""
    served: list[Any] = []

    def serve(socket: tls.TLSSocket) -> None:
        served.append(socket)
        socket.resume()

    made = tls.create_server(serve, key=good, cert=good, allow_half_open=True)
    with made.listen(0) as server, Bare(server.port) as client:
        client.shake()
        client.say_goodbye()
        server.wait_for("secure_connection").wait_for("end")
        for _ in range(20):
            client.tcp.sendall(bytes(1 << 20))
        client.tcp.shutdown(system.SHUT_WR)
        layer = served[0]._layer
        served[0].end()
        served[0].wait_for("close")
        assert layer.engine.incoming.pending == 0


def test_a_server_that_pauses_connections_does_their_handshakes(good: Pair, version: str) -> None:
    served: list[tls.TLSSocket] = []
    made = tls.create_server(served.append, key=good, cert=good, max_version=version, pause_on_connect=True)
    with made.listen(0) as server, tls.connect(server.port, ca=people().root) as client:
        client.write("early")
        socket = server.wait_for("secure_connection")
        loop.call(lambda: None)
        assert "data" not in [each.name for each in socket.history]
        assert socket.read(5) == b"early"


# -- keys and certificates


def test_lines_of_pem_that_do_not_stand_alone(good: Pair) -> None:
    indented = b"".join(b"  " + line for line in good.cert_pem.splitlines(keepends=True))
    joined = good.cert_pem.rstrip() + people().root
    for cert in (indented, joined, good.cert_pem.replace(b"\n", b"\r")):
        for options in ({"cert": cert}, {"cert": good, "ca": cert}):
            if cert is joined and "ca" in options:
                continue  # of CAs each is taken by itself
            with pytest.raises(tls.BadPEM) as told:
                tls.create_server(key=good, **options)  # type: ignore[arg-type]
            assert "a line -----BEGIN …----- or -----END …----- does not stand alone in its line" in str(told.value)


@pytest.mark.parametrize("change", [b"\n \r\n", b"bom", b"text"])
def test_pem_as_other_systems_write_it(good: Pair, change: bytes) -> None:
    def changed(pem: bytes) -> bytes:
        if change == b"bom":
            return b"\xef\xbb\xbf" + pem
        return b"what this is\n" + pem + b"\nthe end" if change == b"text" else pem.replace(b"\n", b"\r\n")

    for policy in ({}, {"request_cert": True, "reject_unauthorized": False, "ca": changed(people().root)}):
        made = tls.create_server(key=changed(good.key_pem), cert=changed(good.cert_pem), **policy)  # type: ignore[arg-type]
        with made.listen(0) as server, tls.connect(server.port, ca=changed(people().root)) as client:
            assert client.authorized


def test_no_secret_stands_in_a_repr_or_an_error(good: Pair) -> None:
    """Pair is a tuple, whose own repr has its key."""
    body = good.key_pem.splitlines()[1].decode()
    assert body in repr(good)
    server = tls.create_server(key=good, cert=good, passphrase="open sesame")
    with pytest.raises(tls.BadPEM) as told:
        tls.create_server(key=people().stranger, cert=good)
    shown = [server, server.secure_context, server.secure_context.asked, server.secure_context.asked.key, told.value]
    for each in shown:
        for text in (repr(each), str(each)):
            assert body not in text
            assert people().stranger.key_pem.splitlines()[1].decode() not in text
            assert "sesame" not in text
            assert "PRIVATE KEY" not in text


# -- where there is no TLS


def test_an_echo_server_of_tcp_sends_the_client_its_own_hello() -> None:
    with net.create_server(lambda s: s.pipe(s)).listen(0) as server:
        with pytest.raises(tls.TLSError) as told:
            tls.connect(server.port)
        assert str(told.value) == (
            f"127.0.0.1:{server.port} sent a ClientHello, as clients do: it sends back what it gets, or is a client "
            "itself. Is there a server of TLS on this port?"
        )
        server.wait_for("connection").wait_for("close")
