"""The gallery of certificates gone wrong: what each program says, and what the server sees.

Rule: every answer is of a real program; the recorded ones must be what the same version says now.
"""

from __future__ import annotations

import gc
import re
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from labkit.ca import asking, commands, gallery, listening, recorded, recording
from labkit.core.errors import BadArgument, LabError
from tests.needs import leave_out, need_tool

# Of python, python strict, curl, openssl, node and chromium, in this order: + if it takes the certificate.
TAKEN = {
    "good": "++++++", "expired": "------", "not yet valid": "------", "wrong host": "------", "CN only": "+++++-",
    "wrong IP": "------", "self-signed": "------", "unknown CA": "------", "missing intermediate": "------",
    "not a CA": "------", "name constraints": "------", "wrong purpose": "------", "wrong key usage": "------",
    "weak key": "----++", "SHA-1": "------", "v1 root": "+-++++", "revoked": "-----+",
}  # fmt: skip
# The alert that Python, curl and openssl send. curl looks at the name itself, after the handshake.
ALERTS = {
    "expired": 45, "not yet valid": 42, "wrong host": 42, "wrong IP": 42, "self-signed": 48, "unknown CA": 48,
    "missing intermediate": 48, "not a CA": 48, "name constraints": 46, "wrong purpose": 43, "wrong key usage": 43,
    "weak key": 42, "SHA-1": 42, "v1 root": 48, "revoked": 44,
}  # fmt: skip
OPENSSLS = ("python", "python strict", "curl", "openssl")


def need(program: str) -> None:
    """Leave the test out where the program cannot be asked."""
    if not program.startswith("python"):
        need_tool(program)
    if why := asking.missing(program):
        leave_out(why, "apt install libnss3")


@pytest.mark.parametrize("program", asking.NAMES)
@pytest.mark.parametrize("name", gallery.NAMES_OF_CASES)
def test_what_a_program_says(name: str, program: str) -> None:
    need(program)
    case = gallery.case(name)
    answer = case.ask(program)[program]
    taken = TAKEN[name][asking.NAMES.index(program)] == "+"
    if program == "python" and name == "v1 root":
        taken = not ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT  # the default since Python 3.13
    assert answer.live
    assert answer.origin == "live"
    assert answer.accepted == taken, repr(answer)
    assert (answer.words == "ok") == taken
    if taken:
        assert answer.server == "a request, and answered it"
    elif program == "curl" and name in ("wrong host", "wrong IP"):
        assert answer.server == "the handshake, then close_notify without a request"
    elif program in OPENSSLS:
        assert answer.server.startswith(f"alert {ALERTS[name]} ")
    elif program == "node":  # it ends TCP, and says nothing
        assert answer.server == "the end of the connection, without an alert"
    else:
        assert answer.server.startswith("alert 4")
    known = recorded.answer(name, program)
    if known.version == answer.version:
        assert (known.accepted, known.words, known.server) == (answer.accepted, answer.words, answer.server)


def test_the_tables_are_whole() -> None:
    assert tuple(TAKEN) == gallery.NAMES_OF_CASES
    assert set(ALERTS) == {name for name, taken in TAKEN.items() if "-" in taken[:4]}


@pytest.mark.parametrize("name", gallery.NAMES_OF_CASES)
def test_every_answer_is_recorded_and_says_so(name: str) -> None:
    for program in asking.NAMES:
        answer = recorded.answer(name, program)
        assert not answer.live
        assert answer.version
        assert answer.origin == f"recorded with {program} {answer.version} on {answer.day}"
        assert f"({answer.origin})" in repr(answer)
        assert answer.day.startswith("20")
        assert answer.accepted == (TAKEN[name][asking.NAMES.index(program)] == "+")


class TestCases:
    """What is minted."""

    @pytest.mark.parametrize("name", gallery.NAMES_OF_CASES)
    def test_its_files(self, name: str) -> None:
        case = gallery.case(name)
        question = case.question
        assert {question.cert.name, question.key.name, question.ca.name} == {"server.pem", "server.key", "ca.pem"}
        assert stat.S_IMODE(question.key.stat().st_mode) == 0o600
        assert (question.crl is not None) == (name == "revoked")
        sent = x509.load_pem_x509_certificates(question.cert.read_bytes())
        assert sent[0] == case.identity.certificate
        assert tuple(sent) == case.identity.sent
        assert len(sent) == (2 if name in ("not a CA", "name constraints") else 1)
        assert [case.trusted.certificate] == x509.load_pem_x509_certificates(question.ca.read_bytes())
        assert question is case.question
        assert repr(case) == f"{name}: {case.wrong}"

    def test_files_go_with_their_case(self) -> None:
        case = gallery.case("expired")
        folder = case.question.cert.parent
        assert folder.is_dir()
        question = case.question
        del case
        gc.collect()
        assert question.cert.is_file()
        del question
        gc.collect()
        assert not folder.exists()

    def test_all_of_them(self) -> None:
        assert [case.name for case in gallery.cases()] == list(gallery.NAMES_OF_CASES)

    def test_each_has_a_ca_of_its_own(self) -> None:
        roots = {gallery.case("good").trusted.certificate.serial_number for _ in range(3)}
        assert len(roots) == 3

    def test_unknown_names(self) -> None:
        with pytest.raises(BadArgument, match=r"the gallery has no 'expird'\. Did you mean 'expired'"):
            gallery.case("expird")
        with pytest.raises(BadArgument, match="'firefox' cannot be asked"):
            gallery.case("good").ask("firefox")


class TestAnswers:
    """Several answers as one table."""

    def test_of_what_is_not_installed_it_shows_the_recorded_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commands, "find", lambda program: None)
        answers = gallery.case("expired").ask()
        assert [each.program for each in answers] == list(asking.NAMES)
        assert [each.live for each in answers] == [True, True, False, False, False, False]
        shown = repr(answers).splitlines()
        assert shown[0] == "expired: its last second was yesterday"
        assert re.split(r"  +", shown[1]) == ["program", "what the server saw", "its words"]
        assert [line.split("  ")[0] for line in shown[2:-1]] == list(asking.NAMES)
        told = re.fullmatch(r"program: live: (.*); recorded on 20\d\d-\d\d-\d\d: (.*)", shown[-1])
        assert told
        assert told[1].startswith("python 3.")
        assert "curl 7." in told[2]
        assert "chromium 1" in told[2]
        assert answers["python"].words.endswith("certificate verify failed: certificate has expired")
        with pytest.raises(BadArgument, match="'opera' was not asked"):
            answers["opera"]

    def test_what_is_neither_there_nor_recorded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commands, "find", lambda program: None)
        monkeypatch.setattr(recorded, "_kept", lambda: {"day": "", "versions": {}, "cases": {}})
        with pytest.raises(LabError, match="curl is not installed, and nothing is recorded for it"):
            gallery.case("expired").ask("curl")
        with pytest.raises(LabError, match="curl is not installed"):
            asking.ask("curl", gallery.case("good").question)

    def test_a_damaged_recording(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = tmp_path / "recorded.json"
        path.write_text("{")
        monkeypatch.setattr(recorded, "FILE", path)
        recorded._kept.cache_clear()
        try:
            with pytest.raises(LabError, match=r"recorded\.json holds no recorded answers"):
                recorded.answer("good", "curl")
        finally:
            recorded._kept.cache_clear()

    def test_recording_writes_what_it_reads(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(recorded, "FILE", tmp_path / "recorded.json")
        monkeypatch.setattr(asking, "NAMES", ("python",))
        recorded._kept.cache_clear()
        try:
            recording.record([gallery.case("expired")])
            answer = recorded.answer("expired", "python")
            assert "certificate has expired" in answer.words
            assert answer.server == "alert 45 certificate_expired"
            with pytest.raises(LabError, match="nothing is recorded"):
                recorded.answer("good", "python")
        finally:
            recorded._kept.cache_clear()


class TestSurvey:
    """All cases at once."""

    def test_whether_each_takes_each(self) -> None:
        found = gallery.survey("python strict", "chromium")
        lines = [re.split(r"  +", line) for line in repr(found).splitlines()]
        assert lines[0] == ["certificate", "python strict", "chromium"]
        words = {"+": "takes it", "-": "refuses"}
        assert lines[1:-1] == [[name, words[taken[1]], words[taken[5]]] for name, taken in TAKEN.items()]
        assert re.fullmatch(r"program: live: python strict .*; recorded on .*: chromium .*", " ".join(lines[-1]))
        assert found["expired"]["chromium"].words == "net::ERR_CERT_DATE_INVALID"
        assert [answers.case for answers in found] == list(gallery.NAMES_OF_CASES)
        with pytest.raises(BadArgument, match="'lost' was not asked about"):
            found["lost"]

    def test_all_of_them_live(self) -> None:
        found = gallery.survey("python", by_record=())
        assert all(answer.live for answers in found for answer in answers)

    def test_unknown_programs(self) -> None:
        with pytest.raises(BadArgument, match=r"'crl' cannot be asked\. Did you mean 'curl'"):
            gallery.survey("crl")
        with pytest.raises(BadArgument, match="'safari' cannot be asked"):
            gallery.survey("curl", by_record=("safari",))


class TestAlerts:
    """OpenSSL's names of alerts."""

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            ("TLSV1_ALERT_UNKNOWN_CA", "alert 48 unknown_ca"),
            ("SSLV3_ALERT_BAD_CERTIFICATE", "alert 42 bad_certificate"),
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "alert 116 certificate_required"),
            ("SSL/TLS_ALERT_UNEXPECTED_MESSAGE", "alert 10 unexpected_message"),
            ("TLSV1_ALERT_OF_ANOTHER_KIND", "alert of_another_kind"),
            ("WRONG_VERSION_NUMBER", ""),
            (None, ""),
        ],
    )
    def test_in_words(self, reason: str | None, words: str) -> None:
        error = ssl.SSLError(1, "x")
        error.reason = reason  # type: ignore[assignment]
        assert listening.alert_of(error) == words
