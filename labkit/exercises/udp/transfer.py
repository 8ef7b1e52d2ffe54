"""Stop-and-wait over real sockets: drives a sender such as the exercise's, and receives what it sends.

Rule: sockets, timeouts and frames are here; the sender alone decides which piece is sent when.
"""

from __future__ import annotations

import selectors
import socket as system
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from labkit.core.errors import LabError
from labkit.exercises.udp.sending import Sender

if TYPE_CHECKING:
    from labkit.lab.wire import Wire  # for the types only: to import it takes longer than all exercises of UDP

NUMBER = struct.Struct("!I")
"""The frame's header: the number of the piece, 4 bytes; the piece follows. An ack is the number alone."""

TRIES = 50
"""Timeouts in a row after which a transfer is given up."""

LARGEST = 65507
"""Bytes of payload that a UDP datagram in IPv4 can carry: 65535 without the two headers."""

Maker = Callable[[list[bytes], Callable[[int, bytes], None]], Any]


def reliable(
    pieces: Sequence[bytes],
    client_socket: system.socket,
    server_address: tuple[Any, ...],
    timeout: float = 0.05,
    sender: Maker = Sender,
) -> int:
    """Send these pieces to a `serve_reliable` by stop-and-wait; returns when the sender is done.

    client_socket: an ordinary UDP socket; its own timeout is put back at the end. server_address: as for ``sendto``.
    timeout: seconds without an ack after which the sender is told. sender: a class such as the one of the exercise
    ``udp.stop_and_wait``. Returns the number of datagrams sent.
    Raises `LabError` if `TRIES` timeouts in a row bring no ack that the sender acts on; it says whether acks came.
    """
    address = _resolved(client_socket, server_address)
    sent = 0

    def send(number: int, piece: bytes) -> None:
        nonlocal sent
        sent += 1
        with suppress(ConnectionError):  # nobody listens on the port yet, so the piece is lost
            client_socket.sendto(NUMBER.pack(number) + piece, address)

    driven = sender(list(pieces), send)
    before = client_socket.gettimeout()
    tries = idle = 0  # timeouts in a row, and acks meanwhile for which nothing was sent
    try:
        _leave_aside(client_socket)
        driven.start()
        deadline = monotonic() + timeout
        while not driven.done:
            count = sent
            number = _ack(client_socket, address, deadline)
            if number is None:
                tries += 1
                if tries > TRIES:
                    raise LabError(f"no ack has moved this transfer for {TRIES} timeouts of {timeout:g} s",
                                   _advice(driven, idle))
                driven.timed_out()
                deadline = monotonic() + timeout
                continue
            driven.acked(number)
            idle += 1
            if sent > count:  # an old ack must not prolong the wait
                tries = idle = 0
                deadline = monotonic() + timeout
    finally:
        client_socket.settimeout(before)
    return sent


def _advice(driven: Any, idle: int) -> str:
    """Whose fault it may be. idle: acks for which the sender sent nothing."""
    if not idle:
        return "Does serve_reliable() run at this address? It takes one transfer: start a new one."
    name = type(driven).__name__
    times = f"{idle} times" if idle > 1 else "once"
    return (
        f"Acks came: acked() of {name} was called {times}, and sent nothing. exercises.udp.stop_and_wait.check({name}) "
        "tells whether it goes on when it should. Else serve_reliable() may hold another transfer: start a new one."
    )


def _resolved(client_socket: system.socket, address: tuple[Any, ...]) -> tuple[Any, ...]:
    """The address in numbers, as ``recvfrom`` will name it."""
    found = system.getaddrinfo(address[0], address[1], client_socket.family, system.SOCK_DGRAM)
    resolved: tuple[Any, ...] = found[0][4]
    return resolved


def _leave_aside(client_socket: system.socket) -> None:
    """Throw away the datagrams that came before: an ack of an earlier transfer would count for this one."""
    client_socket.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            with suppress(ConnectionError):
                client_socket.recv(LARGEST)


def _ack(client_socket: system.socket, address: tuple[Any, ...], deadline: float) -> int | None:
    """The number in the next ack of the server's; None when the deadline passes. Other datagrams are left aside."""
    while (left := deadline - monotonic()) > 0:
        client_socket.settimeout(left)
        try:
            datagram, source = client_socket.recvfrom(LARGEST)
        except TimeoutError:
            return None
        except ConnectionError:  # an ICMP "port unreachable" came for a datagram sent before
            continue
        if source[:2] == address[:2] and len(datagram) == NUMBER.size:
            return int(NUMBER.unpack(datagram)[0])
    return None


def send_over(wire: Wire, pieces: Sequence[bytes], port: int, sender: Maker | None = None) -> int:
    """Send pieces by stop-and-wait from the client's host of a wire to its server's host, over real sockets.

    port: of the server. sender: as in `reliable`; None: that of the solution. Returns the number of datagrams sent.
    Raises `LabError` as `reliable` does.
    """
    target = (wire.server.address, port)
    receiving = wire.server.socket(kind=system.SOCK_DGRAM)
    receiving.bind(target)
    with wire.client.socket(kind=system.SOCK_DGRAM) as sending, serve_reliable(receiving):
        return reliable(pieces, sending, target, sender=sender or Sender)


class Receiver:
    """Receives one transfer in a thread of its own, until `close`; also a context manager.

    pieces: what has arrived, in order. thrown_away: copies of what it had. datagrams: all that arrived.
    """

    def __init__(self, socket: system.socket) -> None:
        self.pieces: list[bytes] = []
        self.thrown_away = 0
        self.datagrams = 0
        self._socket = socket
        self._peer: tuple[Any, ...] | None = None
        socket.setblocking(False)
        self._stop, self._stopped = system.socketpair()  # closing a socket would not wake a thread that waits on it
        self._thread = threading.Thread(target=self._run, name="labkit-receiver", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop receiving and close the socket; `pieces` stay. It may be closed twice."""
        self._stop.close()
        self._thread.join()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._socket, self._stopped:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                # BlockingIOError: the kernel threw the datagram away. ConnectionError: the peer's port is gone.
                with suppress(BlockingIOError, ConnectionError):
                    self._take(*self._socket.recvfrom(LARGEST))

    def _take(self, datagram: bytes, source: tuple[Any, ...]) -> None:
        """Keep the piece waited for, throw away one that is there, acknowledge both."""
        self.datagrams += 1
        if len(datagram) < NUMBER.size or (self._peer is not None and source != self._peer):
            return
        number = NUMBER.unpack_from(datagram)[0]
        if number > len(self.pieces):  # no stop-and-wait sender does this; an ack would confirm pieces that are missing
            return
        if number == len(self.pieces):
            self._peer = source
            self.pieces.append(datagram[NUMBER.size :])
        else:
            self.thrown_away += 1
        self._socket.sendto(NUMBER.pack(number), source)


def serve_reliable(socket: system.socket) -> Receiver:
    """Receive one transfer of `reliable` on this bound UDP socket, from the first client that begins one.

    Returns at once: ``.pieces`` grows as they arrive, ``.close()`` stops it and closes the socket.
    """
    return Receiver(socket)
