"""A panel in a page: a comm carries its state and the messages both ways; anywidget's module runs it in the page.

Rule: shows what the panel knows and decides nothing. Neither ipywidgets nor anywidget is imported here: that takes
longer than all the rest of a first view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import comm

from labkit.widgets import modules, reopened
from labkit.widgets.panel import Panel

_TARGET, _PROTOCOL = "jupyter.widget", "2.1.0"  # of the messages between kernels and pages


@cache
def _who() -> dict[str, Any]:
    """What runs it in a page: the module that anywidget has installed there."""
    major, minor, *_ = version("anywidget").split(".")
    its = f"~{major}.{minor}.*"
    return {
        "_model_module": "anywidget", "_model_name": "AnyModel", "_model_module_version": its, "_view_count": None,
        "_view_module": "anywidget", "_view_name": "AnyView", "_view_module_version": its,
    }  # fmt: skip


class PanelView:
    """The model of a panel, which a page shows as often as it likes. comm: to the page; tests give another one."""

    def __init__(self, panel: Panel, comm: Any = None) -> None:
        self.panel = panel
        state, paths, buffers = self._parts(("state", "data"))
        name = panel.module
        state |= _who() | {
            "_anywidget_id": f"labkit.{name}", "_esm": modules.dressed(name), "large": panel.large,
        }  # fmt: skip
        self._comm = comm if comm is not None else _opened(state, paths, buffers)
        self._state = state
        self._comm.on_msg(self._heard)
        reopened.keep(self)

    @property
    def model_id(self) -> str:
        """The name under which pages know it."""
        return str(self._comm.comm_id)

    def whole(self) -> tuple[dict[str, Any], Sequence[bytes]]:
        """All of its state, and its bytes."""
        return self._state, [self.panel.data]

    def follow(self, names: Sequence[str]) -> None:
        """Show these parts of the state as they are now, in one message."""
        state, paths, buffers = self._parts(names)
        self._state |= state
        self._send({"method": "update", "state": state, "buffer_paths": paths}, buffers)

    def tell(self, message: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Send a message to the page."""
        self._send({"method": "custom", "content": dict(message)}, buffers)

    def _send(self, data: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self._comm.send(data=data, buffers=list(buffers))

    def _parts(self, names: Sequence[str]) -> tuple[dict[str, Any], list[list[str]], list[bytes]]:
        """These parts as a message has them: JSON, and bytes beside it with the paths to their places."""
        state = {name: getattr(self.panel, name) for name in names if name != "data"}
        return state, [["data"]] * ("data" in names), [self.panel.data] * ("data" in names)

    def _heard(self, message: Any) -> None:
        content = message.get("content")
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, dict):
            self.panel.refused += 1
        elif data.get("method") == "request_state":  # of a page that was opened later
            state, buffers = self.whole()
            self._send({"method": "update", "state": state, "buffer_paths": [["data"]]}, buffers)
        elif data.get("method") == "custom":
            answer = self.panel.heard(data.get("content"), message.get("buffers") or ())
            if answer is not None:
                self.tell(*answer)
        elif data.get("method") != "update" or data.get("state"):  # a page sets nothing
            self.panel.refused += 1


def _opened(state: dict[str, Any], paths: list[list[str]], buffers: list[bytes]) -> Any:
    return comm.create_comm(
        target_name=_TARGET, metadata={"version": _PROTOCOL}, data={"state": state, "buffer_paths": paths},
        buffers=buffers,
    )  # fmt: skip


def attached(panel: Panel) -> PanelView:
    """What a page follows, made when it is first asked for."""
    with panel.guard:
        if not isinstance(panel.view, PanelView):
            panel.view = PanelView(panel)
        return panel.view
