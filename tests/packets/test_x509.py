"""Certificates as bytes: every value where openssl says that it is, every byte with one name, whatever the bytes are.

Rule: certificates of this folder and of labkit.ca, and mutated ones; tshark's names stand in `test_tls_oracle`.
"""

from __future__ import annotations

import random
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from labkit import ca, draw
from labkit.ca import gallery
from labkit.core.errors import LabError, NoSuchPart
from labkit.packets.model import Field
from labkit.packets.x509 import Certificate
from tests.needs import need_tool
from tests.packets import tls_made, tls_oracle, tls_scenes
from tests.packets.dialogs import Turn
from tests.packets.leaves import every_byte_once
from tests.packets.tls_certificates import folder, pairs
from tests.packets.tls_made import record, vector
from tests.packets.tls_scenes import Scene

SAID = (
    "version", "serial_number", "subject", "issuer", "not_before", "not_after", "names", "key", "is_ca",
    "signature_algorithm", "extensions", "signed", "signature", "reason", "title",
)  # fmt: skip


@cache
def ders() -> dict[str, bytes]:
    """The certificates of the scenes, and some of labkit.ca."""
    found = {
        f"{name} {at}": certificate.public_bytes(Encoding.DER)
        for name, chain in pairs().items()
        for at, (certificate, _) in enumerate(chain)
    }
    root = ca.CA("a root")
    found["of labkit.ca"] = root.issue("localhost", "127.0.0.1").der
    found["root of labkit.ca"] = root.der
    return found


def values(fields: tuple[Field, ...], depth: int = 0) -> list[tuple[int, int, int, int]]:
    """(first byte, depth, bytes of tag and length, bytes of content) of the values, without those in OCTET STRINGs."""
    found = []
    for item in fields:
        head = item.children[0] if item.children else None
        if head is None or head.name != "x509.header":
            found += values(item.children, depth)
            continue
        found.append((item.start // 8, depth, head.bits // 8, (item.bits - head.bits) // 8))
        if head.meaning.split(",")[0] not in ("OCTET STRING", "BIT STRING"):
            found += values(item.children[1:], depth + 1)
    return found


def asn1parse(der: bytes) -> list[tuple[int, ...]]:
    """The same, as openssl says it."""
    command = [need_tool("openssl"), "asn1parse", "-inform", "DER"]
    done = subprocess.run(command, input=der, capture_output=True, check=True, timeout=100)
    lines = re.findall(r"^ *(\d+):d=(\d+) +hl=(\d+) +l= *(\d+)", done.stdout.decode(), re.MULTILINE)
    return [tuple(map(int, line)) for line in lines]


@pytest.mark.parametrize("name", [*(f"{name} {at}" for name, chain in (("rich", 2), ("chain", 2), ("rsa", 1),
                                    ("ed25519", 1), ("huge", 1), ("client", 1), ("ca", 1)) for at in range(chain)),
                                  "of labkit.ca", "root of labkit.ca"])  # fmt: skip
def test_every_value_is_where_openssl_says(name: str) -> None:
    der = ders()[name]
    cert = Certificate(der)
    assert values(cert.fields) == asn1parse(der)
    every_byte_once(cert.fields, 0, len(der))
    named = [part for top in cert.fields for part in top.walk()]
    assert not [part for part in named if part.name == "x509.any" and part.start < named[1].start]
    assert all(part.why.endswith(".") and part.rfc for part in named)


def test_the_gallery_of_certificates_gone_wrong_is_as_in_openssl_and_tshark(tmp_path: Path) -> None:
    """All of them in one Certificate message of TLS 1.2, cut into records: names and places are tshark's, too."""
    found: dict[bytes, str] = {}
    for name in gallery.NAMES_OF_CASES:
        case = gallery.case(name)
        for holder in (case.identity, case.trusted):
            for each in (holder.certificate, *holder._above):
                found[each.public_bytes(Encoding.DER)] = name
    assert len(found) > 30
    for der, name in found.items():
        assert values(Certificate(der).fields) == asn1parse(der), name
        every_byte_once(Certificate(der).fields, 0, len(der))
    message = tls_made.message(11, vector(3, b"".join(vector(3, der) for der in found)))
    records = [record(22, message[at : at + 16000]) for at in range(0, len(message), 16000)]
    sent = record(22, tls_made.server_hello(suite=0xC02F, new=False)) + b"".join(records)
    turns: list[Turn] = [
        ("c", record(22, tls_made.client_hello(suites=(0xC02F,)), 0x0301)),
        ("s", [sent[at : at + 1400] for at in range(0, len(sent), 1400)]),
    ]
    tape = tls_scenes.tape_of(Scene([turns], b"", []))
    compared = tls_oracle.compare(tape, tape.save(tmp_path / "gallery.pcapng"))
    assert not compared.wrong, "\n".join(compared.wrong[:5])
    assert compared.fields > 60 * len(found)
    assert [each.der for each in tape.handshake[2].certificates] == list(found)


def test_what_a_certificate_says_is_what_the_package_cryptography_reads() -> None:
    for chain in pairs().values():
        for library, _ in chain:
            cert = Certificate(library.public_bytes(Encoding.DER))
            assert cert.serial_number == library.serial_number
            assert cert.version == 3
            assert cert.not_before == library.not_valid_before_utc.strftime("%Y-%m-%d %H:%M:%S UTC")
            assert cert.not_after == library.not_valid_after_utc.strftime("%Y-%m-%d %H:%M:%S UTC")
            assert cert.signed == library.tbs_certificate_bytes
            assert cert.signature == library.signature
            assert len(cert.extensions) == len(library.extensions)
            for item in library.extensions:
                dotted = item.oid.dotted_string
                field = next(each for each in cert.extensions.values() if dotted in each.children[1].shown)
                name = next(key for key, each in cert.extensions.items() if each is field)
                assert cert.critical(name) == item.critical
            assert not cert.state


def test_names_keys_and_authorities() -> None:
    leaf, middle = (Certificate.of(each.public_bytes(Encoding.PEM)) for each, _ in pairs()["chain"])
    root = Certificate.of((folder() / "ca.pem").read_text())
    assert leaf.names == ("localhost", "127.0.0.1", "::1")
    assert (leaf.subject, leaf.issuer) == ("CN=localhost, O=labkit, C=AT", "CN=labkit intermediate, O=labkit, C=AT")
    assert (leaf.is_ca, middle.is_ca, root.is_ca) == (False, True, True)
    assert leaf.key == "EC, prime256v1"
    assert Certificate(ders()["rsa 0"]).key == "RSA, 2048 bits"
    assert Certificate(ders()["ed25519 0"]).key == "Ed25519"
    assert leaf.signature_algorithm == "ecdsa-with-SHA256"
    assert leaf["subject"].rfc == "RFC 5280 §4.1.2.6"
    assert leaf["x509ce.dNSName"].value == "localhost"
    with pytest.raises(NoSuchPart, match="does not have a field 'nothing'"):
        leaf["nothing"]


def test_a_signature_is_checked_and_not_believed() -> None:
    leaf, middle = (Certificate(ders()[f"chain {at}"]) for at in (0, 1))
    root, stranger = Certificate(ders()["ca 0"]), Certificate(ders()["strangerca 0"])
    assert leaf.signed_by(middle)
    assert middle.signed_by(root)
    assert root.signed_by(root)
    assert not leaf.signed_by(root)
    assert not middle.signed_by(stranger)
    changed = bytearray(leaf.der)
    at = leaf.der.index(b"localhost")
    changed[at : at + 9] = b"evilhosts"
    assert not Certificate(bytes(changed)).signed_by(middle)
    assert Certificate(ders()["rich 0"]).signed_by(Certificate(ders()["rich 1"]))  # RSA
    assert not leaf.signed_by(Certificate(b"nonsense"))


def test_what_is_no_certificate_is_refused() -> None:
    for given in (17, b"", None, object()):
        with pytest.raises(LabError, match="is not a certificate"):
            Certificate.of(given)
    with pytest.raises(LabError, match="PEM text of this certificate is damaged"):
        Certificate.of("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----")
    assert Certificate.of(ca.CA("x")).is_ca
    assert Certificate.of(b"no certificate").state == "malformed"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_bytes_are_each_has_one_name(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    names = [name for name in ders() if not name.startswith("huge")]
    wrong = 0
    for turn in range(60):
        data = bytearray(ders()[chance.choice(names)])
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 20)]
                case 2:
                    data[at:at] = chance.choice([b"\x30\x80", b"\xff" * 9, b"\x1f\xff\xff", b"\x03\x00", b"\x01\x00"])
                case _:
                    data[at : at + 2] = bytes([chance.choice([0x30, 0x31, 0xA0, 0x04, 3]), chance.randrange(256)])
        cert = Certificate(bytes(data))
        every_byte_once(cert.fields, 0, len(data))
        wrong += bool(cert.state)
        for name in SAID:
            getattr(cert, name)
        repr(cert)
        if turn % 10 == 0:
            assert draw.certificate(cert).svg
            assert draw.chain([cert, ders()["ca 0"]]).svg
            draw.bits(cert)
    assert wrong > 10


def test_nesting_without_end_is_read_in_time() -> None:
    """Thousands of sequences in each other: the reader stops at a depth, and says so."""
    data = b""
    for _ in range(3000):
        size = len(data)
        head = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
            (size.bit_length() + 7) // 8, "big")  # fmt: skip
        data = b"\x30" + head + data
    cert = Certificate(data)
    every_byte_once(cert.fields, 0, len(data))
    assert cert.reason == "it is nested too deeply"
