"""Node's dgram.Socket: what a program can do with a UDP socket, which is server and client in one.

Rule: Node's methods and properties; what the event loop reports arrives in receiving.py; no protocol is known here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from labkit.core import addresses, cell, checks, loop
from labkit.core import host as host_of
from labkit.core.addresses import in_words, pair
from labkit.core.calls import in_words as told_in_words
from labkit.core.calls import made_in_words
from labkit.core.errors import LabError, NetError
from labkit.core.notebook import in_notebook
from labkit.dgram import binding
from labkit.dgram import sender as senders
from labkit.dgram.sender import LOOPBACK, Sender
from labkit.dgram.sending import Sending


@made_in_words
class Socket(Sending):
    """A UDP socket; ``listening``, ``message``, ``connect``, ``error`` and ``close`` tell its story.

    A listener of ``message`` gets the data and its `Sender`. There is no connection: whoever knows the port can send,
    and one socket talks to many peers. Nobody tells of a datagram that is lost. Nothing is queued on the way in: what
    comes faster than the handlers run is dropped by the kernel when its buffer is full.

    kind: ``"udp4"`` or ``"udp6"``. dropped: datagrams that `send` gave up because too many waited for the kernel.
    Source: RFC 768.
    """

    __slots__ = ("_cell",)

    # -- receiving

    @told_in_words
    def bind(
        self,
        port: int = 0,
        address: str | None = None,
        *,
        on_listening: Callable[[], Any] | None = None,
        expose: bool = False,
        replace: bool | None = None,
    ) -> Socket:
        """Receive what comes to a port (0: any free one) of an address.

        address: None for this machine's loopback, on a host at the end of a wire for the host's own. expose: must be
        True for an address that other machines can reach. replace: whether a socket this process has on the same port
        is closed first (None: in a notebook yes, so that a cell can be run again; if that socket is another cell's, a
        line says so).
        From a cell it returns after ``listening``, or raises `PortInUse`, `PermissionDenied`, `AddressUnavailable`;
        where somebody listens to ``error``, that is emitted in place of it. From a handler it is always emitted.
        """
        self._check_open()
        if self._local is not None:
            raise LabError("this socket is already bound", "Make another one.", code="ERR_SOCKET_ALREADY_BOUND")
        addresses.check_port(port)
        with host_of.at(self._host):
            here = host_of.current()
            if address is None:
                address = LOOPBACK[self.kind] if here is None or self.kind == "udp6" else here.address
            where = addresses.check_host(address)
            exposed = addresses.is_exposed(where)
        if not checks.flag(expose, "expose") and exposed:
            raise addresses.warning(where, port, "bind")
        replace = in_notebook() if replace is None else checks.flag(replace, "replace")
        if on_listening is not None:
            self.once("listening", on_listening)
        from_cell = not loop.inside()
        self._cell = cell.current() if from_cell else None
        replaces = replace and cell.differ(self._cell, self._cell_at(where, port))

        def now() -> NetError | None:
            try:
                self._bind_now(port, where, replace)
            except NetError as error:
                return self._outcome(error, from_cell, soon=True)
            self._overcome("error")
            if exposed:
                addresses.tell_exposed(where, self.port, "send")
            self._soon(from_cell, self._tell_listening)
            return None

        error = loop.call(now)
        if error is not None:
            if on_listening is not None:
                self.off("listening", on_listening)
            raise error
        if replaces and self._local is not None:
            addresses.tell_replaced(f"UDP port {in_words(where, port)}", "socket")
        return self

    def _cell_at(self, where: str, port: int) -> cell.Cell | None:
        """The cell whose socket has this port now."""
        if self._cell is None:
            return None
        with suppress(NetError), host_of.at(self._host):  # bind will tell
            key = (host_of.here(), *senders.local_sockaddr(self.kind, where, port)[:2])
            return getattr(binding._running.get(key), "_cell", None)
        return None

    # -- connected sockets

    @told_in_words
    def connect(self, port: int, address: str | None = None, on_connect: Callable[[], Any] | None = None) -> Socket:
        """Have one peer only: `send` needs no address, others are not heard, and the peer's refusals are reported.

        address: None for this machine. No packet is sent for it. A datagram that reaches a port nobody listens on comes
        back as ICMP's "port unreachable": on a connected socket that is an ``error`` event, `ConnectionRefused`.
        From a cell it returns after ``connect``, or raises. Source: RFC 1122 §4.1.3.3 (ICMP messages).
        """
        self._check_open()
        if self._remote is not None or self._connecting:
            raise LabError(
                "this socket is already connected", "disconnect() first.", code="ERR_SOCKET_DGRAM_IS_CONNECTED"
            )
        senders.check_port(port)
        where = addresses.check_host(LOOPBACK[self.kind] if address is None else address)
        if on_connect is not None:
            self.once("connect", on_connect)
        self._connecting = True
        from_cell = not loop.inside()
        connecting = self._connect(port, where, from_cell)
        if not from_cell:
            loop.spawn(connecting)
            return self
        error = loop.run(connecting)
        if error is not None:
            if on_connect is not None:
                self.off("connect", on_connect)
            raise error
        return self

    async def _connect(self, port: int, where: str, from_cell: bool) -> NetError | None:
        try:
            if (refusal := senders.check_family(self.kind, where)) is not None:
                raise refusal
            numeric = senders.is_numeric(self.kind, where)
            if self._local is None:
                own = where if numeric else LOOPBACK[self.kind] if where == "localhost" else None
                self._bind_for(own, port, from_cell)
            target = senders.scoped(where, port) if numeric else await senders.resolve(self.kind, where, port)
            if self._channel is None:
                return None  # closed meanwhile
            try:
                self._channel.connect(target)
            except OSError as error:
                raise senders.translate(error, in_words(where, port)) from error
        except NetError as error:
            return None if self.closed else self._outcome(error, from_cell, soon=True)
        finally:
            self._connecting = False
        self._remote = pair(target)
        local = self._channel.getsockname()
        self._local = pair(local)
        self._sendto = None
        self._called("connect")
        self._soon(from_cell, self._tell_connected)
        return None

    def _tell_connected(self) -> None:
        if not self.closed:
            self._fire("connect")

    def disconnect(self) -> Socket:
        """Be open to all peers again, on the same port. Raises `LabError` if the socket is not connected."""
        self._check_open()

        def now() -> None:
            if self._remote is None or self._channel is None or self._local is None:
                raise LabError(
                    "this socket is not connected", "connect() comes first.", code="ERR_SOCKET_DGRAM_NOT_CONNECTED"
                )
            import ctypes

            # Python cannot ask for it: connect(2) to an address of no family (sixteen zero bytes).
            ctypes.CDLL(None).connect(self._channel.fileno(), bytes(16), 16)
            if self._channel.getsockname()[1] != self._local[1]:
                senders.bind(self._channel, self._local)  # Linux gives back a port that it had chosen itself
            self._remote = None
            if not self._queue:
                self._sendto = self._channel.sendto

        loop.call(now)
        return self

    # -- the end

    def close(self, on_close: Callable[[], Any] | None = None) -> Socket:
        """Receive no more, not even what has arrived and was not yet delivered; emits ``close``.

        Closing a second time does nothing, so that a cell can be run again.
        """
        if on_close is not None and not self.closed:
            self.once("close", on_close)
        from_cell = not loop.inside()

        loop.call(self._close_now, from_cell)
        return self

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@told_in_words
def create_socket(kind: str = "udp4", on_message: Callable[[bytes, Sender], Any] | None = None) -> Socket:
    """Make a UDP socket. kind: ``"udp4"`` or ``"udp6"``. on_message: same as ``socket.on("message", ...)``."""
    made = Socket(kind)
    if on_message is not None:
        made.on("message", on_message)
    return made
