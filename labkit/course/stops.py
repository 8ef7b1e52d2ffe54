"""The map of the course: its lessons with the time each takes and what is solved, and ways through it.

Rule: titles and times are those of the lessons' own texts (a test compares); what is solved, the progress file says.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from labkit import exercises
from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError


@dataclass(frozen=True, slots=True)
class Stop:
    """One lesson. name: its notebook's, without the ending. reading, practice: minutes to read and run, and for the
    exercises."""

    name: str
    title: str
    reading: int
    practice: int

    @property
    def number(self) -> str:
        """``"01a"``."""
        return self.name.partition("-")[0]


STOPS = (
    Stop("00-start-here", "Start here: your first packets", 30, 1),
    Stop("01a-tcp-connection", "TCP: the connection", 35, 40),
    Stop("01b-tcp-endings", "TCP: servers, and how connections end", 50, 8),
    Stop("01c-tcp-stream", "TCP: the stream of bytes", 45, 45),
    Stop("01d-tcp-loss", "TCP: when packets get lost", 60, 15),
    Stop("01e-tcp-congestion", "TCP: when everybody sends at once", 40, 15),
    Stop("01f-tcp-book", "TCP: the book against the wire", 40, 10),
    Stop("02a-udp", "UDP: datagrams", 45, 15),
    Stop("02b-udp-network", "UDP: what the network does to datagrams", 45, 35),
    Stop("02c-dns", "DNS: a protocol on UDP", 45, 45),
    Stop("02d-crafting", "Packets made by hand", 60, 45),
    Stop("02e-udp-book", "UDP: the book against the wire", 35, 5),
    Stop("03a-http-messages", "HTTP: messages", 35, 60),
    Stop("03b-http-connections", "HTTP: connections", 35, 15),
    Stop("03c-http-clients", "HTTP: clients", 35, 15),
    Stop("03d-http-bodies", "HTTP: fields and bodies", 50, 20),
    Stop("03e-http-book", "HTTP: the book against the wire", 45, 10),
    Stop("04a-push", "WebSocket: push", 45, 10),
    Stop("04b-websocket-handshake", "WebSocket: the handshake", 50, 5),
    Stop("04c-websocket-frames", "WebSocket: frames", 40, 45),
    Stop("04d-websocket-endings", "WebSocket: endings and faults", 40, 60),
    Stop("05a-eavesdropping", "TLS: eavesdropping", 45, 20),
    Stop("05a2-in-the-middle", "TLS: in the middle", 25, 10),
    Stop("05b-keys-and-certificates", "TLS: keys and certificates", 30, 15),
    Stop("05b2-gone-wrong", "TLS: certificates gone wrong", 25, 20),
    Stop("05c-tls-handshake", "TLS: the handshake", 50, 30),
    Stop("05d-mutual-tls", "TLS: both sides show a certificate", 45, 10),
    Stop("05e-https", "HTTPS", 35, 25),
    Stop("06-together", "Everything together", 45, 45),
)  # fmt: skip
"""All lessons, in their order."""

PATHS = {
    "a day": ("00", "01a", "01b", "01c", "02a", "03a", "03b", "05a"),
    "a week": tuple(stop.number for stop in STOPS),
    "only TLS": ("00", "01a", "05a", "05a2", "05b", "05b2", "05c", "05d", "05e"),
}
"""Ways through the course, by what somebody has: the numbers of their lessons."""

FOR_WHOM = {
    "a day": "from the first packet to TLS, without exercises",
    "a week": "everything, with the exercises",
    "only TLS": "for those who know TCP and HTTP",
}


@dataclass(frozen=True, slots=True)
class Tour:
    """Lessons with their times and what is solved, as a table. path: one of `PATHS`, or "" for the whole course."""

    path: str
    stops: tuple[Stop, ...]

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Sign, name, minutes, and what is solved, of each lesson."""
        done = {row.name: row for row in exercises.progress().rows}
        mine = [(stop, done[stop.name]) for stop in self.stops]
        return [
            (row.sign, stop.name, f"{stop.reading} + {stop.practice} min", f"{row.done} of {row.of}")
            for stop, row in mine
        ]

    def _headline(self) -> str:
        reading, practice = (sum(getattr(stop, part) for stop in self.stops) for part in ("reading", "practice"))
        what = f"{self.path} ({FOR_WHOM[self.path]})" if self.path else "the course"
        return f"{what}: {len(self.stops)} lessons, {_hours(reading)} to read and run, {_hours(practice)} of exercises"

    def _ways(self) -> str:
        return "ways through it: " + ", ".join(f'labkit.tour("{name}")' for name in PATHS)

    def __repr__(self) -> str:
        rows = self._rows()
        width, times = max(len(row[1]) for row in rows), max(len(row[2]) for row in rows)
        lines = [f"  {sign} {name:<{width}}  {minutes:>{times}}  {done} solved" for sign, name, minutes, done in rows]
        return "\n".join([self._headline(), *lines, self._ways()])

    def _repr_html_(self) -> str:
        titles = {stop.name: stop.title for stop in self.stops}
        rows = ""
        for sign, name, minutes, done in self._rows():
            link = f'<a href="{escape(name)}.ipynb">{escape(titles[name])}</a>'
            cells = (sign, escape(name.partition("-")[0]), link, minutes, f"{done} solved")
            rows += "<tr>" + "".join(f'<td style="text-align:left">{each}</td>' for each in cells) + "</tr>"
        return f"<div><strong>{escape(self._headline())}</strong><table>{rows}</table>{escape(self._ways())}</div>"


@in_words
def tour(path: str | None = None) -> Tour:
    """The map of the course: each lesson with its minutes (to read and run, and for the exercises), and what is solved.

    path: a way through it, one of `PATHS`; default, all lessons. Raises `LabError` for another word.
    """
    if path is not None and path not in PATHS:
        raise LabError(f"there is no way {shown(path)} through the course", f"There are: {', '.join(PATHS)}.")
    if path is None:
        return Tour("", STOPS)
    return Tour(path, tuple(stop for stop in STOPS if stop.number in PATHS[path]))


def _hours(minutes: int) -> str:
    """``"5 h 15 min"``."""
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest)) or "0 min"
