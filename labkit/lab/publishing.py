"""`publish`: a TCP port of the notebook's private network, reachable on the host's loopback as well.

Rule: copies bytes both ways on the background loop, as fast as the slower side takes them; what a browser sends passes
`JupyterCookies` first, because behind this place stand the student's server and the capture.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import struct

from labkit.core import checks, loop
from labkit.core.addresses import is_loopback
from labkit.core.calls import in_words
from labkit.core.checks import shown
from labkit.core.errors import LabError, NetError, PortInUse, from_oserror
from labkit.core.kernel_table import kernel_table
from labkit.lab import outside_process
from labkit.lab.jupyter_cookies import JupyterCookies
from labkit.lab.page_shown import PageShown, url_for
from labkit.packets.probe import NETWORK

INSIDE = "127.0.0.1"
_OUTSIDE = "outside this notebook's network"
_CHUNK = 65536  # bytes read at once

_published: dict[int, Published] = {}


@functools.partial(in_words, name="labkit.lab.publish")
def publish(port: int, outside: int | None = None, host: str = "127.0.0.1") -> Published:
    """Make a TCP port of this notebook's private network reachable from outside it: from a browser, or a terminal.

    port: the port on which a server of this notebook listens, or will listen. outside: the port on the machine, 0 for
    any free one; default: the same number. host: an address of the machine's loopback. The port stays published until
    the kernel ends, `close` is called, or the same port is published again. UDP is not passed on; if a UDP socket has
    the port, the result says so. Bytes pass as they come, except for two header fields of HTTP requests: Jupyter's
    cookies and its token are taken out (see `JupyterCookies`), so that they reach neither the server nor a tape.

    In a notebook without a network of its own the machine reaches the port anyway, with Jupyter's cookies. There the
    same number is taken, so the default is any free port, and at that one they are taken out.
    Raises `PortInUse` if another program has the outside port, `LabError` for a port or address that cannot be
    published.
    """
    _check(port, 1, "publish")
    left = outside_process.current()
    if left is None and os.environ.get(NETWORK) == "private":
        raise LabError(
            "this program runs inside a notebook's network, and only the notebook itself can publish",
            f"Call labkit.lab.publish({port}) in a cell.",
        )
    wanted = port if outside is None else outside
    if left is None and wanted == port:
        wanted = 0
    _check(wanted, 0, "publish at")
    if not isinstance(host, str) or not is_loopback(host):
        raise LabError(
            f"{host!r} is not an address of the machine's own loopback, and labkit publishes on no other address",
            "Leave host out: then programs on this machine reach the port, and other machines do not.",
        )
    earlier = _published.get(port)
    if earlier is not None:
        earlier.close()
    try:
        listening = outside_process.listening(host, wanted) if left is None else left.listen(host, wanted)
    except OSError as error:
        raise _refused(error, port, host, wanted) from None
    number = listening.getsockname()[1]
    relay = _Relay(port)
    try:
        loop.run(relay.start(listening))
    except BaseException:
        listening.close()
        raise
    published = Published(port, host, number, relay, own=left is not None)
    _stop_all_at_exit()
    _published[port] = published
    return published


@functools.cache
def _stop_all_at_exit() -> None:
    loop.at_exit(_stop_all)
    os.register_at_fork(after_in_child=_published.clear)  # the published ports belong to the parent


def _stop_all() -> None:
    for published in list(_published.values()):
        published.close()


def _check(port: int, lowest: int, what: str) -> None:
    if not isinstance(port, int) or isinstance(port, bool) or not lowest <= port < 65536:
        raise LabError(f"{port!r} is not a port to {what}", f"Give a whole number from {lowest} to 65535.")


def _refused(error: OSError, port: int, host: str, wanted: int) -> NetError:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"{host}:{wanted} is taken by another program {_OUTSIDE}",
            f"Publish at any free port, labkit.lab.publish({port}, outside=0), or stop that program.",
        )
    if error.errno == errno.EPIPE:
        return NetError("the process that opens ports outside is gone", "Restart the kernel.", code="EPIPE")
    return from_oserror(error, f"{host}:{wanted} ({_OUTSIDE})")


class Published:
    """A published port. inside: its number in the notebook's network. host, port: where the machine reaches it."""

    def __init__(self, inside: int, host: str, port: int, relay: _Relay, *, own: bool) -> None:
        self.inside, self.host, self.port = inside, host, port
        self._relay, self._own = relay, own
        self._closed = False

    def close(self) -> None:
        """Stop: connections through it are reset, the port outside is free again. May be called again."""
        if self._closed:
            return
        self._closed = True
        if _published.get(self.inside) is self:
            del _published[self.inside]
        loop.call(self._relay.stop)

    def show(self, path: str = "/", *, height: int = 220, proxied: bool | None = None) -> PageShown:
        """Show a page of the server that is published, here in the notebook.

        path: of the page. height: of its frame, in pixels. proxied: whether the browser gets the page by
        jupyter-server-proxy; default: only if JupyterHub runs this notebook, because then the browser does not reach
        this machine's loopback. Raises `LabError` for a path that does not begin with a slash.
        """
        if not isinstance(path, str) or not path.startswith("/"):
            raise LabError(f"{shown(path)} is not a path", 'Give one such as "/".')
        return PageShown(url_for(self.host, self.port, path, proxied), checks.whole(height, "height", 1, 10_000))

    def __enter__(self) -> Published:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"{self.host}:{self.port}"
        inside = f"port {self.inside} of this {'notebook' if self._own else 'machine'}'s network"
        if self._closed:
            return f"{inside}, no longer published at {where}"
        if not self._own:
            return f"{inside}, reachable by TCP at {where} as well, where Jupyter's cookies are taken out"
        return f"{inside}, reachable by TCP at {where}{_of_udp(self.inside)}"


def _of_udp(port: int) -> str:
    """What to say if the port is that of a UDP socket; ``""`` if no UDP socket has it."""
    if not any(row.local[1] == port for row in kernel_table(port, protocol="udp")):
        return ""
    if any(row.local[1] == port and row.state == "LISTEN" for row in kernel_table(port)):
        return ". The UDP socket on this port is not reachable: publish passes on TCP alone"
    return (
        f". But port {port} is that of a UDP socket, and publish passes on TCP alone: nobody outside reaches it. "
        "Use a terminal inside, by `labkit shell`"
    )


class _Relay:
    """Accepts outside, connects inside, and copies. Lives on the background loop."""

    def __init__(self, inside: int) -> None:
        self._inside = inside
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_server(self._relay, sock=listening)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            _reset(writer)

    async def _relay(self, outer_reader: asyncio.StreamReader, outer: asyncio.StreamWriter) -> None:
        with contextlib.ExitStack() as undo:
            self._hold(outer, undo)
            try:
                inner_reader, inner = await asyncio.open_connection(INSIDE, self._inside)
            except OSError:  # nobody listens there: a reset tells the visitor, whose connection is accepted already
                return
            self._hold(inner, undo)
            both = asyncio.gather(_copy(outer_reader, inner, JupyterCookies()), _copy(inner_reader, outer))
            # If one side was reset, reset the other too. uvloop raises RuntimeError for one that is closed already.
            with contextlib.suppress(OSError, RuntimeError):
                await both
                for writer in (outer, inner):
                    writer.close()
                    await writer.wait_closed()

    def _hold(self, writer: asyncio.StreamWriter, undo: contextlib.ExitStack) -> None:
        self._writers.add(writer)
        undo.callback(self._writers.discard, writer)
        undo.callback(_reset, writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, unless it has ended already."""
    if not writer.transport.is_closing():
        # A copy of the descriptor, because uvloop does not let callers set options on its own.
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cookies: JupyterCookies | None = None
) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data if cookies is None else cookies.feed(data))
        await writer.drain()  # back-pressure: read no more until the other side has taken this
    writer.write_eof()  # half-close is passed on; the other direction goes on
