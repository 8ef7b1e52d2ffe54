"""Whether this process is a Jupyter kernel, IPython's shell in it, and how it shows objects.

Rule: looks at what is loaded, and imports nothing for it, before an object of ours is shown.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import Any


def in_notebook() -> bool:
    """Whether this process is a Jupyter kernel."""
    return "ipykernel.kernelapp" in sys.modules


def shell() -> Any:
    """IPython's shell, which runs the cells; None in a program without IPython."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


_views: list[tuple[str, str, str, str]] = []


def show_by(module: str, name: str, view: str, function: str) -> None:
    """Have notebooks show objects of a class by a function; nothing is imported before the first one is shown.

    module, name: of the class. view, function: module and name of what returns its MIME bundle, beside the text that
    IPython makes of its ``repr``. Does nothing in a program without IPython.
    """
    _views.append((module, name, view, function))
    tell_shell()


def tell_shell() -> None:
    """Tell IPython of the views so far. Our own kernel does it, too, since it knows them before it has a shell."""
    formatter = getattr(getattr(shell(), "display_formatter", None), "mimebundle_formatter", None)
    while formatter is not None and _views:
        module, name, view, function = _views.pop()
        formatter.for_type_by_name(module, name, partial(_shown, view, function))


def _shown(view: str, function: str, thing: Any) -> Any:
    return getattr(import_module(view), function)(thing)
