"""The event loop's side of a UDP socket: datagrams in, datagrams the kernel has no room for yet, errors, history.

Rule: what the loop reports comes in here; Node's methods, which programs call, are in socket.py.
"""

from __future__ import annotations

import asyncio
import socket as system
from collections import deque
from collections.abc import Callable
from threading import get_ident
from time import time_ns
from typing import Any

from labkit.core import host as host_of
from labkit.core import loop, watching
from labkit.core.addresses import in_words, pair
from labkit.core.emitter import Ends
from labkit.core.endpoint import Endpoint
from labkit.core.errors import NetError
from labkit.core.history import Entry
from labkit.core.listeners import Listener
from labkit.core.watching import Record
from labkit.dgram import sender as senders
from labkit.dgram.sender import Sender

BURST = 64
"""Datagrams taken from the kernel before the loop turns to its other sockets."""

QUEUE = 256 * 1024
"""Bytes that wait here at most while the kernel has no room for them; what comes on top is dropped, as UDP may."""

SENDERS = 1024
"""Peers whose latest `Sender` is kept: their next datagram of the same size needs no new one."""

Sent = Callable[["NetError | None", int], Any]

_BUFFER = 65536  # no datagram is larger
_tuple = tuple.__new__  # a Sender without the call of its own __new__, which costs as much as all the rest


class _Talk:
    """What a capture is told of one datagram: a socket may have many peers, and this one was with one of them."""

    __slots__ = ("_ends", "socket")

    def __init__(self, socket: Receiving, peer: tuple[str, int]) -> None:
        self.socket = socket
        who, local, _ = socket.endpoint()
        self._ends = (who, local, peer)

    def endpoint(self) -> Ends:
        """As `Emitter.endpoint`."""
        return self._ends


class Receiving(Endpoint):
    """What `Socket` is made of below Node's methods; see there."""

    EVENTS = frozenset({"message", "listening", "connect", "close", "error"})
    STATES = frozenset({"listening", "connect", "close", "error"})

    __slots__ = (
        "_bound", "_bytes", "_channel", "_connecting", "_data", "_due", "_family", "_host", "_key", "_local",
        "_numeric", "_peer", "_queue", "_queued", "_receive", "_remote", "_rooms", "_sender", "_senders", "_sendto",
        "_thread", "closed", "dropped", "kind",
    )  # fmt: skip

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = senders.check_kind(kind)
        self.closed = False
        self.dropped = 0
        self._family = senders.NAMES[kind]
        self._host = host_of.here()  # where it was made, though the kernel's socket comes later
        self._channel: system.socket | None = None
        self._receive: Callable[[int], tuple[bytes, Any]] | None = None
        self._sendto: Callable[[bytes, Any], int] | None = None  # while bound, not connected, and nothing is queued
        self._thread = 0  # the loop's
        self._local: tuple[str, int] | None = None
        self._remote: tuple[str, int] | None = None  # connected to
        self._peer: tuple[str, int] | None = None  # last sent to
        self._connecting = False
        self._bound = False  # by the program, not by its first send
        self._key: Any = None
        self._numeric = ""  # the last address that was found to need no resolver
        self._queue: deque[tuple[bytes, Any, Sent | None]] = deque()
        self._queued = 0  # bytes
        self._due: list[tuple[Sent, NetError | None, int]] = []  # callbacks of what was sent or refused
        self._rooms: list[asyncio.Future[None]] = []  # cells that wait until there is room in the queue
        self._senders: dict[Any, tuple[int, Sender]] = {}  # size and sender, by peer as the kernel gives it
        self._bytes = 0  # of the present run of messages
        self._data = b""  # its last one, and who sent that
        self._sender: Sender | None = None

    # -- from the event loop

    def _readable(self) -> None:
        """Take what the kernel has for this socket, but let others have their turn."""
        receive, family = self._receive, self._family
        assert receive is not None
        scoped, known = self.kind == "udp6", self._senders
        if len(known) > SENDERS:
            known.clear()
        for _ in range(BURST):
            if self._due:  # what was sent is told before what came of it
                self._tell_sent()
            try:
                data, peer = receive(_BUFFER)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # what ICMP said of something sent earlier
                self._failed(error)
                if self.closed:
                    return
                self._read_again()
                continue
            size = len(data)
            kept = known.get(peer)
            if kept is not None and kept[0] == size:
                sender = kept[1]
            elif scoped and peer[3]:
                sender = Sender(*pair(peer), family, size)  # not kept: an interface may get another name
            else:
                sender = _tuple(Sender, (peer[0], peer[1], family, size))
                known[peer] = size, sender
            fast = self._fast
            if fast is None or watching.watchers:
                self._received(data, sender)
            else:
                # The path of every datagram of a busy socket.
                if self._pieces:
                    self._pieces += 1
                    self._bytes += size
                else:
                    self._since, self._pieces, self._bytes = time_ns(), 1, size
                self._data, self._sender = data, sender
                try:
                    fast(data, sender)
                except Exception as error:
                    self._report(error)
            if self.closed:
                return

    def _received(self, data: bytes, sender: Sender) -> None:
        self._fast = None
        listeners = self._listeners.get("message", ())
        self._fire("message", data, sender)
        if listeners and not self._tickets and not self._is_young():
            self._shorten(listeners)

    def _shorten(self, listeners: tuple[Listener, ...]) -> None:
        """From now on do no more with a message than to call these."""
        if len(listeners) > 1:

            def each(data: bytes, sender: Sender) -> None:
                for listener in listeners:
                    listener(data, sender)

            self._hurry("message", listeners, each)
        else:
            self._hurry("message", listeners, listeners[0])

    def _writable(self) -> None:
        """The kernel has room again."""
        while self._queue:
            data, target, on_sent = self._queue[0]
            try:
                if not self._hand_over(data, target):
                    return
            except OSError as error:
                self._send_failed(self._translated(error, target), on_sent)
            else:
                self._done(on_sent, len(data))
            if self._queue:
                self._queue.popleft()
                self._queued -= len(data)
            self._tell_room()
        self._queue_empty()

    # -- sending

    def _transmit(self, data: bytes, target: Any, on_sent: Sent | None) -> bool:
        """Give a datagram to the kernel, or queue it until there is room; False: the queue is full, and it was neither.

        target: None on a connected socket. Raises `NetError` for what the system refuses.
        """
        try:
            sent = not self._queue and self._hand_over(data, target)
        except OSError as error:
            raise self._translated(error, target) from error
        if sent:
            self._done(on_sent, len(data))
            return True
        if self._queued + len(data) > QUEUE:
            return False
        if not self._queue:
            self._sendto = None  # the order is kept: all goes through the queue now
            assert self._channel is not None
            loop.get().add_writer(self._channel, self._writable)
        self._queue.append((data, target, on_sent))
        self._queued += len(data)
        return True

    def _hand_over(self, data: bytes, target: Any) -> bool:
        channel = self._channel
        assert channel is not None
        for again in (True, False):
            try:
                if target is None:
                    channel.send(data)
                else:
                    channel.sendto(data, target)
                return True
            except BlockingIOError:
                return False
            except ConnectionRefusedError as error:
                # The kernel reports here what came back for an earlier datagram; it did not send this one.
                if not again:
                    raise
                loop.get().call_soon(self._failed, error)
                self._read_again()
        return False

    def _queue_empty(self) -> None:
        self._queue.clear()
        self._queued = 0
        if self._channel is not None:
            loop.get().remove_writer(self._channel)
            self._sendto = self._channel.sendto if self._remote is None else None

    def _tell_room(self) -> None:
        rooms, self._rooms = self._rooms, []
        for room in rooms:
            if not room.done():
                room.set_result(None)

    def _done(self, on_sent: Sent | None, size: int) -> None:
        if on_sent is not None:
            self._due.append((on_sent, None, size))
            loop.get().call_soon(self._tell_sent)

    def _tell_sent(self) -> None:
        due, self._due = self._due, []
        for on_sent, error, size in due:
            if error is None and self.closed:
                continue
            try:
                on_sent(error, size)
            except Exception as raised:
                self._report(raised)

    def _send_failed(self, error: NetError, on_sent: Sent | None) -> None:
        """A datagram was not sent: told to its own callback or, after whatever runs now, as an ``error`` event."""
        if on_sent is not None:
            self._due.append((on_sent, error, 0))
            loop.get().call_soon(self._tell_sent)
        else:
            loop.get().call_soon(self._fail, error)

    def _translated(self, error: OSError, target: Any) -> NetError:
        peer = target or self._remote
        return senders.translate(error, in_words(*peer[:2]) if peer else "the peer")

    # -- the kernel's socket

    def _open(self) -> system.socket:
        if self._channel is None:
            with host_of.at(self._host):
                channel = host_of.make_socket(senders.FAMILIES[self.kind], system.SOCK_DGRAM)
                host_of.settle(self)
            channel.setblocking(False)
            if self.kind == "udp6":
                channel.setsockopt(system.IPPROTO_IPV6, system.IPV6_V6ONLY, 1)
            self._channel = channel
        return self._channel

    def _start_reading(self) -> None:
        channel = self._channel
        assert channel is not None
        local = channel.getsockname()
        self._local = pair(local)
        self._thread = get_ident()
        self._receive = channel.recvfrom
        self._sendto = channel.sendto
        loop.get().add_reader(channel, self._readable)

    def leave(self) -> None:
        """Close at once, since the host it is on goes."""
        loop.call(self._close_now, True)

    def _close_now(self, at_once: bool) -> None:
        """Close; the ``close`` event comes at once, or after the handler that runs."""
        raise NotImplementedError

    def _read_again(self) -> None:
        # libuv, on which uvloop stands, gives up a descriptor that once had an error; a UDP socket lives on.
        if self._channel is not None:
            loop.get().remove_reader(self._channel)
            loop.get().add_reader(self._channel, self._readable)
            if self._queue:
                loop.get().remove_writer(self._channel)
                loop.get().add_writer(self._channel, self._writable)

    def _shut(self) -> None:
        """Let go of the kernel's socket: from now on no event but ``close``."""
        self.closed = True
        channel, self._channel = self._channel, None
        self._sendto = self._fast = None
        self._queue.clear()
        self._tell_room()
        if channel is not None:
            if self._local is not None:
                loop.get().remove_reader(channel)
                loop.get().remove_writer(channel)
            channel.close()

    # -- history and captures

    def endpoint(self) -> Ends:
        """(``"server"`` if the program has called bind, else ``"client"``; local; the peer, if there is one)."""
        if self._bound:
            return ("server", self._local, self._remote)
        return ("client", self._local, self._remote or self._peer)

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        source: Any = self
        if name == "message":
            source = _Talk(self, (args[1].address, args[1].port))
        elif name == "send" and self._peer is not None:
            source = _Talk(self, self._peer)
        records.append(Record(now, source, name, size, kind, self._detail(name, args)))

    def _run(self, pieces: int) -> Entry:
        return Entry("message", self._since, self._bytes, pieces, (self._data, self._sender))

    # -- telling

    def _failed(self, error: OSError) -> None:
        if not self.closed:
            self._fail(self._translated(error, None))
