"""All of Node's scenarios of the HTTP server once more over TLS: `serve` does not know what carries the bytes.

Rule: the scenarios are those of test_node.py, unchanged; only what carries the bytes is another.
"""

from __future__ import annotations

import json

import pytest

from labkit import net
from tests.http.test_node import OTHERWISE, SCENARIOS, by_emitter
from tests.net import tls


@pytest.fixture(autouse=True)
def over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every socket of this file has TLS below it."""
    tls.contexts()  # before the loop needs them: a certificate takes a while
    monkeypatch.setattr(net.Socket, "_protocol", lambda socket: tls.Layer(socket))


@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same_over_tls(name: str) -> None:
    before = tls.Layer.used
    expected = json.loads(json.dumps(SCENARIOS.node_story(name)))
    if name in OTHERWISE:
        OTHERWISE[name][0](expected)
    ours = SCENARIOS.our_story(name)
    assert ours["wire"] == expected["wire"]
    assert by_emitter(ours["server"]) == by_emitter(expected["server"])
    assert tls.Layer.used > before
