"""A connection's two ends: their addresses, and which of the two is ours.

Rule: asks the transport; changes nothing.
"""

from __future__ import annotations

from typing import Any

from labkit.core import addresses
from labkit.core.emitter import Ends
from labkit.core.watching import Record
from labkit.net.transport import Owner, Transport
from labkit.streams import HIGH_WATER_MARK, Duplex


class Addressed(Duplex):
    """A stream over a transport, whose ends have addresses. server: who accepted it; None for a client."""

    __slots__ = ("_endpoint", "_target", "_transport", "server")

    def __init__(self, server: Owner | None, *, high_water_mark: int = HIGH_WATER_MARK) -> None:
        super().__init__(high_water_mark=high_water_mark, has_cell=server is None)
        self.server = server
        self._transport: Transport | None = None
        self._endpoint: Ends | None = None
        self._target: tuple[str, int] | None = None  # whom a client asked for, before anybody answers

    @property
    def ready_state(self) -> str:
        """``opening``, ``open``, ``readOnly``, ``writeOnly`` or ``closed``."""
        return "closed"

    @property
    def local_address(self) -> str | None:
        """Our address, or None for a Unix socket."""
        local = self.endpoint()[1]
        return local[0] if local else None

    @property
    def local_port(self) -> int | None:
        """Our port, or None for a Unix socket."""
        local = self.endpoint()[1]
        return local[1] if local else None

    @property
    def remote_address(self) -> str | None:
        """The peer's address, or None for a Unix socket."""
        remote = self.endpoint()[2]
        return remote[0] if remote else None

    @property
    def remote_port(self) -> int | None:
        """The peer's port, or None for a Unix socket."""
        remote = self.endpoint()[2]
        return remote[1] if remote else None

    def endpoint(self) -> Ends:
        """(``"client"`` or ``"server"``, local, remote); known while connected, and remembered."""
        if self._endpoint is None:
            who = "client" if self.server is None else "server"
            if self._transport is None:
                return (who, None, self._target)
            names = [self._transport.get_extra_info(each) for each in ("sockname", "peername")]
            local, remote = ((str(n[0]), int(n[1])) if isinstance(n, tuple) else None for n in names)
            self._endpoint = (who, local, remote)
        return self._endpoint

    def __repr__(self) -> str:
        who, local, remote = self.endpoint()
        if local is None or remote is None:
            return f"<{who} socket, {self.ready_state}>"
        return f"<{who} socket {addresses.in_words(*local)} to {addresses.in_words(*remote)}, {self.ready_state}>"

    def _watched(
        self, records: list[Record], now: int, name: str, size: int | None, kind: str, args: tuple[Any, ...]
    ) -> None:
        if name != "finish":  # on a time axis it says no more than the call of end beside it
            super()._watched(records, now, name, size, kind, args)
