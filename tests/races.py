"""Try, many times over, whether an error of a call reaches its caller while other threads wait: ``make races``.

Rule: counts what came of each try; a try in which the error reached nobody is printed, and ends the run with 1.

    python tests/races.py --tries 1000 --threads 4
"""

from __future__ import annotations

import argparse
import collections
import socket as system
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labkit import dgram, net
from labkit.core.errors import LabError, NetError

Call = Callable[[], Any]


def taken_tcp() -> tuple[system.socket, int]:
    """A listening socket of the system's, and its port."""
    taken = system.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken, int(taken.getsockname()[1])


def taken_udp() -> tuple[system.socket, int]:
    """A UDP socket of the system's, and its port."""
    taken = system.socket(type=system.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    return taken, int(taken.getsockname()[1])


@contextmanager
def failures() -> Iterator[dict[str, Callable[[], tuple[Any, str, Call]]]]:
    """Each kind of failing call, by name: makes (the emitter, the event that will not come, the call that fails)."""
    tcp, tcp_port = taken_tcp()
    udp, udp_port = taken_udp()
    free, free_port = taken_tcp()
    free.close()
    with tempfile.TemporaryDirectory() as directory:

        def listen(**where: Any) -> tuple[Any, str, Call]:
            server = net.create_server()
            return server, "listening", lambda: server.listen(**where)

        def connect(**where: Any) -> tuple[Any, str, Call]:
            client = net.Socket()
            return client, "connect", lambda: client.connect(**where)

        def bind(**where: Any) -> tuple[Any, str, Call]:
            socket = dgram.create_socket()
            return socket, "listening", lambda: socket.bind(**where)

        def send(data: bytes, port: int, address: str) -> tuple[Any, str, Call]:
            socket = dgram.create_socket()
            return socket, "message", lambda: socket.send(data, port, address)

        def connect_udp(address: str) -> tuple[Any, str, Call]:
            socket = dgram.create_socket()
            return socket, "connect", lambda: socket.connect(9, address)

        def write() -> tuple[Any, str, Call]:
            client = net.Socket()
            return client, "data", lambda: client.write(b"x")

        yield {
            "listen: port taken": lambda: listen(port=tcp_port),
            "listen: no such name": lambda: listen(port=0, host="no.such.name.invalid", expose=True),
            "listen: not our address": lambda: listen(port=0, host="192.0.2.1"),
            "listen: no such directory": lambda: listen(path=f"{directory}/none/socket"),
            "listen: a file is there": lambda: listen(path=__file__),
            "connect: refused": lambda: connect(port=free_port),
            "connect: no such path": lambda: connect(path=f"{directory}/nobody"),
            "connect: no such name": lambda: connect(port=1, host="no.such.name.invalid"),
            "bind: port taken": lambda: bind(port=udp_port),
            "bind: not our address": lambda: bind(port=0, address="192.0.2.1"),
            "bind: other family": lambda: bind(port=0, address="::1"),
            "send: too large": lambda: send(bytes(65508), 9, "127.0.0.1"),
            "send: other family": lambda: send(b"x", 9, "::1"),
            "send: no such name": lambda: send(b"x", 9, "no.such.name.invalid"),
            "connect (UDP): other family": lambda: connect_udp("::1"),
            "write: not connected": write,
        }
    tcp.close()
    udp.close()


def one_try(make: Callable[[], tuple[Any, str, Call]], threads: int) -> tuple[str, list[str]]:
    """What the failing call did, and what each waiting thread was told."""
    emitter, event, call = make()
    told: list[str] = []

    def wait() -> None:
        try:
            emitter.wait_for(event, 20.0)
            told.append("returned")
        except LabError as error:
            told.append(type(error).__name__)

    waiting = [threading.Thread(target=wait) for _ in range(threads)]
    for thread in waiting:
        thread.start()
    while len(emitter._tickets) < threads and any(thread.is_alive() for thread in waiting):
        pass
    try:
        call()
        came = "returned in silence"
    except NetError as error:
        came = f"raised {type(error).__name__}"
    if isinstance(emitter, dgram.Socket):
        emitter.close()
    else:
        emitter.destroy() if isinstance(emitter, net.Socket) else emitter.close()
    for thread in waiting:
        thread.join(30)
    return came, told


def run(tries: int, threads: int) -> int:
    """Make the tries, spread over all kinds of failure; returns how many calls returned in silence."""
    silent = 0
    with failures() as kinds:
        for name, make in kinds.items():
            came: collections.Counter[str] = collections.Counter()
            told: collections.Counter[str] = collections.Counter()
            for _ in range(-(-tries // len(kinds))):
                outcome, threads_told = one_try(make, threads)
                came[outcome] += 1
                told.update(threads_told)
            silent += came["returned in silence"]
            print(f"{name:<32} {dict(came)}; waiting threads: {dict(told)}", flush=True)
    return silent


def main(argv: list[str] | None = None) -> int:
    """Run the tries that the command line asks for; 0 if every error reached its caller."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args(argv)
    silent = run(options.tries, options.threads)
    print(f"{silent} of {options.tries} calls returned in silence")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
