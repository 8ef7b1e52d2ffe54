"""The controls themselves: ipywidgets' radio buttons or text field, with the question above and a line below.

Rule: a view only shows what its question knows; what the page sends goes to the question, which may refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
import traitlets

from labkit.widgets import panel_view
from labkit.widgets.controls import Choice, Entry
from labkit.widgets.look import SIGNS, STYLE, line_below
from labkit.widgets.sheet import Sheet
from labkit.widgets.words import bare, marked


class _View:
    """A question in a page. box: what is shown; control: the part that takes the answer."""

    def __init__(self, asks: Choice | Entry, control: Any, answer: str) -> None:
        self.asks, self.control, self.answer = asks, control, answer
        self.below = ipywidgets.HTML()
        question = ipywidgets.HTML(f'{STYLE}<div class="labkit-question">{marked(asks.question)}</div>')
        self.box = ipywidgets.VBox([question, control, self.below], layout={"width": "100%"})
        for part in (self.box, question, control, self.below):
            part.layout.width = "auto"
        self.box.add_class("labkit-ask")
        self.follow()
        control.observe(self._heard, [answer, "disabled"])

    def _now(self) -> Any:
        """The answer in the form of the control."""
        raise NotImplementedError

    def follow(self) -> None:
        """Show what the question knows now. Its lock is held by whoever calls this."""
        self.control.set_trait(self.answer, self._now())
        self.control.disabled = self.asks.locked
        self.below.value = line_below(self.asks.said, self.asks.tone)

    def _heard(self, change: Any) -> None:
        # Our own changes come here too. They say what the question knows, and there is nothing to do.
        with self.asks.guard:
            if change.name == self.answer and change.new != self._now():
                self._take(change.new)
            elif change.name == "disabled" and change.new is not self.asks.locked:
                self.follow()

    def _take(self, new: Any) -> None:
        raise NotImplementedError


class _ChoiceView(_View):
    def __init__(self, asks: Choice) -> None:
        options = [bare(option) for option in asks.options]
        super().__init__(asks, ipywidgets.RadioButtons(options=options, index=asks.chosen), "index")

    def _now(self) -> int | None:
        assert isinstance(self.asks, Choice)
        return self.asks.chosen

    def _take(self, new: Any) -> None:
        assert isinstance(self.asks, Choice)
        self.asks.choose(new)


class _EntryView(_View):
    def __init__(self, asks: Entry) -> None:
        # The page sends what was typed at Enter, or when the field is left: not every key.
        field = ipywidgets.Text(asks.typed, continuous_update=False)
        super().__init__(asks, field, "value")
        field.layout.width = "16em"

    def _now(self) -> str:
        return self.asks.text

    def _take(self, new: Any) -> None:
        assert isinstance(self.asks, Entry)
        self.asks.enter(new)


def attached(asks: Choice | Entry) -> Any:
    """The controls of a question, made when they are first asked for."""
    with asks.guard:
        if not isinstance(asks.view, _View):
            asks.view = _ChoiceView(asks) if isinstance(asks, Choice) else _EntryView(asks)
        return asks.view.box


class _Several:
    """Several questions, one at a time, each behind a tab with its number; the tab also tells how it was answered."""

    def __init__(self, asks: Sequence[Choice | Entry]) -> None:
        self.asks = asks
        self.box = ipywidgets.Tab([attached(each) for each in asks], selected_index=0)
        self.box.add_class("labkit-several")
        for page in self.box.children:
            page.children[-1].observe(lambda _change: self._name(), "value")
        self._name()

    def _name(self) -> None:
        self.box.titles = [f"{number} {SIGNS[each.tone]}".strip() for number, each in enumerate(self.asks, 1)]


class _Box(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A box that may hold a panel, which is no widget of ipywidgets' here, though it is one in the page."""

    children = traitlets.Any(()).tag(
        sync=True, to_json=lambda parts, box: [f"IPY_MODEL_{each.model_id}" for each in parts]
    )


class _SheetView:
    """Outputs, and a panel between them; JupyterLab renders outputs as it renders those of a cell."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.above, self.below = ipywidgets.Output(), ipywidgets.Output()
        panel = [] if sheet.panel is None else [panel_view.attached(sheet.panel)]
        self.box = _Box([self.above, *panel, self.below])
        for part in (self.box, self.above, self.below):
            part.layout.width = "auto"
            part.layout.overflow = "visible"
        self.follow()

    def follow(self) -> None:
        """Show both outputs as they are now."""
        for output, bundle in ((self.above, self.sheet.above), (self.below, self.sheet.below)):
            shown = {"output_type": "display_data", "data": dict(bundle), "metadata": {}}
            output.outputs = (shown,) if bundle else ()


def _sheet(sheet: Sheet) -> Any:
    """The model of a sheet, made when it is first asked for."""
    with sheet.guard:
        if not isinstance(sheet.view, _SheetView):
            sheet.view = _SheetView(sheet)
        return sheet.view.box


def together(asks: Sequence[Choice | Entry | Sheet]) -> str:
    """The id of the model that shows a sheet, one question, or several questions, one at a time."""
    first = asks[0]
    if isinstance(first, Sheet):
        return str(_sheet(first).model_id)
    questions = [each for each in asks if not isinstance(each, Sheet)]
    return str((attached(first) if len(questions) == 1 else _Several(questions).box).model_id)
