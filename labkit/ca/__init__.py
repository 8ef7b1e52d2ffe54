"""Certificates of one's own: a CA, what it issues, certificates gone wrong, and what programs say to each of them.

Rule: makes and reads files of keys and certificates; no program trusts any of them because of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

_HOMES = {
    "CA": "authority",
    "Identity": "authority",
    "Files": "holder",
    "keys": "",
    "lifetimes": "",
    "load": "store",
    "mine": "store",
    "request": "authority",
    "store": "",
}

if TYPE_CHECKING:
    from labkit.ca import keys, lifetimes, store
    from labkit.ca.authority import CA, Identity, request
    from labkit.ca.holder import Files
    from labkit.ca.store import load, mine

__all__ = ["CA", "Files", "Identity", "keys", "lifetimes", "load", "mine", "request", "store"]

__getattr__, __dir__ = lazy.names(__name__, _HOMES)
