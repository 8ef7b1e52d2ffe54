"""The exchanges of a tape, each with what its two ends know after each of its packets.

Rule: found once for each exchange, when somebody asks for it; of a tape of some of the packets, those packets alone are
told, by what the whole capture shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from labkit.packets.states import Moment, moments
from labkit.packets.states_above import Above, Layers, datagrams
from labkit.packets.states_read import segments_of

if TYPE_CHECKING:
    from labkit.packets.tape import Connection, Tape


class Course:
    """One exchange of a tape. protocol: ``"TCP"``, or that of
    its first packet: ``"UDP"``, ``"ICMP echo request"``. client, server: (address, port). tape: its packets."""

    __slots__ = ("_datagrams", "_layers", "_moments", "_more", "client", "connection", "protocol", "server", "tape")

    def __init__(
        self, protocol: str, client: tuple[str, int], server: tuple[str, int], tape: Tape,
        connection: Connection | None = None,
    ) -> None:  # fmt: skip
        self.protocol, self.client, self.server = protocol, client, server
        self.tape, self.connection = tape, connection
        self._moments: list[Moment] = []
        self._layers: Layers | None = None
        self._datagrams: list[tuple[Above, ...]] | None = None
        self._more: Iterator[Moment] | None = None  # those that nobody has asked for yet

    def __len__(self) -> int:
        return len(self.tape)

    def moment(self, index: int) -> Moment | None:
        """What both ends know after the packet at this index of `tape`; None without TCP."""
        if self.connection is None:
            return None
        if self._more is None:
            shared, talk = self.tape._shared, self.connection._talk
            self._more = moments(segments_of(talk.flow, shared.conversations, shared.recording))
        number, known = self.tape[index].number, self._moments
        while not known or known[-1].number < number:
            following = next(self._more, None)
            if following is None:
                break
            known.append(following)
        if not known:  # no whole segment was captured, only fragments
            return None
        # A fragment behind the first one is no segment: it changes nothing.
        return known[max(0, bisect_right(known, number, key=_number) - 1)]


    def above(self, index: int) -> tuple[Above, ...]:
        """What both ends know of the protocols above, after the packet at this index of `tape`."""
        moment = self.moment(index)
        if self.connection is None or moment is None:
            if self._datagrams is None:
                self._datagrams = datagrams(self.tape)
            return self._datagrams[index]
        if self._layers is None:
            self._layers = Layers(self.connection)
        return self._layers.at(moment)


def _number(moment: Moment) -> int:
    return moment.number


def courses_of(tape: Tape) -> Sequence[Course]:
    """The exchanges of a tape, in the order of their first packets: TCP connections, and exchanges of datagrams."""
    found = [Course("TCP", each.client, each.server, each.packets, each) for each in tape.connections]
    talks: dict[tuple[tuple[str, int], tuple[str, int]], list[int]] = {}
    for index, packet in zip(tape._indices, tape, strict=True):
        if packet.talk is not None:
            talks.setdefault(packet.talk, []).append(index)
    for talk, indices in talks.items():
        part = tape._part(indices)
        found.append(Course(part[0].what.removesuffix(" fragment"), *talk, part))
    return sorted(found, key=lambda each: each.tape[0].number)
