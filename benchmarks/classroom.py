"""A class on one machine: a real JupyterHub, thirty students at once who run lesson 01a, then 01d, each on port 8124.

Rule: a student uses only what a browser has: the hub's API, Jupyter's, and the kernel's WebSocket. The costs are those
of all processes of a student; memory is PSS, so of what n processes share each is charged one n-th.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
from websockets.sync.client import ClientConnection, connect

from benchmarks.harness import Target, Unmeasured, child_environment, machine, node_packages, print_targets, table
from labkit.lessons import cleared, original

STUDENTS, QUICK = 30, 3
LESSONS = ("01a-tcp-connection", "01d-tcp-loss")
MEMORY_LIMIT, CPU_LIMIT = 200.0, 4.0  # MB and seconds a student
WAIT = 300.0
"""Seconds after which a server or a cell that has not answered is called stuck."""

# What the browser shows after the lesson: a handshake of this student's own on the chapter's port, and a wire.
PROOF = """
import json, os
import labkit
from labkit import lab, net
labkit.reset()
server = net.create_server(lambda socket: socket.end("greetings to {name}")).listen(8124)
with labkit.capture(8124) as tape:
    client = net.connect(8124)
    client.wait_for("end")
    client.end()
with lab.Wire() as wire:
    live = wire.live
print("PROOF" + json.dumps({{
    "live": tape.live, "network": os.environ["LABKIT_NETWORK"], "connections": len(tape.connections), "wire": live,
    "said": b"".join(packet.payload for packet in tape).decode()}}))
"""

CONFIGURATION = """
c.JupyterHub.bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{inner}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.log_level = "WARN"
c.JupyterHub.concurrent_spawn_limit = 0
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{password}"
c.Authenticator.allowed_users = set({names!r})
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/{{username}}"
c.Spawner.cmd = {server!r}
c.Spawner.args = ["--KernelManager.transport=ipc"]
c.Spawner.environment = {{
    "PATH": {path!r}, "PYTHONPATH": {pythonpath!r}, "LABKIT_CLASSROOM": "{mark}",
    "JUPYTER_RUNTIME_DIR": lambda spawner: "{folder}/" + spawner.user.name + "/r",
}}
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
"""


@dataclass
class Cost:
    """What a student's processes cost. memory: MB. cpu: seconds, those of ended children included."""

    processes: int = 0
    memory: float = 0.0
    cpu: float = 0.0


def costs(mark: str) -> dict[str, Cost]:
    """The costs by student, of all processes whose environment has this value of LABKIT_CLASSROOM."""
    found: dict[str, Cost] = {}
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            variables = (each / "environ").read_bytes().split(b"\0")
            if f"LABKIT_CLASSROOM={mark}".encode() not in variables:
                continue
            name = next(one for one in variables if one.startswith(b"JUPYTERHUB_USER=")).partition(b"=")[2].decode()
            lines = (each / "smaps_rollup").read_text().splitlines()
            fields = (each / "stat").read_text().rpartition(")")[2].split()
        except (OSError, StopIteration):  # it has ended meanwhile
            continue
        one = found.setdefault(name, Cost())
        one.processes += 1
        one.memory += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
        one.cpu += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return found


@dataclass
class Student:
    """One of the class. took: seconds a step. proofs: what each lesson's last cell says. errors: of cells, in words."""

    name: str
    url: str
    took: dict[str, float] = field(default_factory=dict)
    proofs: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=WAIT, trust_env=False)
        self.kernel = ""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the hub or the student's server answers. Raises `RuntimeError` for a refusal."""
        answer = self.client.request(method, path, json=body)
        if answer.status_code >= 400:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.content else None

    def start(self, password: str) -> None:
        """Log in and start the server; returns when it answers."""
        began = time.monotonic()
        login = {"auth": {"username": self.name, "password": password}}
        token = self.ask("POST", f"/hub/api/users/{self.name}/tokens", login)["token"]
        self.client.headers["Authorization"] = f"token {token}"
        self.ask("POST", f"/hub/api/users/{self.name}/server")
        while not self.ask("GET", f"/hub/api/users/{self.name}")["servers"].get("", {}).get("ready"):
            if time.monotonic() - began > WAIT:
                raise RuntimeError(f"{self.name}: no server after {WAIT:g} s")
            threading.Event().wait(0.25)
        self.took["server"] = time.monotonic() - began

    def run(self, lesson: str) -> None:
        """Open a lesson in a kernel of its own, run all its cells, and then `PROOF`."""
        began, at, path = time.monotonic(), f"/user/{self.name}/api", f"{lesson}.ipynb"
        if self.kernel:
            self.ask("DELETE", f"{at}/kernels/{self.kernel}")  # as JupyterLab's Shut Down Kernel
        cells = self.ask("GET", f"{at}/contents/{path}")["content"]["cells"]
        wanted = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "labkit"}}
        self.kernel = self.ask("POST", f"{at}/sessions", wanted)["kernel"]["id"]
        where = self.url.replace("http", "ws", 1) + f"{at}/kernels/{self.kernel}/channels"
        headers = {"Authorization": self.client.headers["Authorization"]}
        with connect(where, additional_headers=headers, max_size=None, open_timeout=WAIT, proxy=None) as channel:
            for cell in cells:
                if cell["cell_type"] == "code":
                    _, error = execute(channel, "".join(cell["source"]))
                    if error and "raises-exception" not in cell["metadata"].get("tags", ()):
                        self.errors.append(f"{lesson}: {error}")
            self.took[lesson] = time.monotonic() - began
            said, error = execute(channel, PROOF.format(name=self.name))
        if error:
            self.errors.append(f"{lesson}, the proof: {error}")
        self.proofs[lesson] = json.loads(said.partition("PROOF")[2] or "{}")

    def proved(self, lesson: str) -> bool:
        """Whether the lesson ended with this student's own handshake, captured live in a private network."""
        proof = self.proofs.get(lesson, {})
        said = f"greetings to {self.name}"
        wanted = {"live": True, "network": "private", "connections": 1, "said": said, "wire": True}
        return proof == wanted and not self.errors


def execute(channel: ClientConnection, code: str) -> tuple[str, str]:
    """Run code in the kernel; returns what it printed, and its error in words. Waits for reply and idle."""
    ours, said, error, waiting = uuid.uuid4().hex, "", "", {"idle", "reply"}
    channel.send(json.dumps({
        "header": {"msg_id": ours, "msg_type": "execute_request", "username": "", "session": ours, "date": "",
                   "version": "5.3"},
        "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
        "content": {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                    "allow_stdin": False, "stop_on_error": False}}))  # fmt: skip
    while waiting:
        text = channel.recv(timeout=WAIT)
        if isinstance(text, bytes):  # a widget's buffers, which no student of ours looks at
            continue
        message = json.loads(text)
        if message["parent_header"].get("msg_id") != ours:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            said += content["text"]
        elif kind == "error":
            error = f"{content['ename']}: {content['evalue'][:200]}"
        elif kind == "execute_reply":
            waiting.discard("reply")
        elif kind == "status" and content["execution_state"] == "idle":
            waiting.discard("idle")
    return said, error


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 on which nobody listens."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextmanager
def classroom(names: list[str]) -> Iterator[tuple[str, str, str]]:
    """A JupyterHub with a home and the lessons for each of these students.

    Yields its URL, the password, and the mark that the environment of the students' processes has.
    """
    if importlib.util.find_spec("jupyterhub") is None:
        raise Unmeasured(f"JupyterHub is not installed: {sys.executable} -m pip install -c constraints.txt jupyterhub")
    proxy = node_packages() / ".bin" / "configurable-http-proxy"
    # Kernels speak over Unix sockets, whose paths have at most 107 bytes: a short folder.
    folder = Path(tempfile.mkdtemp(prefix="lk", dir="/tmp"))
    try:
        for name in names:
            (folder / name).mkdir()
        for lesson in LESSONS:
            notebook = json.loads((original() / f"{lesson}.ipynb").read_text(encoding="utf8"))
            for name in names:
                (folder / name / f"{lesson}.ipynb").write_text(json.dumps(cleared(notebook)), encoding="utf8")
        hub, inner, api = free_ports(3)
        password, mark = secrets.token_hex(8), secrets.token_hex(8)
        programs, given = Path(sys.executable).parent, child_environment()
        as_root = ["--allow-root"] if os.geteuid() == 0 else []
        (folder / "config.py").write_text(
            CONFIGURATION.format(
                hub=hub, inner=inner, api=api, folder=folder, password=password, names=names, mark=mark,
                proxy=[str(proxy)], server=[str(programs / "jupyterhub-singleuser"), *as_root],
                path=f"{programs}:{os.environ['PATH']}", pythonpath=given["PYTHONPATH"],
            )
        )  # fmt: skip
        with (folder / "log").open("wb") as log:
            words = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "config.py")]
            process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=given,
                                       start_new_session=True)  # fmt: skip
        try:
            url = f"http://127.0.0.1:{hub}"
            wait_for_the_hub(url, process, folder / "log")
            yield url, password, mark
        finally:
            process.send_signal(signal.SIGINT)  # the hub ends the servers that it has started, and its proxy
            process.wait(WAIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_the_hub(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it answers through its proxy. Raises `Unmeasured` with its last words if it ends first."""
    while True:
        if process.poll() is not None:
            raise Unmeasured(f"the hub ended: {log.read_text(errors='replace').strip()[-400:]}")
        try:
            if httpx.get(url + "/hub/api/", timeout=WAIT, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        threading.Event().wait(0.2)


def at_once(students: list[Student], step: Callable[[Student], None]) -> float:
    """Let all of them do a step at the same time; returns the seconds until the last one is done."""

    def one(student: Student) -> None:
        try:
            step(student)
        except Exception as error:
            student.errors.append(f"{type(error).__name__}: {error}")

    began = time.monotonic()
    with ThreadPoolExecutor(len(students)) as pool:
        list(pool.map(one, students))
    return time.monotonic() - began


def measure(count: int) -> tuple[dict[str, Any], list[Target]]:
    """The whole of it, with so many students: the figures, and the targets."""
    names = [f"s{number:02}" for number in range(1, count + 1)]
    figures: dict[str, Any] = {}
    targets, rows, before = [], [], 0.0
    with classroom(names) as (url, password, mark):
        students = [Student(name, url) for name in names]
        steps: list[tuple[str, Callable[[Student], None]]] = [("server", lambda one: one.start(password))]
        steps += [(lesson, lambda one, lesson=lesson: one.run(lesson)) for lesson in LESSONS]
        for step, work in steps:
            seconds = at_once(students, work)
            spent = costs(mark)
            memory = [spent.get(name, Cost()).memory for name in names]
            cpu = [spent.get(name, Cost()).cpu for name in names]
            took = [one.took[step] for one in students if step in one.took] or [0.0]
            done = sum(one.proved(step) for one in students) if step in LESSONS else len(spent)
            figures[step] = {"seconds": seconds, "took": took, "memory": memory, "cpu": cpu, "done": done}
            rows.append([step, f"{done} of {count}", f"{seconds:.0f}", f"{statistics.median(took):.0f}",
                         f"{statistics.fmean(memory):.0f}", f"{statistics.fmean(cpu) - before:.1f}"])  # fmt: skip
            before = statistics.fmean(cpu)
            if step in LESSONS:
                mean = statistics.fmean(memory)
                targets += [
                    Target(f"{step}: students with their own handshake on 8124", done, count, True),
                    Target(f"{step}: memory of a student", mean, MEMORY_LIMIT, False, "MB"),
                ]
        errors = [f"{one.name}: {error}" for one in students for error in one.errors]
    print(table(["step", "students", "all, s", "one, s", "MB each", "CPU s each"], rows))
    for line in errors[:5]:
        print(f"  {line}")
    spent_on_first = statistics.fmean(figures[LESSONS[0]]["cpu"])
    targets.append(Target("CPU of a student, server and lesson 01a", spent_on_first, CPU_LIMIT, False, "s"))
    return {**figures, "errors": errors}, targets


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure and print it; returns the figures and the targets."""
    parser = argparse.ArgumentParser(prog="classroom", description="thirty students on one JupyterHub")
    parser.add_argument("--students", type=int, default=STUDENTS, help="how many at once (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} students")
    options = parser.parse_args(argv)
    count = QUICK if options.quick else options.students
    print(f"A class of {count} on one JupyterHub, all at once")
    figures, targets = measure(count)
    print_targets(targets)
    return {"figures": figures, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    print(machine())
    main()
