"""The short way of a busy endpoint: it is left when another thread has begun to listen or to wait meanwhile."""

from __future__ import annotations

from labkit.core.emitter import _Ticket
from labkit.core.endpoint import Endpoint


def fast() -> None:
    """What would be called."""


def test_it_is_taken_for_the_listeners_it_was_made_for() -> None:
    endpoint = Endpoint()
    endpoint.on("message", print)
    endpoint._hurry("message", endpoint._listeners["message"], fast)
    assert endpoint._fast is fast
    endpoint.on("message", repr)
    assert endpoint._fast is None


def test_it_is_not_taken_if_a_listener_has_come_just_before() -> None:
    endpoint = Endpoint()
    endpoint.on("message", print)
    before = endpoint._listeners["message"]
    endpoint.on("message", repr)
    endpoint._hurry("message", before, fast)
    assert endpoint._fast is None


def test_it_is_not_taken_if_a_thread_has_begun_to_wait_just_before() -> None:
    endpoint = Endpoint()
    endpoint.on("message", print)
    endpoint._tickets = (_Ticket("message"),)
    endpoint._hurry("message", endpoint._listeners["message"], fast)
    assert endpoint._fast is None
