"""Somebody in the middle: functions as students write them, each with the first case in which it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.exercises.tls import middle
from labkit.exercises.tls.middle import in_the_middle
from tests.exercises.answers import refused


def kinds(*wanted: str) -> Any:
    """Compare the messages of these kinds."""

    def compared(at_client: Any, at_server: Any) -> bool:
        one, two = ([each.data for each in tape.handshake if each.kind in wanted] for tape in (at_client, at_server))
        return one != two

    return compared


def by_secrets(at_client: Any, at_server: Any) -> bool:
    """Right: each connection has secrets of its own."""
    return bool(at_client.secrets != at_server.secrets)


@pytest.mark.parametrize("answer", [in_the_middle, kinds("ServerHello"), kinds("ClientHello"), by_secrets])
def test_right(answer: Any) -> None:
    assert middle.check(answer).correct


@pytest.mark.parametrize(("answer", "step", "message"), [
    (lambda a, b: [each.raw for each in a] != [each.raw for each in b], 1, "not packets or records"),
    (lambda a, b: len(a) != len(b), 1, "not packets or records"),
    (lambda a, b: False, 2, "somebody else's CA"),
    (lambda a, b: b"Eve" in next(each.data for each in a.handshake if each.kind == "Certificate"), 3,
     "The name and the issuer are the right ones"),
    (kinds("Certificate"), 4, "its key was stolen"),
    (lambda a, b: [each.data for each in a.handshake] != [each.data for each in b.handshake], 5, "fewer messages"),
    (lambda a, b: "yes", 1, "Compare with == or !="),
    (lambda a: False, 1, ""),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    refused(middle, answer, step, message)
