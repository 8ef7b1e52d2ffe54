"""What Python, curl, openssl, Node and Chromium say to a server's certificate, and which alert the server gets.

Rule: each answer is of a real run against a real server, in the program's own words; nothing is translated.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labkit.ca import commands, nss
from labkit.ca.listening import Listener
from labkit.core.errors import LabError

PYTHON, STRICT = "python", "python strict"
"""Python as it is, and with the check that is the default since 3.13."""
NAMES = (PYTHON, STRICT, "curl", "openssl", "node", "chromium")
"""Who can be asked, in the order of the tables."""
_SECONDS = 30.0
_REQUEST = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Question:
    """A server and what its client trusts.

    cert, key: files of the server. ca: file of the CA that the client trusts. host: the name or address that it asks
    for. crl: file of the revoked certificates, for clients that can take one. weak: the server shows what OpenSSL finds
    too weak. owner: keeps the files as long as this exists.
    """

    cert: Path
    key: Path
    ca: Path
    host: str = "localhost"
    crl: Path | None = None
    weak: bool = False
    owner: object = field(default=None, repr=False)

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return self.host[0].isdigit() or ":" in self.host


@dataclass(frozen=True)
class Answer:
    """What a program said. accepted: whether it took the certificate. words: its own, ``"ok"`` if it took it.

    server: what the server saw meanwhile, ``"alert 48 unknown_ca"``. version: of the program. day: when it was asked,
    if that was not now, ``"2026-11-27"``.
    """

    program: str
    accepted: bool
    words: str
    server: str
    version: str
    day: str = ""

    @property
    def live(self) -> bool:
        """Whether the program ran just now; otherwise this is a recorded answer."""
        return not self.day

    @property
    def origin(self) -> str:
        """``"live"``, or ``"recorded with curl 7.88.1 on 2026-11-27"``."""
        return f"recorded with {self.program} {self.version} on {self.day}" if self.day else "live"

    def __repr__(self) -> str:
        return f"{self.program}: {self.words} [server: {self.server}]" + (f" ({self.origin})" if self.day else "")


def missing(program: str) -> str:
    """Why a program cannot be asked here; ``""`` if it can."""
    if program in (PYTHON, STRICT):
        return ""
    if commands.find(program) is None:
        return f"{program} is not installed"
    if program == "chromium" and nss.library() is None:
        return "the library libnss3, by which Chromium is told whom to trust, is not there"
    return ""


def version(program: str) -> str:
    """The version of a program; for Python also that of its OpenSSL."""
    if program in (PYTHON, STRICT):
        return f"{sys.version.split()[0]}, {' '.join(ssl.OPENSSL_VERSION.split()[:2])}"
    return commands.version(program)


def ask(program: str, question: Question) -> Answer:
    """Start a server, have the program connect to it, and return what both said.

    program: one of `NAMES`. Raises `LabError` if it is not installed.
    """
    if why := missing(program):
        raise LabError(why, "Ask another one, or take the recorded answer.")
    # The server ends after its client has: so nothing that the client sent is lost.
    listener = Listener(question.cert, question.key, weak=question.weak)
    try:
        accepted, words = _ASKED[program](question, listener.port)
    finally:
        listener.close()
    saw = _what_counts(listener.said)
    return Answer(program, accepted, words, saw, version(program))


def _what_counts(said: list[str]) -> str:
    """A browser may connect more than once, and leave a connection unused."""
    if not said:
        return "no connection"
    answered = [each for each in said if "request, and" in each]
    alerts = [each for each in said if each.startswith("alert")]
    return (answered or alerts or said)[0]


def _python(question: Question, port: int, *, strict: bool = False) -> tuple[bool, str]:
    context = ssl.create_default_context(cafile=str(question.ca))
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    if question.crl is not None:
        context.load_verify_locations(str(question.crl))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=question.host) as tls,
        ):
            tls.sendall(_REQUEST.encode())
            while tls.recv(4096):
                pass
    except ssl.SSLError as error:
        # The number of the line in CPython's source says nothing of the certificate.
        return False, re.sub(r" \(_ssl\.c:\d+\)$", "", str(error.args[1] if len(error.args) > 1 else error))
    return True, "ok"


def _strict(question: Question, port: int) -> tuple[bool, str]:
    return _python(question, port, strict=True)


def _curl(question: Question, port: int) -> tuple[bool, str]:
    words = ["-q", "-sS", "--cacert", str(question.ca), "-o", "/dev/null", "--max-time", f"{_SECONDS:g}"]
    if question.crl is not None:
        words += ["--crlfile", str(question.crl)]
    if not question.is_address:
        words += ["--resolve", f"{question.host}:{port}:127.0.0.1"]
    done = commands.run("curl", [*words, f"https://{question.host}:{port}/"])
    return (True, "ok") if done.code == 0 else (False, done.err.strip().splitlines()[0])


def _openssl(question: Question, port: int) -> tuple[bool, str]:
    words = [
        "s_client",
        "-connect",
        f"127.0.0.1:{port}",
        "-CAfile",
        str(question.ca),
        "-verify_return_error",
        "-ign_eof",
    ]
    if question.is_address:
        words += ["-noservername", "-verify_ip", question.host]
    else:
        words += ["-servername", question.host, "-verify_hostname", question.host]
    if question.crl is not None:
        words += ["-crl_check", "-CRL", str(question.crl)]
    done = commands.run("openssl", words, given=_REQUEST)
    found = re.search(r"^verify error:.*$", done.err + done.out, re.MULTILINE)
    if found is None and (code := re.search(r"Verify return code: [1-9].*", done.out)):
        found = code
    if done.code == 0 and found is None:
        return True, "ok"
    return False, found[0] if found else (done.err.strip().splitlines() or [f"exit code {done.code}"])[0]


_SCRIPT = """
const [port, host, ca, crl] = process.argv.slice(1), fs = require("fs"), net = require("net");
const options = {host: "127.0.0.1", port: +port, path: "/", ca: fs.readFileSync(ca), agent: false};
if (net.isIP(host)) options.host = host; else options.servername = host;
if (crl) options.crl = fs.readFileSync(crl);
options.headers = {host};
require("https").get(options, answer => { answer.resume(); console.log("ok"); })
    .on("error", error => console.log(error.code + ": " + error.message));
"""


def _node(question: Question, port: int) -> tuple[bool, str]:
    words = ["--eval", _SCRIPT, str(port), question.host, str(question.ca)]
    if question.crl is not None:
        words.append(str(question.crl))
    done = commands.run("node", words)
    said = (done.out.strip() or done.err.strip()).splitlines()
    first = said[0] if said else f"exit code {done.code}"
    return first == "ok", first


_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--dump-dom",
)  # fmt: skip


_HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")


def _chromium(question: Question, port: int) -> tuple[bool, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    with tempfile.TemporaryDirectory(prefix="labkit-chromium-", ignore_cleanup_errors=True) as place:
        home = Path(place)
        root = x509.load_pem_x509_certificate(question.ca.read_bytes())
        if why := nss.trust(home, root.public_bytes(Encoding.DER)):
            raise LabError(f"Chromium could not be told whom to trust: {why}", "Ask another program.")
        words = [*_FLAGS, f"--user-data-dir={home / 'profile'}"]
        if not question.is_address:
            words.append(f"--host-resolver-rules=MAP {question.host} 127.0.0.1")
        done = commands.run(
            "chromium", [*words, f"https://{question.host}:{port}/"], timeout=60,
            more=dict.fromkeys(_HOMES, str(home)),
        )  # fmt: skip
    if found := re.search(r"Page load failed: (net::\w+)", done.err):
        return False, found[1]
    if ">ok<" in done.out:
        return True, "ok"
    return False, f"no page, and no reason; exit code {done.code}"


_ASKED: dict[str, Callable[[Question, int], tuple[bool, str]]] = {
    PYTHON: _python, STRICT: _strict, "curl": _curl, "openssl": _openssl, "node": _node, "chromium": _chromium,
}  # fmt: skip
