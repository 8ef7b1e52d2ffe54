"""The private network of a notebook, ports published from it, and a cable that is a Python object.

Rule: stands above the system's namespaces and interfaces and below the lessons; does not know the servers' protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

if TYPE_CHECKING:
    from labkit.lab.crafting import arrived, receive
    from labkit.lab.publishing import publish
    from labkit.lab.sampling import tcp_info
    from labkit.lab.slow_reader import slow
    from labkit.lab.wire import Wire

__all__ = ["Wire", "arrived", "publish", "receive", "slow", "tcp_info"]

_HOMES = {
    "Wire": "wire", "arrived": "crafting", "publish": "publishing", "receive": "crafting", "slow": "slow_reader",
    "tcp_info": "sampling",
}  # fmt: skip

__getattr__, __dir__ = lazy.names(__name__, _HOMES)
