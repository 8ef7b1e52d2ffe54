"""Outputs that JupyterLab itself renders and that follow their object, above and below a panel, or alone.

Rule: an output is a bundle of MIME types, as a cell's is; the panel knows nothing of the outputs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from labkit.widgets.panel import Panel


class Outputs(Protocol):
    """What follows a sheet in a page."""

    def follow(self) -> None:
        """Show both outputs as they are now."""


class Sheet:
    """An output, or a panel with an output above it and one below it.

    panel: takes what the page asks; None if there is nothing to ask. above, below: outputs by their MIME types,
    ``{"text/markdown": …}``; an empty one shows nothing. view: what follows them in a page, None as long as no page has
    shown the sheet. guard: the lock that is held while an output changes.
    """

    def __init__(self, panel: Panel | None = None) -> None:
        self.panel = panel
        self.above: Mapping[str, str] = {}
        self.below: Mapping[str, str] = {}
        self.view: Outputs | None = None
        self.guard = threading.RLock() if panel is None else panel.guard

    def show(self, *, above: Mapping[str, str] | None = None, below: Mapping[str, str] | None = None) -> None:
        """Change an output, or both; each page that shows them follows."""
        with self.guard:
            self.above = self.above if above is None else above
            self.below = self.below if below is None else below
            if self.view is not None:
                self.view.follow()
