"""Pictures of certificates and of chains: every value by name, what is signed, who signs whom; readable.

Rule: certificates are those of tests/packets; what a picture shows is read back from its SVG.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from labkit import ca, draw
from labkit.core.errors import LabError
from tests.draw.markup import check_layout, parse, texts
from tests.draw.pages import page_of
from tests.packets.tls_certificates import pairs
from tests.packets.tls_scenes import scene, tape_of


def pem(name: str, at: int = 0) -> bytes:
    return pairs()[name][at][0].public_bytes(Encoding.PEM)


def told(picture: object) -> list[str]:
    return repr(picture).split("\n")


def test_a_certificate_in_words() -> None:
    assert told(draw.certificate(pem("good"))) == [
        "Certificate of CN=localhost, O=labkit, C=AT, signed by CN=labkit CA, O=labkit, C=AT",
        "  Certificate",
        "    tbsCertificate  (what the signature covers, up to signatureAlgorithm)",
        "      version = v3",
        "      serialNumber = (changes)",
        "      signature = ecdsa-with-SHA256",
        "      issuer = CN=labkit CA, O=labkit, C=AT",
        "      validity",
        "        notBefore = (changes)",
        "        notAfter = (changes)",
        "      subject = CN=localhost, O=labkit, C=AT",
        "      subjectPublicKeyInfo",
        "        algorithm = id-ecPublicKey, prime256v1",
        "        subjectPublicKey = (changes)",
        "      extensions",
        "        basicConstraints = critical: cA False",
        "        keyUsage = critical: digitalSignature",
        "        subjectKeyIdentifier = (changes)",
        "        authorityKeyIdentifier = (changes)",
        "        extKeyUsage = serverAuth",
        "        subjectAltName = localhost, 127.0.0.1, ::1",
        "    signatureAlgorithm = ecdsa-with-SHA256  (not covered)",
        "    signatureValue = (changes)",
    ]


@pytest.mark.parametrize("name", [*pairs()])
def test_each_fits_a_screen_and_nothing_overlaps(name: str) -> None:
    for at in range(len(pairs()[name])):
        picture = draw.certificate(pem(name, at))
        root = parse(picture.svg)
        check_layout(root)
        assert int(root.get("height", "0")) <= 800
        page_of(picture)


def test_the_picture_has_what_the_words_leave_out() -> None:
    cert = pairs()["good"][0][0]
    found = texts(parse(draw.certificate(pem("good")).svg))
    size = len(cert.public_bytes(Encoding.DER))
    assert f"{size} bytes, {len(cert.tbs_certificate_bytes)} bytes of them signed" in found
    assert cert.not_valid_after_utc.strftime("%Y-%m-%d %H:%M:%S UTC") in found
    assert f"0-{size - 1}" in found
    assert f"4-{3 + len(cert.tbs_certificate_bytes)}" in found


def test_a_certificate_of_a_tape_says_its_packet() -> None:
    tape = tape_of(scene("t12"))
    message = next(each for each in tape.handshake if each.kind == "Certificate")
    found = texts(parse(draw.certificate(message.certificates[0]).svg))
    assert any("in packet 6" in text for text in found)
    check_layout(parse(draw.bits(message.certificates[0]).svg))


def test_a_damaged_one_is_drawn_and_says_so() -> None:
    der = pairs()["good"][0][0].public_bytes(Encoding.DER)
    picture = draw.certificate(der[:300])
    assert "malformed" in repr(picture)
    check_layout(parse(picture.svg))
    with pytest.raises(LabError, match="is not a certificate"):
        draw.certificate(17)


def test_a_chain_says_who_signs_whom() -> None:
    chain = [pem("chain", 0), pem("chain", 1), pem("ca")]
    assert told(draw.chain(chain)) == [
        "A chain of 3 certificates",
        "  CN=localhost, O=labkit, C=AT  (no authority, EC, prime256v1)",
        "    signed by CN=labkit intermediate, O=labkit, C=AT: the signature is right",
        "    for localhost, 127.0.0.1, ::1",
        "  CN=labkit intermediate, O=labkit, C=AT  (an authority, EC, prime256v1)",
        "    signed by CN=labkit CA, O=labkit, C=AT: the signature is right",
        "  CN=labkit CA, O=labkit, C=AT  (an authority, EC, prime256v1)",
        "    signed with its own key: a root, which a client trusts or not",
    ]


def test_a_chain_without_its_issuer_and_one_with_an_impostor() -> None:
    assert told(draw.chain([pem("good")]))[2].endswith("whose certificate is not here")
    impostor = ca.CA("labkit CA")
    real = ca.CA("labkit CA")
    leaf = real.issue("localhost")
    lines = told(draw.chain([leaf.der, impostor]))
    assert lines[2].endswith("one of the same name is here, and the signature is not right under its key")
    assert told(draw.chain([leaf.der, real]))[2].endswith("the signature is right")


@pytest.mark.parametrize("count", range(1, 8))
def test_chains_fit_a_screen(count: int) -> None:
    each = [pem("chain", 0), pem("chain", 1), pem("ca"), pem("good"), pem("rsa"), pem("rich"), pem("stranger")]
    picture = draw.chain(each[:count])
    root = parse(picture.svg)
    check_layout(root)
    assert int(root.get("height", "0")) <= 800
    page_of(picture)
    check_layout(parse(draw.chain(each[count - 1 :: -1]).svg))


def test_a_list_without_certificates_is_refused() -> None:
    with pytest.raises(LabError, match="there is no certificate in"):
        draw.chain([])
    with pytest.raises(LabError, match="is not a certificate"):
        draw.chain([17])
