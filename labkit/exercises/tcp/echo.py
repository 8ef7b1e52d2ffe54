"""An exercise on servers: an echo server that works in telnet and fails on the wire.

Rule: the student's handler serves real connections on 127.0.0.1; what comes back and what is held decides.
"""

from __future__ import annotations

import inspect
import random
import select
import socket as system
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from labkit import net
from labkit.core import loop
from labkit.core.errors import LabError, TimedOut
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotAttempted, NotYet, Run, failed, runs_own_code, stop

BUGGY = '''def serve(socket):
    @socket.on("data")
    def answer(data):
        text = data.decode("utf8", "replace")
        socket.write(text)
'''

PATIENCE = 2.0
"""Seconds to wait for bytes that should come back."""

HELD = 1 << 20
"""Bytes that a server may hold for a client that does not read: far more than its high-water mark."""

KERNEL = 32 * 1024
"""Bytes of the kernel's buffers on these connections (it may double them), so that little is hidden in them."""

STALL = 0.1
"""Seconds without room to send, twice, after which the server is asked whether it still reads."""

_SMALL, _LARGE = 500_000, 4_000_000  # bytes: below what a server may hold, and far above
_TEXT = "您好！"


class HandlerStopped(Exception):
    """Raised inside a handler that keeps the event loop."""


def serve(socket: net.Socket) -> None:
    """Serve one connection: what arrives goes back, at the pace the client takes it; the reference answer."""
    socket.pipe(socket)


class EchoBug(Exercise):
    """Find what is wrong with this echo server, and mend it."""

    name = "tcp.echo_bug"
    title = "find the bugs in an echo server"
    steps = ("a line comes back", "a character cut between two segments comes back", "bytes that are no text come back",
             "after the client's FIN the rest comes back, then the server's FIN",
             "a client that sends and does not read costs little memory")
    stub = "def serve(socket):\n    ...\n\nexercises.tcp.echo_bug.check(serve)"
    asks = "Give check() your handler, the function that create_server() takes: check(serve)."
    praise = (
        "An echo server needs no text: bytes in, bytes out, in the order in which they came.\n"
        "And it reads no faster than its client does: pipe() pauses while the write buffer is full, until drain."
    )

    def task(self) -> str:
        return (
            "This echo server does well in telnet. It has two bugs that real clients find. Mend it.\n\n"
            f"```python\n{BUGGY}```\n\n"
            "Your handler is tried on real connections: text cut anywhere, bytes that are no text, a client that ends "
            "first, a client that sends megabytes before it reads."
        )

    def examine(self, answer: Any, run: Run) -> None:
        if not callable(answer) or isinstance(answer, type):
            raise NotYet("a function of one argument, the socket", show(answer), self.asks)
        if inspect.iscoroutinefunction(answer):
            raise NotYet("a plain function", "a coroutine (async def)", "Handlers are called, not awaited: use def.")
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

    def nudges(self) -> tuple[str, ...]:
        return (
            "What does `data` hold if TCP cuts the stream inside a character, or if the client sends a picture?",
            "An echo has no use for text. And what does `write` return when the client does not read?",
            "Write the bytes as they came. When `write` returns False, `pause()` the socket and `resume()` it at "
            "`drain`. One method of the socket does all of that.",
        )

    def worked(self) -> str:
        return (
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

    def reference(self) -> Any:
        return serve


class _Socket(net.Socket):
    """A server's socket that notes how much of what it read has not gone to the kernel again."""

    def _push(self, data: bytes) -> None:
        super()._push(data)
        server = self.server
        if isinstance(server, _Server) and not self.closed:
            held = self.bytes_read - (self.bytes_written - self.writable_length)
            server.held = max(server.held, held)

    def _report(self, error: BaseException, about: object = None) -> None:
        # A reset is the trial's own client, which closed without reading all: no fault of the handler's.
        if isinstance(self.server, _Server) and not isinstance(error, ConnectionResetError):
            self.server.failures.append(error)


class _Server(net.Server):
    """A server whose handlers' errors are kept, not printed: they belong in the finding."""

    def __init__(self, handler: Callable[[net.Socket], Any]) -> None:
        self.failures: list[BaseException] = []
        self.held = 0
        self.idle = False
        self.served = threading.Event()
        self.handler = handler
        super().__init__(self._serve)

    def _socket(self) -> net.Socket:
        return _Socket(self)

    def _serve(self, socket: net.Socket) -> None:
        channel = socket._channel()
        if channel is not None:
            channel.setsockopt(system.SOL_SOCKET, system.SO_SNDBUF, KERNEL)
        try:
            self.handler(socket)
            listens = any(socket.listeners(event) for event in ("data", "end", "close"))
            self.idle = not listens and not socket.bytes_written
        finally:
            self.served.set()

    def _report(self, error: BaseException, about: object = None) -> None:
        self.failures.append(error)


class _Trial:
    """One handler's server, and the clients that try it."""

    def __init__(self, handler: Callable[[net.Socket], Any], run: Run) -> None:
        self.run = run
        self.stuck = False
        self.ended = False
        self.server = _Server(handler)
        self.server.listen(0)

    def close(self) -> None:
        """Stop listening and cut what stands, unless a handler keeps the loop and cannot be ended.

        Returns when the handlers have had their last event, so that all they print is part of the check.
        """
        if self.stuck:
            return
        try:
            loop.call(lambda: None, timeout=PATIENCE / 4)
        except TimedOut:  # the check was stopped while a handler keeps the loop
            if _handler_runs() and not _end_handler():
                return
        self.server.close()
        self.server.close_all_connections()
        with suppress(LabError):
            self.server.wait_for("close", timeout=PATIENCE / 2)

    # -- the five steps

    def line(self) -> None:
        """A line comes back."""
        with self._client() as client:
            client.sendall(b"hello\n")
            if not self.server.served.wait(PATIENCE):
                self._check_loop()
            if self.server.idle:
                raise NotAttempted
            came = self._receive(client, 6)
            if came != b"hello\n":
                raise NotYet("b'hello\\n' comes back", _seen(came), "An echo server sends back what it gets, at once.")

    def cut_character(self) -> None:
        """Nine bytes of UTF-8 in two segments come back, wherever they are cut."""
        raw = _TEXT.encode()
        for cut in range(1, len(raw)):
            with self._client() as client:
                client.sendall(raw[:cut])
                self._wait_until_read(client, cut)
                client.sendall(raw[cut:])
                came = self._receive(client, len(raw))
            if came != raw:
                place = f"inside the character {_TEXT[cut // 3]}" if cut % 3 else "between two characters"
                raise NotYet(f"{show(raw)}, sent as {cut} and {len(raw) - cut} bytes, comes back", _seen(came),
                             f"The cut is {place}. What arrives in one data event need not be whole characters.")

    def no_text(self) -> None:
        """All 256 bytes come back."""
        raw = bytes(range(255, -1, -1))
        with self._client() as client:
            client.sendall(raw)
            came = self._receive(client, len(raw))
        if came != raw:
            raise NotYet("the 256 bytes from 0xff down to 0x00 come back", _seen(came),
                         "Not every byte is part of a text: a picture, or a compressed file, must come back the same.")

    def pour(self, total: int) -> None:
        """Send much before reading anything, then FIN; all must come back, and little be held meanwhile."""
        raw = random.Random(total).randbytes(total)
        self.server.held = 0
        with self._client() as client:
            sent = self._send_without_reading(client, raw)
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

    def _client(self) -> system.socket:
        self.run.beat(6 * PATIENCE)
        client = system.socket(system.AF_INET, system.SOCK_STREAM)
        client.setsockopt(system.SOL_SOCKET, system.SO_RCVBUF, KERNEL)
        client.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, 1)
        client.settimeout(PATIENCE)
        try:
            client.connect(("127.0.0.1", self.server.port))
        except BaseException:
            client.close()
            raise
        return client

    def _receive(self, client: system.socket, size: int) -> bytes:
        """Read until this many bytes have come, the server ends, or nothing comes for PATIENCE."""
        came = b""
        try:
            while len(came) < size and (part := client.recv(size - len(came))):
                came += part
        except TimeoutError:
            self._check_loop()
        except ConnectionError:
            pass
        self._check_failures()
        return came

    def _wait_until_read(self, client: system.socket, size: int) -> None:
        """Wait until the server has read this much, so that what is sent next arrives apart from it."""
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and not self.server.failures:
            if self._read_from(client) >= size:
                return

    def _read_from(self, client: system.socket) -> int:
        """Bytes that the server has read from this client; earlier clients' connections may still stand."""
        port = client.getsockname()[1]
        mine = self._asked(lambda: [each.bytes_read for each in self.server.connections if each.remote_port == port])
        return sum(mine)

    def _send_without_reading(self, client: system.socket, raw: bytes) -> int:
        """Send until all is sent, the server no longer reads, or it holds too much; returns how much was sent."""
        client.setblocking(False)
        sent, before = 0, -1
        while sent < len(raw):
            self.run.beat(6 * PATIENCE)
            self._check_held()
            self._check_failures()
            if select.select([], [client], [], STALL)[1]:
                try:
                    sent += client.send(raw[sent : sent + KERNEL])
                except ConnectionError:
                    break
                before = -1
                continue
            # No room. If the loop answers and the server has read nothing since the last look, it has paused.
            read = self._read_from(client)
            if read == before:
                break
            before = read
        return sent

    def _send_the_rest(self, client: system.socket, raw: bytes, sent: int) -> bytes:
        """Read all that comes until the server ends, sending the rest and then FIN meanwhile."""
        came = bytearray()
        finished = False
        self.ended = True
        while True:
            self.run.beat(6 * PATIENCE)
            if sent == len(raw) and not finished:
                finished = True
                client.shutdown(system.SHUT_WR)
            readable, writable, _ = select.select([client], [client] if sent < len(raw) else [], [], PATIENCE)
            if not readable and not writable:
                self._check_loop()
                self.ended = False
                break
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
        self._check_failures()
        return bytes(came)

    def _check_held(self) -> None:
        if self.server.held > HELD:
            raise NotYet(
                "at most 1 MB waits in the server while the client does not read", "more than 1 MB",
                "The handler reads on while nothing can be sent: a client that never reads fills the memory. "
                "What does write() return?",
            )

    def _check_failures(self) -> None:
        """Report what the student's handler raised. NotImplementedError: there is no answer yet."""
        for error in self.server.failures:
            if isinstance(error, NotImplementedError):
                raise NotAttempted
            raise failed("your handler", error)

    def _check_loop(self) -> None:
        """Nothing came: is a handler keeping the event loop?"""
        self._asked(lambda: None)

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return loop.call(question, timeout=PATIENCE / 4)
        except TimedOut:
            pass
        if not _handler_runs():  # only a busy machine
            return loop.call(question, timeout=4 * PATIENCE)
        why = "A handler keeps the event loop: until it returns, no socket of this process gets an event."
        if not _end_handler():
            self.stuck = True
            why += "\nIt could not be stopped: restart the kernel when you have mended it."
        raise NotYet("your handler returns", f"your function did not return within {PATIENCE:g} s", why)


def _handler_runs() -> list[int]:
    """The event loop's thread, if it is inside the student's code at this moment."""
    loops = [thread.ident for thread in threading.enumerate() if thread.name == "labkit-loop"]
    return [ident for ident in loops if ident is not None and runs_own_code(ident)]


def _end_handler() -> bool:
    """Raise an error in the handler that keeps the loop; returns whether the loop answers again."""
    for ident in _handler_runs():
        stop(ident, HandlerStopped)
    try:
        loop.call(lambda: None, timeout=1.0)
    except TimedOut:
        return False
    return True


def _seen(came: bytes) -> str:
    return f"{show(came)}" if came else "nothing"
