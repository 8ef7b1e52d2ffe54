"""An exercise on servers: an echo server that works in telnet and fails on the wire.

Rule: the student's handler serves real connections on 127.0.0.1; what comes back, and how much it holds, decide.
"""

from __future__ import annotations

import random
import select
import socket as system
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from labkit import net
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import KERNEL, PATIENCE, Trial, TrialServer, TrialSocket, check_plain, in_short

BUGGY = '''def serve(socket):
    @socket.on("data")
    def answer(data):
        text = data.decode("utf8", "replace")
        socket.write(text)
'''

HELD = 1 << 20
"""Bytes that a server may hold for a client that does not read: far more than its high-water mark."""

STALL = 0.1
"""Seconds without room to send, twice, after which the server is asked whether it still reads."""

_SMALL, _LARGE = 500_000, 4_000_000  # bytes: below what a server may hold, and far above
_TEXT = "您好！"


def serve(socket: net.Socket) -> None:
    """Serve one connection: what arrives goes back, at the pace the client takes it; the reference answer."""
    socket.pipe(socket)


class EchoBug(Exercise):
    """Find what is wrong with this echo server, and mend it."""

    name = "tcp.echo_bug"
    lesson = "01c-tcp-stream"
    title = "find the bugs in an echo server"
    steps = ("a line comes back", "a character cut between two segments comes back",
             "bytes that are not text come back", "after the client's FIN the rest comes back, then the server's FIN",
             "a client that sends and does not read costs little memory")
    stub = "def serve(socket):\n    ...\n\nexercises.tcp.echo_bug.check(serve)"
    asks = "Give check() your handler, the function that create_server() takes: check(serve)."
    praise = (
        "An echo server needs no text: bytes in, bytes out, in the order in which they came.\n"
        "And it reads no faster than its client does: pipe() pauses while the write buffer is full, until drain."
    )
    task = (
        "This echo server does well in telnet. It has two bugs that real clients find. Mend it.\n\n"
        f"```python\n{BUGGY}```\n\n"
        "Your handler is tried on real connections: text cut anywhere, bytes that are no text, a client that ends "
        "first, a client that sends megabytes before it reads."
    )
    hints = (
        "What does `data` hold if TCP cuts the stream inside a character, or if the client sends a picture?",
        "An echo has no use for text. And what does `write` return when the client does not read?",
        "Write the bytes as they came. When `write` returns False, `pause()` the socket and `resume()` it at "
        "`drain`. One method of the socket does all of that.",
    )
    worked = (
        "First bug: half a character cannot be decoded, so bytes must stay bytes.\n"
        "Second bug: `write` returns False when its buffer is full, and the handler reads on; "
        "the buffer grows with every byte of a client that does not read.\n"
        "`pipe` does both right.\n\n"
        '```python\ndef serve(socket):\n    socket.pipe(socket)\n\nexercises.tcp.echo_bug.check(serve)\n```\n\n'
        "The same by hand:\n\n"
        '```python\ndef serve(socket):\n    @socket.on("data")\n    def answer(data):\n'
        '        if not socket.write(data):\n            socket.pause()\n'
        '            socket.once("drain", socket.resume)\n```'
    )
    reference = staticmethod(serve)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "a function of one argument, the socket", self.asks)
        trial = _Trial(answer, run)
        try:
            trial.line()
            run.step(2)
            trial.cut_character()
            run.step(3)
            trial.no_text()
            run.step(4)
            trial.pour(_SMALL)
            run.step(5)
            trial.pour(_LARGE)
        finally:
            trial.close()


class _Socket(TrialSocket):
    """A server's socket that counts the bytes that it has read and not handed to the kernel again."""

    def _push(self, data: bytes) -> None:
        super()._push(data)
        server = self.server
        if isinstance(server, _Server) and not self.closed:
            held = self.bytes_read - (self.bytes_written - self.writable_length)
            server.held = max(server.held, held)


class _Server(TrialServer):
    """A server that knows how much it holds. held: bytes, the most so far on one connection."""

    SOCKET = _Socket

    def __init__(self, handler: Callable[[net.Socket], Any]) -> None:
        self.held = 0
        super().__init__(handler)


class _Trial(Trial):
    """One handler's server, and the clients that try it."""

    server: _Server

    def __init__(self, handler: Callable[[net.Socket], Any], run: Run) -> None:
        super().__init__(_Server(handler), run)
        self.ended = False

    # -- the five steps

    def line(self) -> None:
        """A line comes back."""
        with self.client() as client:
            client.sendall(b"hello\n")
            self.check_served()
            came = self._receive(client, 6)
            if came != b"hello\n":
                raise NotYet("b'hello\\n' comes back", in_short(came),
                             "An echo server sends back what it gets, at once.")

    def cut_character(self) -> None:
        """Nine bytes of UTF-8 in two segments come back, wherever they are cut."""
        raw = _TEXT.encode()
        for cut in range(1, len(raw)):
            with self.client() as client:
                client.sendall(raw[:cut])
                self._wait_until_read(client, cut)
                client.sendall(raw[cut:])
                came = self._receive(client, len(raw))
            if came != raw:
                place = f"inside the character {_TEXT[cut // 3]}" if cut % 3 else "between two characters"
                raise NotYet(f"{show(raw)}, sent as {cut} and {len(raw) - cut} bytes, comes back", in_short(came),
                             f"The cut is {place}. What arrives in one data event need not be whole characters.")

    def no_text(self) -> None:
        """All 256 bytes come back."""
        raw = bytes(range(255, -1, -1))
        with self.client() as client:
            client.sendall(raw)
            came = self._receive(client, len(raw))
        if came != raw:
            raise NotYet("the 256 bytes from 0xff down to 0x00 come back", in_short(came),
                         "Not every byte is part of a text: a picture, or a compressed file, must come back the same.")

    def pour(self, total: int) -> None:
        """Send much before reading anything, then FIN; all must come back, and little be held meanwhile."""
        raw = random.Random(total).randbytes(total)
        self.server.held = 0
        with self.client() as client:
            sent = self._send_without_reading(client, raw)
            if sent == len(raw):
                self._end_without_reading(client)
            came = self._send_the_rest(client, raw, sent)
        self._check_held()
        if came != raw:
            if not raw.startswith(came):
                seen, why = "other bytes than were sent", "Bytes come back unchanged, in the order in which they came."
            elif self.ended:
                seen = "fewer bytes, then the connection ended"
                why = ("What was written but not sent yet must still go out: end() waits for it, destroy() drops it. "
                       "What the handler keeps itself must be written before.")
            else:
                seen = f"fewer bytes, then nothing for {PATIENCE:g} s"
                why = "A socket that was paused must be resumed: when its write buffer is empty, it emits drain."
            raise NotYet(f"{total} bytes come back to a client that sends them all, then FIN", seen, why)

    # -- how they are done

    def _receive(self, client: system.socket, size: int) -> bytes:
        came = self.receive(client, size)
        self.check_failures()
        return came

    def _wait_until_read(self, client: system.socket, size: int) -> None:
        """Wait until the server has read this much, so that what is sent next arrives apart from it."""
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and not self.server.failures:
            if self._read_from(client) >= size:
                return

    def _read_from(self, client: system.socket) -> int:
        """Bytes that the server has read from this client."""
        return int(self._ask(client, lambda mine: mine.bytes_read))

    def _has_stopped(self, client: system.socket) -> bool:
        """Whether the server reads nothing more from this client: it has paused, it has read the end, or it is gone."""
        return bool(self._ask(client, lambda mine: mine.is_paused or mine.readable_ended or mine.destroyed))

    def _ask(self, client: system.socket, question: Callable[[net.Socket], Any]) -> Any:
        """Ask the server's side of a connection, on the event loop; 0 if the server has not taken it yet."""
        port = client.getsockname()[1]
        return self.asked(lambda: question(self.server.sockets[port]) if port in self.server.sockets else 0)

    def _send_without_reading(self, client: system.socket, raw: bytes) -> int:
        """Send until all is sent, the server no longer reads, or it holds too much; returns how much was sent."""
        client.setblocking(False)
        sent, before = 0, -1
        last = monotonic()
        while sent < len(raw):
            self.run.beat(6 * PATIENCE)
            self._check_held()
            self.check_failures()
            if select.select([], [client], [], STALL)[1]:
                try:
                    sent += client.send(raw[sent : sent + KERNEL])
                except ConnectionError:
                    break
                before, last = -1, monotonic()
                continue
            # No room. On a busy machine the kernel may be late, so that nothing was read says little by itself.
            read = self._read_from(client)
            if read == before and (self._has_stopped(client) or monotonic() - last > PATIENCE):
                break
            before = read
        return sent

    def _end_without_reading(self, client: system.socket) -> None:
        """Send FIN, and wait until the server has read all: what it has not sent then must still go out."""
        _shut(client)
        before, last = -1, monotonic()
        while not self._has_stopped(client) and monotonic() - last < PATIENCE:
            self.run.beat(6 * PATIENCE)
            self._check_held()
            self.check_failures()
            read = self._read_from(client)
            if read != before:
                before, last = read, monotonic()
            sleep(0.002)

    def _send_the_rest(self, client: system.socket, raw: bytes, sent: int) -> bytes:
        """Read all that comes until the server ends, sending the rest and then FIN meanwhile, if there is a rest."""
        came = bytearray()
        finished, waited = sent == len(raw), False
        self.ended = True
        while True:
            self.run.beat(6 * PATIENCE)
            if sent == len(raw) and not finished:
                finished = True
                _shut(client)
            readable, writable, _ = select.select([client], [client] if sent < len(raw) else [], [], PATIENCE)
            if not readable and not writable:
                self.check_loop()
                if waited:
                    self.ended = False
                    break
                waited = True  # the loop answers; on a busy machine the bytes may come only now
                continue
            waited = False
            try:
                if writable:
                    sent += client.send(raw[sent : sent + KERNEL])
                if readable:
                    part = client.recv(1 << 20)
                    if not part:
                        break
                    came += part
            except ConnectionError:
                break
        self.check_failures()
        return bytes(came)

    def _check_held(self) -> None:
        if self.server.held > HELD:
            raise NotYet(
                "at most 1 MB waits in the server while the client does not read", "more than 1 MB",
                "The handler reads on while nothing can be sent: a client that never reads fills the memory. "
                "What does write() return?",
            )


def _shut(client: system.socket) -> None:
    """Send FIN. A server that is gone may have reset the connection."""
    with suppress(OSError):
        client.shutdown(system.SHUT_WR)
