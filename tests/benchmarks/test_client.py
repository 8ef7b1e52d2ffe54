"""The load client of the benchmarks must notice every way in which an echo can be wrong.

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


@pytest.fixture(scope="module")
def client() -> Path:
    need_tool("gcc")
    return harness.build("client")


def renumbered(message: bytes, number: int) -> bytes:
    return message[:8] + struct.pack("=Q", number) + message[16:]


# Each takes the third message and returns what the wrong server sends in its place.
WRONG: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "an earlier sequence number": (lambda m: renumbered(m, 2), "the reply carries sequence number 2, sent was 3"),
    "a later sequence number": (lambda m: renumbered(m, 4), "the reply carries sequence number 4, sent was 3"),
    "one bit of the body": (
        lambda m: m[:40] + bytes([m[40] ^ 1]) + m[41:],
        "byte 40 of the reply to message 3 differs",
    ),
    "the last byte missing, then close": (
        lambda m: m[:-1],
        "after 63 of 64 bytes of the reply to message 3: a short reply",
    ),
    "one byte too many": (lambda m: m + b"!", "more than the 64 bytes of a reply to message 3: a long reply"),
    "no answer": (lambda m: None, "a short reply"),
}


@pytest.fixture
def wrong_server() -> Iterator[Callable[[Callable[[bytes], bytes | None]], int]]:
    """Start an echo server that is right twice and then answers as the given function says; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(answer: Callable[[bytes], bytes | None]) -> None:
        peer, _ = listener.accept()
        with peer, peer.makefile("rb") as stream:
            for number in (1, 2, 3):
                message = stream.read(SIZE)
                reply = answer(message) if number == 3 else message
                if reply is None:
                    stream.read()  # until the client gives up
                    return
                peer.sendall(reply)

    def start(answer: Callable[[bytes], bytes | None]) -> int:
        threads.append(threading.Thread(target=serve, args=(answer,)))
        threads[0].start()
        return int(listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    listener.close()


def run_client(client: Path, port: int, *options: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [str(client), "ping", "--port", str(port), "--size", str(SIZE), "--warmup", "0", *options],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_reply_ends_the_run(client: Path, wrong_server: Callable[..., int], wrong: str) -> None:
    answer, complaint = WRONG[wrong]
    status, figures, said = run_client(
        client, wrong_server(answer), "--connections", "1", "--operations", "9", "--stall", "0.3"
    )
    assert status == 1
    assert figures["errors"] == 1
    assert complaint in figures["message"]
    assert complaint in said


@pytest.mark.parametrize("size", [24, 64, 65536])
def test_a_right_server_passes(client: Path, size: int) -> None:
    with harness.Server("C") as server:
        status, figures, said = run_client(
            client, server.port, "--connections", "20", "--operations", "2000", "--size", str(size)
        )
    assert (status, said) == (0, "")
    assert figures["errors"] == 0
    assert 2000 <= figures["ops"] <= 2020  # what was under way when the last one was counted is counted too
    assert 0 < figures["p50_us"] <= figures["p99_us"]


def test_a_message_without_room_for_its_number_is_refused(client: Path) -> None:
    status, figures, _ = run_client(client, 1, "--size", "8")
    assert status == 1
    assert "sequence number" in figures["message"]


def test_without_a_compiler_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(harness, "BUILD", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(harness.Unmeasured, match=r"no C compiler.*install gcc"):
        harness.build("client")


def test_what_was_not_measured_is_never_met() -> None:
    assert harness.Target("speed", None, 1.2, True).verdict == "NOT MEASURED"
    assert harness.Target("speed", 1.19, 1.2, True).verdict == "MISSED"
    assert harness.Target("time", 0.2, 0.15, False).verdict == "MISSED"
    assert harness.Target("time", 0.1, 0.15, False).verdict == "met"
