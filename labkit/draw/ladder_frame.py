"""What is around a ladder: title and ends of the lifelines above, the legend and the origin below.

Rule: draws on a canvas from the y that it is given; what stands between is in `ladder_drawing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.draw import marks, style
from labkit.draw.ladder_model import Ladder
from labkit.draw.style import MARGIN, Shape
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, visible, width, wrap

if TYPE_CHECKING:
    from labkit.packets.model import SocketEvent


def head(canvas: Canvas, model: Ladder, shape: Shape, title: str, unsaid: str) -> float:
    """Title, and what stands at the top of each lifeline; returns the y at which the lifelines begin.

    unsaid: the packets that are not drawn, in words; ``""`` if all are.
    """
    # above: from a title to the boxes. box: their height, and in it the two lines.
    small = shape.compact
    margin, size, step, above = (10, "g", 18, 12) if small else (MARGIN, "h", 24, 28)
    box, first, second = (38, 15, 30) if small else (46, 19, 36)
    y = margin + (10.0 if small else 14.0)
    for line in wrap(title, shape.wide - 2 * margin, size, 2):
        canvas.raw(margin, y, line, size)
        y += step
    y += above - step
    if unsaid:
        y += 6 if small else 0
        canvas.raw(margin, y, f"{unsaid} not drawn", "s")
        y += 8 if small else 20
    for x, who, side in (
        (shape.client, "client", [group.client for group in model.groups]),
        (shape.server, "server", [group.server for group in model.groups]),
    ):
        nobody = who == "server" and model.nobody
        canvas.rect(x - 92, y, 184, box, "box dash" if nobody else "card", 6)
        canvas.raw(x, y + first, "nobody listens" if nobody else who, "g c" if nobody else f"g c ta{who[0]}")
        canvas.raw(x, y + second, fit(_ends(side), 172, "z"), "z c")
    if shape.time:
        canvas.raw(shape.time, y + second, "ms", "z e")
    return y + box


def foot(canvas: Canvas, model: Ladder, y: float, events: Sequence[SocketEvent], out: int, *, told: bool) -> float:
    """What the signs mean, and where the tape comes from; returns the height of the picture.

    events: those drawn. out: how many are not. told: the reader knows what their times mean.
    """
    y += 16
    canvas.path(f"M{MARGIN} {y:.0f}H{style.WIDTH - MARGIN}", "rule thin")
    x = float(MARGIN + 6)
    y += 22
    signs = marks.signs(canvas, model.shown, events)
    if model.origin:
        kind = "am" if model.origin.startswith("live") else "oam"
        signs.append((lambda x, y: canvas.rect(x - 4, y - 4, 8, 8, kind), 12, origin(model.origin)))
    for sign, wide, words in signs:
        words = fit(words, style.WIDTH - 2 * MARGIN - wide - 6, "s")
        if x + wide + width(words, "s") > style.WIDTH - MARGIN:
            x, y = MARGIN + 6, y + 20
        sign(x, y - 4)
        canvas.raw(x + wide, y, words, "s")
        x += wide + width(words, "s") + 28
    if signs:
        y += 20
    if events and not told:
        canvas.raw(MARGIN, y, "events: when the program was told; the kernel may act before or after", "s")
        y += 20
    if out:
        canvas.raw(MARGIN, y, f"{count(out, 'socket event')} of the part left out not drawn", "s")
        y += 20
    return y + 4


def origin(whole: str) -> str:
    """Where a tape comes from, in a word, and what is missing of it: ``"live"``, ``"recorded, 2 frames lost"``."""
    word, _, rest = whole.partition(" ")
    if word not in ("live", "recorded"):
        return whole
    for mark in (", not whole: ", ", cut short by "):
        if mark in rest:
            return word + mark + rest.split(mark, 1)[1]
    lost = [part for part in rest.split(", ") if part.endswith((" frame lost", " frames lost"))]
    return ", ".join([word, *lost])


def scaled(svg: str, high: float, shape: Shape) -> str:
    """The markup at the size of the shape: a ladder for a projector is a small drawing, shown large."""
    if shape.scale == 1:
        return svg
    as_drawn = f'width="{style.WIDTH}" height="{round(high)}" viewBox="0 0 {style.WIDTH} {round(high)}"'
    size = f'width="{style.WIDTH}" height="{round(high * shape.scale)}" viewBox="0 0 {shape.wide} {round(high)}"'
    return svg.replace(as_drawn, size, 1)


def _ends(side: list[tuple[str, int]]) -> str:
    """The addresses at one lifeline in one line."""
    hosts = list(dict.fromkeys(visible(host) for host, _ in side))
    ports = list(dict.fromkeys(str(port) for _, port in side if port))
    host = f"[{hosts[0]}]" if hosts and ":" in hosts[0] else "".join(hosts[:1])
    if len(hosts) > 1:
        return f"{len(hosts)} addresses, {len(ports)} ports"
    return host + (":" + ", ".join(ports) if ports else "")
