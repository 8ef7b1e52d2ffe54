"""`lab.slow`: a reader that pauses after each piece of data.

Rule: waits for events; what is asserted is the order of things, and that a pause is at least as long as asked.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from labkit import lab, net
from labkit.core.errors import BadArgument

PIECES = 5


def test_pauses_between_pieces_and_loses_nothing() -> None:
    arrived: list[tuple[float, bytes]] = []
    with net.create_server(pause_on_connect=True).listen(0) as server, net.connect(server.port) as client:
        reader = server.wait_for("connection")
        assert lab.slow(reader.on("data", lambda data: arrived.append((time.monotonic(), data))), 0.02) is reader
        for number in range(PIECES):
            client.write(bytes([number]) * 100_000)
        client.end()
        reader.wait_for("end")
    assert b"".join(data for _, data in arrived) == b"".join(bytes([n]) * 100_000 for n in range(PIECES))
    times = [at for at, _ in arrived]
    assert len(times) > 1
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.015


def test_a_second_call_changes_the_seconds() -> None:
    with net.create_server(pause_on_connect=True).listen(0) as server, net.connect(server.port):
        reader = server.wait_for("connection")
        lab.slow(lab.slow(reader, 0.5), 0.001)
        (listener,) = reader.listeners("data")
        assert listener.seconds == 0.001  # type: ignore[attr-defined]


@pytest.mark.parametrize("thing", [None, 5, "socket", object(), len])
def test_what_is_no_socket_is_refused(thing: Any) -> None:
    with pytest.raises(BadArgument, match="is not a socket"):
        lab.slow(thing)


@pytest.mark.parametrize("seconds", [-1, float("nan"), "5", None, True])
def test_what_is_no_time_is_refused(seconds: Any) -> None:
    with pytest.raises(BadArgument):
        lab.slow(net.Socket(), seconds)
