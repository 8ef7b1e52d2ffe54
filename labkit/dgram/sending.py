"""Sending a datagram: from a cell, from a handler, to a name, when the kernel has no room.

Rule: decides when and where to; receiving.py hands the bytes to the kernel.
"""

from __future__ import annotations

import asyncio
from threading import get_ident
from time import time_ns
from typing import Self

from labkit.core import addresses, checks, loop, watching
from labkit.core.addresses import in_words, pair
from labkit.core.errors import LabError, NetError, TimedOut
from labkit.core.listeners import in_cell
from labkit.dgram import sender as senders
from labkit.dgram.binding import Binding
from labkit.dgram.receiving import Sent
from labkit.dgram.sender import LOOPBACK

SEND_TIMEOUT = 10.0
"""Seconds a cell waits in `Socket.send` for room in the kernel."""


class Sending(Binding):
    """What `Socket` sends with; see there."""

    __slots__ = ()

    def send(
        self,
        data: bytes | bytearray | memoryview | str,
        port: int | None = None,
        address: str | None = None,
        *,
        offset: int = 0,
        length: int | None = None,
        on_sent: Sent | None = None,
    ) -> Self:
        """Send one datagram; that it arrives, nobody promises.

        data: bytes; text is sent as UTF-8; none at all is a datagram too. offset, length: send only this piece, in
        bytes. port, address: where to (address None: this machine); neither on a connected socket. A socket that is
        not bound gets a free port first. on_sent: called with (None, bytes) when the kernel has it, or (error, 0).

        An error of the system (`NetError`: EMSGSIZE, a name without address, no way to there) goes to on_sent; without
        one it is raised in a cell, and in a handler is an ``error`` event. Where the kernel has no room (a slow
        interface; never loopback), a cell waits and a handler's datagrams are queued, up to 256 KiB; more are dropped.
        Raises `LabError` for an impossible port, a piece outside of the data, a closed socket.
        """
        if type(data) is not bytes or offset != 0 or length is not None:
            data = senders.piece(data, offset, length)
        if (
            address == self._numeric and (sendto := self._sendto) is not None and on_sent is None and type(port) is int
            and get_ident() == self._thread and not watching.watchers
        ):  # fmt: skip
            # The path of every answer of a busy server. Whatever is wrong is looked at on the long one.
            try:
                sendto(data, (address, port))
                return self
            except (OSError, OverflowError):
                pass
        where = self._check_target(port, address)
        on_sent = None if on_sent is None else in_cell(checks.function(on_sent, "on_sent"))
        if not loop.inside():
            self._send_from_cell(data, port, where, on_sent)
        elif where is None or senders.is_numeric(self.kind, where) or senders.check_family(self.kind, where):
            self._send_in_handler(data, port, where, on_sent)
        else:
            loop.spawn(self._send_to_name(data, port or 0, where, on_sent))
        return self

    def _check_target(self, port: int | None, address: str | None) -> str | None:
        """The address to send to, None if the socket is connected; raises `LabError`."""
        self._check_open()
        if self._remote is not None:
            if port is None and address is None:
                return None
            raise LabError(
                f"this socket is connected to {in_words(*self._remote)}, and sends nowhere else",
                "Leave port and address out, or disconnect() first.", code="ERR_SOCKET_DGRAM_IS_CONNECTED",
            )  # fmt: skip
        senders.check_port(port)
        return addresses.check_host(LOOPBACK[self.kind] if address is None else address)

    def _send_from_cell(self, data: bytes, port: int | None, where: str | None, on_sent: Sent | None) -> None:
        try:
            if where is not None and not senders.is_numeric(self.kind, where):
                if (refusal := senders.check_family(self.kind, where)) is not None:
                    raise refusal
                where = pair(loop.run(senders.resolve(self.kind, where, port or 0)))[0]
            while not loop.call(self._send_now, data, port, where, on_sent, True):
                self._wait_for_room()
        except NetError as error:
            if on_sent is not None:
                loop.call(self._send_failed, error, on_sent)
            elif (raised := loop.call(self._outcome, error, True)) is not None:
                raise raised  # noqa: B904  # it is the same error

    def _wait_for_room(self) -> None:
        """Wait until the kernel has taken something of what is queued."""
        try:
            loop.run(self._room(), SEND_TIMEOUT)
        except TimedOut:
            raise TimedOut(
                f"the kernel took nothing more for {SEND_TIMEOUT:g} s", "Is the interface cut, or very slow?"
            ) from None

    async def _room(self) -> None:
        if self._queue:
            room = asyncio.get_running_loop().create_future()
            self._rooms.append(room)
            await room

    def _send_in_handler(self, data: bytes, port: int | None, where: str | None, on_sent: Sent | None) -> None:
        try:
            if where is not None and (refusal := senders.check_family(self.kind, where)) is not None:
                if self._local is None:  # as in Node, which takes a port first
                    self._bind_for(LOOPBACK[self.kind], port, False)
                raise refusal
            if not self._send_now(data, port, where, on_sent, False):
                self.dropped += 1
                if on_sent is not None:
                    full = NetError("too much waits to be sent already: dropped", "Send less.", code="ENOBUFS")
                    self._send_failed(full, on_sent)
        except NetError as error:
            self._send_failed(error, on_sent)

    async def _send_to_name(self, data: bytes, port: int, name: str, on_sent: Sent | None) -> None:
        try:
            if self._local is None:
                self._bind_for(
                    LOOPBACK[self.kind] if name == "localhost" else None, port, False
                )  # as Node: before the name
            where = pair(await senders.resolve(self.kind, name, port))[0]
        except NetError as error:
            if not self.closed:
                self._send_failed(error, on_sent)
            return
        if not self.closed:
            self._send_in_handler(data, port, where, on_sent)

    def _send_now(
        self, data: bytes, port: int | None, where: str | None, on_sent: Sent | None, from_cell: bool
    ) -> bool:
        self._check_open()
        if self._local is None:
            self._bind_for(where, port, from_cell)
        if (refusal := senders.check_size(self.kind, len(data))) is not None:
            raise refusal
        target = None
        if where is not None and port is not None:
            self._peer = target = (where, port)
            if "%" in where:
                target = senders.scoped(where, port)
            else:
                self._numeric = where
        called_ns = time_ns()  # before the kernel has it: what the datagram causes may come before the kernel returns
        if not self._transmit(data, target, on_sent):
            return False
        for records in watching.watchers:
            self._watched(records, called_ns, "send", len(data), "call", ())
        return True
