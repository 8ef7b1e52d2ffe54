"""TLS over a wire that loses, doubles, damages and reorders: all of it opens, and each byte leads to a packet.

Rule: real kernel TCP over a real cable, and Python's ssl at both ends.
"""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from tests.lab.wires import live_wire
from tests.packets.leaves import every_byte_once
from tests.packets.test_messages import LOSSES, MUCH
from tests.packets.tls_scenes import V12, V13, context


def exactly(source: ssl.SSLSocket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := source.recv(65536)):
        data += part
    return data


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("rule", LOSSES)
def test_tls_over_a_wire_with_accidents(rule: str, version: ssl.TLSVersion, tmp_path: Path) -> None:
    asked = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(MUCH) + MUCH
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(MUCH) + MUCH
    log = tmp_path / "keys"
    serving = context(server=True, version=version, keys=str(log))
    calling = context(server=False)
    with live_wire() as wire:
        with wire.server:
            listener = socket.create_server(("", 8443))

        def serve() -> None:
            with wire.server:
                peer, _ = listener.accept()
            with peer, serving.wrap_socket(peer, server_side=True) as tls:
                for _ in range(2):
                    exactly(tls, len(asked))
                    tls.sendall(answer)
                exactly(tls, 1)

        thread = threading.Thread(target=serve)
        thread.start()
        LOSSES[rule](wire)
        with listener, wire.capture() as tape:
            with wire.client:
                caller = socket.create_connection((wire.server.address, 8443), timeout=30)
            with caller, calling.wrap_socket(caller, server_hostname="localhost") as tls:
                for _ in range(2):
                    tls.sendall(asked)
                    assert exactly(tls, len(answer)) == answer
            thread.join()
    assert not tape.secrets
    closed = [each for each in tape.records if each.encrypted]
    assert closed
    assert not any(each.opened for each in closed)
    tape = tape.with_secrets(log)
    assert all(each.opened for each in tape.records if each.encrypted)
    assert [(message.kind, message.state) for message in tape.messages] == [("request", ""), ("response", "")] * 2
    for message in tape.messages:
        assert message.body == MUCH
        assert message.records
        assert set(message.packets) <= {number for each in message.records for number in each.packets}
        lost = {packet.number for packet in tape if packet.verdict is not None and packet.verdict.kind == "dropped"}
        assert not lost & set(message.packets)
        every_byte_once(message.fields, message.start, message.stop)
