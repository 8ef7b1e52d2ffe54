"""A script in Node, or its recorded result: what is printed, what is said if neither can be had, what goes wrong.

Rule: Node is the real one; a machine without it is made by an empty PATH.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit import nodejs
from labkit.core.errors import LabError, TimedOut
from tests.needs import need_tool

HELLO = 'console.log("hello");\nconsole.log("您好");'


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of recordings of its own, with one result in it."""
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "09-x"
    folder.mkdir(parents=True)
    kept = {"node": "1.2.3", "script": HELLO, "printed": "hello\n您好"}
    (folder / "greet.node.json").write_text(json.dumps(kept), encoding="utf-8")
    return folder


@pytest.fixture
def without_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which Node is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))


class TestLive:
    """With Node."""

    @pytest.fixture(autouse=True)
    def _node(self) -> None:
        need_tool("node")

    def test_what_it_prints_comes_back(self) -> None:
        said = labkit.node(HELLO)
        assert (said.text, said.lines, said.live) == ("hello\n您好", ("hello", "您好"), True)
        assert repr(said) == f"hello\n您好\nnode: live, Node {said.version}"
        assert int(said.version.split(".")[0]) > 0

    def test_a_script_that_prints_nothing(self) -> None:
        said = labkit.node("")
        assert (said.text, said.lines) == ("", ())
        assert repr(said) == f"node: live, Node {said.version}"

    def test_it_runs_in_this_programs_network(self) -> None:
        with labkit.net.create_server(lambda socket: socket.end("from Python")).listen(0) as server:
            said = labkit.node(
                f'require("net").connect({server.port}, "127.0.0.1").on("data", data => console.log(`${{data}}`)).end()'
            )
        assert said.text == "from Python"

    @pytest.mark.parametrize(
        ("script", "says"),
        [
            ("\nnull.x", "TypeError: Cannot read properties of null (reading 'x') (line 2 of the script)"),
            ("let let", "SyntaxError: let is disallowed as a lexically bound name (line 1 of the script)"),
            ("process.exit(3)", "Node ended with code 3: no word"),
            ("throw new RangeError('far')", "RangeError: far"),
        ],
    )
    def test_an_error_in_the_script_is_told(self, script: str, says: str) -> None:
        with pytest.raises(nodejs.NodeFailed) as raised:
            labkit.node(script)
        assert says in str(raised.value)

    def test_a_script_that_does_not_end_is_stopped(self) -> None:
        with pytest.raises(TimedOut, match=r"did not end within 0\.5 s, and was stopped\. .*close each server"):
            labkit.node('require("net").createServer().listen(0)', timeout=0.5)

    def test_the_users_own_options_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NODE_OPTIONS", "--require=/no/such/file.js")
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert labkit.node("console.log(12)").text == "12"

    def test_it_is_recorded_if_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_RECORD", str(tmp_path))
        said = labkit.node(HELLO, name="greet", lesson="09-x")
        script, kept = nodejs.load(tmp_path / "09-x" / "greet.node.json")
        assert (script, kept.text, kept.version, kept.live) == (HELLO, said.text, said.version, False)
        labkit.node(HELLO)  # without a name: nothing to keep
        assert os.listdir(tmp_path) == ["09-x"]


@pytest.mark.usefixtures("without_node")
class TestRecorded:
    """Without Node."""

    def test_the_recorded_result_says_that_it_is_one(self, data: Path) -> None:
        said = labkit.node(HELLO, name="greet", lesson="09-x")
        assert (said.text, said.live) == ("hello\n您好", False)
        assert repr(said) == "hello\n您好\nnode: recorded with Node 1.2.3, from data/09-x/greet.node.json"

    def test_a_changed_script_is_not_passed_off_as_run(self, data: Path) -> None:
        said = labkit.node(HELLO + "\n", name="greet", lesson="09-x")
        assert said.text == "hello\n您好"
        assert repr(said).endswith("; your script differs, and was not run: install Node")

    @pytest.mark.parametrize("name", [None, "another"])
    def test_neither_node_nor_a_recording(self, data: Path, name: str | None) -> None:
        with pytest.raises(LabError, match=r"Node is not installed, and .*nodejs"):
            labkit.node(HELLO, name=name, lesson="09-x")

    def test_a_damaged_recording(self, data: Path) -> None:
        for text in ("", "[]", '{"node": "1"}'):
            (data / "greet.node.json").write_text(text, encoding="utf-8")
            with pytest.raises(LabError, match=r"data/09-x/greet\.node\.json is no recorded result of Node"):
                labkit.node(HELLO, name="greet", lesson="09-x")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"script": 7}, "7 is not a script"),
        ({"script": b"x"}, "is not a script"),
        ({"script": "1", "timeout": 0}, "timeout=0 is not a time"),
        ({"script": "1", "timeout": "5"}, "timeout='5' is not a time"),
        ({"script": "1", "timeout": float("nan")}, "is not a time"),
        ({"script": "1", "name": "../x"}, "cannot be the name"),
        ({"script": "1", "name": "x", "lesson": "../y"}, "cannot be the lesson"),
    ],
)
def test_arguments_of_the_wrong_kind(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(LabError) as raised:
        labkit.node(**arguments)
    assert says in str(raised.value)


def test_the_module_does_not_take_the_functions_place() -> None:
    import labkit.nodejs

    assert callable(labkit.node)
