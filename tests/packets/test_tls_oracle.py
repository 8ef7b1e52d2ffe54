"""tshark and labkit agree on TLS: every field of every record has the same name, order, place, bytes.

Rule: each scene is compared with its keys, some without; what is not compared stands in `tls_oracle`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from labkit import packets
from labkit.packets.explain import tls_extensions, tls_messages
from labkit.packets.explain.base import Row
from labkit.packets.explain.tls_form import Number, Opaque, Structure, Vector
from tests.needs import need_tool
from tests.packets import tls_made, tls_oracle, tls_scenes

TSHARK_STOPS = {"later-certificate": "tshark takes a client's second Finished for the first one, and loses the key"}
"""Scenes that tshark does not open to their end, and why."""

WITHOUT_KEYS = ("t13", "t12", "t12-nocert", "t13-huge", "t12-cbc", "hybrid", "early-data", "in-pieces", "extensions")

Made = Callable[[], tls_scenes.Scene]
SCENES: dict[str, Made] = {
    **{name: (lambda name=name: tls_scenes.scene(name)) for name in tls_scenes.NAMES}, **tls_made.SCENES,
}  # fmt: skip


@cache
def played(name: str) -> tls_scenes.Scene:
    return SCENES[name]()


@pytest.mark.parametrize("name", SCENES)
def test_every_field_is_as_in_tshark(name: str, tmp_path: Path) -> None:
    tape = tls_scenes.tape_of(played(name))
    found = tls_oracle.compare(tape, tape.save(tmp_path / "scene.pcapng"))
    if name in TSHARK_STOPS:
        assert found.wrong, "this tshark reads it: take it out of TSHARK_STOPS"
        return
    assert not found.wrong, "\n".join(found.wrong[:5])
    assert found.records == len(tape.records)
    assert found.fields > 3 * found.records


@pytest.mark.parametrize("name", WITHOUT_KEYS)
def test_without_keys_too(name: str, tmp_path: Path) -> None:
    tape = tls_scenes.tape_of(played(name), keys=False)
    assert not any(record.opened for record in tape.records)
    found = tls_oracle.compare(tape, tape.save(tmp_path / "scene.pcapng"))
    assert not found.wrong, "\n".join(found.wrong[:5])
    assert found.records == len(tape.records)


@pytest.mark.parametrize("name", [name for name in SCENES if name not in ("t13-wrongversion", "plain-alert")])
def test_all_records_of_both_libraries_open(name: str) -> None:
    """One stays closed: the Finished of a client without a certificate, for which the server never made a key."""
    tape = tls_scenes.tape_of(played(name))
    closed = [record for record in tape.records if record.encrypted and not record.opened]
    assert len(closed) <= (name == "t12-nocert")
    assert all(record.reason for record in closed)


def test_what_tshark_decrypts_with_the_keys_in_our_file_is_what_was_said(tmp_path: Path) -> None:
    tape = tls_scenes.tape_of(played("t13"))
    path = tape.save(tmp_path / "with.pcapng")
    assert _http(path) == ["GET", "200"]
    assert _http(tape.save(tmp_path / "without.pcapng", secrets=False)) == []
    assert _http(tape.without_secrets().save(tmp_path / "none.pcapng")) == []
    again = packets.Tape.load(path)
    assert again.secrets == tape.secrets
    assert [str(each) for each in again.messages] == [str(each) for each in tape.messages]


def _http(path: Path) -> list[str]:
    command = [need_tool("tshark"), "-n", "-r", str(path), "-Y", "http", "-T", "fields", "-e", "http.request.method",
               "-e", "http.response.code"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=100)
    return done.stdout.split()


def _rows(thing: object, seen: set[int]) -> list[Row]:
    """All rows below items, lists and dictionaries of them."""
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, Row):
        return [thing]
    if isinstance(thing, (tuple, list)):
        return [row for each in thing for row in _rows(each, seen)]
    if isinstance(thing, dict):
        return [row for each in thing.values() for row in _rows(each, seen)]
    if isinstance(thing, (Number, Opaque)):
        return [thing.row]
    if isinstance(thing, Structure):
        return [thing.row, *_rows(thing.items, seen)]
    if isinstance(thing, Vector):
        return [thing.length.row, *_rows(thing.items, seen), *([thing.box] if thing.box else [])]
    return []


def test_each_row_has_a_name_of_wiresharks_or_one_listed_as_ours_a_reason_and_a_section() -> None:
    done = subprocess.run([need_tool("tshark"), "-G", "fields"], capture_output=True, check=True, timeout=100)
    known = {line.split("\t")[2] for line in done.stdout.decode().splitlines() if line[:2] in ("F\t", "P\t")}
    seen: set[int] = set()
    rows = _rows([*vars(tls_messages).values(), *vars(tls_extensions).values()], seen)
    assert len(rows) > 100
    for row in rows:
        ours = row.name in tls_oracle.OURS or tls_oracle.UNNAMED.match(row.name)
        assert row.name in known or ours, row.name
        assert row.why.endswith((".", ":")), row
        assert row.rfc.startswith("RFC "), row
