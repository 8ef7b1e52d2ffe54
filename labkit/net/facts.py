"""What can be asked of a connection: its state, its addresses, how much waits to be sent.

Rule: asks, changes nothing.
"""

from __future__ import annotations

from labkit.net import address
from labkit.net.flow import Flow


class Facts(Flow):
    """What `Socket` tells of itself; see there."""

    __slots__ = ()

    @property
    def writable_length(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        if self.connecting:
            return self.bytes_written
        return 0 if self._transport is None or self.closed else int(self._transport.get_write_buffer_size())

    @property
    def ready_state(self) -> str:
        """``opening``, ``open``, ``readOnly`` (we ended), ``writeOnly`` (the peer ended) or ``closed``, as in Node."""
        if self.connecting:
            return "opening"
        if self.closed or self._transport is None:
            return "closed"
        return {(False, False): "open", (True, False): "readOnly", (False, True): "writeOnly"}.get(
            (self._finished, self._ended), "closed"
        )

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

    def __repr__(self) -> str:
        who, local, remote = self.endpoint()
        if local is None or remote is None:
            return f"<{who} socket, {self.ready_state}>"
        return f"<{who} socket {address.in_words(*local)} to {address.in_words(*remote)}, {self.ready_state}>"
