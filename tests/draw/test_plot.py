"""Plots: a PNG, a text that holds in every run, and no trace left in Matplotlib's global state."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labkit import draw
from labkit.core.errors import LabError
from labkit.packets import Tape
from labkit.packets.model import SocketEvent
from tests.draw.fakes import MS
from tests.draw.markup import SVG

SERIES = [(number * MS, float(number % 10 * 20_000)) for number in range(40)]


def test_levels() -> None:
    picture = draw.levels(
        SERIES,
        events=[SocketEvent(10 * MS, "client", "drain"), (20 * MS, "drain")],
        mark=65_536,
        title="Back-pressure",
        twin="each drain comes when the buffer is empty",
    )
    assert picture.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert (
        repr(picture)
        == """\
Plot: Back-pressure
  over time in ms, in bytes
  marked: drain
  dashed line: high-water mark 65,536
  each drain comes when the buffer is empty"""
    )
    data, about = picture._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "text/plain"}
    assert data["image/svg+xml"] == picture.svg
    assert data["text/plain"] == repr(picture)
    assert "highest level 180,000, 2 marks, 39.0 ms" in about["image/svg+xml"]["alt"]


def test_a_plot_follows_the_theme_of_the_page() -> None:
    picture = draw.levels(SERIES, title="<Levels> & more")
    root = ElementTree.fromstring(picture.svg)
    assert [node.tag.removeprefix(SVG) for node in root] == ["title", "desc", "style", "image", "image"]
    assert root.findtext(f"{SVG}title") == "<Levels> & more"
    assert "highest level 180,000" in (root.findtext(f"{SVG}desc") or "")
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")
    images = {node.get("class"): node for node in root.iter(f"{SVG}image")}
    for kind, theme in (("day", "light"), ("night", "dark")):
        start, coded = (images[kind].get("href") or "").split(",")
        assert start == "data:image/png;base64"
        assert base64.b64decode(coded) == draw.levels(SERIES, title="<Levels> & more", theme=theme).png
        assert (images[kind].get("width"), images[kind].get("height")) == ("750", "360")
    assert picture.png == draw.levels(SERIES, title="<Levels> & more", theme="light").png
    assert len(picture.svg) < 180_000
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("750", "360", "0 0 750 360")


def test_a_plot_is_saved_as_either(tmp_path: Path) -> None:
    picture = draw.bars({"a": 1.0}, title="t")
    assert picture.save(tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg
    assert picture.save(tmp_path / "a.png").read_bytes() == picture.png


def test_a_plot_for_one_theme_is_a_png() -> None:
    picture = draw.levels(SERIES, theme="dark")
    data, about = picture._repr_mimebundle_()
    assert data["image/png"] == picture.png
    assert about["image/png"]["width"] == 750
    with pytest.raises(LabError, match="plotted for one theme"):
        _ = picture.svg


def test_several_series_are_named() -> None:
    picture = draw.levels({"client": SERIES, "server": SERIES}, theme="dark")
    assert "  series: client, server" in repr(picture)


def test_bars() -> None:
    picture = draw.bars({"UDP": 2, "TCP": 9.5}, title="Packets", unit="packets")
    assert repr(picture) == "Bars: Packets, in packets\n  UDP, TCP"
    assert "TCP: 9.5 packets" in picture.alt
    assert len(draw.bars([("a", 0.0), ("b", -1)], title="none").png) > 1000


def test_bars_say_where_their_numbers_come_from() -> None:
    one, two = Tape(origin="live from a <relay>"), Tape(origin="recorded from data/a.pcapng")
    values = {"UDP": 2, "TCP": 9}
    picture = draw.bars(values, title="Time", tapes=(one, two, one))
    assert repr(picture).split("\n")[-1] == "tape: live from a <relay>; recorded from data/a.pcapng"
    assert picture.size[1] > draw.bars(values, title="Time").size[1]
    assert "tape:" not in repr(draw.bars(values, title="Time", tapes=[Tape()]))


def test_hostile_names_are_text() -> None:
    name = "$\\frac{1}$ <script> \u202e\x1b \U0001f600\uffff 您好" + "x" * 200
    draw.levels({name: SERIES, "_hidden": SERIES}, events=[(0, name)], title=name, unit=name)
    assert "\u202e" not in repr(draw.bars({name: 1.0}, title=name, unit=name))


def test_no_global_state_is_touched() -> None:
    # In a process of its own: Scapy, which other tests need, imports pyplot where it finds it.
    code = """if True:
        import sys, matplotlib, logging, warnings
        from labkit import draw
        before = matplotlib.rcParams.copy(), len(warnings.filters), logging.getLogger("matplotlib").level
        draw.levels([(0, 1.0), (5, 2.0)])
        draw.bars({"a": 1}, title="t")
        print(before == (matplotlib.rcParams.copy(), len(warnings.filters), logging.getLogger("matplotlib").level))
        print("matplotlib.pyplot" in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\nFalse\n"


def test_the_same_data_gives_the_same_file() -> None:
    assert draw.levels(SERIES).png == draw.levels(SERIES).png


def test_a_plot_uses_its_area() -> None:
    from matplotlib.image import imread

    for theme, paper in (("light", 1.0), ("dark", 0.2)):
        pixels = imread(io.BytesIO(draw.levels(SERIES, theme=theme).png))
        edge = pixels[0, :, :3]
        assert (edge.mean() > 0.9) == (paper > 0.9)
        assert float(edge.std()) < 0.1  # nothing runs into the edge


@pytest.mark.parametrize(
    "call", [lambda: draw.levels([]), lambda: draw.levels({"a": []}), lambda: draw.bars({}, title="x")]
)
def test_nothing_to_draw_is_said(call: object) -> None:
    with pytest.raises(LabError, match="nothing to"):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    "call",
    [
        lambda: draw.levels(3),  # type: ignore[arg-type]
        lambda: draw.levels([1, 2]),  # type: ignore[list-item]
        lambda: draw.levels({"a": "xy"}),  # type: ignore[dict-item]
        lambda: draw.bars(3, title="x"),  # type: ignore[arg-type]
        lambda: draw.bars({"a": "many"}, title="x"),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_plotted_is_said(call: Callable[[], object]) -> None:
    with pytest.raises(LabError, match=r"cannot (plot|draw) .*Give "):
        call()


def test_an_unknown_theme_is_refused() -> None:
    with pytest.raises(LabError, match="no theme 'blue'"):
        draw.levels(SERIES, theme="blue")
