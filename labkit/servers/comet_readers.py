"""Readers of the news of comet.py, one for each way: what a page would do in a browser (T-4.2).

Rule: a reader asks, notes when each update came, and ends with the last one; it looks at no packet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from labkit import http, websocket
from labkit.core import loop
from labkit.core.calls import in_words
from labkit.core.errors import LabError, TimedOut
from labkit.servers.comet import News

EVERY = 5
"""A reader that polls asks once in the time in which so many updates are made."""
TIMEOUT = 20.0

_UPDATE = re.compile(r"update (\d{3})")


class Reader:
    """Reads one way until the last update has come. ages: milliseconds from making an update to its arrival."""

    def __init__(self, news: News, port: int, every: int, agent: http.Agent | bool) -> None:
        self.news, self.port, self.every = news, port, every
        self.agent = agent
        self.ages: list[float] = []
        self.done: Future[list[float]] = Future()
        self._rest = ""

    def take(self, piece: bytes | str) -> None:
        """Note the updates in the next piece of what came, wherever the piece begins and ends."""
        text = self._rest + (piece if isinstance(piece, str) else piece.decode("ascii", "replace"))
        now, end = loop.get().time(), 0
        for found in _UPDATE.finditer(text):
            end = found.end()
            if int(found[1]) == len(self.ages) + 1:
                self.ages.append((now - self.news.times[len(self.ages)]) * 1000)
        self._rest = text[end:][-16:]
        if len(self.ages) == self.news.count and not self.done.done():
            self.done.set_result(self.ages)

    def fail(self, error: Any) -> None:
        """End with an error, for the cell that waits."""
        if not self.done.done():
            self.done.set_exception(error)

    # -- the ways

    def poll(self) -> None:
        """Ask once in a while: what is new?"""
        asking = [False]

        def ask(update: str) -> None:
            if self.news.made % self.every == 0 or self.news.made == self.news.count:
                asking[0] = True
                self._get("poll", answered)

        def answered() -> None:
            asking[0] = False

        self.news._hold = lambda: asking[0]  # on a busy machine, too, each question has its answer before the next one
        self.news.each(ask)
        self.news.start()

    def wait(self) -> None:
        """Ask for the next update, and again as soon as it has come."""

        def again() -> None:
            if not self.done.done():
                self._get("wait", again)

        self._get("wait", again)
        self.news.start()

    def events(self) -> None:
        """Read one answer that goes on and on."""
        self._stream("events")

    def frame(self) -> None:
        """Read one page that goes on and on; an iframe would run its scripts."""
        self._stream("frame")

    def push(self) -> None:
        """Open a WebSocket and listen."""
        ws = websocket.WebSocket(f"ws://127.0.0.1:{self.port}/push")
        ws.on("message", self.take)
        ws.on("error", self.fail)
        ws.on("open", self.news.start)

    # -- what they share

    def _get(self, way: str, then: Callable[[], None]) -> None:
        request = http.get(port=self.port, path=f"/{way}?after={len(self.ages):03}", agent=self.agent)

        @request.on("response")
        def answered(response: Any) -> None:
            self._check(way, response)
            response.on("data", self.take)
            response.on("end", then)

        request.on("error", self.fail)

    def _check(self, way: str, response: Any) -> None:
        if response.status_code != 200:
            what = f"the server answers {response.status_code} to /{way}"
            self.fail(LabError(what, "Does it offer this way? See create(news, ways)."))

    def _stream(self, way: str) -> None:
        request = http.get(port=self.port, path=f"/{way}", agent=self.agent)

        @request.on("response")
        def begun(response: Any) -> None:
            self._check(way, response)
            response.on("data", self.take)
            self.news.start()

        request.on("error", self.fail)


@in_words
def read(way: str, news: News, port: int, *, every: int = EVERY, keep_alive: bool = True) -> list[float]:
    """Read all news by one way, and return the age of each update when it came, in milliseconds.

    way: a path of the server, such as ``"wait"``. news: not started yet; the reader starts them when it is ready.
    every: for ``"poll"``: after how many updates it asks again. keep_alive: whether requests share a connection.
    Raises `LabError` for another way, `TimedOut` if the last update does not come within 20 seconds.
    """
    agent: http.Agent | bool = http.Agent(max_sockets=1) if keep_alive else False
    reader = Reader(news, port, every, agent)
    begin = {each.__name__: each for each in (reader.poll, reader.wait, reader.events, reader.frame, reader.push)}
    if way not in begin:
        raise LabError(f"there is no way {way!r}", f"Take one of {', '.join(begin)}.")
    loop.call(begin[way])
    try:
        return reader.done.result(TIMEOUT)
    except TimeoutError:
        raise TimedOut(
            f"the last update did not come within {TIMEOUT:g} s", "Does the handler tell each update?"
        ) from None
    finally:
        if isinstance(agent, http.Agent):
            agent.destroy()
