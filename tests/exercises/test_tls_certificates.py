"""Certificates gone wrong, chains, and a known key: each case is minted, and real clients give the reason.

Rule: what the exercise calls right is right for OpenSSL; what it calls wrong is refused with the words for this reason.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from labkit import ca
from labkit.ca.holder import Holder
from labkit.exercises.tls import build_chain, pin, wrong_certificate
from labkit.exercises.tls.certificates import HOST
from labkit.exercises.tls.chains import LISTING, build
from labkit.exercises.tls.pinning import Channel, fingerprint, pay_if_known
from tests.exercises.answers import refused
from tests.needs import need_tool

DAY = timedelta(days=1)


def minted(letter: str) -> tuple[Holder, ca.CA, Any]:
    """The certificate of a case, its root, and what the server sends (None: all that it should)."""
    root = ca.CA("Good CA")
    now = ca.lifetimes.now()
    if letter == "A":
        return root.issue("www.shop.example"), root, None
    if letter == "B":
        return root.issue(HOST, "www.shop.example"), root, None
    if letter == "C":
        return root.issue("*.shop.example"), root, None
    if letter == "D":
        return root.issue(HOST, starts=now - 61 * DAY, ends=now - 15 * DAY), root, None
    if letter == "E":
        return root.issue(HOST, self_signed=True), root, None
    if letter == "F":
        identity = ca.CA("Good CA 2", issuer=root).issue(HOST)
        return identity, root, identity.sent[:1]
    if letter == "G":
        ada = root.issue("ada.example")
        return ca.CA.of(ada.certificate, ada.key, ada.chain[1:]).issue(HOST), root, None
    return root.issue(HOST, purposes=("client",)), root, None


WORDS = {
    "wrong name": "hostname mismatch", "wrong time": "certificate has expired", "unknown CA": "self-signed certificate",
    "incomplete chain": "unable to get local issuer", "issuer is not a CA": "invalid CA certificate",
    "wrong purpose": "unsuitable certificate purpose",
}  # fmt: skip


@pytest.mark.parametrize("letter", "ABCDEFGH")
def test_openssl_says_the_same(letter: str) -> None:
    need_tool("openssl")
    identity, root, sent = minted(letter)
    verdicts = ca.verdicts(identity, root, HOST, sent=sent)
    reason = wrong_certificate.reference[letter]
    assert verdicts.agree, verdicts
    assert verdicts.good is (reason == "nothing is wrong"), verdicts
    if reason in WORDS:
        assert WORDS[reason].lower() in verdicts["openssl"].why.lower()


@pytest.mark.parametrize(("letter", "choice", "message"), [
    ("A", "nothing is wrong", "without www"), ("B", "wrong name", "Everything fits"),
    ("C", "nothing is wrong", "exactly one label"), ("D", "wrong name", "The last day was 16 November"),
    ("E", "incomplete chain", "it is its own issuer"), ("F", "unknown CA", "a chain to Good CA exists"),
    ("G", "nothing is wrong", "each server could be a CA"), ("H", "nothing is wrong", "the line before the last one"),
])  # fmt: skip
def test_wrong_choices(letter: str, choice: str, message: str) -> None:
    answer = {**wrong_certificate.reference, letter: choice}
    refused(wrong_certificate, answer, 2 + "ABCDEFGH".index(letter), message)


def chain(host: str = HOST, path_length: int | None = 0, **how: Any) -> Any:
    def made() -> Any:
        root = ca.CA("My root")
        return ca.CA("My intermediate", issuer=root, path_length=path_length).issue(host, **how), root

    return made


def not_a_ca() -> Any:
    root = ca.CA("My root")
    middle = root.issue("intermediate.example")
    return ca.CA.of(middle.certificate, middle.key, middle.chain[1:]).issue(HOST), root


def direct() -> Any:
    root = ca.CA("My root")
    return root.issue(HOST), root


def two_intermediates() -> Any:
    root = ca.CA("My root")
    return ca.CA("second", issuer=ca.CA("first", issuer=root)).issue(HOST), root


def listing() -> Any:
    names: dict[str, Any] = {"ca": ca}
    exec(LISTING, names)
    return names["build"]()


class TestBuildChain:
    @pytest.mark.parametrize("answer", [build, chain(days=47), chain(key_type="rsa")])
    def test_right(self, answer: Any) -> None:
        result = build_chain.check(answer)
        assert result.correct, result

    @pytest.mark.parametrize(("answer", "step", "message"), [
        (listing, 2, "does not know what is above it"),
        (lambda: ca.CA("one"), 1, "return server, root"),
        (lambda: tuple(reversed(build())), 1, "return server, root"),
        (lambda: ("a", "b"), 1, "issue() makes an Identity"),
        (direct, 2, "The root has signed the server itself"),
        (lambda: (ca.CA("other").issue(HOST), ca.CA("My root")), 2, "its own certificate alone"),
        (two_intermediates, 2, "One intermediate is enough"),
        (not_a_ca, 3, "is not a CA"),
        (chain("www.shop.example"), 3, "No name in it fits"),
        (chain(client=True), 3, "not for servers"),
        (chain(key_type="rsa-1024"), 3, "too short"),
        (lambda: (build()[0], ca.CA("My root")), 3, "does not lead to the root"),
        (chain(days=365), 4, "until its certificate ends"),
        (chain(path_length=None), 5, "CAs without end"),
        (7, 1, "Give check() the function itself"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: Any, step: int, message: str) -> None:
        need_tool("openssl")
        refused(build_chain, answer, step, message)


def too_late(channel: Any, known: str, text: str) -> bool:
    channel.send(text)
    return pay_if_known(channel, known, text)


def short(channel: Any, known: str, text: str) -> bool:
    """Eight digits, as people compare them."""
    if fingerprint(channel.peer)[:8] == known[:8]:
        channel.send(text)
        return True
    channel.socket.end()
    return False


def leaves_it_open(channel: Any, known: str, text: str) -> bool:
    if fingerprint(channel.peer) != known:
        return False
    channel.send(text)
    return True


def says_nothing(channel: Any, known: str, text: str) -> None:
    pay_if_known(channel, known, text)


def own_key(channel: Any, known: str, text: str) -> bool:
    return pay_if_known(_with(channel, channel.public), known, text)


def _with(channel: Any, key: bytes) -> Channel:
    other = Channel(key)
    other.socket = channel.socket
    return other


class TestPin:
    @pytest.mark.parametrize(("answer", "step", "message"), [
        (lambda channel, known, text: channel.send(text) or True, 2, "Compare first"),
        (too_late, 1, "more than once"),
        (own_key, 1, "channel.public is the key of this side"),
        (says_nothing, 1, "must know that the order was sent"),
        (leaves_it_open, 3, "channel.socket.end() ends it"),
        (short, 4, "All 64 digits count"),
        (lambda channel, known, text: False, 1, "The key of the bank has this digest"),
        ("pay", 1, "Give check() the function itself"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: Any, step: int, message: str) -> None:
        refused(pin, answer, step, message)
