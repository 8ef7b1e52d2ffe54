"""What a page gets that is opened later: the states of all models, ours and those of ipywidgets, in one answer.

Rule: ipywidgets answers for its own models alone, and a page asks once; so we answer for both, also if ipywidgets is
imported after us. Source: the protocol of ``jupyter.widget.control``, in ipywidgets' packages/schema/messages.md.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import comm

from labkit.core.notebook import shell

_CONTROL = "jupyter.widget.control"


class Kept(Protocol):
    """A model of ours."""

    @property
    def model_id(self) -> str:
        """The name under which pages know it."""

    def whole(self) -> tuple[dict[str, Any], Sequence[bytes]]:
        """All of its state, and its bytes under the name ``data``."""


_models: dict[str, Kept] = {}


def keep(model: Kept) -> None:
    """Give this model to each page that is opened later, as long as the kernel runs."""
    _models[model.model_id] = model
    _answer()
    events = getattr(shell(), "events", None)
    if events is not None:
        events.register("post_run_cell", _answer)  # a cell may have imported ipywidgets


def _answer(*_: Any) -> None:
    manager = comm.get_comm_manager()
    if manager.targets.get(_CONTROL) is not _opened:
        manager.register_target(_CONTROL, _opened)


def _opened(control: Any, _message: Any) -> None:
    control.on_msg(partial(_heard, control))


def _heard(control: Any, message: Any) -> None:
    content = message.get("content")
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict) or data.get("method") != "request_states":
        return
    states: dict[str, Any] = {}
    paths: list[list[Any]] = []
    buffers: list[bytes] = []
    for name, model in list(_models.items()):
        state, its = model.whole()
        states[name] = {**{key: state[f"_{key}"] for key in ("model_name", "model_module")},
                        "model_module_version": state["_model_module_version"], "state": state}  # fmt: skip
        paths += [[name, "state", "data"]] * len(its)
        buffers += its
    for name, state in _of_ipywidgets().items():
        for each in state.pop("buffers", ()):
            paths.append([name, "state", *each["path"]])
            buffers.append(base64.b64decode(each["data"]))
        states[name] = state
    control.send(data={"method": "update_states", "states": states, "buffer_paths": paths}, buffers=buffers)


def _of_ipywidgets() -> dict[str, Any]:
    ipywidgets = sys.modules.get("ipywidgets")
    found: dict[str, Any] = ipywidgets.Widget.get_manager_state()["state"] if ipywidgets is not None else {}
    return found
