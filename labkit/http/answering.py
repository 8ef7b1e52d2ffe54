"""The half of a served connection that sends: the responses, in the order of their requests.

Rule: collects the bytes of responses, sends them together, and tells responses when they are gone; reads nothing.
"""

from __future__ import annotations

from typing import Any

from labkit.core import loop
from labkit.http.response import ServerResponse
from labkit.net import Socket
from labkit.streams.states import ENDING, OPEN

FLUSH = 65536
"""Bytes that are collected at most before they go down to the socket."""


class Answering:
    """The responses of one connection. A subclass reads the requests.

    since: when the present wait began (for the next request, or for the rest of this one), by the server's clock.
    answered: responses sent.
    """

    _parser: Any  # the subclass's; `RequestParser.alone`: nothing came behind the request that is read

    __slots__ = (
        "_advancing", "_corked", "_ending", "_flush_is_due", "_last_words", "_out", "_out_size", "_queue",
        "_told", "_waiting", "answered", "server", "since", "socket",
    )  # fmt: skip

    def __init__(self, server: Any, socket: Socket) -> None:
        self.server, self.socket = server, socket
        self._queue: list[ServerResponse] = []  # not fully sent yet, in the order of their requests
        self._out: list[bytes] = []  # collected, to leave together
        self._out_size = 0
        self._corked = self._flush_is_due = self._advancing = self._ending = False
        self._told = False  # in this turn a response was sent whose finish somebody waits for
        self._waiting: tuple[Any, ...] = ()  # messages that want to hear when all is with the kernel
        self._last_words: bytes | None = None  # the answer to what is not HTTP, behind the answers that are due
        self.answered = 0
        self.since = 0.0

    # -- what the subclass does

    def _is_left(self) -> bool:
        """Whether something that has come is still to be read."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """Read what has come and was not read, if it may be read."""
        raise NotImplementedError

    def _finish(self) -> None:
        """Send the end, and read nothing more."""
        raise NotImplementedError

    # -- what a response asks (see Carrier)

    def _send(self, data: bytes) -> None:
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size > FLUSH:
            self._flush()
        elif not self._corked and not self._flush_is_due:
            self._flush_is_due = True  # as in Node, what is written in one turn leaves together
            loop.get().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        out = self._out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._out_size = 0
            socket = self.socket
            if socket._writing < ENDING and not socket.closed and not socket.destroyed:
                socket._write_now(data)
        if self._waiting:
            if self.socket.writable_length:
                self._ask()
            else:
                self._emptied()

    def answer(self, response: ServerResponse, wire: bytes) -> None:
        """Take all of the response whose turn it is, its last byte included; the connection stands afterwards."""
        queue = self._queue
        if self._corked and len(queue) == 1 and not self._ending and self._last_words is None:
            queue.clear()
            self.answered += 1
            socket = self.socket
            if (
                self._parser.alone and socket._sink is not None and not self._out and not self._waiting
                and socket._idle is None and not socket._corked and socket._writing is OPEN
            ):  # nothing else leaves in this turn; as `Writable._write_now`
                socket._written += len(wire)
                socket._sink(wire)
            else:
                self._send(wire)
        else:
            self._send(wire)
            self.sent(response)

    def below(self) -> int:
        """See `Carrier.below`."""
        return self._out_size + self.socket.writable_length

    def is_full(self) -> bool:
        """See `Carrier.is_full`."""
        return self.socket._blocked or self.below() > self.socket.high_water_mark

    def ask_to_hear(self, message: Any) -> None:
        """See `Carrier.ask_to_hear`."""
        if message not in self._waiting:
            self._waiting = (*self._waiting, message)
        if not self._out:
            self._ask()

    def _ask(self) -> None:
        socket = self.socket
        if socket.closed or socket.destroyed:
            return
        if socket.writable_length:
            socket._blocked = True  # so that drain comes
            socket._hear_when_empty()
        else:
            loop.get().call_soon(self._emptied)

    def _emptied(self) -> None:
        if self._out:
            return  # `_flush` asks again
        waiting, self._waiting = self._waiting, ()
        for message in waiting:
            message._empty()
        if not self._corked and self._is_left():
            self._go_on()

    def sent(self, message: Any) -> None:
        """See `Carrier.sent`: the next response has its turn, or the connection ends."""
        self._queue.pop(0)
        self.answered += 1
        if message._asleep < 0 and message._listeners:
            self._told = True
        if (message._asleep < 0 and message.closes) or (self._ending and not self._queue):
            self._finish()
            return
        self.since = self.server._now
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._queue and not self._queue[0]._sink:
                self._queue[0]._may_flow(self._send)
        finally:
            self._advancing = False
        if self._queue or self._finished_early():
            return
        if not self._corked:
            self._flush()
            if self._is_left():
                loop.get().call_soon(self._go_on)

    def _finished_early(self) -> bool:
        if self._last_words is None:
            return False
        self._send(self._last_words)
        self._finish()
        return True

    def leave(self, message: Any) -> None:
        """The request or the response was destroyed: the connection cannot be used any more."""
        self.socket.destroy()

    def keep_alive_lines(self, response: ServerResponse) -> bytes:
        """The fields that say that the connection stands; b"" if it does not: not before the last answer."""
        server = self.server
        if (self._ending or not server.listening) and self._queue[-1] is response:
            return b""
        most = server.max_requests_per_socket
        lines: bytes = server._keep_alive_lines
        if not most:
            return lines
        if self.answered + self._queue.index(response) + 1 >= most:
            return b""
        return lines[:-2] + b", max=%d\r\n" % most
