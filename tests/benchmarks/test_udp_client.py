"""The load client of the UDP benchmark must notice every wrong echo, and bear with every lost one.

Rule: the client runs against a deliberately wrong server; a client that only counted replies would fail here.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from tests.needs import need_tool

SIZE = 64

Answer = Callable[[bytes], list[bytes]]
Start = Callable[[Answer], int]


@pytest.fixture(scope="module")
def client() -> Path:
    need_tool("gcc")
    return harness.build("udp_client")


@pytest.fixture
def wrong_server() -> Iterator[Start]:
    """Start an echo server that answers the third datagram as the given function says; returns its port."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(answer: Answer) -> None:
        count = 0
        while (got := server.recvfrom(65536))[0] != b"stop":
            count += 1
            for reply in answer(got[0]) if count == 3 else [got[0]]:
                server.sendto(reply, got[1])

    def start(answer: Answer) -> int:
        threads.append(threading.Thread(target=serve, args=(answer,)))
        threads[0].start()
        return int(server.getsockname()[1])

    yield start
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
        ender.sendto(b"stop", server.getsockname())
    threads[0].join(10)
    assert not threads[0].is_alive()
    server.close()


def run(client: Path, port: int) -> dict[str, Any]:
    command = [str(client), "ping", "--port", str(port), "--connections", "1", "--size", str(SIZE), "--seconds", "0.3"]
    done = subprocess.run(
        [*command, "--warmup", "0", "--again", "0.05"], capture_output=True, text=True, timeout=60, check=False
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == figures["errors"]
    return figures


def renumbered(message: bytes, number: int) -> bytes:
    return message[:8] + struct.pack("=Q", number) + message[16:]


WRONG: dict[str, tuple[Answer, str]] = {
    "an earlier number": (lambda m: [renumbered(m, 2)], "carries sequence number 2, sent was 3"),
    "a later number": (lambda m: [renumbered(m, 4)], "carries sequence number 4, sent was 3"),
    "one bit": (lambda m: [m[:40] + bytes([m[40] ^ 1]) + m[41:]], "byte 40 of the reply to message 3 differs"),
    "too short": (lambda m: [m[:-1]], "a reply of 63 bytes to a datagram of 64"),
    "too long": (lambda m: [m + b"!"], "a reply of 65 bytes to a datagram of 64"),
    "twice": (lambda m: [m, m], "carries sequence number 3, sent was 4"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_echo_ends_the_run(client: Path, wrong_server: Start, name: str) -> None:
    answer, message = WRONG[name]
    figures = run(client, wrong_server(answer))
    assert figures["errors"] == 1
    assert message in figures["message"]


def test_a_lost_one_is_sent_again_and_counted(client: Path, wrong_server: Start) -> None:
    figures = run(client, wrong_server(lambda m: []))
    assert figures["errors"] == 0
    assert figures["lost"] >= 1
    assert figures["ops"] > 3


def test_the_c_server_is_right(client: Path) -> None:
    with harness.Server("C", command=[str(harness.build("udp_echo"))]) as server:
        figures = run(client, server.port)
    assert figures["errors"] == 0
    assert figures["ops"] > 100
