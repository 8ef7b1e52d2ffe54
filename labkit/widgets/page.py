"""Whether a page can show controls, and the bundle that gives it the controls, the HTML and the text of an object.

Rule: without a page nothing is imported and nothing fails; the text is the same with and without controls.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from labkit.core.notebook import in_notebook, shell
from labkit.widgets.panel import Panel

if TYPE_CHECKING:
    from labkit.widgets.controls import Choice, Entry
    from labkit.widgets.sheet import Sheet

VIEW = "application/vnd.jupyter.widget-view+json"


def available() -> bool:
    """Whether this process is a kernel that can talk to controls in a page, and ipywidgets is installed.

    ``LABKIT_WIDGETS=0`` says no: for ``jupyter nbconvert --execute --to html``, whose pages have nobody to talk to.
    """
    if os.environ.get("LABKIT_WIDGETS") == "0" or not in_notebook() or find_spec("ipywidgets") is None:
        return False
    return hasattr(getattr(shell(), "kernel", None), "comm_manager")


def mimebundle(text: str, html: str, *controls: Choice | Entry | Panel | Sheet, svg: str = "") -> dict[str, Any]:
    """What ``_repr_mimebundle_`` returns: the text and the HTML, and in a page the controls, one below the other.

    text: what ``repr`` gives. html, svg: what a page without controls shows, ``""`` if there is none; a page that knows
    the controls shows them alone. A panel or a sheet stands alone.
    """
    bundle: dict[str, Any] = {"text/plain": text}
    if html:
        bundle["text/html"] = html
    if svg:
        bundle["image/svg+xml"] = svg
    if controls and available():
        bundle[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": _model(controls)}
    return bundle


def _model(controls: Sequence[Choice | Entry | Panel | Sheet]) -> str:
    """The id of what shows these controls; a panel needs no ipywidgets, which takes long to import."""
    if isinstance(controls[0], Panel):
        from labkit.widgets import panel_view

        return panel_view.attached(controls[0]).model_id
    from labkit.widgets import view

    return view.together([each for each in controls if not isinstance(each, Panel)])
