"""Kernels for the tests of the private network: started, asked, ended, and looked for afterwards.

Rule: waits for replies and for the end of processes (pidfd), never for a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.manager import KernelManager

from labkit.lab.outside_process import pidfd_open

WAIT = 60.0
"""Seconds after which a kernel that should have answered, or a process that should have ended, is called stuck."""

STOP_ON_ERROR = False
"""With True, as Jupyter has it, a cell that fails takes along what is asked just after it: the kernel aborts what it
finds queued once its answer is on its way, and on a busy machine that is the test's next question."""

SPEC = Path(sys.prefix) / "share/jupyter/kernels/labkit/kernel.json"
CHANNELS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")

# A handshake on the chapter's port, captured by who made it.
GREETING = """
import labkit
from labkit import net
server = net.create_server(lambda socket: socket.end("hello")).listen(8124)
with labkit.capture(8124) as tape:
    client = net.connect(port=8124)
    client.wait_for("end")
    client.end()
server.close()
print(tape.origin)
print(len(tape), "packets,", len(tape.connections), "connection")
"""


def environment(**variables: str) -> dict[str, str]:
    """The environment for a kernel: nothing forced but what is named."""
    kept = {name: value for name, value in os.environ.items() if name not in ("LABKIT_TIER", "LABKIT_NETWORK")}
    return {**kept, **variables}


def ask(client: BlockingKernelClient, code: str, *, fails: bool = False) -> str:
    """What a cell prints; its error is this test's failure, unless it is meant to fail: then what it says."""
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            said.append(content["text"])
        elif message["msg_type"] == "execute_result":
            said.append(content["data"]["text/plain"])

    reply = client.execute_interactive(
        code, timeout=WAIT, output_hook=hear, store_history=False, stop_on_error=STOP_ON_ERROR
    )["content"]
    if fails:
        assert reply["status"] == "error"
        return "".join([*said, f"{reply['ename']}: {reply['evalue']}"])
    assert reply["status"] == "ok", "\n".join(reply.get("traceback", [str(reply)]))
    return "".join(said)


def begin(client: BlockingKernelClient, code: str) -> str:
    """Start a cell that prints and then goes on; returns the request's id when it has printed."""
    asked = str(client.execute(code, store_history=False, stop_on_error=STOP_ON_ERROR))
    while client.get_iopub_msg(timeout=WAIT)["msg_type"] != "stream":
        pass
    return asked


def reply_to(client: BlockingKernelClient, asked: str) -> dict[str, Any]:
    """The reply to a request, when it comes."""
    while (reply := client.get_shell_msg(timeout=WAIT))["parent_header"].get("msg_id") != asked:
        pass
    return dict(reply["content"])


SLEEP = "print('begun', flush=True)\nimport time\ntime.sleep(600)"
CAPTURE = "import labkit\nwith labkit.capture(8124) as tape:\n    " + SLEEP.replace("\n", "\n    ")


class Trace:
    """What a kernel and its outside process would leave behind. Made while it runs."""

    def __init__(self, client: BlockingKernelClient, ports: Mapping[str, Any]) -> None:
        code = "import os; from labkit.lab import outside_process; print(os.getpid(), outside_process.current().pid)"
        self.kernel, self.outside = map(int, ask(client, code).split())
        self.network = os.readlink(f"/proc/{self.kernel}/ns/net")
        self.command = Path(f"/proc/{self.kernel}/cmdline").read_bytes()  # names its connection file
        self.ports = {ports[name] for name in CHANNELS}
        self._descriptors = [pidfd_open(self.kernel), pidfd_open(self.outside)]

    def assert_gone(self) -> None:
        """Wait for both processes to end; then nothing of them is left."""
        for descriptor in self._descriptors:
            assert select.select([descriptor], [], [], WAIT)[0], "a process of the kernel's is still there"
            os.close(descriptor)
        # The number of a network that has ended may be the next one's, so its processes are what is looked for.
        assert self.command not in commands()
        assert not self.ports & listening_ports()


def commands() -> set[bytes]:
    """The command line of every process."""
    found = set()
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            found.add((path / "cmdline").read_bytes())
    return found


def listening_ports() -> set[int]:
    """TCP ports of the machine's own network on which somebody listens."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == "0A"}


@contextlib.contextmanager
def managed(name: str = "labkit", **variables: str) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A kernel by Jupyter's own manager, ready; ended afterwards, if it has not been."""
    context = zmq.Context()
    manager = KernelManager(kernel_name=name, context=context)
    manager.start_kernel(env=environment(**variables), stderr=subprocess.DEVNULL)
    try:
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=WAIT)
            yield manager, client
        finally:
            client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)
        context.destroy(linger=0)


# Below the ports that the system gives to clients: of those, one that was free may be a client's a moment later.
_candidates = iter(range(20_000 + os.getpid() % 5_000, 32_000))


def free_ports(count: int) -> list[int]:
    """So many ports on which nobody listens, none given before."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as trial:
            port = next(_candidates)
            if trial.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found


class FrontEnd:
    """A front end that knows nothing but kernel.json: writes a connection file, starts argv, connects."""

    def __init__(
        self, directory: Path, *, before: tuple[str, ...] = (), transport: str = "tcp", ip: str = "",
        prepare: Callable[[], None] | None = None, extra: Mapping[str, Any] | None = None, **variables: str,
    ) -> None:  # fmt: skip
        self.file = directory / "own-kernel.json"
        place = str(directory / "channel") if transport == "ipc" else "127.0.0.1"
        ports = dict(zip(CHANNELS, free_ports(len(CHANNELS)), strict=True)) if transport == "tcp" else {}
        write_connection_file(str(self.file), ip=place, transport=transport, key=b"secret", **ports)
        if ip or extra:
            changed = {**json.loads(self.file.read_text()), **({"ip": ip} if ip else {}), **(extra or {})}
            self.file.write_text(json.dumps(changed))
        argv = [word.format(connection_file=self.file) for word in json.loads(SPEC.read_text())["argv"]]
        argv[0] = sys.executable if argv[0] == "python" else argv[0]
        self.errors = (directory / "stderr").open("w+")
        self.process = subprocess.Popen(
            [*before, *argv], env=environment(**variables), cwd=directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.errors, preexec_fn=prepare, start_new_session=True,
        )  # fmt: skip
        self.context = zmq.Context()
        self.client: BlockingKernelClient | None = None

    def connect(self, host: str | None = None) -> BlockingKernelClient:
        """The client, when the kernel is ready."""
        client = BlockingKernelClient(context=self.context)
        client.load_connection_file(str(self.file))
        if host is not None:
            client.ip = host
        self.client = client
        client.start_channels(hb=False)  # who starts thirty at once must not take the slow ones for dead
        client.wait_for_ready(timeout=WAIT)
        return client

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def said(self) -> str:
        """What it wrote to stderr."""
        self.errors.flush()
        return Path(self.errors.name).read_text()

    def __enter__(self) -> FrontEnd:
        return self

    def __exit__(self, *_: object) -> None:
        if self.client is not None:
            self.client.stop_channels()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT)
        self.errors.close()
        self.context.destroy(linger=0)
