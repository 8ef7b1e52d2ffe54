"""The messages of a tape for pictures of whole exchanges: who said what to whom, from which packet to which.

Rule: no pixels; takes what a `Message` says and nothing of any protocol's grammar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.core.errors import LabError
from labkit.draw import tls_rungs
from labkit.draw.ladder_model import Group, Ladder
from labkit.draw.text import count, given, visible
from labkit.draw.titles import title_of
from labkit.packets.frames import EPHEMERAL
from labkit.packets.match import APPLICATIONS
from labkit.packets.websocket_frame import WebSocketFrame

if TYPE_CHECKING:
    from labkit.packets.messages import Message
    from labkit.packets.tape import Tape
_ADVICE = "Give the tape of a capture, or a part of it: draw.{}(tape)."


@dataclass(slots=True)
class Said:
    """One message on its way: a `Message`, or what a ladder of TLS shows.

    right: the client sent it. group: index of its connection. began_ns, ended_ns: of its first packet, and of the one
    with which it was whole. words: ``"GET /"``. parts: what else is said of it, what says most first: ``"13 bytes"``.
    wrong: what is wrong with it. measured: what changes from run to run, for the picture alone. lock: ``"closed"`` if
    the tape cannot open it, ``"open"`` if it was decrypted.
    """

    message: Any
    right: bool
    group: int
    began_ns: int
    ended_ns: int
    words: str
    parts: list[str]
    wrong: str = ""
    measured: str = ""
    lock: str = ""

    @property
    def rest(self) -> str:
        """The parts in one text: ``"13 bytes, interim"``, or ``""``."""
        return ", ".join(self.parts)

    @property
    def packets(self) -> str:
        """The packets that brought it: ``"packet 4"``, ``"packets 4, 6"``, ``"packets 4 to 9"``."""
        numbers = self.message.packets
        if len(numbers) == 1:
            return f"packet {numbers[0]}"
        if len(numbers) < 3:
            return f"packets {', '.join(map(str, numbers))}"
        return f"packets {numbers[0]} to {numbers[-1]}"


def messages_of(tape: Any, of: Any, call: str) -> list[Any]:
    """The messages of this protocol (of TLS also records that carry none). call: the name of the drawing function.

    Raises LabError for anything that is not a tape, a protocol that has no messages, and a tape without any of its.
    """
    if not hasattr(tape, "messages") or not hasattr(tape, "connections"):
        raise LabError(f"{given(tape)} has no messages", _ADVICE.format(call))
    if not isinstance(of, str):
        raise LabError(f"of={given(of)} is not a protocol", 'Give its name: of="HTTP".')
    if of.upper() == "TLS":
        found: list[Any] = list(tls_rungs.steps(tape))
    else:
        found = [message for message in tape.messages if message.protocol.upper() == of.upper()]
    if not found:
        raise LabError(
            f"there are no {spelled(of)} {noun(of)}s on this tape ({count(len(tape), 'packet')})",
            "A message is found if the packets that begin it were captured; draw.ladder(tape) shows the packets.",
        )
    return found


def spelled(of: str) -> str:
    """The name of a protocol as it is written: ``"HTTP"``, ``"WebSocket"``."""
    return next((name for name in APPLICATIONS if name.upper() == of.upper()), visible(of.upper()))


def noun(of: str) -> str:
    """What a protocol's messages are called."""
    return "frame" if spelled(of) == "WebSocket" else "message"


def with_handshakes(tape: Tape, found: list[Any]) -> list[Any]:
    """WebSocket frames, with the request and the answer that made their connections WebSockets; others as they are."""
    talks = {message.connection for message in found if isinstance(message, WebSocketFrame)}
    if not talks:
        return found
    answers = [each for each in tape.messages if each.status == 101 and each.connection in talks]
    asked = [each.answers for each in answers if each.answers is not None]
    return [*asked, *answers, *found]


def final(message: Message) -> Message | None:
    """The answer to a request that is not an interim one (1xx); 101 is the last one before another protocol."""
    found = [each for each in message.answered_by if not 100 <= each.status < 200 or each.status == 101]
    return found[0] if found else None


def spoken(tape: Tape, messages: Sequence[Any]) -> tuple[list[Said], list[Group]]:
    """The messages in the order of their first packets, and their connections."""
    groups: list[Group] = []
    index: dict[object, int] = {}
    ends = [(each.client, each.server) for each in tape.connections]
    found: list[Said] = []
    within = tls_rungs.inside_of(tape) if any(map(tls_rungs.is_step, messages)) else {}
    at_ns = 0
    for message in sorted(messages, key=lambda each: (min(each.packets, default=0), tls_rungs.place(each))):
        pair = message.connection.client, message.connection.server
        which = (pair, ends.index(pair) if pair in ends else -1)
        if which not in index:
            index[which] = len(groups)
            groups.append(Group(*pair))
        began = message.began_ns
        at_ns = max(at_ns, began) if began is not None else at_ns
        ended = message.ended_ns
        measured = lock = ""
        if tls_rungs.is_step(message):
            inside = within.get(id(message), ())
            words, parts = tls_rungs.title(message, inside), tls_rungs.parts(message, inside)
            measured = tls_rungs.measured(message)
            lock = "closed" if tls_rungs.is_closed(message) else "open" if message.encrypted else ""
        else:
            size = len(message.body)
            parts = [count(size, "byte")] if size else []
            parts = _about(message, size) if isinstance(message, WebSocketFrame) else parts
            words = title_of(message)
        wrong = visible(f"{message.state}: {message.reason}" if message.reason and message.state else message.state)
        found.append(
            Said(
                message, message.sender == "client", index[which], at_ns, max(at_ns, ended or at_ns),
                words, parts, wrong, measured, lock,
            )
        )  # fmt: skip
    _tell_apart(found)
    return found, groups


ALIKE = ("masked", "compressed", "decrypted")
"""Parts that many frames have: a picture says them of all of these, or of none."""


def _about(frame: WebSocketFrame, size: int) -> list[str]:
    """What a frame is besides its title: ``["12 bytes", "masked"]``."""
    found = [count(size, "byte")] if size and frame.kind != "binary" else []
    found += ["no FIN"] * (not frame.fin)
    found += [word for word, said in zip(ALIKE, (frame.masked, frame.compressed), strict=False) if said]
    return found + [f"ends a message of {frame.frames} frames"] * (frame.frames > 1)


def _tell_apart(found: Sequence[Said]) -> None:
    """Say which request an answer belongs to, if several wait for one; and which answers are interim."""
    waiting: dict[int, list[Message]] = {}
    queued: list[Message] = []  # requests that waited together with another one
    for said in found:
        if tls_rungs.is_step(said.message):
            continue
        message: Message = said.message
        mine = waiting.setdefault(said.group, [])
        if message.kind == "request":
            mine.append(message)
            queued += mine if len(mine) > 1 else ()
        elif message.answers is not None:
            if message.answers in queued:
                said.parts.append(f"answers {title_of(message.answers)}")
            if final(message.answers) is message and message.answers in mine:
                mine.remove(message.answers)
        if 100 <= message.status < 200 and message.status != 101:
            said.parts.append("interim")


def heading(found: Sequence[Said], ladder: Ladder, of: str) -> str:
    """``"4 HTTP messages, client ↔ server:1337"``."""
    servers = dict.fromkeys(group.server[1] for group in ladder.groups)
    ports = ", ".join(str(port) for port in servers if port in ladder.ports or 0 < port < EPHEMERAL)
    mine = sum(each.message.protocol.upper() == of.upper() for each in found)
    text = f"{count(mine, f'{spelled(of)} {noun(of)}')}, client ↔ server" + (f":{ports}" if ports else "")
    return text + (f", {count(len(ladder.groups), 'connection')}" if len(ladder.groups) > 1 else "")



