"""Node's http.request and http.get: what a program asks for, checked, and the request that is made of it.

Rule: arguments in, a `ClientRequest` out; what the request does is client.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from labkit.core import checks
from labkit.core.calls import in_words
from labkit.core.errors import BadArgument
from labkit.core.listeners import Once, in_cell
from labkit.http.agent import Agent, global_agent
from labkit.http.client import ClientRequest
from labkit.http.client_options import Options, options
from labkit.http.client_response import ClientResponse
from labkit.http.headers import Given

A = TypeVar("A", bound=Agent)


@in_words
def request(
    url: str | None = None,
    *,
    host: str | None = None,
    hostname: str | None = None,
    port: int | None = None,
    local_address: str | None = None,
    socket_path: str | os.PathLike[str] | None = None,
    method: str = "GET",
    path: str | None = None,
    headers: Given | None = None,
    auth: str | None = None,
    agent: Agent | bool | None = None,
    timeout: float | None = None,
    on_response: Callable[[ClientResponse], Any] | None = None,
) -> ClientRequest:
    """Make a request; write its body, if it has one, and `end` it: nothing is sent before.

    url: ``"http://127.0.0.1:1337/path?query"``; what is given by name beats it. host: default 127.0.0.1; hostname:
    the same, and beats host. port: default 80. local_address: of this machine, from which the connection comes.
    socket_path: of a Unix socket, in place of host and port. path: with the query; default ``/``.
    headers: a dictionary; Host and Connection are added, nothing else is. auth: ``"name:password"``, sent as Basic
    (RFC 7617). agent: who has the connections; None: `global_agent`; False: a connection of its own, with
    ``Connection: close``. timeout: see `ClientRequest.set_timeout`. on_response: the same as ``once("response", ...)``.
    Raises `BadArgument` and `BadHeader` for what a request cannot carry.
    """
    chosen = options(url, host, hostname, port, local_address, socket_path, method, path, auth)
    return made(chosen, headers, agent_of(agent, global_agent, alone), timeout, on_response)


def alone() -> Agent:
    """An agent for one request, whose connection is closed behind it."""
    return Agent(keep_alive=False)


def agent_of(given: Any, usual: A, make: Callable[[], A]) -> A:
    """The agent of a request. given: the argument: None for the usual one, False for one of its own, which make makes.

    Raises `BadArgument` for what is no agent for URLs of the usual one's scheme.
    """
    if given is None:
        return usual
    if given is False:
        return make()
    scheme = usual.SCHEME
    if not isinstance(given, Agent):
        raise BadArgument(f"{checks.shown(given)} is not an agent", f"Give {scheme}.Agent(...), or False for none.")
    if scheme != given.SCHEME:
        words = f"{given!r} has connections of {given.SCHEME}, not of {scheme}"
        raise BadArgument(words, f"Give {scheme}.Agent(...).", code="ERR_INVALID_PROTOCOL")
    return given  # type: ignore[return-value]  # its scheme says what it is


def made(
    chosen: Options, headers: Any, agent: Agent, timeout: float | None,
    on_response: Callable[[ClientResponse], Any] | None,
) -> ClientRequest:
    """As `request`, of options that are checked."""
    if timeout is not None:
        checks.seconds(timeout)
    if on_response is not None:
        checks.function(on_response, "on_response")
    asks = ClientRequest(chosen, headers, agent, timeout)
    if on_response is not None:
        asks._listeners["response"] = (Once(asks, "response", in_cell(on_response)),)  # nobody else knows it yet
    return asks


@in_words
def get(
    url: str | None = None,
    *,
    host: str | None = None,
    hostname: str | None = None,
    port: int | None = None,
    local_address: str | None = None,
    socket_path: str | os.PathLike[str] | None = None,
    path: str | None = None,
    headers: Given | None = None,
    auth: str | None = None,
    agent: Agent | bool | None = None,
    timeout: float | None = None,
    on_response: Callable[[ClientResponse], Any] | None = None,
) -> ClientRequest:
    """As `request` with the method GET, ended at once.

    From a cell: ``response = http.get(port=1337).wait_for("response")``, and then ``response.body()``.
    """
    chosen = options(url, host, hostname, port, local_address, socket_path, "GET", path, auth)
    return made(chosen, headers, agent_of(agent, global_agent, alone), timeout, on_response).end()
