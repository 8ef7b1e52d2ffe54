"""One connection of a tape: its streams, the TLS in them, and the messages on them or inside that.

Rule: found once, when somebody asks; what a message or a record says is theirs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from labkit.packets.capture_file import Recording
from labkit.packets.conversations import Conversation, Conversations
from labkit.packets.explain.found import Switch
from labkit.packets.messages import Message, Sides
from labkit.packets.streams import ByteStream, before, streams_of

if TYPE_CHECKING:
    from labkit.packets.tls_keys import KeyLog
    from labkit.packets.tls_spoken import Spoken


class Talk:
    """What the two sides of one connection said: streams, messages, and where another protocol begins.

    flow: the connection. connection: gives the `Connection` of the whole tape. kinds: the classes of messages, by
    protocol, that say more than `Message` does. log: gives the tape's key log. outer: the TLS in which it
    was said; None if it was said on TCP.
    """

    __slots__ = (
        "_at", "_kinds", "_known", "_log", "_messages", "_recording", "_streams", "_switches", "_tls", "connection",
        "flow", "outer",
    )  # fmt: skip

    def __init__(
        self, flow: Conversation, known: Conversations, recording: Recording, connection: Callable[[], Sides],
        kinds: Mapping[str, type[Message]], log: Callable[[], KeyLog], outer: Spoken | None = None,
    ) -> None:  # fmt: skip
        self.flow, self._known, self._recording, self._kinds = flow, known, recording, kinds
        self._streams: tuple[ByteStream, ByteStream] | None = None
        self._messages: tuple[Message, ...] | None = None
        self._at: dict[int, list[Message]] | None = None
        self.connection = connection
        self._switches: tuple[Switch, ...] = ()
        self._log, self.outer = log, outer
        self._tls: list[Spoken] | None = None  # one or none; None: nobody has looked

    def streams(self) -> tuple[ByteStream, ByteStream]:
        """The client's stream, the server's stream."""
        if self._streams is None:
            self._streams = streams_of(self.flow, self._known, self._recording)
        return self._streams

    def stream(self, sender: str) -> ByteStream:
        """The stream of ``"client"`` or ``"server"``."""
        return self.streams()[sender == "server"]

    def time_ns(self, number: int) -> int | None:
        """The time of this packet; None if it has none, and for packet 0, which does not exist."""
        return self._recording.frames[number - 1][0] if number else None

    def raw(self, number: int) -> bytes:
        """The frame of this packet."""
        return self._recording.frames[number - 1][1]

    @property
    def tls(self) -> Spoken | None:
        """The TLS of this connection; None without any."""
        if self._tls is None:
            from labkit.packets.tls_scan import begins

            at = begins(*self.streams())
            self._tls = []
            if at is not None:
                from labkit.packets.tls_session import Session
                from labkit.packets.tls_spoken import Spoken

                session = Session(*self.streams(), at, self._log())
                self._tls.append(Spoken(self, self.connection, session))
        return self._tls[0] if self._tls else None

    def inside(self) -> Talk | None:
        """What was said inside TLS, as a talk of its own; None without TLS, or if all of it stays closed."""
        tls = self.tls
        if tls is None or not tls.has_data:
            return None
        talk = Talk(
            self.flow, self._known, self._recording, self.connection, self._kinds, self._log, tls
        )  # fmt: skip
        talk._streams = tls.plain
        return talk

    def _outside(self) -> tuple[ByteStream, ByteStream]:
        """The streams as far as they are not TLS."""
        client, server = self.streams()
        if self.tls is None:
            return client, server
        at = self.tls.session.at
        return before(client, at[0]) if at[0] >= 0 else client, before(server, at[1]) if at[1] >= 0 else server

    @property
    def messages(self) -> tuple[Message, ...]:
        """Its messages, in the order of the packets that completed them."""
        if self._messages is None:
            from labkit.packets.explain.applications import exchanges_in

            exchanges = exchanges_in(*self._outside(), frozenset((self.flow.client[1], self.flow.server[1])))
            made = {
                id(found): self._kinds.get(application.name, Message)(application, found, self)
                for application, exchange in exchanges
                for found in exchange.messages
            }
            for message in made.values():
                message.answers = made.get(id(message._found.answers))
                if message.answers is not None:
                    message.answers.answered_by.append(message)
            self._switches = tuple(exchange.switch for _, exchange in exchanges if exchange.switch is not None)
            inside = self.inside()
            within = inside.messages if inside is not None else ()
            self._switches += inside.switches if inside is not None else ()
            self._messages = tuple(sorted((*made.values(), *within), key=lambda each: (each.completed_by, each.start)))
        return self._messages

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Where another protocol begins, in order."""
        return self._switches if self.messages else ()

    def messages_at(self, number: int) -> tuple[Message, ...]:
        """The messages of which this packet brought bytes."""
        if self._at is None:
            self._at = {}
            for message in self.messages:
                for each in message.packets:
                    self._at.setdefault(each, []).append(message)
        return tuple(self._at.get(number, ()))
