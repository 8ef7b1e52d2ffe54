"""The DNS server and real clients: dig asks it by UDP and by TCP, and hostile ones send what they like (T-2.3).

Rule: nothing of labkit is on the client's side, but `labkit.dns` to write hostile messages with.
"""

from __future__ import annotations

import os
import random
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from labkit import dns, servers
from labkit.core.errors import LabError, PortInUse
from tests.needs import need_tool
from tests.servers.conftest import Serving

Serve = Callable[..., Serving]
ASK = dns.Message(id=77, questions=(dns.Question("lab.example"),)).encode()


def dig(port: int | str, *words: str, host: str = "127.0.0.1") -> str:
    """What dig says, asked without any file of the user's."""
    command = [need_tool("dig"), "-r", f"@{host}", "-p", str(port), "+tries=1", "+timeout=20", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


@pytest.fixture
def server() -> Iterator[servers.dns.Server]:
    with servers.dns.create().listen(0) as running:
        yield running


def udp_answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(20)
        plain.sendto(ASK, ("127.0.0.1", port))
        return dns.Message.decode(plain.recv(65535)).answers[0].data == "192.0.2.1"


def receive(connection: socket.socket) -> dns.Message | None:
    """The next message of a TCP connection, or None at its end."""
    with connection.makefile("rb") as stream:
        size = stream.read(2)
        return dns.Message.decode(stream.read(int.from_bytes(size, "big"))) if size else None


def test_it_says_what_it_is_and_where() -> None:
    with servers.dns.create() as server:
        assert repr(server) == "<DNS server for lab.example, not listening>"
        server.listen(0)
        assert repr(server) == f"<DNS server for lab.example on 127.0.0.1:{server.port}, UDP and TCP>"
    assert repr(server) == "<DNS server for lab.example, not listening>"


class TestDig:
    """T-2.3: a small DNS server that real dig can ask."""

    @pytest.mark.parametrize("how", ["+notcp", "+tcp", "+noedns", "+bufsize=512"])
    @pytest.mark.parametrize(
        ("name", "kind", "said"),
        [
            ("lab.example", "A", ["192.0.2.1"]),
            ("lab.example", "AAAA", ["2001:db8::1"]),
            ("lab.example", "MX", ["10 mail.lab.example."]),
            ("lab.example", "NS", ["ns.lab.example."]),
            ("lab.example", "SOA", ["ns.lab.example. hostmaster.lab.example. 1 7200 900 1209600 300"]),
            ("shop.lab.example", "A", ["www.lab.example.", "web.lab.example.", "192.0.2.80", "192.0.2.81"]),
            ("txt.lab.example", "TXT", ['"one text" "and another"']),
            ("nowhere.lab.example", "A", []),
        ],
    )
    def test_short(self, server: servers.dns.Server, how: str, name: str, kind: str, said: list[str]) -> None:
        assert dig(server.port, name, kind, "+short", how).splitlines() == said

    @pytest.mark.parametrize(
        ("name", "status"),
        [("nowhere.lab.example", "NXDOMAIN"), ("v4only.lab.example", "NOERROR"), ("elsewhere.example", "REFUSED")],
    )
    def test_status(self, server: servers.dns.Server, name: str, status: str) -> None:
        said = dig(server.port, name, "AAAA")
        assert f"status: {status}," in said
        assert "ANSWER: 0," in said
        assert ("SOA" in said) == (status != "REFUSED")
        assert "recursion requested but not available" in said
        for complaint in ("Got bad packet", "extra", "malformed", "mismatch", "FORMERR"):
            assert complaint not in said

    def test_what_does_not_fit_is_asked_again_over_tcp(self, server: servers.dns.Server) -> None:
        for how in ("+noedns", "+bufsize=512"):
            said = dig(server.port, "many.lab.example", "TXT", how)
            assert ";; Truncated, retrying in TCP mode." in said
            assert "ANSWER: 12," in said
            assert "(TCP)" in said
            cut = dig(server.port, "many.lab.example", "TXT", how, "+ignore")
            assert " tc " in cut or " tc;" in cut
        said = dig(server.port, "many.lab.example", "TXT")
        assert "Truncated" not in said
        assert "(UDP)" in said
        assert "Truncated" in dig(server.port, "huge.lab.example", "TXT")

    def test_operations_and_versions(self, server: servers.dns.Server) -> None:
        assert "status: NOTIMP," in dig(server.port, "lab.example", "+opcode=STATUS")
        assert "status: BADVERS," in dig(server.port, "lab.example", "+edns=1", "+noednsnegotiation")
        assert "192.0.2.1" in dig(server.port, "LAB.eXample", "+dnssec", "+nsid", "+subnet=192.0.2.0/24")

    def test_several_on_one_connection(self, server: servers.dns.Server) -> None:
        names = ["lab.example", "web.lab.example", "ns.lab.example"]
        said = dig(server.port, "+short", "+tcp", "+keepopen", *names)
        assert said.splitlines() == ["192.0.2.1", "192.0.2.80", "192.0.2.81", "192.0.2.53"]

    def test_over_ipv6(self) -> None:
        with servers.dns.create().listen(0, "::1") as server:
            for how in ("+notcp", "+tcp"):
                assert dig(server.port, "lab.example", "+short", how, host="::1") == "192.0.2.1\n"

    def test_a_zone_of_ones_own(self) -> None:
        zone = dns.Zone.parse(
            "own.example SOA ns.own.example me.own.example 1 2 3 4 5\na.own.example A 192.0.2.9\n", ttl=60
        )
        with servers.dns.create(zone).listen(0) as server:
            assert "a.own.example.\t\t60\tIN\tA\t192.0.2.9" in dig(server.port, "a.own.example")

    def test_as_a_program(self, serve: Serve) -> None:
        serving = serve("dns", "--port", "0")
        assert serving.said.startswith("dns listens on 127.0.0.1 port ")
        assert dig(serving.port, "www.lab.example", "AAAA", "+short") == "web.lab.example.\n2001:db8::80\n"
        assert serving.stop() == (0, "", "")


class TestTcp:
    """RFC 1035 §4.2.2, RFC 7766: two bytes of length before each message."""

    def test_split_anywhere(self, server: servers.dns.Server) -> None:
        framed = len(ASK).to_bytes(2, "big") + ASK
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(framed) + 1):
                connection.sendall(framed[:at])
                connection.sendall(framed[at:])
                answer = receive(connection)
                assert answer is not None
                assert answer.id == 77

    def test_many_in_one_piece(self, server: servers.dns.Server) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall((len(ASK).to_bytes(2, "big") + ASK) * 50)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                whole = stream.read()
        size = int.from_bytes(whole[:2], "big") + 2
        assert whole == whole[:size] * 50

    def test_an_error_keeps_the_connection(self, server: servers.dns.Server) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            for query, rcode in ((ASK[:-1], dns.Rcode.FORMERR), (ASK, dns.Rcode.NOERROR)):
                connection.sendall(len(query).to_bytes(2, "big") + query)
                answer = receive(connection)
                assert answer is not None
                assert answer.rcode == rcode

    @pytest.mark.parametrize("data", [b"\xff\xff", b"\0\0", b"\0\5hello", b"\0\x0c" + b"\0\1\x80" + bytes(9)])
    def test_what_is_no_query_ends_it(self, server: servers.dns.Server, data: bytes) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(data)
            assert connection.recv(1) == b""
        assert udp_answers(server.port)

    def test_who_never_goes_on_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(servers.dns, "IDLE", 0.05)
        server = servers.dns.create().listen(0)
        with server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(b"\0\x20half")
            assert connection.recv(1) == b""

    def test_who_does_not_read_is_not_answered_without_end(self, server: servers.dns.Server) -> None:
        query = dns.Message(id=1, questions=(dns.Question("huge.lab.example", dns.Type.TXT),)).encode()
        framed = (len(query).to_bytes(2, "big") + query) * 2000
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.setblocking(False)
            sent = refused = 0
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            while refused < 5:  # the server has had its turn that often, and has still not read on
                try:
                    sent += connection.send(framed[sent % len(framed) :])
                    refused = 0
                except BlockingIOError:
                    assert udp_answers(server.port)
                    refused += 1
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
            connection.setblocking(True)
            connection.settimeout(20)
            answer = receive(connection)
            assert answer is not None
            assert len(answer.answers) == 40

    def test_more_connections_than_there_may_be(self, server: servers.dns.Server) -> None:
        opened = [
            socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(servers.dns.CONNECTIONS + 5)
        ]
        try:
            assert opened[-1].recv(1) == b""
            assert udp_answers(server.port)
            opened[0].sendall(len(ASK).to_bytes(2, "big") + ASK)
            assert receive(opened[0]) is not None
        finally:
            for each in opened:
                each.close()


class TestHostile:
    """Malformed and hostile queries: an error answer or nothing, and the server goes on."""

    def test_bad_datagrams_and_good_ones(self, server: servers.dns.Server) -> None:
        rng = random.Random(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            for _ in range(100):
                for raw in bad(rng, 50):  # no more than the kernel's queue holds, so that the good one is not lost
                    plain.sendto(raw, ("127.0.0.1", server.port))
                assert udp_answers(server.port)

    def test_a_flood_of_bad_datagrams(self, server: servers.dns.Server) -> None:
        rng = random.Random(2)
        assert udp_answers(server.port)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            for raw in bad(rng, 20_000):
                plain.sendto(raw, ("127.0.0.1", server.port))
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(len(ASK).to_bytes(2, "big") + ASK)
            assert receive(connection) is not None
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB

    def test_two_servers_do_not_answer_each_other(self, server: servers.dns.Server) -> None:
        with servers.dns.create().listen(0) as other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.bind(("127.0.0.1", 0))
            response = dns.EXAMPLE.answer(ASK)
            assert response is not None
            plain.settimeout(20)
            for port in (server.port, other.port):
                plain.sendto(response, ("127.0.0.1", port))
                plain.sendto(ASK[:2] + b"\1" + ASK[3:], ("127.0.0.1", port))
                answer = dns.Message.decode(plain.recv(600))
                assert answer.recursion_desired  # the response before it got none

    def test_every_vector_by_tcp(self, server: servers.dns.Server) -> None:
        for _ in range(200):
            raw = os.urandom(40)
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(len(raw).to_bytes(2, "big") + raw)
                connection.shutdown(socket.SHUT_WR)
                with connection.makefile("rb") as stream:
                    said = stream.read()
                assert not said or dns.Message.decode(said[2:]).is_response
        assert udp_answers(server.port)


def bad(rng: random.Random, count: int) -> Iterator[bytes]:
    """Queries with damage, plain noise, and now and then a long one."""
    for number in range(count):
        raw = bytearray(ASK)
        for _ in range(3):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        if number % 4 == 0:
            raw = bytearray(rng.randbytes(rng.randrange(40)))
        if number % 50 == 0:
            raw = bytearray(ASK[:12] + rng.randbytes(60_000))
        yield bytes(raw)


class TestPorts:
    """Opening and closing."""

    def test_taken(self, server: servers.dns.Server) -> None:
        with pytest.raises(PortInUse):
            servers.dns.create().listen(server.port)
        # The system picks a free port for TCP: one of UDP's may be that of a TCP client that ended a minute ago.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.bind(("127.0.0.1", port))
            with pytest.raises(PortInUse, match="UDP"):
                servers.dns.create().listen(port)
            with socket.create_server(("127.0.0.1", port)):
                pass  # the TCP port was given back

    def test_twice_and_never(self, server: servers.dns.Server) -> None:
        with pytest.raises(LabError, match="already listens"):
            server.listen(0)
        port = server.port
        assert server.address() == ("127.0.0.1", port)
        assert server.close().close().port == 0
        assert server.address() is None
        with server.listen(port):
            assert udp_answers(port)

    def test_the_chapters_port(self) -> None:
        assert servers.dns.PORT == 5300
        with pytest.raises(LabError, match="path"):
            servers.dns.create().listen(path="/tmp/x")
