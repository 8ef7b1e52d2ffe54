"""Node's http.Agent: the connections of a client, kept and used again; and the requests that wait for one.

Rule: decides which request gets which connection, and when an idle one is closed; no bytes of HTTP here.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Iterable
from typing import Any, ClassVar

from labkit.core import checks, endpoint, loop
from labkit.core.calls import made_in_words
from labkit.core.errors import BadArgument
from labkit.http.client_connection import ClientConnection
from labkit.http.client_options import Place
from labkit.http.client_socket import Client, ClientSocket

IDLE_TIMEOUT = 5.0
"""Seconds that an idle connection is kept, as by Node's global agent; less if the server announces less."""

MOST_FREE = 256
"""Idle connections kept for one place, as in Node."""

_agents: weakref.WeakSet[Agent] = weakref.WeakSet()


@made_in_words
class Agent:
    """Keeps connections, so that requests to the same place share them.

    keep_alive: keep a connection after its request (False: close it, unless another request waits for it).
    max_sockets: connections to one place at a time; further requests wait, in their order (None: no limit, as in Node
    since 0.12). max_total_sockets: the same, for all places together. max_free_sockets: idle ones kept for one place.
    timeout: seconds that an idle one is kept (0: until the server closes it). scheduling: which idle connection is used
    next: ``"lifo"``, the one used last, or ``"fifo"``, the one used longest ago.
    Source: the Agent of Node's http module; RFC 9112 section 9.3 (persistence).
    """

    SCHEME: ClassVar[str] = "http"
    """Of the URLs that it has connections for."""

    __slots__ = (
        "__weakref__", "_added", "_busy", "_free", "_timer", "_waiting", "keep_alive", "max_free_sockets",
        "max_sockets", "max_total_sockets", "scheduling", "timeout",
    )  # fmt: skip

    def __init__(
        self,
        *,
        keep_alive: bool = True,
        max_sockets: int | None = None,
        max_total_sockets: int | None = None,
        max_free_sockets: int = MOST_FREE,
        timeout: float = IDLE_TIMEOUT,
        scheduling: str = "lifo",
    ) -> None:
        self.keep_alive = checks.flag(keep_alive, "keep_alive")
        self.max_sockets = _most(max_sockets, "max_sockets")
        self.max_total_sockets = _most(max_total_sockets, "max_total_sockets")
        self.max_free_sockets = checks.whole(max_free_sockets, "max_free_sockets", 0)
        self.timeout = checks.seconds(timeout)
        if scheduling not in ("lifo", "fifo"):
            words = f"{checks.shown(scheduling)} is not a way to choose a connection"
            raise BadArgument(words, 'Give "lifo" or "fifo".')
        self.scheduling = scheduling
        self._busy: dict[Place, list[ClientConnection]] = {}
        self._free: dict[Place, list[ClientConnection]] = {}
        self._waiting: dict[Place, list[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._added = 0  # requests so far, counted no further than `endpoint.YOUNG`
        _agents.add(self)

    # -- for programs

    @property
    def sockets(self) -> dict[str, list[Any]]:
        """The connections that serve a request now: ``"host:port:"`` -> list of sockets."""
        return loop.call(_told, self._busy)

    @property
    def free_sockets(self) -> dict[str, list[Any]]:
        """The connections that are kept and serve nobody now: ``"host:port:"`` -> list of sockets."""
        return loop.call(_told, self._free)

    @property
    def requests(self) -> dict[str, list[Any]]:
        """The requests that wait for a connection: ``"host:port:"`` -> list of requests, the next one first."""
        return loop.call(_told, self._waiting)

    def destroy(self) -> None:
        """Close all connections, also those that serve a request. The agent can be used afterwards, as in Node."""
        loop.call(self._destroy)

    def __repr__(self) -> str:
        busy, free, waiting = (sum(map(len, table.values())) for table in (self._busy, self._free, self._waiting))
        return f"<agent, {busy} busy and {free} free connections, {waiting} requests wait>"

    # -- for requests, on the loop

    @property
    def says_keep_alive(self) -> bool:
        """Whether requests ask the server to keep the connection: one that is never used again is not worth it."""
        return self.keep_alive or self.max_sockets is not None

    def _add(self, request: Any) -> None:
        """Give a request a connection, or have it wait for one."""
        if self._added < endpoint.YOUNG:
            self._added += 1
        elif not request.from_cell:
            request.quiet = True  # of a busy agent's requests nothing is remembered
        place: Place = request.place
        free = self._free.get(place, [])
        while free:
            connection = free.pop(0 if self.scheduling == "fifo" else -1)
            if not free:
                self._free.pop(place, None)
            if connection.is_usable:
                self._busy.setdefault(place, []).append(connection)
                request.reused_socket = True
                connection.take(request)
                return
        if self._has_room(place):
            self._connect(request)
            return
        self._waiting.setdefault(place, []).append(request)
        request._settle()
        self._make_room()

    def _has_room(self, place: Place) -> bool:
        here = len(self._busy.get(place, ())) + len(self._free.get(place, ()))
        if self.max_sockets is not None and here >= self.max_sockets:
            return False
        return self.max_total_sockets is None or self._total() < self.max_total_sockets

    def _total(self) -> int:
        return sum(len(each) for table in (self._busy, self._free) for each in table.values())

    def _make_room(self) -> None:
        """Requests wait, and idle connections to other places take up the total: close the one idle for longest."""
        if self.max_total_sockets is not None and self._total() >= self.max_total_sockets and self._free:
            next(iter(self._free.values()))[0].socket._destroy_now(None)

    def _connect(self, request: Any) -> None:
        request._where.run(self._open, request)

    def _open(self, request: Any) -> None:
        place: Place = request.place
        socket = self._socket(place)
        connection = ClientConnection(self, place, socket)
        self._busy.setdefault(place, []).append(connection)
        connection.take(request)
        if place.socket_path is not None:
            socket.connect(path=place.socket_path)
        else:
            socket.connect(place.port, place.host)

    def _socket(self, place: Place) -> Client:
        """The socket of a new connection. Override it for another kind."""
        return ClientSocket(place.local_address)

    def _repeat(self, request: Any) -> None:
        """See `Keeper._repeat`."""
        self._connect(request)

    def _forget(self, request: Any) -> None:
        """A request waits no longer."""
        waiting = self._waiting.get(request.place, [])
        if request in waiting:
            waiting.remove(request)
            if not waiting:
                del self._waiting[request.place]

    # -- from connections, on the loop

    def _freed(self, connection: ClientConnection) -> None:
        """See `Keeper._freed`."""
        place, socket = connection.place, connection.socket
        if not connection.is_usable and not socket.connecting:
            socket._destroy_now(None)
            return
        waiting = self._waiting.get(place)
        if waiting:
            request = waiting.pop(0)
            if not waiting:
                del self._waiting[place]
            connection.take(request, now=True)
            return
        free = self._free.get(place, [])
        seconds = self._keeps_for(connection)
        if not self.keep_alive or len(free) >= self.max_free_sockets or not seconds:
            socket._destroy_now(None)
            return
        _take_off(self._busy, connection)
        self._free.setdefault(place, []).append(connection)
        connection.deadline = loop.get().time() + seconds
        self._watch(seconds)
        self._start_waiting()

    def _keeps_for(self, connection: ClientConnection) -> float:
        """Seconds for which this connection may be idle: our limit, or the server's, if that is less."""
        limit = self.timeout or float("inf")
        return limit if connection.deadline < 0 else min(limit, connection.deadline)

    def _removed(self, connection: ClientConnection) -> None:
        """See `Keeper._removed`."""
        _take_off(self._busy, connection)
        _take_off(self._free, connection)
        self._start_waiting(connection.place)

    def _start_waiting(self, first: Place | None = None) -> None:
        """Connect for requests that wait, if there is room now: those of the first place before others."""
        places = list(self._waiting)
        if first in self._waiting:
            places.remove(first)
            places.insert(0, first)
        for place in places:
            while place in self._waiting and self._has_room(place):
                request = self._waiting[place].pop(0)
                if not self._waiting[place]:
                    del self._waiting[place]
                self._connect(request)
        if self._waiting:
            self._make_room()

    def _watch(self, seconds: float) -> None:
        """One timer for all idle connections."""
        if seconds != float("inf"):
            timer = self._timer
            if timer is None or timer.when() > loop.get().time() + seconds:
                if timer is not None:
                    timer.cancel()
                self._timer = loop.get().call_later(seconds, self._look)

    def _look(self) -> None:
        """Close what has been idle for too long."""
        self._timer = None
        now = loop.get().time()
        idle = [each for connections in self._free.values() for each in connections]
        for connection in idle:
            if connection.deadline <= now:
                connection.socket._destroy_now(None)
        later = [each.deadline for each in idle if each.deadline > now]
        if later:
            self._watch(min(later) - now)

    def _destroy(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in [each for table in (self._free, self._busy) for many in table.values() for each in many]:
            connection.socket._destroy_now(None)

    def _after_fork(self) -> None:
        """In a forked child: the connections are the parent's."""
        self._busy, self._free, self._waiting, self._timer = {}, {}, {}, None


def _most(value: Any, name: str) -> int | None:
    return None if value is None else checks.whole(value, name, 1)


def _take_off(table: dict[Place, list[ClientConnection]], connection: ClientConnection) -> None:
    connections = table.get(connection.place, [])
    if connection in connections:
        connections.remove(connection)
        if not connections:
            del table[connection.place]


def _told(table: dict[Place, Iterable[Any]]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for place, members in table.items():
        shown = [each.socket if isinstance(each, ClientConnection) else each for each in members]
        told.setdefault(place.name, []).extend(shown)
    return told


def close_everything() -> int:
    """Close the connections of every agent of this process; returns how many connections there were."""

    def now() -> int:
        agents = tuple(_agents)
        count = sum(each._total() for each in agents)
        for agent in agents:
            waiting = [each for many in agent._waiting.values() for each in many]
            served = [each.request for many in agent._busy.values() for each in many]
            for request in [*waiting, *served]:
                if request is not None:
                    request._destroy_now(None)  # so nobody is told of a hang-up
            agent._destroy()
        return count

    return loop.call(now)


def _after_fork() -> None:
    for agent in tuple(_agents):
        agent._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

global_agent = Agent()
"""The agent of requests that name none: it keeps connections for 5 seconds, and opens as many as are asked for."""
