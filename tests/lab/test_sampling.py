"""`wire.sample` and `tcp_info`: what the kernel says of a connection, as real kernels say it.

Rule: real TCP over a real wire; what is tested holds whatever the machine is busy with.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labkit import net
from labkit.core.errors import CaptureUnavailable, LabError, TimedOut
from labkit.lab import impatient, keep_alive, tcp_info, use_congestion_control, when_passed
from labkit.lab.wire import TEXTBOOK, Wire
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


def test_other_rules_for_one_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        use_congestion_control(client, "reno")
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"reno"
        with pytest.raises(LabError, match="does not let us use nonsense"):
            use_congestion_control(client, "nonsense")
        with pytest.raises(LabError, match="not the name"):
            use_congestion_control(client, "")


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


class TestImpatient:
    """The sender that fills a network with repetitions."""

    def test_most_of_what_is_sent_is_repeated(self) -> None:
        with live_wire(delay=0.01, rate=500_000, queue=20) as wire:
            done = impatient(wire, 60)
        assert done.needed == 60
        assert done.sent > 2 * done.arrived > 120

    def test_a_wire_with_room_needs_no_repetition(self) -> None:
        with live_wire() as wire:
            assert impatient(wire, 20, again_after=0.5) == (20, 20, 20)

    def test_it_works_on_the_relay_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        with Wire(delay=0.01, rate=500_000, queue=20) as wire:
            assert impatient(wire, 40).sent > 80

    def test_wrong_arguments(self) -> None:
        with Wire() as wire:
            for wrong in ({"count": 0}, {"count": 1.5}, {"count": 201}, {"again_after": 0}, {"again_after": True}):
                with pytest.raises(LabError, match="Give"):
                    impatient(wire, **wrong)  # type: ignore[arg-type]


class TestWhenPassed:
    """A wait for packets in place of a wait for a time."""

    def test_it_waits_for_that_many(self) -> None:
        with live_wire() as wire, listen(wire, net.create_server(lambda each: each.resume()), port=0) as server:
            fins = when_passed(wire, 2, has="FIN")
            client = connect(wire, server.address()[1])
            client.end().wait_for("close")
            fins()
            assert wire.rules == ()  # nothing is left that would ask about later packets

    def test_a_window_of_zero(self) -> None:
        with live_wire() as wire:
            wire.server.set("net.ipv4.tcp_rmem", "8192 8192 8192")
            closed = when_passed(wire, 2, sender="server", window=0)
            with listen(wire, net.create_server(pause_on_connect=True), port=0) as server:
                client = connect(wire, server.address()[1])
                client.write(bytes(1_000_000))  # more than the loop can have read before it was paused, and the window
                closed()
                client.destroy()

    def test_it_ends_if_nothing_passes(self) -> None:
        with live_wire() as wire:
            with pytest.raises(TimedOut, match="0 of 1 packets"):
                when_passed(wire, 1, has="RST", timeout=0.05)()
            assert wire.rules == ()

    def test_wrong_arguments(self) -> None:
        with Wire() as wire:
            for wrong in (0, True, "2", 10**9):
                with pytest.raises(LabError, match="not a count"):
                    when_passed(wire, wrong)  # type: ignore[arg-type]
            with pytest.raises(LabError):
                when_passed(wire, 1, has="XYZ")


def test_keepalive_is_switched_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        keep_alive(client, after=3, every=2, times=4)
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [client.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [3, 2, 4]
        with pytest.raises(LabError, match="every=0"):
            keep_alive(client, every=0)


def test_both_hosts_are_set_as_in_books() -> None:
    def said(name: str) -> str:
        return (Path("/proc/sys/net") / name).read_text(encoding="ascii").strip()

    with live_wire() as wire:
        if wire.why_not_textbook:
            pytest.skip(wire.why_not_textbook)
        known = [name for name in TEXTBOOK if (Path("/proc/sys/net") / name).exists()]
        assert len(known) > 3
        for host in (wire.client, wire.server):
            assert {name: host.run(said, name) for name in known} == {name: str(TEXTBOOK[name]) for name in known}
