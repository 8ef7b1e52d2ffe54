"""Each step as an openssl command and as Python, with the same result.

Rule: both are run; a step that is changed on one side only must show.
"""

from __future__ import annotations

import dataclasses
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest

from labkit.ca import commands, facts, gallery, steps
from labkit.core.errors import LabError
from tests.needs import need_tool


def changed(monkeypatch: pytest.MonkeyPatch, file: str, **values: Any) -> None:
    """Change the step that makes this file."""
    made = tuple(dataclasses.replace(each, **values) if each.makes == file else each for each in steps.STEPS)
    monkeypatch.setattr(steps, "STEPS", made)


def step(file: str) -> steps.Step:
    """The step that makes this file."""
    return next(each for each in steps.STEPS if each.makes == file)


def different(compared: steps.Compared) -> dict[str, list[str]]:
    """What is not as it must be, by file."""
    found: dict[str, list[str]] = {}
    for row in compared.rows:
        if not row.right:
            found.setdefault(row.file, []).append(row.what)
    return found


def test_both_ways_lead_to_the_same(tmp_path: Path) -> None:
    need_tool("openssl")
    compared = steps.run(tmp_path)
    assert different(compared) == {}
    assert compared.same
    assert [each.rpartition(": ")[2] for each in compared.crossed] == ["OK"] * 4
    assert {row.what for row in compared.rows if row.must} == set(facts.DIFFERS)
    made = {each.makes for each in steps.STEPS}
    assert {row.file for row in compared.rows} == made
    for way in ("openssl", "python"):
        assert made <= {path.name for path in (tmp_path / way).iterdir()}
        for path in (tmp_path / way).glob("*.key"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / way).stat().st_mode) == 0o700


def test_every_field_of_a_certificate_is_compared(tmp_path: Path) -> None:
    need_tool("openssl")
    compared = steps.run(tmp_path)
    assert {row.what: row.verdict for row in compared.of("server.pem")} == {
        "version": "equal", "serial number": "differs, as it must", "signed with": "equal", "issuer": "equal",
        "first second": "differs, as it must", "last second": "differs, as it must", "days": "equal",
        "subject": "equal", "public key": "equal", "authorityKeyIdentifier": "equal", "basicConstraints": "equal",
        "extendedKeyUsage": "equal", "keyUsage": "equal", "subjectAltName": "equal", "subjectKeyIdentifier": "equal",
        "signature": "differs, as it must",
    }  # fmt: skip
    assert "localhost, 127.0.0.1" in compared.table("server.pem")
    assert "server.pem  differs, as it must: serial number, first second, last second, signature" in repr(compared)


@pytest.mark.parametrize(
    ("file", "change", "shows"),
    [
        ("server.pem", lambda each: {"python": "server = root.sign(server_csr, days=46)"}, {"server.pem": ["days"]}),
        ("server.pem", lambda each: {"python": "server = root.sign(server_csr, client=True)"},
         {"server.pem": ["extendedKeyUsage"]}),
        ("server.pem", lambda each: {"settings": each.settings.replace("critical, CA:FALSE", "CA:FALSE")},
         {"server.pem": ["basicConstraints"]}),
        ("server.pem", lambda each: {"settings": each.settings.replace("digitalSignature", "keyAgreement")},
         {"server.pem": ["keyUsage"]}),
        ("ca.pem", lambda each: {"settings": each.settings.replace("keyUsage = critical, ", "keyUsage = ")},
         {"ca.pem": ["keyUsage"]}),
        ("client.csr", lambda each: {"command": each.command.replace("CN=Ada", "CN=Bob")},
         {"client.csr": ["subject"], "client.pem": ["subject"]}),
        ("server.key", lambda each: {"python": 'server_key = keys.make("rsa")'}, {"server.key": ["kind"]}),
    ],
)  # fmt: skip
def test_a_difference_shows(
    file: str, change: Any, shows: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_tool("openssl")
    changed(monkeypatch, file, **change(step(file)))
    compared = steps.run(tmp_path)
    assert different(compared) == shows
    assert not compared.same


def test_what_must_differ_and_does_not(tmp_path: Path) -> None:
    path = tmp_path / "server.key"
    from labkit.ca import CA

    CA().issue("localhost").save(tmp_path, "server")
    rows = facts.compared("server.key", path, path)
    assert [row.verdict for row in rows] == ["equal", "equal", "equal", "EQUAL, AND MUST NOT BE"]
    assert not rows[-1].right


def test_no_secret_is_shown(tmp_path: Path) -> None:
    from labkit.ca import CA

    server = CA().issue("localhost")
    files = server.save(tmp_path)
    secret = server.key.private_numbers().private_value  # type: ignore[union-attr]
    told = repr(facts.of(files.key))
    assert f"{secret:x}" not in told
    assert str(secret) not in told


def test_a_step_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_tool("openssl")
    changed(monkeypatch, "ca.csr", command="openssl req -new in nothing.key -out ca.csr")
    with pytest.raises(LabError, match=r"openssl could not make ca\.csr: .*\. The command was: openssl req -new in"):
        steps.run(tmp_path)


def test_without_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "find", lambda program: None)
    with pytest.raises(LabError, match="openssl is not installed"):
        steps.run(tmp_path)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="file"):
        steps.run(tmp_path / "file")


def test_what_is_no_file_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(b"hello")
    with pytest.raises(LabError, match=r"x\.pem holds no key, request or certificate"):
        facts.of(path)


def test_a_step_as_text() -> None:
    assert repr(step("server.csr")) == (
        "server.csr: what the server asks for: its names and its public key\n"
        '  $ openssl req -new -key server.key -subj "/O=labkit/CN=localhost" '
        '-addext "subjectAltName = DNS:localhost, IP:127.0.0.1" -out server.csr\n'
        '  >>> server_csr = request("localhost", "127.0.0.1", key=server_key)'
    )
    assert "    with ca.ext:\n      basicConstraints = critical, CA:TRUE\n" in repr(step("ca.pem"))


def test_a_root_without_a_file_of_extensions(tmp_path: Path) -> None:
    """C-5.16: the chapter's commands make a root that does not say that it is a CA's."""
    need_tool("openssl")
    for file in ("ca.key", "ca.csr", "ca.pem"):
        words = step(file).command.replace("-extfile ca.ext ", "").split(" ", 1)[1]
        assert commands.run("openssl", shlex.split(words), folder=tmp_path).code == 0
    told = dict(facts.of(tmp_path / "ca.pem"))
    assert "basicConstraints" not in told
    major, minor = (int(each) for each in commands.version("openssl").split(".")[:2])
    # openssl writes version 3 since 3.2, and still no word of a CA.
    assert told["version"] == ("v3" if (major, minor) >= (3, 2) else "v1")
    made = gallery.case("v1 root").trusted.save(tmp_path, "ours")
    ours = dict(facts.of(made.cert))
    if told["version"] == "v1":
        differs = {*facts.DIFFERS, "public key", "days"}
        assert {key: value for key, value in ours.items() if key not in differs} == {
            key: value for key, value in told.items() if key not in differs
        }
