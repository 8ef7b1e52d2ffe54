"""What a notebook does besides running cells works in the kernel labkit as in ipykernel's own: debugger, input.

Rule: each asked for by its message of the Jupyter protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.lab.kernels import GREETING, WAIT, ask, managed, reply_to
from tests.needs import need_private_network


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingKernelClient]:
    need_private_network()
    with managed() as (_, ready):
        yield ready


class Debugger:
    """The debugger of a kernel, asked as JupyterLab asks it."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.count = 0

    def __call__(self, command: str, **arguments: Any) -> dict[str, Any]:
        self.count += 1
        content = {"seq": self.count, "type": "request", "command": command, "arguments": arguments}
        message = self.client.session.msg("debug_request", content)
        self.client.control_channel.send(message)
        asked = message["header"]["msg_id"]
        while (reply := self.client.get_control_msg(timeout=WAIT))["parent_header"]["msg_id"] != asked:
            pass
        return dict(reply["content"])

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name."""
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == name:
                return dict(message["content"])


@pytest.fixture
def debugged() -> Iterator[BlockingKernelClient]:
    """A kernel for the debugger alone: with Python 3.12.1 the stock kernel, too, hangs in a later ``%debug``."""
    need_private_network()
    with managed() as (_, ready):
        yield ready


def test_the_debugger_stops_at_a_breakpoint(debugged: BlockingKernelClient) -> None:
    client = debugged
    debug = Debugger(client)
    started = debug("initialize", clientID="test", adapterID="python", linesStartAt1=True, columnsStartAt1=True,
                    pathFormat="path", supportsVariableType=True)  # fmt: skip
    assert started["success"]
    assert debug("attach")["success"]
    code = "seen = 41\nseen += 1\nseen"
    path = debug("dumpCell", code=code)["body"]["sourcePath"]
    lines = debug("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}], sourceModified=False)
    assert lines["body"]["breakpoints"][0]["verified"]
    assert debug("configurationDone")["success"]
    assert debug("debugInfo")["body"]["isStarted"]
    asked = client.execute(code)
    thread = debug.event("stopped")["body"]["threadId"]
    frames = debug("stackTrace", threadId=thread)["body"]["stackFrames"]
    assert frames[0]["line"] == 2
    assert debug("continue", threadId=thread)["success"]
    assert reply_to(client, asked)["status"] == "ok"
    assert debug("disconnect", restart=False, terminateDebuggee=True)["success"]
    assert ask(client, GREETING).startswith("live from this notebook's own network")


def test_input_asks_the_front_end(client: BlockingKernelClient) -> None:
    asked = client.execute("print('you said', input('say: '))", allow_stdin=True)
    question = client.get_stdin_msg(timeout=WAIT)
    assert question["content"]["prompt"] == "say: "
    client.input("hello")
    assert reply_to(client, asked)["status"] == "ok"


def test_post_mortem(client: BlockingKernelClient) -> None:
    wrong = ask(client, "def divide(by):\n    return 1 / by\ndivide(0)", fails=True)
    assert "ZeroDivisionError" in wrong
    asked = client.execute("%debug", allow_stdin=True)
    assert client.get_stdin_msg(timeout=WAIT)["content"]["prompt"] == "ipdb> "
    client.input("p by")
    assert client.get_stdin_msg(timeout=WAIT)["content"]["prompt"] == "ipdb> "
    client.input("q")
    assert reply_to(client, asked)["status"] == "ok"


def test_completion(client: BlockingKernelClient) -> None:
    ask(client, "import labkit")
    assert "capture" in str(reply_to(client, client.complete("labkit.capt"))["matches"])


def test_heart_beats(client: BlockingKernelClient) -> None:
    client.hb_channel.unpause()
    assert client.hb_channel.is_beating()


def test_a_subshell_answers_while_a_cell_runs(client: BlockingKernelClient) -> None:
    message = client.session.msg("create_subshell_request")
    client.control_channel.send(message)
    subshell = client.get_control_msg(timeout=WAIT)["content"]["subshell_id"]
    ask(client, "import threading; told = threading.Event()")
    waits = client.execute("told.wait(60)")
    other = client.session.msg("execute_request", {"code": "told.set()", "silent": False, "store_history": False,
                               "user_expressions": {}, "allow_stdin": False, "stop_on_error": True})  # fmt: skip
    other["header"]["subshell_id"] = subshell
    client.shell_channel.send(other)
    replies = [client.get_shell_msg(timeout=WAIT) for _ in range(2)]  # which comes first is a race
    assert {reply["parent_header"]["msg_id"] for reply in replies} == {waits, other["header"]["msg_id"]}
    assert [reply["content"]["status"] for reply in replies] == ["ok", "ok"]
    client.control_channel.send(client.session.msg("delete_subshell_request", {"subshell_id": subshell}))
    assert client.get_control_msg(timeout=WAIT)["content"]["status"] == "ok"
