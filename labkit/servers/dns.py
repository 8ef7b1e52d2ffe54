"""The DNS server: it answers for a zone, by UDP and by TCP on the same port (T-2.3).

Rule: short enough to be read in a lesson; what a message means is the business of `labkit.dns`.
"""

from __future__ import annotations

from labkit import dgram, net
from labkit.core.addresses import in_words
from labkit.core.errors import LabError, PortInUse
from labkit.dns import EXAMPLE, QUERY_SIZE, Zone

PORT = 5300
"""DNS has port 53, which needs rights you may not have; 5353 belongs to mDNS."""

IDLE = 10.0
"""Seconds after which a TCP connection without traffic is closed (RFC 7766 §6.2.3)."""

CONNECTIONS = 100
"""TCP connections at once: more are closed at once, and UDP goes on."""


class Server:
    """A DNS server for one zone; ``listen(5300)`` opens its port for UDP and for TCP."""

    def __init__(self, zone: Zone) -> None:
        if not isinstance(zone, Zone):
            raise LabError(f"{repr(zone)[:60]} is not a zone", "Make one of lines of text: dns.Zone.parse(text).")
        self.zone = zone
        self._tcp: net.Server | None = None
        self._udp: dgram.Socket | None = None

    def listen(
        self, port: int = 0, host: str = "127.0.0.1", *, path: str | None = None, expose: bool = False
    ) -> Server:
        """Answer queries on this port (0: any that is free for both), and return when it is open.

        Raises `PortInUse` where UDP or TCP has it taken. expose: must be True for a host others can reach.
        """
        if path is not None:
            raise LabError("DNS is asked over a network, not over a path", "Give a port: listen(5300).")
        if self._tcp is not None:
            raise LabError("this server already listens", "Close it first, or create another one.")
        for attempts_left in reversed(range(20)):
            tcp = net.create_server(self._converse, max_connections=CONNECTIONS).listen(port, host, expose=expose)
            address = tcp.address()
            assert isinstance(address, tuple)
            udp = dgram.create_socket("udp6" if ":" in address[0] else "udp4", self._message)
            try:
                udp.bind(tcp.port, address[0], expose=expose)
            except PortInUse:  # free for TCP, but taken for UDP
                tcp.close()
                udp.close()
                if port or not attempts_left:
                    raise
            else:
                self._tcp, self._udp = tcp, udp
                break
        return self

    def _message(self, query: bytes, sender: dgram.Sender) -> None:
        """UDP: a datagram is a message."""
        answer = self.zone.answer(query, "udp")
        if answer is not None and sender.port and self._udp is not None:
            self._udp.send(answer, sender.port, sender.address)

    def _converse(self, socket: net.Socket) -> None:
        """TCP: before each message two bytes say how long it is, for TCP keeps no boundaries (RFC 1035 §4.2.2)."""
        waiting = bytearray()

        def answer_all() -> None:
            while len(waiting) >= 2 and not socket.closed:
                size = int.from_bytes(waiting[:2], "big")
                if size > QUERY_SIZE:
                    socket.destroy()
                if size > QUERY_SIZE or len(waiting) < 2 + size:
                    return
                query = bytes(waiting[2 : 2 + size])
                del waiting[: 2 + size]
                answer = self.zone.answer(query, "tcp")
                if answer is None:  # no query: who sends such a thing is not worth a connection
                    socket.destroy()
                elif not socket.write(len(answer).to_bytes(2, "big") + answer):
                    socket.pause()  # the peer does not read: answer no more until it does
                    return

        @socket.on("data")
        def read(data: bytes) -> None:
            waiting.extend(data)
            answer_all()

        @socket.on("drain")
        def go_on() -> None:
            socket.resume()
            answer_all()

        @socket.on("error")
        def gone(error: Exception) -> None:
            """The connection was reset: its end, not the server's."""

        socket.set_timeout(IDLE, socket.destroy)

    @property
    def port(self) -> int:
        """The port it listens on; 0 if it does not listen."""
        return 0 if self._tcp is None else self._tcp.port

    def address(self) -> tuple[str, int] | str | None:
        """(address, port) it listens on, or None."""
        return None if self._tcp is None else self._tcp.address()

    def __repr__(self) -> str:
        where = self.address()
        if not isinstance(where, tuple):
            return f"<DNS server for {self.zone.origin}, not listening>"
        return f"<DNS server for {self.zone.origin} on {in_words(*where)}, UDP and TCP>"

    def close(self) -> Server:
        """Stop: close the port and cut the connections."""
        tcp, udp, self._tcp, self._udp = self._tcp, self._udp, None, None
        if udp is not None:
            udp.close()
        if tcp is not None:
            tcp.close()
            tcp.close_all_connections()
        return self

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create(zone: Zone = EXAMPLE) -> Server:
    """Make the DNS server, for the zone ``lab.example`` or one of your own; it serves after ``listen(5300)``."""
    return Server(zone)
