"""Bare public keys, and somebody between two ends: what is read and changed, and what stops it.

Rule: real sockets on loopback; the attacker is the one of the lesson.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit import ca, net, servers, tls
from labkit.servers.sealed import Channel


def to_eve(text: str) -> str:
    return text.replace("Ada", "Eve")


@pytest.fixture
def bank() -> Iterator[net.Server]:
    def pay(channel: Channel) -> None:
        channel.on("message", lambda text: channel.send(f"paid {text}"))

    with servers.sealed.create(pay).listen(0) as server:
        yield server


def ask(port: int, *texts: str) -> tuple[Channel, list[str]]:
    channel = servers.sealed.connect(port)
    got = []
    for text in texts:
        channel.send(text)
        got.append(channel.wait_for("message"))
    channel.socket.end()
    channel.socket.wait_for("close")
    return channel, got


class TestSealed:
    def test_messages_come_in_order(self, bank: net.Server) -> None:
        texts = [f"number {at} " + "ü" * at for at in range(5)]
        assert ask(bank.port, *texts)[1] == [f"paid {text}" for text in texts]

    def test_what_is_said_before_the_keys_waits(self, bank: net.Server) -> None:
        channel = servers.sealed.connect(bank.port)
        for text in ("one", "two"):
            channel.send(text)
        assert [channel.wait_for("message") for _ in range(2)] == ["paid one", "paid two"]
        channel.socket.end()
        channel.socket.wait_for("close")

    def test_nothing_of_it_is_readable(self) -> None:
        came = bytearray()

        def listen(socket: net.Socket) -> None:
            socket.on("data", came.extend)
            socket.write(bytes(range(32)))  # somebody's public key

        with net.create_server(listen).listen(0) as server:
            channel = servers.sealed.connect(server.port)
            channel.send("10 to Ada")
            channel.wait_for("keys")
            channel.socket.end()
            server.wait_for("connection").wait_for("end")
            channel.socket.destroy()
        assert came[:32] == channel.public
        assert came[32:34] == len(came[34:]).to_bytes(2, "big")
        assert b"Ada" not in came

    @pytest.mark.parametrize("at", [2, 5, -1])
    def test_a_changed_byte_is_noticed(self, at: int) -> None:
        """Whoever has not the key can change a message, and the receiver sees it."""
        made: list[Channel] = []
        with servers.sealed.create(made.append).listen(0) as server, net.connect(server.port) as plain:
            peer = _Hand(plain)
            sealed = bytearray(peer.sealed("10 to Ada"))
            sealed[at] ^= 1
            plain.write(bytes(sealed))
            made[0].wait_for("forged")
            plain.wait_for("close")


class _Hand(Channel):
    """A channel whose frames are taken before they are sent."""

    def __init__(self, socket: net.Socket) -> None:
        super().__init__(socket, begins=True)
        self.wait_for("keys")

    def sealed(self, text: str) -> bytes:
        taken: list[bytes] = []
        write, self.socket = self.socket, _Taker(taken)  # type: ignore[assignment]
        self._send(text)
        self.socket = write
        return taken[0]


class _Taker:
    def __init__(self, taken: list[bytes]) -> None:
        self.write = taken.append


class TestBareKeys:
    def test_he_reads_and_changes(self, bank: net.Server) -> None:
        read: list[str] = []
        middle = servers.attacker.create_sealed(lambda: servers.sealed.connect(bank.port), to_eve, read)
        with middle.listen(0):
            channel, got = ask(middle.port, "10 to Ada", "5 to Bob")
        assert got == ["paid 10 to Eve", "paid 5 to Bob"]
        assert read == ["10 to Ada", "paid 10 to Eve", "5 to Bob", "paid 5 to Bob"]
        assert len(channel.peer) == 32


class TestCertificates:
    @pytest.fixture
    def root(self) -> ca.CA:
        return ca.CA()

    @pytest.fixture
    def onward(self, root: ca.CA) -> Iterator[Callable[[], tls.TLSSocket]]:
        bank = root.issue("bank.example")

        def pay(socket: tls.TLSSocket) -> None:
            socket.on("data", lambda data: socket.write(b"paid " + data))

        with tls.create_server(pay, key=bank, cert=bank).listen(0) as server:
            yield lambda: tls.connect(server.port, reject_unauthorized=False)

    @pytest.mark.parametrize(("stolen", "trusting", "paid"), [
        (False, True, None), (False, False, b"paid 10 to Eve"), (True, True, b"paid 10 to Eve"),
    ])  # fmt: skip
    def test_only_a_check_stops_him(
        self, root: ca.CA, onward: Any, stolen: bool, trusting: bool, paid: bytes | None
    ) -> None:
        read: list[str] = []
        identity = (root if stolen else ca.CA()).issue("bank.example")
        middle = servers.attacker.create_tls(onward, to_eve, read, key=identity, cert=identity)
        how: dict[str, Any] = {"ca": root} if trusting else {"reject_unauthorized": False}
        with middle.listen(0):
            if paid is None:
                with pytest.raises(tls.CertificateError):
                    tls.connect(middle.port, servername="bank.example", **how)
                middle.wait_for("tls_client_error")
                assert read == []
                return
            with tls.connect(middle.port, servername="bank.example", **how) as client:
                client.write("10 to Ada")
                assert client.wait_for("data") == paid
                assert client.authorized is stolen
                client.end()
                client.wait_for("close")
        assert read == ["10 to Ada", "paid 10 to Eve"]
