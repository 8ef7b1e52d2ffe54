"""The way from nothing to a server's and a client's certificate, each step as an openssl command and as Python.

Rule: the text that is shown is the text that is run, of both.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.ca import commands, facts, keys
from labkit.ca.authority import CA, request
from labkit.ca.facts import Row
from labkit.ca.holder import Holder
from labkit.core.errors import LabError, from_oserror
from labkit.core.files import write_whole

_KEY = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {0}.key"
_CSR = 'openssl req -new -key {0}.key -subj "/O=labkit/CN={1}"{2} -out {0}.csr'
_SIGN = "openssl x509 -req -in {0}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 47 -extfile {0}.ext -out {0}.pem"
_IDENTIFIERS = "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid:always\n"
_LEAF = (
    "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = {0}Auth\n"
    + _IDENTIFIERS
)
_NAMES = "DNS:localhost, IP:127.0.0.1"


@dataclass(frozen=True)
class Step:
    """One file, made in two ways.

    makes: the file. why: what it is. command: of openssl. python: the same with labkit. settings: text of a file that
    the command reads, ``<name>.ext``; empty if it reads none.
    """

    makes: str
    why: str
    command: str
    python: str
    settings: str = ""

    def __repr__(self) -> str:
        lines = [f"{self.makes}: {self.why}", f"  $ {self.command}"]
        if self.settings:
            stem = self.makes.partition(".")[0]
            lines += [f"    with {stem}.ext:", *(f"      {line}" for line in self.settings.splitlines())]
        return "\n".join([*lines, *(f"  >>> {line}" for line in self.python.splitlines())])


STEPS = (
    Step("ca.key", "the CA's key pair; it never leaves this folder", _KEY.format("ca"),
         'ca_key = keys.make("ec")'),
    Step("ca.csr", "who the CA is, with its public key, signed by its private key", _CSR.format("ca", "labkit CA", ""),
         'ca_csr = request(key=ca_key, common_name="labkit CA")'),
    Step("ca.pem", "the root: the CA signs this itself",
         "openssl x509 -req -in ca.csr -signkey ca.key -days 397 -extfile ca.ext -out ca.pem",
         'root = CA("labkit CA", key=ca_key)',
         "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign, digitalSignature\n"
         + _IDENTIFIERS),
    Step("server.key", "the server's key pair", _KEY.format("server"), 'server_key = keys.make("ec")'),
    Step("server.csr", "what the server asks for: its names and its public key",
         _CSR.format("server", "localhost", f' -addext "subjectAltName = {_NAMES}"'),
         'server_csr = request("localhost", "127.0.0.1", key=server_key)'),
    Step("server.pem", "the server's certificate, signed with the CA's private key", _SIGN.format("server"),
         "server = root.sign(server_csr)", _LEAF.format("server") + f"subjectAltName = {_NAMES}\n"),
    Step("client.key", "the client's key pair", _KEY.format("client"), 'client_key = keys.make("ec")'),
    Step("client.csr", "what the client asks for: its name and its public key", _CSR.format("client", "Ada", ""),
         'client_csr = request(key=client_key, common_name="Ada")'),
    Step("client.pem", "the client's certificate, signed with the CA's private key", _SIGN.format("client"),
         "client = root.sign(client_csr, client=True)", _LEAF.format("client")),
)  # fmt: skip
"""The steps in their order."""


@dataclass(frozen=True)
class Compared:
    """What came out of both ways. rows: each line of each file. crossed: what each way says of the other's work.

    folder: holds the files, in ``openssl`` and in ``python``. As text, it names what is equal in each file and what is
    not; `table` shows the values.
    """

    folder: Path
    rows: tuple[Row, ...]
    crossed: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether each line is equal if it has to be, and different if it has to be."""
        return all(row.right for row in self.rows)

    def of(self, file: str) -> tuple[Row, ...]:
        """The rows of one file, ``"server.pem"``. Raises `LabError` for a file that no step makes."""
        found = tuple(row for row in self.rows if row.file == file)
        if not found:
            raise LabError(f"no step makes {file!r}", f"Give one of {', '.join(step.makes for step in STEPS)}.")
        return found

    def __repr__(self) -> str:
        lines = [line for step in STEPS for line in self._summary(step.makes)]
        return "\n".join([*lines, *self.crossed])

    def _summary(self, file: str) -> Iterator[str]:
        rows = self.of(file)
        for verdict in dict.fromkeys(row.verdict for row in rows):
            yield f"{file:10}  {verdict}: {', '.join(row.what for row in rows if row.verdict == verdict)}"

    def table(self, file: str) -> str:
        """The values in one file, ``"server.pem"``, side by side. They are others each time."""
        return "\n".join(_table(self.of(file)))


def run(folder: str | Path) -> Compared:
    """Go both ways, in two folders below this one, and compare what they make, line by line.

    Each way makes keys of its own, and these are compared. After that Python takes openssl's keys, so that all that
    follows can be compared as well. Raises `LabError` if openssl is not installed or a step fails.
    """
    theirs, ours = Path(folder) / "openssl", Path(folder) / "python"
    try:
        for each in (theirs, ours):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise from_oserror(error, str(folder)) from error
    # What the lines of Python may use. They see nothing else of this module.
    names: dict[str, Any] = {"keys": keys, "request": request, "CA": CA}
    rows: list[Row] = []
    for step in STEPS:
        _by_openssl(step, theirs)
        made = _by_python(step, names)
        write_whole(ours / step.makes, _pem(made), private=step.makes.endswith(".key"))
        rows += facts.compared(step.makes, theirs / step.makes, ours / step.makes)
        if step.makes.endswith(".key"):
            names[_variable(step)] = keys.read((theirs / step.makes).read_bytes(), step.makes)
    return Compared(Path(folder), tuple(rows), tuple(_crossed(theirs, ours)))


def _by_openssl(step: Step, folder: Path) -> None:
    if step.settings:
        write_whole(folder / f"{step.makes.partition('.')[0]}.ext", step.settings.encode())
    program, *words = shlex.split(step.command)
    done = commands.run(program, words, folder=folder)
    if done.code:
        cause = (done.err.strip().splitlines() or [f"exit code {done.code}"])[-1]
        raise LabError(f"openssl could not make {step.makes}: {cause}", f"The command was: {step.command}")


def _by_python(step: Step, names: dict[str, Any]) -> Any:
    exec(step.python, names)
    return names[_variable(step)]


def _variable(step: Step) -> str:
    return step.python.partition(" = ")[0]


def _pem(made: Any) -> bytes:
    if isinstance(made, Holder):
        return made.cert_pem
    return made if isinstance(made, bytes) else keys.private_pem(made)


def _crossed(theirs: Path, ours: Path) -> Iterator[str]:
    """Each way's certificates, checked against the root of the other way: the key of both roots is the same."""
    for who, root, leaf in (("Python's", theirs, ours), ("openssl's", ours, theirs)):
        for stem, purpose in (("server", "sslserver"), ("client", "sslclient")):
            words = ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(root / "ca.pem")]
            done = commands.run("openssl", [*words, str(leaf / f"{stem}.pem")])
            said = "OK" if done.code == 0 else done.err.strip()
            yield f"openssl verify -x509_strict of {who} {stem}.pem, under the other root: {said}"


def _table(rows: tuple[Row, ...]) -> Iterator[str]:
    heads = ("file", "what", "openssl", "Python", "")
    cells = [(row.file, row.what, *map(facts.shortened, (row.theirs, row.ours)), row.verdict) for row in rows]
    widths = [max(len(line[column]) for line in [heads, *cells]) for column in range(5)]
    before = ""
    for line in [heads, *cells]:
        shown = ("" if line[0] == before else line[0], *line[1:])
        before = line[0]
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(shown, widths, strict=True)).rstrip()
