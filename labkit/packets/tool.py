"""Live capture by tcpdump or dumpcap, also on macOS: reads their pcap stream from a pipe while they write it.

Rule: the program runs as our user; it is ready when it has shown a datagram that we sent; `close` always ends it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from labkit.core.errors import BadCapture, CaptureUnavailable
from labkit.packets.frames import Frame
from labkit.packets.marker import Marker
from labkit.packets.pcap import PcapStream
from labkit.packets.ring import MEMORY_LIMIT

READY_WAIT = 3.0
"""Seconds to wait for the program's first marker."""

END_WAIT = 2.0
"""Seconds to wait for the program's end."""

_BUFFER = 32
"""MiB in which the kernel keeps frames until the program has run. In immediate mode each frame takes a whole slot, and
on loopback a slot is 128 KiB: in tcpdump's own 2 MiB there is room for 16 frames, and a busy machine lost the rest."""
_INSTALL = "Install tcpdump (apt install tcpdump, brew install tcpdump)."
_PERMIT = (
    "Run as root, or let your user capture: on Debian and Ubuntu dpkg-reconfigure wireshark-common and join the "
    "group "
    "wireshark, on macOS install ChmodBPF, which comes with Wireshark."
)


def filter_expression(ports: Sequence[int] | None) -> str:
    """The filter of `bpf.port_filter` in tcpdump's language."""
    if ports is None:
        return ""
    wanted = " or ".join(f"port {port}" for port in sorted(set(ports)))
    return f"{wanted} or icmp or icmp6 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44"


def find_program(*names: str) -> str | None:
    """The path of the first of these programs that is installed, also in directories of root's PATH."""
    for name in names:
        path = shutil.which(name) or shutil.which(
            name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
        )
        if path:
            return path
    return None


class Tool:
    """A running tcpdump or dumpcap; `take` gives the frames that came since the last call."""

    def __init__(
        self, path: str, iface: str, ports: Sequence[int] | None, limit: int, *, endless: bool = False
    ) -> None:
        self.program, self.iface = Path(path).name, iface
        self.origin = f"live from {iface} ({self.program})"
        self._limit, self._size, self._lost, self._endless = limit, 0, 0, endless
        self._frames: list[Frame] = []
        self._lock = threading.Lock()
        self._fresh = threading.Event()
        self._said: list[str] = []
        self._failure: Exception | None = None
        self._closed = False
        self.full = False
        self._stream = PcapStream(self.program)
        self._process = subprocess.Popen(
            self._command(path, iface, ports),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )  # Ctrl-C in a terminal must not end the program, but reach only the notebook
        self._readers = [
            threading.Thread(target=self._read, name="labkit capture", daemon=True),
            threading.Thread(target=self._listen, name="labkit capture messages", daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _command(path: str, iface: str, ports: Sequence[int] | None) -> list[str]:
        expression = filter_expression(ports)
        if Path(path).name == "dumpcap":
            chosen = ["-f", expression] if expression else []
            return [path, "-q", "-P", "-B", str(_BUFFER), "-i", iface, "-w", "-", *chosen]
        nano = ["--time-stamp-precision=nano"] if sys.platform.startswith("linux") else []
        return [
            path,
            "-n",
            "-U",
            "--immediate-mode",
            *nano,
            "-B",
            str(_BUFFER * 1024),
            "-s",
            "0",
            "-i",
            iface,
            "-w",
            "-",
            *([expression] if expression else []),
        ]

    @classmethod
    def start(
        cls,
        iface: str | None,
        ports: Sequence[int] | None,
        marker: Marker,
        limit: int = MEMORY_LIMIT,
        *,
        endless: bool = False,
    ) -> Tool:
        """Start the first program that works; returns when it has shown a datagram that we sent.

        iface: default, loopback. ports: to capture, the marker's included. endless: as in `Ring`. Raises
        `CaptureUnavailable`.
        """
        if iface is None:
            iface = "lo" if sys.platform.startswith("linux") else "lo0"
        refusals: list[str] = []
        for name in ("tcpdump", "dumpcap"):
            path = find_program(name)
            if path is None:
                refusals.append(f"{name} is not installed")
                continue
            try:
                tool = cls(path, iface, ports, limit, endless=endless)
            except OSError as error:
                refusals.append(f"{name} cannot be started ({error.strerror})")
                continue
            try:
                if tool._ready(marker):
                    return tool
                refusals.append(f"{name} refuses: {tool._complaint()}")
            except BaseException:
                tool.close()
                raise
            tool.close()
        todo = _INSTALL if all("not installed" in refusal for refusal in refusals) else _PERMIT
        raise CaptureUnavailable("; ".join(refusals), todo)

    def _ready(self, marker: Marker) -> bool:
        """Whether it captures: on loopback it shows a marker, on other interfaces the header of its stream."""
        if self.iface not in ("lo", "lo0"):
            while not self._readers_done() and self._linktype() < 0 and self._fresh.wait(READY_WAIT):
                self._fresh.clear()
            return self._linktype() >= 0
        before: list[Frame] = []
        try:
            return marker.read_up_to(self, before, READY_WAIT, again=0.05)
        except CaptureUnavailable:
            return False

    def _linktype(self) -> int:
        return self._stream.linktype

    def _readers_done(self) -> bool:
        return not self._readers[0].is_alive()

    def _complaint(self) -> str:
        self._end()
        lines = [
            line for line in self._said if not line.startswith(("tcpdump: listening", "listening on", "Capturing on"))
        ]
        return (
            re.sub(r"^\S*(tcpdump|dumpcap): ", "", lines[0]) if lines else f"it showed nothing within {READY_WAIT:g} s"
        )

    # -- the reading threads

    def _read(self) -> None:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        try:
            while data := os.read(pipe, 1 << 18):
                frames = self._stream.feed(data)
                with self._lock:
                    for frame in frames:
                        if self.full or self._size + len(frame[1]) > self._limit:
                            self.full = not self._endless
                            self._lost += 1
                        else:
                            self._size += len(frame[1])
                            self._frames.append(frame)
                self._fresh.set()
        except (BadCapture, OSError, ValueError) as error:
            self._failure = error
        else:
            self._failure = EOFError(f"{self.program} ended")
        self._fresh.set()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if len(self._said) < 100:
                self._said.append(line.decode(errors="replace").strip())

    # -- for the capture

    def take(self) -> list[Frame]:
        """The frames that came since the last call, in order. Raises `CaptureUnavailable` if the program has ended."""
        with self._lock:
            frames, self._frames = self._frames, []
            if self._endless:
                self._size = 0
            self._fresh.clear()
        if self._failure is not None and not frames:
            self._fresh.set()
            raise CaptureUnavailable(f"the capture broke off ({self._failure})", "Run the cell again.")
        return frames

    def wait(self, seconds: float) -> bool:
        """Wait until a frame can be taken. seconds: the longest wait. Returns whether one can."""
        return self._fresh.wait(seconds)

    def drops(self) -> int:
        """Frames that the kernel or the program lost by its own count, or beyond the limit; ends the program."""
        self._end()
        counts = [
            int(found[1])
            for line in self._said
            if (found := re.match(r"(\d+) packets dropped by (kernel|interface)", line))
        ]
        counts += [
            int(found[1])
            for line in self._said
            if (found := re.search(r"received/dropped on interface .*: \d+/(\d+)", line))
        ]
        return sum(counts) + self._lost

    def _end(self) -> None:
        if self._process.poll() is None:
            self._signal(signal.SIGINT)
            try:
                self._process.wait(END_WAIT)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        for reader in self._readers:
            reader.join(0.2)
        if any(reader.is_alive() for reader in self._readers):
            # If the program is a script, programs that it started may go on and hold our pipes open.
            self._signal(signal.SIGKILL)
        for reader in self._readers:
            reader.join(END_WAIT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)  # it leads a session of its own, so also a process group

    def close(self) -> None:
        """End the program; it has ended and the pipes are closed when this returns. May be called again."""
        if self._closed:
            return
        self._closed = True
        self._end()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
