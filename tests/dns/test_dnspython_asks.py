"""dnspython asks our server, by UDP and by TCP, and gets the same answers as dig.

Rule: only 127.0.0.1 is asked; no file of the machine says otherwise.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import dns.message as their_message
import dns.query as their_query
import dns.resolver as their_resolver
import pytest

from labkit import servers
from tests.needs import need_tool


@pytest.fixture
def server() -> Iterator[servers.dns.Server]:
    with servers.dns.create().listen(0) as running:
        yield running


@pytest.fixture
def resolver(server: servers.dns.Server) -> their_resolver.Resolver:
    """dnspython's resolver, which knows this one server and no file of the machine's."""
    made = their_resolver.Resolver(configure=False)
    made.nameservers, made.port = ["127.0.0.1"], server.port
    made.timeout = made.lifetime = 20
    return made


def lines(response: their_message.Message) -> list[list[str]]:
    """The answers, each record divided into words, sorted."""
    return sorted(line.split() for rrset in response.answer for line in rrset.to_text().splitlines())


class TestServer:
    """Our server, asked by dnspython and by dig: the same answers."""

    @pytest.mark.parametrize("tcp", [False, True])
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("lab.example", "A"), ("lab.example", "AAAA"), ("lab.example", "MX"), ("lab.example", "NS"),
            ("lab.example", "SOA"), ("shop.lab.example", "A"), ("away.lab.example", "CNAME"), ("LAB.eXample", "A"),
            ("txt.lab.example", "TXT"), ("many.lab.example", "TXT"), ("huge.lab.example", "TXT"),
        ],
    )  # fmt: skip
    def test_the_same_as_dig(self, resolver: their_resolver.Resolver, name: str, kind: str, tcp: bool) -> None:
        answer = resolver.resolve(name, kind, tcp=tcp)
        command = [need_tool("dig"), "-r", "@127.0.0.1", "-p", str(resolver.port), "+tries=1", "+timeout=20", "+noall",
                   "+answer", "+tcp" if tcp else "+notcp", name, kind]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        digs = [line.split() for line in done.stdout.splitlines() if line and not line.startswith(";")]
        assert digs
        assert lines(answer.response) == sorted(digs)

    @pytest.mark.parametrize(
        ("name", "payload", "by_tcp", "count"),
        [
            ("txt.lab.example", 0, False, 1),
            ("many.lab.example", 0, True, 12),  # more than 512 bytes
            ("many.lab.example", 1232, False, 12),
            ("huge.lab.example", 1232, True, 40),
            ("huge.lab.example", 65535, True, 40),  # our server sends no such datagrams
        ],
    )
    def test_falls_back_to_tcp(
        self, server: servers.dns.Server, name: str, payload: int, by_tcp: bool, count: int
    ) -> None:
        query = their_message.make_query(name, "TXT", use_edns=0 if payload else -1, payload=payload or None)
        response, used_tcp = their_query.udp_with_fallback(query, "127.0.0.1", timeout=20, port=server.port)
        assert (used_tcp, len(lines(response))) == (by_tcp, count)
        assert response.edns == (0 if payload else -1)

    def test_what_there_is_not(self, resolver: their_resolver.Resolver) -> None:
        with pytest.raises(their_resolver.NXDOMAIN):
            resolver.resolve("nowhere.lab.example", "A")
        with pytest.raises(their_resolver.NoAnswer):
            resolver.resolve("v4only.lab.example", "AAAA")
        with pytest.raises(their_resolver.NoNameservers, match="REFUSED"):
            resolver.resolve("www.elsewhere.example", "A")

    def test_an_alias_is_followed(self, resolver: their_resolver.Resolver) -> None:
        answer = resolver.resolve("shop.lab.example", "A")
        assert str(answer.canonical_name) == "web.lab.example."
        assert [each.address for each in answer] == ["192.0.2.80", "192.0.2.81"]
