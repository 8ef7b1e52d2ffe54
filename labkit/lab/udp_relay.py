"""A relay for UDP in user space, between two programs on one machine: it stands in for a wire.

Rule: it knows which socket has which address, and moves datagrams; rules decide what happens to them, as on a cable.
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
from typing import Protocol
from weakref import WeakValueDictionary

from labkit.lab.addresses import LOOPBACK, Address
from labkit.packets.datagram import Datagram, Reassembly, frames_of, refusal_of, refused_by

MOST_DOORS = 256
"""Most sockets of the relay at each side. One more closes the one that was not used for the longest time."""

_LARGEST = 65535  # bytes of a datagram
_LINUX = sys.platform.startswith("linux")  # other systems lack what follows, and the relay tells less
_SO_MEMINFO, _DROPS = 55, 8  # SO_MEMINFO gives nine numbers about a socket; number 8 counts what found no room
_IP_RECVERR, _MSG_ERRQUEUE = 11, 0x2000  # the kernel queues errors of an unconnected socket there


class Resident(Protocol):
    """A socket of one side, as the relay knows it."""

    def refused(self, target: Address) -> bool:
        """Learn that nobody listens at this address; returns whether it is the address this socket is connected to."""


class Relay:
    """Carries datagrams between two sides, the client's (0) and the server's (1), on this machine's loopback.

    For each address of one side there is a **door** on the other side: a socket of the relay that stands for that
    address there. The relay sends what arrives at a door to the address behind it, through the door that stands for
    the sender. So both programs exchange datagrams with doors only, and `RelayedSocket` translates between a door and
    the address behind it.

    mtu: bytes of the largest IP packet; a larger datagram is cut into fragments.
    """

    def __init__(self, mtu: int) -> None:
        self.mtu = mtu
        self.closed = False
        self._lock = threading.Lock()
        self._doors: tuple[OrderedDict[Address, socket.socket], ...] = (OrderedDict(), OrderedDict())
        self._door_owners: tuple[dict[int, Address], ...] = ({}, {})  # by the port of the door
        self._residents: tuple[WeakValueDictionary[int, Resident], ...] = (
            WeakValueDictionary(), WeakValueDictionary(),
        )  # fmt: skip
        # If the machine has no such port free, a socket has another one there: public port to machine port, and back.
        self._machine_ports: tuple[dict[int, int], ...] = ({}, {})
        self._public_ports: tuple[dict[int, int], ...] = ({}, {})
        self._outsiders: set[Address] = set()  # programs that sent to one of our sockets directly
        self.ends = (RelayEnd(self, 0), RelayEnd(self, 1))

    # -- the sockets of both sides

    def is_free(self, side: int, port: int) -> bool:
        """Whether no socket of this side has this port."""
        with self._lock:
            return port not in self._residents[side]

    def register(self, side: int, resident: Resident, port: int, machine_port: int) -> None:
        """Remember a socket of this side. port: what it calls its port. machine_port: its port on this machine."""
        with self._lock:
            self._residents[side][port] = resident
            if machine_port != port:
                self._machine_ports[side][port], self._public_ports[side][machine_port] = machine_port, port

    def unregister(self, side: int, resident: Resident, port: int) -> None:
        """Forget a closed socket. Its door stays, because datagrams that it sent may still be on their way."""
        with self._lock:
            if self._residents[side].get(port) is resident:
                del self._residents[side][port]
                self._public_ports[side].pop(self._machine_ports[side].pop(port, 0), None)

    def remember_outsider(self, peer: Address) -> None:
        """Remember a program that sent to one of our sockets past the relay: answers go to it directly."""
        with self._lock:
            if len(self._outsiders) < MOST_DOORS:
                self._outsiders.add(peer)

    def route(self, side: int, target: Address) -> Address:
        """The address to which a socket of this side sends a datagram for target. Raises `OSError` after `close`."""
        with self._lock:
            port = target[1]
            if port not in self._residents[1 - side]:
                if port in self._residents[side]:
                    return target[0], self._machine_ports[side].get(port, port)
                if target in self._outsiders:
                    return target
            return self._door(side, target).getsockname()[:2]  # type: ignore[no-any-return]

    def door_owner(self, side: int, source: Address) -> Address | None:
        """The address that a door of this side stands for; None if source is not a door."""
        return self._door_owners[side].get(source[1]) if source[0] == LOOPBACK else None

    # -- what the ends do

    def machine_address(self, side: int, address: Address) -> Address:
        """The address on this machine of a socket of this side. address: what the socket calls its own."""
        return address[0], self._machine_ports[side].get(address[1], address[1])

    def public_address(self, side: int, address: Address) -> Address:
        """What a socket of this side calls its own address. address: the one it has on this machine."""
        return address[0], self._public_ports[side].get(address[1], address[1])

    def refuse(self, side: int, asker: Address, target: Address) -> None:
        """Tell a socket of this side that nobody listens at target, if the socket is connected to it."""
        with self._lock:
            resident = self._residents[side].get(asker[1])
            door = self._doors[side].get(target)
        if resident is not None and door is not None and resident.refused(target):
            # The kernel must wake the thread that waits for this socket. An empty datagram does; the socket drops it.
            door.sendto(b"", self.machine_address(side, asker))

    def door(self, side: int, address: Address) -> socket.socket:
        """The socket that stands for an address at this side. Raises `OSError` if the system gives no more sockets."""
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
            del self._door_owners[side][oldest.getsockname()[1]]
            oldest.close()
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            door.bind((LOOPBACK, 0))
            door.setblocking(False)
            with contextlib.suppress(OSError):  # this system allows less
                door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            if _LINUX:
                door.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            self._door_owners[side][door.getsockname()[1]] = address
            self.ends[side].watch(door, address)
        except BaseException:
            door.close()
            raise
        doors[address] = door
        return door

    def lost(self, side: int) -> int:
        """Datagrams that found no room at the open doors of this side."""
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
                self._door_owners[side].clear()


class RelayEnd:
    """The doors of one side as the end of a cable: a datagram at a door becomes a frame, with headers made here."""

    def __init__(self, relay: Relay, side: int) -> None:
        self._relay, self._side = relay, side
        self._selector = selectors.DefaultSelector()
        self._ready: deque[tuple[socket.socket, Address]] = deque()
        self._cut: deque[bytes] = deque()  # fragments of a datagram that are not yet handed on
        self._identification = 0
        self._reassembly = Reassembly()
        self._lost = 0  # at doors that were closed since

    def watch(self, door: socket.socket, address: Address) -> None:
        """Start to read from a door. address: what it stands for."""
        self._selector.register(door, selectors.EVENT_READ, address)

    def forget(self, door: socket.socket) -> None:
        """Stop to read from a door."""
        self._lost += _drops(door)
        self._selector.unregister(door)

    def fileno(self) -> int:
        """As `End.fileno`: the selector's, which is readable if one of the doors is."""
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
            except OSError:  # the door is empty, or closed meanwhile, or ICMP refused what it sent
                if (refusal := self._refusal(door, address)) is not None:
                    return refusal
                self._ready.popleft()
                continue
            self._ready.rotate(-1)  # each door has its turn
            self._identification = self._identification % 0xFFFF + 1
            datagram = Datagram(self._relay.public_address(self._side, source), address, data)
            first, *rest = frames_of(datagram, self._relay.mtu, self._identification)
            self._cut.extend(rest)
            return first
        raise BlockingIOError

    def _refusal(self, door: socket.socket, address: Address) -> bytes | None:
        """The ICMP packet about a datagram of this door to a closed port; None if the kernel reports no such error."""
        if not _LINUX:
            return None
        try:
            data, _, _, target = door.recvmsg(_LARGEST, 512, _MSG_ERRQUEUE)
        except OSError:
            return None
        return refusal_of(Datagram(address, self._relay.public_address(self._side, target[:2]), data))

    def send(self, frame: bytes, /) -> int:
        """As `End.send`. Drops what a host's kernel would drop, for example a datagram with a wrong checksum."""
        datagram = self._reassembly.take(frame)
        if datagram is not None:
            door = self._relay.door(self._side, datagram.source)
            target = self._relay.machine_address(self._side, datagram.destination)
            try:
                door.sendto(datagram.data, target)
            except ConnectionRefusedError:  # reports an earlier datagram; this one is not sent yet
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
    """Datagrams that found no room at this socket; 0 if the system does not tell."""
    if not _LINUX:
        return 0
    return int(struct.unpack("=9I", door.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))[_DROPS])
