"""DER taken apart and put together, and signatures that no library makes any more.

Rule: openssl says what such a certificate is, not our own reading of it.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cryptography import x509

from labkit.ca import CA, commands
from labkit.ca.resigning import content, element, elements
from tests.needs import need_tool


def text(path: Path, certificate: x509.Certificate) -> str:
    """What openssl shows of a certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding

    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return commands.run("openssl", ["x509", "-in", str(path), "-noout", "-text"]).out


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths(size: int) -> None:
    data = bytes(size)
    made = element(0x04, data)
    assert content(made) == data
    assert elements(made) == [made]


def test_elements_one_after_another() -> None:
    chance = random.Random(13)
    made = [element(0x30, chance.randbytes(chance.choice((0, 5, 127, 128, 300, 70000)))) for _ in range(50)]
    assert elements(b"".join(made)) == made


@pytest.mark.parametrize("kind", ["ec", "rsa", "rsa-1024"])
def test_sha_1(kind: str, tmp_path: Path) -> None:
    need_tool("openssl")
    root = CA(key_type=kind)
    leaf = root.issue("localhost", hash="sha1")
    name = "ecdsa-with-SHA1" if kind == "ec" else "sha1WithRSAEncryption"
    assert text(tmp_path / "leaf.pem", leaf.certificate).count(f"Signature Algorithm: {name}") == 2
    (tmp_path / "ca.pem").write_bytes(root.cert_pem)
    # The signature is right: it is only too weak for today's level.
    for level, code in (("0", 0), ("2", 2)):
        words = ["verify", "-auth_level", level, "-CAfile", "ca.pem", "leaf.pem"]
        done = commands.run("openssl", words, folder=tmp_path)
        assert (done.code, "too weak" in done.err) == (code, bool(code))


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_version_1(kind: str, tmp_path: Path) -> None:
    need_tool("openssl")
    root = CA(key_type=kind, version=1)
    told = text(tmp_path / "ca.pem", root.certificate)
    assert "Version: 1 (0x0)" in told
    assert "extensions" not in told
    done = commands.run("openssl", ["verify", "-CAfile", "ca.pem", "ca.pem"], folder=tmp_path)
    assert done.code == 0, done.err


def test_nothing_else_changes() -> None:
    root = CA()
    leaf = root.issue("localhost", "127.0.0.1", hash="sha1").certificate
    assert [str(each.value) for each in leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value] == [
        "localhost", "127.0.0.1",
    ]  # fmt: skip
    assert leaf.version is x509.Version.v3
    assert leaf.issuer == root.certificate.subject
