"""What a ladder of TLS shows: a handshake message, an alert, or a record that carries something else; and what of it.

Rule: words and places only; what a record carries, `labkit.packets` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from labkit.draw.text import count, visible
from labkit.draw.titles import title_of

if TYPE_CHECKING:
    from labkit.packets.messages import Message
    from labkit.packets.tape import Tape
    from labkit.packets.tls_messages import TLSMessage
    from labkit.packets.tls_records import Record

    Step = Record | TLSMessage

_MOST = 3  # messages inside one record that are named


def is_step(thing: object) -> TypeGuard[Step]:
    """Whether it is a record of TLS, or a message of its handshake."""
    return getattr(thing, "protocol", "") == "TLS"


def is_record(step: object) -> TypeGuard[Record]:
    """Whether it is a record of TLS."""
    return is_step(step) and step.noun == "record"


def steps(tape: Tape) -> list[Step]:
    """What was said in TLS, one after the other: the messages that end in a record, else the record."""
    found: list[Step] = []
    for record in tape.records:
        messages = record.messages
        if messages:
            found += messages
        elif not record.carries_a_part:
            found.append(record)
    return found


def place(step: Any) -> int:
    """Where it begins among what came with the same packet."""
    of_tls = is_step(step) and not is_record(step)
    start: int = step.records[0].start if of_tls else step.start
    return start


def title(step: Step, inside: Sequence[Message] = ()) -> str:
    """What a step is called. inside: the messages of programs that begin in it."""
    if is_record(step) and inside:
        named = ", ".join(title_of(each) for each in inside[:_MOST])
        return f"{named}, …" if len(inside) > _MOST else named
    return visible(step.title)


def parts(step: Step, inside: Sequence[Message] = ()) -> list[str]:
    """What else is said of a step, the same in each run: ``["application data", "13 bytes", "decrypted"]``."""
    found = []
    if is_record(step) and step.kind == "application_data" and step.content is not None:
        found += ["application data"] * bool(inside)
        found.append(count(len(step.content), "byte"))
    if step.encrypted:
        found.append("encrypted" if is_closed(step) else "decrypted")
    return found


def measured(step: Step) -> str:
    """The size of a closed record: what everybody can see of it. It is not the same in each run."""
    return count(step.length, "byte") if is_record(step) and is_closed(step) else ""


def is_closed(step: Step) -> bool:
    """Whether the tape cannot open it."""
    return is_record(step) and step.encrypted and not step.opened


def inside_of(tape: Tape) -> dict[int, list[Message]]:
    """The messages of programs, by the `id` of the record in which they begin."""
    found: dict[int, list[Message]] = {}
    for message in tape.messages:
        if message.encrypted and (records := message.records):
            found.setdefault(id(records[0]), []).append(message)
    return found


def lock(x: float, y: float, *, closed: bool) -> str:
    """Path data of a lock, 9 px wide. x: its left edge. y: its lower one. closed: else its bow is open."""
    right, top = (x + 2, y - 8) if closed else (x + 7, y - 9)
    bow = f"M{right:.1f} {y - 6:.1f}V{top:.1f}a2.5 2.5 0 0 1 5 0v{2 if closed else 1}"
    return f"M{x:.1f} {y - 6:.1f}h9v6h-9z{bow}"
