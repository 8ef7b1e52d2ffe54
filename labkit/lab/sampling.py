"""Ask the kernel about one TCP connection every few milliseconds, while the program goes on.

Rule: asks and changes nothing; only module that knows the layout of struct tcp_info.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

from labkit.core.checks import shown
from labkit.core.errors import LabError
from labkit.packets import recorded
from labkit.packets.samples import ENDING, STATES, Samples, TcpSample

_LARGEST = 1 << 30  # Linux says 0x7fffffff for a threshold that nothing has set yet
_TCP_INFO = 11
_SIZE = 248


def tcp_info(connection: Any) -> TcpSample:
    """Ask the kernel about a TCP connection, once.

    connection: a socket of `labkit.net` or of the standard library. Raises `LabError` if it is none, is not connected,
    or the system is not Linux. Source: include/uapi/linux/tcp.h, tcp(7).
    """
    with own_descriptor(connection) as own:
        return _ask(own)


@contextlib.contextmanager
def sampled(connection: Any, every: float, origin: str) -> Iterator[Samples]:
    """Ask again and again while the body runs. every: seconds between two questions. Raises as `tcp_info`."""
    samples = Samples(live=True)
    done = threading.Event()
    with own_descriptor(connection) as own:
        samples.add(_ask(own))
        samples.algorithm = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode("ascii")

        def ask() -> None:
            while not done.wait(every):
                with contextlib.suppress(LabError):
                    samples.add(_ask(own))

        thread = threading.Thread(target=ask, name="labkit samples", daemon=True)
        thread.start()
        try:
            yield samples
        finally:
            done.set()
            thread.join()
            with contextlib.suppress(LabError):  # the last word, after everything that the body waited for
                samples.add(_ask(own))
    samples.origin = origin


@contextlib.contextmanager
def named(connection: Any, every: float, origin: str, name: str | None, *, live: bool) -> Iterator[Samples]:
    """As `sampled`; then the samples are recorded if that is asked for, or filled from a recording if not live."""
    with sampled(connection, every, origin) as samples:
        yield samples
    if not live:
        instead(samples, name)
    record(samples, name)


def instead(samples: Samples, name: str | None) -> None:
    """Fill the samples from the recording of this name. Raises `CaptureUnavailable` if there is none."""
    path = recorded.existing_recording(name, None, ENDING)
    samples.load(path, f"recorded from data/{path.parent.name}/{path.name}")


def record(samples: Samples, name: str | None) -> None:
    """Save named samples in the directory of ``LABKIT_RECORD=DIR`` too."""
    if samples.live and (path := recorded.asked_for(name, None, ENDING)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples.save(path)


@contextlib.contextmanager
def own_descriptor(connection: Any) -> Iterator[socket.socket]:
    """A descriptor of our own for the socket: the program may close its one at any time."""
    transport = getattr(connection, "_transport", None)
    system = connection if transport is None else transport.get_extra_info("socket")
    try:
        number = system.fileno()
        own = socket.socket(fileno=os.dup(number))
    except (AttributeError, TypeError, OSError):
        raise LabError(f"{shown(connection)} is not an open connection", "Give a connected TCP socket.") from None
    with own:
        yield own


def _ask(own: socket.socket) -> TcpSample:
    try:
        said = own.getsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_INFO", _TCP_INFO), _SIZE)
    except OSError as error:
        raise LabError(f"the system says nothing of this socket: {error.strerror}", "Give a TCP socket.") from None
    if len(said) < 192 or not hasattr(socket, "TCP_INFO"):
        raise LabError("this system does not tell of its connections what Linux tells", "Use Linux.")
    segment, _, unacked, sacked, lost, resent_now = struct.unpack_from("=6I", said, 16)
    rtt, _, threshold, window = struct.unpack_from("=4I", said, 68)
    (resent,) = struct.unpack_from("=I", said, 100)
    (acknowledged,) = struct.unpack_from("=Q", said, 120)
    (waited,) = struct.unpack_from("=Q", said, 176)
    peer = struct.unpack_from("=I", said, 228)[0] if len(said) >= 232 else None  # since Linux 5.4
    return TcpSample(
        time.time_ns(),
        window * segment,
        threshold * segment if threshold < _LARGEST else None,
        max(0, unacked - sacked - lost + resent_now) * segment,
        peer,
        acknowledged,
        resent,
        rtt / 1e6,
        segment,
        waited / 1e6,
        STATES[min(said[1], len(STATES) - 1)],
    )
