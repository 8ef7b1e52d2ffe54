"""Node's http.request and http.get: what a program asks for, checked, and the request that is made of it.

Rule: arguments in, a `ClientRequest` out; what the request does is client.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from labkit.core import checks
from labkit.core.calls import in_words
from labkit.core.errors import BadArgument
from labkit.core.listeners import Once, in_cell
from labkit.http.agent import Agent, global_agent
from labkit.http.client import ClientRequest
from labkit.http.client_options import options
from labkit.http.client_response import ClientResponse
from labkit.http.headers import Given


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
    asked = (url, host, hostname, port, local_address, socket_path, method, path, auth)
    return _made(asked, headers, agent, timeout, on_response)


def _made(
    asked: tuple[Any, ...], headers: Any, agent: Any, timeout: float | None,
    on_response: Callable[[ClientResponse], Any] | None,
) -> ClientRequest:
    """As `request`. asked: what `options` is given."""
    chosen = options(*asked)
    if agent is None:
        agent = global_agent
    elif agent is False:
        agent = Agent(keep_alive=False)
    elif not isinstance(agent, Agent):
        raise BadArgument(f"{checks.shown(agent)} is not an agent", "Give http.Agent(...), or False for none.")
    if timeout is not None:
        checks.seconds(timeout)
    if on_response is not None:
        checks.function(on_response, "on_response")
    made = ClientRequest(chosen, headers, agent, timeout)
    if on_response is not None:
        made._listeners["response"] = (Once(made, "response", in_cell(on_response)),)  # nobody else knows it yet
    return made


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
    asked = (url, host, hostname, port, local_address, socket_path, "GET", path, auth)
    return _made(asked, headers, agent, timeout, on_response).end()
