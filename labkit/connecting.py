"""The command `labkit connect`: a telnet of our own, over TCP or TLS.

Rule: what comes goes to stdout byte for byte; what the command itself has to say goes to stderr.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Mapping
from typing import Any

from labkit import net
from labkit.core.addresses import in_words
from labkit.core.bell import Bell
from labkit.core.errors import LabError

PIECE = 65536
"""Bytes that are read from the keyboard, or from a file, at once."""


def run(
    host: str, port: int, *, over_tls: bool = False, cacert: str | None = None, cert: str | None = None,
    key: str | None = None, servername: str | None = None, insecure: bool = False, crlf: bool = False,
) -> int:  # fmt: skip
    """Connect, send what is typed, print what comes, until both sides have ended; returns the exit code.

    cacert: file of the CAs to trust; None: those of the system. cert, key: files of a client's certificate (key:
    default, the same file). servername: the name to ask for; default, host. insecure: take any certificate. crlf: a
    line that is typed ends with CR LF, as telnet sends it. Raises `LabError` if the connection fails, then or later.
    """
    given = {"--cacert": cacert, "--cert": cert, "--key": key, "--servername": servername, "--insecure": insecure}
    if not over_tls and (without := [option for option, value in given.items() if value]):
        raise LabError(f"{', '.join(without)} is about TLS, and this connection has none", "Add --tls.")
    if key is not None and cert is None:
        raise LabError("--key is given without --cert", "Give the file of the certificate too.")
    end = _End()
    if over_tls:
        from labkit import tls

        socket: net.Socket = tls.connect(
            port, host, ca=cacert, cert=cert, key=None if cert is None else key or cert, servername=servername,
            reject_unauthorized=not insecure,
        )  # fmt: skip
    else:
        socket = net.connect(port, host)
    try:
        end.watch(socket)
        _say(f"connected to {in_words(host, port)}; Ctrl-D ends")
        if over_tls:
            for line in _agreed(socket):
                _say(line)
        socket.on("data", _print)
        _send_what_is_typed(socket, end, crlf)
        end.wait()
    finally:
        socket.destroy()
        end.close()
    if (error := end.error or socket.errored) is not None:
        raise error
    return 0


class _End:
    """Knows when the connection has ended, and wakes whoever waits for a key."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._over = threading.Event()
        self.bell = Bell()

    def watch(self, socket: net.Socket) -> None:
        """Note how it ends, from now on."""
        socket.on("error", self._failed)
        socket.on("end", self._ended)
        socket.on("close", self._closed)
        if socket.closed:  # before anybody listened
            self._closed()

    def _failed(self, error: BaseException) -> None:
        self.error = error

    def _ended(self) -> None:
        _say("the other side has ended the connection")

    def _closed(self, *_: Any) -> None:
        if not self._over.is_set():
            self._over.set()
            self.bell.ring()

    def is_over(self) -> bool:
        """Whether the connection is gone."""
        return self._over.is_set()

    def wait(self) -> None:
        """Wait until it is."""
        while not self.is_over():
            self.bell.wait()

    def close(self) -> None:
        """Give the bell back; nobody rings it after that."""
        self._over.set()
        self.bell.close()


def _send_what_is_typed(socket: net.Socket, end: _End, crlf: bool) -> None:
    """Until Ctrl-D, which ends our side of the connection, or until the connection is gone."""
    keyboard = sys.stdin.fileno()
    while not end.is_over():
        ready, _, _ = select.select([keyboard, end.bell], [], [])
        if keyboard not in ready:  # the connection is gone, or a signal came
            end.bell.hush()
            continue
        typed = os.read(keyboard, PIECE)
        if not typed:
            if not socket.closed:
                socket.end()
            return
        if socket.closed or socket.writable_ended:
            return
        socket.write(typed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if crlf else typed)


def _print(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _agreed(socket: Any) -> list[str]:
    """What both sides agreed on, whose certificate it is, and whether it was verified."""
    cipher = socket.get_cipher()
    # The server may have gone already, because it did not like what it got. The cipher knows the version of TLS 1.3.
    version = socket.get_protocol() or (cipher["version"] if cipher else "")
    lines = [f"agreed: {version}, {cipher['name']}"] if cipher else []
    if (peer := socket.get_peer_certificate()) is not None:
        names = ", ".join(peer.names) or "none"
        lines.append(f"certificate: {_named(peer.subject)}; issued by {_named(peer.issuer)}; names: {names}")
    if socket.authorized:
        lines.append("authorized: the certificate was verified")
    else:
        error = socket.authorization_error
        why = "nobody looked at the certificate" if error is None else f"{error.code}: {error.what}"
        lines.append(f"NOT authorized: {why}")
    return lines


def _named(who: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in who.items()) or "no name"
