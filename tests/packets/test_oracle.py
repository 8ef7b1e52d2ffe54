"""Wireshark is the judge: names, order, spans and values of our fields equal those of ``tshark -T pdml``.

Rule: whatever is left out of the comparison is listed with the reason.
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from labkit import packets
from labkit.packets.model import Field
from labkit.packets.pcapng import Recording
from tests.needs import need_live_capture, need_tool
from tests.packets import made

ROOT = Path(__file__).parent.parent.parent

PROTOCOLS = {
    "Ethernet": "eth",
    "IPv4": "ip",
    "IPv6": "ipv6",
    "TCP": "tcp",
    "UDP": "udp",
    "ARP": "arp",
    "Linux cooked": "sll",
    "Linux cooked v2": "sll",
    "BSD loopback": "null",
    "ICMP": "icmp",
}

# Fields of Wireshark that are no fields of the packet, or not where we would say they are.
LEFT_OUT = {
    "tcp.seq_raw": "the same 4 bytes as tcp.seq a second time",
    "tcp.ack_raw": "the same 4 bytes as tcp.ack a second time",
    "tcp.window_size": "computed: the window after scaling, on the same bytes",
    "tcp.window_size_scalefactor": "computed",
    "tcp.flags.str": "the flags once more, as text",
    "tcp.options.wscale.multiplier": "computed from the shift count, on the same byte",
    "tcp.options.tfo.request": "a remark on the option, on the same bytes",
    "tcp.options.sack.dsack_le": "tcp.options.sack_le a second time, which we tell in the option's meaning",
    "tcp.options.sack.dsack_re": "tcp.options.sack_re a second time, which we tell in the option's meaning",
    "tcp.len": "computed; some versions give it the bytes of the header length",
    "tcp.segment_data": "the payload a second time",
    "udp.checksum.status": "a remark on the checksum, on the same bytes",
    "eth.addr": "the address a second time",
    "eth.dst.lg": "two bits inside the address, which we tell in its meaning",
    "eth.dst.ig": "two bits inside the address, which we tell in its meaning",
    "eth.src.lg": "two bits inside the address, which we tell in its meaning",
    "eth.src.ig": "two bits inside the address, which we tell in its meaning",
    "icmp.ident_le": "the same bytes in the other order",
    "icmp.seq_le": "the same bytes in the other order",
    "icmp.resp_to": "computed",
    "icmp.data_time": "a guess at what the data is",
    "data": "the payload once more",
    "eth.trailer": "the padding under another name in some versions",
    "eth.stream": "computed",
    "ip.stream": "computed",
    "ipv6.stream": "computed",
}
# Fields of ours that Wireshark has without a name.
UNNAMED = {
    "sll.reserved": "Wireshark passes over these 2 bytes",
    "sll.src": "Wireshark names only the parts",
    "ip.options": "a text node in Wireshark, not a field",
    "tcp.options.malformed": "Wireshark leaves the data of an option of the wrong length without a field",
}
# Older names of the same field.
RENAMED = {"tcp.flags.ns": "tcp.flags.ae"}

Entry = tuple[str, int, int, str]
"""(name, first bit, bits, value as Wireshark's ``show`` has it)."""


def theirs(proto: ET.Element) -> list[Entry]:
    """The fields of a protocol in PDML, flat, in order."""
    found: list[Entry] = []

    def walk(element: ET.Element, parent: int) -> None:
        for item in element:
            name, size, position = (
                RENAMED.get(item.get("name", ""), item.get("name", "")),
                int(item.get("size", 0)),
                int(item.get("pos", 0)),
            )
            # nested protocols (ip in icmp) are compared on their own, or not at all
            if item.tag != "field" or name.startswith("_ws") or name in ("ip", "ipv6", "udp", "tcp"):
                continue
            if name and name not in LEFT_OUT and size and item.get("hide") != "yes":
                pattern = re.match(r"([01.][01. ]*) = ", item.get("showname", ""))
                start, bits = position * 8, size * 8
                if name == "tcp.flags":  # 12 bits of the 16 it is given, without a pattern that says so
                    start, bits = start + 4, 12
                elif pattern:
                    mask = pattern[1].replace(" ", "")
                    if (
                        len(mask) != size * 8
                    ):  # the bits of tcp.flags: 12 of the parent's 16, each with a byte of its own
                        start = parent * 8 + (-len(mask) % 8)
                    digits = [at for at, digit in enumerate(mask) if digit != "."]
                    start, bits = start + digits[0], len(digits)
                found.append((name, start, bits, item.get("show", "")))
            walk(item, position)

    walk(proto, 0)
    return found


def ours(fields: tuple[Field, ...]) -> list[Field]:
    return [part for item in fields for part in item.walk() if part.name not in UNNAMED]


def same_value(mine: Field, show: str) -> bool:
    """Whether our value is the one Wireshark shows."""
    if mine.name in ("tcp.seq", "tcp.ack", "tcp.options.sack_le", "tcp.options.sack_re"):
        return mine.shown == show
    if mine.name in ("ip.hdr_len", "tcp.hdr_len"):
        return int(mine.value) * 4 == int(show)  # Wireshark has bytes, the header 32-bit words
    if mine.name == "tcp.flags.res":
        return bool(mine.value) == (show not in ("0", "False"))  # 3 bits as one truth value
    if mine.name == "null.family":
        return mine.shown == str(int(show, 0))
    if isinstance(mine.value, int):
        return (
            mine.value == {"True": 1, "False": 0}.get(show) if show in ("True", "False") else mine.value == int(show, 0)
        )
    if isinstance(mine.value, bytes):
        return mine.value.hex() == show.replace(":", "")
    return mine.value == show


def compare(path: Path, *, only: tuple[str, ...] | None = None) -> int:
    """Compare every packet of a capture file with tshark's reading of it; returns how many fields were compared."""
    tshark = need_tool("tshark")
    done = subprocess.run([tshark, "-n", "-r", str(path), "-T", "pdml"], capture_output=True, check=True, timeout=100)
    tape = packets.Tape.load(path)
    told = list(ET.fromstring(done.stdout))
    assert len(told) == len(tape)
    compared = 0
    for packet, element in zip(tape, told, strict=True):
        protos: dict[str, ET.Element] = {}
        for proto in element:
            protos.setdefault(proto.get("name", ""), proto)
        for layer in packet.layers:
            name = PROTOCOLS.get(layer.name)
            if name is None or (only and layer.name not in only):
                continue
            assert name in protos, (packet.number, layer.name)
            mine = ours(layer.fields)
            if layer.name in ("TCP", "UDP", "ICMP") and "Payload" in packet:
                mine += packet["Payload"].fields
            if layer.name == "Ethernet" and "Padding" in packet:
                mine += packet["Padding"].fields
            wire = theirs(protos[name])
            assert [(item.name, item.start, item.bits) for item in mine] == [entry[:3] for entry in wire], (
                f"packet {packet.number}"
            )
            for item, entry in zip(mine, wire, strict=True):
                assert same_value(item, entry[3]), (packet.number, item.name, item.value, item.shown, entry[3])
            compared += len(mine)
    return compared


def write(path: Path, frames: list[tuple[bytes, int]]) -> Path:
    recording = Recording(
        [
            (1_700_000_000_000_000_000 + at * 1000, frame, linktype, 0, len(frame))
            for at, (frame, linktype) in enumerate(frames)
        ]
    )
    packets.Tape(recording).save(path)
    return path


def test_headers_and_options_made_by_hand(tmp_path: Path) -> None:
    made_by_hand = made.tcp_frames()
    compared = compare(write(tmp_path / "tcp.pcapng", [(frame, 1) for _, frame in made_by_hand]))
    assert compared > 30 * len(made_by_hand)


def test_other_protocols_and_link_types(tmp_path: Path) -> None:
    wanted = {
        "UDP",
        "UDP without checksum",
        "UDP over IPv6",
        "an echo request",
        "ARP",
        "a later fragment",
        "BSD loopback, little-endian",
        "BSD loopback, IPv6 of macOS",
        "raw IPv4",
        "raw IPv6",
        "Linux cooked",
        "Linux cooked v2",
    }
    frames = [(frame, linktype) for what, frame, linktype in made.other_frames() if what in wanted]
    assert len(frames) == len(wanted)
    assert compare(write(tmp_path / "other.pcapng", frames)) > 200


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


def test_what_is_recorded() -> None:
    for path in sorted((ROOT / "data").rglob("*.pcapng")):
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
