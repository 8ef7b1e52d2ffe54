"""The states that a tape tells, beside what the kernels at both ends of a live wire say at the same moment.

Rule: a moment is compared when both kernels have come to the states that the scene is about; the tape is cut there.
"""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from labkit.lab.hosts import WireHost
from labkit.lab.wire import Wire
from labkit.packets import Tape
from labkit.packets.courses import courses_of
from labkit.packets.states import End
from tests.lab.wires import live_wire
from tests.needs import need_tool

PORT = 8124
NAMES = {"ESTAB": "ESTABLISHED", "SYN-RECV": "SYN-RECEIVED"}
"""What ss calls differently."""
PATIENCE = 60.0
MSS = 1460


class Scene:
    """Two hosts, one connection, and moments at which tape and kernels are compared."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.listener = wire.server.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind((wire.server.address, PORT))
        self.listener.listen()
        self.client = wire.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server: socket.socket | None = None
        self._tapes: list[tuple[ExitStack, Tape]] = []
        self.compared: set[str] = set()

    def watch(self, moments: int) -> None:
        """Begin as many captures as there will be moments: each ends at its own."""
        for _ in range(moments):
            stack = ExitStack()
            self._tapes.append((stack, stack.enter_context(self.wire.capture(wait_closed=False))))

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Both ends, connected."""
        self.client.connect((self.wire.server.address, PORT))
        self.server, _ = self.listener.accept()
        return self.client, self.server

    def moment(self, client: str, server: str, **facts: dict[str, int]) -> None:
        """Wait until both kernels say these states and facts, then compare all they say with the tape up to here."""
        until = time.monotonic() + PATIENCE
        while True:
            told = [kernel(host) for host in (self.wire.client, self.wire.server)]
            named = [said["state"] for said in told]
            if named == [client, server] and all(
                said.get(name) == value
                for who, said in zip(("at_client", "at_server"), told, strict=True)
                for name, value in facts.get(who, {}).items()
            ):
                break
            assert time.monotonic() < until, (named, told)
        stack, tape = self._tapes.pop(0)
        stack.close()
        (course,) = courses_of(tape)
        now = course.moment(len(course) - 1)
        assert now is not None
        for end, said, own in ((now.client, told[0], self.client), (now.server, told[1], self.server)):
            pairs = compared(end, said, own, active=own is self.client)
            self.compared |= {name for name, _, _ in pairs}
            assert [each for each in pairs if each[1] != each[2]] == []

    def close(self) -> None:
        for stack, _ in self._tapes:
            stack.close()
        for each in (self.client, self.listener, self.server):
            if each is not None:
                each.close()


def kernel(host: WireHost) -> dict[str, Any]:
    """What ``ss -tin`` says of the one connection of a host; without one only its state."""
    with host:
        ran = subprocess.run([need_tool("ss"), "-tinaH"], capture_output=True, text=True, check=True)
    lines = [line for line in ran.stdout.replace("\n\t", " ").splitlines() if line.strip()]
    mine = [line for line in lines if not line.startswith("LISTEN")]
    if not mine:
        return {"state": "LISTEN" if lines and not kernel_has_been_called(host) else "CLOSED"}
    (line,) = mine
    state, unread, unsent = line.split()[:3]
    found: dict[str, Any] = {name: int(value) for name, value in re.findall(r" (\w+):(\d+)(?= |$)", line)}
    return {"unread": int(unread), "unsent": int(unsent), **found, "state": NAMES.get(state, state)}


def kernel_has_been_called(host: WireHost) -> bool:
    """Whether a connection has ever stood at this host."""
    with host, open("/proc/net/snmp", encoding="ascii") as counted:
        names, values = (line.split() for line in counted if line.startswith("Tcp:"))
    return int(values[names.index("PassiveOpens")]) > 0


def compared(end: End, said: dict[str, Any], own: socket.socket | None, *, active: bool) -> list[tuple[str, Any, Any]]:
    """What both tell: (what, tape, kernel)."""
    pairs: list[tuple[str, Any, Any]] = [("state", end.state, said["state"])]
    if "cwnd" in said and "mss" in said:  # a full socket: the kernel keeps less of one that it only waits for
        passive = not active  # Linux counts the SYN of a caller among the acknowledged bytes, not that of a listener
        if end.state != "SYN-SENT":
            pairs.append(("acknowledged", end.acknowledged.value, said.get("bytes_acked", 0) + passive))
            pairs.append(("expects", end.expects.value, said.get("bytes_received", 0) + 1))
            pairs.append(("allowed", end.allowed.value, said["snd_wnd"]))
        segments, flight = said.get("unacked", 0), end.flight.value or 0
        pairs.append(("flight", -(-flight // MSS), segments))
        if own is not None and own.fileno() >= 0:
            info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            if len(info) >= 236:
                pairs.append(("window", end.window.value, struct.unpack_from("=I", info, 232)[0]))
    return pairs


@pytest.fixture
def scene() -> Iterator[Scene]:
    need_tool("ss")
    with live_wire() as wire:
        made = Scene(wire)
        yield made
        made.close()


def test_handshake(scene: Scene) -> None:
    scene.watch(3)
    lost = scene.wire.drop(only="SYN", times=None)
    scene.client.setblocking(False)
    assert scene.client.connect_ex((scene.wire.server.address, PORT)) != 0
    scene.moment("SYN-SENT", "LISTEN")
    unheard = scene.wire.drop(only="ACK", sender="client", times=None)
    lost.off()
    scene.moment("ESTABLISHED", "SYN-RECEIVED")
    unheard.off()
    scene.moment("ESTABLISHED", "ESTABLISHED")
    scene.server, _ = scene.listener.accept()


def test_data(scene: Scene) -> None:
    scene.watch(4)
    client, server = scene.connect()
    scene.moment("ESTABLISHED", "ESTABLISHED")
    client.sendall(b"x" * 3000)
    scene.moment("ESTABLISHED", "ESTABLISHED", at_client={"bytes_acked": 3001}, at_server={"unread": 3000})
    server.sendall(b"y" * 100)
    scene.moment("ESTABLISHED", "ESTABLISHED", at_client={"unread": 100}, at_server={"bytes_acked": 100})
    scene.wire.drop(sender="server", only="ACK", times=None)
    client.sendall(b"z" * 500)
    scene.moment("ESTABLISHED", "ESTABLISHED", at_client={"unsent": 500}, at_server={"unread": 3500})
    assert scene.compared >= {"state", "acknowledged", "expects", "allowed", "flight"}  # and "window", since Linux 6.2


def test_half_close(scene: Scene) -> None:
    scene.watch(3)
    client, server = scene.connect()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    scene.moment("FIN-WAIT-2", "CLOSE-WAIT")
    server.sendall(b"answer")
    scene.moment("FIN-WAIT-2", "CLOSE-WAIT", at_client={"unread": 6}, at_server={"bytes_acked": 6})
    scene.wire.drop(sender="client", only="ACK", times=None)
    server.shutdown(socket.SHUT_WR)
    scene.moment("TIME-WAIT", "LAST-ACK")


def test_both_fins_cross(scene: Scene) -> None:
    scene.watch(2)
    client, server = scene.connect()
    lost = scene.wire.drop(sender="client", has="FIN", times=None)
    client.shutdown(socket.SHUT_WR)
    server.shutdown(socket.SHUT_WR)
    scene.moment("CLOSING", "FIN-WAIT-2")
    lost.off()
    scene.moment("TIME-WAIT", "TIME-WAIT")


def test_reset(scene: Scene) -> None:
    scene.watch(2)
    client, server = scene.connect()
    client.sendall(b"never read")
    scene.moment("ESTABLISHED", "ESTABLISHED", at_client={"bytes_acked": 11})
    server.close()
    scene.moment("CLOSED", "CLOSED")


def test_time_wait(scene: Scene) -> None:
    scene.watch(2)
    client, server = scene.connect()
    server.close()
    scene.moment("CLOSE-WAIT", "FIN-WAIT-2")
    client.close()
    scene.moment("CLOSED", "TIME-WAIT")


def test_a_lost_segment_and_its_retransmission(scene: Scene) -> None:
    scene.watch(2)
    client, _ = scene.connect()
    lost = scene.wire.rule(lambda frame: "drop" if frame.payload[:1] == b"b" else None)
    client.sendall(b"a" * MSS + b"b" * MSS + b"c" * MSS + b"d" * MSS)
    scene.moment("ESTABLISHED", "ESTABLISHED", at_client={"sacked": 2}, at_server={"unread": MSS})
    lost.off()
    scene.moment("ESTABLISHED", "ESTABLISHED", at_client={"bytes_acked": 4 * MSS + 1}, at_server={"unread": 4 * MSS})
