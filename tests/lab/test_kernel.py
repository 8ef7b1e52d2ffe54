"""The kernel labkit under Jupyter's own manager: started, interrupted, restarted, shut down, killed.

Rule: after each end nothing is left: no process, no network, no listening port, no file.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.lab.kernels import CAPTURE, GREETING, SLEEP, WAIT, Trace, ask, begin, managed, reply_to
from tests.needs import need_private_network

pytestmark = pytest.mark.usefixtures("runtime")
OWN = "live from this notebook's own network (AF_PACKET ring)"


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    need_private_network()


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


def left_files(runtime: Path, name: str) -> list[str]:
    with managed(name) as (manager, _):
        manager.shutdown_kernel()
    return [path.name for path in runtime.rglob("*")]


def test_captures_its_own_server_and_leaves_nothing() -> None:
    interfaces = socket.if_nameindex()
    with managed() as (manager, client):
        trace = Trace(client, manager.get_connection_info())
        assert trace.network != os.readlink("/proc/self/ns/net")
        origin, packets = ask(client, GREETING).splitlines()
        assert origin == OWN
        assert packets.endswith("1 connection")
        assert ask(client, "import os; print(os.environ['LABKIT_NETWORK'])") == "private\n"
        assert ask(client, "import socket; print([name for _, name in socket.if_nameindex()])") == "['lo']\n"
        client.shutdown()
        trace.assert_gone()
    assert socket.if_nameindex() == interfaces


def test_leaves_no_more_files_than_the_stock_kernel(runtime: Path) -> None:
    assert left_files(runtime, "labkit") == left_files(runtime, "python3")


def test_interrupt_ends_the_cell_and_nothing_else() -> None:
    with managed() as (manager, client):
        trace = Trace(client, manager.get_connection_info())
        asked = begin(client, SLEEP)
        manager.interrupt_kernel()
        assert reply_to(client, asked)["ename"] == "KeyboardInterrupt"
        assert ask(client, GREETING).startswith(OWN)
        assert Trace(client, manager.get_connection_info()).outside == trace.outside


def test_interrupt_during_a_capture() -> None:
    with managed() as (manager, client):
        asked = begin(client, CAPTURE)
        manager.interrupt_kernel()
        assert reply_to(client, asked)["ename"] == "KeyboardInterrupt"
        assert ask(client, "print(tape.origin)") == f"{OWN}, cut short by KeyboardInterrupt\n"


SLOW_READER = """
import time, labkit
from labkit import net
heard = bytearray()
def answer(data):
    heard.extend(data)
    if len(heard) % 12 == 0:
        accepted[0].write("ok")
accepted = []
server = net.create_server(lambda socket: accepted.append(socket.on("data", answer))).listen(8125)
with labkit.capture(8125) as tape:
    asked = []
    def ask(*_):
        if len(asked) == 2:
            client.end()
            return
        asked.append(1)
        for word in ("GET ", "the ", "time"):
            client.write(word)
        time.sleep(0.03)  # server and client have one loop: nobody reads meanwhile
    client = net.Socket().set_no_delay(True).on("connect", ask).on("data", ask)
    client.connect(8125).wait_for("close")
print(tape.origin, len(tape.where(sender="client", payload=True)))
"""


def test_no_segment_is_sent_twice_because_its_reader_is_slow() -> None:
    with managed() as (_, client):
        assert ask(client, SLOW_READER) == f"{OWN} 6\n"


@pytest.mark.timeout(600)  # 20 kernels, one after the other: 40 s beside two other workers
def test_twenty_restarts_on_the_same_ports() -> None:
    with managed() as (manager, client):
        ports = manager.get_connection_info()
        trace = Trace(client, ports)
        for _ in range(20):
            manager.restart_kernel()
            client.wait_for_ready(timeout=WAIT)
            later = Trace(client, manager.get_connection_info())
            assert later.ports == trace.ports
            trace.ports, trace.command = set(), b"?"  # they are the next one's now
            trace.assert_gone()
            trace = later
        assert ask(client, GREETING).startswith(OWN)


@pytest.mark.parametrize("now", [False, True], ids=["asked to", "at once"])
def test_shutdown_during_a_capture(now: bool) -> None:
    with managed() as (manager, client):
        trace = Trace(client, manager.get_connection_info())
        begin(client, f"import labkit\nlabkit.lab.publish(8124, outside=0)\n{CAPTURE}")
        manager.shutdown_kernel(now=now)
        trace.assert_gone()


def test_a_killed_kernel_takes_everything_with_it() -> None:
    with managed() as (manager, client):
        ask(client, GREETING + "\npublished = labkit.lab.publish(8124, outside=0)")
        trace = Trace(client, manager.get_connection_info())
        trace.ports.add(int(ask(client, "print(published.port)")))
        os.kill(trace.kernel, signal.SIGKILL)
        manager.shutdown_kernel(now=True)  # reaps it
        trace.assert_gone()


WIRED = """
from labkit import lab, net
wire = lab.Wire(delay=0.05)
with wire.server:
    server = net.create_server(lambda each: each.pipe(each)).listen(8124, wire.server.address)
with wire.client:
    client = net.connect(8124, wire.server.address)
with wire.capture(wait_closed=False) as tape:
    client.write(bytes(1_000_000))
    print("begun", flush=True)
    import time
    time.sleep(600)
"""


def test_interrupt_while_a_wire_is_captured() -> None:
    with managed() as (manager, client):
        asked = begin(client, WIRED)
        manager.interrupt_kernel()
        assert reply_to(client, asked)["ename"] == "KeyboardInterrupt"
        assert ask(client, "print(tape.origin)").endswith("cut short by KeyboardInterrupt\n")
        assert ask(client, "print(len(client.read(1_000_000)))") == "1000000\n"  # the cable carries on
        ask(client, "wire.close()")
        names = ask(client, "import threading; print([each.name for each in threading.enumerate()])")
        assert "labkit wire" not in names


@pytest.mark.parametrize("how", ["killed", "shut down", "restarted"])
def test_a_kernel_with_a_busy_wire_leaves_nothing(how: str) -> None:
    interfaces = {name for _, name in socket.if_nameindex()}
    with managed() as (manager, client):
        trace = Trace(client, manager.get_connection_info())
        begin(client, WIRED)
        assert {name for _, name in socket.if_nameindex()} == interfaces
        if how == "killed":
            os.kill(trace.kernel, signal.SIGKILL)
            manager.shutdown_kernel(now=True)
        elif how == "shut down":
            manager.shutdown_kernel()
        else:
            manager.restart_kernel(now=True)
            trace.ports, trace.command = set(), b"?"  # they are the next one's now
        trace.assert_gone()
        assert {name for _, name in socket.if_nameindex()} == interfaces


def test_the_outside_process_ends_though_a_fork_holds_the_channel() -> None:
    fork = "import os, signal\nchild = os.fork()\nif child == 0:\n    signal.pause()\nprint(child)"
    with managed() as (manager, client):
        trace = Trace(client, manager.get_connection_info())
        child = int(ask(client, f"import warnings; warnings.simplefilter('ignore')\n{fork}"))
        os.kill(trace.kernel, signal.SIGKILL)
        try:
            trace.ports, trace.command = set(), b"?"  # the fork keeps those
            manager.shutdown_kernel(now=True)
            trace.assert_gone()
        finally:
            os.kill(child, signal.SIGKILL)


def test_programs_of_the_notebook_are_in_its_network() -> None:
    with managed() as (manager, client):
        trace = Trace(client, manager.get_connection_info())
        seen = ask(client, "!readlink /proc/self/ns/net").strip()
        assert seen == trace.network
        assert seen != os.readlink("/proc/self/ns/net")
