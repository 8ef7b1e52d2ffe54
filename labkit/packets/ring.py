"""Live capture on Linux: an AF_PACKET socket with a TPACKET_V3 ring, read by one thread.

Rule: the thread only copies whole blocks out of the ring; `take` cuts frames from them later. `close` always
ends thread, map and socket. Source: Documentation/networking/packet_mmap of the Linux kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import select
import socket
import threading
from collections.abc import Sequence
from struct import Struct, pack, unpack_from

from labkit.core.errors import CaptureUnavailable
from labkit.packets import bpf
from labkit.packets.frames import ETHERNET, RAW, Frame

BLOCK_BYTES, BLOCKS = 1 << 20, 16
"""The ring's size: 16 blocks of 1 MB hold some 90,000 small datagrams while the reader waits for the interpreter."""

BLOCK_TIMEOUT = 4
"""Milliseconds after which the kernel hands over a block that is not full."""
ENDLESS_TIMEOUT = 40
"""The same for a capture without an end. All blocks together last for 0.6 s in which the reader gets no processor,
whatever the traffic; with 4 ms, a busy machine lost packets at 20,000 a second."""

MEMORY_LIMIT = 256 << 20
"""Bytes that a capture keeps by default; later frames count as lost, and the tape says so."""

_SIOCGIFHWADDR = 0x8927
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V3 = 2
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_STATUS_USER = 1

# The layouts are the same on every architecture: fixed-width members in native byte order.
_block = Struct("=IIII")  # status, packets, offset of the first, bytes used; 8 bytes into the block
_frame = Struct("=IIIIIIHH")  # next, seconds, nanoseconds, captured, length, status, MAC offset, network offset
_word = Struct("=I")
_FRAME_BYTES = 1 << 11

_ARPHRD_ETHER, _ARPHRD_LOOPBACK, _ARPHRD_NONE = 1, 772, 65534
_LINKTYPES = {_ARPHRD_ETHER: ETHERNET, _ARPHRD_LOOPBACK: ETHERNET, _ARPHRD_NONE: RAW}


def kind_of(iface: str) -> tuple[int, bool]:
    """Return (link type of an interface's frames, whether it is a loopback).

    Raises `CaptureUnavailable` for an unknown interface or an unknown kind of interface.
    """
    # Ask a socket: inside a private network, /sys/class/net still shows the machine's interfaces.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        request = pack("=16s24x", os.fsencode(iface)[:15])
        try:
            kind: int = unpack_from("=H", fcntl.ioctl(channel, _SIOCGIFHWADDR, request), 16)[0]
        except OSError:
            kind = -1
    if kind < 0:
        known = ", ".join(name for _, name in socket.if_nameindex())
        raise CaptureUnavailable(f"there is no interface {iface!r}", f"This machine has: {known}.")
    if kind not in _LINKTYPES:
        raise CaptureUnavailable(f"frames of interface {iface!r} (kind {kind}) are unknown to labkit", "Capture on lo.")
    return _LINKTYPES[kind], kind == _ARPHRD_LOOPBACK


class Ring:
    """A running capture: `take` gives the frames that came since the last call.

    iface: interface name. ports: TCP and UDP ports to let through (besides ICMP), None for everything.
    limit: bytes of frames to keep. blocks: the ring's size. endless: the limit holds for what has not been taken yet,
    so that a capture that is polled never ends. Raises `OSError` if the system does not allow it.
    """

    def __init__(
        self,
        iface: str = "lo",
        ports: Sequence[int] | None = None,
        limit: int = MEMORY_LIMIT,
        blocks: int = BLOCKS,
        *,
        endless: bool = False,
    ) -> None:
        self.linktype, loopback = kind_of(iface)
        self.origin = f"live from {iface} (AF_PACKET ring)"
        self._limit, self._endless = limit, endless
        self._count = blocks
        timeout = ENDLESS_TIMEOUT if endless else BLOCK_TIMEOUT
        self._kept = 0
        self._blocks: list[bytes] = []
        self._lost = 0
        self._lock = threading.Lock()
        self._fresh = threading.Event()
        self._stopping = False
        self.full = False
        self._failure: BaseException | None = None
        with contextlib.ExitStack() as undo:
            # Protocol 0 receives nothing: no frame can slip in before the filter is there and the ring is ready.
            self._socket = undo.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            if ports is not None:
                self._attach(bpf.encode(bpf.port_filter(ports, 14 if self.linktype == ETHERNET else 0)))
            if loopback:  # every frame goes out and comes in: without this option the ring sees it twice
                self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            self._socket.setsockopt(
                _SOL_PACKET,
                _PACKET_RX_RING,
                Struct("=7I").pack(
                    BLOCK_BYTES, blocks, _FRAME_BYTES, BLOCK_BYTES * blocks // _FRAME_BYTES, timeout, 0, 0
                ),
            )
            self._map = mmap.mmap(self._socket.fileno(), BLOCK_BYTES * blocks, mmap.MAP_SHARED)
            undo.callback(self._map.close)
            self._wake_out, self._wake_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            undo.callback(os.close, self._wake_out)
            undo.callback(os.close, self._wake_in)
            self._socket.bind((iface, _ETH_P_ALL))
            self._reader = threading.Thread(target=self._read, name="labkit capture", daemon=True)
            self._reader.start()
            self._undo = undo.pop_all()

    def _attach(self, program: bytes) -> None:
        code = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: the number of instructions, then (aligned) their address
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, Struct("@HP").pack(len(program) // 8, ctypes.addressof(code))
        )

    # -- the reading thread

    def _read(self) -> None:
        try:
            self._drain()
        except BaseException as error:  # the next take or wait raises it
            self._failure = error
        self._fresh.set()

    def _drain(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLERR)
        poll.register(self._wake_out, select.POLLIN)
        view, index = self._map, 0
        while True:
            start = index * BLOCK_BYTES
            status, packets, _, used = _block.unpack_from(view, start + 8)
            if not status & _STATUS_USER:
                if self._stopping:
                    return
                poll.poll()
                continue
            # The lock orders memory as well: the copy starts after the status is read, and ends before the block goes
            # back to the kernel. On arm64 nothing else guarantees this order.
            with self._lock:
                if not self.full and self._kept + used <= self._limit:
                    self._blocks.append(view[start : start + used])
                    self._kept += used
                else:
                    self.full = not self._endless
                    self._lost += packets
            _word.pack_into(view, start + 8, 0)
            index = (index + 1) % self._count
            self._fresh.set()

    # -- for the capture

    def take(self) -> list[Frame]:
        """The frames that came since the last call, in order."""
        with self._lock:
            blocks, self._blocks = self._blocks, []
            if self._endless:
                self._kept = 0
            self._fresh.clear()
        if self._failure is not None:
            raise CaptureUnavailable(f"the capture broke off ({self._failure!r})", "Run the cell again.")
        frames: list[Frame] = []
        unpack, append, linktype = _frame.unpack_from, frames.append, self.linktype
        for block in blocks:
            _, packets, offset, _ = _block.unpack_from(block, 8)
            for _ in range(packets):
                step, seconds, nanoseconds, captured, length, status, mac, _ = unpack(block, offset)
                start = offset + mac
                append(
                    (seconds * 1_000_000_000 + nanoseconds, block[start : start + captured], linktype, status, length)
                )
                offset += step
        return frames

    def wait(self, seconds: float) -> bool:
        """Wait until a frame can be taken. seconds: the longest wait. Returns whether one can."""
        return self._fresh.wait(seconds)

    def drops(self) -> int:
        """Frames lost since the last call: the ring had no room, or the limit was reached."""
        _, dropped, _ = Struct("=III").unpack(self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12))
        lost, self._lost = self._lost, 0
        return int(dropped) + lost

    def close(self) -> None:
        """End the capture: thread, memory map and socket are closed when this returns. May be called again."""
        if self._stopping:
            return
        self._stopping = True
        os.write(self._wake_in, b"x")
        self._reader.join()
        self._undo.close()
