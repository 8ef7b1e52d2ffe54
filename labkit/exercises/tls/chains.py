"""An exercise on chains: mend a program that makes certificates, until strict clients accept what it makes.

Rule: real clients judge the chain, and their words are shown; what a program looks like is never judged.
"""

from __future__ import annotations

from typing import Any

from labkit import ca
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain

HOST = "shop.example"
MOST = 47
"""Days that a server's certificate may be valid from 2029 on; labkit's own are no longer."""

LISTING = '''def build():
    root = ca.CA("My root")
    middle = root.issue("intermediate.example")
    signer = ca.CA.of(middle.certificate, middle.key)
    server = signer.issue("www.shop.example", days=365, client=True)
    return server, root
'''
"""What the student mends."""

BASIC_CONSTRAINTS = "2.5.29.19"
"""The extension that says whether a certificate is a CA's. Source: RFC 5280 §4.2.1.9."""


def build() -> tuple[ca.Identity, ca.CA]:
    """A server's certificate below an intermediate below a root; the reference answer."""
    root = ca.CA("My root")
    middle = ca.CA("My intermediate", issuer=root, path_length=0)
    return middle.issue(HOST), root


class BuildChain(Exercise):
    """Make a chain of three certificates that strict clients accept."""

    name = "tls.build_chain"
    lesson = "05b-keys-and-certificates"
    title = "a chain that strict clients accept"
    steps = ("build() returns a server's certificate and a root", "the server sends two certificates: its own and the "
             "intermediate", "all clients accept the chain", f"the certificate is valid for {MOST} days at most",
             "the intermediate may sign servers' certificates, and no further CA")
    stub = "def build():\n    ...\n\nexercises.tls.build_chain.check(build)"
    asks = "Give check() the function itself: check(build)."
    praise = (
        "The root signs one intermediate and then lies in a safe. The intermediate signs servers every day; if its key "
        "is "
        "stolen, the root can revoke it, and no client must be told of a new root.\n"
        "The server sends all certificates but the root: the client has it, or does not trust it."
    )
    stretch = (
        f'allow the intermediate names below {HOST} alone: permitted=("{HOST}",). What do the three clients say if it '
        "signs another name all the same?"
    )
    task = (
        f"This program makes a certificate for a server `{HOST}`, and no client accepts it. Mend it: a root, an "
        "intermediate that the root has signed, and a server's certificate that the intermediate has signed.\n\n"
        f"```python\n{LISTING}```\n\n"
        "`build()` returns the server's certificate and the root. Strict clients get what a server would send, trust "
        f"your root alone, and ask for {HOST}. A CA does not like to give certificates for long: {MOST} days at most. "
        "And your intermediate shall not be able to make further CAs."
    )
    hints = (
        "`ca.CA(...)` makes a CA, `root.issue(...)` makes a certificate for a server. Which of the two is the "
        "intermediate here?",
        "An intermediate is `ca.CA(name, issuer=root)`. Its `issue` gives the server's certificate, and knows what is "
        "above it.",
        f'`ca.CA("My intermediate", issuer=root, path_length=0)` may sign servers only. Then `middle.issue("{HOST}")`: '
        "without days= it is 47, and without client=True it is for a server.",
    )
    worked = (
        "Five slips: the intermediate was made as a server, so it may not sign; `CA.of` did not know what is above it, "
        "so the server would not send it; the name has a www in front; a year is too long; and `client=True` makes a "
        "certificate for clients.\n\n"
        "```python\n"
        "from labkit import ca\n\n"
        "def build():\n"
        '    root = ca.CA("My root")\n'
        '    middle = ca.CA("My intermediate", issuer=root, path_length=0)\n'
        f'    return middle.issue("{HOST}"), root\n'
        "```"
    )
    reference = staticmethod(build)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function build", self.asks)
        returned = run.call("build()", answer, first=True)
        server, root = _parts(returned)
        run.step(2)
        _check_sent(server, root)
        run.step(3)
        run.beat(20)
        _check_judged(server, root)
        run.step(4)
        _check_days(server.certificate)
        run.step(5)
        _check_intermediate(server.chain[1])


def _parts(returned: Any) -> tuple[ca.Identity, ca.CA]:
    if type(returned) not in (tuple, list) or len(returned) != 2:
        raise NotYet("a server's certificate and a root", show(returned), "build() ends with: return server, root")
    server, root = returned
    if isinstance(server, ca.CA) and isinstance(root, ca.Identity):
        raise NotYet("the server's certificate, then the root", "the other way round", "return server, root")
    if not isinstance(server, ca.Identity) or not isinstance(root, ca.CA):
        kinds = f"{type(server).__name__}, {type(root).__name__}"
        raise NotYet("an Identity and a CA of labkit.ca", kinds,
                     "issue() makes an Identity, ca.CA(...) makes a CA.")
    return server, root


def _names(chain: tuple[Any, ...]) -> str:
    return ", ".join(each.subject.rfc4514_string() for each in chain)


def _check_sent(server: ca.Identity, root: ca.CA) -> None:
    sent, last = server.sent, server.chain[-1]
    if len(server.chain) > 1 and last.issuer == root.certificate.subject != last.subject:
        raise NotYet("server, intermediate, root", _names(server.chain),
                     "The object that signed the server does not know what is above it, so the server would not send "
                     "the intermediate. ca.CA(name, issuer=root) knows its issuer.")
    if len(sent) == 1 and server.certificate.issuer == root.certificate.subject:
        raise NotYet("two certificates", _names(sent), "The root has signed the server itself. Put an intermediate "
                     "between them.")
    if len(sent) == 1:
        raise NotYet("two certificates", _names(sent), "The server would send its own certificate alone: the client "
                     "could not find the way to the root.")
    if len(sent) > 2:
        raise NotYet("two certificates", f"{len(sent)}: {_names(sent)}", "One intermediate is enough.")


def _check_judged(server: ca.Identity, root: ca.CA) -> None:
    verdicts = ca.verdicts(server, root, HOST)
    if verdicts.good:
        return
    said = "\n".join(map(repr, verdicts.each))
    raise NotYet("each client says: good", said, _why("\n".join(each.why for each in verdicts.each).lower()))


def _why(said: str) -> str:
    for words, meaning in _REASONS:
        if words in said:
            return meaning
    return "The words of the clients name the first thing that each of them found."


_REASONS = (
    ("not a ca", "The one who signed the server is not a CA: its own certificate does not allow it."),
    ("invalid ca", "The one who signed the server is not a CA: its own certificate does not allow it."),
    ("basicconstraints", "The one who signed the server is not a CA: its own certificate does not allow it."),
    ("purpose", "The certificate is not for servers. What does client=True mean?"),
    ("eku", "The certificate is not for servers. What does client=True mean?"),
    ("hostname", f"No name in it fits {HOST}."),
    ("subject alternative name", f"No name in it fits {HOST}."),
    ("local issuer", "The chain does not lead to the root that you returned. Is it the one that signed the "
                     "intermediate?"),
    ("too weak", "The key is too short for these clients."),
)


def _check_days(certificate: Any) -> None:
    length = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    days = (length.total_seconds() + 1) / 86_400
    if days > MOST:
        raise NotYet(f"{MOST} days at most", f"{days:g} days", "A stolen key is of use until its certificate ends. "
                     "Give fewer days=, or leave it out.")


def _check_intermediate(certificate: Any) -> None:
    limits = next(each.value for each in certificate.extensions if each.oid.dotted_string == BASIC_CONSTRAINTS)
    if limits.path_length != 0:
        length = "no limit" if limits.path_length is None else f"path_length={limits.path_length}"
        raise NotYet("path_length=0 for the intermediate", length, "Whoever steals its key could make CAs without end "
                     "below it. path_length says how many CAs may follow.")
