"""The kernel labkit behind every kind of front end: Jupyter Server, nbclient, nbconvert, one that knows kernel.json.

Rule: what the front end sees is what counts; nothing here looks into the kernel but through it.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import nbformat
import pytest
import websocket
import zmq
from nbclient import NotebookClient

from labkit.lab.outside_process import pidfd_open
from tests.lab.kernels import (
    CHANNELS,
    GREETING,
    SLEEP,
    SPEC,
    STOP_ON_ERROR,
    WAIT,
    FrontEnd,
    Trace,
    ask,
    begin,
    environment,
    listening_ports,
    reply_to,
)  # fmt: skip
from tests.needs import need_private_network

OWN = "live from this notebook's own network (AF_PACKET ring)"


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    need_private_network()


def test_the_kernelspec_is_installed_as_it_stands_in_the_package() -> None:
    ours = Path(__file__).parents[2] / "labkit/lab/kernelspec/labkit/kernel.json"
    assert json.loads(SPEC.read_text()) == json.loads(ours.read_text())
    assert json.loads(SPEC.read_text())["argv"] == ["python", "-m", "labkit.lab.kernel", "-f", "{connection_file}"]


class TestOneThatReadsKernelJson:
    def test_start_interrupt_shutdown(self, tmp_path: Path) -> None:
        with FrontEnd(tmp_path) as front:
            client = front.connect()
            trace = Trace(client, json.loads(front.file.read_text()))
            assert ask(client, GREETING).startswith(OWN)
            asked = begin(client, SLEEP)
            front.interrupt()
            assert reply_to(client, asked)["ename"] == "KeyboardInterrupt"
            assert ask(client, "1 + 1") == "2"
            client.shutdown()
            assert front.process.wait(WAIT) == 0
            trace.assert_gone()

    def test_its_ports_are_the_machine_s_and_not_its_own_network_s(self, tmp_path: Path) -> None:
        with FrontEnd(tmp_path) as front:
            client = front.connect()
            wanted = {json.loads(front.file.read_text())[name] for name in CHANNELS}
            assert wanted <= listening_ports()
            inside = ask(client, "print(open('/proc/net/tcp').read())").splitlines()[1:]
            assert not wanted & {int(line.split()[1].rpartition(":")[2], 16) for line in inside if line}

    def test_unix_sockets(self, tmp_path: Path) -> None:
        with FrontEnd(tmp_path, transport="ipc") as front:
            assert ask(front.connect(), GREETING).startswith(OWN)

    @pytest.mark.parametrize("ip", ["*", "0.0.0.0"])
    def test_every_address(self, tmp_path: Path, ip: str) -> None:
        with FrontEnd(tmp_path, ip=ip) as front:
            assert ask(front.connect("127.0.0.1"), GREETING).startswith(OWN)

    def test_encrypted(self, tmp_path: Path) -> None:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        with FrontEnd(tmp_path, extra={"curve_publickey": public, "curve_secretkey": secret}) as front:
            client = front.connect()
            assert ask(client, GREETING).startswith(OWN)

    def test_a_port_that_is_taken_ends_the_kernel_as_ever(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            extra = {"shell_port": taken.getsockname()[1]}
            with FrontEnd(tmp_path, extra=extra) as front:
                assert front.process.wait(WAIT) == 1
                assert "Address already in use" in front.said()

    @pytest.mark.parametrize("given", [True, False], ids=["ports that are 0", "no file"])
    def test_ports_are_handed_out(self, tmp_path: Path, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
        with FrontEnd(tmp_path) as front:  # the one whose place is taken: its file is what is needed
            front.process.kill()
            front.process.wait(WAIT)
            if given:
                connection = json.loads(front.file.read_text())
                front.file.write_text(json.dumps({**connection, **dict.fromkeys(CHANNELS, 0)}))
            else:
                front.file.unlink()
            told = subprocess.Popen(
                [sys.executable, "-m", "labkit.lab.kernel", "-f", str(front.file)], env=environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            front.process = told
            assert told.stdout is not None
            for line in told.stdout:  # written when the ports are bound and the file is there
                if "--existing" in line:
                    break
            told.stdout.close()
            assert all(json.loads(front.file.read_text())[name] for name in CHANNELS)
            assert ask(front.connect(), GREETING).startswith(OWN)


def notebook_of(*cells: str) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "labkit", "display_name": "labkit", "language": "python"}
    return notebook


def test_nbclient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_TIER", raising=False)
    notebook = notebook_of(GREETING)
    NotebookClient(notebook, timeout=WAIT, kernel_name="labkit").execute()
    assert notebook.cells[0].outputs[0].text.startswith(OWN)


def test_nbconvert(tmp_path: Path) -> None:
    nbformat.write(notebook_of(GREETING), tmp_path / "a.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output", "b.ipynb", "a.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert nbformat.read(tmp_path / "b.ipynb", as_version=4).cells[0].outputs[0].text.startswith(OWN)


class Server:
    """A real Jupyter Server. url: where it answers."""

    def __init__(self, folder: Path) -> None:
        own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
        options = ["--no-browser", "--port=0", "--ip=127.0.0.1", "--IdentityProvider.token=", "--allow-root"]
        options += ["--ServerApp.disable_check_xsrf=True", "--KernelRestarter.time_to_dead=0.2"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options], cwd=folder, env=environment(**own), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        found: Queue[str] = Queue()
        self._reader = Thread(target=self._read, args=(found,), daemon=True)
        self._reader.start()
        self.url = found.get(timeout=WAIT)
        assert self.url, "Jupyter Server did not start"
        # It names its address before it listens there, and says nothing when it does.
        host, _, port = self.url.partition(":")
        deadline = time.monotonic() + WAIT
        while not answers((host, int(port))):
            assert time.monotonic() < deadline
            assert self.process.poll() is None

    def _read(self, found: Queue[str]) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if match := re.search(r"http://(127\.0\.0\.1:\d+)/", line):
                found.put(match[1])
        found.put("")

    def rest(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(f"http://{self.url}/api/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(WAIT)
        self._reader.join(WAIT)
        assert self.process.stderr is not None
        self.process.stderr.close()


class Talk:
    """The websocket of one kernel."""

    def __init__(self, server: Server, kernel: str) -> None:
        self._socket = websocket.create_connection(
            f"ws://{server.url}/api/kernels/{kernel}/channels", timeout=WAIT
        )
        self._count = 0

    def send(self, code: str) -> str:
        self._count += 1
        header = {"msg_id": f"{id(self)}-{self._count}", "msg_type": "execute_request", "username": "", "session": "s",
                  "version": "5.3", "date": ""}  # fmt: skip
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": STOP_ON_ERROR}  # fmt: skip
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        return header["msg_id"]

    def until(self, kind: str, about: str | None = None) -> dict[str, Any]:
        """The next message of this kind, whatever comes before."""
        while True:
            message = json.loads(self._socket.recv())
            if message["msg_type"] == kind and about in (None, message["parent_header"].get("msg_id")):
                return dict(message)

    def ask(self, code: str) -> str:
        asked = self.send(code)
        return str(self.until("stream", asked)["content"]["text"])

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    started.close()


@pytest.fixture
def kernel(server: Server) -> Iterator[str]:
    started = server.rest("POST", "kernels", name="labkit")["id"]
    yield started
    if started in [each["id"] for each in server.rest("GET", "kernels")]:
        server.rest("DELETE", f"kernels/{started}")


PIDS = "import os; from labkit.lab import outside_process; print(os.getpid(), outside_process.current().pid)"


class TestJupyterServer:
    def test_execute_interrupt_restart_delete(self, server: Server, kernel: str) -> None:
        talk = Talk(server, kernel)
        assert talk.ask(GREETING).startswith(OWN)
        first = talk.ask(PIDS).split()
        asked = talk.send(SLEEP)
        talk.until("stream", asked)
        server.rest("POST", f"kernels/{kernel}/interrupt")
        assert talk.until("execute_reply", asked)["content"]["ename"] == "KeyboardInterrupt"
        watched = [pidfd_open(int(pid)) for pid in first]
        server.rest("POST", f"kernels/{kernel}/restart")
        assert all(ended(each) for each in watched)
        talk.close()
        talk = Talk(server, kernel)
        assert talk.ask(GREETING).startswith(OWN)
        watched = [pidfd_open(int(pid)) for pid in talk.ask(PIDS).split()]
        talk.close()
        server.rest("DELETE", f"kernels/{kernel}")
        assert all(ended(each) for each in watched)

    def test_a_dead_kernel_is_noticed_and_started_again(self, server: Server, kernel: str) -> None:
        talk = Talk(server, kernel)
        pid, outside = map(int, talk.ask(PIDS).split())
        watched = pidfd_open(outside)
        os.kill(pid, signal.SIGKILL)
        assert ended(watched)
        while talk.until("status")["content"]["execution_state"] != "restarting":
            pass
        talk.close()
        talk = Talk(server, kernel)
        assert talk.ask(GREETING).startswith(OWN)
        assert int(talk.ask(PIDS).split()[0]) != pid
        talk.close()


def answers(address: tuple[str, int]) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(address) == 0


def ended(descriptor: int) -> bool:
    try:
        return bool(select.select([descriptor], [], [], WAIT)[0])
    finally:
        os.close(descriptor)
