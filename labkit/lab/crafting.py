"""Packets made by hand: a host of a wire sends bytes as they are, and reads what comes back.

Rule: sends onto a wire of ours and nowhere else; imports no Scapy, since a packet of Scapy's knows what answers it.
"""

from __future__ import annotations

import math
import select
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, TypeVar

from labkit.core.checks import is_number, shown
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.packets import recorded
from labkit.packets.tape import Tape

P = TypeVar("P")

NOT_SENT = "no wire is possible here, so packets made by hand were not sent"
"""Said of a tape that is a recording for this reason."""

LONGEST = 60.0
"""Seconds that `Hand.ask` waits at most."""

_ETHERNET, _IPV4 = 14, 0x0800  # bytes of the header; the EtherType
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_CLOSE = "Give an IP packet: IP(src=…, dst=…) / TCP(…), or its bytes."


class Hand(Protocol):
    """What sends packets for a host, and reads the answers. name: the host's."""

    def send(self, raws: Sequence[bytes]) -> None:
        """Send IP packets."""

    def ask(self, raw: bytes, seconds: float, fits: Callable[[bytes], bool], header: bytes = b"") -> bytes | None:
        """Send an IP packet; return the first one that comes back and fits, None if none comes in time.

        header: the Ethernet header to put in front of it, if not the usual one; answers have its EtherType.
        """


class LiveHand:
    """Sends frames from the only interface of a host.

    make_socket: makes sockets of the host's network. interface: its name. macs: own hardware address, the other host's.
    """

    def __init__(
        self, make_socket: Callable[[int, int, int], socket.socket], interface: str, macs: tuple[bytes, bytes]
    ) -> None:
        self._make_socket, self._interface = make_socket, interface
        self._header = macs[1] + macs[0] + struct.pack("!H", _IPV4)

    def send(self, raws: Sequence[bytes]) -> None:
        """As `Hand.send`. Raises `LabError` if a packet is larger than the wire's MTU."""
        # Protocol 0: this socket receives nothing.
        with self._make_socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as channel:
            channel.bind((self._interface, 0))
            for raw in raws:
                self._put(channel, raw, self._header)

    def ask(self, raw: bytes, seconds: float, fits: Callable[[bytes], bool], header: bytes = b"") -> bytes | None:
        """As `Hand.ask`."""
        header = header or self._header
        with self._make_socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as channel:
            channel.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            # From here on it receives: before the question leaves.
            channel.bind((self._interface, int.from_bytes(header[12:14], "big")))
            channel.setblocking(False)
            self._put(channel, raw, header)
            deadline = monotonic() + seconds
            while (left := deadline - monotonic()) > 0:
                if not select.select([channel], [], [], left)[0]:
                    break
                answer = whole(channel.recv(1 << 16)[_ETHERNET:])
                if fits(answer):
                    return answer
        return None

    def _put(self, channel: socket.socket, raw: bytes, header: bytes) -> None:
        try:
            channel.send(header + raw)
        except OSError as error:
            raise LabError(
                f"the wire takes no packet of {len(raw)} bytes: {error.strerror}",
                "Its MTU is the largest size, 1500 bytes if you chose no other.",
            ) from None


class RecordedHand:
    """Answers as in a recording, where no wire can be had: a packet of the lesson has the answer it once had.

    sender: the host. tape: what was recorded. why: why there is no wire.
    """

    def __init__(self, sender: str, tape: Tape, why: str) -> None:
        self.used = False
        self._packets = [(each.sender, whole(each.raw[_ETHERNET:])) for each in tape]
        self._sender, self._why = sender, why
        self._next = 0  # the first packet of the recording that has not been sent yet

    def send(self, raws: Sequence[bytes]) -> None:
        """Find the packets in the recording. Raises `LabError` if one is not there: then nothing is known about it."""
        for raw in raws:
            self._find(raw)

    def ask(self, raw: bytes, seconds: float, fits: Callable[[bytes], bool], header: bytes = b"") -> bytes | None:
        """As `Hand.ask`, without any wait."""
        after = self._packets[self._find(raw) + 1 :]
        return next((packet for _, packet in after if packet != raw and fits(packet)), None)

    def _find(self, raw: bytes) -> int:
        self.used = True
        for number in (*range(self._next, len(self._packets)), *range(self._next)):
            if self._packets[number][1] == raw:
                self._next = number + 1
                return int(number)
        raise LabError(
            f"the recording does not have this packet, and here it cannot be sent ({self._why})",
            "Without a wire only the packets of the lesson itself have answers: undo your change, or use another "
            "machine.",
        )


class Crafting:
    """What a host's `WireHost.send` and `WireHost.ask` do. name: the host's. own, other: addresses on a live wire.

    live: the hand that really sends; None if this machine allows no wire.
    """

    def __init__(self, name: str, own: str, other: str, live: LiveHand | None) -> None:
        self.name, self._own, self._other = name, own, other
        self._live = live
        self._recorded: RecordedHand | None = None

    def send(self, packets: Any) -> None:
        """Send one packet, or each of a list; as `WireHost.send`."""
        several = packets if type(packets) in (list, tuple) else [packets]
        raws = [self._checked(each) for each in several]
        self._hand().send(raws)

    def ask(self, packet: P, timeout: float) -> P | None:
        """Send a packet and return what answers it; as `WireHost.ask`."""
        waiting(timeout)
        kind: Any = type(packet)
        if not hasattr(kind, "answers"):
            raise LabError(
                f"labkit cannot know what answers {shown(packet)}",
                "Give a packet of Scapy, IP(…) / …: it knows. Bytes can only be sent.",
            )
        raw = self._checked(packet)
        asked = kind(raw)  # with the lengths and checksums that Scapy filled in
        found = self._hand().ask(raw, timeout, lambda answer: bool(kind(answer).answers(asked)))
        answer: P | None = None if found is None else kind(found)
        return answer

    def exchange(
        self, raw: bytes, timeout: float, fits: Callable[[bytes], bool], header: bytes = b""
    ) -> bytes | None:
        """Send what is behind an Ethernet header, of which every field may be wrong; return the first that fits.

        header: as in `Hand.ask`. Raises `LabError` for IPv4 to somebody else than the other host, and if a recording
        that stands in for the wire does not have the packet.
        """
        waiting(timeout)
        if header[12:14] in (b"", struct.pack("!H", _IPV4)):
            if len(raw) < 20:
                raise LabError(f"{len(raw)} bytes are no IPv4 packet", "Its header alone has 20.")
            self._addressed(raw)
        return self._hand().ask(raw, timeout, fits, header)

    @contextmanager
    def replaying(self, recording: Path, why: str) -> Iterator[RecordedHand]:
        """In this block, packets are looked up in a recording. why: why there is no wire."""
        before, hand = self._recorded, RecordedHand(self.name, Tape.load(recording), why)
        self._recorded = hand
        try:
            yield hand
        finally:
            self._recorded = before

    def _hand(self) -> Hand:
        hand = self._live or self._recorded
        if hand is None:
            raise CaptureUnavailable(
                "here a packet made by hand cannot be sent: this machine allows no wire",
                'Inside `with wire.capture(name="…"):` the recording of the lesson answers.',
            )
        return hand

    def _checked(self, packet: Any) -> bytes:
        """The bytes of a packet that may be sent. Raises `LabError`."""
        if type(packet) in (int, str, bool, float) or packet is None:
            raise LabError(f"{shown(packet)} is not a packet", _CLOSE)
        try:
            raw = bytes(packet)
        except Exception as error:
            raise LabError(f"this packet cannot be built: {error}", "Check the value of each field.") from None
        if len(raw) < 20 or raw[0] >> 4 != 4:
            raise LabError(f"{raw[:4].hex(' ') or 'nothing'} is not the beginning of an IPv4 packet", _CLOSE)
        self._addressed(raw)
        return raw

    def _addressed(self, raw: bytes) -> None:
        """Refuse an IPv4 packet that would leave the wire, or that no host takes from one. Raises `LabError`."""
        source, target = (socket.inet_ntoa(raw[at : at + 4]) for at in (12, 16))
        if target != self._other:
            raise LabError(
                f"this packet is for {target}; the {self.name} sends only to the other end of the wire, {self._other}",
                "Packets made by hand stay on your own wire. Write it as the destination: "
                f'IP(src="{self._own}", dst="{self._other}").',
            )
        if source.startswith(("127.", "0.")):
            raise LabError(
                f"this packet says that it comes from {source}, and no host takes it from a wire",
                f'Without src= Scapy guesses. Write IP(src="{self._own}", dst="{self._other}").',
            )


def waiting(timeout: object) -> float:
    """The time to wait, in seconds. Raises `LabError` for what is none."""
    if not is_number(timeout) or not 0 < timeout <= LONGEST:
        raise LabError(f"timeout={shown(timeout)} is not a time to wait", f"Give seconds, at most {LONGEST:g}.")
    return timeout


class Replay(AbstractContextManager["Replay"]):
    """A block in which a recording stands in for packets made by hand, if there is no wire and a recording exists.

    hosts: what sends for the client and for the server. name, lesson: of the recording. why: why there is no wire,
    ``""`` if there is one.
    """

    def __init__(self, hosts: Sequence[Crafting], name: str | None, lesson: str | None, why: str) -> None:
        self._hosts, self._name, self._lesson, self._why = hosts, name, lesson, why
        self._hands: list[RecordedHand] = []
        self._undo = ExitStack()

    def __enter__(self) -> Replay:
        if self._why and self._name is not None:
            with suppress(CaptureUnavailable):  # not recorded: then a packet made by hand says so
                path = recorded.existing_recording(self._name, self._lesson)
                self._hands += [self._undo.enter_context(host.replaying(path, self._why)) for host in self._hosts]
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @property
    def used(self) -> bool:
        """Whether a packet was looked up in the recording."""
        return any(each.used for each in self._hands)

    def shown(self) -> tuple[Path, str]:
        """The recording, and why it is shown."""
        return recorded.existing_recording(self._name, self._lesson), NOT_SENT


def whole(raw: bytes) -> bytes:
    """An IPv4 packet without what Ethernet added behind it to fill a short frame."""
    size = int.from_bytes(raw[2:4], "big")
    return raw[:size] if 20 <= size <= len(raw) else raw


def receive(channel: socket.socket, count: int, timeout: float = 2.0) -> list[bytes]:
    """Read datagrams from a plain UDP socket: this many, or those that come before a pause of `timeout` seconds.

    Never waits longer than `LONGEST` in all, and raises nothing if fewer come.
    """
    found: list[bytes] = []
    deadline = monotonic() + LONGEST
    while len(found) < count and (left := min(timeout, deadline - monotonic())) > 0:
        if not select.select([channel], [], [], left)[0]:
            break
        found.append(channel.recv(1 << 16))
    return found


def arrived(tape: Tape, sender: str) -> Sequence[Any]:
    """The packets of one sender in the order in which they arrived, without those that a wire lost.

    tape: of a wire. sender: ``"client"`` or ``"server"``. A packet that the wire delayed comes where it arrived; a
    duplicated one comes once.
    """

    def when(packet: Any) -> float:
        if packet.verdict is None or packet.verdict.kind == "corrupted":
            return float(packet.time_ns)
        return float(min(packet.verdict.arrivals, default=math.inf))

    return sorted((each for each in tape.where(sender=sender) if when(each) < math.inf), key=when)
