"""The frame reader: readers as students write them, each refused for its own reason; two libraries read the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol
from wsproto.frame_protocol import FrameProtocol, ParseFailed

from labkit.exercises import Outcome
from labkit.exercises.websocket import reader
from labkit.exercises.websocket.masking import mask
from labkit.exercises.websocket.reading import FrameReader
from labkit.exercises.websocket.streams import BROKEN, LENGTHS, SHORT, Broken, Sent
from tests.exercises.answers import refused


class Base:
    """The parts that most of them have right, to be changed one at a time."""

    def __init__(self) -> None:
        self.rest = b""
        self.opcode = 0
        self.parts = b""

    def feed(self, data: bytes) -> Any:
        self.rest += data
        found: list[Any] = []
        while (frame := self.cut()) is not None:
            self.take(found, *frame)
        return found

    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        if opcode >= 8:
            found.append((opcode, payload))
            return
        self.check_order(opcode)
        self.opcode, self.parts = opcode or self.opcode, self.parts + payload
        if fin:
            found.append((self.opcode, self.parts))
            self.opcode, self.parts = 0, b""

    def check_order(self, opcode: int) -> None:
        if (opcode == 0) != (self.opcode != 0):
            raise ValueError(opcode)

    def cut(self) -> Any:
        data = self.rest
        if len(data) < 2:
            return None
        fin, opcode, length = data[0] >= 128, self.op(data[0]), data[1] & 127
        self.check_head(data, fin, opcode, length)
        size = {126: 2, 127: 8}.get(length, 0)
        if len(data) < 6 + size:
            return None
        if size:
            length = self.longer(data[2 : 2 + size])
        start = 6 + size
        if len(data) < start + length:
            return None
        self.rest = data[start + length :]
        return fin, opcode, self.unmask(data[start : start + length], data[start - 4 : start])

    def op(self, byte: int) -> int:
        return byte & 15

    def check_head(self, data: bytes, fin: bool, opcode: int, length: int) -> None:
        if data[0] & 0x70 or opcode not in (0, 1, 2, 8, 9, 10) or data[1] < 128:
            raise ValueError(data)
        if opcode >= 8 and (length > 125 or not fin):
            raise ValueError(data)

    def longer(self, data: bytes) -> int:
        length = int.from_bytes(data, "big")
        if length < (126 if len(data) == 2 else 65536) or length >= 2**63:
            raise ValueError(length)
        return length

    def unmask(self, payload: bytes, key: bytes) -> Any:
        return mask(payload, key)


class Yields(Base):
    """Right, as a generator."""

    def feed(self, data: bytes) -> Iterator[Any]:
        yield from super().feed(data)


class InABytearray(Base):
    """Right, with bytearrays and lists in place of bytes and tuples."""

    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        mine: list[Any] = []
        super().take(mine, fin, opcode, payload)
        found += [[code, bytearray(data)] for code, data in mine]


class KeepsNothing(Base):
    def feed(self, data: bytes) -> Any:
        self.rest = b""
        return super().feed(data)


class OneAtATime(Base):
    def feed(self, data: bytes) -> Any:
        self.rest += data
        found: list[Any] = []
        frame = self.cut()
        if frame is not None:
            self.take(found, *frame)
        return found


class TakesAllThatIsThere(Base):
    """Does not look at the length."""

    def feed(self, data: bytes) -> Any:
        return [(data[0] & 15, mask(data[6:], data[2:6]))]


class FinInTheOpcode(Base):
    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        found.append((opcode | fin << 7, payload))


class DoesNotUnmask(Base):
    def unmask(self, payload: bytes, key: bytes) -> bytes:
        return payload


class UnmasksFour(Base):
    def unmask(self, payload: bytes, key: bytes) -> bytes:
        return mask(payload[:4], key) + payload[4:]


class Decodes(Base):
    def feed(self, data: bytes) -> Any:
        return [(opcode, payload.decode()) for opcode, payload in super().feed(data)]


class AsNumbers(Base):
    def feed(self, data: bytes) -> Any:
        return [(opcode, list(payload)) for opcode, payload in super().feed(data)]


class SevenBitsOnly(Base):
    def cut(self) -> Any:
        data = self.rest
        if len(data) < 6 or len(data) < 6 + (data[1] & 127):
            return None
        length = data[1] & 127
        self.rest = data[6 + length :]
        return data[0] >= 128, data[0] & 15, mask(data[6 : 6 + length], data[2:6])


class LittleEndian(Base):
    def longer(self, data: bytes) -> int:
        return int.from_bytes(data, "little")


class SixteenBitsOnly(Base):
    def cut(self) -> Any:
        if len(self.rest) > 1 and self.rest[1] & 127 == 127:
            raise ValueError("too long")
        return super().cut()


class EachFrameAMessage(Base):
    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        found.append((opcode, payload))


class WithTheOldOpcode(Base):
    """Gives fragments their opcode, and does not put them together."""

    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        self.opcode = opcode or self.opcode
        found.append((self.opcode, payload))


class OnlyTheLastFrame(Base):
    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        self.opcode = opcode or self.opcode
        if fin:
            found.append((self.opcode, payload))


class ControlEndsTheMessage(Base):
    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        self.opcode, self.parts = opcode or self.opcode, self.parts + payload
        if fin:
            found.append((self.opcode, self.parts))
            self.opcode, self.parts = 0, b""


class ControlAfterTheMessage(Base):
    """Keeps a ping back until the message is complete."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[Any] = []

    def take(self, found: list[Any], fin: bool, opcode: int, payload: bytes) -> None:
        if opcode >= 8 and self.opcode:
            self.later.append((opcode, payload))
            return
        super().take(found, fin, opcode, payload)
        if not self.opcode:
            found += self.later
            self.later = []


class TakesTheHeadAtOnce(Base):
    """Takes the first two bytes out before the rest is there."""

    def cut(self) -> Any:
        if len(self.rest) < 2:
            return None
        head, self.rest = self.rest[:2], self.rest[2:]
        length = head[1] & 127
        size = {126: 2, 127: 8}.get(length, 0)
        if len(self.rest) < size + 4:
            return None
        if size:
            length = int.from_bytes(self.rest[:size], "big")
        if len(self.rest) < size + 4 + length:
            return None
        key, start = self.rest[size : size + 4], size + 4
        payload, self.rest = self.rest[start : start + length], self.rest[start + length :]
        return head[0] >= 128, head[0] & 15, mask(payload, key)


class WaitsForTwoBytesOfLength(Base):
    def cut(self) -> Any:
        data = self.rest
        if len(data) > 1 and data[1] & 127 == 126 and len(data) < 4:
            length = int.from_bytes(data[2:4], "big")
            if length < 126:
                raise ValueError(length)
        return super().cut()


class OnlyTwoPieces(Base):
    """Keeps the last piece only."""

    def __init__(self) -> None:
        super().__init__()
        self.before = b""

    def feed(self, data: bytes) -> Any:
        self.rest = self.before + data
        found: list[Any] = []
        while (frame := self.cut()) is not None:
            self.take(found, *frame)
        self.before = self.rest if len(self.rest) <= len(data) else data
        return found


class Shares(Base):
    rest = b""

    def __init__(self) -> None:
        self.opcode, self.parts = 0, b""

    def feed(self, data: bytes) -> Any:
        Shares.rest += data
        found: list[Any] = []
        while (frame := self.cut()) is not None:
            Shares.rest = self.rest
            del self.rest
            self.take(found, *frame)
        return found


class TakesUnmasked(Base):
    def cut(self) -> Any:
        data = self.rest
        if len(data) > 1 and data[1] < 128:
            length = data[1]
            if len(data) < 2 + length:
                return None
            self.rest = data[2 + length :]
            return data[0] >= 128, data[0] & 15, data[2 : 2 + length]
        return super().cut()


class TakesReserved(Base):
    def check_head(self, data: bytes, fin: bool, opcode: int, length: int) -> None:
        super().check_head(bytes((data[0] & 0x8F, data[1])), fin, opcode, length)


class TakesAnyOpcode(Base):
    def check_head(self, data: bytes, fin: bool, opcode: int, length: int) -> None:
        super().check_head(data, fin, opcode if opcode in (8, 9, 10) else 1, length)


class TakesControlFragments(Base):
    def check_head(self, data: bytes, fin: bool, opcode: int, length: int) -> None:
        super().check_head(data, True, opcode, length)


class TakesLongPings(Base):
    def check_head(self, data: bytes, fin: bool, opcode: int, length: int) -> None:
        super().check_head(data, fin, opcode, 0)


class TakesAnyOrder(Base):
    def check_order(self, opcode: int) -> None:
        pass


class RefusesOnlyNothing(Base):
    """Looks for a message to continue, and not for a new message inside one."""

    def check_order(self, opcode: int) -> None:
        if opcode == 0 and not self.opcode:
            raise ValueError(opcode)


class TakesAnyLength(Base):
    def longer(self, data: bytes) -> int:
        return int.from_bytes(data, "big")


class TakesHugeLengths(Base):
    def longer(self, data: bytes) -> int:
        length = int.from_bytes(data, "big")
        if length < (126 if len(data) == 2 else 65536):
            raise ValueError(length)
        return length


class RefusesByTypeError(Base):
    def check_head(self, data: bytes, fin: bool, opcode: int, length: int) -> None:
        try:
            super().check_head(data, fin, opcode, length)
        except ValueError:
            raise TypeError("no frame") from None


class ReturnsNone(Base):
    def feed(self, data: bytes) -> Any:
        return super().feed(data) or None


class ReturnsPayloads(Base):
    def feed(self, data: bytes) -> Any:
        return [payload for _, payload in super().feed(data)]


class Named(Base):
    def feed(self, data: bytes) -> Any:
        return [("text", payload) for _, payload in super().feed(data)]


class NoFeed:
    pass


class NotWritten:
    def feed(self, data: bytes) -> list[Any]:
        raise NotImplementedError


@pytest.mark.parametrize("answer", [FrameReader, Base, Yields, InABytearray])
def test_right(answer: Any) -> None:
    result = reader.check(answer)
    assert result.correct, result


@pytest.mark.parametrize(("answer", "step", "message"), [
    (FinInTheOpcode, 1, "only the lower four bits"),
    (DoesNotUnmask, 1, "look at the mask"),
    (UnmasksFour, 1, "after byte 3, the key starts again"),
    (Decodes, 1, "The payload stays bytes"),
    (AsNumbers, 1, "makes bytes of a list"),
    (ReturnsPayloads, 1, "a tuple for each message"),
    (Named, 1, "data[0] & 15"),
    (NoFeed, 1, "Give check() the class itself"),
    (OneAtATime, 2, "feed() returns them all"),
    (TakesAllThatIsThere, 2, "The payload ends after 3 bytes, as its length says"),
    (SevenBitsOnly, 3, "the length is in the next 2 bytes"),
    (LittleEndian, 3, "the most significant byte first"),
    (SixteenBitsOnly, 3, "the length is in the next 8 bytes"),
    (WithTheOldOpcode, 4, "it ends with the frame that has FIN"),
    (EachFrameAMessage, 4, "it ends with the frame that has FIN"),
    (OnlyTheLastFrame, 4, "keep the payloads of its earlier frames"),
    (ControlEndsTheMessage, 5, "A ping may come between"),
    (ControlAfterTheMessage, 5, "It is returned at once"),
    (KeepsNothing, 6, "inside the first two bytes of frame 1"),
    (TakesTheHeadAtOnce, 6, "before the end of the key of frame 1"),
    (WaitsForTwoBytesOfLength, 6, "before the end of the longer length of frame 1"),
    (ReturnsNone, 6, "An empty list says"),
    (OnlyTwoPieces, 7, ""),
    (Shares, 8, "must not share"),
    (TakesUnmasked, 9, "Each frame of a client is masked"),
    (TakesReserved, 9, "The three reserved bits are 0"),
    (TakesAnyOpcode, 9, "are not defined"),
    (TakesControlFragments, 9, "A control frame has no fragments"),
    (TakesLongPings, 9, "at most 125 bytes"),
    (TakesAnyOrder, 9, "Here none was begun"),
    (RefusesOnlyNothing, 9, "only opcode 0 continues the message"),
    (TakesAnyLength, 9, "the shortest form"),
    (TakesHugeLengths, 9, "The most significant of the 64 bits is 0"),
    (RefusesByTypeError, 9, "Refuse it by ValueError"),
    (b"FrameReader", 1, "Give check() the class itself"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    refused(reader, answer, step, message)


def test_nothing_written_is_not_attempted() -> None:
    assert reader.check(NotWritten).outcome is Outcome.NOT_ATTEMPTED


def test_a_better_answer_is_told_that_it_got_further() -> None:
    refused(reader, OneAtATime, 2, "feed() returns them all")
    refused(reader, TakesUnmasked, 9, "You got further: your best answer before failed at step 2.")


def by_websockets(raw: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """What the library `websockets` reads: messages, and whether it refuses the stream."""
    library = ServerProtocol(state=State.OPEN, max_size=None)
    library.receive_data(raw)
    found: list[tuple[int, bytes]] = []
    begun: list[tuple[int, bytes]] = []
    for event in library.events_received():
        assert isinstance(event, Frame)
        if event.opcode >= 8:
            found.append((int(event.opcode), bytes(event.data)))
            continue
        begun.append((int(event.opcode), bytes(event.data)))
        if event.fin:
            found.append((begun[0][0], b"".join(data for _, data in begun)))
            begun = []
    return found, library.parser_exc is not None


def by_wsproto(raw: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """The same by `wsproto`. It reads a message in pieces, and texts as text."""
    library = FrameProtocol(client=False, extensions=[])
    library.receive_bytes(raw)
    found: list[tuple[int, bytes]] = []
    parts, opcode = b"", 0
    try:
        for event in library.received_frames():
            code = int(event.opcode)
            if code == 8:
                status, reason = event.payload
                found.append((8, int(status).to_bytes(2, "big") + (reason or "").encode()))
                continue
            payload = event.payload.encode() if isinstance(event.payload, str) else bytes(event.payload)
            if code >= 8:
                found.append((code, payload))
                continue
            parts, opcode = parts + payload, opcode or code
            if event.message_finished:
                found.append((opcode, parts))
                parts, opcode = b"", 0
    except ParseFailed:
        return found, True
    return found, False


@pytest.mark.parametrize("sent", [*SHORT, *LENGTHS], ids=lambda sent: sent.about[:30])
def test_two_libraries_read_the_same(sent: Sent) -> None:
    assert by_websockets(sent.raw) == (list(sent.messages), False)
    assert by_wsproto(sent.raw) == (list(sent.messages), False)
    assert sent.ends[-1] == len(sent.raw)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.named)
def test_a_library_refuses_the_same(broken: Broken) -> None:
    """`websockets` takes a length in a longer form than it needs, wsproto takes 2**63: the RFC forbids both."""
    verdicts = {"websockets": by_websockets(broken.raw)[1], "wsproto": by_wsproto(broken.raw)[1]}
    assert any(verdicts.values()), verdicts
    assert all(verdicts.values()) or broken.named.startswith(("the length", "a length")), verdicts


def test_every_cut_gives_the_same() -> None:
    for sent in SHORT:
        for cut in range(len(sent.raw) + 1):
            mine = FrameReader()
            assert tuple(mine.feed(sent.raw[:cut]) + mine.feed(sent.raw[cut:])) == sent.messages
