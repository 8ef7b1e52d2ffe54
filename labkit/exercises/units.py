"""Answers that are a number with its unit, such as ``"5.2 Mbit/s"`` or ``"640 kB"``.

Rule: a number without a unit is no answer; a unit of another kind is told by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from labkit.exercises.result import show
from labkit.exercises.running import NotYet

_SIZES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 1024.0, "Mi": 1024.0**2, "Gi": 1024.0**3}

# The unit, its kind and how much one of it is in bytes, or in bits a second.
_UNITS: dict[str, tuple[str, float]] = {}
for _size, _factor in _SIZES.items():
    _UNITS[f"{_size}B"] = ("amount", _factor)
    _UNITS[f"{_size}bit"] = ("amount", _factor / 8)
    _UNITS[f"{_size}bit/s"] = ("rate", _factor)
    _UNITS[f"{_size}B/s"] = ("rate", 8 * _factor)
_UNITS |= {"byte": ("amount", 1.0), "bytes": ("amount", 1.0), "bytes/s": ("rate", 8.0), "bits": ("amount", 1 / 8),
           "bits/s": ("rate", 1.0)}  # fmt: skip
_ALIASES = {"bps": "bit/s", "kbps": "kbit/s", "Mbps": "Mbit/s", "Gbps": "Gbit/s", "KB": "kB", "Kbit/s": "kbit/s"}

_FORM = re.compile(r"\s*([0-9][0-9_, ]*(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*([A-Za-z][A-Za-z/]*)\s*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit. value: in bytes for an amount, in bits a second for a rate. text: as it was written."""

    value: float
    unit: str
    text: str

    def near(self, other: float) -> bool:
        """Whether it is this value, within one in a hundred: students round."""
        return abs(self.value - other) <= 0.01 * abs(other)


def quantity(given: Any, kind: str, example: str) -> Quantity:
    """Read a number with its unit. kind: ``"amount"`` of bytes or ``"rate"``. example: how an answer looks.

    Raises `NotYet` for a number without a unit, a unit of the other kind, or what is neither.
    """
    if type(given) in (int, float):
        raise NotYet("a number with its unit", show(given), f"A number alone says nothing: bits or bytes? Write it as "
                     f"text with its unit, such as {example!r}.")
    found = _FORM.fullmatch(given) if type(given) is str and len(given) < 100 else None
    unit = _ALIASES.get(found[2], found[2]) if found else ""
    if found is None or unit not in _UNITS:
        raise NotYet("a number with its unit", show(given), f"Write a number, a space and a unit, such as {example!r}.")
    mine, factor = _UNITS[unit]
    if mine != kind:
        raise NotYet(f"a unit such as in {example!r}", show(given),
                     "The question asks for a rate: how much in one second." if kind == "rate"
                     else "The question asks for an amount of bytes, not for a rate.")
    return Quantity(float(re.sub(r"[_, ]", "", found[1])) * factor, unit, given.strip())
