"""Classic BPF: a small assembler, and the filter that passes only the wanted ports to a capture.

Rule: builds programs as bytes for SO_ATTACH_FILTER; does not attach them.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
LOAD_HALF_X = 0x48
LOAD_IP_HEADER_LENGTH = 0xB1  # X = 4 * (low nibble of the byte at k): IPv4's header length in one instruction
LOAD_X = 0x01
JUMP, JUMP_EQUAL, JUMP_SET = 0x05, 0x15, 0x45
RETURN = 0x06

WHOLE_FRAME = 0x40000
MOST_PORTS = 256

_INSTRUCTION = Struct("=HBBI")


class Program:
    """Instructions with labels. A conditional jump reaches 255 instructions; a plain jump reaches farther targets."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int | str]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        """Give the next instruction a label."""
        self._labels[name] = len(self._code)

    def add(self, code: int, k: int = 0) -> None:
        """Append an instruction that does not jump."""
        self._code.append((code, 0, 0, k))

    def go(self, target: str) -> None:
        """Jump to a label further on."""
        self._code.append((JUMP, 0, 0, target))

    def when(self, code: int, k: int, target: str) -> None:
        """Jump to a label further on if the accumulator passes the test, else go on."""
        self._code.append((code, 0, 1, k))
        self.go(target)

    def unless(self, code: int, k: int, target: str) -> None:
        """Jump to a label further on if the accumulator fails the test, else go on."""
        self._code.append((code, 1, 0, k))
        self.go(target)

    def assemble(self) -> list[tuple[int, int, int, int]]:
        """Return (code, jt, jf, k) of each instruction, in the kernel's form."""
        done = []
        for position, (code, yes, no, k) in enumerate(self._code):
            if isinstance(k, str):
                k = self._labels[k] - position - 1
                if k < 0:
                    raise ValueError("classic BPF jumps forwards only")
            done.append((code, yes, no, k))
        return done


def port_filter(ports: Iterable[int], link: int = 14) -> list[tuple[int, int, int, int]]:
    """Return the program that accepts TCP and UDP from or to these ports, ICMP and ICMPv6, over IPv4 and IPv6.

    ports: at most 256. link: bytes of the link header: 14 (Ethernet; the EtherType is its last half-word), 0 (raw IP).
    The filter accepts all IPv4 fragments except the first and all packets with IPv6 extension headers: the former have
    no ports, and the latter need a loop. The capture drops those of other ports when it reads the frames.
    """
    wanted = sorted(set(ports))
    if not 0 < len(wanted) <= MOST_PORTS or not all(0 <= port <= 65535 for port in wanted):
        raise ValueError(f"1 to {MOST_PORTS} ports of 0 to 65535, not {wanted}")
    program = Program()
    if link:
        program.add(LOAD_HALF, link - 2)
        program.when(JUMP_EQUAL, 0x86DD, "ipv6")
        program.unless(JUMP_EQUAL, 0x0800, "refuse")
    else:
        program.add(LOAD_BYTE, 0)
        program.when(JUMP_SET, 0x20, "ipv6")  # version 6 has this bit set, version 4 does not
    program.add(LOAD_BYTE, link + 9)
    program.when(JUMP_EQUAL, 1, "accept")
    program.when(JUMP_EQUAL, 6, "ipv4 ports")
    program.unless(JUMP_EQUAL, 17, "refuse")
    program.label("ipv4 ports")
    program.add(LOAD_HALF, link + 6)
    program.when(JUMP_SET, 0x1FFF, "accept")
    program.add(LOAD_IP_HEADER_LENGTH, link)
    program.go("ports")

    program.label("ipv6")
    program.add(LOAD_BYTE, link + 6)
    for extension in (0, 43, 44, 51, 60, 58):
        program.when(JUMP_EQUAL, extension, "accept")
    program.when(JUMP_EQUAL, 6, "ipv6 ports")
    program.unless(JUMP_EQUAL, 17, "refuse")
    program.label("ipv6 ports")
    program.add(LOAD_X, 40)

    program.label("ports")
    for offset in (0, 2):
        program.add(LOAD_HALF_X, link + offset)
        for port in wanted:
            program.when(JUMP_EQUAL, port, "accept")
    program.label("refuse")
    program.add(RETURN, 0)
    program.label("accept")
    program.add(RETURN, WHOLE_FRAME)
    return program.assemble()


def encode(program: Iterable[tuple[int, int, int, int]]) -> bytes:
    """The program as an array of struct sock_filter."""
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
