"""A UDP socket's port: how it gets one, what it is called, and its options.

Rule: the port and facts only; what is sent and received is elsewhere.
"""

from __future__ import annotations

import os
import socket as system
from typing import Any, Self

from labkit.core import addresses, checks, loop
from labkit.core import host as host_of
from labkit.core.addresses import in_words
from labkit.core.errors import LabError, NetError, NotOpen, PortInUse
from labkit.dgram import sender as senders
from labkit.dgram.receiving import Receiving
from labkit.dgram.sender import LOOPBACK

_running: dict[Any, Binding] = {}


class Binding(Receiving):
    """What `Socket` knows of its own port; see there."""

    __slots__ = ()

    def set_broadcast(self, on: bool = True) -> Self:
        """Allow sending to a broadcast address (SO_BROADCAST)."""
        return self._set(system.SOL_SOCKET, system.SO_BROADCAST, int(checks.flag(on, "on")))

    def set_ttl(self, hops: int) -> Self:
        """Let a datagram pass this many routers at most, 1 to 255. Source: RFC 791 §3.2 (time to live)."""
        checks.whole(hops, "a number of hops", 1, 255)
        if self.kind == "udp6":
            return self._set(system.IPPROTO_IPV6, system.IPV6_UNICAST_HOPS, hops)
        return self._set(system.IPPROTO_IP, system.IP_TTL, hops)

    def set_recv_buffer_size(self, size: int) -> Self:
        """Ask for this many bytes of the kernel for what waits to be received (SO_RCVBUF; it may give fewer)."""
        return self._set(system.SOL_SOCKET, system.SO_RCVBUF, checks.whole(size, "a number of bytes", 1, 2**31 - 1))

    def set_send_buffer_size(self, size: int) -> Self:
        """Ask for this many bytes of the kernel for what waits to be sent (SO_SNDBUF; it may give fewer)."""
        return self._set(system.SOL_SOCKET, system.SO_SNDBUF, checks.whole(size, "a number of bytes", 1, 2**31 - 1))

    def _set(self, level: int, option: int, value: int) -> Self:
        self._check_open()
        loop.call(lambda: self._open_or_raise().setsockopt(level, option, value))
        return self

    @property
    def port(self) -> int:
        """The port of this socket, also after its end; raises `NotOpen` if it never had one."""
        if self._local is None:
            raise NotOpen("this socket has no port yet", "bind() it, or send something.")
        return self._local[1]

    def address(self) -> tuple[str, int]:
        """(address, port) of this socket; raises `NotOpen` if it is closed or not bound."""
        self._check_open()
        if self._local is None:
            raise NotOpen("this socket has no address yet", "bind() it, or send something.", code="EBADF")
        return self._local

    def remote_address(self) -> tuple[str, int]:
        """(address, port) of the peer; raises `LabError` if the socket is not connected."""
        if self._remote is None:
            raise LabError(
                "this socket is not connected", "connect() comes first.", code="ERR_SOCKET_DGRAM_NOT_CONNECTED"
            )
        return self._remote

    def __repr__(self) -> str:
        text = f"{self.kind} socket" + (f" {in_words(*self._local)}" if self._local is not None else "")
        text += f" to {in_words(*self._remote)}" if self._remote is not None else ""
        return f"<{text}{', closed' if self.closed else ', not bound' if self._local is None else ''}>"

    # -- inside

    def _check_open(self) -> None:
        if self.closed:
            raise NotOpen("this socket is closed", "Make a new one.", code="ERR_SOCKET_DGRAM_NOT_RUNNING")

    def _bind_now(self, port: int, address: str, replace: bool, *, by_program: bool = True) -> None:
        with host_of.at(self._host):
            self._bind_here(port, address, replace, by_program)

    def _bind_here(self, port: int, address: str, replace: bool, by_program: bool) -> None:
        if (refusal := senders.check_family(self.kind, address)) is not None:
            raise refusal
        sockaddr = senders.local_sockaddr(self.kind, address, port)
        key = (host_of.here(), *sockaddr[:2])
        earlier = _running.get(key)
        if earlier is not None and replace:
            earlier._close_now(True)
        elif earlier is not None:
            raise PortInUse(
                f"UDP port {in_words(*sockaddr[:2])} is taken by another socket of this program",
                "close() it first, or bind(0) for any free port.",
            )
        fresh = self._channel is None
        channel = self._open_or_raise()
        try:
            senders.bind(channel, sockaddr)
        except NetError:
            # It can be bound again, as in Node, which keeps the kernel's socket. Here nothing is left open that nobody
            # would close; but one that was there before has options set, and stays with them.
            if fresh:
                self._channel = None
                channel.close()
            raise
        self._bound = by_program
        self._start_reading()
        self._key = (host_of.here(), *(self._local or ()))
        _running[self._key] = self

    def _open_or_raise(self) -> system.socket:
        try:
            return self._open()
        except OSError as error:  # too many files are open, or there is no IPv6
            raise senders.translate(error, f"a {self.kind} socket") from error

    def _tell_listening(self) -> None:
        if not self.closed or not self._bound:  # Node tells of a port it has chosen itself also when closed meanwhile
            self._fire("listening")

    def _bind_for(self, where: str | None, port: int | None, at_once: bool) -> None:
        """Take a free port, on the address that the kernel would send from. For a peer on loopback that is loopback."""
        own = LOOPBACK[self.kind]
        if where is None:
            own = "0.0.0.0" if self.kind == "udp4" else "::"
        elif not addresses.is_loopback(where):
            try:
                with (
                    host_of.at(self._host),
                    host_of.make_socket(senders.FAMILIES[self.kind], system.SOCK_DGRAM) as probe,
                ):
                    probe.setsockopt(system.SOL_SOCKET, system.SO_BROADCAST, 1)
                    # sends nothing: the kernel looks for the way there, and says from which address
                    probe.connect(addresses.sockaddr(where, port or 9))
                    own = addresses.pair(probe.getsockname())[0]
            except OSError as error:
                raise senders.translate(error, in_words(where, port or 0)) from error
        self._bind_now(0, own, False, by_program=False)
        self._soon(at_once, self._tell_listening)

    def _close_now(self, at_once: bool) -> None:
        if self.closed:
            return
        self._called("close")
        self._end_run()
        self._shut()
        if _running.get(self._key) is self:
            del _running[self._key]
        self._soon(at_once, self._fire, "close")


def close_everything() -> int:
    """Close every UDP socket of this process; returns how many of them were servers (had called bind)."""
    sockets = tuple(_running.values())
    for each in sockets:
        each.leave()
    return sum(each._bound for each in sockets)


def _shut_everything() -> None:
    for each in tuple(_running.values()):
        each._shut()


loop.at_exit(_shut_everything)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)  # they are the parent's
