"""`wire.sample` and `tcp_info`: what the kernel says of a connection, as real kernels say it.

Rule: real TCP over a real wire; what is tested holds whatever the machine is busy with.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labkit import net
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.lab import tcp_info
from labkit.lab.wire import Wire
from labkit.packets import recorded
from labkit.packets.samples import ENDING, Samples
from tests.lab.wires import connect, listen, live_wire


def transfer(wire: Wire, size: int, name: str | None = None) -> Samples:
    """Send so many bytes over the wire, and sample the sender."""
    with listen(wire, net.create_server(lambda each: each.resume()), port=0) as server:
        client = connect(wire, server.address()[1])
        client.wait_for("connect")
        with wire.sample(client, name=name) as samples:
            client.write(bytes(size))
            client.end().wait_for("close", timeout=30)
    return samples


def test_a_transfer_over_a_narrow_wire() -> None:
    with live_wire(delay=0.01, rate=1_000_000, queue=10) as wire:
        samples = transfer(wire, 400_000)
    first, last = samples[0], samples[-1]
    assert (samples.algorithm, samples.live) == ("reno", True)
    assert samples.origin.startswith("live from a wire")
    assert first.segment == 1460
    assert (first.congestion_window, first.threshold, first.resent) == (10 * 1460, None, 0)
    assert last.acknowledged >= 400_000
    assert last.resent > 0
    assert samples.losses
    assert last.threshold is not None
    for each in samples:
        assert each.in_flight <= max(one.congestion_window for one in samples) + 1460
    times = [each.time_ns for each in samples]
    assert times == sorted(times)


def test_the_peer_is_the_limit() -> None:
    with live_wire(delay=0.01) as wire:
        wire.server.set("net.ipv4.tcp_rmem", "4096 16384 16384")
        samples = transfer(wire, 200_000)
    rooms = [each.peer_window for each in samples if each.peer_window]
    if not rooms:
        pytest.skip("this kernel does not tell the peer's window (it is older than Linux 5.4)")
    assert max(rooms) < samples[-1].congestion_window
    assert samples[-1].waited_for_peer > 0
    assert not samples.losses


def test_samples_are_recorded_and_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded.set_lesson("99-test")
    try:
        monkeypatch.setenv("LABKIT_RECORD", str(tmp_path))
        with live_wire() as wire:
            live = transfer(wire, 5000, "alone")
        assert (tmp_path / "99-test" / f"alone{ENDING}").is_file()
        monkeypatch.delenv("LABKIT_RECORD")
        monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        with Wire() as wire:
            assert not wire.live
            again = transfer(wire, 5000, "alone")
            with pytest.raises(CaptureUnavailable, match="does not exist"):
                transfer(wire, 5000, "another")
    finally:
        recorded.set_lesson(None)
    assert list(again) == list(live)
    assert not again.live
    assert again.origin == f"recorded from data/99-test/alone{ENDING}"


def test_one_question() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        said = tcp_info(client)
    assert said.congestion_window == 10 * said.segment
    assert said.acknowledged == 1 or said.acknowledged == 0
    assert said.in_flight == 0


@pytest.mark.parametrize("wrong", [3, None, "x", socket.socket(socket.AF_INET, socket.SOCK_DGRAM)])
def test_what_is_no_connection_is_refused(wrong: object) -> None:
    with pytest.raises(LabError, match=r"not an open connection|says nothing"):
        tcp_info(wrong)
    if isinstance(wrong, socket.socket):
        wrong.close()


def test_a_program_that_fails_is_not_covered_up() -> None:
    with live_wire() as wire:
        listen(wire, net.create_server(lambda each: each.resume()))
        client = connect(wire)
        client.wait_for("connect")
        with pytest.raises(ZeroDivisionError), wire.sample(client):
            _ = 1 // 0
        for every in (0, True, float("nan"), "x"):
            with pytest.raises(LabError, match="no time between"):
                wire.sample(client, every=every)  # type: ignore[arg-type]
