"""The private network of a notebook, ports published from it, and a cable that is a Python object.

Rule: above the system's namespaces and interfaces, and below the lessons; knows no protocol of the servers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.lab.publishing import publish
    from labkit.lab.wire import Wire

__all__ = ["Wire", "publish"]

# No module may have the name of something here: importing it would put the module in the function's place.
_HOMES = {"Wire": "wire", "publish": "publishing"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
