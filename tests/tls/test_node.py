"""Node's order of events in TLS: the same scenario in Node and in labkit, in TLS 1.2 and in 1.3.

Rule: node/scenarios.js holds the Node half under the same names; what differs stands in `OTHERWISE`, with its reason.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from labkit import net, tls
from labkit.core import loop
from tests import nodes
from tests.needs import need_tool
from tests.nodes import LOCAL
from tests.tls.people import people


class Play(nodes.Play):
    """A scenario with TLS sockets of one version."""

    cast = ("server", "served", "client")
    version = ""

    def note(self, who: str, event: str) -> None:
        if event == "session" and self.version == "TLSv1.3":
            return  # it stands where TCP happens to cut the stream
        if event not in ("data", "session") or self.story[who][-1:] != [event]:
            self.story[who].append(event)

    def watch(self, who: str, socket: tls.TLSSocket) -> tls.TLSSocket:
        self.open.add(socket)
        if who == "client":
            socket.on("secure_connect", self.noting(who, "secureConnect"))
        for event in ("connect", "end", "finish", "session"):
            socket.on(event, self.noting(who, event))
        socket.on("error", lambda error: self.note(who, f"error {error.code or 'undefined'}"))
        socket.on("close", lambda failed: self.note(who, f"close {str(failed).lower()}"))
        socket.on("data", self.noting(who, "data"))
        loop.get().call_soon(lambda: socket.on("close", lambda failed: self.finish(socket)))
        return socket

    def watch_server(self, server: tls.Server) -> tls.Server:
        self.open.add(server)
        server.on("connection", self.noting("server", "connection"))
        server.on("connection", lambda _: server.close())
        server.on("secure_connection", self.noting("server", "secureConnection"))
        server.on("tls_client_error", lambda error, _: self.note("server", f"tlsClientError {error.code}"))
        server.on("close", self.noting("server", "close"))
        server.on("close", lambda: loop.get().call_soon(self.finish, server))
        return server

    def one(
        self, serve: Callable[[Any], Any], use: Callable[[Any], Any], *, client: Any = None, **server_options: Any
    ) -> None:
        """A server that serves one connection, and a client on it."""

        def secured(socket: Any) -> None:
            self.watch("served", socket)
            serve(socket)

        def on_listening() -> None:
            options = {"ca": people().root, **(client or {})}
            use(self.watch("client", tls.connect(server.port, LOCAL, **options)))

        server = self.server(ca=people().root, min_version=self.version, max_version=self.version, **server_options)
        server.on("secure_connection", secured)
        server.listen(0, LOCAL, on_listening=on_listening)

    def server(self, **options: Any) -> tls.Server:
        return self.watch_server(tls.create_server(key=people().server, cert=people().server, **options))

    def plain(self, use: Callable[[net.Socket], Any], **options: Any) -> None:
        """A server of TLS, and a client without it."""
        server = self.server(**options)

        def on_listening() -> None:
            client = net.Socket().connect(server.port, LOCAL)
            self.open.add(client)
            client.on("error", lambda _: None)
            client.on("close", lambda _: self.finish(client))
            use(client.resume())

        server.listen(0, LOCAL, on_listening=on_listening)


VERSIONS = ("TLSv1.2", "TLSv1.3")


class Scenarios(nodes.Scenarios[Play]):
    """Each in one version of TLS."""

    def story(self, name: str, version: str) -> nodes.Story:
        Play.version = version
        return self.our_story(name)

    @cache  # noqa: B019  one object, as long as the tests run
    def node(self, name: str, version: str) -> nodes.Story:
        with TemporaryDirectory() as folder:
            people().server.save(Path(folder), "server")
            people().client.save(Path(folder), "client")
            (Path(folder) / "root.pem").write_bytes(people().root)
            (Path(folder) / "other.pem").write_bytes(people().other_root)
            command = [need_tool("node"), str(self.script), name, version, folder]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        story: nodes.Story = json.loads(ran.stdout)
        if version == "TLSv1.3":  # as `Play.note`
            story["client"] = [each for each in story["client"] if each != "session"]
        return story


SCENARIOS = Scenarios(__file__, Play)
scenario = SCENARIOS.add


def nothing(*_: Any) -> None:
    """Do nothing."""


def reply(socket: net.Socket) -> None:
    socket.on("data", socket.write)


@scenario
def exchange_client_ends(play: Play) -> None:
    play.one(reply, lambda client: (client.once("data", lambda data: client.end()), client.write("hello")))


@scenario
def exchange_server_ends(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: s.end("bye")), lambda client: client.write("hello"))


@scenario
def server_ends_at_once(play: Play) -> None:
    play.one(lambda s: s.end(), nothing)


@scenario
def server_ends_with_data(play: Play) -> None:
    play.one(lambda s: s.end("greeting"), nothing)


@scenario
def client_ends_at_once(play: Play) -> None:
    play.one(nothing, lambda client: client.end("all I have"))


@scenario
def half_open_server(play: Play) -> None:
    play.one(
        lambda s: s.on("end", lambda: s.end("late answer")), lambda client: client.end("question"), allow_half_open=True
    )


@scenario
def echo_by_pipe(play: Play) -> None:
    play.one(
        lambda s: s.pipe(s), lambda client: (client.once("data", lambda data: client.end()), client.write("echo me"))
    )


@scenario
def client_destroys_after_data(play: Play) -> None:
    play.one(reply, lambda client: (client.once("data", lambda data: client.destroy()), client.write("x")))


@scenario
def server_destroys_after_data(play: Play) -> None:
    play.one(lambda s: s.once("data", lambda data: s.destroy()), lambda client: client.write("x"))


@scenario
def unknown_ca(play: Play) -> None:
    play.one(nothing, nothing, client={"ca": people().other_root})


@scenario
def wrong_name(play: Play) -> None:
    play.one(nothing, nothing, client={"servername": "example.com"})


@scenario
def not_rejected(play: Play) -> None:
    play.one(lambda s: s.end(), nothing, client={"ca": people().other_root, "reject_unauthorized": False})


@scenario
def own_check_refuses(play: Play) -> None:
    play.one(nothing, nothing, client={"check_server_identity": lambda name, certificate: ValueError("no")})


@scenario
def certificate_required(play: Play) -> None:
    play.one(nothing, nothing, request_cert=True)


@scenario
def certificate_given(play: Play) -> None:
    pair = people().client
    play.one(lambda s: s.end(), nothing, client={"key": pair, "cert": pair}, request_cert=True)


@scenario
def certificate_asked(play: Play) -> None:
    play.one(lambda s: s.end(), nothing, request_cert=True, reject_unauthorized=False)


@scenario
def no_common_version(play: Play) -> None:
    only = {"max_version": "TLSv1.2"} if play.version == "TLSv1.3" else {"min_version": "TLSv1.3"}
    play.one(nothing, nothing, client=only)


@scenario
def no_common_protocol(play: Play) -> None:
    play.one(nothing, nothing, client={"alpn_protocols": ["two"]}, alpn_protocols=["one"])


@scenario
def plain_http(play: Play) -> None:
    play.plain(lambda client: client.end("GET / HTTP/1.1\r\n\r\n"))


@scenario
def handshake_timeout(play: Play) -> None:
    play.plain(nothing, handshake_timeout=0.05)


@scenario
def client_leaves_in_the_handshake(play: Play) -> None:
    play.plain(lambda client: client.end())


@scenario
def server_leaves_in_the_handshake(play: Play) -> None:
    server = net.create_server(lambda socket: socket.on("error", nothing).resume().end())
    play.open.add(server)
    server.on("close", lambda: play.finish(server))

    def on_listening() -> None:
        client = play.watch("client", tls.connect(server.port, LOCAL))
        client.on("close", lambda _: server.close())

    server.listen(0, LOCAL, on_listening=on_listening)


@scenario
def refused(play: Play) -> None:
    server = net.create_server()

    def on_listening() -> None:
        port = server.port
        server.close(lambda: play.watch("client", tls.connect(port, LOCAL)))

    server.listen(0, LOCAL, on_listening=on_listening)


def test_both_halves_have_the_same_scenarios() -> None:
    assert SCENARIOS.names_in_node() == SCENARIOS.names


CUT = ["error ERR_TLS_TRUNCATED", "close true"]
ALERTED = {
    "unknown_ca": "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "wrong_name": "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
}


def otherwise(name: str, version: str) -> nodes.Story:
    """Who has another story here than in Node, and why."""
    opened = ["connect", "secureConnect", *(["session"] if version == "TLSv1.2" else [])]
    if name == "client_destroys_after_data":  # Node takes a connection that is cut off for one that has ended
        return {"served": ["data", *CUT]}
    if name == "server_destroys_after_data":
        return {"client": [*opened, *CUT]}
    if name in ALERTED:  # Node's client sends no alert: its own code looks at the certificate after the handshake
        return {"server": ["connection", f"tlsClientError {ALERTED[name]}", "close"], "served": []}
    if name == "own_check_refuses":  # the error says whose certificate it is about, and has a code
        told = {"client": ["connect", "error ERR_TLS_CERT_ALTNAME_INVALID", "close true"]}
        if version == "TLSv1.2":  # the server's handshake is done
            return {**told, "served": CUT}
        return {**told, "server": ["connection", "tlsClientError ECONNRESET", "close"]}
    if name == "certificate_required" and version == "TLSv1.3":  # Node goes on to end what has failed
        return {"client": ["connect", "secureConnect", "error ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "close true"]}
    if name == "certificate_asked":  # no session: see lenient.py
        return {"client": ["connect", "secureConnect", "end", "finish", "close false"]}
    if name == "client_leaves_in_the_handshake":  # Node tells the error after its server has closed
        return {"server": ["connection", "tlsClientError ECONNRESET", "close"]}
    if name == "server_leaves_in_the_handshake":  # nothing of TLS has ended: there was nothing
        return {"client": ["connect", "error ECONNRESET", "close true"]}
    return {}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SCENARIOS.names)
def test_the_story_is_the_same(name: str, version: str) -> None:
    expected = {**SCENARIOS.node(name, version), **otherwise(name, version)}
    assert SCENARIOS.story(name, version) == expected
