"""What the benchmarks share: C programs, servers in subprocesses, CPU clocks, tables and targets.

Rule: a figure that could not be measured is reported with its reason and is never a pass.
"""

from __future__ import annotations

import json
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"
PEERS = HERE / "peers"


class Unmeasured(Exception):
    """Something needed is missing; the text says what and how to get it."""


@dataclass(frozen=True)
class Target:
    """One promise and what was measured. value is None when it was not measured; note then says why."""

    name: str
    value: float | None
    limit: float
    at_least: bool
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "NOT MEASURED"
        return "met" if (self.value >= self.limit if self.at_least else self.value <= self.limit) else "MISSED"

    def line(self) -> str:
        sign = ">=" if self.at_least else "<="
        value = "-" if self.value is None else f"{self.value:.3g}"
        unit = f" {self.unit}" if self.unit else ""
        note = f"   ({self.note})" if self.note else ""
        return f"{self.verdict:12}  {self.name}: {value}{unit} (target {sign} {self.limit:g}{unit}){note}"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def print_targets(targets: Iterable[Target]) -> None:
    for target in targets:
        print("  " + target.line())


_OPENSSL = (("ssl", "crypto"), "libssl-dev")
LIBRARIES = {
    "websocket_deflate_load": (("z",), "zlib1g-dev"),
    **dict.fromkeys(("tls_load", "tls_handshakes", "tls_echo_server", "https_load", "https_server"), _OPENSSL),
}
"""What a program in C is linked with besides the C library, and the package that brings it."""


def build(name: str) -> Path:
    """Compile benchmarks/<name>.c into benchmarks/build/ when it is newer than the program, and return the program."""
    source, program = HERE / f"{name}.c", BUILD / name
    newest = max(each.stat().st_mtime for each in (*HERE.glob("*.c"), *HERE.glob("*.h")))  # one may include another
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Unmeasured(
            f"no C compiler, so {source.name} cannot be built: install gcc (apt-get install gcc libc6-dev)"
        )
    BUILD.mkdir(exist_ok=True)
    # Into place by rename: two runs at once must not execute each other's half-written program.
    fresh = BUILD / f"{name}.{os.getpid()}"
    libraries, package = LIBRARIES.get(name, ((), ""))
    command = [compiler, "-O2", "-o", fresh, source, *(f"-l{library}" for library in libraries)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        needs = f" (it needs {package}: apt-get install {package})" if package else ""
        raise Unmeasured(f"{compiler} could not build {source.name}{needs}:\n{done.stderr.strip()}")
    fresh.replace(program)
    return program


def cores() -> tuple[int, int]:
    """The core for the server and the core for the load (the same one where there is only one)."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[-1], usable[0]


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process, user + system, those that ended included."""
    try:
        # The kernel's CPU-time clock of another process: nanoseconds, where /proc/<pid>/stat counts in 10 ms.
        # Its number is built as glibc's clock_getcpuclockid(3) does.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def child_environment() -> dict[str, str]:
    """The environment for subprocesses: this checkout first on the path."""
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)}


def node_program() -> str:
    node = shutil.which("node")
    if node is None:
        raise Unmeasured("Node is not installed, so there is nothing to compare with: apt-get install nodejs")
    return node


def node_packages() -> Path:
    """The folder with the packages of peers/package.json, installed by npm when that file has changed.

    Node finds them there from a peer that requires them by this folder's name. Raises Unmeasured with npm's last words.
    """
    modules, wanted, installed = BUILD / "node_modules", PEERS / "package.json", BUILD / "package.json"
    if modules.exists() and installed.exists() and installed.read_bytes() == wanted.read_bytes():
        return modules
    npm = shutil.which("npm")
    if npm is None:
        raise Unmeasured("npm is not installed, so the Node packages cannot be had: apt-get install npm")
    BUILD.mkdir(exist_ok=True)
    # Beside the others and into place by rename: an installation that breaks off leaves nothing that looks whole.
    fresh = BUILD / f"npm.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        shutil.copy(wanted, fresh)
        command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            said = " ".join(done.stderr.split())[:300]
            raise Unmeasured(f"npm could not install the packages of {wanted.name}: {said}")
        shutil.rmtree(modules, ignore_errors=True)
        (fresh / "node_modules").rename(modules)
        (fresh / "package.json").replace(installed)
    except subprocess.TimeoutExpired:
        raise Unmeasured(f"npm did not install the packages of {wanted.name} in two minutes") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return modules


def server_command(name: str) -> list[str]:
    """The command that starts an echo server; raises Unmeasured with the reason when it cannot run here."""
    if name == "C":
        return [str(build("echo"))]
    if name.startswith("node"):
        return [node_program(), str(PEERS / "echo_node.js"), name.removeprefix("node ")]
    return [sys.executable, str(PEERS / f"echo_{name}.py")]


class Server:
    """An echo server in a subprocess, pinned to one core. ``port`` is where it listens on 127.0.0.1."""

    def __init__(self, name: str, core: int | None = None, command: Sequence[str] | None = None) -> None:
        self.name = name
        command = list(command) if command else server_command(name)
        pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=child_environment(),
            preexec_fn=pin,
        )
        self.pid = self.process.pid
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("PORT "):
            raise Unmeasured(f"{name}: the server did not start. {self.stop()}")
        self.port = int(line.split()[1])

    def stop(self) -> str:
        """End the server and return the last line it wrote to stderr."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            _, errors = self.process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
        lines = errors.strip().splitlines()
        return lines[-1] if lines else ""

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def raise_file_limit(count: int) -> None:
    """Allow this process and its children `count` open files, or say why that is impossible."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))
    except (ValueError, OSError) as error:
        raise Unmeasured(f"{count} open files are needed and this system allows {hard} (ulimit -Hn)") from error


def load(
    port: int, server_pid: int, core: int, work: Sequence[object], *, seconds: float, warmup: float, program: str
) -> dict[str, Any]:  # fmt: skip
    """One measured run of a client in C, called with work; adds ``cpu_us``, the server's CPU per operation in µs."""
    command = [build(program), "ping", "--handshake", "--port", port, *work]
    command += ["--seconds", seconds, "--warmup", warmup]
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what it has to say stands in its JSON too
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        line = client.stdout.readline()
        if line.strip() != "WARM":
            raise Unmeasured(
                f"the client gave up: {json.loads(line)['message'] if line.strip() else 'it ended without a word'}"
            )
        before = cpu_seconds(server_pid)
        client.stdin.write("\n")
        client.stdin.flush()
        line = client.stdout.readline()
        after = cpu_seconds(server_pid)
    figures: dict[str, Any] = json.loads(line or '{"errors": 1, "message": "the client ended without a word"}')
    if figures["errors"]:
        raise Unmeasured(f"the client gave up: {figures['message']}")
    figures["cpu_us"] = (after - before) / figures["ops"] * 1e6
    figures["rate"] = figures["ops"] / figures["seconds"]
    return figures


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median (min-max)."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        return "  " + "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * w for w in widths]), *map(line, rows)])


def machine() -> str:
    """One line: processor, cores, load, kernel, and the versions of what is compared."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (li.split(":", 1)[1].strip() for li in info.read_text().splitlines() if li.startswith("model name")), cpu
        )
    node = shutil.which("node")
    node_version = "not installed"
    if node:
        node_version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    try:
        from importlib.metadata import version

        uvloop_version = version("uvloop")
    except ImportError:
        uvloop_version = "not installed"
    busy = os.getloadavg()[0]
    return (
        f"machine: {cpu}, {os.cpu_count()} cores, load {busy:.1f} at the start; "
        f"{platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}; Node {node_version}; uvloop {uvloop_version}"
    )
