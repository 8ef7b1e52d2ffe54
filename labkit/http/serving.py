"""One connection that is served: requests from its bytes, and the answers in the order of the requests.

Rule: the same for every stream (TCP, a Unix socket, TLS); who listens, and on what, is server.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.core import loop, watching
from labkit.core.errors import LabError
from labkit.http import sleeping
from labkit.http.answering import Answering
from labkit.http.framing import Malformed
from labkit.http.headers import Raw
from labkit.http.incoming import ANSWERED, NEW, OVER, WHOLE, IncomingMessage
from labkit.http.parsing import RequestParser
from labkit.http.patience import PIPELINED, hold, is_held, look_at_clock
from labkit.http.response import ServerResponse
from labkit.http.status import PHRASES
from labkit.net import Socket
from labkit.streams.states import FLOWING, IDLE, OPEN, READ_ENDED


class ClientError(LabError):
    """What a client sent is not HTTP, or breaks a limit; ``client_error`` tells of it. status: the answer."""

    status = 400


_FAILED = b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def serve(server: Any, socket: Socket) -> None:
    """Serve the requests that come on a socket, whatever carries its bytes. server: whose listeners are called."""
    Connection(server, socket)


class Connection(Answering):
    """One connection: what comes, and how it ends."""

    __slots__ = ("_busy", "_ended", "_held", "_parser", "_paused", "_request", "_turning", "_unread")

    def __init__(self, server: Any, socket: Socket) -> None:
        super().__init__(server, socket)
        self._parser = RequestParser(self, server._limits)
        self._request: IncomingMessage | None = None  # whose body is being read
        self._paused = False
        self._held = False  # the socket is not read: see `patience.hold`
        self._unread = 0  # bytes that the kernel had not taken at the last look at the clock
        self._busy = False  # the server has had many requests: what it remembers of them is short
        self._ended: tuple[IncomingMessage, ...] = ()  # they are about to tell their end
        self._turning: tuple[str, IncomingMessage] | None = None  # about to become another protocol's
        server._begin_watch(self)
        # not on(): these print nothing, so they need no cell to print under
        for name, listener in self._heard():
            socket._add(name, listener)

    def _heard(self) -> tuple[tuple[str, Callable[..., Any]], ...]:
        """The events of the socket that are listened to; data is the last: it starts the flow."""
        return (
            ("end", self._peer_ended), ("error", self._socket_failed), ("close", self._socket_closed),
            ("drain", self._emptied), ("data", self._feed),
        )  # fmt: skip

    # -- from the socket

    def _feed(self, data: bytes) -> None:
        if self._corked:  # a handler runs, further up
            self._parser.keep(data)
            loop.get().call_soon(self._go_on)
            return
        self._corked = True
        self._told = False
        socket = self.socket
        try:
            self._parser.feed(data)
        except Malformed as error:
            self._refuse(error)
        finally:
            if self._ended:
                self._tell_ends()
            self._corked = False
            if self._out:
                self._flush()
        if self._turning is not None and not self._queue:
            self._turn()
        elif self._held or socket._blocked or len(self._queue) >= PIPELINED or self._turning is not None:
            hold(self)

    def _tell_ends(self) -> None:
        """Requests that became whole while the handlers ran tell their end."""
        ended, self._ended = self._ended, ()
        for request in ended:
            request._tell_end()

    def _go_on(self) -> None:
        if not self._paused and not self._gone() and (self._turning is not None or not is_held(self)):
            self._feed(b"")

    def _go_on_soon(self) -> None:
        loop.get().call_soon(self._go_on)

    def _is_left(self) -> bool:
        return self._held or bool(self._parser.waits)

    def _gone(self) -> bool:
        return self.socket.closed or self.socket.destroyed

    def _peer_ended(self) -> None:
        parser = self._parser
        if parser.started and not self._ending:
            self._refuse(Malformed("the client ended in the middle of a request", code="HPE_INVALID_EOF_STATE"))
        elif self._ending or not self._queue:
            self._finish()
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
        if not self._busy:
            self._busy = not server._is_young()  # once it is not, it never is again
        is_quiet = self._busy and not upgrade and not server._tickets and not watching.watchers and not expects
        if is_quiet:
            request = sleeping.request(self, self.socket, raw, version, method, target)
        else:
            request = IncomingMessage(self, self.socket, raw, version, method, target)
            if upgrade:
                event = "connect" if method == "CONNECT" else "upgrade"
                if event in server._listeners:
                    self._turning = (event, request)
                    return True
                if event == "connect":  # as in Node: nobody connects, so it is cut off
                    self.socket.destroy()
                    return True
        self._request = request
        response = (sleeping.response if is_quiet else ServerResponse)(self, request, keep_alive)
        queue = self._queue
        if not queue:
            response._sink, response._writing = self._send, OPEN
        queue.append(response)
        self.since = server._now
        if not is_quiet:
            server._dispatch(self, request, response, expects if version == "1.1" else b"")
            return False
        server._since, server._pieces = 0, 1  # of a busy server it is remembered that requests came
        try:
            for listener in server._listeners.get("request", ()):
                listener(request, response)
        except Exception as error:
            server._report(error, request)
            self.give_up(response)
        return False

    def on_body(self, data: bytes) -> None:
        """See `Taker.on_body`."""
        request = self._request
        if request is not None:
            request._push(data)

    def on_end(self, trailers: Any) -> bool:
        """See `Taker.on_end`."""
        request = self._request
        if request is not None:
            self._request = None
            stands = request._asleep
            if stands == NEW:
                request._asleep = WHOLE
            elif stands == ANSWERED:
                request._asleep = OVER
                request._source = None
            elif request.quiet and not request._listeners and request._reading is FLOWING and not request._tickets:
                request.complete = True  # answered before, and nobody listens
                if request._held is None:
                    request._source_ended = request.closed = True
                    request._reading = READ_ENDED
                    request._source = None
                else:
                    request._push_end()
            elif (
                request.quiet and self._corked and not self._told and request._reading is FLOWING
                and request._held is None and not request._due and not request.destroyed and not trailers
            ):  # as `IncomingMessage._finish`, and `soon`
                request.complete = request._source_ended = request._due = True
                self._ended = (*self._ended, request)
            else:
                request._finish(trailers)
        socket, queue = self.socket, self._queue
        if self._ending or self._paused or socket.closed or socket.destroyed:
            return False
        return len(queue) < PIPELINED and not socket._blocked and self._turning is None  # as `is_held`

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

    def soon(self, message: Any) -> None:
        """See `Source.soon`."""
        if self._corked and message.quiet and not self._told:
            self._ended = (*self._ended, message)
        else:
            loop.get().call_soon(message._deliver_held)

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
        for name, listener in self._heard():
            socket.off(name, listener)
        socket._reading = IDLE  # as in Node: nothing is delivered until the next protocol listens
        request._source = None
        written = socket._written
        try:
            self.server._emit(event, request, socket, self._parser.take_rest())
        except Exception as error:  # unlike in Node, the client does not wait for ever
            self.server._report(error, request)
            if socket._written == written:
                socket._write_now(_FAILED)
                socket._end_now()
            else:
                socket.destroy()
        request._finish()
