"""What cannot be used, and what a peer must not send: each is told with the file, or the peer, and the cause.

Rule: exact words, because students read them.
"""

from __future__ import annotations

import os
import random
import socket as system
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from labkit import tls
from labkit.core.errors import LabError, NotFound
from labkit.tls.options import VERSIONS
from tests.needs import need_tool
from tests.tls.people import Pair, people


def encrypted(key: bytes, passphrase: bytes) -> bytes:
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )  # fmt: skip


class Files:
    """A folder with a good pair, and what a test puts beside it. The words of an error have FOLDER for its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cert, self.key = people().server.save(folder, "server")

    def put(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def words(self, call: Callable[[], Any]) -> str:
        with pytest.raises(LabError) as told:
            call()
        return str(told.value).replace(str(self.folder), "FOLDER")

    def serve(self, **options: Any) -> str:
        return self.words(lambda: tls.create_server(**{"key": self.key, "cert": self.cert, **options}))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_key_that_does_not_match(files: Files) -> None:
    other = files.put("other.key", people().stranger.key_pem)
    assert files.serve(key=other) == (
        "the key in FOLDER/other.key does not belong to the certificate in FOLDER/server.pem: their public keys "
        "differ. Give the key that this certificate was made for."
    )


def test_an_encrypted_key(files: Files) -> None:
    locked = files.put("locked.key", encrypted(people().server.key_pem, b"right"))
    assert files.serve(key=locked) == "FOLDER/locked.key is encrypted, and no passphrase was given. Give passphrase=."
    assert files.serve(key=locked, passphrase="wrong") == (
        "the passphrase does not open FOLDER/locked.key. Give the one it was encrypted with."
    )
    for policy in ({}, {"request_cert": True, "reject_unauthorized": False, "ca": people().root}):
        tls.create_server(key=locked, cert=files.cert, passphrase="right", **policy)
        tls.create_server(key=locked, cert=files.cert, passphrase=b"right", **policy)


def test_files_that_are_not_there_or_not_pem(files: Files) -> None:
    with pytest.raises(NotFound) as told:
        tls.create_server(key=files.key, cert=files.folder / "none.pem")
    assert str(told.value).startswith(f"{files.folder}/none.pem does not exist")
    assert (
        files.serve(cert=files.put("empty.pem", b""))
        == "FOLDER/empty.pem is empty. It should have a certificate, in PEM."
    )
    assert files.serve(cert=files.put("text.pem", b"hello")) == (
        "FOLDER/text.pem has no line -----BEGIN …-----. It should have a certificate, in PEM."
    )
    der = ssl.PEM_cert_to_DER_cert(people().root.decode())
    assert files.serve(cert=files.put("cert.der", der)) == (
        "FOLDER/cert.der is DER, not PEM. Convert it: openssl x509 -inform der -in FILE -out FILE.pem."
    )


def test_a_key_without_its_first_line_is_not_shown(good: Pair) -> None:
    body = "".join(good.key_pem.decode().splitlines()[1:-1])
    for text in (body, body[:60], body.replace("=", "")):
        with pytest.raises(LabError) as caught:
            tls.create_server(key=text, cert=good.cert_pem)
        assert text[:20] not in str(caught.value)
        assert "the text given as key is neither a path nor PEM" in str(caught.value)


def test_pem_that_is_cut_off_or_damaged(files: Files) -> None:
    pem = people().server.cert_pem
    assert files.serve(cert=files.put("cut.pem", pem[: len(pem) // 2])) == (
        "FOLDER/cut.pem is cut off: a line -----BEGIN …----- has no -----END …----- after it. Copy the whole file."
    )
    first, _, rest = pem.partition(b"\n")
    told = files.serve(cert=files.put("bad.pem", first + b"\nAAAA" + rest))
    assert told.startswith("FOLDER/bad.pem: the certificate cannot be read (")
    assert told.endswith("). It is damaged: make it or copy it anew.")
    key = people().server.key_pem
    first, _, rest = key.partition(b"\n")
    told = files.serve(key=files.put("bad.key", first + b"\nAAAA" + rest))
    assert told.startswith("FOLDER/bad.key cannot be read (")


def test_files_that_hold_something_else(files: Files) -> None:
    assert files.serve(cert=files.key, key=files.cert) == (
        "FOLDER/server.key has EC PRIVATE KEY in it, but no certificate. Did you swap key and cert?"
    )
    assert files.serve(key=files.cert) == (
        "FOLDER/server.pem has CERTIFICATE in it, but no private key. Give key=, too."
    )
    loaded = serialization.load_pem_private_key(people().server.key_pem, None)
    public = loaded.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert files.serve(key=files.put("public.pem", public)) == (
        "FOLDER/public.pem has PUBLIC KEY in it, but no private key. "
        "A public key is not enough: the server has to sign."
    )
    assert files.serve(cert=files.put("public.pem", public)) == (
        "FOLDER/public.pem has PUBLIC KEY in it, but no certificate. Give the certificate that belongs to it."
    )


def test_a_list_of_cas(files: Files) -> None:
    words = files.words(lambda: tls.connect(1, ca=files.put("ca.pem", b"no")))
    assert words == "FOLDER/ca.pem has no line -----BEGIN …-----. It should have a certificate of a CA, in PEM."
    words = files.words(lambda: tls.connect(1, ca=[people().root, files.key]))
    assert words == "FOLDER/server.key has EC PRIVATE KEY in it, but no certificate. Did you swap key and cert?"
    words = files.words(lambda: tls.connect(1, ca=5))
    assert words == "ca=5 is not a ca. Give a path, PEM text, or an object of labkit.ca."


def test_a_weak_key_is_refused_by_both_engines(files: Files) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    weak = rsa.generate_private_key(65537, 1024)
    root = x509.load_pem_x509_certificate(people().root)
    made = (
        x509.CertificateBuilder().subject_name(root.subject).issuer_name(root.subject).public_key(weak.public_key())
        .serial_number(1).not_valid_before(root.not_valid_before_utc).not_valid_after(root.not_valid_after_utc)
        .sign(weak, hashes.SHA256())
    )  # fmt: skip
    cert = files.put("weak.pem", made.public_bytes(serialization.Encoding.PEM))
    key = files.put(
        "weak.key",
        weak.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    for policy in ({}, {"request_cert": True, "reject_unauthorized": False, "ca": people().root}):
        assert files.serve(cert=cert, key=key, **policy) == (
            "OpenSSL refuses FOLDER/weak.pem: key too small. "
            "RSA needs 2048 bits or more, a signature SHA-256 or better. "
            'To show the weak ones: ciphers="DEFAULT@SECLEVEL=0".'
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_version": "TLSv1.3", "max_version": "TLSv1.2"}, "min_version='TLSv1.3' is above max_version='TLSv1.2'"),
        (
            {"min_version": "1.3"},
            "min_version='1.3' is not a version of TLS. Give one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
        ),
        ({"ciphers": "none"}, "ciphers='none' names no cipher that OpenSSL has"),
        ({"ciphers": 5}, "5 is not a list of ciphers"),
        ({"alpn_protocols": "http/1.1"}, "alpn_protocols='http/1.1' is not a list"),
        ({"alpn_protocols": [""]}, "'' is not the name of a protocol"),
        ({"alpn_protocols": ["é"]}, "'é' is not the name of a protocol"),
        ({"request_cert": 1}, "request_cert=1 is neither True nor False"),
        ({"reject_unauthorized": None}, "reject_unauthorized=None is neither True nor False"),
        ({"sni_callback": 5}, "sni_callback must be a function, not 5"),
        ({"handshake_timeout": -1}, "-1 s is not handshake_timeout"),
        ({"passphrase": 5}, "5 is not a passphrase"),
        ({"cert": None}, "a server of TLS needs a certificate and its key"),
        ({"key": 5}, "key=5 is not a key"),
        ({"certificate": 5}, "create_server() has no argument 'certificate'"),
    ],
)
def test_options_of_a_server(files: Files, options: dict[str, Any], words: str) -> None:
    assert words in files.serve(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"servername": ""}, "servername='' is not a host name"),
        ({"servername": ".a"}, "servername='.a' is not a host name"),
        ({"servername": 5}, "5 is not a server name"),
        ({"check_server_identity": 5}, "check_server_identity must be a function"),
        ({"session": b"x"}, "b'x' is not a session. Give what get_session() returned."),
        ({"key": people().client}, "a key was given without its certificate"),
        ({"socket": 5}, "connect was given a socket and a place"),
        ({"port": None, "socket": 5}, "5 is not a socket"),
        ({"rejectUnauthorized": False}, "Did you mean 'reject_unauthorized'?"),
    ],
)
def test_options_of_a_client(files: Files, options: dict[str, Any], words: str) -> None:
    assert words in files.words(lambda: tls.connect(**{"port": 1, **options}))


# -- what comes from the wire


@contextmanager
def raw_server(answer: Callable[[system.socket], None]) -> Iterator[int]:
    """A server that is no server of TLS; yields its port."""
    with system.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def test_a_client_that_meets_no_tls_says_what_came() -> None:
    def answer(connection: system.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2 and much more\r\n")
        connection.recv(4096)

    with raw_server(answer) as port, pytest.raises(tls.TLSError) as told:
        tls.connect(port)
    assert str(told.value) == (
        f"127.0.0.1:{port} does not speak TLS here: it sent b'SSH-2.0-OpenSSH_9.2 and '…. Is this the right port?"
    )


def test_a_handshake_that_never_ends_is_given_up() -> None:
    done = threading.Event()
    with raw_server(lambda connection: done.wait(10) and None) as port:
        with pytest.raises(LabError) as told:
            tls.connect(port, timeout=0.2)
        done.set()
    assert told.value.code == "ERR_TLS_HANDSHAKE_TIMEOUT"
    assert str(told.value) == (
        f"the TLS handshake with 127.0.0.1:{port} was not done within 0.2 s. It may not speak TLS."
    )


def plain(port: int) -> system.socket:
    return system.create_connection(("127.0.0.1", port), timeout=20)


def wrapped(port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=people().root.decode())
    return context.wrap_socket(plain(port), server_hostname="localhost")


def test_a_server_tells_what_clients_send_in_place_of_tls(good: Pair) -> None:
    with tls.create_server(key=good, cert=good).listen(0) as server:
        for sent, words in {
            b"GET / HTTP/1.1\r\n\r\n": "sent a plain HTTP request to a port of TLS. It should ask for https://.",
            b"CONNECT a:1 HTTP/1.1\r\n\r\n": "sent a plain CONNECT to a port of TLS. It takes this server for a proxy.",
            b"SSH-2.0-x\r\n": "does not speak TLS here: it sent b'SSH-2.0-x\\r\\n'. Is this the right port?",
        }.items():
            with plain(server.port) as client:
                client.sendall(sent)
                error, socket = server.wait_for("tls_client_error")
                assert words in str(error)
                assert str(error).startswith("127.0.0.1:")
                socket.wait_for("close")


def test_a_connection_that_is_cut_is_not_passed_off_as_an_end(good: Pair, version: str, tmp_path: Path) -> None:
    def cut(connection: system.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cert, key = files
        context.load_cert_chain(cert, key)
        context.maximum_version = VERSIONS[version]
        secured = context.wrap_socket(connection, server_side=True)
        secured.sendall(b"half of it")
        os.close(secured.detach())  # and no unwrap(): no close_notify

    files = good.save(tmp_path, "server")
    with raw_server(cut) as port:
        client = tls.connect(port, ca=people().root)
        assert client.read(10) == b"half of it"
        with pytest.raises(tls.Truncated) as told:
            client.wait_for("end")
    assert str(told.value) == (
        f"127.0.0.1:{port} ended the connection without close_notify: what came may not be all. Either it left without "
        "a word, or somebody has cut the connection."
    )
    assert client.errored is told.value
    assert "end" not in [each.name for each in client.history]


def test_a_client_that_leaves_without_a_word_is_told_to_the_server_alone(good: Pair) -> None:
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good).listen(0) as server:
        with wrapped(server.port) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        error, socket = server.wait_for("tls_client_error")
        assert isinstance(error, tls.Truncated)
        assert socket.errored is error


def test_a_record_that_was_changed(good: Pair) -> None:
    """One byte of an encrypted record is turned on its way."""
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good).listen(0) as server:
        changing = threading.Event()

        def relay(connection: system.socket) -> None:
            with plain(server.port) as onward:
                for source, sink in ((connection, onward), (onward, connection)):
                    threading.Thread(target=pump, args=(source, sink, source is connection), daemon=True).start()
                over.wait(10)

        def pump(source: system.socket, sink: system.socket, is_client: bool) -> None:
            try:
                while data := source.recv(65536):
                    if is_client and changing.is_set():
                        data = data[:-1] + bytes([data[-1] ^ 1])
                    sink.sendall(data)
            except OSError:
                pass

        over = threading.Event()
        with raw_server(relay) as port:
            client = tls.connect(port, ca=people().root)
            client.write("fine")
            assert client.read(4) == b"fine"
            changing.set()
            client.write("changed")
            error, _ = server.wait_for("tls_client_error")
            assert "was changed on its way, or is not from it" in str(error)
            with pytest.raises(tls.TLSError) as told:
                client.wait_for("end")
            assert told.value.alert == 20
            over.set()


def test_records_that_are_too_long(good: Pair) -> None:
    with tls.create_server(key=good, cert=good).listen(0) as server:
        client = wrapped(server.port)
        server.wait_for("secure_connection")
        raw = system.socket(fileno=client.detach())
        raw.sendall(b"\x17\x03\x03\xff\xff" + bytes(65535))
        error, _ = server.wait_for("tls_client_error")
        assert "sent a record that is longer than TLS allows (16 KiB)" in str(error)
        raw.close()


@pytest.mark.parametrize("seed", range(4))
def test_garbage_at_every_point_ends_in_one_error_and_nothing_else(good: Pair, seed: int, version: str) -> None:
    """Bytes of a real handshake, cut and changed at random: the server tells each client's fault, and goes on."""
    chance = random.Random(seed)
    hello = client_hello()
    with tls.create_server(key=good, cert=good, max_version=version).listen(0) as server:
        for _ in range(40):
            sent = bytearray(hello)
            for _ in range(chance.randrange(1, 6)):
                sent[chance.randrange(len(sent))] = chance.randrange(256)
            sent = sent[: chance.randrange(1, len(sent) + 1)]
            with plain(server.port) as client:
                client.sendall(sent)
                client.shutdown(system.SHUT_WR)
                try:
                    while client.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
            error, socket = server.wait_for("tls_client_error")
            assert isinstance(error, LabError), sent.hex()
            socket.wait_for("close")
        with tls.connect(server.port, ca=people().root) as good_client:
            assert good_client.authorized


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_renegotiation_is_refused(good: Pair) -> None:
    with tls.create_server(lambda s: s.pipe(s), key=good, cert=good, max_version="TLSv1.2").listen(0) as server:
        done = subprocess.run(
            [need_tool("openssl"), "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
            input=b"R\n", capture_output=True, timeout=20, check=False,
        )  # fmt: skip
        assert b"no renegotiation" in done.stderr
        error, _ = server.wait_for("tls_client_error")
        assert error.alert == 40  # the client gives up
