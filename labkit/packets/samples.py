"""What a kernel said of one of its TCP connections, again and again: congestion window, bytes in flight, peer's window.

Rule: data and its file; nobody is asked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, overload

from labkit.core.checks import is_number
from labkit.core.errors import BadCapture, NoSuchPacket
from labkit.core.files import write_whole

ENDING = ".samples.json"
"""How the name of a file of samples ends."""

_MOST = 100_000  # samples in a file
_LARGEST = 1 << 63


STATES = ("open", "disorder", "reduced", "recovery", "timeout")
"""What a sender is doing: all is well; duplicate ACKs have come; it was told of congestion; it repairs a loss that
duplicate ACKs told of; its timer has run out. Source: enum tcp_ca_state of Linux.
"""


@dataclass(frozen=True, slots=True)
class TcpSample:
    """One connection at one moment, as its kernel sees it. All sizes are in bytes, and counted for what it sends.

    time_ns: ns since the epoch. congestion_window: how much may be in flight because of the network. threshold: the
    congestion window above which it grows slowly; None until the first loss. in_flight: sent, and neither acknowledged
    nor taken for lost. peer_window: how much more than the acknowledged bytes the peer has room for; None if this
    kernel is too old to say. acknowledged: bytes so far. resent: segments sent again so far. rtt: measured round trip,
    seconds. segment: bytes of a full segment. waited_for_peer: seconds so far in which only the peer's window stopped
    the sender. state: one of `STATES`. Source: struct tcp_info of Linux, RFC 5681 §2.
    """

    time_ns: int
    congestion_window: int
    threshold: int | None
    in_flight: int
    peer_window: int | None
    acknowledged: int
    resent: int
    rtt: float
    segment: int
    waited_for_peer: float
    state: str


_NAMES = tuple(each.name for each in fields(TcpSample))
_MAYBE = ("threshold", "peer_window")


class Samples(Sequence[TcpSample]):
    """The samples of one connection, in order of time.

    origin: where they come from, in words. live: they were taken on this machine just now. algorithm: the congestion
    control in use (``"reno"``, ``"cubic"``), ``""`` if unknown.
    """

    def __init__(self, origin: str = "", *, live: bool = False) -> None:
        self.origin, self.live, self.algorithm = origin, live, ""
        self._samples: list[TcpSample] = []

    def add(self, sample: TcpSample) -> None:
        """Put a sample behind the others."""
        self._samples.append(sample)

    @overload
    def __getitem__(self, index: int) -> TcpSample: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> TcpSample | Samples:
        if isinstance(index, slice):
            part = Samples(self.origin, live=self.live)
            part.algorithm, part._samples = self.algorithm, self._samples[index]
            return part
        try:
            return self._samples[index]
        except IndexError:
            raise NoSuchPacket(f"there are {len(self)} samples, there is none at index {index}") from None

    def __iter__(self) -> Iterator[TcpSample]:
        return iter(self._samples)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def losses(self) -> tuple[int, ...]:
        """The times, ns since the epoch, at which duplicate ACKs made the kernel take something for lost."""
        return self._entered("recovery")

    @property
    def timeouts(self) -> tuple[int, ...]:
        """The times, ns since the epoch, at which the timer ran out."""
        return self._entered("timeout")

    def _entered(self, state: str) -> tuple[int, ...]:
        before = ["open", *(each.state for each in self._samples)]
        return tuple(
            each.time_ns
            for each, last in zip(self._samples, before, strict=False)
            if each.state == state and last != state
        )

    def save(self, path: Path) -> Path:
        """Write the samples to a JSON file: the names once, then a row each. Returns the path. Raises OSError."""
        rows = [list(asdict(each).values()) for each in self._samples]
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        head = f'{{"algorithm": {json.dumps(self.algorithm)},\n"names": {json.dumps(_NAMES)},\n"samples": [\n'
        write_whole(path, f"{head}{lines}\n]}}\n".encode())
        return path

    def load(self, path: Path, origin: str) -> None:
        """Fill this object from a file. Raises `BadCapture` if the file is no file of samples."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            if tuple(said["names"]) != _NAMES or len(said["samples"]) > _MOST or not isinstance(said["algorithm"], str):
                raise ValueError("other names, or too many samples")
            samples = [TcpSample(*_checked(row)) for row in said["samples"]]
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise BadCapture(f"{path.name} cannot be read ({error})", "Make it again: labkit record.") from None
        self._samples, self.origin, self.live = samples, origin, False
        self.algorithm = said["algorithm"][:20] if said["algorithm"].isprintable() else ""

    def __repr__(self) -> str:
        return f"<{len(self)} samples of a connection, {self.origin or 'still being taken'}>"


def _checked(row: list[Any]) -> list[Any]:
    """A row of a file. Raises ValueError for what no kernel says."""
    for name, value in zip(_NAMES, row, strict=True):
        if (value is None and name in _MAYBE) or (name == "state" and value in STATES):
            continue
        if not is_number(value) or not 0 <= value < _LARGEST:
            raise ValueError(f"{name} is no number that a kernel says")
    return row
