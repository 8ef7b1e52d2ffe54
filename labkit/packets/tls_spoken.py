"""The TLS of one connection: its records, its messages, and what the two sides said inside.

Rule: made of what a session has found; each record and message is one object, however often somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable

from labkit.packets.streams import ByteStream
from labkit.packets.tls_messages import TLSMessage
from labkit.packets.tls_records import Carrier, Record
from labkit.packets.tls_scan import DATA, FoundRecord
from labkit.packets.tls_session import Session
from labkit.packets.tls_stream import PlainStream


class Spoken:
    """The TLS of one connection, as records and messages. session: what was found. connection: gives the connection."""

    __slots__ = ("_at", "_by_found", "_connection", "_ending", "_messages", "_plain", "_records", "_talk", "session")

    def __init__(self, talk: Carrier, connection: Callable[[], object], session: Session) -> None:
        self._talk, self._connection, self.session = talk, connection, session
        self._records: tuple[Record, ...] | None = None
        self._messages: tuple[TLSMessage, ...] | None = None
        self._ending: dict[int, list[TLSMessage]] | None = None
        self._at: dict[int, list[Record]] | None = None
        self._by_found: dict[int, Record] | None = None
        self._plain: tuple[PlainStream, PlainStream] | None = None

    @property
    def has_data(self) -> bool:
        """Whether the data of programs were opened."""
        return any(each.kind == DATA and each.opened is not None for each in self.session.records)

    @property
    def plain(self) -> tuple[PlainStream, PlainStream]:
        """What the client said inside, and what the server said."""
        if self._plain is None:
            client, server = (
                PlainStream(self._talk.stream(who), [each for each in self.session.records if each.from_client is mine])
                for who, mine in (("client", True), ("server", False))
            )
            self._plain = client, server
        return self._plain

    def bringing(self, stream: ByteStream, start: int, stop: int) -> tuple[Record, ...]:
        """The records that brought these bytes of what one side said inside."""
        assert isinstance(stream, PlainStream)
        if self._by_found is None:
            self._by_found = {id(each._found): each for each in self.records}
        return tuple(self._by_found[id(each)] for each in stream.records(start, stop))

    @property
    def records(self) -> tuple[Record, ...]:
        """In the order in which they could be read."""
        if self._records is None:
            connection = self._connection()
            self._records = tuple(
                Record(self._talk, connection, found, self.ending_in) for found in self.session.records
            )
        return self._records

    @property
    def messages(self) -> tuple[TLSMessage, ...]:
        """Handshake messages and alerts, in the order in which they could be read."""
        if self._messages is None:
            made = {id(record._found): record for record in self.records}
            connection = self._connection()
            self._messages = tuple(
                TLSMessage(self._talk, connection, found, [made[id(part[0])] for part in found.parts])
                for found in self.session.messages
            )
        return self._messages

    def at(self, number: int) -> tuple[Record, ...]:
        """The records of which this packet brought bytes."""
        if self._at is None:
            self._at = {}
            for record in self.records:
                for each in record.packets:
                    self._at.setdefault(each, []).append(record)
        return tuple(self._at.get(number, ()))

    def ending_in(self, found: FoundRecord) -> tuple[TLSMessage, ...]:
        """The messages that end in this record."""
        if self._ending is None:
            self._ending = {}
            for message in self.messages:
                if not message._found.state:
                    self._ending.setdefault(id(message._found.parts[-1][0]), []).append(message)
        return tuple(self._ending.get(id(found), ()))
