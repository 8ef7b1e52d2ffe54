"""Whether this process is a Jupyter kernel, and IPython's shell in it.

Rule: looks at what is loaded, and imports nothing for it.
"""

from __future__ import annotations

import sys
from typing import Any


def in_notebook() -> bool:
    """Whether this process is a Jupyter kernel."""
    return "ipykernel.kernelapp" in sys.modules


def shell() -> Any:
    """IPython's shell, which runs the cells; None in a program without IPython."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
