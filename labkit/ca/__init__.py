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
    "commands": "",
    "gallery": "",
    "keys": "",
    "lifetimes": "",
    "load": "store",
    "mine": "store",
    "path": "store",
    "request": "authority",
    "steps": "",
    "store": "",
    "verdicts": "verdict",
}

if TYPE_CHECKING:
    from labkit.ca import commands, gallery, keys, lifetimes, steps, store
    from labkit.ca.authority import CA, Identity, request
    from labkit.ca.holder import Files
    from labkit.ca.store import load, mine, path
    from labkit.ca.verdict import verdicts

__all__ = [
    "CA",
    "Files",
    "Identity",
    "commands",
    "gallery",
    "keys",
    "lifetimes",
    "load",
    "mine",
    "path",
    "request",
    "steps",
    "store",
    "verdicts",
]

__getattr__, __dir__ = lazy.names(__name__, _HOMES)
