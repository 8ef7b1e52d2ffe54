"""How fast a connection of TLS 1.3 on a tape is found, decrypted and taken apart, to the fields of its certificate.

Rule: CPU time, medians, a tape of many connections with keys of their own in each round, so that nothing kept of one
helps the next. The walk through the headers, which every use of a tape pays, is done before.
"""

from __future__ import annotations

import argparse
import ssl
import statistics
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Target, print_targets
from benchmarks.messages import cpu
from benchmarks.secure import files
from labkit.packets import Tape
from labkit.packets.capture_file import Recording
from labkit.packets.tls_keys import KEY_LOG

ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
SEGMENT = 1448
LIMIT = 1.5
"""Milliseconds for one connection."""


class End(NamedTuple):
    """One end of a connection, in memory."""

    tls: Any
    coming: ssl.MemoryBIO
    going: ssl.MemoryBIO


def end(context: ssl.SSLContext, server: bool) -> End:
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(coming, going, server_side=server, server_hostname=None if server else "localhost")
    return End(tls, coming, going)


def spoken(calling: ssl.SSLContext, serving: ssl.SSLContext) -> Iterator[tuple[int, bytes]]:
    """What the ends of a new connection say, (1 if it is the server, bytes): handshake, exchange, close_notify."""
    ends = (end(calling, False), end(serving, True))

    def step(who: int, work: Any, *args: Any) -> Iterator[tuple[int, bytes]]:
        with suppress(ssl.SSLWantReadError):
            work(*args)
        if data := ends[who].going.read():
            ends[1 - who].coming.write(data)
            yield who, data

    client, server = (each.tls for each in ends)
    yield from step(0, client.do_handshake)
    yield from step(1, server.do_handshake)
    yield from step(0, client.do_handshake)
    yield from step(1, server.do_handshake)  # its tickets leave
    yield from step(0, client.write, ASKED)
    if server.read() != ASKED:
        raise AssertionError("the server has read something else")
    yield from step(1, server.write, ANSWERED)
    if client.read() != ANSWERED:
        raise AssertionError("the client has read something else")
    yield from step(1, server.unwrap)
    yield from step(0, client.unwrap)


def recording_of(connections: int) -> Recording:
    """So many connections, one behind the other, with the key log of all."""
    own = files()
    serving, calling = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=own.ca)
    serving.load_cert_chain(own.certificate, own.key)
    frames: list[tuple[int | None, bytes, int, int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "keys"
        serving.keylog_filename = str(log)
        for number in range(connections):
            _add(frames, 40000 + number, list(spoken(calling, serving)))
        return Recording(frames, secrets=((KEY_LOG, log.read_bytes()),))


def _add(
    frames: list[tuple[int | None, bytes, int, int, int]], port: int, turns: list[tuple[int, bytes]]
) -> None:  # fmt: skip
    """SYN to FIN of one connection, with an ACK for each segment."""
    seqs = [1, 1]

    def add(server: int, flags: int, body: bytes = b"") -> None:
        ports = ((port, 8443), (8443, port))[server]
        tcp = struct.pack("!HHIIBBHHH", *ports, seqs[server], seqs[1 - server], 80, flags, 65535, 0, 0) + body
        ip = struct.pack("!BBHHHBBH", 69, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + b"\x7f\0\0\1" * 2
        frame = bytes(12) + b"\x08\0" + ip + tcp
        frames.append((1_700_000_000_000_000_000 + len(frames) * 1000, frame, 1, 0, len(frame)))
        seqs[server] += len(body) + (flags & 1) + (flags >> 1 & 1)

    add(0, 2)
    add(1, 18)
    add(0, 16)
    for server, said in turns:
        for at in range(0, len(said), SEGMENT):
            add(server, 24, said[at : at + SEGMENT])
            add(1 - server, 16)
    for server in (1, 0):
        add(server, 17)
        add(1 - server, 16)


def fields_of(records: Any) -> list[Any]:
    """All fields of all records: of the bytes on the wire, and of what is inside."""
    found: list[Any] = []
    for record in records:
        found += record.fields
        if record.inside is not None:
            found += record.inside.fields
    return found


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the table and the target; returns them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(argv)
    times: dict[str, list[float]] = {"records, decrypted": [], "all their fields": [], "messages of HTTP inside": []}
    for number in range(options.rounds + 1):
        tape = Tape(recording_of(options.connections))
        assert len(tape.connections) == options.connections
        opened, records = cpu(lambda tape=tape: tape.records)  # type: ignore[misc]
        closed = [record for record in records if record.encrypted and record.inside is None]
        assert not closed, closed
        named, fields = cpu(lambda records=records: fields_of(records))  # type: ignore[misc]
        found, messages = cpu(lambda tape=tape: tape.messages)  # type: ignore[misc]
        assert len(messages) == 2 * options.connections
        if number:  # the first round makes what is made once
            for name, taken in zip(times, (opened, named, found), strict=True):
                times[name].append(taken / options.connections)
    each = len(records) // options.connections, sum(len(list(item.walk())) for item in fields) // options.connections
    print(
        f"a connection of TLS 1.3 with one exchange of HTTP ({each[0]} records, {each[1]} fields), "
        f"CPU time, median of {options.rounds} rounds of {options.connections}"
    )
    for name, figures in times.items():
        print(f"  {name:26s} {statistics.median(figures):7.3f} ms  (min {min(figures):.3f}, max {max(figures):.3f})")
    whole = [sum(pair) for pair in zip(times["records, decrypted"], times["all their fields"], strict=True)]
    name = "a TLS connection of a tape decrypted and taken apart"
    targets = [Target(name, statistics.median(whole), LIMIT, False, "ms")]
    print_targets(targets)
    return {"times": times, "targets": [target.as_dict() for target in targets]}


if __name__ == "__main__":
    main()
