"""Wireshark is the judge: names, order, spans and values of our fields equal those of ``tshark -T pdml``.

Rule: whatever is left out of the comparison is listed with the reason (tests/packets/oracle.py).
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from labkit import packets, servers
from labkit.packets.capture_file import Recording
from tests.lab.wires import INSIDE, live_wire
from tests.needs import need_live_capture, need_tool
from tests.packets import made
from tests.packets.oracle import compare, write

ROOT = Path(__file__).parent.parent.parent


def test_headers_and_options_made_by_hand(tmp_path: Path) -> None:
    made_by_hand = made.tcp_frames()
    compared = compare(write(tmp_path / "tcp.pcapng", [(frame, 1) for _, frame in made_by_hand]))
    assert compared > 30 * len(made_by_hand)


def test_other_protocols_and_link_types(tmp_path: Path) -> None:
    wanted = {
        "UDP",
        "UDP without checksum",
        "UDP over IPv6",
        "UDP over IPv6 without checksum",
        "an echo request",
        "ARP",
        "port unreachable",
        "port unreachable, all of it",
        "port unreachable over IPv6",
        "too big",
        "too big over IPv6",
        "time exceeded",
        "hop limit exceeded",
        "an empty datagram",
        "an empty datagram over IPv6",
        "an empty datagram, padded",
        "a later fragment",
        "a first fragment",
        "an IPv6 fragment",
        "a fragment that is the whole",
        "BSD loopback, little-endian",
        "BSD loopback, IPv6 of macOS",
        "raw IPv4",
        "raw IPv6",
        "Linux cooked",
        "Linux cooked v2",
        "a VLAN tag",
        "hop-by-hop options",
        "length in place of EtherType",
        "OpenBSD loopback",
        "an unknown EtherType",
    }
    frames = [(frame, linktype) for what, frame, linktype in made.other_frames() if what in wanted]
    assert len(frames) == len(wanted)
    assert compare(write(tmp_path / "other.pcapng", frames)) > 200


def test_fragments_made_by_hand(tmp_path: Path) -> None:
    frames = [
        frame
        for version in (4, 6)
        for sizes in ((1480, 1480), (8, 16, 1200), ())
        for frame in made.fragments(bytes(range(250)) * 12, sizes, version=version)
    ]
    path = write(tmp_path / "fragments.pcapng", [(frame, 1) for frame in frames])
    assert compare(path) > 15 * len(frames)
    tape = packets.Tape.load(path)
    bare = [packet.number for packet in tape if "Payload" not in packet]
    assert bare == [4, 12]  # a first fragment of 8 bytes: the UDP header alone
    assert [packet.protocol for packet in tape[:3]] == ["UDP", "IPv4 (fragment)", "IPv4 (fragment)"]


def test_fragments_of_icmp_made_by_hand(tmp_path: Path) -> None:
    """First, middle and last, also of an error that quotes a datagram, and behind a hop-by-hop header."""
    echo = struct.pack("!HH", 5, 6) + bytes(range(200)) * 10
    asked = made.ipv4(made.udp(bytes(1800)), 17, fragment=0)
    asked6 = made.ipv6(made.udp(bytes(1800), version=6), 17)
    options = bytes([44, 0, 1, 4, 0, 0, 0, 0])
    frames = [
        *made.cut(made.icmp(8, 0, echo), 1, (800, 800)),
        *made.cut(made.icmp(3, 3, bytes(4) + asked), 1, (800, 800), ident=78),
        *made.cut(made.icmp6(128, 0, echo), 58, (800, 800), version=6),
        *made.cut(made.icmp6(1, 4, bytes(4) + asked6), 58, (800, 800), version=6, ident=78),
        *made.cut(made.udp(bytes(2000), version=6), 17, (800, 800), version=6, ident=79, before=options),
    ]
    path = write(tmp_path / "icmp.pcapng", [(frame, 1) for frame in frames])
    assert compare(path) > 15 * len(frames)
    tape = packets.Tape.load(path)
    assert [packet.what for packet in tape] == [
        *("ICMP echo request", "ICMP fragment", "ICMP fragment"),
        *("ICMP port unreachable", "ICMP fragment", "ICMP fragment"),
        *("ICMPv6 echo request", "ICMPv6 fragment", "ICMPv6 fragment"),
        *("ICMPv6 port unreachable", "ICMPv6 fragment", "ICMPv6 fragment"),
        *("UDP fragment", "UDP fragment", "UDP fragment"),
    ]
    assert [packet.fragment for packet in tape[12:]] == [(0, 800, True), (800, 1600, True), (1600, 2008, False)]


def test_dns_made_by_hand(tmp_path: Path) -> None:
    made_by_hand = made.dns_messages()
    frames = []
    for port in (53, 5300):
        for what, message in made_by_hand:
            if port != 53 and what in ("every flag", "two of each"):
                continue  # too strange to be taken for DNS elsewhere
            sides = {"sport": port} if message[2] & 0x80 else {"dport": port}
            frames.append((made.ethernet(made.ipv4(made.udp(message, **sides), 17)), 1))
            frames.append((made.ethernet(made.ipv6(made.udp(message, version=6, **sides), 17), 0x86DD), 1))
    for number, (_, message) in enumerate(made_by_hand):
        segment = made.tcp(b"", len(message).to_bytes(2, "big") + message, flags=0x18, sport=41000 + number, dport=53)
        frames.append((made.ethernet(made.ipv4(segment)), 1))
    several = [message for what, message in made_by_hand if what in ("a query", "A", "CNAME")]
    data = b"".join(len(message).to_bytes(2, "big") + message for message in several)
    frames.append((made.ethernet(made.ipv4(made.tcp(b"", data, flags=0x18, sport=49000, dport=53))), 1))
    path = write(tmp_path / "dns.pcapng", frames)
    assert [packet.number for packet in packets.Tape.load(path) if "DNS" not in packet] == []
    assert compare(path) > 40 * len(frames)


def test_checksum_verdicts(tmp_path: Path) -> None:
    tshark = need_tool("tshark")
    path = write(tmp_path / "tcp.pcapng", [(frame, 1) for _, frame in made.tcp_frames()])
    done = subprocess.run(
        [
            tshark,
            "-n",
            "-r",
            str(path),
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "ip.check_checksum:TRUE",
            "-T",
            "fields",
            "-e",
            "tcp.checksum.status",
            "-e",
            "ip.checksum.status",
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=100,
    )
    told = [line.split("\t") for line in done.stdout.splitlines()]
    tape = packets.Tape.load(path)
    assert len(told) == len(tape)
    verdict = {"1": "good", "Good": "good", "0": "bad", "Bad": "bad", "": ""}
    for packet, (tcp, ip) in zip(tape, told, strict=True):
        assert packet["TCP"]["tcp.checksum"].meaning.split(":")[0] == verdict[tcp], packet.number
        if "IPv4" in packet:
            assert packet["IPv4"]["ip.checksum"].meaning.split(":")[0] == verdict[ip], packet.number
    assert {tcp for tcp, _ in told} in ({"0", "1"}, {"Bad", "Good"})


def converse(family: socket.AddressFamily, host: str, *, reset: bool) -> packets.Tape:
    """One connection with payload both ways, ended by FIN or by RST; returns its capture."""
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"hello " + peer.recv(100))
                try:
                    while peer.recv(100):
                        pass
                except ConnectionResetError:
                    pass

        thread = threading.Thread(target=serve)
        with packets.capture(port) as tape:
            thread.start()
            with socket.create_connection((host, port)) as client:
                client.sendall(b"world")
                assert client.recv(100) == b"hello world"
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            thread.join()
    return tape


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_what_was_just_captured(tmp_path: Path, family: socket.AddressFamily, host: str, reset: bool) -> None:
    need_live_capture()
    tape = converse(family, host, reset=reset)
    assert len(tape) >= 8
    assert ("R" in tape[-1].flag_letters) == reset
    path = tape.save(tmp_path / "live.pcapng")
    assert compare(path) > 40 * len(tape)


def exchange(family: socket.AddressFamily, host: str, sizes: tuple[int, ...], *, answered: bool) -> packets.Tape:
    """Datagrams of these sizes to a socket that sends them back, or to a port that nobody has; returns the capture."""
    with socket.socket(family, socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
        server.bind((host, 0))
        port = server.getsockname()[1]
        client.settimeout(20)
        if not answered:
            server.close()
        with packets.capture(port) as tape:
            client.connect((host, port))
            for size in sizes:
                client.send(bytes(size))
                if answered:
                    server.sendto(*server.recvfrom(65535))
                    assert len(client.recv(65535)) == size
                else:
                    with pytest.raises(ConnectionRefusedError):
                        client.recv(1)
    return tape


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "unreachable"])
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_datagrams_just_captured(tmp_path: Path, family: socket.AddressFamily, host: str, answered: bool) -> None:
    need_live_capture()
    sizes = (0, 1, 5, 1400)
    tape = exchange(family, host, sizes, answered=answered)
    icmp = "ICMP" if host == "127.0.0.1" else "ICMPv6"
    assert [packet.protocol for packet in tape] == ["UDP", "UDP" if answered else icmp] * len(sizes)
    assert [packet.length for packet in tape][::2] == list(sizes)
    assert compare(tape.save(tmp_path / "live.pcapng")) > 15 * len(tape)
    if not answered:  # the error quotes what it is about
        assert tape[1]["UDP (quoted)"]["udp.dstport"].value == tape[0].dst[1]


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "unreachable"])
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_long_datagrams_just_captured(tmp_path: Path, family: socket.AddressFamily, host: str, answered: bool) -> None:
    need_live_capture()
    tape = exchange(family, host, (3000, 20000), answered=answered)
    in_fragments = any("fragment" in packet.protocol for packet in tape)
    assert in_fragments or not os.environ.get(INSIDE)  # the loopback of a private network has an MTU of 1,500
    (talk,) = {packet.talk for packet in tape}  # also of the fragments behind the first, and of the errors
    assert talk == (tape[0].src, tape[0].dst)
    assert compare(tape.save(tmp_path / "live.pcapng")) > 10 * len(tape)


def test_a_datagram_in_fragments_just_captured(tmp_path: Path) -> None:
    with live_wire() as wire:
        receiver = wire.server.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender = wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with receiver, sender:
            receiver.bind((wire.server.address, 9000))
            receiver.settimeout(20)
            with wire.capture() as tape:
                sender.sendto(bytes(range(250)) * 12, (wire.server.address, 9000))
                assert len(receiver.recv(65535)) == 3000
    # 3,000 bytes and the UDP header's 8: 1,480 fit into an MTU of 1,500 behind 20 of IP header
    assert [packet["IPv4"]["ip.len"].value for packet in tape] == [1500, 1500, 68]
    assert [packet["IPv4"]["ip.frag_offset"].value for packet in tape] == [0, 185, 370]
    assert [packet["IPv4"]["ip.flags.mf"].value for packet in tape] == [1, 1, 0]
    assert compare(tape.save(tmp_path / "fragments.pcapng")) > 20 * 3


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_dns_just_captured(tmp_path: Path, host: str) -> None:
    need_live_capture()
    dig = [need_tool("dig"), "-r", f"@{host}", "+tries=1", "+timeout=20"]
    questions = (
        "shop.lab.example A", "web.lab.example AAAA +noedns", "txt.lab.example TXT", "lab.example SOA",
        "lab.example MX", "nowhere.lab.example A", "many.lab.example TXT +noedns",
        "elsewhere.example A +dnssec +nsid", "lab.example NS +tcp",
    )  # fmt: skip
    with servers.dns.create().listen(0, host) as server:
        with packets.capture(server.port) as tape:
            for question in questions:
                subprocess.run([*dig, "-p", str(server.port), *question.split()], check=True, stdout=subprocess.DEVNULL)
        port = server.port
    messages = [packet for packet in tape if "DNS" in packet]
    assert [packet.protocol for packet in messages].count("UDP") == 2 * len(questions) - 2
    assert [packet.protocol for packet in messages].count("TCP") == 4  # asked so, and after the truncated answer
    assert len(messages) == len([packet for packet in tape if packet.length])
    assert compare(tape.save(tmp_path / "dns.pcapng"), dns=port) > 60 * len(messages)


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "data").iterdir() if path.is_dir()))
def test_what_is_recorded(folder: str) -> None:
    for path in sorted((ROOT / "data" / folder).rglob("*.pcapng")):
        compared = compare(path, only=("Ethernet", "IPv4", "IPv6", "TCP"))
        assert compared > 0 or len(packets.Tape.load(path)) == 0, path  # a Unix socket leaves nothing on the wire


def test_wireshark_opens_what_we_save_without_complaint(tmp_path: Path) -> None:
    tshark = need_tool("tshark")
    events = (packets.SocketEvent(1, "client", "connect", None, "event", ("127.0.0.1", 40000), ("127.0.0.1", 8124)),)
    frames = [(1_700_000_000_123_456_789, frame, linktype, 8, len(frame)) for _, frame, linktype in made.other_frames()]
    path = tmp_path / "all.pcapng"
    packets.Tape(Recording(frames, events, 3, (8124,), "Linux 6.1")).save(path)
    done = subprocess.run(
        [tshark, "-r", str(path), "-T", "fields", "-e", "frame.time_epoch"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert complaints == []
    assert [line for line in done.stdout.splitlines() if line] == ["1700000000.123456789"] * len(frames)
