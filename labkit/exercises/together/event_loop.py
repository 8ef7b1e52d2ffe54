"""An exercise that ends the course: an event loop, written with the selectors of the standard library.

Rule: real clients decide: who is answered while others are silent, end, or do not read.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.running import NotAttempted, NotYet, Run
from labkit.exercises.tcp.serving import KERNEL, PATIENCE, check_plain

MANY = 200
"""Clients that are open at the same time."""
FLOOD = 4 << 20
"""Bytes that a client sends without reading what comes back."""


def serve(listener: socket.socket, done: Callable[[], bool]) -> None:
    """Echo what each client says, in one thread, until done() is True; the reference answer."""
    listener.setblocking(False)
    waiting: dict[socket.socket, bytearray] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while not done():
            for key, _ in selector.select(0.05):
                connection: Any = key.fileobj
                if connection is listener:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    waiting[connection] = bytearray()
                elif not _turn(connection, waiting[connection]):
                    selector.unregister(connection)
                    del waiting[connection]
                    connection.close()
                    continue
                else:
                    selector.unregister(connection)
                selector.register(connection, selectors.EVENT_WRITE if waiting[connection] else selectors.EVENT_READ)
        for connection in waiting:
            connection.close()


def _turn(connection: socket.socket, waiting: bytearray) -> bool:
    """Send what waits; if nothing does, receive. Returns False at the end of the connection."""
    try:
        if not waiting:
            data = connection.recv(65536)
            if not data:
                return False
            waiting += data
        del waiting[: connection.send(waiting)]
    except BlockingIOError:
        pass
    except ConnectionError:
        return False
    return True


class EventLoop(Exercise):
    """Write an event loop."""

    name = "together.event_loop"
    lesson = "06-together"
    title = "write an event loop"
    steps = ("a client gets its line back", "a client is answered while another one is silent",
             f"{MANY} clients, all open", "no new thread", "a client that ends is closed, and the others go on",
             "a client is answered while another one sends and does not read")  # fmt: skip
    stub = "def serve(listener, done):\n    ...\n\nexercises.together.event_loop.check(serve)"
    asks = "Give check() the function itself: check(serve)."
    praise = (
        "This is what libuv, asyncio and labkit do: one thread asks the kernel which sockets are ready, and makes no "
        "call that could wait.\nBytes that cannot be sent now stay in a buffer; that is why `write` returns False, and "
        "why there is a `drain`."
    )
    stretch = (
        "a client that sends for ever and never reads must not fill your memory. Which line of yours stops reading "
        "from it? What would a `high-water mark` add?"
    )
    task = (
        "Write an echo server that serves many clients in one thread, without a thread for each and without waiting "
        "for any of them. `selectors` of the standard library asks the kernel which sockets are ready.\n\n"
        "Write the function `serve(listener, done)`. `listener` is a socket of the standard library, which listens "
        "already. Accept its clients, and send back what each of them says. Call `done()` at least ten times a second, "
        "also if nobody says anything; return as soon as it returns True. You need not close the listener. A client "
        "may also reset its connection: then forget this client, and go on."
    )
    hints = (
        "`selectors.DefaultSelector()` has `register(socket, selectors.EVENT_READ)` and `select(0.05)`, which returns "
        "a list of (key, events); `key.fileobj` is the socket. What do you do if it is the listener, what if it is a "
        "client?",
        "`setblocking(False)` on each socket: a call that would wait raises BlockingIOError. `recv` returns b\"\" when "
        "a client has ended: unregister it, and close it.",
        "`send` returns how many bytes the kernel has taken, perhaps fewer than you gave. Keep the rest in a "
        "`bytearray` for this client, and ask for EVENT_WRITE in place of EVENT_READ until it is empty.",
    )
    reference = staticmethod(serve)

    @property
    def worked(self) -> str:
        return (
            "One buffer for each client. A client whose buffer is not empty is asked for EVENT_WRITE, and nothing more "
            "is read from it.\n\n"
            "```python\nimport selectors\n\n"
            "def serve(listener, done):\n"
            "    listener.setblocking(False)\n"
            "    waiting = {}\n"
            "    with selectors.DefaultSelector() as selector:\n"
            "        selector.register(listener, selectors.EVENT_READ)\n"
            "        while not done():\n"
            "            for key, _ in selector.select(0.05):\n"
            "                client = key.fileobj\n"
            "                if client is listener:\n"
            "                    client, _ = listener.accept()\n"
            "                    client.setblocking(False)\n"
            "                    waiting[client] = bytearray()\n"
            "                    selector.register(client, selectors.EVENT_READ)\n"
            "                    continue\n"
            "                try:\n"
            "                    if not waiting[client]:\n"
            "                        data = client.recv(65536)\n"
            "                        if not data:\n"
            "                            raise ConnectionError\n"
            "                        waiting[client] += data\n"
            "                    sent = client.send(waiting[client])\n"
            "                    del waiting[client][:sent]\n"
            "                except BlockingIOError:\n"
            "                    pass\n"
            "                except ConnectionError:\n"
            "                    selector.unregister(client)\n"
            "                    client.close()\n"
            "                    del waiting[client]\n"
            "                    continue\n"
            "                wants = selectors.EVENT_WRITE if waiting[client] else selectors.EVENT_READ\n"
            "                selector.modify(client, wants)\n"
            "        for client in waiting:\n"
            "            client.close()\n\n"
            "exercises.together.event_loop.check(serve)\n```"
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function serve", self.asks)
        run.limit = 6 * PATIENCE
        with socket.create_server(("127.0.0.1", 0), backlog=MANY) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)  # the connections get it from here
            clients = _Clients(listener.getsockname()[1], run)
            try:
                returned = run.call("serve(listener, done)", answer, listener, clients.done)
            except NotYet as problem:
                clients.stop()
                raise problem if clients.found is None or clients.cut else clients.found from None
            finally:
                clients.stop()
        if clients.found is not None:
            raise clients.found
        if not clients.passed:
            if returned is None and not clients.asked:
                raise NotAttempted
            raise NotYet("serve() returns when done() is True", "it returned before", "Is `while not done():` there?")


class _Clients:
    """The clients, in a thread of their own, while the answer serves.

    found: what went wrong. asked: whether the answer has called done(). passed: whether all steps were. cut: whether
    a connection of theirs was cut, perhaps because the answer has raised something.
    """

    def __init__(self, port: int, run: Run) -> None:
        self.port, self.run = port, run
        self.found: NotYet | None = None
        self.passed = self.asked = self.cut = self._over = False
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._all, name="labkit-clients", daemon=True)
        self._threads_before = 0

    def done(self) -> bool:
        """What the answer gets: whether to return."""
        if not self.asked:
            self.asked = True
            self._threads_before = threading.active_count()
            self._thread.start()
        return self._over

    def stop(self) -> None:
        """End all clients, so that an answer that waits for one of them goes on."""
        self._over = True
        if self.asked:
            self._thread.join(2 * PATIENCE)

    def _all(self) -> None:
        try:
            self._steps()
            self.passed = True
        except NotYet as problem:
            self.found = problem
        except OSError as error:
            self.cut = True
            self.found = NotYet("all clients are answered", f"a client got {type(error).__name__}",
                                "The server has closed a connection that a client still used.")
        finally:
            self._over = True
            for each in self._open:
                each.close()
            with contextlib.suppress(OSError):  # an answer that waits in accept() goes on, too
                socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()

    def _steps(self) -> None:
        one = self._client()
        self._echo(one, "the client gets it back", "Does select() tell of the listener, and of the client after it?")
        self._go_on(2)
        silent = self._client()
        self._echo(self._client(), "a second client gets it back while another one is silent",
                   "Which call of yours waits for the silent one?")
        self._go_on(3)
        many = [self._client() for _ in range(MANY)]
        for each in many:
            self._echo(each, "each client gets it back", "Each client needs its own registration.")
        self._go_on(4)
        if (now := threading.active_count()) > self._threads_before + 1:
            raise NotYet("no thread more than before", f"{now - self._threads_before - 1} more",
                         "An event loop serves them all in the thread that called serve().")
        self._go_on(5)
        one.shutdown(socket.SHUT_WR)
        if self._receive(one, 1) != b"":
            raise NotYet("the server closes its side when a client has ended", "it did not",
                         'recv() returns b"" at the end: unregister the socket and close it.')
        self._echo(many[-1], "the others are still answered", "Close the one that has ended, and no other.")
        self._go_on(6)
        sent = self._flood(silent)
        self._echo(many[0], "a client gets it back while another one does not read",
                   "send() or sendall() waits if the kernel's buffer is full. Is each socket set to "
                   "setblocking(False), and what do you do with the bytes that were not sent?")
        silent.settimeout(PATIENCE)
        self.run.deadline += 2 * PATIENCE
        got = len(self._receive(silent, sent) or b"")
        if got != sent:
            raise NotYet("all that this client has sent comes back, once it reads", f"{got} of {sent} bytes came back",
                         "send() returns how many bytes the kernel has taken. Where are the others?")

    def _go_on(self, step: int) -> None:
        self.run.number = step
        self.run.deadline += PATIENCE

    def _client(self) -> socket.socket:
        made = socket.socket()
        self._open.append(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)
        made.settimeout(PATIENCE)
        made.connect(("127.0.0.1", self.port))
        return made

    def _echo(self, client: socket.socket, wanted: str, why: str) -> None:
        line = b"hello %d\n" % client.fileno()
        client.sendall(line)
        got = self._receive(client, len(line))
        if got != line:
            seen = "nothing came back" if not got else f"{got!r} came back"
            raise NotYet(f"{line!r} is sent, and {wanted}" if got else wanted, seen, why)

    def _receive(self, client: socket.socket, count: int) -> bytes | None:
        """So many bytes; fewer if the connection ends; None if nothing comes in time."""
        got = bytearray()
        try:
            while len(got) < count and (data := client.recv(count - len(got))):
                got += data
        except TimeoutError:
            return bytes(got) or None
        return bytes(got)

    def _flood(self, client: socket.socket) -> int:
        """Send much, and read nothing, until the kernel takes no more for a while. Returns how many bytes it took."""
        client.settimeout(0.3)
        sent, data = 0, bytes(65536)
        with contextlib.suppress(TimeoutError):
            while sent < FLOOD:
                sent += client.send(data)
        return sent
