"""HTTP and WebSocket over TLS: the same code, another transport; connections are shared by their options of TLS, too.

Rule: both ends are ours; what HTTP means is tested in tests/http.
"""

from __future__ import annotations

from typing import Any

import pytest

from labkit import http, https, tls, websocket
from labkit.core.errors import BadArgument, ConnectionReset, LabError
from tests.tls.people import Pair, people


def hello(request: http.IncomingMessage, response: http.ServerResponse) -> None:
    socket: Any = request.socket
    response.end(f"{request.url} {socket.get_protocol()} {request.headers['host']}")


@pytest.fixture(autouse=True)
def no_connection_is_kept() -> Any:
    yield
    http.close_everything()


def test_a_request_is_answered_and_the_connection_kept(good: Pair, version: str) -> None:
    with https.create_server(hello, key=good, cert=good, max_version=version).listen(0) as server:
        agent = https.Agent(ca=people().root)
        for path in ("/one", "/two"):
            request = https.get(f"https://localhost:{server.port}{path}", agent=agent)
            response = request.wait_for("response")
            assert response.body() == f"{path} {version} localhost:{server.port}".encode()
            assert request.socket.authorized
            assert request.socket.alpn_protocol == "http/1.1"
        assert request.reused_socket
        assert len(server.connections) == 1


def test_a_request_without_the_ca_raises_in_the_cell(good: Pair, version: str) -> None:
    with https.create_server(hello, key=good, cert=good, max_version=version).listen(0) as server:
        with pytest.raises(tls.CertificateError) as told:
            https.get(f"https://localhost:{server.port}/")
        assert told.value.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
        server.wait_for("tls_client_error")
        response = https.get(f"https://localhost:{server.port}/", reject_unauthorized=False).wait_for("response")
        assert response.status_code == 200
        assert not response.socket.authorized
        assert response.socket.authorization_error.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"


def test_other_options_have_other_connections(good: Pair) -> None:
    with https.create_server(hello, key=good, cert=good).listen(0) as server:
        agent = https.Agent(ca=people().root)
        place = {"host": "127.0.0.1", "port": server.port, "agent": agent}
        kept = https.get(**place).wait_for("response")
        kept.body()
        other = https.get(**place, servername="localhost").wait_for("response")
        other.body()
        assert other.socket is not kept.socket
        same = https.get(**place).wait_for("response")
        same.body()
        assert same.socket is kept.socket
        assert len(agent.free_sockets) == 2


def test_the_host_field_says_whose_certificate_it_must_be(good: Pair) -> None:
    with https.create_server(hello, key=good, cert=good).listen(0) as server:
        with pytest.raises(tls.CertificateError) as told:
            https.get(port=server.port, headers={"Host": "example.com"}, ca=people().root)
        assert told.value.code == "ERR_TLS_CERT_ALTNAME_INVALID"
        server.wait_for("tls_client_error")


def test_a_new_connection_of_an_agent_resumes_the_session(good: Pair, version: str) -> None:
    with https.create_server(hello, key=good, cert=good, max_version=version).listen(0) as server:
        agent = https.Agent(ca=people().root, keep_alive=False)
        seen = []
        for _ in range(2):
            response = https.get(f"https://localhost:{server.port}/", agent=agent).wait_for("response")
            response.body()
            seen.append(response.socket.is_session_reused())
            response.socket.wait_for("close")
        assert seen == [False, True]
        other = https.Agent(ca=people().root, keep_alive=False, max_cached_sessions=0)
        response = https.get(f"https://localhost:{server.port}/", agent=other).wait_for("response")
        assert not response.socket.is_session_reused()
        response.body()


def test_http_to_a_port_of_tls_is_told_at_both_ends(good: Pair) -> None:
    with https.create_server(hello, key=good, cert=good).listen(0) as server:
        errors: list[BaseException] = []
        http.request(f"http://localhost:{server.port}/", agent=False).on("error", errors.append).end().wait_for("close")
        assert [type(each) for each in errors] == [ConnectionReset]
        error, _ = server.wait_for("tls_client_error")
        assert error.code == "ERR_SSL_HTTP_REQUEST"
        assert "sent a plain HTTP request to a port of TLS. It should ask for https://." in str(error)


def test_https_to_a_plain_port_is_told() -> None:
    with http.create_server(hello).listen(0) as server:
        with pytest.raises(tls.TLSError) as told:
            https.get(f"https://localhost:{server.port}/", agent=False)
        assert told.value.code == "ERR_SSL_WRONG_VERSION_NUMBER"
        assert f"127.0.0.1:{server.port} does not speak TLS here: it sent b'HTTP/1.1 400" in str(told.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: https.get("http://localhost/"), "Use labkit.http for it."),
        (lambda: http.get("https://localhost/"), "Use labkit.https for it."),
        (lambda: https.get("https://localhost/", agent=http.Agent()), "has connections of http, not of https"),
        (lambda: http.get("http://localhost/", agent=https.Agent()), "has connections of https, not of http"),
        (lambda: https.get("https://localhost/", serverName="a"), "Did you mean 'servername'?"),
        (lambda: https.create_server(hello), "a server of TLS needs a certificate and its key"),
        (lambda: https.create_server(hello, certificate="x"), "create_server() has no argument 'certificate'"),
        (lambda: websocket.WebSocket("ws://localhost:1/", ca=b""), "has no TLS, so ca would do nothing"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, words: str) -> None:
    with pytest.raises(LabError) as told:
        call()
    assert words in str(told.value)


def test_a_websocket_over_tls(good: Pair, version: str) -> None:
    with https.create_server(hello, key=good, cert=good, max_version=version).listen(0) as server:
        chat = websocket.create_server(lambda ws, request: ws.on("message", ws.send), server=server)
        with websocket.WebSocket(f"wss://localhost:{server.port}/chat", ca=people().root) as ws:
            ws.send("hello")
            assert ws.wait_for("message") == "hello"
            assert ws.url == f"wss://localhost:{server.port}/chat"
        with pytest.raises(tls.CertificateError):
            websocket.WebSocket(f"wss://localhost:{server.port}/chat")
        server.wait_for("tls_client_error")
        chat.close()


def test_only_pages_of_the_same_https_server_may_connect(good: Pair) -> None:
    with https.create_server(hello, key=good, cert=good).listen(0) as server:
        websocket.create_server(server=server)
        url = f"wss://localhost:{server.port}/"
        with websocket.WebSocket(url, ca=people().root, origin=f"https://localhost:{server.port}"):
            pass
        with pytest.raises(websocket.BadHandshake) as told:
            websocket.WebSocket(url, ca=people().root, origin="https://evil.example").wait_for("open")
        assert told.value.status == 403


def test_a_server_of_websocket_takes_an_https_server_and_nothing_else() -> None:
    with pytest.raises(BadArgument):
        websocket.create_server(server=object())  # type: ignore[arg-type]
