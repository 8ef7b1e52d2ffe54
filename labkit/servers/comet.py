"""One source of news, and five ways in which a page gets them: four over HTTP, called Comet, and WebSocket (T-4.2).

Rule: short enough to be read in a lesson; a way is one function of a few lines. Who reads the news is comet_readers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from labkit import http, websocket
from labkit.core import loop

PORT = 12011
SECONDS = 0.01
"""Time between two updates."""
UPDATE = "update {:03}"
"""What an update says. All have the same size, so that the ways can be compared byte by byte."""

Tell = Callable[[str], Any]
Way = Callable[..., Any]
"""A handler: it gets news, request and response; the one of WebSocket gets news, a WebSocket and the request."""


class News:
    """Updates, one after the other, after `start`. They are made and told on labkit's loop.

    seconds: between two updates. count: how many there will be. made: how many there are. times: of each, by the loop's
    clock, in seconds.
    """

    def __init__(self, count: int = 100, seconds: float = SECONDS) -> None:
        self.count, self.seconds = count, seconds
        self.times: list[float] = []
        self._listeners: list[tuple[Tell, Callable[[], Any]]] = []
        self._waiting: list[tuple[int, Tell]] = []
        self._hold: Callable[[], bool] = lambda: False

    @property
    def made(self) -> int:
        """How many updates there are."""
        return len(self.times)

    @staticmethod
    def update(number: int) -> str:
        """The text of an update; the first one has the number 1."""
        return UPDATE.format(number)

    def after(self, number: int) -> list[str]:
        """The updates behind this one, as far as there are some."""
        return [self.update(each) for each in range(number + 1, self.made + 1)]

    def when(self, number: int, tell: Tell) -> None:
        """Tell this update: now, or as soon as there is one with this number."""
        if number <= self.made:
            tell(self.update(number))
        else:
            self._waiting.append((number, tell))

    def each(self, tell: Tell, end: Callable[[], Any] = lambda: None) -> None:
        """Tell each update from now on, and call ``end`` after the last one."""
        self._listeners.append((tell, end))

    def start(self) -> None:
        """Begin: the first update is made after `seconds`."""
        loop.call(self._later)

    def _later(self) -> None:
        loop.get().call_later(self.seconds, self._make)

    def _make(self) -> None:
        if self._hold():
            self._later()
            return
        self.times.append(loop.get().time())
        made, waiting = self.made, self._waiting
        self._waiting = [each for each in waiting if each[0] > made]
        for number, tell in waiting:
            if number <= made:
                tell(self.update(number))
        listeners = tuple(self._listeners)
        for tell, _ in listeners:
            tell(self.update(made))
        if made < self.count:
            self._later()
        else:
            for _, end in listeners:
                end()


def asked(request: http.IncomingMessage) -> int:
    """The update after which a reader wants to hear: 7 in ``/wait?after=7``."""
    asked = parse_qs(urlsplit(request.url).query).get("after", ["0"])[0]
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0


def poll(news: News, request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Answer at once, with what is new."""
    response.end("".join(f"{each}\n" for each in news.after(asked(request))))


def wait(news: News, request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Answer with the next update, as soon as there is one."""
    news.when(asked(request) + 1, response.end)


def events(news: News, request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Begin an answer, and write each update into it as a server-sent event."""
    response.write_head(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    response.flush_headers()
    news.each(lambda update: response.write(f"data: {update}\n\n"), response.end)


def frame(news: News, request: http.IncomingMessage, response: http.ServerResponse) -> None:
    """Begin a page for an iframe, and write each update into it as a script, which the browser runs at once."""
    response.write_head(200, {"Content-Type": "text/html", "Cache-Control": "no-store"})
    response.flush_headers()
    news.each(lambda update: response.write(f'<script>parent.show("{update}")</script>\n'), response.end)


def push(news: News, ws: websocket.WebSocket, request: http.IncomingMessage) -> None:
    """Send each update as a message of WebSocket."""
    news.each(ws.send, ws.close)


WAYS: Mapping[str, Way] = {"poll": poll, "wait": wait, "events": events, "frame": frame, "push": push}
"""The ways by the path at which the server offers them."""


def create(news: News | None = None, ways: Mapping[str, Way] = WAYS) -> http.Server:
    """Make the server. It offers each way under its own path: ``/poll``, ``/wait``, ``/events``, ``/frame``, ``/push``.

    news: what it tells; the caller starts them. None: endless news, an update a second. ways: handlers by path.
    """
    if news is None:
        news = News(count=10**9, seconds=1.0)
        news.start()
    told = news

    def answer(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        way = ways.get(urlsplit(request.url).path[1:])
        if way is None or way is ways.get("push"):
            response.write_head(404)
            response.end("There is no news at this path.\n")
        else:
            way(told, request, response)

    server = http.create_server(answer)
    if "push" in ways:
        websocket.create_server(lambda ws, request: ways["push"](told, ws, request), server=server, path="/push")
    return server
