"""A shared machine: thirty students' kernels at once, each with a server on 8124 and a capture of it.

Rule: all listen before any captures, and all capture before any talks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.kernels import FrontEnd, ask, listening_ports
from tests.needs import need_private_network

STUDENTS = 30

LISTEN = """
import labkit
from labkit import net
server = net.create_server(lambda peer: peer.end("greetings to {student}")).listen(8124)
capturing = labkit.capture(8124)
tape = capturing.__enter__()
"""

TALK = """
client = net.connect(port=8124)
client.wait_for("end")
client.end()
capturing.__exit__(None, None, None)
said = b"".join(packet.payload for packet in tape).decode()
print(tape.origin, "|", len(tape.connections), "|", said)
"""


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[list[FrontEnd]]:
    need_private_network()
    with ExitStack() as undo:
        fronts = []
        for student in range(STUDENTS):
            directory = tmp_path / str(student)
            directory.mkdir()
            fronts.append(undo.enter_context(FrontEnd(directory)))
        yield fronts


@pytest.mark.timeout(180)
def test_each_sees_its_own_handshake_and_nobody_else_s(kernels: list[FrontEnd]) -> None:
    began = time.monotonic()
    clients = [front.connect() for front in kernels]
    for student, client in enumerate(clients):
        ask(client, LISTEN.format(student=student))
    assert 8124 not in listening_ports()
    for student, client in enumerate(clients):
        origin, connections, said = ask(client, TALK).strip().split(" | ")
        assert origin == "live from this notebook's own network (AF_PACKET ring)"
        assert connections == "1"
        assert said == f"greetings to {student}"
    print(f"{STUDENTS} kernels in {time.monotonic() - began:.0f} s", file=sys.stderr)
