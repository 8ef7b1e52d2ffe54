"""Whether this process is a Jupyter kernel.

Rule: looks at what is loaded, and imports nothing for it.
"""

from __future__ import annotations

import sys


def in_notebook() -> bool:
    """Whether this process is a Jupyter kernel."""
    return "ipykernel.kernelapp" in sys.modules
