"""What all plots share: an empty plot in our colours, fonts and themes, and the picture made of it.

Rule: Matplotlib's objects only (Figure, FigureCanvasAgg): no pyplot, no rcParams; imported when something is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.picture import Picture
from labkit.draw.svg import follow_theme
from labkit.draw.text import given, visible, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Fonts that hold Chinese, one of which most systems have; Matplotlib's own does not.
_CJK = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
)


def theme_named(name: str) -> style.Theme:
    """The colours called ``"light"`` or ``"dark"``. Raises LabError for another name."""
    try:
        return {"light": style.LIGHT, "dark": style.DARK}[name]
    except (KeyError, TypeError):  # TypeError: a list, for example, is no key
        raise LabError(f"there is no theme {shown(name)}", "Use 'light' or 'dark'.") from None


def figure_of(
    title: str, colors: style.Theme, height: float = style.PLOT_SIZE[1], below: Sequence[str] = ()
) -> tuple[Figure, Axes]:
    """An empty plot in our colours, whatever the user's Matplotlib settings are.

    height: in inches. below: lines that say where the numbers come from; the figure grows to hold them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(style.PLOT_SIZE[0], height + 0.2 * len(below)),
        dpi=style.PLOT_DPI,
        facecolor=colors.paper,
        layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.14),
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(colors.paper)
    write(
        axes.set_title(
            short(title, 64),
            loc="left",
            color=colors.ink,
            pad=12,
            fontproperties=font(),
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
    if below:
        write(
            figure.supxlabel(
                "\n".join(below),
                x=0.02,
                ha="left",
                color=colors.muted,
                fontproperties=font(),
                fontsize=9,
                parse_math=False,
            )
        )
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


def font() -> Any:
    """The font of all text, with a second one for Chinese."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(_families()[0]))


def write(text: Text) -> None:
    """Write characters that no font holds as escapes."""
    held = _families()[1]
    written = text.get_text()
    text.set_text("".join(char if char == "\n" or ord(char) in held else f"\\u{ord(char):04x}" for char in written))


def signs_above(axes: Axes, signs: Sequence[tuple[str, str]]) -> None:
    """Say above a plot what its signs mean. signs: (words, colour) from top to bottom.."""
    for number, (words, color) in enumerate(reversed(signs)):
        write(
            axes.annotate(
                words,
                (1, 1),
                xycoords="axes fraction",
                xytext=(0, 8 + 14 * number),
                textcoords="offset points",
                ha="right",
                color=color,
                fontsize=10,
                fontproperties=font(),
                parse_math=False,
            )
        )


def origins_of(tapes: Iterable[Any]) -> tuple[list[str], list[str]]:
    """Where tapes come from: the last line of a text twin, and the lines written below a plot; [] if nobody says."""
    origins = "; ".join(dict.fromkeys(filter(None, map(origin_of, tapes))))
    if not origins:
        return [], []
    # Matplotlib's letters are wider than those that `width` measures.
    return [f"tape: {origins}"], wrap(f"tape: {origins}", style.PLOT_SIZE[0] * 80, "s", 3)


def time_scale(span_ns: float) -> tuple[float, str]:
    """Nanoseconds in one unit of a time axis, and the unit: ms, or s above two seconds."""
    return (1e9, "s") if span_ns > 2_000_000_000 else (1e6, "ms")


def name_axes(axes: Axes, across: str, up: str, colors: style.Theme) -> None:
    """Write the units of both axes; numbers of thousands are written with commas."""
    axes.set_xlabel(across, color=colors.muted, loc="right")
    write(axes.set_ylabel(short(up, 40), color=colors.muted, fontproperties=font(), parse_math=False))
    axes.yaxis.set_major_formatter(lambda value, _: number_words(value))


def beside(axes: Axes, words: str, at: tuple[float, float], color: str, offset: tuple[float, float] = (6, 4)) -> None:
    """Write words beside a point of a plot. at: in units of the axes. offset: from there, in points."""
    write(
        axes.annotate(
            words,
            at,
            xytext=offset,
            textcoords="offset points",
            color=color,
            fontsize=10,
            ha="right" if offset[0] < 0 else "left",
            fontproperties=font(),
            parse_math=False,
        )
    )


def short(text: str, most: int = 32) -> str:
    """A name that may hold anything, made visible and short enough to leave room for the plot."""
    text = visible(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def number_words(value: float) -> str:
    """A number with at most three decimals, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def picture_of(
    draw: Callable[[style.Theme], Figure], theme: str | None, title: str, lines: list[str], twin: str | None, alt: str,
    tail: Sequence[str] = (),
) -> Picture:
    """Draw the figure in one theme, or in both, and add its texts; tail: what comes last in them."""
    if twin:
        lines = [*lines, *(f"  {visible(line)}" for line in twin.strip().split("\n"))]
    lines = [*lines, *tail]
    png, size = _png(draw(style.LIGHT if theme is None else theme_named(theme)))
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


def each_of(several: Any, name: str) -> list[Any]:
    """What was given for an argument that takes several things, as a list. Raises LabError for one thing."""
    if isinstance(several, (str, bytes)) or not isinstance(several, Iterable):
        raise LabError(f"{name}={given(several)} is not a list", f"Put it in brackets: {name}=[…].")
    return list(several)


def origin_of(tape: Any) -> str:
    """Where a tape, or samples, come from. Raises LabError for anything else."""
    if not isinstance(getattr(tape, "origin", None), str):
        raise LabError(f"{given(tape)} is not a tape", "Give the tapes that the values come from: tapes=[tape].")
    return visible(tape.origin)


def finite(value: Any) -> Any:
    """The value, if a plot has a place for it. Raises ValueError for infinity and what is not a number."""
    if not is_number(value):
        raise ValueError("not a number that can be drawn")
    return value


def is_number(value: Any) -> bool:
    """Whether a plot has a place for this value."""
    try:
        return -_LARGEST < float(value) < _LARGEST and not isinstance(value, (str, bytes))
    except (TypeError, ValueError, OverflowError):
        return False


_LARGEST = 1e100  # beyond that, Matplotlib has no room for the space above


def check_looks(twin: Any, theme: Any) -> None:
    """Raise LabError for a twin that is not text, or a theme that there is not."""
    if twin is not None and not isinstance(twin, str):
        raise LabError(f"twin={given(twin)} is not text", "Give words that are true in every run, in quotes.")
    if theme is not None:
        theme_named(theme)
