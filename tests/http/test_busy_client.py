"""A busy agent's requests take the short paths: Node's scenarios once more on it, and what must not differ there.

Rule: requests of handlers are quiet from the first one on; the scenarios are those of test_client_node.py, unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labkit import http
from labkit.core import endpoint, loop
from labkit.core.errors import BadArgument
from tests.http.test_client_node import SCENARIOS


@pytest.fixture(autouse=True)
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No agent is young."""
    monkeypatch.setattr(endpoint, "YOUNG", 0)


@pytest.fixture
def server() -> Iterator[http.Server]:
    """Answers with the method and the url of the request, and its body."""

    def answer(request: http.IncomingMessage, response: http.ServerResponse) -> None:
        pieces: list[bytes] = []
        request.on("data", pieces.append)
        request.on("end", lambda: response.end(f"{request.method} {request.url} ".encode() + b"".join(pieces)))

    made = http.create_server(answer)
    with made.listen(0):
        yield made


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_nodes_on_a_busy_agent(name: str) -> None:
    assert SCENARIOS.our_story(name) == SCENARIOS.node_story(name)


def test_a_cell_can_wait_for_what_a_handler_asked_for(server: http.Server) -> None:
    agent = http.Agent()
    request = loop.call(lambda: http.get(port=server.port, agent=agent))
    assert request.quiet
    response = request.wait_for("response")
    assert response.body() in (b"GET / ", b"")  # if nobody waited yet when it began, it was thrown away
    assert request.wait_for("response") is response
    assert request.wait_for("finish") is None
    assert request.wait_for("close") is None
    agent.destroy()


def test_who_listens_late_to_a_request_that_went_out_hears_of_its_answer(server: http.Server) -> None:
    told: list[Any] = []

    def begin() -> http.ClientRequest:
        request = http.request(port=server.port, method="POST", path="/late", agent=agent)
        request.end("body")
        for name in ("socket", "finish", "close"):
            request.on(name, lambda *_, name=name: told.append(name))
        request.on("response", lambda response: told.append(response.resume().status_code))
        return request

    agent = http.Agent()
    request = loop.call(begin)
    assert request.quiet
    request.wait_for("close")
    loop.catch_up()
    assert told == ["socket", "finish", 200, "close"]
    agent.destroy()


def test_what_a_cell_asks_for_is_remembered(server: http.Server) -> None:
    agent = http.Agent()
    request = http.get(port=server.port, agent=agent)
    assert not request.quiet
    assert request.wait_for("response").body() == b"GET / "
    assert [each.name for each in request.history][:3] == ["socket", "finish", "response"]
    agent.destroy()


@pytest.mark.parametrize("port", [True, 1337.0, "1337"])
def test_a_wrong_port_is_refused_though_an_equal_one_was_good(port: Any) -> None:
    agent = http.Agent()
    for right in (1, 1337):
        http.request(port=right, agent=agent)
    with pytest.raises(BadArgument):
        http.request(port=port, agent=agent)


def test_a_request_of_many_says_what_its_own_fields_say(server: http.Server) -> None:
    """What is kept of earlier requests' heads must not leak into another one."""
    agent = http.Agent(max_sockets=1)
    bodies = []
    for method, path, body in [("GET", "/a", b""), ("POST", "/a", b""), ("POST", "/a", b"xy"), ("GET", "/b", b"")] * 2:
        request = http.request(port=server.port, method=method, path=path, agent=agent)
        bodies.append(request.end(body or None).wait_for("response").body())
    assert bodies == [b"GET /a ", b"POST /a ", b"POST /a xy", b"GET /b "] * 2
    agent.destroy()
