"""An exercise on the pool of a client: which request ends when, and how many connections it takes.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Field, Form
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

REQUESTS = 6
"""Requests that the client makes at once."""


class AgentTimeline(Seeded):
    """When does each of six requests end, if an agent has few sockets?"""

    name = "http.agent"
    lesson = "03c-http-clients"
    title = "predict the timeline of a pool"
    steps = ("six times and two numbers", "when each request ends", "how many connections the agent opens",
             "how many connections there are without an agent")
    stub = (
        "answer = [None, None, None]  # a list of six times in ms, and two numbers of connections\n"
        "exercises.http.agent.check(answer)"
    )  # fmt: skip
    asks = "Give check() three parts: a list of six times in ms, and two whole numbers: [[100, …], 1, 1]."
    praise = (
        "A request waits until one socket is free, not until all are. The server never sees those that wait.\n"
        "So a slow answer of one request makes others slow that have nothing to do with it."
    )
    stretch = "in which order would you make the six requests, so that the last one ends as early as possible?"
    hints = (
        "Draw one row for each socket. Put the first requests into the empty rows.",
        "Whenever a socket becomes free, the request that has waited longest gets it, in the order 1, 2, 3, …",
        "Keep one number for each socket: the time at which it is free. Each request takes the smallest of them, and "
        "adds its own duration.",
    )

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        while True:
            self.sockets = chance.choice((2, 3))
            self.durations = [100 * chance.randint(1, 9) for _ in range(REQUESTS)]
            right = ends(self.durations, self.sockets)
            wrong = (self._in_rounds(), self._alternating(), self._last_first())
            # The problem must tell the known mistakes apart, and no two sockets may become free at the same time.
            if all(each != right for each in wrong) and len({*map(tuple, wrong)}) == 3 and len(set(right)) == REQUESTS:
                return

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("list", (
            Field("times of the six, in ms", "numbers"),
            Field("connections with the agent"), Field("connections without one"),
        ))

    @property
    def task(self) -> str:
        lines = "\n".join(f"request {number}  {duration} ms" for number, duration in enumerate(self.durations, 1))
        return (
            f"A client makes six requests to one server at the same time, at 0 ms, in this order. Its agent is "
            f"`http.Agent(max_sockets={self.sockets})`. The server needs so long for each answer:\n\n"
            f"```text\n{lines}\n```\n\n"
            "The server works on all requests that it has at the same time. The way to the server, and opening a "
            "connection, take no time here.\n\n"
            "1. When does each request end, in ms? Give a list of six times, in the order of the requests.\n"
            "2. How many TCP connections does the agent open for them in all? (`keep_alive` is on.)\n"
            "3. How many are opened if each request is made with `agent=False`?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        times, kept, apart = self._parts(answer)
        run.step(2)
        right = ends(self.durations, self.sockets)
        if times != right:
            place = next(number for number in range(REQUESTS) if times[number] != right[number])
            raise NotYet(f"another time for request {place + 1}", f"{show(times[place])} ms",
                         self._about_times(times, place))
        run.step(3)
        if kept != self.sockets:
            raise NotYet("another number of connections with the agent", show(kept), self._about_kept(kept))
        run.step(4)
        if apart != REQUESTS:
            raise NotYet("another number of connections with agent=False", show(apart),
                         "Without an agent nothing is kept and nothing waits: each request opens a connection of its "
                         "own, and closes it.")

    def _parts(self, answer: Any) -> tuple[list[Any], int, int]:
        numbers = (int, float)
        if type(answer) not in (list, tuple) or len(answer) != 3 or type(answer[0]) not in (list, tuple):
            raise NotYet("a list of six times, and two whole numbers", show(answer), self.asks)
        times = list(answer[0])
        if len(times) != REQUESTS or not all(type(each) in numbers for each in times):
            raise NotYet("six times in ms, one for each request", show(answer[0]),
                         "Each time is a number of milliseconds from the start, when all six requests were made.")
        for each in answer[1:]:
            if type(each) is not int:
                raise NotYet("two whole numbers of connections", show(each), self.asks)
        return times, answer[1], answer[2]

    def _about_times(self, times: list[Any], place: int) -> str:
        if times == self.durations:
            return (f"So no request would wait. The agent has {self.sockets} sockets, and a connection carries one "
                    "request at a time.")
        if times == list(accumulate(self.durations)):
            return f"So all would go through one socket, one after another. The agent has {self.sockets}."
        if times == self._in_rounds():
            return (f"This waits until all {self.sockets} sockets are free. A request that waits gets the first socket "
                    "that becomes free, while the others still work.")
        if times == self._alternating():
            return "This gives the sockets out in turn. A request that waits takes the socket that is free first."
        if times == self._last_first():
            return "This takes the request that came last out of the queue. The one that has waited longest is next."
        if times == self._waits():
            return "These are the times at which the requests begin. Add how long the server needs for each."
        if place < self.sockets:
            return f"Request {place + 1} gets a socket at once: it ends when the server has answered it."
        return (f"Up to request {place} all times are right. Which of the {self.sockets} sockets is free first after "
                "that, and when?")

    def _about_kept(self, kept: int) -> str:
        if kept == REQUESTS:
            return ("That would be one for each request. A connection is kept after an answer, and the next request "
                    "uses it.")
        if kept == 1:
            return f"One connection would do all one after another. The agent may open {self.sockets} at a time."
        if kept == REQUESTS - self.sockets:
            return "That is the number of requests that wait. Each of them uses a connection that is there already."
        return "It opens one for each request that finds no free one, and never more than max_sockets."

    # -- what known mistakes make of the durations

    def _in_rounds(self) -> list[int]:
        """All wait until the last of a round is over."""
        found: list[int] = []
        start = 0
        for first in range(0, REQUESTS, self.sockets):
            group = self.durations[first : first + self.sockets]
            found += [start + duration for duration in group]
            start += max(group)
        return found

    def _alternating(self) -> list[int]:
        """Request 1 on socket 1, 2 on 2, and then in turn, whichever is free."""
        found, free = [], [0] * self.sockets
        for number, duration in enumerate(self.durations):
            free[number % self.sockets] += duration
            found.append(free[number % self.sockets])
        return found

    def _last_first(self) -> list[int]:
        """The queue turned round."""
        order = [*range(self.sockets), *range(REQUESTS - 1, self.sockets - 1, -1)]
        mixed = ends([self.durations[number] for number in order], self.sockets)
        return [mixed[order.index(number)] for number in range(REQUESTS)]

    def _waits(self) -> list[int]:
        right = ends(self.durations, self.sockets)
        return [end - duration for end, duration in zip(right, self.durations, strict=True)]

    @property
    def worked(self) -> str:
        return (
            "Each request takes the socket that is free first, and keeps it until its answer is there.\n\n"
            f"```python\ndurations = {self.durations}\nfree = [0] * {self.sockets}  # when each socket is free\n"
            "times = []\nfor duration in durations:\n    first = free.index(min(free))\n"
            "    free[first] += duration\n    times.append(free[first])\n"
            "answer = [times, len(free), len(durations)]\nexercises.http.agent.check(answer)\n```\n\n"
            f"The times are {ends(self.durations, self.sockets)}. The agent opens {self.sockets} connections, and uses "
            f"them again. With `agent=False` there are {REQUESTS}."
        )

    @property
    def reference(self) -> Any:
        return [ends(self.durations, self.sockets), self.sockets, REQUESTS]


def ends(durations: Sequence[int], sockets: int) -> list[int]:
    """When each request ends: those that wait take the first socket that is free, in order. All in milliseconds."""
    free = [0] * sockets
    found = []
    for duration in durations:
        end = heapq.heappop(free) + duration
        heapq.heappush(free, end)
        found.append(end)
    return found
