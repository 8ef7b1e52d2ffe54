"""A panel: what a page may ask for, what it is told, and that nothing else a page sends does anything.

Rule: the page is played by the messages that it would send; the comm has a list at its other end.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import comm
import pytest

from labkit import widgets
from labkit.core.errors import LabError
from labkit.widgets import modules, page, panel_view, reopened
from labkit.widgets.panel import LONGEST_TEXT

UNKNOWN = "The kernel does not know this request."


@pytest.fixture
def asked() -> list[Any]:
    return []


@pytest.fixture
def panel(asked: list[Any]) -> widgets.Panel:
    def rows(first: int, last: int) -> widgets.Answer:
        asked.append((first, last))
        if first > last:
            raise LabError("there are no such rows", "Ask for others.")
        return widgets.Answer({"first": first}, [b"a\tb"])

    def file(name: str, content: bytes, keep: bool) -> None:
        asked.append((name, content, keep))

    return widgets.Panel(
        "shared",
        {
            "rows": widgets.Ask(rows, first=int, last=int),
            "file": widgets.Ask(file, name=str, content=bytes, keep=bool),
            "fault": widgets.Ask(lambda: 1 // 0),  # type: ignore[arg-type]
        },
        {"count": 2},
        b"head",
    )


def heard(panel: widgets.Panel, message: Any, *buffers: Any) -> dict[str, Any] | None:
    """What the page is told."""
    answer = panel.heard(message, buffers)
    return None if answer is None else answer[0]


class TestAsked:
    """What a page says, and what it is told."""

    def test_an_answer_has_the_ticket_and_its_buffers(self, panel: widgets.Panel, asked: list[Any]) -> None:
        answer = panel.heard({"ask": "rows", "ticket": 7, "first": 0, "last": 5})
        assert answer == ({"first": 0, "tell": "rows", "ticket": 7}, [b"a\tb"])
        assert asked == [(0, 5)]

    def test_a_buffer_is_bytes(self, panel: widgets.Panel, asked: list[Any]) -> None:
        message = {"ask": "file", "ticket": 1, "name": "a.pcapng", "keep": True}
        assert heard(panel, message, memoryview(b"xyz")) == {"tell": "file", "ticket": 1}
        assert asked == [("a.pcapng", b"xyz", True)]

    def test_the_words_of_an_error_are_told(self, panel: widgets.Panel) -> None:
        told = heard(panel, {"ask": "rows", "ticket": 1, "first": 2, "last": 1})
        assert told == {"tell": "error", "ticket": 1, "words": "there are no such rows. Ask for others."}

    def test_a_mistake_of_ours_is_told_and_shown(
        self, panel: widgets.Panel, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = heard(panel, {"ask": "fault", "ticket": 1})
        assert told is not None
        assert "ZeroDivisionError" in told["words"]
        assert "ZeroDivisionError" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "message",
        [
            {"ask": "rows", "ticket": 1}, {"ask": "rows", "ticket": 1, "first": 0}, {"ask": "nothing", "ticket": 1},
            {"ask": "rows", "ticket": 1, "first": True, "last": 2}, {"ask": ["rows"], "ticket": 1},
            {"ask": "rows", "ticket": 1, "first": 0.5, "last": 2}, {"ask": "__class__", "ticket": 1}, {"ticket": 1},
            {"ask": "rows", "ticket": 1, "first": 1 << 60, "last": 2}, {"ask": "call", "ticket": 1},
            {"ask": "rows", "ticket": 1, "first": 0, "last": 2, "more": 3}, {"ask": None, "ticket": 1},
            {"ask": "rows", "ticket": 1, "first": None, "last": 2},
            {"ask": "file", "ticket": 1, "name": "a", "keep": False},
        ],
        ids=str,
    )  # fmt: skip
    def test_another_form_is_refused(self, panel: widgets.Panel, asked: list[Any], message: Any) -> None:
        assert heard(panel, message) == {"tell": "error", "ticket": 1, "words": UNKNOWN}
        assert (asked, panel.refused) == ([], 1)

    @pytest.mark.parametrize(
        "message", [None, "rows", [], 7, {}, {"ask": "rows"}, {"ask": "rows", "ticket": "1"}], ids=str
    )
    def test_what_has_no_ticket_gets_no_answer(self, panel: widgets.Panel, message: Any) -> None:
        assert panel.heard(message) is None
        assert panel.refused == 1

    def test_what_is_too_much_is_refused(self, panel: widgets.Panel, monkeypatch: pytest.MonkeyPatch) -> None:
        message = {"ask": "file", "ticket": 1, "name": "a" * (LONGEST_TEXT + 1), "keep": True}
        assert heard(panel, message, b"") == {"tell": "error", "ticket": 1, "words": UNKNOWN}
        monkeypatch.setattr("labkit.widgets.panel.MOST_BYTES", 3)
        message["name"] = "a"
        assert heard(panel, message, b"abc") == {"tell": "file", "ticket": 1}
        assert heard(panel, message, b"abcd") == {"tell": "error", "ticket": 1, "words": UNKNOWN}
        assert heard(panel, message, b"abc", b"") == {"tell": "error", "ticket": 1, "words": UNKNOWN}

    def test_one_request_is_answered_at_a_time(self) -> None:
        inside, most, both = [0], [0], threading.Barrier(2)

        def call() -> None:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1

        panel = widgets.Panel("shared", {"call": widgets.Ask(call)})

        def page_asks() -> None:
            both.wait(10)
            for ticket in range(2000):
                panel.heard({"ask": "call", "ticket": ticket})

        threads = [threading.Thread(target=page_asks) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert most == [1]


class Page:
    """The other end of a comm: it keeps what it is told, and says what a page would."""

    comm_id = "made"

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, Any], list[bytes]]] = []

    def on_msg(self, hears: Any) -> None:
        self.says = hears

    def send(self, data: dict[str, Any], buffers: list[bytes]) -> None:
        self.told.append((data, buffers))


@pytest.fixture
def shown(panel: widgets.Panel) -> Page:
    """The panel is shown in a page."""
    panel.view = panel_view.PanelView(panel, made := Page())
    return made


class TestModel:
    """The panel as a page has it."""

    def test_it_is_one_model(self, panel: widgets.Panel) -> None:
        view = panel_view.attached(panel)
        assert view.model_id
        assert panel_view.attached(panel) is view is panel.view

    def test_a_page_follows_the_state(self, panel: widgets.Panel, shown: Page) -> None:
        panel.update(count=3, data=b"more")
        assert shown.told == [
            ({"method": "update", "state": {"state": {"count": 3}}, "buffer_paths": [["data"]]}, [b"more"])
        ]

    def test_a_page_that_comes_later_gets_everything(self, panel: widgets.Panel, shown: Page) -> None:
        panel.update(count=3)
        shown.told.clear()
        shown.says({"content": {"data": {"method": "request_state"}}})
        ((data, buffers),) = shown.told
        state = data["state"]
        assert (data["method"], data["buffer_paths"], buffers) == ("update", [["data"]], [b"head"])
        assert (state["state"], state["large"], state["_esm"]) == ({"count": 3}, False, modules.dressed("shared"))
        assert state["_model_module"] == state["_view_module"] == "anywidget"
        assert re.fullmatch(r"~\d+\.\d+\.\*", state["_model_module_version"])

    def test_a_page_is_answered_and_told(self, panel: widgets.Panel, shown: Page) -> None:
        asks = {"ask": "rows", "ticket": 1, "first": 0, "last": 1}
        shown.says({"content": {"data": {"method": "custom", "content": asks}}, "buffers": []})
        panel.tell("more", b"x", number=1)
        assert shown.told == [
            ({"method": "custom", "content": {"first": 0, "tell": "rows", "ticket": 1}}, [b"a\tb"]),
            ({"method": "custom", "content": {"number": 1, "tell": "more"}}, [b"x"]),
        ]

    @pytest.mark.parametrize("with_ipywidgets", [False, True])
    def test_a_page_that_is_opened_later_is_told_of_all_models(
        self, panel: widgets.Panel, shown: Page, monkeypatch: pytest.MonkeyPatch, with_ipywidgets: bool
    ) -> None:
        panel.update(count=5)
        theirs = {"model_name": "ImageModel", "model_module": "x", "model_module_version": "1", "state": {"width": 1}}
        buffers = [{"encoding": "base64", "path": ["value"], "data": "aGk="}]
        other = SimpleNamespace(get_manager_state=lambda: {"state": {"other": {**theirs, "buffers": buffers}}})
        if with_ipywidgets:
            monkeypatch.setitem(sys.modules, "ipywidgets", SimpleNamespace(Widget=other))
        else:
            monkeypatch.delitem(sys.modules, "ipywidgets", raising=False)
        control = Page()
        comm.get_comm_manager().targets["jupyter.widget.control"](control, {})
        for refused in ({}, {"content": {}}, {"content": {"data": 3}}, {"content": {"data": {"method": "other"}}}):
            control.says(refused)
        assert control.told == []
        control.says({"content": {"data": {"method": "request_states"}}})
        ((data, sent),) = control.told
        mine = data["states"][Page.comm_id]
        assert (data["method"], mine["model_name"]) == ("update_states", "AnyModel")
        assert mine["state"]["state"] == {"count": 5}
        places = dict(zip(map(tuple, data["buffer_paths"]), sent, strict=True))
        assert places[Page.comm_id, "state", "data"] == b"head"
        assert (data["states"].get("other"), places.get(("other", "state", "value"))) == (
            (theirs, b"hi") if with_ipywidgets else (None, None)
        )

    def test_it_answers_also_if_ipywidgets_is_imported_later(self, shown: Page) -> None:
        manager = comm.get_comm_manager()
        ours = manager.targets["jupyter.widget.control"]
        manager.register_target("jupyter.widget.control", print)
        reopened._answer()  # as at the end of a cell
        assert manager.targets["jupyter.widget.control"] is ours

    @pytest.mark.parametrize(
        "message",
        [{}, {"content": None}, {"content": []}, {"content": {"data": 7}}, {"content": {"data": {}}},
         {"content": {"data": {"method": "update", "state": {"large": True}}}},
         {"content": {"data": {"method": ["custom"]}}}, {"content": {"data": {"method": "custom"}}}],
        ids=str,
    )  # fmt: skip
    def test_a_page_sets_nothing(self, panel: widgets.Panel, shown: Page, message: Any) -> None:
        shown.says(message)
        assert (shown.told, panel.refused, panel.state) == ([], 1, {"count": 2})

    def test_a_panel_alone_imports_no_ipywidgets(self) -> None:
        code = (
            "import sys; from labkit import widgets; from labkit.widgets import panel_view;"
            "panel_view.attached(widgets.Panel('shared')); print({'ipywidgets', 'anywidget'} & set(sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "set()\n"

    def test_large(self) -> None:
        told = []
        for large in (True, False):
            widgets.set_large(large)
            try:
                panel = widgets.Panel("shared")
            finally:
                widgets.set_large(False)
            panel.view = panel_view.PanelView(panel, page := Page())
            page.says({"content": {"data": {"method": "request_state"}}})
            told.append(page.told[0][0]["state"]["large"])
        assert told == [True, False]

    def test_the_bundle_has_a_view_in_a_kernel_alone(
        self, panel: widgets.Panel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = {"text/plain": "words", "image/svg+xml": "<svg/>"}
        assert widgets.mimebundle("words", "", panel, svg="<svg/>") == plain
        monkeypatch.setattr(page, "available", lambda: True)
        bundle = widgets.mimebundle("words", "", panel)
        assert bundle[page.VIEW]["model_id"] == panel_view.attached(panel).model_id


class TestModules:
    """The ES modules, as a page gets them."""

    @pytest.mark.parametrize("name", sorted(path.stem for path in modules.FOLDER.glob("*.js")))
    def test_a_module_is_one_text(self, name: str) -> None:
        source = modules.module(name)
        assert "\nimport " not in source
        assert source.count("export function") == source.count("export const") == 0
        assert source.count("export default") == (0 if name == "shared" else 1)

    @pytest.mark.parametrize("name", sorted(path.stem for path in modules.FOLDER.glob("*.js")))
    def test_a_page_gets_the_style_with_the_module(self, name: str) -> None:
        last = modules.dressed(name).removeprefix(modules.module(name)).strip()
        told = json.loads(f"[{last.removeprefix('dress(').removesuffix(');')}]")
        assert told == [f"labkit.{name}", modules.style(name)]

    def test_a_style_begins_with_that_of_all(self) -> None:
        assert modules.style("shared").startswith("/* Every view")
