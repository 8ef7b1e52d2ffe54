"""The ladder: two lifelines, time downwards, one arrow a packet, socket events at their own time.

Rule: takes what a student asks for; what is said is decided in `ladder_model` and `ladder_text`, where it stands in
`ladder_drawing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, cast

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import ladder_text, style
from labkit.draw.ladder_drawing import Drawing, lowest
from labkit.draw.ladder_fold import folded
from labkit.draw.ladder_model import Item, Ladder, Rung, read
from labkit.draw.ladder_resets import judge
from labkit.draw.ladder_time import way_ns
from labkit.draw.message_ladder import ladder_of
from labkit.draw.picture import Picture
from labkit.draw.text import duration, given

if TYPE_CHECKING:
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Tape


@in_words
def ladder(
    tape: Tape | Iterable[Packet],
    *,
    events: bool = True,
    acks: bool | None = None,
    only: str | None = None,
    fold: bool = False,
    of: str | None = None,
    round_trip: tuple[Packet | int, Packet | int] | None = None,
    compact: bool | None = None,
    title: str | None = None,
    limit: int | None = 80,
) -> Picture:
    """Draw who sent what when: the packets of a tape between two lifelines, and what our own sockets did beside them.

    tape: a Tape, or any packets; they are drawn in their order, whatever their times say. events: draw the socket
    events and calls. acks: draw segments that only acknowledge (None: all of them; in a compact ladder those of the
    handshake and of the end); those with a note are always drawn. only: ``"data"``: packets with payload and packets to
    which something happened; runs of like segments become one row. fold: the handshake and the end become one row each.
    of: ``"HTTP"``: one arrow a message in place of one a packet; its line begins with the first packet, and its head is
    where the message was whole. ``"WebSocket"``: one arrow a frame, below the two messages of the handshake.
    ``"TLS"``: one arrow a handshake message, an alert, or a record of something else; a lock stands at what was
    encrypted, a closed one if the tape does not have the key. Then acks, only, fold and round_trip have no meaning.
    round_trip: two packets, or their numbers: the time between them gets a bracket. compact: large type and little of
    it, for a projector (None: as `set_large` says).
    title: in place of the one made from the tape. limit: most rows drawn (the first and last ones of a longer tape,
    with a note of what is left out); None draws all.
    Returns a Picture whose text twin is the same from run to run, but for the line that names the tape's origin.
    Raises LabError for a tape that is none, packets of round_trip that are not drawn, and a tape without messages of
    this protocol.
    """
    title = title or None
    large = style.Session.large if compact is None else bool(compact)
    if of is not None:
        if acks is not None or only or fold or round_trip:
            raise LabError(
                f"of={given(of)} draws messages, and acks, only, fold and round_trip are about packets",
                "Leave either of them out.",
            )
        return ladder_of(cast("Tape", tape), of, events=events, large=large, title=title, limit=limit)
    rows = partial(_rows, fold=bool(fold), data=only == "data")
    model = read(tape, events=events, acks=acks is not False, limit=limit, only=only, rows=rows)
    trip, trip_words, trip_twin = _trip(model, round_trip)
    text = ladder_text.twin(model, title, trip_twin)
    alt = ladder_text.shortened(text)
    heading = ladder_text.heading(model) if title is None else title
    ends = (trip, trip_words) if trip else None
    drawn = partial(Drawing, model, heading, trip=ends, told=style.Session.told, sparse=large and acks is None)
    svg = lowest(drawn, alt, large=large)
    if model.events and not large:
        style.Session.told = True
    return Picture(text, alt, svg=svg)


def _rows(rungs: list[Rung], *, fold: bool, data: bool) -> list[Item]:
    """The rows of a ladder of these packets, each with what its connection tells of it."""
    if any(rung.reset for rung in rungs):
        judge(rungs)
    return folded(rungs, ends=fold, data=data)


def _trip(model: Ladder, asked: object) -> tuple[tuple[Rung, Rung] | None, str, str]:
    """The packets at both ends of a round trip, what the picture says of it, and what the twin says."""
    if asked is None:
        return None, "", ""
    ends = tuple(asked) if isinstance(asked, (tuple, list)) else ()
    numbers = [getattr(end, "number", end) for end in ends]
    if len(numbers) != 2 or not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        raise LabError(
            f"round_trip={given(asked)} is no pair of packets", "Give two packets or their numbers: round_trip=(4, 21)."
        )
    found = {rung.number: rung for rung in model.shown}
    for number in numbers:
        if number not in found:
            raise LabError(
                f"this ladder does not show packet {number}, so no bracket can end there",
                "Give the numbers that len(tape) and packet.number count, and draw the part of the tape they are in.",
            )
    first, last = found[numbers[0]], found[numbers[1]]
    if first.time_ns is None or last.time_ns is None:
        raise LabError("a packet of this round trip has no time", "Choose packets with a time.")
    # A packet of the other side ends the round trip when it arrives; one of the same side was caused by an arrival.
    ns = last.time_ns - first.time_ns
    if last.right != first.right:
        arrivals = () if last.verdict is None else last.verdict.arrivals
        ns = arrivals[0] - first.time_ns if arrivals else ns + way_ns(model.rungs)
    if ns < 0:
        raise LabError(
            f"packet {last.number} comes before packet {first.number}", "Give the earlier packet of the two first."
        )
    exact = f"{ns / 1e6:.3g} ms" if 10_000_000 <= ns < 1_000_000_000 else duration(ns)
    spans = f"one round trip: packets {first.number} to {last.number}"
    return (first, last), f"one round trip: {exact}", spans
