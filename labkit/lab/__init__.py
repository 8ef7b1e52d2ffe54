"""The private network of a notebook, ports published from it, and a cable that is a Python object.

Rule: stands above the system's namespaces and interfaces and below the lessons; does not know the servers' protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

if TYPE_CHECKING:
    from labkit.lab.connections import keep_alive, use_congestion_control
    from labkit.lab.crafting import arrived, receive
    from labkit.lab.crowds import crowd, recorded_crowds
    from labkit.lab.impatient import impatient
    from labkit.lab.over import over
    from labkit.lab.publishing import publish
    from labkit.lab.sampling import tcp_info
    from labkit.lab.slow_reader import slow
    from labkit.lab.waiting import when_passed
    from labkit.lab.wire import Wire

__all__ = [
    "Wire", "arrived", "crowd", "impatient", "keep_alive", "over", "publish", "receive", "recorded_crowds", "slow",
    "tcp_info", "use_congestion_control", "when_passed",
]  # fmt: skip

_HOMES = {
    "Wire": "wire",
    "arrived": "crafting",
    "crowd": "crowds",
    "impatient": "impatient",
    "keep_alive": "connections",
    "over": "over",
    "publish": "publishing",
    "receive": "crafting",
    "recorded_crowds": "crowds",
    "slow": "slow_reader",
    "tcp_info": "sampling",
    "use_congestion_control": "connections",
    "when_passed": "waiting",
}

__getattr__, __dir__ = lazy.names(__name__, _HOMES)
