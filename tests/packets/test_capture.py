"""Live captures: complete, without loss, without anything of others, closed whatever happens.

Rule: real sockets on loopback; what is waited for is an event, never a time.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from labkit import packets
from labkit.core import watching
from labkit.core.emitter import Emitter, Ends
from labkit.core.errors import CaptureUnavailable, LabError, TimedOut
from labkit.packets import capturing, probe, recorded
from labkit.packets.marker import Marker
from labkit.packets.ring import Ring
from tests.needs import need_live_capture, need_tool

PATTERN = "S SA A PA A PA A FA FA A"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABKIT_TIER", "LABKIT_RECORD", "LABKIT_DATA", "LABKIT_NETWORK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["direct", "tool"])  # private is direct in another network: tests/lab has it
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each live way of capturing in turn, forced."""
    need_live_capture()
    chosen: str = request.param
    if chosen == "tool":
        need_tool("tcpdump")
    elif not probe.attempt("direct").ok:
        pytest.skip("left out: an AF_PACKET socket (run as root)")
    monkeypatch.setenv("LABKIT_TIER", chosen)
    return chosen


@contextmanager
def greeting(family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1") -> Iterator[int]:
    """A server that answers one line and waits for the client to end; gives its port."""
    with socket.create_server((host, 0), family=family) as server:
        running: list[threading.Thread] = []

        def answer(peer: socket.socket) -> None:
            with peer, suppress(ConnectionResetError):
                peer.sendall(b"hello " + peer.recv(100))
                while peer.recv(100):
                    pass

        def serve() -> None:
            with suppress(OSError):
                while True:
                    start(answer, server.accept()[0])

        def start(target: Callable[..., None], *args: object) -> None:
            thread = threading.Thread(target=target, args=args)
            running.append(thread)
            thread.start()

        start(serve)
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        while running:
            running.pop(0).join()


def greet(port: int, host: str = "127.0.0.1") -> None:
    with socket.create_connection((host, port)) as client:
        client.sendall(b"bob")
        assert client.recv(100) == b"hello bob"


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("labkit capture")}


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_one_conversation(tier: str) -> None:
    with greeting() as port, packets.capture(port) as tape:
        greet(port)
    assert tape.live
    assert tape.origin == f"live from lo ({'AF_PACKET ring' if tier == 'direct' else 'tcpdump'})"
    assert sorted(packet.flag_letters for packet in tape[:3]) == sorted(PATTERN.split()[:3])
    assert [packet.payload for packet in tape.where(payload=True)] == [b"bob", b"hello bob"]
    (connection,) = tape.connections
    assert connection.server == ("127.0.0.1", port)
    assert len(connection.packets) == len(tape)
    assert [packet.number for packet in tape] == list(range(1, len(tape) + 1))
    assert tape.drops == 0


@contextmanager
def open_connection(port: int) -> Iterator[socket.socket]:
    """A client that has said one line, had its answer, and stays connected."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"bob")
        assert client.recv(100) == b"hello bob"
        yield client


@pytest.mark.parametrize("error", [TimedOut("nothing came"), NameError("a typo"), KeyboardInterrupt()], ids=repr)
def test_an_exception_in_the_body_leaves_what_was_seen(
    tier: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: socket.socket) -> None:
        raise error

    monkeypatch.setenv("LABKIT_RECORD", str(tmp_path))
    before = descriptors()
    with greeting() as port, contextlib.ExitStack() as later:
        start = time.monotonic()
        with pytest.raises(type(error)) as caught, packets.capture(port, name="broken", timeout=60) as tape:
            fail(later.enter_context(open_connection(port)))
        assert time.monotonic() - start < 30  # for the connection, which is open still, nobody waited
    assert caught.value is error
    assert [packet.payload for packet in tape.where(payload=True)] == [b"bob", b"hello bob"]
    assert [packet.flag_letters for packet in tape[:3]] == ["S", "SA", "A"]
    assert tape.origin.endswith(f", cut short by {type(error).__name__}")
    assert "still being captured" not in repr(tape)
    assert list(tmp_path.rglob("*")) == []  # half a capture must not stand in for a whole one
    assert not threads()
    assert descriptors() == before


def test_ctrl_c_while_waiting_at_the_end_leaves_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    need_live_capture()

    def interrupted(self: object, timeout: float, marker_wait: float = 0) -> bool:
        if timeout:
            raise KeyboardInterrupt
        return finish(self, timeout, marker_wait)  # type: ignore[arg-type]

    finish = capturing._Ending.finish
    monkeypatch.setattr(capturing._Ending, "finish", interrupted)
    with greeting() as port, pytest.raises(KeyboardInterrupt), packets.capture(port) as tape:
        greet(port)
    assert [packet.payload for packet in tape.where(payload=True)] == [b"bob", b"hello bob"]


def test_an_end_that_fails_does_not_hide_what_went_wrong_first(monkeypatch: pytest.MonkeyPatch) -> None:
    need_live_capture()

    def fails(*_: object) -> bool:
        raise OSError("no more markers")

    monkeypatch.setattr(capturing._Ending, "finish", fails)
    with greeting() as port, pytest.raises(NameError, match="a typo"), packets.capture(port) as tape:
        raise NameError("a typo")
    assert len(tape) == 0
    assert "cut short by NameError" in repr(tape)


def test_waiting_in_vain_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    need_live_capture()
    with greeting() as port, contextlib.ExitStack() as later:
        with packets.capture(port, timeout=0.2) as tape:
            later.enter_context(open_connection(port))
        assert capsys.readouterr().out == (
            "capture: waited 0.2 s, since a connection is still open; capture(..., wait_closed=False) does not wait\n"
        )
        with packets.capture(port, timeout=60, wait_closed=False):
            later.enter_context(open_connection(port))
    assert len(tape.connections) == 1
    with greeting() as port, packets.capture(port):
        greet(port)
    assert capsys.readouterr().out == ""


def test_the_wrong_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What a student sees who captures 5301 while the server has 5300."""
    need_live_capture()
    from labkit import dgram, net

    with (
        dgram.create_socket("udp4").bind(0) as inbox,
        net.create_server(lambda each: each.end()).listen(0) as server,
        packets.capture(9) as tape,
    ):
        dgram.create_socket("udp4").send("hello", inbox.port).close()
        inbox.wait_for("message")
        net.connect(server.port).wait_for("close")
        ports = sorted((inbox.port, server.port))
    assert not tape
    said = capsys.readouterr().out
    assert said == f"capture: no packet of port 9 came by; our sockets talked on port {ports[0]}, {ports[1]}\n"
    with packets.capture(9):
        pass
    assert capsys.readouterr().out == ""


def test_over_ipv6(tier: str) -> None:
    with greeting(socket.AF_INET6, "::1") as port, packets.capture(port) as tape:
        greet(port, "::1")
    assert tape.connections[0].server == ("::1", port)
    assert tape[0].flags == "SYN"
    assert tape[-1].flags == "ACK"


def test_a_hundred_rounds_lose_nothing() -> None:
    need_live_capture()
    with greeting() as port:
        for _ in range(100):
            with packets.capture(port) as tape:
                greet(port)
            flags = [packet.flag_letters for packet in tape]
            assert flags[:3] == ["S", "SA", "A"]
            assert flags.count("FA") == 2
            assert flags[-1] == "A"
            assert (tape[-1].seq, tape[-1].ack) in ((5, 11), (11, 5))
            assert [packet.length for packet in tape.where(payload=True)] == [3, 9]


def test_many_connections_at_once() -> None:
    need_live_capture()
    with greeting() as port, packets.capture(port) as tape:
        clients = [threading.Thread(target=greet, args=(port,)) for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert len(tape.connections) == 20
    assert all(
        each.packets[-1].flags == "ACK" and len(each.packets.where(only="FIN, ACK")) == 2 for each in tape.connections
    )


def test_twenty_thousand_datagrams_in_a_burst_lose_nothing() -> None:
    need_live_capture()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        address = receiver.getsockname()
        with packets.capture(address[1]) as tape:
            for number in range(20_000):
                sender.sendto(number.to_bytes(4, "big"), address)
    assert tape.drops == 0
    assert [int.from_bytes(packet.payload, "big") for packet in tape] == list(range(20_000))


def test_other_ports_and_the_marker_stay_out(tier: str) -> None:
    with greeting() as port, greeting() as other, packets.capture(port) as tape:
        greet(other)
        greet(port)
    assert {packet.src[1] for packet in tape} | {packet.dst[1] for packet in tape} >= {port}
    assert all(port in (packet.src[1], packet.dst[1]) for packet in tape)
    assert {packet.protocol for packet in tape} == {"TCP"}


def test_several_ports(tier: str) -> None:
    with greeting() as one, greeting() as two, packets.capture([one, two]) as tape:
        greet(one)
        greet(two)
    assert [connection.server[1] for connection in tape.connections] == [one, two]


def test_a_refused_connection_is_complete_with_its_rst(tier: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets this port
        port = closed.getsockname()[1]
        with packets.capture(port) as tape, socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))
    assert [packet.flags for packet in tape] == ["SYN", "RST, ACK"]
    assert [(packet.seq, packet.ack) for packet in tape] == [(0, 0), (1, 1)]
    assert [packet.sender for packet in tape] == ["client", "server"]


def test_port_unreachable_belongs_to_its_conversation(tier: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port, foreign = bound.getsockname()[1], 0
        bound.close()
        with packets.capture(port) as tape, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port))
            sender.send(b"anybody?")
            with pytest.raises(ConnectionRefusedError):
                sender.recv(10)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe_:
                probe_.connect(("127.0.0.1", 9))  # another port's error must not get in
                probe_.send(b"x")
                foreign += 1
    assert foreign
    assert [(packet.protocol, packet.sender) for packet in tape] == [("UDP", "client"), ("ICMP", "server")]


def test_an_open_connection_ends_the_wait_at_the_deadline() -> None:
    need_live_capture()
    with greeting() as port:
        client = socket.create_connection(("127.0.0.1", port))
        started = time.monotonic()
        with (
            packets.capture(port, timeout=30, wait_closed=False) as tape,
            socket.create_connection(("127.0.0.1", port)) as second,
        ):
            second.sendall(b"x")
            second.recv(100)
            client.sendall(b"old")
            client.recv(100)
        # the connection of before the capture is open, and nobody waits for it
        with packets.capture(port, timeout=30) as later:
            client.sendall(b"again")
        assert time.monotonic() - started < 20
        with packets.capture(port, timeout=0.05) as short:
            third = socket.create_connection(("127.0.0.1", port))
        address = third.getsockname()
        third.close()
        client.close()
    assert len(tape.connections) == 2
    assert [packet.payload for packet in later.where(payload=True)] == [b"again"]
    assert (later[0].sender, later[0].seq) == ("client", 1)
    opened = next(each for each in short.connections if each.client == address)  # the old one may still send an ACK
    assert [packet.flags for packet in opened.packets] == ["SYN", "SYN, ACK", "ACK"]


def test_an_exception_in_the_body_comes_out_and_leaves_nothing_behind(tier: str) -> None:
    def fail() -> None:
        with packets.capture(8124):
            assert threads()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    before = descriptors()
    for _ in range(5):
        with pytest.raises(KeyError, match="mine"):
            fail()
    assert not threads()
    assert descriptors() == before
    assert watching.watchers == ()


def test_captures_may_overlap(tier: str) -> None:
    with greeting() as port, packets.capture(port) as outer, packets.capture(port) as inner:
        greet(port)
    assert [packet.raw for packet in outer] == [packet.raw for packet in inner]


def test_what_is_over_the_limit_is_counted_and_told() -> None:
    need_live_capture()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        with packets.capture(receiver.getsockname()[1], limit=0) as tape:
            receiver.sendto(b"x", receiver.getsockname())
    assert tape.drops >= 1
    assert tape.origin.endswith(" lost")
    assert len(tape) == 0


class TestRing:
    def test_refuses_an_unknown_interface(self) -> None:
        with pytest.raises(CaptureUnavailable, match="no interface 'nowhere0'"):
            Ring("nowhere0")

    def test_close_twice_and_threads_end(self) -> None:
        if not probe.attempt("direct").ok:
            need_live_capture()
        before = descriptors()
        ring = Ring("lo", (9,))
        assert threads()
        ring.close()
        ring.close()
        assert not threads()
        assert descriptors() == before

    def test_a_failure_half_way_leaves_nothing_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        need_live_capture()
        before = descriptors()
        monkeypatch.setattr("labkit.packets.ring.BLOCK_BYTES", 12345)  # no power of two: the kernel refuses
        with pytest.raises(OSError, match="Invalid argument"):
            Ring("lo", (9,))
        assert descriptors() == before
        assert not threads()

    def test_the_kernels_filter_keeps_the_rest_out(self) -> None:
        need_live_capture()
        marker = Marker()
        ring = Ring("lo", (marker.port,))
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", 0))
                other.sendto(b"x", other.getsockname())
            seen: list[packets.capturing.Frame] = []  # type: ignore[name-defined]
            assert marker.read_up_to(ring, seen)
            assert [frame for frame in seen if b"labkit" not in frame[1] and frame[1][23] == 17] == []
        finally:
            ring.close()
            marker.close()


class TestPorts:
    @pytest.mark.parametrize("port", [0, -1, 65536, [], [1, "2"], range(1, 400)])
    def test_impossible_ones_are_refused_before_anything_starts(self, port: object) -> None:
        with pytest.raises(LabError, match="not a port to capture"):
            packets.capture(port)  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", ".hidden"])
    def test_names_that_lead_elsewhere_are_refused(self, name: str) -> None:
        with pytest.raises(LabError, match="cannot be the name"):
            packets.capture(8124, name=name)


class TestRecorded:
    @pytest.fixture
    def data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        return tmp_path

    def test_the_body_runs_and_the_tape_comes_from_the_file(self, data: Path) -> None:
        recording = packets.Tape(packets.pcapng.Recording([(5, bytes(14), 1, 0, 14)]))  # type: ignore[attr-defined]
        recording.save(data / "01-tcp" / "handshake.pcapng")
        ran = []
        with packets.capture(8124, name="handshake", lesson="01-tcp") as tape:
            ran.append(True)
        assert ran
        assert not tape.live
        assert tape.origin == "recorded from data/01-tcp/handshake.pcapng"
        assert len(tape) == 1

    def test_a_recording_is_there_to_be_asked_for(self, data: Path) -> None:
        import labkit

        made = packets.pcapng.Recording([(1, b"\0" * 60, 1, 0, 60)])  # type: ignore[attr-defined]
        packets.Tape(made).save(data / "some-lesson" / "one.pcapng")
        tape = labkit.recording("one", lesson="some-lesson")
        assert (len(tape), tape.live, tape.origin) == (1, False, "recorded from data/some-lesson/one.pcapng")
        with pytest.raises(CaptureUnavailable, match=r"data/some-lesson/two\.pcapng does not exist"):
            labkit.recording("two", lesson="some-lesson")

    def test_an_exception_in_the_body_leaves_the_recorded_tape(self, data: Path) -> None:
        recording = packets.Tape(packets.pcapng.Recording([(5, bytes(14), 1, 0, 14)]))  # type: ignore[attr-defined]
        file = recording.save(data / "01-tcp" / "handshake.pcapng")
        with pytest.raises(NameError), packets.capture(8124, name="handshake", lesson="01-tcp") as tape:
            raise NameError("a typo")
        assert len(tape) == 1
        assert tape.origin == "recorded from data/01-tcp/handshake.pcapng"
        file.write_bytes(b"damaged")
        with pytest.raises(NameError), packets.capture(8124, name="handshake", lesson="01-tcp") as tape:
            raise NameError("a typo")
        assert len(tape) == 0

    def test_the_lesson_that_runs_is_the_default(self, data: Path) -> None:
        packets.set_lesson("02-udp")
        try:
            with (
                pytest.raises(CaptureUnavailable, match=r"data/02-udp/first\.pcapng does not exist"),
                packets.capture(name="first"),
            ):
                pass
            assert recorded.recording_path("first", None).parent.name == "02-udp"
        finally:
            packets.set_lesson(None)

    def test_without_a_name_there_is_none(self, data: Path) -> None:
        with pytest.raises(CaptureUnavailable, match="without a name"), packets.capture(8124):
            pass

    def test_a_live_capture_is_recorded_on_request(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        need_live_capture()
        monkeypatch.setenv("LABKIT_RECORD", str(tmp_path))
        with greeting() as port, packets.capture(port, name="greeting", lesson="01-tcp") as tape:
            greet(port)
        monkeypatch.delenv("LABKIT_RECORD")
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
        with packets.capture(port, name="greeting", lesson="01-tcp") as again:
            pass
        assert [(packet.raw, packet.time_ns, packet.status) for packet in again] == [
            (packet.raw, packet.time_ns, packet.status) for packet in tape
        ]
        assert again.ports == (port,)
        assert [repr(packet) for packet in again] == [repr(packet) for packet in tape]


class FakeSocket(Emitter):
    """An emitter with an endpoint, as the sockets of labkit.net have."""

    __slots__ = ("_local", "_remote", "_who")

    def __init__(self, who: str, local: tuple[str, int] | None, remote: tuple[str, int] | None) -> None:
        super().__init__()
        self._who, self._local, self._remote = who, local, remote

    def endpoint(self) -> Ends:
        return self._who, self._local, self._remote


def test_events_of_our_sockets_come_with_the_tape() -> None:
    need_live_capture()
    with greeting() as port, packets.capture(port) as tape:
        mine = FakeSocket("client", ("127.0.0.1", 50000), ("127.0.0.1", port))
        mine.emit("connect")
        mine._called("write", 3)
        mine.emit("data", b"abc")
        FakeSocket("server", ("127.0.0.1", 1), None).emit("listening")  # another port
        FakeSocket("server", None, None).emit("listening")  # a Unix socket
        mine.emit("close")
    assert [(event.who, event.name, event.size, event.kind) for event in tape.events] == [
        ("client", "connect", None, "event"),
        ("client", "write", 3, "call"),
        ("client", "data", 3, "event"),
        ("client", "close", None, "event"),
    ]
    assert tape.events[0].remote == ("127.0.0.1", port)


def test_the_close_events_of_closed_connections_are_waited_for() -> None:
    need_live_capture()
    with greeting() as port, packets.capture(port) as tape:
        client = socket.create_connection(("127.0.0.1", port))
        mine = FakeSocket("client", client.getsockname(), ("127.0.0.1", port))
        mine.emit("connect")
        client.sendall(b"x")
        client.recv(100)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        client.close()
        threading.Timer(0.1, mine.emit, ("close",)).start()  # the wire is faster than the event loop
    assert [event.name for event in tape.events] == ["connect", "close"]


def test_a_message_is_over_when_the_socket_of_its_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request and a response are heard by a capture, and say no ``close``: nobody waits for one of them."""
    need_live_capture()
    from labkit import http, net

    monkeypatch.setattr(capturing, "EVENTS_WAIT", 100.0)
    hello = http.create_server(lambda request, response: response.end("hello"))
    with hello.listen(0) as server, packets.capture(server.port) as tape:
        with net.connect(server.port) as client:
            client.write("GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            client.read(100_000)
        read = time.monotonic()
    assert time.monotonic() - read < capturing.EVENTS_WAIT / 2
    assert [event.name for event in tape.events].count("close") == 2


class TestPrivate:
    """What the kernel labkit said about its network; that there is one is proved in tests/lab."""

    def test_where_the_kernel_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_NETWORK", "shared: unshare: Operation not permitted")
        reason = probe._try_private()
        assert (reason.tier, reason.ok) == ("private", False)
        assert reason.why == "no network of its own: unshare: Operation not permitted"
        assert reason.todo

    def test_outside_of_any_kernel(self) -> None:
        reason = probe._try_private()
        assert not reason.ok
        assert "the kernel labkit" in reason.todo

    def test_what_a_capture_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        need_live_capture()
        if not probe.attempt("direct").ok:
            pytest.skip("left out: an AF_PACKET socket (run as root)")
        monkeypatch.setattr(probe, "best_tier", lambda: "private")
        with greeting() as port, packets.capture(port) as tape, socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"x")
        assert tape.origin == "live from this notebook's own network (AF_PACKET ring)"
        assert str(probe.Status("private", ())) == "live, in this notebook's own network"


class TestProbe:
    def test_status_names_every_tier_best_first(self) -> None:
        status = packets.status()
        assert tuple(reason.tier for reason in status.reasons) == probe.TIERS
        assert status.tier in probe.TIERS
        assert next(reason for reason in status.reasons if reason.tier == status.tier).ok
        for tier, ok, why, todo in status.reasons:
            assert why
            assert ok or todo or why.startswith("not tried"), tier

    def test_a_forced_tier_is_the_tier(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_TIER", "recorded")
        assert packets.status().tier == probe.best_tier() == "recorded"
        assert packets.status().forced
        assert not packets.status().live

    def test_an_unknown_tier_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_TIER", "magic")
        with pytest.raises(LabError, match="LABKIT_TIER=magic"):
            packets.capture(8124)

    def test_a_forced_tier_that_does_not_work_is_told_not_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_TIER", "tool")
        monkeypatch.setattr(
            probe, "attempt", lambda tier: probe.Reason(tier, False, "tcpdump is not installed", "Install it.")
        )
        with pytest.raises(CaptureUnavailable, match=r"tcpdump is not installed\. Install it"):
            packets.capture(8124)

    def test_an_ordinary_user_is_told_why_not_and_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr("labkit.packets.ring.Ring.__init__", refused)
        reason = probe._try_direct()
        assert not reason.ok
        assert "Operation not permitted" in reason.why
        assert "CAP_NET_RAW" in reason.todo

    def test_without_programs_the_tool_tier_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labkit.packets.tool.find_program", lambda name: None)
        reason = probe._try_tool()
        assert not reason.ok
        assert reason.why == "tcpdump is not installed; dumpcap is not installed"
        assert "apt install tcpdump" in reason.todo

    @pytest.mark.parametrize(
        "what",
        [
            "exit 1",
            "echo 'tcpdump: lo: no permission' >&2; exit 1",
            "echo rubbish, long enough for a header",
            "cat /dev/zero",
        ],
    )
    def test_a_program_that_does_not_capture_is_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        program = tmp_path / "tcpdump"
        program.write_text(f"#!/bin/sh\n{what}\n")
        program.chmod(0o755)
        found = {"tcpdump": str(program)}
        monkeypatch.setattr("labkit.packets.tool.find_program", found.get)
        monkeypatch.setattr("labkit.packets.tool.READY_WAIT", 0.3)
        before = descriptors()
        reason = probe._try_tool()
        assert not reason.ok
        assert "tcpdump refuses" in reason.why
        if "no permission" in what:
            assert "no permission" in reason.why
        assert not threads()
        assert descriptors() == before

    @pytest.mark.parametrize("program", ["tcpdump", "dumpcap"])
    def test_a_program_that_gets_no_time_loses_nothing(self, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
        # As on a busy machine: while it stands still, frames wait in the kernel.
        need_live_capture()
        path = need_tool(program)
        from labkit.packets.tool import Tool

        monkeypatch.setattr("labkit.packets.tool.find_program", lambda name: path if name == program else None)
        marker = Marker()
        tool = Tool.start(None, (marker.port,), marker)
        try:
            seen: list[object] = []
            assert marker.read_up_to(tool, seen)  # type: ignore[arg-type]
            os.kill(tool._process.pid, signal.SIGSTOP)
            try:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker:
                    for number in range(100):
                        talker.sendto(b"frame %d" % number, ("127.0.0.1", marker.port))
            finally:
                os.kill(tool._process.pid, signal.SIGCONT)
            seen.clear()
            assert marker.read_up_to(tool, seen)  # type: ignore[arg-type]
            assert len([each for each in seen if b"frame " in each[1]]) == 100  # type: ignore[index]
            assert tool.drops() == 0
        finally:
            tool.close()
            marker.close()

    def test_dumpcap_works_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        need_live_capture()
        path = need_tool("dumpcap")
        from labkit.packets.tool import Tool

        monkeypatch.setattr("labkit.packets.tool.find_program", lambda name: path if name == "dumpcap" else None)
        marker = Marker()
        try:
            tool = Tool.start(None, (marker.port,), marker)
            try:
                seen: list[object] = []
                assert marker.read_up_to(tool, seen)  # type: ignore[arg-type]
                assert tool.origin == "live from lo (dumpcap)"
            finally:
                tool.close()
        finally:
            marker.close()
        assert not threads()
