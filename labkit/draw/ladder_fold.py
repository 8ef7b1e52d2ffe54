"""Which packets of a ladder become one row: handshakes, endings, runs of data that nothing happened to.

Rule: only packets of which there is nothing to tell are put together or left out; no pixels here.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit.draw.ladder_model import Fold, Item, Rung
from labkit.draw.text import count
from labkit.packets.notes import DUPLICATE

_RUN = 3  # segments or duplicate ACKs from which on a run is one row
_TOLD = 3  # duplicate ACKs that are told one by one: the third makes a sender repeat (RFC 5681 §3.2)


def folded(rungs: list[Rung], *, ends: bool, data: bool) -> list[Item]:
    """The rows of a ladder. ends: handshakes and endings as one row each. data: nothing without payload or a note."""
    items: list[Item] = list(rungs)
    if ends:
        items = _handshakes(items)
        items = _endings(items)
    return _data(items) if data else items


def without_acks(rows: Sequence[Item], ends: Sequence[Rung]) -> list[Item]:
    """The rows without segments that only acknowledge data; those that end a handshake, or acknowledge a FIN, stay.

    ends: packets that stay in any case, since a bracket ends there.
    """
    numbers = {rung.number for rung in ends}
    owed: set[tuple[int, bool]] = set()  # group and side whose next ACK answers a SYN-ACK or a FIN
    kept: list[Item] = []
    for row in rows:
        for rung in row.rungs if isinstance(row, Fold) else (row,):
            if "FIN" in rung.flags or rung.flags == "SYN, ACK":
                owed.add((rung.group, not rung.right))
            elif isinstance(row, Fold):
                owed.discard((rung.group, rung.right))
        if isinstance(row, Rung) and row.plain_ack:
            if row.number not in numbers and (row.group, row.right) not in owed:
                continue
            owed.discard((row.group, row.right))
        kept.append(row)
    return kept


def _handshakes(items: list[Item]) -> list[Item]:
    """With each undisturbed handshake as one row."""
    found: list[Item] = []
    at = 0
    while at < len(items):
        three = [item for item in items[at : at + 3] if isinstance(item, Rung) and item.quiet and not item.size]
        if (
            [(rung.flags, rung.right) for rung in three] == [("SYN", True), ("SYN, ACK", False), ("ACK", True)]
            and len({rung.group for rung in three}) == 1
        ):  # fmt: skip
            found.append(Fold(three, "handshake"))
            at += 3
        else:
            found.append(items[at])
            at += 1
    return found


def _endings(items: list[Item]) -> list[Item]:
    """With what follows the first FIN of a connection as one row, if that is the end of it and nothing happened."""
    last = {rung.group: at for at, rung in enumerate(items) if isinstance(rung, Rung)}
    found: list[Item] = []
    at = 0
    while at < len(items):
        run: list[Rung] = []
        for item in items[at:]:
            if not isinstance(item, Rung) or not item.quiet or item.size or item.group != (run or [item])[0].group:
                break
            if not run and not item.flags.startswith("FIN"):
                break
            run.append(item)
        if len(run) > 1 and last[run[0].group] < at + len(run):
            found.append(Fold(run, "end"))
            at += len(run)
        else:
            found.append(items[at])
            at += 1
    return found


def _data(items: list[Item]) -> list[Item]:
    """Only what carries data or has something to tell; runs of like segments, and of duplicate ACKs, as one row."""
    found: list[Item] = []
    run: list[Rung] = []
    for item in items:
        if isinstance(item, Fold):
            found += _run(run)
            run = []
            found.append(item)
            continue
        if run and _kind(item) != "ack" and (_kind(item), item.right, item.group) != (
            _kind(run[0]), run[0].right, run[0].group,
        ):  # fmt: skip
            found += _run(run)
            run = []
        if _kind(item) == "ack":
            if item.plain_ack and run and _kind(run[0]) == "data" and item.group == run[0].group:
                run.append(item)
        elif _kind(item) == "other":
            found.append(item)
        else:
            run.append(item)
    return found + _run(run)


def _kind(rung: Rung) -> str:
    """What a run may be made of: ``"data"``, ``"duplicate"``; ``"ack"`` goes with either, ``"other"`` with none."""
    if not rung.packet.flags:
        return "other"
    if rung.quiet:
        return "data" if rung.size else "ack"
    duplicate = rung.note.startswith(DUPLICATE) and rung.verdict is None and rung.pure_ack
    return "duplicate" if duplicate and int(rung.note.rsplit(" ", 1)[1]) > _TOLD else "other"


def _run(run: list[Rung]) -> list[Item]:
    """A run as one row if it is long enough; else its packets with payload or a note, each for itself."""
    if not run:
        return []
    acks = [rung for rung in run if rung.plain_ack]
    kept: list[Item] = [rung for rung in run if not rung.plain_ack]
    if len(kept) < _RUN:
        return kept
    if _kind(run[0]) == "duplicate":
        first, last = (rung.note.rsplit(" ", 1)[1] for rung in (run[0], run[-1]))
        return [Fold(run, f"{DUPLICATE}s {first} to {last}", data=True)]
    words = count(len(kept), "segment") + (f" and {count(len(acks), 'ACK')}" if acks else "")
    return [Fold(run, words, data=True)]
