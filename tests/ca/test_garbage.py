"""Whatever is in a file or a request, the answer is an error in words, and never one of a library.

Rule: the same bytes each time, from a seed; what is valid by chance may be taken.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from labkit.ca import CA, facts, keys, load, request, store
from labkit.core.errors import LabError

ROUNDS = 200
# a serial number that is negative, and the like: taken with a warning
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


def was_refused(read: Callable[[], object], file: str) -> bool:
    """Whether it raised; then it must be an error in words that names the file."""
    told = ""
    try:
        read()
    except LabError as error:
        told = str(error)
    assert not told or file in told
    return bool(told)


def spoiled(pem: bytes, chance: random.Random) -> bytes:
    """Some bytes are others, some are gone, some come twice."""
    data = bytearray(pem)
    for _ in range(chance.randint(1, 4)):
        if not data:
            break
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 40)]
            case 2:
                data[at:at] = data[at : at + 30]
            case _:
                data = data[: max(at, 1)]
    return bytes(data) or b"-"


@pytest.mark.parametrize("seed", range(4))
def test_files(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    root = CA(key_type=("ec", "rsa", "ed25519", "ec-p384")[seed])
    good = root.issue("localhost", key_type=("ec", "ed25519", "rsa-1024", "ec")[seed])
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    refused = 0
    for _ in range(ROUNDS):
        cert.write_bytes(spoiled(good.cert_pem, chance) if chance.random() < 0.6 else good.cert_pem)
        key.write_bytes(spoiled(good.key_pem, chance) if chance.random() < 0.6 else good.key_pem)
        for read in (lambda: load(cert, key), lambda: facts.of(cert), lambda: facts.of(key)):
            refused += was_refused(read, str(tmp_path))
    assert refused > ROUNDS  # most of it is bad


def spoiled_der(der: bytes, chance: random.Random) -> bytes:
    """One or two bytes are others: the lengths stay, so that the fault lies deeper."""
    data = bytearray(der)
    for _ in range(chance.randint(1, 2)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("seed", range(3))
def test_certificates_that_are_wrong_inside(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    good = CA().issue("localhost", "127.0.0.1")
    cert = tmp_path / "server.pem"
    key = good.save(tmp_path, "good").key
    for _ in range(ROUNDS):
        body = base64.encodebytes(spoiled_der(good.der, chance))
        cert.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n")
        for read in (lambda: load(cert, key), lambda: facts.of(cert)):
            was_refused(read, "server.pem")


@pytest.mark.parametrize("seed", range(2))
def test_requests(seed: int) -> None:
    chance = random.Random(seed)
    root, key = CA(), keys.make()
    good = x509.load_pem_x509_csr(request("localhost", key=key)).public_bytes(Encoding.DER)
    taken = 0
    for _ in range(ROUNDS):
        changed = spoiled_der(good, chance)
        body = base64.encodebytes(changed).decode()
        asked = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
        if changed != good:
            taken += not was_refused(lambda asked=asked: root.sign(asked), "request")  # type: ignore[misc]
    assert taken == 0  # each byte is signed, or is a part of the signature
    for _ in range(ROUNDS):
        with pytest.raises(LabError):
            root.sign(chance.randbytes(chance.randrange(200)))


def test_what_says_of_itself_that_it_is_a_ca() -> None:
    assert store.is_ca(CA().certificate)
    assert not store.is_ca(CA().issue("localhost").certificate)
    assert not store.is_ca(CA(version=1).certificate)
