"""Congestion window, bytes in flight and the peer's window over time: which of the two windows stops a sender.

Rule: plots what the sender's kernel said; which window is the smaller one is read off, never assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.figure import (
    check_looks,
    figure_of,
    is_number,
    name_axes,
    number_words,
    origins_of,
    picture_of,
    short,
    signs_above,
    time_scale,
)
from labkit.draw.picture import Picture
from labkit.draw.text import given
from labkit.packets.samples import Samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AWAY = 1.6  # the peer's window is drawn up to this multiple of the rest, so that the rest can be seen


@in_words
def congestion(
    samples: Samples,
    *,
    rate: float | None = None,
    threshold: bool = True,
    title: str = "Two windows, and the bytes in flight",
    twin: str | None = None,
    theme: str | None = None,
) -> Picture:
    """Plot bytes in flight, congestion window and peer's window of one connection over time; losses are marked.

    samples: of `Wire.sample`. rate: bytes a second that the wire carries; with it, the bytes that fill an empty wire
    for the shortest measured round trip are a dashed line. threshold: draw the slow start threshold. title, theme: as
    for `levels`. twin: what the text says in place of which losses were seen, which a busy machine may change (the
    counts stay in the image's description). Returns a Picture. Raises LabError if there are no samples.
    """
    if not isinstance(samples, Samples):
        raise LabError(f"{given(samples)} is not what `wire.sample` gives", "with wire.sample(client) as samples: …")
    if len(samples) < 2:
        raise LabError("there is nothing to plot: the samples are empty", "Measure first, then draw.")
    if rate is not None and (not is_number(rate) or rate <= 0):
        raise LabError(f"rate={given(rate)} is not a rate", "Give bytes a second, or None for no line.")
    check_looks(twin, theme)
    start, last = samples[0].time_ns, samples[-1].time_ns
    unit_ns, unit = time_scale(last - start)
    peers = [each.peer_window for each in samples if each.peer_window is not None]
    high = max(max(each.in_flight, each.congestion_window) for each in samples)
    shortest = min((each.rtt for each in samples if each.rtt), default=0.0)
    fits = rate * shortest if rate is not None else None
    top = max(high, fits or 0, min(max(peers, default=0), high * _AWAY)) * 1.1
    tail, below = origins_of([samples])

    def draw(colors: style.Theme) -> Figure:
        figure, axes = figure_of(title, colors, height=style.PLOT_SIZE[1] + 1.0, below=below)
        times = [(each.time_ns - start) / unit_ns for each in samples]
        flight = [each.in_flight for each in samples]
        axes.fill_between(times, flight, step="post", color=colors.hues[0], alpha=0.18, linewidth=0)
        axes.step(times, flight, where="post", color=colors.hues[0], linewidth=1.2)
        window = [each.congestion_window for each in samples]
        axes.step(times, window, where="post", color=colors.hues[1], linewidth=2)
        signs = [("■ bytes in flight", colors.hues[0]), ("━ congestion window", colors.hues[1])]
        if peers:
            room = [float("nan") if each.peer_window is None else each.peer_window for each in samples]
            axes.step(times, room, where="post", color=colors.hues[2], linewidth=2, linestyle=(0, (1, 1.2)))
            signs.append(("··· peer's window", colors.hues[2]))
        if threshold and any(each.threshold is not None for each in samples):
            half = [float("nan") if each.threshold is None else each.threshold for each in samples]
            axes.step(times, half, where="post", color=colors.muted, linewidth=1.4, linestyle=(0, (5, 2, 1, 2)))
            signs.append(("-·- slow start threshold", colors.muted))
        for sign, marker, words, found in (
            ("✕", "x", "loss told by duplicate ACKs", samples.losses),
            ("◆", "D", "timer ran out", samples.timeouts),
        ):
            if found:
                places = [(at - start) / unit_ns for at in found]
                axes.plot(
                    places, [0.0] * len(places), marker, color=colors.alarm, markersize=9, markeredgewidth=2.2,
                    clip_on=False, zorder=5,
                )  # fmt: skip
                signs.append((f"{sign} {words} ({len(places)})", colors.alarm))
        if fits is not None:
            axes.axhline(fits, color=colors.ink, linewidth=1, linestyle=(0, (2, 3)))
            signs.append((f"- - {number_words(round(fits, -2))} bytes fill the wire", colors.ink))
        axes.set_ylim(0, top or 1)
        axes.margins(x=0.01)
        signs_above(axes, signs)
        name_axes(axes, unit, "bytes", colors)
        return figure

    lines = [f"Plot: {short(title, 64)}", "  bytes in flight, congestion window, peer's window; in bytes, over time"]
    lines.append(f"  congestion control: {short(samples.algorithm)}" if samples.algorithm else "")
    if not twin:
        lines.append("  duplicate ACKs tell of a loss" if samples.losses else "  no duplicate ACKs tell of a loss")
        lines.append("  the timer runs out" if samples.timeouts else "")
    lines = [line for line in lines if line]
    most = max(each.in_flight for each in samples)
    lines_alt = [
        f"  most in flight {number_words(most)} bytes, in {(last - start) / 1e6:.0f} ms",
        f"  {len(samples.losses)} losses told by duplicate ACKs, {len(samples.timeouts)} timeouts",
    ]
    alt = "\n".join([*lines, *lines_alt])
    return picture_of(draw, theme, title, lines, twin, alt, tail)
