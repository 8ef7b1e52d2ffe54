"""Node's http.request: a request that goes out as a stream, and the events that tell of its answer.

Rule: what a program sees of a request; its connection is client_connection.py, the pool agent.py; asking.py makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, ClassVar

from labkit.core import checks, loop, watching
from labkit.core.history import Entry
from labkit.core.notebook import in_notebook
from labkit.http.agent import Agent
from labkit.http.client_connection import ClientConnection, hang_up
from labkit.http.client_options import BARE_METHODS, Options
from labkit.http.client_response import ClientResponse
from labkit.http.framing_fields import KNOWN
from labkit.http.headers import pairs, tokens
from labkit.http.outgoing import OutgoingMessage
from labkit.http.quiet import Quiet
from labkit.streams.states import ENDING, OPENING, WRITE_ENDED
from labkit.streams.writable import NOTHING

_Head = tuple[bytes, bool, "int | None", bool, bool, bool]
_heads: dict[tuple[Any, ...], _Head] = {}  # what `_compose` finds, of requests without a body


class ClientRequest(Quiet, OutgoingMessage):
    """A request; ``socket``, ``response``, ``continue``, ``information``, ``upgrade``, ``connect``, ``timeout``,
    ``finish``, ``error`` and ``close`` tell its story.

    method, path: of the request line. place: where it goes. response: the answer, when it has begun. reused_socket:
    whether its connection had served another request before. aborted: whether `abort` was called.
    from_cell: made in a notebook's cell; its connection is opened at the first `write`, `end`, `flush_headers` or
    `wait_for`, so that a listener added before that misses nothing.
    Source: the ClientRequest of Node's http module; RFC 9110 section 7 (routing), RFC 9112 section 3 (request line).
    """

    EVENTS = frozenset(
        {
            "abort", "close", "connect", "continue", "drain", "error", "finish", "information", "response", "socket",
            "timeout", "upgrade",
        }
    )  # fmt: skip
    STATES = frozenset({"close", "connect", "error", "finish", "response", "socket", "upgrade"})

    _CLIENT: ClassVar[bool] = True

    __slots__ = (
        "_agent", "_answered", "_begun", "_call", "_connection", "_repeated", "_timed", "_timeout", "_told",
        "_unframed", "_where", "aborted", "from_cell", "method", "path", "place", "response", "reused_socket",
    )  # fmt: skip

    def __init__(self, chosen: Options, headers: Any, agent: Agent, timeout: float | None) -> None:
        self._begin()
        self._context = copy_context() if in_notebook() else None
        self._where = copy_context()  # the host of a wire that the program runs on
        self.from_cell = not loop.inside()
        self.place, self.method, self.path = chosen.place, chosen.method, chosen.path
        self.response: ClientResponse | None = None
        self.reused_socket = False
        self.aborted = False
        self.send_date = False
        self.should_keep_alive = agent.says_keep_alive
        self._agent = agent
        self._connection: ClientConnection | None = None
        self._begun = False
        self._call: Future[BaseException | None] | None = None  # a cell that waits until the connection stands
        self._answered = False
        self._repeated = False
        self._told = False  # of the error that it failed with
        self._unframed = False  # what is written would not be told from a next request
        self._timeout = timeout
        self._timed = False
        if headers is None:
            self.set_header("Host", chosen.host_field)
        else:
            for name, value in pairs(headers):
                self.append_header(name, value)
            if not self.has_header("Host"):
                self.set_header("Host", chosen.host_field)
            if self.has_header("Authorization"):
                chosen = chosen._replace(credentials=None)
        if chosen.credentials is not None:
            self.set_header("Authorization", chosen.credentials)
        if headers is not None and self.has_header("Expect"):  # the head is not to wait for the body
            self._compose(None)
        if not self.from_cell:
            self._start()

    # -- for programs

    @property
    def agent(self) -> Agent:
        """The agent that has the connection."""
        return self._agent

    def write(self, data: bytes | bytearray | memoryview | str) -> bool:
        """Send bytes of the body; see `Writable.write`. A body needs a method such as POST, or a field that says so:
        without, the bytes behind a GET would be read as the next request.
        """
        self._start_from_cell()
        return super().write(data)

    def end(self, data: Any = None, on_finish: Callable[[], Any] | None = None) -> ClientRequest:
        """Send the last bytes of the body, if there are some, and the end of the request; see `OutgoingMessage.end`.

        From a cell it returns when the connection stands (or the request waits for one in the agent's queue), or raises
        what `net.connect` raises.
        """
        self._start_from_cell()
        super().end(data, on_finish)
        return self

    def flush_headers(self) -> None:
        """Send the head now, without waiting for the body."""
        self._start_from_cell()
        super().flush_headers()

    def abort(self) -> None:
        """As `destroy`, and tell ``abort`` (Node's older name for it)."""

        def now() -> None:
            if not self.aborted:
                self.aborted = True
                loop.get().call_soon(self._fire, "abort")
                self._destroy_now(None, False)

        loop.call(now)

    def set_timeout(self, seconds: float, on_timeout: Callable[..., Any] | None = None) -> ClientRequest:
        """Emit ``timeout`` after this long without traffic on the connection (0: never).

        As in Node nothing else happens: a listener calls `destroy`, if the request is to be given up.
        """
        checks.seconds(seconds)
        if on_timeout is not None:
            self.once("timeout", on_timeout)

        def now() -> None:
            self._timeout = seconds
            self._timed = False
            if self._connection is not None and self.socket is not None and not self.closed:
                self.socket._start_timer(seconds)

        loop.call(now)
        return self

    def __repr__(self) -> str:
        where = self.place.socket_path or self.place.name.rstrip(":")
        return f"<client request {self.method} {self.path} to {where}>"

    # -- beginning

    def _start(self) -> None:
        """Ask the agent for a connection."""
        if not self._begun:
            self._begun = True
            if not self.destroyed:
                self._agent._add(self)

    def _start_from_cell(self) -> None:
        if self._begun or loop.inside() or self.destroyed:
            return
        call: Future[BaseException | None] = Future()
        self._call = call
        loop.call(self._start)
        error = call.result()  # the time is that of net.connect
        if error is not None:
            raise error

    def _waiting(self, event: str) -> None:
        super()._waiting(event)
        if not self._begun and not loop.inside():
            loop.call(self._start)

    def _settle(self, error: BaseException | None = None) -> None:
        """The connection stands, or the request waits for one: a cell goes on, or raises."""
        call, self._call = self._call, None
        if call is not None:
            call.set_result(error)

    def _attach(self, connection: ClientConnection) -> None:
        """The request has a connection, which may still be opening."""
        self.socket = connection.socket
        self._carrier = connection
        if self._timeout is not None:
            connection.socket._start_timer(self._timeout)
        self._fire("socket", connection.socket)

    def _send_again(self, sent: list[bytes]) -> None:
        """The server closed a connection that it had kept, and has not answered: the same bytes go once more."""
        self._repeated = True
        self._sink = None
        self._carrier = None
        self._queued = [*sent, *self._queued]
        self._queued_size = sum(map(len, self._queued))
        if self._writing < ENDING:
            self._writing = OPENING

    def _may_flow(self, sink: Callable[[bytes], Any]) -> None:
        if self._writing > ENDING:  # all was sent once, and goes once more
            self._sink = sink
            self._flush()
        elif (
            self.quiet and self._writing is ENDING and not self._blocked and not self._pipes and not self._tickets
            and "finish" not in self._listeners and not watching.watchers
        ):  # all of it waits here, and nobody wants to hear that it went
            self._sink = sink
            queued, self._queued, self._queued_size = self._queued, NOTHING, 0
            self._send_all(queued)
            self._send_end()
            if self._below():
                self._finish_soon()
            else:
                self._writing = WRITE_ENDED
        else:
            super()._may_flow(sink)

    # -- the head

    def _first_line(self) -> str:
        return f"{self.method} {self.path} HTTP/1.1\r\n"

    def _chunks_by_default(self) -> bool:
        return self.method not in BARE_METHODS

    def _connection_lines(self, framed: bool) -> bytes:
        return b"Connection: keep-alive\r\n" if self.should_keep_alive else b"Connection: close\r\n"

    def _compose(self, length: int | None) -> None:
        key = None
        if not length and self._trailers is None and not self.send_date:
            key = (self.method, self._lines(), self.should_keep_alive, length)
            known = _heads.get(key)
            if known is not None:
                rest, self._chunked, self._left, self.closes, self._unframed, self.should_keep_alive = known
                self._unsent = self._first_line().encode("latin-1") + rest
                self._composed = True
                return
        super()._compose(length)
        said = self.get_header("Connection")  # a request without a body does not end with its connection
        self.closes = not self.should_keep_alive or (said is not None and "close" in tokens(str(said)))
        framed = self._chunked or self._left is not None
        self._unframed = not framed and (not self._chunks_by_default() or self.has_header("Transfer-Encoding"))
        if key is not None and self._unsent:
            if len(_heads) >= KNOWN:
                _heads.clear()
            rest = self._unsent[len(self._first_line()) :]
            _heads[key] = (
                rest, self._chunked, self._left, self.closes, self._unframed, self.should_keep_alive,
            )  # fmt: skip

    def _count(self, size: int) -> None:
        super()._count(size)
        if size and self._unframed:
            self.closes = True

    # -- what the stream asks

    def _unseen(self, *events: str) -> Entry | None:
        found = super()._unseen(*events)
        if found is None and self.quiet:
            if "response" in events and self.response is not None:
                return Entry("response", 0, None, 1, (self.response,))
            if "socket" in events and self.socket is not None:
                return Entry("socket", 0, None, 1, (self.socket,))
            if "close" in events and self.closed:
                return Entry("close", 0, None, 1, ())
        return found

    def _after_finish(self) -> None:
        if self._answered and self._connection is not None:
            self._connection.request_finished()

    def _timed_out(self) -> None:
        if not self._timed:
            self._timed = True
            self._fire("timeout")

    # -- the end

    def _tell(self, error: BaseException) -> None:
        """The request has failed."""
        if self._told:
            return
        self._told = True
        if self._call is not None:
            self._settle(self._outcome(error, True))
        elif not self.destroyed or self._failed is error or "error" in self._listeners or self._tickets:
            self._fail(error)  # a program that destroyed the request itself, and listens to no error, knows

    def _over(self, error: BaseException | None) -> None:
        """The connection is not this request's any more. error: why there is no answer, if nobody was told."""
        if self.closed:
            return
        if error is not None:
            self._tell(error)
        self._settle()
        self._connection = None
        self.closed = True
        self._fast = None
        self._fire("close")
        self._gone()

    def _destroy_now(self, error: Exception | None, from_cell: bool = False) -> None:
        if self.closed or self.destroyed:
            return
        self._called("destroy")
        self.destroyed = True
        self._failed = error
        connection = self._connection
        if connection is not None and self.socket is not None and self._carrier is not None:
            connection.destroy(error, from_cell)
        elif connection is not None:  # it was not told of its connection yet, and does not want it
            connection.request = None
            connection.agent._freed(connection)
            loop.get().call_soon(self._over, error or hang_up())
        else:
            self._agent._forget(self)
            loop.get().call_soon(self._over, (error or hang_up()) if self._begun else error)

    def _broken(self, error: Exception) -> None:
        self._report(error)
        self._destroy_now(None)

    def _detail(self, name: str, args: tuple[Any, ...]) -> str:
        if name == "response":
            return str(args[0].status_code)
        return f"{self.method} {self.path}" if name == "finish" else ""
