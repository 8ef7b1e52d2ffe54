"""Certificates gone wrong, one case each, minted on the spot: what is wrong, its files, and what programs say to it.

Rule: each case has one thing wrong and all else right; the mistake is in the certificates, not in the question.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from labkit.ca import lifetimes, recorded
from labkit.ca.answers import Answers, Survey
from labkit.ca.asking import NAMES, Question, ask, missing
from labkit.ca.authority import CA, Identity
from labkit.ca.holder import Holder
from labkit.core.calls import nearest
from labkit.core.checks import shown
from labkit.core.errors import BadArgument
from labkit.core.files import write_whole

LOCAL = ("localhost", "127.0.0.1")
"""The names in a right certificate of this gallery."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """What a case consists of. identity: the server's. trusted: the CA that the client trusts.

    host: the name that the client asks for. crl: the list of revoked certificates, as PEM. weak: OpenSSL has to be told
    to show such a certificate.
    """

    identity: Holder
    trusted: Holder
    host: str = "localhost"
    crl: bytes | None = None
    weak: bool = False


def _good(root: CA) -> Made:
    return Made(root.issue(*LOCAL), root)


def _expired(root: CA) -> Made:
    now = lifetimes.now()
    return Made(root.issue(*LOCAL, starts=now - 48 * _DAY, ends=now - _DAY), root)


def _not_yet_valid(root: CA) -> Made:
    now = lifetimes.now()
    return Made(root.issue(*LOCAL, starts=now + _DAY, ends=now + 40 * _DAY), root)


def _wrong_host(root: CA) -> Made:
    return Made(root.issue("example.org", "www.example.org"), root)


def _cn_only(root: CA) -> Made:
    return Made(root.issue("localhost", alternative_names=()), root)


def _wrong_ip(root: CA) -> Made:
    return Made(root.issue("localhost", "192.0.2.7"), root, host="127.0.0.1")


def _self_signed(root: CA) -> Made:
    return Made(root.issue(*LOCAL, self_signed=True), root)


def _unknown_ca(root: CA) -> Made:
    return Made(CA("Somebody else's CA").issue(*LOCAL), root)


def _missing_intermediate(root: CA) -> Made:
    whole = CA("labkit intermediate", issuer=root, path_length=0).issue(*LOCAL)
    return Made(Identity(whole.certificate, whole.key), root)


def _not_a_ca(root: CA) -> Made:
    # A server with a right certificate signs another one with its key, as if it were a CA.
    server = root.issue("example.org")
    pretender = CA.of(server.certificate, server.key, server.chain[1:])
    return Made(pretender.issue(*LOCAL), root)


def _name_constraints(root: CA) -> Made:
    middle = CA("CA of example.org", issuer=root, permitted=("example.org",))
    return Made(middle.issue("localhost"), root)


def _wrong_purpose(root: CA) -> Made:
    return Made(root.issue(*LOCAL, purposes=("client",)), root)


def _wrong_usage(root: CA) -> Made:
    return Made(root.issue(*LOCAL, usage=("data_encipherment",)), root)


def _weak_key(root: CA) -> Made:
    return Made(root.issue(*LOCAL, key_type="rsa-1024"), root, weak=True)


def _sha1(root: CA) -> Made:
    return Made(root.issue(*LOCAL, hash="sha1"), root, weak=True)


def _v1_root(root: CA) -> Made:
    # The commands of many a tutorial (openssl x509 -req -signkey, without a file of extensions) make such a root.
    old = CA("labkit CA", version=1)
    return Made(old.issue(*LOCAL), old)


def _revoked(root: CA) -> Made:
    identity = root.issue(*LOCAL)
    root.revoke(identity)
    return Made(identity, root, crl=root.crl_pem())


_RECIPES: dict[str, tuple[str, Callable[[CA], Made]]] = {
    # what is wrong, and who makes it so
    "good": ("nothing is wrong", _good),
    "expired": ("its last second was yesterday", _expired),
    "not yet valid": ("its first second is tomorrow", _not_yet_valid),
    "wrong host": ("it is for example.org, and the client asks for localhost", _wrong_host),
    "CN only": ("localhost is its common name, and subjectAltName is not there", _cn_only),
    "wrong IP": ("it is for 192.0.2.7, and the client asks for 127.0.0.1", _wrong_ip),
    "self-signed": ("the server signed it with its own key", _self_signed),
    "unknown CA": ("a CA signed it that the client does not trust", _unknown_ca),
    "missing intermediate": ("the server does not send the certificate of the CA in between", _missing_intermediate),
    "not a CA": ("the certificate above it is another server's, not a CA's", _not_a_ca),
    "name constraints": ("the CA in between may issue for example.org only", _name_constraints),
    "wrong purpose": ("it is for clients (extKeyUsage)", _wrong_purpose),
    "wrong key usage": ("its key may not sign (keyUsage)", _wrong_usage),
    "weak key": ("its key is RSA with 1,024 bits", _weak_key),
    "SHA-1": ("its signature is made of a SHA-1 digest", _sha1),
    "v1 root": ("the root is of version 1 and does not say that it is a CA", _v1_root),
    "revoked": ("its CA has revoked it; a client that can take the list has it", _revoked),
}
NAMES_OF_CASES = tuple(_RECIPES)
"""The cases, the right one first."""


class _Place:
    """A folder that goes with the last of those who use it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="labkit-gallery-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Case:
    """One certificate gone wrong. name: one of `NAMES_OF_CASES`. wrong: what is wrong, in a few words.

    made: its certificates. folder: where its files lie, as long as the case exists.
    """

    name: str
    wrong: str
    made: Made
    _place: _Place = field(repr=False)

    @property
    def folder(self) -> Path:
        """The folder of the files; it is removed when neither the case nor its question is used any more."""
        return self._place.folder

    @property
    def identity(self) -> Holder:
        """The server's certificate and key, as `labkit.tls` takes them.

        For what OpenSSL finds too weak (``made.weak``) it has to be told: ``ciphers="DEFAULT:@SECLEVEL=0"``.
        """
        return self.made.identity

    @property
    def trusted(self) -> Holder:
        """The CA that the client trusts."""
        return self.made.trusted

    @cached_property
    def question(self) -> Question:
        """The files: ``server.pem``, ``server.key``, ``ca.pem``, and ``revoked.pem`` if there is a list."""
        made, folder = self.made, self.folder
        files = made.identity.save(folder, "server")
        ca, crl = folder / "ca.pem", folder / "revoked.pem"
        write_whole(ca, made.trusted.cert_pem)
        if made.crl is not None:
            write_whole(crl, made.crl)
        return Question(files.cert, files.key, ca, made.host, None if made.crl is None else crl, made.weak, self._place)

    def ask(self, *programs: str) -> Answers:
        """Have programs connect to a server with this certificate. programs: of `asking.NAMES`; none: all of them.

        An answer of a program that is not installed here is the recorded one, and says so.
        """
        return self._asked(_known(programs), ())

    def _asked(self, programs: Sequence[str], by_record: Sequence[str]) -> Answers:
        answers = [
            recorded.answer(self.name, each) if each in by_record or missing(each) else ask(each, self.question)
            for each in programs
        ]
        return Answers(self.name, self.wrong, tuple(answers))

    def __repr__(self) -> str:
        return f"{self.name}: {self.wrong}"


def _known(programs: Sequence[str]) -> Sequence[str]:
    """The programs that are asked for; all of them if none is."""
    for each in programs:
        if each not in NAMES:
            raise BadArgument(
                f"{shown(each)} cannot be asked", f"{nearest(str(each), NAMES)}There are {', '.join(NAMES)}."
            )
    return programs or NAMES


def case(name: str) -> Case:
    """Mint one case of the gallery, with a CA of its own. name: one of `NAMES_OF_CASES`. Raises `BadArgument`."""
    if name not in _RECIPES:
        known = ", ".join(NAMES_OF_CASES)
        raise BadArgument(f"the gallery has no {name!r}", f"{nearest(str(name), NAMES_OF_CASES)}There are {known}.")
    wrong, recipe = _RECIPES[name]
    return Case(name, wrong, recipe(CA()), _Place())


def cases() -> Iterator[Case]:
    """Mint all cases, one after another, the right one first."""
    for name in NAMES_OF_CASES:
        yield case(name)


def survey(*programs: str, by_record: Sequence[str] = ("chromium",)) -> Survey:
    """Ask programs about all cases. programs: of `asking.NAMES`; none: all of them. It takes about 10 seconds.

    by_record: programs whose recorded answers are taken, as Chromium takes two seconds for each; the table says so.
    """
    wanted, kept = _known(programs), by_record and _known(by_record)
    return Survey(tuple(each._asked(wanted, kept) for each in cases()))
