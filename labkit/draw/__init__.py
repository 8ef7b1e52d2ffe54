"""Pictures of packets and sockets: ladder, bits, bytes, and plots of what was measured.

Rule: functions take data and return a Picture; nothing is shown, and no global state of a library is touched.
"""

from __future__ import annotations

# Not lazy by name: `ladder`, `bits` and `bytes` are modules as well as functions, and importing a module binds its name
# in this package once. Bound here, after that import, the function keeps the name. What is costly (Matplotlib) is
# imported by the functions of `plot` when they draw.
from labkit.draw.acknowledged import acknowledged
from labkit.draw.bits import bits
from labkit.draw.boxes import boxes
from labkit.draw.builder import Builder, build
from labkit.draw.bytes import bytes
from labkit.draw.certificate import certificate
from labkit.draw.chain import chain
from labkit.draw.compared import compare
from labkit.draw.congestion import congestion
from labkit.draw.field_table import FieldTable
from labkit.draw.inspect import inspect
from labkit.draw.ladder import ladder
from labkit.draw.live_ladder import Live, end_live, live
from labkit.draw.message import message
from labkit.draw.number_line import number_line
from labkit.draw.picture import Picture
from labkit.draw.plot import bars, levels
from labkit.draw.replay import Replay, replay
from labkit.draw.sequence import sequence
from labkit.draw.side_by_side import side_by_side
from labkit.draw.style import set_large
from labkit.draw.timeline import timeline
from labkit.draw.window import window

__all__ = [
    "Builder",
    "FieldTable",
    "Live",
    "Picture",
    "Replay",
    "acknowledged",
    "bars",
    "bits",
    "boxes",
    "build",
    "bytes",
    "certificate",
    "chain",
    "compare",
    "congestion",
    "end_live",
    "inspect",
    "ladder",
    "levels",
    "live",
    "message",
    "number_line",
    "replay",
    "sequence",
    "set_large",
    "side_by_side",
    "timeline",
    "window",
]
