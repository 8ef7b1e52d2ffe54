"""Run the Autobahn testsuite against labkit's WebSocket server and client, and sum up its verdicts.

Rule: the testsuite judges; this starts it, lets labkit's ends talk to it, and counts. Nothing is run twice.

    python tools/autobahn.py                      # all cases, both ends, strict; some minutes
    python tools/autobahn.py --cases "1.*" "7.*"  # a part; --quick: the part that the tests run

The testsuite runs on Python 2.7 alone. It is installed into .venv-autobahn, from ``python2.7`` or pyenv's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv-autobahn"
NOTE = ROOT / "docs" / "autobahn.md"
SUITE = "autobahntestsuite==25.10.1"
QUICK = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.2.*", "6.4.*", "7.*", "10.*", "12.1.1", "13.1.1", "13.7.1")
"""A part that takes some seconds."""
FINE = ("OK", "INFORMATIONAL")
Judge = Callable[[str, list[str], Path], dict[str, dict[str, Any]]]
LONGEST = 3600.0
"""Seconds that the testsuite may take."""
SIZE = 2**24
"""Bytes of the largest messages of the testsuite (9.1.6, 9.2.6)."""


def find_python2() -> str | None:
    """A Python 2.7: on PATH, or one of pyenv's (PYENV_ROOT, else ~/.pyenv); None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    try:
        theirs = [str(path) for path in sorted(pyenv.glob("versions/2.7*/bin/python"))]
    except PermissionError:  # another user's
        theirs = []
    for each in ("python2.7", *theirs):
        asks = "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
        if shutil.which(each) and subprocess.run([each, "-c", asks], capture_output=True, check=False).returncode == 0:
            return shutil.which(each)
    return None


def install(python2: str) -> str:
    """Install the testsuite, if it is not; returns the Python that has it."""
    python = HOME / "suite" / "bin" / "python"
    stamp = HOME / SUITE
    if not stamp.exists():
        quiet = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME / "maker")], check=True)
        maker = str(HOME / "maker" / "bin" / "python")
        subprocess.run([maker, *quiet, "virtualenv<20.22"], check=True)  # the last that makes one for 2.7
        subprocess.run([maker, "-m", "virtualenv", "--quiet", "-p", python2, str(HOME / "suite")], check=True)
        subprocess.run([str(python), *quiet, SUITE], check=True, stderr=subprocess.DEVNULL)
        stamp.touch()
    return str(python)


def wstest(python: str, mode: str, spec: dict[str, Any], folder: Path) -> subprocess.Popen[bytes]:
    """Start the testsuite; what it prints goes to a file in the folder."""
    path = folder / f"{mode}.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    run = f"import sys; sys.argv = ['wstest', '-m', '{mode}', '-s', {str(path)!r}]"
    run += "; from autobahntestsuite.wstest import run; run()"
    with open(folder / f"{mode}.log", "wb") as log:
        return subprocess.Popen([python, "-c", run], cwd=folder, stdout=log, stderr=subprocess.STDOUT)


def verdicts(folder: Path, agent: str) -> dict[str, dict[str, Any]]:
    """Case -> what the testsuite has written about it."""
    found: dict[str, dict[str, Any]] = json.loads((folder / "reports" / "index.json").read_text(encoding="utf-8"))[
        agent
    ]
    return found


def judge_server(python: str, cases: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """The testsuite is the client: our echo server is judged."""
    from labkit import websocket

    with websocket.create_server(
        lambda ws, request: ws.on("message", lambda data: ws.send(data)),
        per_message_deflate={"threshold": 0}, max_message_size=SIZE,
    ).listen(0) as server:  # fmt: skip
        spec = {
            "outdir": "reports", "servers": [{"agent": "labkit", "url": f"ws://127.0.0.1:{server.port}"}],
            "cases": cases, "exclude-cases": [], "exclude-agent-cases": {},
        }  # fmt: skip
        process = wstest(python, "fuzzingclient", spec, folder)
        with tqdm(desc="server", unit="case", disable=None) as bar:
            until = time.monotonic() + LONGEST
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(min(1.0, until - time.monotonic()))
                bar.update((folder / "fuzzingclient.log").read_bytes().count(b"Running test case ID") - bar.n)
                if time.monotonic() > until:
                    raise subprocess.TimeoutExpired(process.args, LONGEST)
    return verdicts(folder, "labkit")


def judge_client(python: str, cases: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """The testsuite is the server: our client, which sends back what it gets, is judged."""
    from labkit import websocket
    from labkit.core import loop

    port = _free_port()
    url = f"ws://127.0.0.1:{port}"
    spec = {"outdir": "reports", "url": url, "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    with ended(wstest(python, "fuzzingserver", spec, folder)):
        _wait_until_open(port)
        count = websocket.WebSocket(f"{url}/getCaseCount").wait_for("message")
        for case in tqdm(range(1, int(count) + 1), "client", unit="case", disable=None):
            loop.call(echoing, f"{url}/runCase?case={case}&agent=labkit").wait_for("close", timeout=600)
        websocket.WebSocket(f"{url}/updateReports?agent=labkit").wait_for("close", timeout=600)
    return verdicts(folder, "labkit")


def echoing(url: str) -> Any:
    """A client that sends back what it gets. Made on the loop, as in a program: its listeners miss nothing."""
    from labkit import websocket

    ws = websocket.WebSocket(url, per_message_deflate={"threshold": 0}, max_message_size=SIZE)
    return ws.on("error", lambda error: None).on("message", lambda data: ws.send(data))


def _free_port() -> int:
    """A port that is free, and that the system gives to nobody who asks for any: the testsuite starts slowly."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port from 20000 to 30000 is free")


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process after the block."""
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def told(who: str, found: dict[str, dict[str, Any]]) -> list[str]:
    """The verdicts in words."""
    lines = [f"{who}: {len(found)} cases"]
    for key, name in (("behavior", "messages"), ("behaviorClose", "closing handshake")):
        counts = Counter(each[key] for each in found.values())
        lines.append(f"  {name}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
        lines += [
            f"    {case}: {each[key]}"
            for case, each in sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")])
            if each[key] not in FINE
        ]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="the Autobahn testsuite against labkit.websocket")
    parser.add_argument("--cases", nargs="+", default=["*"], help='such as "1.*"')
    parser.add_argument("--quick", action="store_true", help="a part that takes some seconds")
    parser.add_argument("--only", choices=["server", "client"], help="judge one end alone")
    parser.add_argument("--install", action="store_true", help="only install the testsuite, if there is a Python 2.7")
    parser.add_argument("--keep", metavar="DIR", help="keep the testsuite's reports here")
    arguments = parser.parse_args()
    python2 = find_python2()
    if python2 is None:
        print("The Autobahn testsuite needs Python 2.7: pyenv install 2.7.18", file=sys.stderr)
        return 0 if arguments.install else 2
    python = install(python2)
    if arguments.install:
        return 0
    cases = list(QUICK) if arguments.quick else arguments.cases
    failed = False
    for who, judge in (("server", judge_server), ("client", judge_client)):
        if arguments.only in (None, who):
            with tempfile.TemporaryDirectory(prefix="labkit-autobahn-") as name:
                found = judge(python, cases, Path(name))
                if arguments.keep:
                    shutil.copytree(name, Path(arguments.keep) / who, dirs_exist_ok=True)
            print("\n".join(told(who, found)), flush=True)
            keys = ("behavior", "behaviorClose")
            failed = failed or any(each[key] == "FAILED" for each in found.values() for key in keys)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
