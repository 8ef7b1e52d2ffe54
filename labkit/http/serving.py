"""One connection that is served: requests from its bytes, and the answers in the order of the requests.

Rule: the same for every stream (TCP, a Unix socket, TLS); who listens, and on what, is server.py.
"""

from __future__ import annotations

from typing import Any

from labkit.core import loop
from labkit.core.errors import LabError
from labkit.http.framing import Malformed
from labkit.http.headers import Raw
from labkit.http.incoming import IncomingMessage
from labkit.http.parsing import RequestParser
from labkit.http.patience import PIPELINED, hold, is_held, look_at_clock
from labkit.http.response import ServerResponse
from labkit.http.status import PHRASES
from labkit.net import Socket
from labkit.streams.states import ENDING, IDLE, OPEN

FLUSH = 65536
"""Bytes that are collected at most before they go down to the socket."""


class ClientError(LabError):
    """What a client sent is not HTTP, or breaks a limit; ``client_error`` tells of it. status: the answer."""

    status = 400


def serve(server: Any, socket: Socket) -> None:
    """Serve the requests that come on a socket, whatever carries its bytes. server: whose listeners are called."""
    Connection(server, socket)


class Connection:
    """The state of one connection.

    since: when the present wait began (for the next request, or for the rest of this one), by the server's clock.
    """

    __slots__ = (
        "_advancing", "_corked", "_ending", "_flush_is_due", "_held", "_last_words", "_out", "_out_size", "_parser",
        "_paused", "_queue", "_request", "_turning", "_unread", "_waiting", "answered", "server", "since", "socket",
    )  # fmt: skip

    def __init__(self, server: Any, socket: Socket) -> None:
        self.server, self.socket = server, socket
        self._parser = RequestParser(self, server._limits)
        self._queue: list[ServerResponse] = []  # not fully sent yet, in the order of their requests
        self._request: IncomingMessage | None = None  # whose body is being read
        self._out: list[bytes] = []  # collected, to leave together
        self._out_size = 0
        self._corked = self._flush_is_due = self._paused = self._advancing = self._ending = False
        self._held = False  # the socket is not read: see `patience.hold`
        self._unread = 0  # bytes that the kernel had not taken at the last look at the clock
        self._waiting: list[Any] = []  # messages that want to hear when all is with the kernel
        self._turning: tuple[str, IncomingMessage] | None = None  # about to become another protocol's
        self._last_words: bytes | None = None  # the answer to what is not HTTP, behind the answers that are due
        self.answered = 0  # responses sent
        self.since = 0.0
        server._begin_watch(self)
        # not on(): these print nothing, so they need no cell to print under
        socket._add("end", self._peer_ended)
        socket._add("error", self._socket_failed)
        socket._add("close", self._socket_closed)
        socket._add("drain", self._emptied)
        socket._add("data", self._feed)

    # -- from the socket

    def _feed(self, data: bytes) -> None:
        self._corked = True
        try:
            self._parser.feed(data)
        except Malformed as error:
            self._refuse(error)
        finally:
            self._corked = False
            if self._out:
                self._flush()
        if self._turning is not None and not self._queue:
            self._turn()
        elif self._held or self._turning is not None or self.socket._blocked or len(self._queue) >= PIPELINED:
            hold(self)

    def _go_on(self) -> None:
        if not self._paused and not self._gone() and (self._turning is not None or not is_held(self)):
            self._feed(b"")

    def _go_on_soon(self) -> None:
        loop.get().call_soon(self._go_on)

    def _gone(self) -> bool:
        return self.socket.closed or self.socket.destroyed

    def _peer_ended(self) -> None:
        parser = self._parser
        if self._ending or not self._queue:
            if parser.started and not self._ending:
                self._refuse(Malformed("the client ended in the middle of a request", code="HPE_INVALID_EOF_STATE"))
            else:
                self._finish()
        elif parser.started:
            self._refuse(Malformed("the client ended in the middle of a request", code="HPE_INVALID_EOF_STATE"))
        else:
            parser.over = True
            self._queue[-1].should_keep_alive = False
            self._ending = True

    def _socket_failed(self, error: BaseException) -> None:
        if "client_error" in self.server._listeners:
            self.server._fire("client_error", error, self.socket)

    def _socket_closed(self, *_: Any) -> None:
        self._parser.over = True
        request, self._request = self._request, None
        queue, self._queue = self._queue, []
        self.server._end_watch(self)
        for response in queue:
            if not response.req.closed:
                response.req._cut_off()
            response._carrier = None
            response._destroy_now(None, True)
        if request is not None:
            request._cut_off()

    # -- from the parser

    def on_head(
        self, method: str, target: str, version: str, raw: Raw, keep_alive: bool, upgrade: bool, expects: bytes
    ) -> bool:
        """See `Taker.on_head`."""
        server = self.server
        request = IncomingMessage(self, self.socket, raw, version)
        request.method, request.url = method, target
        if upgrade:
            event = "connect" if method == "CONNECT" else "upgrade"
            if event in server._listeners:
                self._turning = (event, request)
                return True
            if event == "connect":  # as in Node: nobody connects, so it is cut off
                self.socket.destroy()
                return True
        self._request = request
        response = ServerResponse(self, request, keep_alive)
        queue = self._queue
        queue.append(response)
        if len(queue) == 1:
            response._sink, response._writing = self._send, OPEN
        self.since = server._now
        server._dispatch(self, request, response, expects if version == "1.1" else b"")
        return False

    def on_body(self, data: bytes) -> None:
        """See `Taker.on_body`."""
        request = self._request
        if request is not None:
            request._push(data)

    def on_end(self, trailers: Any) -> bool:
        """See `Taker.on_end`."""
        request, self._request = self._request, None
        if request is not None:
            request._finish(trailers)
        if self._gone() or self._ending:
            return False
        return not self._paused and not is_held(self)

    # -- what a request asks (see Source)

    def pause(self, message: Any) -> None:
        """Read nothing more: nobody reads this request's body."""
        if message is self._request and not self._paused:
            self._paused = True
            self.socket.pause()

    def resume(self, message: Any) -> None:
        """Read on."""
        if self._paused and (message is self._request or self._request is None):
            self._paused = False
            if not self._held:
                self.socket.resume()
            self._go_on_soon()

    def broken(self, message: Any, error: Exception) -> None:
        """A listener of the request or of the response raised this: 500 if nothing was sent, else the end."""
        self.server._report(error, message)
        response = message if isinstance(message, ServerResponse) else self._response_to(message)
        self.give_up(response)

    def _response_to(self, request: Any) -> ServerResponse | None:
        return next((each for each in self._queue if each.req is request), None)

    def give_up(self, response: ServerResponse | None) -> None:
        """A handler has failed."""
        if response is not None and not response._composed and not response.closed:
            response._fields = response._given = None
            response._status, response._message = 500, ""
            response._end_message(b"", None, False)
        else:
            self.socket.destroy()

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

    def below(self) -> int:
        """See `Carrier.below`."""
        return self._out_size + self.socket.writable_length

    def is_full(self) -> bool:
        """See `Carrier.is_full`."""
        return self.socket._blocked or self.below() > self.socket.high_water_mark

    def ask_to_hear(self, message: Any) -> None:
        """See `Carrier.ask_to_hear`."""
        if message not in self._waiting:
            self._waiting.append(message)
        if not self._out:
            self._ask()

    def _ask(self) -> None:
        socket = self.socket
        if self._gone():
            return
        if socket.writable_length:
            socket._blocked = True  # so that drain comes
            socket._hear_when_empty()
        else:
            loop.get().call_soon(self._emptied)

    def _emptied(self) -> None:
        if self._out:
            return  # `_flush` asks again
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            message._empty()
        if not self._corked and (self._held or self._parser.waits):
            self._go_on()

    def sent(self, message: Any) -> None:
        """See `Carrier.sent`: the next response has its turn, or the connection ends."""
        self._queue.pop(0)
        self.answered += 1
        if message.closes or (self._ending and not self._queue):
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
            if self._parser.waits or self._held:
                self._go_on_soon()

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

    # -- the end

    def close_if_idle(self) -> None:
        """Close the connection if no request is under way on it."""
        if not self._queue and not self._parser.started and not self._ending:
            self._finish()

    def look_at_clock(self, now: float) -> None:
        """See `patience.look_at_clock`."""
        look_at_clock(self, now)

    def _refuse(self, error: Malformed) -> None:
        """What came is not HTTP: answer it behind the answers that are due, and read nothing more."""
        request, self._request = self._request, None
        self._parser.over = True
        told = ClientError(error.words, f"The answer is {error.status} {PHRASES[error.status]}.", code=error.code)
        told.status = error.status
        queue = self._queue
        broken = queue[-1] if request is not None and queue and queue[-1].req is request else None
        if "client_error" in self.server._listeners:
            self.server._fire("client_error", told, self.socket)
            if request is not None:
                request._cut_off()
            return
        words = f"HTTP/1.1 {error.status} {PHRASES[error.status]}\r\nConnection: close\r\n\r\n".encode("latin-1")
        if broken is not None:
            begun = broken._composed
            if begun and queue[0] is broken:
                self.socket.destroy()
                return
            queue.pop()
            broken._carrier = None
            broken._destroy_now(None, True)
            if begun:
                words = b""
        if request is not None:
            request._cut_off()
        self._last_words = words
        if not queue:
            self._finished_early()

    def _finish(self) -> None:
        """Send what was collected, then the end; whatever still comes is thrown away."""
        self._ending = True
        self._parser.over = True
        self._flush()
        for response in self._queue:
            response._carrier = None
            response._destroy_now(None, True)
        self._queue = []
        self.since = self.server._now
        socket = self.socket
        if self._paused or self._held:
            self._paused = self._held = False
            socket.resume()
        socket._end_now()

    def _turn(self) -> None:
        """The connection is another protocol's from here on."""
        assert self._turning is not None
        event, request = self._turning
        self._turning = None
        socket = self.socket
        self.server._end_watch(self)
        for name, listener in (
            ("end", self._peer_ended), ("error", self._socket_failed), ("close", self._socket_closed),
            ("drain", self._emptied), ("data", self._feed),
        ):  # fmt: skip
            socket.off(name, listener)
        socket._reading = IDLE  # as in Node: nothing is delivered until the next protocol listens
        request._source = None
        self.server._fire(event, request, socket, self._parser.take_rest())
        request._finish()
