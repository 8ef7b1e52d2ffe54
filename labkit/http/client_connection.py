"""One connection of a client, and the exchange that is on it: a request goes out, its response comes in.

Rule: joins a socket, a parser, a request and a response, in Node's order of events; which request comes next is the
agent's business. Nothing here assumes that the socket is plain TCP.
"""

from __future__ import annotations

from typing import Any, Protocol

from labkit.core import loop
from labkit.core.errors import ConnectionReset
from labkit.http.client_options import IDEMPOTENT, Place
from labkit.http.client_response import ClientResponse, Information
from labkit.http.client_socket import Client
from labkit.http.headers import Pairs
from labkit.http.response_chunks import BadResponse
from labkit.http.response_parsing import Head, ResponseParser
from labkit.streams.states import ENDING, IDLE

KEPT = 64 * 1024
"""Bytes of a request that are kept until the answer begins, so that it can be sent once more; a longer one is not."""


class Keeper(Protocol):
    """Who has the connections: an agent."""

    def _freed(self, connection: Any) -> None:
        """The exchange is over, and the connection may serve another."""

    def _removed(self, connection: Any) -> None:
        """The connection is closed, or it is another protocol's now."""

    def _repeat(self, request: Any) -> None:
        """Send a request once more, on a new connection."""


def hang_up() -> ConnectionReset:
    """The error of a request whose connection closed before the answer had come."""
    return ConnectionReset("socket hang up: the connection closed before an answer came", "Does the server answer?")


class ClientConnection:
    """A socket, and the request that it serves at present, if any.

    uses: requests that it has served, the present one included. deadline: when an idle one is to be closed, in seconds
    of the loop's clock.
    """

    __slots__ = (
        "_fault", "_hearing", "_kept", "_kept_size", "_parser", "_spoiled", "_stays", "agent", "deadline", "place",
        "request", "response", "socket", "uses",
    )  # fmt: skip

    def __init__(self, agent: Keeper, place: Place, socket: Client) -> None:
        self.agent, self.place, self.socket = agent, place, socket
        self.request: Any = None
        self.response: ClientResponse | None = None
        self.uses = 0
        self.deadline = 0.0
        self._parser: ResponseParser | None = None
        self._stays = True
        self._spoiled = False  # bytes came that answer nothing
        self._fault: BadResponse | None = None  # of the server, for which the connection is closed
        self._hearing: Any = None  # the request that waits until all is with the kernel
        self._kept: list[bytes] | None = None  # what was sent of a request that may be sent once more
        self._kept_size = 0
        for event, listener in self._listeners():
            socket._add(event, listener)  # not on(): these print nothing, so they need no cell to print under
        socket.on_ended = self._ended

    def _listeners(self) -> tuple[tuple[str, Any], ...]:
        return (
            (self.socket.READY, self._connected), ("data", self._feed), ("end", self._peer_ends),
            ("drain", self._drained), ("timeout", self._timed_out), ("error", self._failed), ("close", self._closed),
        )  # fmt: skip

    @property
    def is_usable(self) -> bool:
        """Whether a request can be sent on it."""
        socket = self.socket
        return not (socket.closed or socket.destroyed or socket._source_ended or socket._writing >= ENDING)

    # -- a request comes

    def take(self, request: Any, *, now: bool = False) -> None:
        """Serve this request; it is told after the handler that runs now, as in Node. now: no handler runs."""
        self.request = request
        request._connection = self
        self.uses += 1
        if now:
            self._begin()
        else:
            loop.get().call_soon(self._begin)

    def _begin(self) -> None:
        request = self.request
        if request is None:
            return
        if request.destroyed:  # before it was told of the connection, which others can use
            self.request = None
            self.uses -= 1
            request._over(None)
            self.agent._freed(self)
            return
        socket = self.socket
        self.response = None
        self._spoiled, self._stays = False, True
        if self._parser is None:
            self._parser = ResponseParser(self, request.method)
        else:
            self._parser.restart(request.method)
        self._kept = [] if self.uses > 1 and request.method in IDEMPOTENT and not request._repeated else None
        self._kept_size = 0
        if not self.is_usable and not socket.connecting:
            self._lost()
            return
        request._attach(self)
        if request.destroyed:
            return
        request._may_flow(self._send)
        if not socket.connecting:
            request._settle()

    def _connected(self) -> None:
        if self.request is not None:
            self.request._settle()

    # -- from the socket

    def _feed(self, data: bytes) -> None:
        parser = self._parser
        if self.request is None or parser is None or parser.is_over:  # bytes that answer nothing
            self._spoiled = True
            self.socket._destroy_now(None)
            return
        self._kept = None
        try:
            parser.feed(data)
        except BadResponse as error:
            parser.stopped = True
            self._fault = error
            if self.request is not None:
                self.request._tell(error)
            self.socket._destroy_now(None)

    def _peer_ends(self) -> None:
        request = self.request
        if request is not None and self.response is None and self._kept is None:
            request._tell(hang_up())

    def _ended(self) -> None:
        """The server has ended, and all listeners of that know."""
        if self._parser is not None and self.request is not None:
            self._parser.finish()

    def _failed(self, error: Exception) -> None:
        if self.request is not None and (self._kept is None or self.request.destroyed):
            self.request._tell(error)

    def _closed(self, *_: Any) -> None:
        self.agent._removed(self)
        self._lost()

    def _lost(self) -> None:
        """The connection is closed, and a request may be on it."""
        request, response = self.request, self.response
        self.request = self.response = None
        if request is None:
            return
        if self._kept is not None and not request.destroyed:
            request._send_again(self._kept)
            self.agent._repeat(request)
            return
        if response is None:
            request._over(hang_up())
            return
        if not response.complete:
            response._cut_off(self._fault)
        request._over(None)

    def _timed_out(self) -> None:
        request, response = self.request, self.response
        if response is not None:
            loop.get().call_soon(response._fire, "timeout")
        if request is not None:
            request._timed_out()

    # -- from the parser

    def interim(self, head: Head) -> None:
        """See `Taker.interim`."""
        request = self.request
        if request is not None:
            request.quiet = False  # this is seldom, and remembered
            if head.status == 100:
                request._fire("continue")
            request._fire("information", Information.of(head))

    def begins(self, head: Head) -> None:
        """See `Taker.begins`."""
        request = self.request
        if request is None:
            return
        self._stays = head.stays
        self.response = request.response = response = ClientResponse(self, self.socket, head)
        response.quiet = request.quiet
        heard = "response" in request._listeners or request._tickets or request.from_cell
        request._fire("response", response)
        if not heard or request.destroyed:
            response._dump()  # as in Node: nobody can read it

    def piece(self, data: bytes) -> None:
        """See `Taker.piece`."""
        if self.response is not None:
            self.response._push(data)

    def ends(self, trailers: Pairs, surplus: bool) -> None:
        """See `Taker.ends`."""
        self._spoiled = self._spoiled or surplus
        if self.response is not None:
            self.response._finish(trailers)

    def switches(self, head: Head, rest: bytes) -> None:
        """See `Taker.switches`."""
        request, socket = self.request, self.socket
        if request is None:
            return
        request.response = response = ClientResponse(None, socket, head)
        request.quiet = False
        event = "connect" if request.method == "CONNECT" else "upgrade"
        if event not in request._listeners and not request._tickets and not request.from_cell:
            self.response = response
            response.complete = True
            socket._destroy_now(None)  # as in Node: nobody speaks the other protocol
            return
        for name, listener in self._listeners():
            socket.off(name, listener)
        socket.on_ended = None
        if socket._idle is not None:
            socket._start_timer(0)
        self.request = None
        self.agent._removed(self)
        socket._reading = IDLE  # nothing is delivered until somebody listens
        response._finish()
        try:
            request._emit(event, response, socket, rest)
        except Exception as error:
            request._report(error, response)
            socket._destroy_now(None)  # nobody speaks the other protocol
        request._over(None)

    # -- what a response asks (see Source)

    def pause(self, message: Any) -> None:
        """Read nothing more: nobody reads this response's body."""
        if message is self.response and not self._is_whole():
            self.socket._pause_now()

    def _is_whole(self) -> bool:
        return self.response is not None and self.response.complete

    def resume(self, message: Any) -> None:
        """Read on."""
        if message is self.response and self.socket.is_paused:
            self.socket._resume_now()

    def broken(self, message: Any, error: Exception) -> None:
        """A listener of the response or of the request raised this: it is shown, and the connection is cut."""
        request = self.request if self.request is not None else message
        request._report(error, message)
        request._destroy_now(None)

    def leave(self, message: Any) -> None:
        """The response is destroyed: nobody reads the rest, so the connection is of no use."""
        if message is self.response or message is self.request:
            loop.get().call_soon(self.socket._destroy_now, None)

    def response_ended(self, response: ClientResponse) -> None:
        """All of the response has been read."""
        request = self.request
        if request is None or response is not self.response:
            response._close_soon()
            return
        if not self._can_stay():
            response._close_soon()
            self._close_after_writing()
        elif request.writable_finished:
            loop.get().call_soon(self._hand_on, response)
        else:
            request._answered = True
            response._close_soon()

    def _hand_on(self, response: ClientResponse) -> None:
        """The exchange is over: the next request has its turn before the response says that it is closed, as in Node.

        All in one turn of the loop: nothing that comes from the server may get in between.
        """
        self._free()
        response._close_now()

    def _can_stay(self) -> bool:
        request = self.request
        return bool(
            self._stays and not self._spoiled and request.should_keep_alive and not request.closes and self.is_usable
        )

    def _close_after_writing(self) -> None:
        socket = self.socket
        if not socket.closed and not socket.destroyed:
            socket._add("finish", lambda: socket._destroy_now(None))
            socket._end_now()

    def request_finished(self) -> None:
        """All of the request is with the kernel, after the whole response had come."""
        if self.request is not None:
            if self._can_stay():
                self._free()
            else:
                self._close_after_writing()

    def _free(self) -> None:
        request, response = self.request, self.response
        if request is None:
            return  # closed in between
        self.request = self.response = None
        socket = self.socket
        if socket._idle is not None:
            socket._start_timer(0)
        if response is not None:
            self.deadline = response.keep_alive_hint
        request._over(None)
        if socket.is_paused:
            socket._resume_now()
        self.agent._freed(self)

    # -- what a request asks (see Carrier)

    def _send(self, data: bytes) -> None:
        socket = self.socket
        if self._kept is not None:
            self._kept_size += len(data)
            self._kept.append(data)
            if self._kept_size > KEPT:
                self._kept = None
        if socket._writing < ENDING and not socket.closed and not socket.destroyed:
            socket._write_now(data)

    def below(self) -> int:
        """See `Carrier.below`."""
        return self.socket.writable_length

    def is_full(self) -> bool:
        """See `Carrier.is_full`."""
        return self.socket._blocked

    def ask_to_hear(self, message: Any) -> None:
        """See `Carrier.ask_to_hear`."""
        self._hearing = message
        socket = self.socket
        if socket.writable_length:
            socket._blocked = True  # so that drain comes
            if not socket.connecting:
                socket._hear_when_empty()
        else:
            loop.get().call_soon(self._drained)

    def sent(self, message: Any) -> None:
        """See `Carrier.sent`: the answer may come, and the request is over when it has."""

    def _drained(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            hearing._empty()

    # -- the end

    def destroy(self, error: Exception | None, from_cell: bool = False) -> None:
        """Close at once: the request does not want its answer any more."""
        if self._parser is not None:
            self._parser.stopped = True
        if self.response is not None:
            self.response._dump()
        self.socket._destroy_now(error, from_cell)
