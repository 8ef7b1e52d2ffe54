"""The machine's CA: made once, found again, renewed in time; and what is read from files.

Rule: the directory is a test's own; who made the CA is told by its serial number.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labkit.ca import CA, Identity, keys, lifetimes, load, mine, path, store, verdicts
from labkit.core.errors import LabError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the machine's CA lies in this test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "labkit/ca"


def serial(ca: Any) -> int:
    """Tells one CA from another."""
    number: int = ca.certificate.serial_number
    return number


class TestTheMachinesCA:
    """`ca.mine()`."""

    def test_made_once(self, place: Path) -> None:
        first = mine()
        assert isinstance(first, CA)
        assert first.name == "labkit CA"
        assert serial(mine()) == serial(first)
        assert verdicts(mine().issue("localhost"), first).good

    def test_its_file(self, place: Path) -> None:
        assert path() == place / "ca.pem"
        assert path().read_bytes() == mine().cert_pem

    def test_only_the_user_may_read_it(self, place: Path) -> None:
        before = os.umask(0)
        try:
            mine()
        finally:
            os.umask(before)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert {key.name: stat.S_IMODE(key.stat().st_mode) for key in place.glob("*.key")} == {"ca.key": 0o600}

    def test_an_open_directory_is_closed(self, place: Path) -> None:
        place.mkdir(parents=True)
        place.chmod(0o755)
        mine()
        assert stat.S_IMODE(place.stat().st_mode) == 0o700

    @pytest.mark.parametrize(("days", "kept"), [(2 * lifetimes.LEAF + 1, True), (2 * lifetimes.LEAF - 1, False)])
    def test_renewed_before_it_ends(self, place: Path, days: int, kept: bool) -> None:
        old = CA(store.NAME, days=days)
        old.save(place, store.STEM)
        assert (serial(mine()) == serial(old)) == kept
        assert serial(mine()) == serial(mine())

    @pytest.mark.parametrize("file", ["ca.pem", "ca.key"])
    @pytest.mark.parametrize("damage", ["gone", "empty", "cut", "another's"])
    def test_made_again_if_it_is_damaged(self, place: Path, file: str, damage: str) -> None:
        first = mine()
        damaged = place / file
        content = damaged.read_bytes()
        damaged.unlink()
        if damage != "gone":
            other = CA()
            others = other.cert_pem if file == "ca.pem" else other.key_pem
            damaged.write_bytes({"empty": b"", "cut": content[:-60], "another's": others}[damage])
        second = mine()
        assert serial(second) != serial(first)
        assert serial(mine()) == serial(second)

    def test_a_servers_certificate_is_no_ca(self, place: Path) -> None:
        CA().issue("localhost", days=300).save(place, store.STEM)
        assert isinstance(mine(), CA)
        assert mine().name == "labkit CA"

    def test_many_programs_at_once_agree(self, place: Path) -> None:
        words = [sys.executable, "-c", "from labkit import ca; print(ca.mine().certificate.serial_number)"]
        running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        said = {each.communicate(timeout=60)[0] for each in running}
        assert said == {f"{serial(mine())}\n"}

    def test_without_xdg_data_home_it_is_below_the_home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for value in (None, "", "relative/is/ignored"):
            if value is None:
                monkeypatch.delenv("XDG_DATA_HOME", raising=False)
            else:
                monkeypatch.setenv("XDG_DATA_HOME", value)
            monkeypatch.setenv("HOME", str(tmp_path))
            assert store.directory() == tmp_path / ".local/share/labkit/ca"

    def test_where_nothing_can_be_written(self, place: Path) -> None:
        place.parent.mkdir()
        place.touch()
        with pytest.raises(LabError, match=str(place)):
            mine()


class TestReading:
    """`ca.load`: the error names the file and the cause."""

    def test_a_server_and_a_ca(self, tmp_path: Path) -> None:
        root = CA()
        between = CA("between", issuer=root)
        files = between.issue("localhost").save(tmp_path)
        server = load(files.cert, files.key)
        assert isinstance(server, Identity)
        assert len(server.chain) == 2
        assert server.sent == server.chain
        assert server.cert_pem == files.cert.read_bytes()
        assert verdicts(server, root).good
        files = root.save(tmp_path)
        assert isinstance(load(str(files.cert), str(files.key)), CA)

    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        """A server's certificate and key."""
        made = CA().issue("localhost").save(tmp_path, "server")
        return made.cert, made.key

    @pytest.mark.parametrize(
        ("content", "cause"),
        [
            (b"", "the file is empty"),
            (b"hello", "there is no PEM in it"),
            (b"-----BEGIN CERTIFICATE-----\nMIIB", "a certificate in it is damaged or cut off"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate in it is damaged"),
            (keys.private_pem(keys.make()), "it holds a PRIVATE KEY, and no certificate"),
        ],
    )
    def test_a_bad_certificate(self, files: tuple[Path, Path], content: bytes, cause: str) -> None:
        files[0].write_bytes(content)
        with pytest.raises(LabError) as told:
            load(*files)
        assert f"{files[0]}: {cause}" in str(told.value)

    @pytest.mark.parametrize(
        ("content", "cause"),
        [
            (b"", ": the file is empty"),
            (b"hello", ": there is no PEM in it"),
            (b"-----BEGIN PRIVATE KEY-----\nMIIB", ": the private key in it is damaged or cut off"),
            (CA().cert_pem, ": it holds a CERTIFICATE, and no private key"),
            (keys.private_pem(keys.make(), "secret"), " is encrypted. Give its passphrase."),
            (keys.private_pem(keys.make()), " does not belong to the certificate in "),
        ],
    )
    def test_a_bad_key(self, files: tuple[Path, Path], content: bytes, cause: str) -> None:
        files[1].write_bytes(content)
        with pytest.raises(LabError) as told:
            load(*files)
        assert f"{files[1]}{cause}" in str(told.value)

    def test_passphrases(self, tmp_path: Path) -> None:
        files = CA().issue("localhost").save(tmp_path, passphrase="right")
        assert load(files.cert, files.key, passphrase="right").name == "localhost"
        with pytest.raises(LabError, match="the passphrase is wrong"):
            load(files.cert, files.key, passphrase="wrong")
        open_ones = CA().issue("localhost").save(tmp_path, "open")
        with pytest.raises(LabError, match=r"the key in .*open\.key is not encrypted"):
            load(open_ones.cert, open_ones.key, passphrase="right")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(LabError, match=r"nothing\.pem does not exist"):
            load(tmp_path / "nothing.pem", tmp_path / "nothing.key")

    def test_a_kind_of_key_that_is_not_used_here(self, tmp_path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric import ed448

        key = ed448.Ed448PrivateKey.generate()
        with pytest.raises(LabError, match="the kind Ed448"):
            keys.read(keys.private_pem(key), "server.key")  # type: ignore[arg-type]


def test_keys_in_words() -> None:
    words = {kind: keys.in_words(keys.make(kind)) for kind in ("ec", "ec-p384", "ed25519", "rsa", "rsa-1024")}
    assert words == {
        "ec": "EC P-256", "ec-p384": "EC P-384", "ed25519": "Ed25519", "rsa": "RSA 2048", "rsa-1024": "RSA 1024",
    }  # fmt: skip
    assert keys.in_words(keys.make().public_key()) == "EC P-256"


def test_the_public_key_of_a_private_one() -> None:
    key = keys.make()
    assert keys.public_pem(key) == keys.public_pem(key.public_key())
    assert keys.public_pem(key).startswith(b"-----BEGIN PUBLIC KEY-----")
