"""Names of a package that are imported when they are first used.

Rule: the one place that knows how; a package only says which of its modules holds which name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__``, in this order.

    package: its ``__name__``. homes: each name and the module inside the package that holds it; ``""`` if the name is
    that of the module itself. A module must not have the name of something that another module holds: to import it
    would put the module in the place of that thing.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{homes[name] or name}")
        value = getattr(module, name) if homes[name] else module
        setattr(sys.modules[package], name, value)  # the next use finds it at once
        return value

    def listed() -> list[str]:
        # The package's own names, and not what it imports for itself: a student sees them after a dot and Tab.
        return sorted({*homes, *(name for name in vars(sys.modules[package]) if name.startswith("__"))})

    return get, listed
