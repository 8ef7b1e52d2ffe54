"""openssl in a lesson, live and recorded: what is typed and when, what is printed, what goes wrong.

Rule: the real program; a machine without it is made by an empty PATH.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import labkit
from labkit import ca, tls
from labkit.core.errors import ConnectionRefused, LabError, TimedOut
from labkit.programs import ProgramFailed
from tests.needs import need_tool


@pytest.fixture
def port() -> Iterator[int]:
    """An echo server that says a line first."""

    def welcome(socket: tls.TLSSocket) -> None:
        socket.on("error", lambda error: None)  # openssl may be stopped in the middle
        socket.write("welcome!\n")
        socket.pipe(socket)

    need_tool("openssl")
    identity = ca.CA("test CA").issue("localhost", "127.0.0.1")
    with tls.create_server(welcome, key=identity, cert=identity).listen(0) as server:
        yield server.port


def s_client(port: int, **options: object) -> labkit.programs.Ran:
    command = f"openssl s_client -brief -connect 127.0.0.1:{port}"
    return labkit.openssl(command, port=None, name="x", lesson="09-x", **options)  # type: ignore[arg-type]


def test_what_is_typed_comes_back(port: int) -> None:
    ran = s_client(port, typed=[("welcome!", "hello"), ("hello", "again")], until="again")
    assert [line for line in ran.lines if line in ("welcome!", "hello", "again")] == ["welcome!", "hello", "again"]
    assert ran.live
    assert ran.origin.startswith("live, openssl ")
    assert "unknown" not in ran.origin


def test_notes_and_output_are_in_their_order(port: int) -> None:
    text = s_client(port, until="welcome!").text
    assert text.index("verify error") < text.index("CONNECTION ESTABLISHED") < text.index("welcome!")


def test_a_text_that_never_comes_is_told(port: int) -> None:
    with pytest.raises(TimedOut, match=r"openssl did not end within 1 s.*It had printed: .*SHA256"):
        s_client(port, until="nobody says this", timeout=1)


def test_nobody_listens_there() -> None:
    need_tool("openssl")
    with pytest.raises(ConnectionRefused, match="nothing listens there"):
        s_client(1)


def test_a_program_that_ends_early_is_no_error() -> None:
    need_tool("openssl")
    ran = labkit.openssl("openssl version", port=None, name="x", until="never")
    assert ran.text.startswith(("OpenSSL", "LibreSSL"))


@pytest.mark.parametrize("command", ["s_client -connect 127.0.0.1:1", "", "curl x", 7])
def test_another_command_is_refused(command: object) -> None:
    with pytest.raises(LabError, match="is not a command of openssl"):
        labkit.openssl(command, port=None, name="x")  # type: ignore[arg-type]


def test_without_openssl_the_recording_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    with pytest.raises(ProgramFailed, match="openssl is not installed, and there is no recording"):
        s_client(1)
    folder = tmp_path / "data" / "09-x"
    folder.mkdir(parents=True)
    kept = {"program": "openssl", "version": "9.9.9", "printed": "Verification: OK"}
    (folder / "x.program.json").write_text(json.dumps(kept), encoding="utf-8")
    ran = s_client(1)
    assert (ran.text, ran.live) == ("Verification: OK", False)
    assert ran.origin == "recorded with openssl 9.9.9, from data/09-x/x.program.json; openssl is not installed"


def test_what_was_printed_is_recorded(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_RECORD", str(tmp_path))
    s_client(port, until="welcome!")
    kept = json.loads((tmp_path / "09-x" / "x.program.json").read_text(encoding="utf-8"))
    assert kept["program"] == "openssl"
    assert "welcome!" in kept["printed"]
