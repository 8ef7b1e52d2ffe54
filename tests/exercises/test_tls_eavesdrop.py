"""What an eavesdropper sees, and whose key log opens a tape: answers as students give them, each refused in words.

Rule: the connections are real; tshark reads their packets, too.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labkit import ca
from labkit.exercises.tls import overheard, taped, whose_key
from labkit.exercises.tls.eavesdrop import whose
from labkit.packets import Tape
from tests.exercises.answers import refused
from tests.needs import need_tool

Logs = dict[str, list[str]]


@pytest.fixture(scope="module")
def connections() -> dict[str, taped.Taped]:
    root = ca.CA()
    identity = root.issue(taped.HOST)
    return {version: taped.connection(identity, root, version) for version in ("TLSv1.2", "TLSv1.3")}


class TestTaped:
    @pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
    def test_closed_without_keys_and_open_with_them(
        self, connections: dict[str, taped.Taped], version: str
    ) -> None:
        made = connections[version]
        assert made.tape.messages == ()
        assert [each.start_line for each in made.tape.with_secrets(made.log).messages] == [
            "GET /balance HTTP/1.1", "HTTP/1.1 200 OK",
        ]  # fmt: skip
        assert made.tape.handshake[0].kind == "ClientHello"

    def test_tshark_finds_no_fault_in_the_packets(
        self, connections: dict[str, taped.Taped], tmp_path: Path
    ) -> None:
        tshark = need_tool("tshark")
        path = connections["TLSv1.3"].tape.save(tmp_path / "made.pcapng")
        asked = [tshark, "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
                 "-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum_bad.expert || ip.checksum_bad.expert"]
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == ""


def first(tape: Tape, logs: Logs) -> str:
    return next(iter(logs))


def by_random(tape: Tape, logs: Logs) -> str | None:
    """By the random number alone: right until somebody has wrong secrets."""
    for name, lines in logs.items():
        if tape.with_secrets(lines).secrets:
            return name
    return None


def by_label(tape: Tape, logs: Logs) -> str | None:
    """TLS 1.3 only."""
    for name, lines in logs.items():
        secret = [line for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0")]
        if secret and tape.with_secrets(secret).messages:
            return name
    return None


def never_none(tape: Tape, logs: Logs) -> str:
    found = [name for name, lines in logs.items() if tape.with_secrets(lines).messages]
    return found[0] if found else next(iter(logs))


def opened(tape: Tape, logs: Logs) -> Any:
    return next(each for each in map(tape.with_secrets, logs.values()) if each.messages)


def lines_of(tape: Tape, logs: Logs) -> Sequence[str]:
    return next(lines for lines in logs.values() if tape.with_secrets(lines).messages)


def by_records(tape: Tape, logs: Logs) -> str | None:
    """Right, another way."""
    for name, lines in logs.items():
        if any(record.opened for record in tape.with_secrets(lines).records):
            return name
    return None


class TestWhose:
    @pytest.mark.parametrize("answer", [whose, by_records])
    def test_right(self, answer: Any) -> None:
        result = whose_key.check(answer)
        assert result.correct, result

    @pytest.mark.parametrize(("answer", "step", "message"), [
        (first, 1, "The keys of this log open nothing"),
        (lambda tape, logs: "eve", 1, "None of the logs has this name"),
        (lambda tape, logs: 1, 1, "Return the name of the computer"),
        (lambda tape, logs: True, 1, "Which one is it?"),
        (opened, 1, "That is the opened tape"),
        (lines_of, 1, "These are the lines"),
        (lambda tape, logs: [whose(tape, logs)], 1, "Return one name"),
        (lambda tape, logs: "bob", 2, "The keys of this log open nothing"),
        (by_label, 3, "CLIENT_RANDOM"),
        (never_none, 4, "after its loop"),
        (by_random, 5, "the secrets are wrong"),
        ("bob", 1, "Give check() the function itself"),
    ])  # fmt: skip
    def test_wrong_answers(self, answer: Any, step: int, message: str) -> None:
        refused(whose_key, answer, step, message)


class TestOverheard:
    RIGHT = overheard.reference

    @pytest.mark.parametrize(("letter", "choice", "message"), [
        ("A", "hidden", "IP needs the address"), ("B", "hidden", "chooses its certificate by this name"),
        ("B", "guessed", "says which one it wants"), ("C", "read", "HTTP begins when there are keys"),
        ("D", "hidden", "how long is ciphertext"), ("E", "guessed", "as long as another one"),
        ("G", "guessed", "the lengths stand in the headers"), ("H", "read", "In TLS 1.2, yes"),
    ])  # fmt: skip
    def test_wrong_choices(self, letter: str, choice: str, message: str) -> None:
        refused(overheard, {**self.RIGHT, letter: choice}, 2 + "ABCDEFGH".index(letter), message)

    def test_the_wire_says_the_same(self, connections: dict[str, taped.Taped]) -> None:
        """B, C and H: the name is readable, the path is not, and the certificate is in TLS 1.2 alone."""
        for version, certificate in (("TLSv1.2", True), ("TLSv1.3", False)):
            tape = connections[version].tape
            sent = b"".join(packet.payload for packet in tape)
            assert taped.HOST.encode() in sent
            assert b"/balance" not in sent
            assert any(each.kind == "Certificate" for each in tape.handshake) is certificate
