"""Stop-and-wait over real sockets on the loopback, with a relay that loses by a seed."""

from __future__ import annotations

import random
import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from labkit import lab
from labkit.core.errors import LabError
from labkit.exercises.udp import reliable, send_over, serve_reliable
from labkit.exercises.udp.sending import Sender
from labkit.exercises.udp.transfer import LARGEST, NUMBER

Drops = Callable[[str, bytes], int]
"""How many copies of a datagram go on: (``"data"`` or ``"ack"``, its bytes)."""

PIECES = [f"piece {number}".encode() for number in range(30)]


def udp(address: str = "127.0.0.1") -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((address, 0))
    return made


@contextmanager
def relay(server: tuple[Any, ...], copies: Drops) -> Iterator[tuple[Any, ...]]:
    """A relay before the server; yields the address that stands for it."""
    front, back = udp(), udp()
    stop, stopped = socket.socketpair()
    client: list[Any] = []

    def run() -> None:
        with selectors.DefaultSelector() as selector:
            for each in (front, back, stopped):
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is stopped:
                        return
                    datagram, source = key.fileobj.recvfrom(LARGEST)  # type: ignore[union-attr]
                    if key.fileobj is front:
                        client[:] = [source]
                        for _ in range(copies("data", datagram)):
                            back.sendto(datagram, server)
                    else:
                        for _ in range(copies("ack", datagram)):
                            front.sendto(datagram, client[0])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield front.getsockname()
    finally:
        stop.close()
        thread.join()
        for each in (front, back, stopped):
            each.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_nothing_lost(address: str) -> None:
    try:
        server = udp(address)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with serve_reliable(server) as receiver, udp(address) as client:
        assert reliable(PIECES, client, server.getsockname(), timeout=5) == len(PIECES)
    assert receiver.pieces == PIECES
    assert receiver.thrown_away == 0
    assert receiver.datagrams == len(PIECES)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_loss_in_both_directions(seed: int) -> None:
    chance = {kind: random.Random(f"{seed} {kind}") for kind in ("data", "ack")}

    def copies(kind: str, datagram: bytes) -> int:
        drawn = chance[kind].random()
        return 0 if drawn < 0.3 else 2 if drawn > 0.8 else 1

    server = udp()
    with serve_reliable(server) as receiver, relay(server.getsockname(), copies) as address, udp() as client:
        sent = reliable(PIECES, client, address, timeout=0.01)
    assert receiver.pieces == PIECES
    assert sent > len(PIECES)
    assert receiver.thrown_away > 0


def test_never_two_under_way() -> None:
    seen: list[int] = []

    def copies(kind: str, datagram: bytes) -> int:
        if kind == "data":
            seen.append(NUMBER.unpack_from(datagram)[0])
        return 1

    server = udp()
    with serve_reliable(server), relay(server.getsockname(), copies) as address, udp() as client:
        reliable(PIECES, client, address, timeout=5)
    assert seen == list(range(len(PIECES)))


def test_a_name_for_the_address_and_the_largest_pieces() -> None:
    largest = [bytes(LARGEST - NUMBER.size), b"", b"x"]
    server = udp()
    with serve_reliable(server) as receiver, udp() as client:
        assert reliable(largest, client, ("localhost", server.getsockname()[1]), timeout=5) == 3
    assert receiver.pieces == largest


def test_no_pieces() -> None:
    server = udp()
    with serve_reliable(server) as receiver, udp() as client:
        assert reliable([], client, server.getsockname()) == 0
    assert receiver.pieces == []


def test_a_sender_of_the_students_and_the_sockets_own_timeout() -> None:
    made: list[Sender] = []

    class Mine(Sender):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    server = udp()
    with serve_reliable(server) as receiver, udp() as client:
        client.settimeout(7)
        reliable(PIECES, client, server.getsockname(), timeout=5, sender=Mine)
        assert client.gettimeout() == 7
    assert receiver.pieces == PIECES
    assert made[0].done


def test_nobody_there_is_said() -> None:
    with udp() as client, udp() as silent:
        with pytest.raises(LabError, match="no ack has moved this transfer for 50 timeouts"):
            reliable(PIECES, client, silent.getsockname(), timeout=0.001)
        assert client.gettimeout() is None


def test_a_sender_that_does_nothing_for_an_ack_is_named() -> None:
    class Mine(Sender):
        def acked(self, number: int) -> None:
            pass

    server = udp()
    with serve_reliable(server), udp() as client, pytest.raises(LabError) as caught:
        reliable(PIECES, client, server.getsockname(), timeout=0.01, sender=Mine)
    assert re.search(r"Acks came: acked\(\) of Mine was called \d+ times, and sent nothing\. "
                     r"exercises\.udp\.stop_and_wait\.check\(Mine\) tells", str(caught.value))


def test_where_no_ack_comes_the_sender_is_not_blamed() -> None:
    with udp() as client, udp() as silent, pytest.raises(LabError) as caught:
        reliable(PIECES, client, silent.getsockname(), timeout=0.001)
    assert "Does serve_reliable() run at this address?" in str(caught.value)
    assert "acked()" not in str(caught.value)


def test_a_closed_port_of_a_connected_socket_is_said_too() -> None:
    with udp() as gone:
        address = gone.getsockname()
    with udp() as client:
        client.connect(address)
        with pytest.raises(LabError, match="no ack"):
            reliable([b"x"], client, address, timeout=0.001)


def test_what_came_before_is_left_aside() -> None:
    server = udp()
    with udp() as client:
        server.sendto(NUMBER.pack(0), client.getsockname())  # a late ack of an earlier transfer
        with serve_reliable(server) as receiver:
            reliable([b"a", b"b"], client, server.getsockname(), timeout=5)
    assert receiver.pieces == [b"a", b"b"]


class TestReceiver:
    def test_strangers_and_rubbish_are_left_aside(self) -> None:
        server = udp()
        address = server.getsockname()
        with serve_reliable(server) as receiver, udp() as client, udp() as stranger:
            for each in (client, stranger):
                each.settimeout(10)
            client.sendto(b"abc", address)  # too short for a number
            client.sendto(NUMBER.pack(3) + b"out of turn", address)
            client.sendto(NUMBER.pack(0) + b"mine", address)
            assert client.recv(100) == NUMBER.pack(0)
            stranger.sendto(NUMBER.pack(1) + b"not mine", address)
            client.sendto(NUMBER.pack(0) + b"again", address)
            assert client.recv(100) == NUMBER.pack(0)
            client.sendto(NUMBER.pack(1), address)
            assert client.recv(100) == NUMBER.pack(1)
            assert receiver.pieces == [b"mine", b""]
            assert receiver.thrown_away == 1
            assert receiver.datagrams == 6

    def test_close_ends_the_thread_and_closes_the_socket(self) -> None:
        server = udp()
        receiver = serve_reliable(server)
        receiver.close()
        receiver.close()
        assert server.fileno() == -1
        assert not [thread for thread in threading.enumerate() if thread.name == "labkit-receiver"]


class TestOverAWire:
    """`send_over`: the solution's sender, or the student's own, between the hosts of a wire that loses datagrams."""

    def test_the_sender_that_is_given_is_used(self) -> None:
        used = []

        class Mine(Sender):
            def start(self) -> None:
                used.append("mine")
                super().start()

        with lab.Wire() as wire:
            wire.drop(protocol="UDP", nth=3)
            with wire.capture(9001) as tape:
                sent = send_over(wire, PIECES, 9001, sender=Mine)
        assert used
        assert sent == len(PIECES) + 1
        pieces = [packet.payload[NUMBER.size :] for packet in tape.where(sender="client")]
        assert sorted(set(pieces), key=PIECES.index) == PIECES

    def test_without_one_that_of_the_solution_is_used(self) -> None:
        with lab.Wire() as wire:
            assert send_over(wire, PIECES, 9001) == len(PIECES)
