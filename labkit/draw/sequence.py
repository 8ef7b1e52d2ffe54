"""Sequence number over time: each segment where its bytes lie, the line of acknowledgments, the gap and its repair.

Rule: plots what is on the tape; nothing is computed that no packet says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.figure import (
    beside,
    check_looks,
    figure_of,
    name_axes,
    origins_of,
    picture_of,
    short,
    signs_above,
    time_scale,
)
from labkit.draw.picture import Picture
from labkit.draw.segments import Segment, acks_of, checked_side, one_connection, other, segments_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

_NAMED = 6  # most segments that the text names


@in_words
def sequence(
    tape: Tape | Iterable[Packet],
    *,
    sender: str = "client",
    title: str = "Sequence number over time",
    twin: str | None = None,
    theme: str | None = None,
) -> Picture:
    """Plot which bytes one side sent when, and how far the other side had acknowledged them.

    tape: the packets of one connection. sender: the side whose data is plotted. Each segment is a bar from its first
    byte to its last; a lost one has a cross, one sent again a diamond. The line is the other side's acknowledgment
    number; each acknowledgment is a dot, so that duplicates are seen. title, twin, theme: as for `levels`.
    Returns a Picture. Raises LabError for a tape without data from that side, or with several connections.

    Source: the plot of W. R. Stevens, "TCP/IP Illustrated", which tcptrace and Wireshark draw too.
    """
    side = checked_side(sender)
    packets = one_connection(tape, "draw.sequence")
    segments = segments_of(packets, side)
    if not segments:
        raise LabError(f"the {side} sent no data on this tape", f"Try sender={other(side)!r}.")
    check_looks(twin, theme)
    start = segments[0].at_ns  # not the SYN's: a handshake that took seconds would hide everything behind it
    acks = [(at, ack) for at, ack in acks_of(packets, other(side)) if at >= start]
    last = max([each.at_ns for each in segments] + [at for at, _ in acks])
    high = max(each.after for each in segments)
    unit_ns, unit = time_scale(last - start)
    tail, below = origins_of([tape] if hasattr(tape, "origin") else [])

    def draw(colors: style.Theme) -> Figure:
        figure, axes = figure_of(title, colors, height=style.PLOT_SIZE[1] + 0.4, below=below)
        ours, theirs = (colors.client, colors.server) if side == "client" else (colors.server, colors.client)
        for each in segments:
            color = colors.alarm if each.lost else ours
            at = (each.at_ns - start) / unit_ns
            axes.vlines([at], each.first, each.after, color=color, linewidth=3.2)
            if each.lost or each.again:
                sign = "x" if each.lost else "D"
                axes.plot([at], [(each.first + each.after) / 2], sign, color=color, markersize=8, markeredgewidth=2)
        if acks:
            times = [(at - start) / unit_ns for at, _ in acks]
            axes.step(times, [ack for _, ack in acks], where="post", color=theirs, linewidth=1.4)
            axes.plot(times, [ack for _, ack in acks], "o", color=theirs, markersize=3.6)
        for each in segments:
            if each.lost or each.again:
                words = "lost" if each.lost else "sent again"
                beside(axes, words, ((each.at_ns - start) / unit_ns, each.after), colors.ink, (8, -8))
        axes.set_ylim(0, high * 1.06)
        axes.margins(x=0.06)
        signs = [(f"┃ segment of the {side}", ours), (f"● acknowledgment of the {other(side)} ({len(acks)})", theirs)]
        signs_above(axes, signs)
        name_axes(axes, unit, "byte of the stream", colors)
        return figure

    lines = [f"Plot: {short(title, 64)}", f"  bytes {segments[0].first} to {high - 1} of the {side}, over time"]
    lines += _named("lost", [each for each in segments if each.lost])
    lines += _named("sent again", [each for each in segments if each.again])
    reached = max(min(max((ack for _, ack in acks), default=1), high) - 1, 0)  # a FIN is no byte of data
    alt = "\n".join([*lines, f"  acknowledged up to byte {reached} in {(last - start) / 1e6:.1f} ms"])
    return picture_of(draw, theme, title, lines, twin, alt, tail)


def _named(what: str, segments: list[Segment]) -> list[str]:
    """One line of the text for a kind of segment; [] if there is none."""
    words = [f"{each.first} to {each.after - 1}" for each in segments[:_NAMED]]
    if len(segments) > _NAMED:
        words.append(f"and {len(segments) - _NAMED} more")
    return [f"  {what}: bytes {', '.join(words)}"] if words else []
