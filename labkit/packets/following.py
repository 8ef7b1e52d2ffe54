"""A capture without an end that is looked at while it runs: a view follows it, and it keeps the newest packets alone.

Rule: it ends when it is told to, and then everything that was sent before has come.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable

from labkit.core.errors import CaptureUnavailable
from labkit.packets import probe
from labkit.packets.capture_file import Recording
from labkit.packets.capturing import checked_ports, open_source
from labkit.packets.marker import Marker
from labkit.packets.paths import this_platform
from labkit.packets.polling import Look, Polled
from labkit.packets.ring import Ring
from labkit.packets.tape import Tape

UNTAKEN = 64 << 20
"""Bytes of frames that wait for the next look; later ones count as lost."""
END_WAIT = 0.5
"""Seconds to wait at the end for what was sent before."""


class Following(Look):
    """A running capture of its own, as a `Look`. ports: the captured ones, None for all traffic.

    iface: interface, default loopback. keep: packets that are kept. Raises `CaptureUnavailable` if this machine cannot
    capture, `LabError` for a port that is none. Close it.
    """

    def __init__(self, port: int | Iterable[int] | None, *, iface: str | None = None, keep: int = 1000) -> None:
        ports = checked_ports(port)
        tier = probe.best_tier()
        if tier == "recorded":
            raise CaptureUnavailable(
                "this machine cannot capture, so there is nothing to follow while it happens",
                "Run `labkit doctor`: it says what this machine allows.",
            )
        with contextlib.ExitStack() as undo:
            self._marker = Marker()
            undo.callback(self._marker.close)
            self._source = open_source(tier, iface, ports, self._marker, UNTAKEN, endless=True)
            undo.callback(self._source.close)
            super().__init__(Polled(self._source, self._marker, ports, kept=False), keep)
            self.polled.join(self)
            self._undo = undo.pop_all()
        self._loopback = iface in (None, "lo", "lo0")
        self._lost = 0
        self._closing = threading.Lock()

    def lost(self) -> int:
        """Frames lost so far; tcpdump and dumpcap tell it at the end alone."""
        with self._closing:
            if isinstance(self._source, Ring) and not self.ended:
                self._lost += self._source.drops()
            return self._lost

    def close(self) -> None:
        """End the capture: what was sent before can still be pulled. May be called again."""
        with self._closing:
            if self.ended:
                return
            try:
                self.polled.take_over()
                if self._loopback:
                    self._marker.read_up_to(self.polled, [], END_WAIT)
                else:
                    self.polled.take()
                self._lost += self._source.drops()
            except CaptureUnavailable:
                pass  # it broke off before, and whoever looked was told
            finally:
                self.polled.close()
                self._undo.close()


def tape_of(look: Look) -> Tape:
    """The packets that a look keeps, as a tape whose numbers begin with 1."""
    kept = list(look.newest.packets)
    frames = [(each.time_ns, each.raw, each.linktype, each.status, each.wire_length) for each in kept]
    verdicts = {index: each.verdict for index, each in enumerate(kept) if each.verdict is not None}
    missing = f"the newest {len(kept)} of {look.newest.total} packets" if look.newest.total > len(kept) else ""
    ports = tuple(sorted(look.polled.ports or ()))
    recording = Recording(frames, (), look.lost(), ports, this_platform(), verdicts=verdicts, missing=missing)
    return Tape(recording, origin=look.polled.origin, live=True)
