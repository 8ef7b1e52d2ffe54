"""A panel in a page: anywidget carries its state, and the messages both ways.

Rule: shows what the panel knows and decides nothing; imported when a page shows the first panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import anywidget
import traitlets

from labkit.widgets import modules
from labkit.widgets.panel import Panel


class _Model(anywidget.AnyWidget):
    state = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes(b"").tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)


@cache
def _model_of(module: str) -> type[_Model]:
    """The class of the models of one module: anywidget wants the sources on the class."""
    return type(module.title(), (_Model,), {"_esm": modules.module(module), "_css": modules.style(module)})


class PanelView:
    """The model of a panel, which a page shows as often as it likes."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.model = _model_of(panel.module)(state=panel.state, data=panel.data, large=panel.large)
        self.model.on_msg(self._heard)

    def follow(self, names: Sequence[str]) -> None:
        """Show these parts of the state as they are now, in one message."""
        with self.model.hold_sync():
            for name in names:
                self.model.set_trait(name, getattr(self.panel, name))

    def tell(self, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        """Send a message to the page."""
        self.model.send(message, list(buffers))

    def _heard(self, _model: Any, message: Any, buffers: Any) -> None:
        answer = self.panel.heard(message, buffers or ())
        if answer is not None:
            self.tell(*answer)


def attached(panel: Panel) -> Any:
    """The model of a panel, made when it is first asked for."""
    with panel.guard:
        if not isinstance(panel.view, PanelView):
            panel.view = PanelView(panel)
        return panel.view.model
