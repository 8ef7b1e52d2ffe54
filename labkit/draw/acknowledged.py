"""Bytes acknowledged over time, of several transfers on one scale: a staircase beside a cliff.

Rule: counts what the sender knows to have arrived, by the acknowledgments on the tape or by its kernel's own count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import style
from labkit.draw.figure import (
    beside,
    check_looks,
    figure_of,
    name_axes,
    number_words,
    origins_of,
    picture_of,
    short,
    time_scale,
)
from labkit.draw.picture import Picture
from labkit.draw.segments import arrived, other, packets_of
from labkit.draw.text import given
from labkit.packets.samples import Samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape

Steps = list[tuple[int, int]]
"""(ns since the first packet, bytes acknowledged so far)."""


@in_words
def acknowledged(
    transfers: Mapping[str, Tape | Samples],
    *,
    title: str = "Bytes acknowledged over time",
    twin: str | None = None,
    theme: str | None = None,
) -> Picture:
    """Plot how many bytes each transfer had acknowledged at each time, each from its own start.

    transfers: by name, a tape of one transfer, or the samples of a connection (which start at a common time).
    Of TCP the acknowledgment numbers count; of UDP a datagram acknowledges the latest one that starts with the same
    bytes, as in the exercise ``udp.stop_and_wait``. title, twin, theme: as for `levels`.
    Returns a Picture. Raises LabError for a tape on which nothing is acknowledged.
    """
    if not isinstance(transfers, Mapping) or not transfers:
        raise LabError(f"cannot plot {given(transfers)}", 'Give tapes by name: {"stop-and-wait": tape, "TCP": other}.')
    check_looks(twin, theme)
    together = [each[0].time_ns for each in transfers.values() if isinstance(each, Samples) and len(each)]
    named = {short(str(name)): _steps(each, name, min(together, default=0)) for name, each in transfers.items()}
    last = max(steps[-1][0] for steps in named.values())
    high = max(steps[-1][1] for steps in named.values())
    unit_ns, unit = time_scale(last)
    tail, below = origins_of([each for each in transfers.values() if hasattr(each, "origin")])

    def draw(colors: style.Theme) -> Figure:
        figure, axes = figure_of(title, colors, below=below)
        for number, (name, steps) in enumerate(named.items()):
            hue = colors.hues[number % style.HUES]
            times = [at / unit_ns for at, _ in steps]
            values = [value for _, value in steps]
            line = ("-", (0, (4, 1.5)), (0, (1, 1)))[number % 3]
            axes.step(times, values, where="post", color=hue, linewidth=2, linestyle=line)
            axes.plot(times[-1:], values[-1:], "o", color=hue, markersize=6)
            place = _middle(steps)
            beside(axes, name, (times[place], values[place]), hue, (8, -12))
        axes.set_ylim(0, high * 1.08)
        axes.set_xlim(0, last / unit_ns * 1.14)
        name_axes(axes, unit, "bytes acknowledged", colors)
        return figure

    lines = [f"Plot: {short(title, 64)}", f"  {', '.join(named)}; in bytes, over time"]
    ends = [
        f"  {name}: {number_words(steps[-1][1])} bytes in {steps[-1][0] / 1e6:.0f} ms" for name, steps in named.items()
    ]
    return picture_of(draw, theme, title, lines, twin, "\n".join([*lines, *ends]), tail)


def _middle(steps: Steps) -> int:
    """The step at which half of the bytes are acknowledged: the name of the line is written there."""
    return next(place for place, (_, value) in enumerate(steps) if value >= steps[-1][1] / 2)


def _steps(transfer: Any, name: object, start: int) -> Steps:
    """One transfer as steps. start: ns since the epoch at which samples begin. Raises LabError if there is no step."""
    if isinstance(transfer, Samples):
        first = transfer[0].acknowledged if len(transfer) else 0
        steps = [(each.time_ns - start, each.acknowledged - first) for each in transfer]
    else:
        packets = packets_of(transfer)
        steps = _of_tcp(packets) if any(each.protocol == "TCP" for each in packets) else _of_datagrams(packets)
    if len(steps) < 2 or not steps[-1][1]:
        raise LabError(f"nothing is acknowledged in {given(name)}", "Give the tape of a transfer that has arrived.")
    return steps


def _of_tcp(packets: list[Packet]) -> Steps:
    packets = [each for each in packets if each.protocol == "TCP"]
    sums = {side: sum(each.length for each in packets if each.sender == side) for side in ("client", "server")}
    sender = max(sums, key=lambda side: sums[side])
    known: dict[object, int] = {}  # by connection: bytes acknowledged so far
    ends: dict[object, int] = {}  # by connection: bytes of data sent
    steps, start = [(0, 0)], packets[0].time_ns or 0
    for each in packets:
        flow = frozenset((each.src, each.dst))
        if each.sender == sender and each.length:
            ends[flow] = max(ends.get(flow, 0), each.seq + each.length - 1)
        if each.sender == other(sender) and "ACK" in each.flags and arrived(each):
            data = min(each.ack - 1, ends.get(flow, 0))  # neither the SYN nor the FIN is a byte of data
            if data > known.get(flow, 0):
                known[flow] = data
                steps.append(((each.time_ns or 0) - start, sum(known.values())))
    return steps


def _of_datagrams(packets: list[Packet]) -> Steps:
    packets = [each for each in packets if each.protocol == "UDP"]
    done: set[bytes] = set()
    sent: list[Packet] = []
    steps, total = [(0, 0)], 0
    for each in packets:
        if each.sender == "client":
            sent.append(each)
        elif each.payload and each.payload not in done and arrived(each):
            match = next((one for one in reversed(sent) if one.payload.startswith(each.payload)), None)
            if match is not None:
                done.add(each.payload)
                total += match.length - each.length  # the number itself is no data
                steps.append(((each.time_ns or 0) - (packets[0].time_ns or 0), total))
    return steps
