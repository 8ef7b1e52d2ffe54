"""What a tape and the tapes cut from it share: the frames, and what was made of them so far.

Rule: each packet, connection and secret is found once, when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversation, Conversations
from labkit.packets.messages import Message, Sides
from labkit.packets.notes import notes_of
from labkit.packets.packet import Packet
from labkit.packets.talk import Talk
from labkit.packets.websocket_frame import WebSocketFrame

if TYPE_CHECKING:
    from labkit.packets.tls_keys import KeyLog
    from labkit.packets.tls_records import Record

_KINDS = {"WebSocket": WebSocketFrame}


class Shared:
    """The facts of a whole tape. said: lines of this program's key log. connection: gives the `Connection`."""

    def __init__(
        self, recording: Recording, origin: str, said: Sequence[bytes], connection: Callable[[Conversation], Sides]
    ) -> None:
        self.recording, self.origin, self.said, self.connection = recording, origin, said, connection
        self._talks: dict[int, Talk] = {}
        self._packets: dict[int, Packet] = {}
        self._notes: dict[int, str] | None = None

    @cached_property
    def conversations(self) -> Conversations:
        """The exchanges in the frames."""
        found = Conversations(self.recording.ports)
        found.feed(self.recording.frames, self.recording.fcs_lengths)
        return found

    def notes(self) -> dict[int, str]:
        """What TCP's packets mean, by their index: see `Packet.note`."""
        if self._notes is None:
            known = self.conversations
            dropped = {at for at, verdict in self.recording.verdicts.items() if verdict.kind == "dropped"}
            self._notes = notes_of(self.recording.frames, known.quick, known.places, dropped)
        return self._notes

    @cached_property
    def log(self) -> KeyLog:
        """The key log: that of the file, and that of this program."""
        from labkit.packets.tls_keys import KEY_LOG, KeyLog

        text = b"\n".join(data for kind, data in self.recording.secrets if kind == KEY_LOG)
        return KeyLog((*text.splitlines(), *self.said))

    def talk(self, flow: Conversation) -> Talk:
        """What the sides of this TCP connection said."""
        talk = self._talks.get(flow.number)
        if talk is None:
            talk = self._talks[flow.number] = Talk(
                flow, self.conversations, self.recording, lambda: self.connection(flow), _KINDS, lambda: self.log
            )
        return talk

    def messages_at(self, index: int) -> tuple[Message, ...]:
        """The messages of which this packet brought bytes."""
        talk = self._talk_at(index)
        return talk.messages_at(index + 1) if talk is not None else ()

    def records_at(self, index: int) -> tuple[Record, ...]:
        """The TLS records of which this packet brought bytes."""
        talk = self._talk_at(index)
        return talk.tls.at(index + 1) if talk is not None and talk.tls is not None else ()

    def _talk_at(self, index: int) -> Talk | None:
        place = self.conversations.places[index]
        if place is None or place.connection < 0:
            return None
        return self.talk(self.conversations.connections[place.connection])

    def packet(self, index: int) -> Packet:
        """The packet of this frame."""
        packet = self._packets.get(index)
        if packet is None:
            known, recording = self.conversations, self.recording
            packet = self._packets[index] = Packet(
                recording.frames[index],
                index + 1,
                known.places[index],
                known.quick[index],
                self.origin,
                recording.verdicts.get(index),
                recording.fcs_lengths.get(index),
                self.notes,
                self.messages_at,
                self.records_at,
            )
        return packet
