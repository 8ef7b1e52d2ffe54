"""A CA, and what it issues: fields, dates, files, and what it refuses.

Rule: what a certificate is worth is told by a handshake with the strictest check, never by reading our own code.
"""

from __future__ import annotations

import stat
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from labkit.ca import CA, Files, Identity, keys, lifetimes, request, verdicts
from labkit.core.errors import BadArgument, LabError


def extension(of: Any, kind: Any) -> Any:
    """An extension of what a CA has issued."""
    return of.certificate.extensions.get_extension_for_class(kind)


class TestStrictClients:
    """What it issues by default is taken by the strictest of them."""

    @pytest.mark.parametrize("kind", ["ec", "ec-p384", "rsa", "ed25519"])
    @pytest.mark.parametrize("intermediates", [0, 1, 2])
    def test_any_kind_of_key(self, kind: str, intermediates: int) -> None:
        root = last = CA()
        for number in range(intermediates):
            last = CA(f"intermediate {number}", issuer=last)
        assert verdicts(last.issue("localhost", "127.0.0.1", key_type=kind), root).good

    @pytest.mark.parametrize("kind", ["ec", "ec-p384", "rsa"])
    def test_any_kind_of_root(self, kind: str) -> None:
        root = CA(key_type=kind)
        assert verdicts(root.issue("localhost"), root).good

    def test_what_is_signed_on_request(self) -> None:
        root, key = CA(), keys.make()
        signed = root.sign(request("localhost", "::1", key=key)).with_key(key)
        assert verdicts(signed, root).good
        assert verdicts(signed, root, "::1").good
        assert not verdicts(signed, root, "127.0.0.1").good


class TestWhatIsInACertificate:
    """Field by field."""

    def test_of_a_server(self) -> None:
        root = CA()
        server = root.issue("localhost", "127.0.0.1", "::1", "*.example.org")
        assert server.name == "localhost"
        assert server.hosts == ("localhost", "127.0.0.1", "::1", "*.example.org")
        names = extension(server, x509.SubjectAlternativeName).value
        assert [type(each).__name__ for each in names] == ["DNSName", "IPAddress", "IPAddress", "DNSName"]
        assert list(extension(server, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
        usage = extension(server, x509.KeyUsage)
        assert usage.critical
        assert usage.value.digital_signature
        assert not usage.value.key_encipherment
        assert not usage.value.key_cert_sign
        constraints = extension(server, x509.BasicConstraints)
        assert constraints.critical
        assert not constraints.value.ca
        assert server.certificate.version is x509.Version.v3
        assert server.certificate.issuer == root.certificate.subject
        identifier = extension(root, x509.SubjectKeyIdentifier).value.digest
        assert extension(server, x509.AuthorityKeyIdentifier).value.key_identifier == identifier

    def test_of_a_server_with_rsa(self) -> None:
        usage = extension(CA().issue("localhost", key_type="rsa"), x509.KeyUsage).value
        assert usage.digital_signature
        assert usage.key_encipherment

    def test_of_a_client(self) -> None:
        client = CA().issue("Ada", client=True)
        assert client.name == "Ada"
        assert client.hosts == ()
        assert list(extension(client, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]

    def test_of_a_ca(self) -> None:
        root = CA("my CA", path_length=1)
        constraints = extension(root, x509.BasicConstraints)
        assert constraints.critical
        assert constraints.value.ca
        assert constraints.value.path_length == 1
        assert extension(root, x509.KeyUsage).value.key_cert_sign
        assert root.certificate.issuer == root.certificate.subject
        assert root.name == "my CA"

    def test_a_name_beyond_ascii(self) -> None:
        assert CA().issue("bücher.example").hosts == ("xn--bcher-kva.example",)

    def test_without_a_subject_the_names_are_critical(self) -> None:
        server = CA().issue("localhost", common_name="", organization=None)
        assert not list(server.certificate.subject)
        assert extension(server, x509.SubjectAlternativeName).critical
        assert server.name == "localhost"

    def test_serial_numbers_differ_and_have_more_than_64_bits(self) -> None:
        root = CA()
        serials = {root.issue("localhost").certificate.serial_number for _ in range(20)}
        assert len(serials) == 20
        assert max(serials).bit_length() > 120  # the Baseline Requirements ask for 64 random bits, section 7.1

    def test_where_the_revoked_are_listed(self) -> None:
        server = CA().issue("localhost", crl=("http://127.0.0.1:8080/revoked",))
        (point,) = extension(server, x509.CRLDistributionPoints).value
        assert point.full_name[0].value == "http://127.0.0.1:8080/revoked"


class TestChains:
    """The certificates above, and what is sent of them."""

    def test_the_root_is_in_the_chain_and_is_not_sent(self) -> None:
        root = CA()
        upper = CA("upper", issuer=root)
        lower = CA("lower", issuer=upper)
        server = lower.issue("localhost")
        assert server.chain == (server.certificate, lower.certificate, upper.certificate, root.certificate)
        assert server.sent == server.chain[:3]
        assert x509.load_pem_x509_certificates(server.cert_pem) == list(server.sent)
        assert x509.load_pem_x509_certificates(root.cert_pem) == [root.certificate]
        assert x509.load_pem_x509_certificates(lower.cert_pem) == [lower.certificate, upper.certificate]

    def test_self_signed(self) -> None:
        server = CA().issue("localhost", self_signed=True)
        assert server.chain == server.sent == (server.certificate,)
        assert server.certificate.issuer == server.certificate.subject

    def test_as_text(self) -> None:
        root = CA()
        assert repr(root) == "CA labkit CA: self-signed, EC P-256, 397 days"
        names = [f"host-{number}.example" for number in range(9)]
        told = repr(root.issue(*names, key_type="rsa"))
        assert told == (
            "Identity host-0.example, host-1.example, host-2.example, host-3.example and 5 more names: "
            "issued by labkit CA, RSA 2048, 47 days"
        )
        assert repr(CA("x", issuer=root).issue("Ada", client=True)) == "Identity Ada: issued by x, EC P-256, 47 days"


class TestDates:
    """How long, and from when."""

    def test_both_seconds_count(self) -> None:
        server = CA().issue("localhost", days=2).certificate
        length = server.not_valid_after_utc - server.not_valid_before_utc
        assert length == timedelta(days=2) - timedelta(seconds=1)
        assert lifetimes.now() - server.not_valid_before_utc >= lifetimes.BACK

    def test_never_longer_than_the_ca(self) -> None:
        root = CA(days=3)
        assert root.issue("localhost").certificate.not_valid_after_utc == root.certificate.not_valid_after_utc
        assert CA("x", issuer=root).certificate.not_valid_after_utc == root.certificate.not_valid_after_utc

    def test_unless_that_is_asked_for(self) -> None:
        root = CA(days=3)
        assert root.issue("localhost", days=9).certificate.not_valid_after_utc > root.certificate.not_valid_after_utc

    def test_what_public_cas_may_do(self) -> None:
        known = {
            "2018-03-01": 825, "2020-08-31": 825, "2020-09-01": 398, "2026-03-14": 398, "2026-03-15": 200,
            "2027-03-14": 200, "2027-03-15": 100, "2029-03-14": 100, "2029-03-15": 47, "2040-01-01": 47,
        }  # fmt: skip
        assert {day: lifetimes.longest(date.fromisoformat(day)) for day in known} == known
        assert max(lifetimes.LEAF, 0) <= min(days for _, days in lifetimes.LIMITS)
        with pytest.raises(ValueError, match="2018"):
            lifetimes.longest(date(2017, 1, 1))


class TestRequests:
    """A CA signs a request, and never sees the private key."""

    def test_the_key_of_the_request_is_in_the_certificate(self) -> None:
        key = keys.make()
        signed = CA().sign(request("localhost", key=key))
        assert keys.public_pem(signed.certificate.public_key()) == keys.public_pem(key)  # type: ignore[arg-type]
        with pytest.raises(LabError, match="private key of localhost is not here"):
            _ = signed.key_pem
        assert isinstance(signed.with_key(key), Identity)

    def test_another_key_does_not_fit(self) -> None:
        signed = CA().sign(request("localhost", key=keys.make()))
        with pytest.raises(BadArgument, match="does not belong"):
            signed.with_key(keys.make())

    def test_whoever_asks_needs_the_private_key(self) -> None:
        pem = request("localhosx", key=keys.make())
        der = x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)
        forged = x509.load_der_x509_csr(der.replace(b"localhosx", b"localhost"))
        with pytest.raises(BadArgument, match="signature of this request is wrong"):
            CA().sign(forged)

    @pytest.mark.parametrize("what", [b"", b"no PEM", "no PEM", 7, None])
    def test_what_is_no_request(self, what: Any) -> None:
        with pytest.raises(BadArgument, match="request"):
            CA().sign(what)

    def test_a_certificate_is_no_request(self) -> None:
        with pytest.raises(BadArgument, match="not a certificate signing request"):
            CA().sign(CA().cert_pem)

    def test_a_request_names_somebody(self) -> None:
        with pytest.raises(BadArgument, match="a request needs a name"):
            request(key=keys.make())

    def test_what_the_request_wants_besides_its_names_is_not_granted(self) -> None:
        key = keys.make()
        wants = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        wants = wants.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        wants = wants.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        signed = CA().sign(wants.sign(key, hashes.SHA256()))
        assert not extension(signed, x509.BasicConstraints).value.ca
        assert signed.hosts == ("localhost",)


class TestRevoking:
    """The list of revoked certificates."""

    def test_it_is_signed_and_names_the_serial_numbers(self) -> None:
        root = CA()
        good, bad = root.issue("good.example"), root.issue("bad.example")
        root.revoke(bad)
        revoked = x509.load_pem_x509_crl(root.crl_pem())
        assert revoked.is_signature_valid(root.key.public_key())
        assert [each.serial_number for each in revoked] == [bad.certificate.serial_number]
        assert revoked.get_revoked_certificate_by_serial_number(good.certificate.serial_number) is None

    def test_an_empty_one(self) -> None:
        assert list(x509.load_pem_x509_crl(CA(key_type="ed25519").crl_pem())) == []

    def test_only_its_own(self) -> None:
        with pytest.raises(BadArgument, match="was not issued by"):
            CA("one").revoke(CA("other").issue("localhost"))


class TestFiles:
    """What is saved, and who may read it."""

    def test_the_key_is_the_users_alone(self, tmp_path: Path) -> None:
        server = CA().issue("localhost")
        files = server.save(tmp_path / "new" / "folder")
        assert files == Files(tmp_path / "new/folder/localhost.pem", tmp_path / "new/folder/localhost.key")
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
        assert files.cert.read_bytes() == server.cert_pem
        assert files.key.read_bytes() == server.key_pem

    def test_also_if_an_open_file_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "localhost.key").touch(0o644)
        files = CA().issue("localhost").save(tmp_path)
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600

    def test_with_a_passphrase(self, tmp_path: Path) -> None:
        files = CA().issue("localhost").save(tmp_path, "server", passphrase="secret")
        assert files.key.name == "server.key"
        assert b"ENCRYPTED" in files.key.read_bytes()
        assert keys.in_words(keys.read(files.key.read_bytes(), "server.key", "secret")) == "EC P-256"

    @pytest.mark.parametrize(
        ("name", "stem"), [("*.example.org", "example.org"), ("Ada Lovelace", "ada-lovelace"), ("../x", "x")]
    )
    def test_names_of_files(self, tmp_path: Path, name: str, stem: str) -> None:
        assert CA().issue(name, client=True).save(tmp_path).cert == tmp_path / f"{stem}.pem"

    @pytest.mark.parametrize("stem", ["", "a/b", "a\0b", 7])
    def test_what_is_no_stem(self, tmp_path: Path, stem: Any) -> None:
        with pytest.raises(BadArgument, match="not the beginning of a file name"):
            CA().save(tmp_path, stem)

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LabError, match="file"):
            CA().save(tmp_path / "file")


class TestRefusals:
    """What cannot be made is told in words."""

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: CA(key_type="dsa"), "'dsa' is not a kind of key. Give one of ec,"),
            (lambda: CA("x" * 65), "cannot be a name in a certificate"),
            (lambda: CA(issuer="me"), "'me' is not a CA"),  # type: ignore[arg-type]
            (lambda: CA(days=0), "days=0 is not a time"),
            (lambda: CA(days="7"), "days='7' is not a time"),  # type: ignore[arg-type]
            (lambda: CA(usage=("sign",)), "'sign' is not a key usage"),
            (lambda: CA().issue(), "a certificate needs a name"),
            (lambda: CA().issue(""), "'' is not a host"),
            (lambda: CA().issue(7), "7 is not a host"),  # type: ignore[arg-type]
            (lambda: CA().issue("localhost", purposes=("web",)), "'web' is not a purpose"),
            (lambda: CA().issue("localhost", hash="md5"), "'md5' is not a digest"),
            (lambda: CA(key_type="ed25519").issue("localhost", hash="sha1"), "does not sign with SHA-1"),
            (lambda: CA().issue("localhost", version=2), "version=2"),
            (lambda: CA().issue("localhost", ends="soon"), "'soon' is not a time"),  # type: ignore[arg-type]
            (lambda: CA().issue("localhost", ends=datetime(2040, 1, 1)), "Give a datetime with its zone"),
            (lambda: request("localhost", key="key"), "'key' is not a private key"),  # type: ignore[arg-type]
            (lambda: CA().issue("localhost", ends=lifetimes.now(), starts=lifetimes.now() + lifetimes.BACK), "dates"),
        ],
    )
    def test_bad_values(self, call: Any, words: str) -> None:
        with pytest.raises(BadArgument) as told:
            call()
        assert words in str(told.value)

    def test_a_misspelt_name(self) -> None:
        with pytest.raises(LabError, match="Did you mean 'key_type'"):
            CA(keytype="ec")  # type: ignore[call-arg]
        with pytest.raises(LabError, match="Did you mean 'client'"):
            CA().issue("localhost", clent=True)  # type: ignore[call-arg]
