"""The timeline of a pool: known mistakes have their own words, in every problem."""

from __future__ import annotations

from itertools import accumulate
from queue import Queue

import pytest

from labkit import http
from labkit.exercises.http import agent
from labkit.exercises.http.agent import ends
from tests.exercises.answers import refused

SEEDS = range(1, 41)


def in_rounds(durations: list[int], sockets: int) -> list[int]:
    found: list[int] = []
    for first in range(0, len(durations), sockets):
        found += [max(found, default=0) + each for each in durations[first : first + sockets]]
    return found


def by_a_clock(durations: list[int], sockets: int) -> list[int]:
    """The same, by a clock that goes on in steps: slow, and plain."""
    waiting, running, found = list(enumerate(durations)), {}, [0] * len(durations)
    for now in range(sum(durations) + 1):
        for number in [number for number, end in running.items() if end == now]:
            found[number] = running.pop(number)
        while waiting and len(running) < sockets:
            number, duration = waiting.pop(0)
            running[number] = now + duration
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clock_says_the_same(seed: int) -> None:
    agent.another(seed)
    assert agent.reference[0] == by_a_clock(agent.durations, agent.sockets)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mistake_has_its_own_message(seed: int) -> None:
    agent.another(seed)
    times, kept, apart = agent.reference
    sockets, durations = agent.sockets, agent.durations
    begins = [end - duration for end, duration in zip(times, durations, strict=True)]
    for wrong, message in (
        (durations, "So no request would wait"),
        (list(accumulate(durations)), "one after another"),
        (in_rounds(durations, sockets), "This waits until all"),
        (begins, "at which the requests begin"),
        ([times[0] + 1, *times[1:]], "gets a socket at once"),
        ([*times[:-1], times[-1] + 1], "Up to request 5 all times are right"),
    ):
        refused(agent, [wrong, kept, apart], 2, message)
    refused(agent, [times, 6, apart], 3, "one for each request")
    refused(agent, [times, 1, apart], 3, "at a time")
    refused(agent, [times, kept, sockets], 4, "opens a connection of its own")
    refused(agent, [times, kept, 1], 4, "opens a connection of its own")


def test_other_queues_are_told() -> None:
    agent.durations, agent.sockets = [200, 500, 200, 800, 800, 800], 2
    assert agent.reference[0] == ends(agent.durations, 2) == [200, 500, 400, 1200, 1300, 2000]
    refused(agent, [[200, 500, 400, 1300, 1200, 2100], 2, 6], 2, "gives the sockets out in turn")
    refused(agent, [[200, 500, 1500, 1800, 1300, 1000], 2, 6], 2, "The one that has waited longest is next")
    refused(agent, [agent.reference[0], 4, 6], 3, "the number of requests that wait")
    refused(agent, [agent.reference[0], 3, 6], 3, "never more than max_sockets")


def test_a_fraction_is_a_number_too() -> None:
    times, kept, apart = agent.reference
    assert agent.check(([float(each) for each in times], kept, apart)).correct


@pytest.mark.parametrize("answer", [
    [100] * 6, [[100] * 5, 2, 6], [[100] * 6, 2], [["1"] * 6, 2, 6], [[100] * 6, "2", 6], [[100] * 6, 2, 6.0],
    [[True] * 6, 2, 6], "x",
])  # fmt: skip
def test_no_answer_of_this_form(answer: object) -> None:
    assert agent.check(answer).step.startswith("step 1 of 4")


def test_a_better_answer_is_told_that_it_got_further() -> None:
    times, kept, apart = agent.reference
    refused(agent, [agent.durations, kept, apart], 2, "")
    refused(agent, [times, 6, apart], 3, "You got further: your best answer before failed at step 2.")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_real_agent_does_the_same(seed: int) -> None:
    """The answers are given in the order of the times in the solution; each frees the socket for the right request."""
    agent.another(seed)
    times, kept, apart = agent.reference
    begins = [end - duration for end, duration in zip(times, agent.durations, strict=True)]
    held: Queue[tuple[int, http.ServerResponse]] = Queue()
    server = http.create_server(lambda request, response: held.put((int(request.url[1:]), response))).listen(0)
    ports: set[int | None] = set()
    server.on("connection", lambda socket: ports.add(socket.remote_port))
    pool = http.Agent(max_sockets=agent.sockets)
    try:
        requests = [http.request(port=server.port, path=f"/{number}", agent=pool).end() for number in range(6)]
        at_work: dict[int, http.ServerResponse] = {}
        for done in sorted(range(6), key=times.__getitem__):
            wanted = {number for number in range(6) if begins[number] < times[done] <= times[number]}
            while set(at_work) != wanted:
                number, response = held.get(timeout=30)
                at_work[number] = response
                assert number in wanted
            assert held.empty()
            at_work.pop(done).end()
            requests[done].wait_for("response").body()
        assert len(ports) == kept
        for number in range(6):
            alone = http.get(port=server.port, path=f"/{number}", agent=False)
            held.get(timeout=30)[1].end()
            alone.wait_for("response").body()
        assert len(ports) == kept + apart
    finally:
        pool.destroy()
        server.close().close_all_connections()
