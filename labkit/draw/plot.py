"""Plots of what was measured: levels over time, bars to compare. PNGs by Matplotlib, with a text twin.

Rule: Matplotlib's objects only (Figure, FigureCanvasAgg): no pyplot, no rcParams; imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.figure import (
    check_looks,
    each_of,
    figure_of,
    finite,
    font,
    is_number,
    number_words,
    origins_of,
    picture_of,
    short,
    signs_above,
    write,
)
from labkit.draw.picture import Picture
from labkit.draw.text import given
from labkit.packets.model import SocketEvent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labkit.packets.tape import Tape

Level = tuple[int, float]
"""(time in ns, value)."""
Event = SocketEvent | tuple[int, str]
"""A socket event, or (time in ns, name)."""


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
    if hasattr(series, "connections"):
        raise LabError(
            "a tape has packets, not levels",
            "draw.side_by_side(tape) draws socket events, packets and messages beside each other.",
        )
    given_by_name = series.items() if isinstance(series, Mapping) else [("", series)]
    named = {short(name): found for name, points in given_by_name if (found := _points(points))}
    if not named:
        raise LabError("there is nothing to plot: the series is empty", "Measure first, then draw.")
    marks = sorted(map(_mark, each_of(events, "events")))
    if mark is not None and not is_number(mark):
        raise LabError(f"mark={given(mark)} is not a level", "Give a number, or None for no line.")
    check_looks(twin, theme)
    start = min(points[0][0] for points in named.values())
    last = max(max(points[-1][0] for points in named.values()), *(time for time, _ in marks), start)
    high = max(value for points in named.values() for _, value in points)
    names = list(dict.fromkeys(name for _, name in marks))

    def draw(colors: style.Theme) -> Figure:
        figure, axes = figure_of(title, colors)
        for number, (name, points) in enumerate(named.items()):
            times = [(time - start) / 1e6 for time, _ in points] + [(last - start) / 1e6]
            values = [value for _, value in points] + [points[-1][1]]
            hue = colors.hues[number % style.HUES]
            axes.step(times, values, where="post", color=hue, linewidth=1.8, label="")
            axes.fill_between(times, values, step="post", color=hue, alpha=0.12, linewidth=0)
            if name:
                peak = max(range(len(points)), key=lambda at: points[at][1])
                write(
                    axes.annotate(
                        name,
                        (times[peak], values[peak]),
                        xytext=(6, 4),
                        textcoords="offset points",
                        color=hue,
                        fontsize=10,
                        fontproperties=font(),
                        parse_math=False,
                    )
                )
        axes.set_ylim(0, max(high, mark or 0) * 1.22 or 1)
        signs: list[tuple[str, str]] = []  # what the marks mean: text and colour, above the plot
        if mark is not None:
            axes.axhline(mark, color=colors.muted, linewidth=1.2, linestyle=(0, (5, 4)))
            signs.append((f"- - {short(mark_name)} {number_words(mark)}", colors.muted))
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
        signs_above(axes, signs)
        axes.set_xlabel("ms", color=colors.muted, loc="right")
        write(axes.set_ylabel(short(unit, 24), color=colors.muted, fontproperties=font(), parse_math=False))
        if high >= 10_000 and unit == "bytes":
            axes.yaxis.set_major_formatter(lambda value, _: number_words(value))
        return figure

    lines = [f"Plot: {short(title, 64)}", f"  over time in ms, in {short(unit, 24)}"]
    lines += [f"  series: {', '.join(named)}"] if any(named) else []
    lines += [f"  marked: {', '.join(names)}"] if names else []
    lines += [f"  dashed line: {short(mark_name)} {number_words(mark)}"] if mark is not None else []
    alt = "\n".join(
        [*lines, f"  highest level {number_words(high)}, {len(marks)} marks, {(last - start) / 1e6:.1f} ms in all"]
    )
    return picture_of(draw, theme, title, lines, twin, alt)


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
        pairs = [(short(name), float(finite(value))) for name, value in named]
    except (TypeError, ValueError, LookupError, OverflowError):
        raise LabError(
            f"cannot draw bars of {given(values)}", 'Give a number by name: draw.bars({"UDP": 2, "TCP": 9}, title=...).'
        ) from None
    if not pairs:
        raise LabError("there is nothing to draw: no values", "Measure first, then draw.")
    high = max(max(value for _, value in pairs), 0) or 1
    check_looks(twin, theme)
    tail, below = origins_of(each_of(tapes, "tapes"))

    def draw(colors: style.Theme) -> Figure:
        figure, axes = figure_of(title, colors, height=1.1 + 0.42 * len(pairs), below=below)
        places = range(len(pairs))
        axes.barh(places, [value for _, value in pairs], color=colors.hues[0], height=0.62)
        for place, (_, value) in enumerate(pairs):
            axes.annotate(
                f"{number_words(value)} {short(unit, 24)}".strip(),
                (max(value, 0), place),
                xytext=(5, 0),
                va="center",
                textcoords="offset points",
                color=colors.ink,
                fontproperties=font(),
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
                fontproperties=font(),
                fontsize=10,
                parse_math=False,
            )
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        return figure

    lines = [
        f"Bars: {short(title, 64)}{f', in {short(unit, 24)}' if unit else ''}",
        f"  {', '.join(name for name, _ in pairs)}",
    ]
    values_in_words = [f"  {name}: {number_words(value)} {short(unit, 24)}".rstrip() for name, value in pairs]
    alt = "\n".join([lines[0], *values_in_words])
    return picture_of(draw, theme, title, lines, twin, alt, tail)


def _mark(event: Any) -> tuple[float, str]:
    """The time in ns and the name of what is to be marked."""
    if isinstance(event, SocketEvent):
        return event.time_ns, short(event.name)
    if isinstance(event, (tuple, list)) and len(event) == 2 and is_number(event[0]):
        return event[0], short(event[1])
    raise LabError(f"cannot mark {given(event)}", 'Give socket events, or pairs of a time in ns and a name: (0, "x").')


def _points(points: Any) -> list[Level]:
    """One series as a list. Raises LabError for anything else."""
    try:
        return [(finite(time), float(finite(value))) for time, value in points]
    except (TypeError, ValueError, LookupError, OverflowError):
        raise LabError(
            f"cannot plot the levels of {given(points)}",
            "Give pairs of (time in ns, value), or several lists of such pairs by name.",
        ) from None
