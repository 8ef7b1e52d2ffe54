"""The room that one side tells the other, over time: how it falls to 0, stays there, and opens.

Rule: the numbers are those of the window field, scaled as the handshake of the same tape says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.figure import (
    check_looks,
    figure_of,
    name_axes,
    number_words,
    origins_of,
    picture_of,
    short,
    signs_above,
    time_scale,
)
from labkit.draw.picture import Picture
from labkit.draw.segments import arrived, checked_side, one_connection, other

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape



@in_words
def window(
    tape: Tape | Iterable[Packet],
    *,
    sender: str = "server",
    title: str | None = None,
    twin: str | None = None,
    theme: str | None = None,
) -> Picture:
    """Plot how much room one side told the other, in bytes, over time; a told 0 is marked.

    tape: the packets of one connection. sender: the side that tells its room. title, twin, theme: as for `levels`.
    Returns a Picture. Raises LabError for a tape where that side tells nothing, or with several connections.
    """
    side = checked_side(sender)
    title = title or f"Room that the {side} told the {other(side)}"
    packets = one_connection(tape, "draw.window")
    shift = _shift(packets, side)
    told = [
        (each.time_ns or 0, each.window if "SYN" in each.flags else each.window << shift)
        for each in packets
        if each.sender == side and "RST" not in each.flags and arrived(each)
    ]
    if not told:
        raise LabError(f"the {side} sent no packet on this tape", f"Try sender={other(side)!r}.")
    check_looks(twin, theme)
    start, last = packets[0].time_ns or 0, packets[-1].time_ns or 0
    high = max(room for _, room in told)
    unit_ns, unit = time_scale(last - start)
    tail, below = origins_of([tape] if hasattr(tape, "origin") else [])

    def draw(colors: style.Theme) -> Figure:
        figure, axes = figure_of(title, colors, below=below)
        color = colors.server if side == "server" else colors.client
        times = [(at - start) / unit_ns for at, _ in told]
        rooms = [room for _, room in told]
        axes.step([*times, (last - start) / unit_ns], [*rooms, rooms[-1]], where="post", color=color, linewidth=1.8)
        axes.fill_between(
            [*times, (last - start) / unit_ns], [*rooms, rooms[-1]], step="post", color=color, alpha=0.12, linewidth=0
        )
        zeros = [time for time, room in zip(times, rooms, strict=True) if not room]
        axes.plot(zeros, [0.0] * len(zeros), "v", color=colors.alarm, markersize=8, clip_on=False, zorder=5)
        axes.set_ylim(0, (high or 1) * 1.15)
        signs = [(f"▼ told: no room ({len(zeros)})", colors.alarm)] if zeros else []
        signs_above(axes, signs)
        name_axes(axes, unit, "bytes of room", colors)
        return figure

    lines = [f"Plot: {short(title, 64)}", "  in bytes, over time"]
    if any(not room for _, room in told):
        first = next(place for place, (_, room) in enumerate(told) if not room)
        opens = any(room for _, room in told[first:])
        lines.append(f"  it falls to 0{' and opens again' if opens else ' and stays there'}")
    else:
        lines.append("  it is never 0")
    zeros = sum(not room for _, room in told)
    alt = "\n".join([*lines, f"  most room {number_words(high)} bytes, told {len(told)} times, {zeros} times 0"])
    return picture_of(draw, theme, title, lines, twin, alt, tail)


def _shift(packets: Iterable[Packet], side: str) -> int:
    """By how many bits this side's window is shifted: 0 unless both SYNs of the tape have the option.

    Source: RFC 7323 §2.2, §2.3.
    """
    shifts: dict[str, int] = {}
    for packet in packets:
        if "SYN" in packet.flags:
            try:
                shifts[packet.sender] = int(packet["TCP"]["options.wscale.shift"].value)
            except (KeyError, TypeError, ValueError, AttributeError):
                shifts[packet.sender] = -1
    both = len(shifts) == 2 and min(shifts.values()) >= 0
    return min(shifts[side], 14) if both else 0
