"""Plots of what was measured: levels over time, bars to compare. PNGs by Matplotlib, with a text twin.

Rule: Matplotlib's objects only (Figure, FigureCanvasAgg): no pyplot, no rcParams; imported when something is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.picture import Picture
from labkit.draw.svg import follow_theme
from labkit.draw.text import given, visible, wrap
from labkit.packets.model import SocketEvent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from labkit.packets.tape import Tape

Level = tuple[int, float]
"""(time in ns, value)."""
Event = SocketEvent | tuple[int, str]
"""A socket event, or (time in ns, name)."""

# Fonts that hold Chinese, one of which most systems have; Matplotlib's own does not.
_CJK = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
)


@in_words
def levels(
    series: Iterable[Level] | Mapping[str, Iterable[Level]],
    *,
    events: Iterable[Event] = (),
    title: str = "Buffered bytes",
    unit: str = "bytes",
    mark: float | None = None,
    mark_name: str = "high-water mark",
    twin: str | None = None,
    theme: str | None = None,
) -> Picture:
    """Plot how levels change over time, as steps, and mark the moments at which something happened.

    series: (time in ns, value) pairs in order of time, or several such series by name. events: what to mark, such as
    the `drain` events. title, unit: of the values. mark, mark_name: a level drawn as a dashed line.
    twin: what the text says about the numbers, in words true in every run (``"one drain after each pause"``).
    theme: None for a picture that follows the reader's (an SVG around two PNGs), ``"light"`` or ``"dark"`` for a PNG
    in this one. Returns a Picture. Raises LabError if there is nothing to plot.
    """
    given_by_name = series.items() if isinstance(series, Mapping) else [("", series)]
    named = {_short(name): found for name, points in given_by_name if (found := _points(points))}
    if not named:
        raise LabError("there is nothing to plot: the series is empty", "Measure first, then draw.")
    marks = sorted(map(_mark, _each(events, "events")))
    if mark is not None and not _is_number(mark):
        raise LabError(f"mark={given(mark)} is not a level", "Give a number, or None for no line.")
    _check_looks(twin, theme)
    start = min(points[0][0] for points in named.values())
    last = max(max(points[-1][0] for points in named.values()), *(time for time, _ in marks), start)
    high = max(value for points in named.values() for _, value in points)
    names = list(dict.fromkeys(name for _, name in marks))

    def draw(colors: style.Theme) -> Figure:
        figure, axes = _figure(title, colors)
        for number, (name, points) in enumerate(named.items()):
            times = [(time - start) / 1e6 for time, _ in points] + [(last - start) / 1e6]
            values = [value for _, value in points] + [points[-1][1]]
            hue = colors.hues[number % style.HUES]
            axes.step(times, values, where="post", color=hue, linewidth=1.8, label="")
            axes.fill_between(times, values, step="post", color=hue, alpha=0.12, linewidth=0)
            if name:
                peak = max(range(len(points)), key=lambda at: points[at][1])
                _text(
                    axes.annotate(
                        name,
                        (times[peak], values[peak]),
                        xytext=(6, 4),
                        textcoords="offset points",
                        color=hue,
                        fontsize=10,
                        fontproperties=_font(),
                        parse_math=False,
                    )
                )
        axes.set_ylim(0, max(high, mark or 0) * 1.22 or 1)
        signs: list[tuple[str, str]] = []  # what the marks mean: text and colour, above the plot
        if mark is not None:
            axes.axhline(mark, color=colors.muted, linewidth=1.2, linestyle=(0, (5, 4)))
            signs.append((f"- - {_short(mark_name)} {_number(mark)}", colors.muted))
        for number, name in enumerate(names):
            color = colors.hues[(len(named) + number) % style.HUES]
            times = [(time - start) / 1e6 for time, other in marks if other == name]
            # On the time axis, in the foreground: a mark must be visible even if the level is 0.
            axes.vlines(times, 0, 1, transform=axes.get_xaxis_transform(), color=color, linewidth=0.9, alpha=0.55)
            axes.plot(
                times,
                [0.0] * len(times),
                marker="^v<>Ds"[number % 6],
                linestyle="none",
                color=color,
                markersize=7,
                clip_on=False,
                zorder=5,
                transform=axes.get_xaxis_transform(),
            )
            signs.append((f"{'▲▼◀▶◆■'[number % 6]} {name} ({len(times)})", color))
        for number, (words, color) in enumerate(reversed(signs)):
            _text(
                axes.annotate(
                    words,
                    (1, 1),
                    xycoords="axes fraction",
                    xytext=(0, 8 + 14 * number),
                    textcoords="offset points",
                    ha="right",
                    color=color,
                    fontsize=10,
                    fontproperties=_font(),
                    parse_math=False,
                )
            )
        axes.set_xlabel("ms", color=colors.muted, loc="right")
        _text(axes.set_ylabel(_short(unit, 24), color=colors.muted, fontproperties=_font(), parse_math=False))
        if high >= 10_000 and unit == "bytes":
            axes.yaxis.set_major_formatter(lambda value, _: _number(value))
        return figure

    lines = [f"Plot: {_short(title, 64)}", f"  over time in ms, in {_short(unit, 24)}"]
    lines += [f"  series: {', '.join(named)}"] if any(named) else []
    lines += [f"  marked: {', '.join(names)}"] if names else []
    lines += [f"  dashed line: {_short(mark_name)} {_number(mark)}"] if mark is not None else []
    alt = "\n".join(
        [*lines, f"  highest level {_number(high)}, {len(marks)} marks, {(last - start) / 1e6:.1f} ms in all"]
    )
    return _picture(draw, theme, title, lines, twin, alt)


@in_words
def bars(
    values: Mapping[str, float] | Sequence[tuple[str, float]],
    *,
    title: str,
    unit: str = "",
    twin: str | None = None,
    tapes: Sequence[Tape] = (),
    theme: str | None = None,
) -> Picture:
    """Compare a few numbers as horizontal bars, each with its value written at its end.

    values: number by name, drawn from top to bottom. title, unit: of the numbers. twin: what the text says about
    them, in words true in every run. tapes: what they were measured on; where these come from is written below.
    theme: as for `levels`. Returns a Picture. Raises LabError if there is nothing to draw.
    """
    try:
        named = values.items() if isinstance(values, Mapping) else values
        pairs = [(_short(name), float(_finite(value))) for name, value in named]
    except (TypeError, ValueError, LookupError, OverflowError):
        raise LabError(
            f"cannot draw bars of {given(values)}", 'Give a number by name: draw.bars({"UDP": 2, "TCP": 9}, title=...).'
        ) from None
    if not pairs:
        raise LabError("there is nothing to draw: no values", "Measure first, then draw.")
    high = max(max(value for _, value in pairs), 0) or 1
    _check_looks(twin, theme)
    origins = "; ".join(dict.fromkeys(filter(None, map(_origin, _each(tapes, "tapes")))))
    # Matplotlib's letters are wider than those that `width` measures.
    below = wrap(f"tape: {origins}", style.PLOT_SIZE[0] * 80, "s", 3) if origins else []

    def draw(colors: style.Theme) -> Figure:
        figure, axes = _figure(title, colors, height=1.1 + 0.42 * len(pairs) + 0.2 * len(below))
        if below:
            _text(
                figure.supxlabel(
                    "\n".join(below), x=0.02, ha="left", color=colors.muted, fontproperties=_font(), fontsize=9,
                    parse_math=False,
                )
            )  # fmt: skip
        places = range(len(pairs))
        axes.barh(places, [value for _, value in pairs], color=colors.hues[0], height=0.62)
        for place, (_, value) in enumerate(pairs):
            axes.annotate(
                f"{_number(value)} {_short(unit, 24)}".strip(),
                (max(value, 0), place),
                xytext=(5, 0),
                va="center",
                textcoords="offset points",
                color=colors.ink,
                fontproperties=_font(),
                fontsize=10,
                parse_math=False,
            )
        axes.set_xlim(min(0.0, *(value for _, value in pairs)), high * 1.22)
        axes.set_ylim(len(pairs) - 0.5, -0.5)
        axes.set_yticks(list(places), ["" for _ in pairs])
        for place, (name, _) in enumerate(pairs):
            axes.annotate(
                name,
                (0, place),
                xycoords=("axes fraction", "data"),
                xytext=(-6, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                color=colors.ink,
                fontproperties=_font(),
                fontsize=10,
                parse_math=False,
            )
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        return figure

    lines = [
        f"Bars: {_short(title, 64)}{f', in {_short(unit, 24)}' if unit else ''}",
        f"  {', '.join(name for name, _ in pairs)}",
    ]
    tail = [f"tape: {origins}"] if origins else []
    alt = "\n".join([lines[0], *(f"  {name}: {_number(value)} {_short(unit, 24)}".rstrip() for name, value in pairs)])
    return _picture(draw, theme, title, lines, twin, alt, tail)


def _theme(name: str) -> style.Theme:
    try:
        return {"light": style.LIGHT, "dark": style.DARK}[name]
    except (KeyError, TypeError):  # TypeError: a list, for example, is no key
        raise LabError(f"there is no theme {shown(name)}", "Use 'light' or 'dark'.") from None


def _figure(title: str, colors: style.Theme, height: float = style.PLOT_SIZE[1]) -> tuple[Figure, Axes]:
    """An empty plot in our colours, whatever the user's Matplotlib settings are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(style.PLOT_SIZE[0], height),
        dpi=style.PLOT_DPI,
        facecolor=colors.paper,
        layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.14),
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(colors.paper)
    _text(
        axes.set_title(
            _short(title, 64),
            loc="left",
            color=colors.ink,
            pad=12,
            fontproperties=_font(),
            fontsize=12,
            fontweight="bold",
            parse_math=False,
        )
    )
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(colors.line)
    axes.tick_params(colors=colors.muted, length=0, labelsize=9, pad=9)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis="y", color=colors.faint, linewidth=0.8)
    return figure, axes


@lru_cache(maxsize=1)
def _families() -> tuple[tuple[str, ...], frozenset[int]]:
    """The fonts to use, and the characters they hold: of any other one Matplotlib warns, and draws a box."""
    from matplotlib import font_manager

    installed = {entry.name: entry.fname for entry in font_manager.fontManager.ttflist}
    names = ["DejaVu Sans", *[name for name in _CJK if name in installed][:1]]
    held: set[int] = set()
    for name in names:
        held |= set(font_manager.get_font(font_manager.findfont(name)).get_charmap())
    return tuple(names), frozenset(held)


def _font() -> Any:
    """The font of all text, with a second one for Chinese."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(_families()[0]))


def _text(text: Text) -> None:
    """Write characters that no font holds as escapes."""
    held = _families()[1]
    written = text.get_text()
    text.set_text("".join(char if char == "\n" or ord(char) in held else f"\\u{ord(char):04x}" for char in written))


def _short(text: str, most: int = 32) -> str:
    """A name that may hold anything, made visible and short enough to leave room for the plot."""
    text = visible(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _number(value: float) -> str:
    """A number with at most three decimals, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _picture(
    draw: Callable[[style.Theme], Figure], theme: str | None, title: str, lines: list[str], twin: str | None, alt: str,
    tail: Sequence[str] = (),
) -> Picture:
    """Draw the figure in one theme, or in both, and add its texts; tail: what comes last in them."""
    if twin:
        lines = [*lines, *(f"  {visible(line)}" for line in twin.strip().split("\n"))]
    lines = [*lines, *tail]
    png, size = _png(draw(style.LIGHT if theme is None else _theme(theme)))
    if theme is not None:
        return Picture("\n".join(lines), alt, png=png, size=size)
    dark, _ = _png(draw(style.DARK))
    return Picture("\n".join(lines), alt, svg=follow_theme(png, dark, size, title, alt), png=png, size=size)


def _png(figure: Figure) -> tuple[bytes, tuple[int, int]]:
    """The figure as a PNG file, and its size in CSS px."""
    out = io.BytesIO()
    # Without metadata: the version of Matplotlib would be in it, and the file would differ from machine to machine.
    figure.savefig(out, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    width, height = figure.get_size_inches()
    return out.getvalue(), (int(width * 100), int(height * 100))


def _each(several: Any, name: str) -> list[Any]:
    """What was given for an argument that takes several things, as a list. Raises LabError for one thing."""
    if isinstance(several, (str, bytes)) or not isinstance(several, Iterable):
        raise LabError(f"{name}={given(several)} is not a list", f"Put it in brackets: {name}=[…].")
    return list(several)


def _mark(event: Any) -> tuple[float, str]:
    """The time in ns and the name of what is to be marked."""
    if isinstance(event, SocketEvent):
        return event.time_ns, _short(event.name)
    if isinstance(event, (tuple, list)) and len(event) == 2 and _is_number(event[0]):
        return event[0], _short(event[1])
    raise LabError(f"cannot mark {given(event)}", 'Give socket events, or pairs of a time in ns and a name: (0, "x").')


def _origin(tape: Any) -> str:
    if not isinstance(getattr(tape, "origin", None), str):
        raise LabError(f"{given(tape)} is not a tape", "Give the tapes that the values come from: tapes=[tape].")
    return visible(tape.origin)


def _finite(value: Any) -> Any:
    """The value, if a plot has a place for it. Raises ValueError for infinity and what is not a number."""
    if not _is_number(value):
        raise ValueError("not a number that can be drawn")
    return value


def _is_number(value: Any) -> bool:
    try:
        return -_LARGEST < float(value) < _LARGEST and not isinstance(value, (str, bytes))
    except (TypeError, ValueError, OverflowError):
        return False


_LARGEST = 1e100  # beyond that, Matplotlib has no room for the space above


def _check_looks(twin: Any, theme: Any) -> None:
    """Raise LabError for a twin that is not text, or a theme that there is not."""
    if twin is not None and not isinstance(twin, str):
        raise LabError(f"twin={given(twin)} is not text", "Give words that are true in every run, in quotes.")
    if theme is not None:
        _theme(theme)


def _points(points: Any) -> list[Level]:
    """One series as a list. Raises LabError for anything else."""
    try:
        return [(_finite(time), float(_finite(value))) for time, value in points]
    except (TypeError, ValueError, LookupError, OverflowError):
        raise LabError(
            f"cannot plot the levels of {given(points)}",
            "Give pairs of (time in ns, value), or several lists of such pairs by name.",
        ) from None
