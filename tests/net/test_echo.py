"""The echo server under random treatment: whatever is written, split, paused, the same bytes come back.

Rule: hypothesis chooses; the model is a byte string.
"""

from __future__ import annotations

import socket as system
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit import net
from labkit.core import loop
from labkit.servers import echo
from tests.net.peers import Place, Story, read_all

PIECE = st.one_of(
    st.binary(min_size=1, max_size=50),
    st.integers(1, 300_000).map(lambda size: bytes(range(256)) * (size // 256 + 1)),
)
STEP = st.one_of(
    st.tuples(st.just("write"), PIECE),
    st.tuples(st.just("write in a handler"), PIECE),
    st.tuples(st.just("pause"), st.none()),
    st.tuples(st.just("resume"), st.none()),
    st.tuples(st.just("server pauses"), st.none()),
    st.tuples(st.just("server resumes"), st.none()),
    st.tuples(st.just("nagle"), st.booleans()),
)
SETTINGS = settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "unix"])
@SETTINGS
@given(steps=st.lists(STEP, max_size=20), mark=st.sampled_from([0, 1, 1000, 65536]))
def test_the_same_bytes_come_back(
    address: str, steps: list[tuple[str, object]], mark: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = Place(address, tmp_path_factory.getbasetemp() / "echo")
    sent = bytearray()
    with place.listen(net.create_server(echo.echo, high_water_mark=mark)) as server:
        client = place.connect(high_water_mark=mark)
        story = Story(client)
        served = server.wait_for("connection")
        for action, value in steps:
            if action == "write":
                client.write(value)  # type: ignore[arg-type]
                sent += value  # type: ignore[arg-type]
            elif action == "write in a handler":
                loop.call(client.write, value)
                sent += value  # type: ignore[arg-type]
            elif action == "pause":
                client.pause()
            elif action == "resume":
                client.resume()
            elif action == "server pauses":
                served.pause()
            elif action == "server resumes":
                served.resume()
            else:
                client.set_no_delay(bool(value))
        client.resume()
        served.resume()
        client.end()
        story.until("close")
        greeting = echo.WELCOME.encode()
        assert story.received == greeting + bytes(sent)
        assert story.events[-2:] == ["end", "close"]
        assert (client.bytes_written, client.bytes_read) == (len(sent), len(greeting) + len(sent))
        assert (served.bytes_read, served.bytes_written) == (len(sent), len(greeting) + len(sent))


@pytest.mark.parametrize("address", ["127.0.0.1", "unix"])
@SETTINGS
@given(text=st.text(max_size=60), cuts=st.lists(st.integers(0, 240), max_size=12))
def test_text_survives_any_cut(
    address: str, text: str, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """E-1.4, over the wire: a server that decodes and encodes again gives back the same text."""
    place = Place(address, Path(tmp_path_factory.getbasetemp()) / "text")
    raw = text.encode()

    def serve(socket: net.Socket) -> None:
        socket.set_encoding("utf8")
        socket.on("data", lambda piece: socket.write(piece))

    borders = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    with place.listen(net.create_server(serve)), place.plain() as plain:
        if not place.is_unix:
            plain.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, 1)
        for start, stop in pairwise(borders):
            plain.sendall(raw[start:stop])
        plain.shutdown(system.SHUT_WR)
        assert read_all(plain).decode() == text
