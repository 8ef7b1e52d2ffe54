"""What a capture file holds, whatever its format, and what labkit notes in a block of its own.

Rule: plain data and JSON; no file, no block. Notes from a file are checked before anything believes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from labkit.packets.frames import Frame
from labkit.packets.model import SocketEvent, Verdict

NO_VERDICTS: Mapping[int, Verdict] = MappingProxyType({})
NO_FCS: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Recording:
    """What a capture file holds.

    frames: in file order. events: what our sockets did meanwhile. drops: frames the kernel lost during the capture.
    ports: the ports that were captured, () for all. platform: the system it was captured on.
    secrets: (type, data) of each Decryption Secrets Block. verdicts: index of a frame → what a wire did to it.
    fcs_lengths: index of a frame → bytes of frame check sequence at its end, for the frames that have one by what the
    file says. missing: what the file should hold and does not, as a sentence; ``""`` if nothing is missing.
    """

    frames: Sequence[Frame] = ()
    events: tuple[SocketEvent, ...] = ()
    drops: int = 0
    ports: tuple[int, ...] = ()
    platform: str = ""
    secrets: tuple[tuple[int, bytes], ...] = field(default=())
    verdicts: Mapping[int, Verdict] = field(default_factory=lambda: NO_VERDICTS)
    fcs_lengths: Mapping[int, int] = field(default_factory=lambda: NO_FCS)
    missing: str = ""


def notes_of(recording: Recording) -> bytes:
    """Return as JSON what a capture file has no field for: events, verdicts, ports, and the status of each frame."""
    facts: dict[str, Any] = {
        "drops": recording.drops,
        "ports": list(recording.ports),
        "platform": recording.platform,
        # One number a packet, as TPACKET gives it; bit 8: the checksum was not filled in.
        "status": _runs(frame[3] for frame in recording.frames),
        "events": [
            [event.time_ns, event.who, event.name, event.size, event.kind, event.local, event.remote, event.detail]
            for event in recording.events
        ],
    }
    if recording.verdicts:
        facts["verdicts"] = [
            [index, verdict.kind, verdict.detail, list(verdict.arrivals)]
            for index, verdict in sorted(recording.verdicts.items())
        ]
    if recording.missing:
        facts["missing"] = recording.missing
    return json.dumps(facts, separators=(",", ":")).encode()


def with_notes(recording: Recording, notes: bytes) -> Recording:
    """Return the recording with what `notes_of` wrote. Raises ValueError, in words, for damaged notes."""
    try:
        facts = json.loads(notes)
        frames = list(recording.frames)
        _apply_status(frames, facts.get("status", []))
        missing = str(facts.get("missing", ""))
        if len(missing) > 500 or not missing.isprintable():
            raise ValueError("what was missing is not told in at most 500 printable characters")
        return replace(
            recording,
            frames=frames,
            events=tuple(_event(entry) for entry in facts.get("events", [])),
            drops=int(facts.get("drops", 0)),
            ports=tuple(int(port) for port in facts.get("ports", [])),
            platform=str(facts.get("platform", "")),
            verdicts=_verdicts(facts.get("verdicts", []), len(frames)),
            missing=missing,
        )
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError(f"labkit's notes about the capture are damaged ({error})") from None


def _runs(values: Iterable[int]) -> list[list[int]]:
    """Run lengths: [[value, count], ...]."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return runs


def _apply_status(frames: list[Frame], runs: list[list[int]]) -> None:
    position = 0
    for status, count in runs:
        if not isinstance(status, int) or not isinstance(count, int) or not 0 <= count <= len(frames) - position:
            raise ValueError("the status of more packets than there are")
        if status:
            for index in range(position, position + count):
                time_ns, raw, linktype, _, length = frames[index]
                frames[index] = (time_ns, raw, linktype, status, length)
        position += count


def _event(entry: list[Any]) -> SocketEvent:
    time_ns, who, name, size, kind, local, remote, detail = entry
    return SocketEvent(
        int(time_ns),
        str(who),
        str(name),
        None if size is None else int(size),
        str(kind),
        _endpoint(local),
        _endpoint(remote),
        str(detail),
    )


def _verdicts(entries: list[list[Any]], count: int) -> Mapping[int, Verdict]:
    """What a wire did to the frames of a file, from its notes. Raises ValueError or TypeError for damaged ones."""
    found: dict[int, Verdict] = {}
    for index, kind, detail, arrivals in entries:
        if type(index) is not int or not 0 <= index < count or index in found:
            raise ValueError(f"a verdict on frame {index!r:.20}")
        if not isinstance(kind, str) or not isinstance(detail, str) or not isinstance(arrivals, list):
            raise TypeError(f"the verdict on frame {index} is not told as it should be")
        if not all(type(time_ns) is int for time_ns in arrivals):
            raise TypeError(f"frame {index} arrived at what is no time")
        found[index] = Verdict(kind, detail, tuple(arrivals))
    return MappingProxyType(found) if found else NO_VERDICTS


def _endpoint(entry: list[Any] | None) -> tuple[str, int] | None:
    if entry is None:
        return None
    host, port = entry
    return str(host), int(port)
