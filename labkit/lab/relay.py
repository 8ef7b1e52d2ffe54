"""A relay for UDP at user level, in the path between two programs on one machine: what stands in for a wire.

Rule: knows who is who and moves datagrams; what is to be done to them is the rules' business, as on a cable.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import struct
import sys
import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from labkit.packets.datagram import Datagram, Reassembly, frames_of, refusal_of, refused_by

if TYPE_CHECKING:
    from labkit.lab.relayed import RelayedSocket

Address = tuple[str, int]
"""(IPv4 address, port)."""

LOOPBACK = "127.0.0.1"

MOST_DOORS = 256
"""Sockets of the relay's at each side; beyond them the one that was not used for the longest time is closed."""

_LARGEST = 65535  # bytes of a datagram
_LINUX = sys.platform.startswith("linux")  # elsewhere what follows does not exist, and the relay tells less
_SO_MEMINFO, _DROPS = 55, 8  # nine numbers about a socket; this one: what found no room
_IP_RECVERR, _MSG_ERRQUEUE = 11, 0x2000  # errors of sockets without a connection, and where they are read


class Relay:
    """Carries datagrams between two sides, the client's (0) and the server's (1), on this machine's loopback.

    For each address of one side there is a **door** on the other side: a socket of the relay's that stands for that
    address there. What is sent into a door goes on to the address it stands for, and comes out of the door that stands
    for its sender; so both ends of a conversation see doors only, and a `RelayedSocket` takes them for what they mean.

    mtu: bytes of the largest IP packet, from which on datagrams are cut into fragments.
    """

    def __init__(self, mtu: int) -> None:
        self.mtu = mtu
        self.closed = False
        self._lock = threading.Lock()
        self._doors: tuple[OrderedDict[Address, socket.socket], ...] = (OrderedDict(), OrderedDict())
        self._meaning: tuple[dict[int, Address], ...] = ({}, {})  # of the doors at a side, by their port
        self._residents: tuple[WeakValueDictionary[int, RelayedSocket], ...] = (
            WeakValueDictionary(), WeakValueDictionary(),
        )  # fmt: skip
        # Ports that a side's sockets go by, and those the machine gave them where these were taken; both ways.
        self._real: tuple[dict[int, int], ...] = ({}, {})
        self._named: tuple[dict[int, int], ...] = ({}, {})
        self._met: set[Address] = set()  # who has sent to one of our sockets past the relay, knowing nothing of it
        self.ends = (RelayEnd(self, 0), RelayEnd(self, 1))

    # -- the sockets of both sides

    def free(self, side: int, port: int) -> bool:
        """Whether no socket of this side has this port."""
        with self._lock:
            return port not in self._residents[side]

    def settle(self, side: int, resident: RelayedSocket, port: int, real: int) -> None:
        """Know that this socket, of this side, goes by this port. real: the one it has on this machine."""
        with self._lock:
            self._residents[side][port] = resident
            if real != port:
                self._real[side][port], self._named[side][real] = real, port

    def leaves(self, side: int, resident: RelayedSocket, port: int) -> None:
        """The socket is closed; its door stays, since what it has sent may still be under way."""
        with self._lock:
            if self._residents[side].get(port) is resident:
                del self._residents[side][port]
                self._named[side].pop(self._real[side].pop(port, 0), None)

    def meets(self, peer: Address) -> None:
        """Somebody who knows nothing of the relay has sent to one of our sockets: answers go back the same way."""
        with self._lock:
            if len(self._met) < MOST_DOORS:
                self._met.add(peer)

    def way(self, side: int, target: Address) -> Address:
        """Where a socket of this side has to send what is meant for an address. Raises `OSError` after the end."""
        with self._lock:
            port = target[1]
            if port not in self._residents[1 - side]:
                if port in self._residents[side]:
                    return target[0], self._real[side].get(port, port)
                if target in self._met:
                    return target
            return self._door(side, target).getsockname()[:2]  # type: ignore[no-any-return]

    def meaning(self, side: int, source: Address) -> Address | None:
        """Whom a door of this side stands for; None: that is no door."""
        return self._meaning[side].get(source[1]) if source[0] == LOOPBACK else None

    # -- what the ends do

    def real(self, side: int, address: Address) -> Address:
        """Where a socket that goes by this address is to be found."""
        return address[0], self._real[side].get(address[1], address[1])

    def named(self, side: int, address: Address) -> Address:
        """What a socket that is found here goes by."""
        return address[0], self._named[side].get(address[1], address[1])

    def refuse(self, side: int, asker: Address, target: Address) -> None:
        """Let a socket of this side know that nobody listens where it sends to, if that is its only peer."""
        with self._lock:
            resident = self._residents[side].get(asker[1])
            door = self._doors[side].get(target)
        if resident is not None and door is not None and resident.refused(target):
            # The kernel must wake whoever waits for this socket: an empty datagram does, and goes no further.
            door.sendto(b"", self.real(side, asker))

    def door(self, side: int, address: Address) -> socket.socket:
        """The socket that stands for an address at this side. Raises `OSError` where no more can be had."""
        with self._lock:
            return self._door(side, address)

    def _door(self, side: int, address: Address) -> socket.socket:
        doors = self._doors[side]
        found = doors.get(address)
        if found is not None:
            doors.move_to_end(address)
            return found
        if self.closed:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        while len(doors) >= MOST_DOORS:
            _, oldest = doors.popitem(last=False)
            self.ends[side].forget(oldest)
            del self._meaning[side][oldest.getsockname()[1]]
            oldest.close()
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            door.bind((LOOPBACK, 0))
            door.setblocking(False)
            with contextlib.suppress(OSError):  # more than this system gives
                door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            if _LINUX:
                door.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            self._meaning[side][door.getsockname()[1]] = address
            self.ends[side].watch(door, address)
        except BaseException:
            door.close()
            raise
        doors[address] = door
        return door

    def lost(self, side: int) -> int:
        """Datagrams that the doors of this side, which are open, had no room for."""
        with self._lock:
            return sum(_drops(door) for door in self._doors[side].values())

    def close(self) -> None:
        """Close all doors; may be called again."""
        with self._lock:
            self.closed = True
            for side, doors in enumerate(self._doors):
                while doors:
                    _, door = doors.popitem()
                    self.ends[side].forget(door)
                    door.close()
                self._meaning[side].clear()


class RelayEnd:
    """One side's doors as the end of a cable: what is sent into them is a frame there, with headers made here."""

    def __init__(self, relay: Relay, side: int) -> None:
        self._relay, self._side = relay, side
        self._selector = selectors.DefaultSelector()
        self._ready: deque[tuple[socket.socket, Address]] = deque()
        self._cut: deque[bytes] = deque()  # what is left of a datagram that did not fit into one packet
        self._identification = 0
        self._reassembly = Reassembly()
        self._lost = 0  # at doors that are closed

    def watch(self, door: socket.socket, address: Address) -> None:
        """Take from this door, which stands for an address, from now on."""
        self._selector.register(door, selectors.EVENT_READ, address)

    def forget(self, door: socket.socket) -> None:
        """Take no more from this door."""
        self._lost += _drops(door)
        self._selector.unregister(door)

    def fileno(self) -> int:
        """As `End.fileno`: of what watches the doors, which is readable when one of them is."""
        return self._selector.fileno()

    def recv(self, size: int, /) -> bytes:
        """As `End.recv`."""
        if self._cut:
            return self._cut.popleft()
        if not self._ready:
            self._ready.extend((key.fileobj, key.data) for key, _ in self._selector.select(0))  # type: ignore[misc]
        while self._ready:
            door, address = self._ready[0]
            try:
                data, source = door.recvfrom(_LARGEST)
            except OSError:  # nothing more in it, or it was closed meanwhile; or what it has sent was refused
                if (refusal := self._refusal(door, address)) is not None:
                    return refusal
                self._ready.popleft()
                continue
            self._ready.rotate(-1)  # each door has its turn
            self._identification = self._identification % 0xFFFF + 1
            datagram = Datagram(self._relay.named(self._side, source), address, data)
            first, *rest = frames_of(datagram, self._relay.mtu, self._identification)
            self._cut.extend(rest)
            return first
        raise BlockingIOError

    def _refusal(self, door: socket.socket, address: Address) -> bytes | None:
        """What the kernel sends where nobody has the port of a datagram that came out of this door."""
        if not _LINUX:
            return None
        try:
            data, _, _, target = door.recvmsg(_LARGEST, 512, _MSG_ERRQUEUE)
        except OSError:
            return None
        return refusal_of(Datagram(address, self._relay.named(self._side, target[:2]), data))

    def send(self, frame: bytes, /) -> int:
        """As `End.send`. What a host's kernel would throw away, such as what has a wrong checksum, goes nowhere."""
        datagram = self._reassembly.take(frame)
        if datagram is not None:
            door = self._relay.door(self._side, datagram.source)
            target = self._relay.real(self._side, datagram.destination)
            try:
                door.sendto(datagram.data, target)
            except ConnectionRefusedError:  # told here of an earlier one; this one has not been sent yet
                door.sendto(datagram.data, target)
        elif (about := refused_by(frame)) is not None:
            self._relay.refuse(self._side, *about)
        return len(frame)

    def lost(self) -> int:
        """As `End.lost`."""
        return self._lost + self._relay.lost(self._side)

    def close(self) -> None:
        """As `End.close`."""
        self._relay.close()
        self._selector.close()


def _drops(door: socket.socket) -> int:
    """Datagrams that came to this socket and found no room, as far as the system tells."""
    if not _LINUX:
        return 0
    return int(struct.unpack("=9I", door.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))[_DROPS])
