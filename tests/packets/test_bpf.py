"""The kernel's filter: assembled programs run by a small interpreter, and loaded into the kernel.

Rule: what the filter lets through is compared with what the frame's own headers say.
"""

from __future__ import annotations

import struct

import pytest

from labkit.packets import bpf
from labkit.packets.frames import quick
from tests.packets import made

# Accepted whatever the port: the headers that carry the port are behind ones a filter without loops cannot pass.
PASSED_ON = ("a VLAN tag", "hop-by-hop options", "an IPv6 fragment", "a fragment that is the whole")
Instructions = list[tuple[int, int, int, int]]


def run(program: Instructions, frame: bytes) -> int:
    """Run a classic BPF program as the kernel does: a load beyond the frame refuses it."""
    accumulator = index = at = 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        try:
            if code == 0x06:
                return k
            if code == 0x28:
                accumulator = struct.unpack_from("!H", frame, k)[0]
            elif code == 0x48:
                accumulator = struct.unpack_from("!H", frame, index + k)[0]
            elif code == 0x30:
                accumulator = frame[k]
            elif code == 0xB1:
                index = 4 * (frame[k] & 15)
            elif code == 0x01:
                index = k
            elif code == 0x05:
                at += k
            elif code == 0x15:
                at += yes if accumulator == k else no
            elif code == 0x45:
                at += yes if accumulator & k else no
            else:
                raise AssertionError(f"instruction {code:#x}")
        except (struct.error, IndexError):
            return 0


@pytest.mark.parametrize(
    "ports", [(8124,), (1, 40001, 39002), tuple(range(8000, 8256)), (*range(1000, 1255), 8124)], ids=len
)
def test_accepts_the_ports_and_nothing_else(ports: tuple[int, ...]) -> None:
    program = bpf.port_filter(ports)
    assert len(program) <= 4096
    assert all(0 <= yes <= 255 and 0 <= no <= 255 for _, yes, no, _ in program)
    accepted = 0
    for what, frame in made.tcp_frames() + [
        (what, frame) for what, frame, linktype in made.other_frames() if linktype == 1
    ]:
        packet = quick(frame, 1)
        if packet.protocol in ("TCP", "UDP") and what not in PASSED_ON:
            wanted = packet.sport in ports or packet.dport in ports
            assert bool(run(program, frame)) == wanted, what
            accepted += wanted
    assert accepted


@pytest.mark.parametrize(
    ("what", "wanted"),
    [
        ("an echo request", True),
        ("port unreachable", True),
        ("a later fragment", True),
        ("an IPv6 fragment", True),
        ("hop-by-hop options", True),
        ("ARP", False),
        ("an unknown EtherType", False),
        ("half a link header", False),
        ("nothing but a link header", False),
    ],
)
def test_what_has_no_ports(what: str, wanted: bool) -> None:
    frame = next(frame for name, frame, _ in made.other_frames() if name == what)
    assert bool(run(bpf.port_filter([9]), frame)) == wanted


@pytest.mark.parametrize("version", [4, 6])
def test_every_fragment_passes(version: int) -> None:
    """Those behind the first have no ports: who wants them can be told only later."""
    cut = made.fragments(bytes(3000), (1480, 800), version=version)
    program = bpf.port_filter([8124])
    assert [bool(run(program, frame)) for frame in cut] == [True, True, True]


@pytest.mark.parametrize("version", [4, 6])
def test_without_a_link_header(version: int) -> None:
    packet = made.ipv4(made.tcp()) if version == 4 else made.ipv6(made.tcp(version=6))
    assert run(bpf.port_filter([8124], link=0), packet)
    assert not run(bpf.port_filter([8125], link=0), packet)


def test_impossible_ports_and_backward_jumps_are_refused() -> None:
    for ports in ([], [70000], range(300)):
        with pytest.raises(ValueError, match="1 to 256 ports"):
            bpf.port_filter(ports)
    program = bpf.Program()
    program.label("here")
    program.go("here")
    with pytest.raises(ValueError, match="forwards only"):
        program.assemble()


def test_the_code_is_what_the_kernel_takes() -> None:
    assert bpf.encode([(0x06, 1, 2, 0x40000)]) == struct.pack("=HBBI", 6, 1, 2, 0x40000)
