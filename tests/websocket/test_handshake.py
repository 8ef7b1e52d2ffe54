"""The opening handshake: what each side refuses, with which status, and what is agreed on.

Rule: every refusal is seen by a plain socket; nothing is agreed on that was not offered.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import websocket
from labkit.websocket import BadHandshake, WebSocket, handshake
from labkit.websocket.handshake import accept_value
from tests.websocket.peers import KEY, Raw, RawServer, request, response


def test_the_accept_value_of_the_rfc() -> None:
    """RFC 6455 section 1.3; the chapter's GUID has a letter O in place of a zero (C-4.5)."""
    assert accept_value(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert handshake.GUID == "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    assert websocket.accept_value is accept_value


def test_keys_are_16_random_bytes() -> None:
    keys = {handshake.new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {16}


# -- what a server refuses: the request's difference from a right one, the status, what else the answer says


def changed(name: str, value: str | None) -> tuple[str, str]:
    """(without, more) for `request`: another value for a field, or none."""
    return name + ":", "" if value is None else f"{name}: {value}\r\n"


REFUSED: list[tuple[str, tuple[str, str], int, str]] = [
    ("no Upgrade", changed("Upgrade", None), 426, "Upgrade: websocket"),
    ("Upgrade to another protocol", changed("Upgrade", "h2c"), 400, "Upgrade is 'h2c'"),
    ("no Connection", changed("Connection", None), 426, "Upgrade: websocket"),
    ("Connect: Upgrade, as the chapter prints it", ("Connection:", "Connect: Upgrade\r\n"), 426, "Upgrade: websocket"),
    ("Connection: keep-alive", changed("Connection", "keep-alive"), 426, "Upgrade: websocket"),
    ("a full-width colon", ("Connection:", "Connection\uff1a Upgrade\r\n"), 400, ""),
    ("no key", changed("Sec-WebSocket-Key", None), 400, "Sec-WebSocket-Key is missing"),
    ("an empty key", changed("Sec-WebSocket-Key", ""), 400, "Sec-WebSocket-Key is ''"),
    ("a key of 15 bytes", changed("Sec-WebSocket-Key", base64.b64encode(bytes(15)).decode()), 400, "Sec-WebSocket-Key"),
    ("a key of 17 bytes", changed("Sec-WebSocket-Key", base64.b64encode(bytes(17)).decode()), 400, "Sec-WebSocket-Key"),
    ("a key that is not base64", changed("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q=="), 400, "Sec-WebSocket-Key"),
    ("two keys", ("", f"Sec-WebSocket-Key: {KEY}\r\n"), 400, "sent more than once"),
    ("no version", changed("Sec-WebSocket-Version", None), 426, "Sec-WebSocket-Version: 13"),
    ("version 8", changed("Sec-WebSocket-Version", "8"), 426, "Sec-WebSocket-Version: 13"),
    ("version 14", changed("Sec-WebSocket-Version", "14"), 426, "Sec-WebSocket-Version: 13"),
    ("version 13, 8", changed("Sec-WebSocket-Version", "13, 8"), 426, "Sec-WebSocket-Version: 13"),
    ("two versions", ("", "Sec-WebSocket-Version: 13\r\n"), 426, "Sec-WebSocket-Version: 13"),
    ("an empty subprotocol", ("", "Sec-WebSocket-Protocol: a,,b\r\n"), 400, "Sec-WebSocket-Protocol"),
    ("a subprotocol with a space", ("", "Sec-WebSocket-Protocol: a b\r\n"), 400, "Sec-WebSocket-Protocol"),
    ("a subprotocol offered twice", ("", "Sec-WebSocket-Protocol: a, b, a\r\n"), 400, "Sec-WebSocket-Protocol"),
    ("no Host", changed("Host", None), 400, ""),
    ("a page of another host", ("", "Origin: http://evil.example\r\n"), 403, "may not connect"),
    ("a page of another port", ("", "Origin: http://127.0.0.1:1\r\n"), 403, "may not connect"),
    ("a page of no origin", ("", "Origin: null\r\n"), 403, "may not connect"),
    ("an origin that is not one", ("", "Origin: http://[::1\r\n"), 403, "may not connect"),
    ("two origins", ("", "Origin: http://{here}\r\nOrigin: http://evil.example\r\n"), 403, "may not connect"),
    ("an extension that is none", ("", "Sec-WebSocket-Extensions: a;;b\r\n"), 400, "Sec-WebSocket-Extensions"),
    ("another path", ("", "X-Path: /other\r\n"), 404, "has the path /other"),
    ("POST", ("", "X-Method: POST\r\n"), 405, "Allow: GET"),
    ("HTTP/1.0", ("", "X-Version: 1.0\r\n"), 400, ""),
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[websocket.Server]:
    with websocket.create_server(path="/chat").listen(0) as server:
        yield server


@pytest.mark.parametrize(
    ("change", "status", "says"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_a_wrong_request_has_its_status(
    server: websocket.Server, change: tuple[str, str], status: int, says: str
) -> None:
    without, more = change
    asked = request(server.port, more.replace("{here}", f"127.0.0.1:{server.port}"), without=without)
    for wish, place, value in (
        (b"X-Path: ", b"/chat", b""),
        (b"X-Method: ", b"GET", b""),
        (b"X-Version: ", b"1.1", b""),
    ):
        if wish in asked:
            head, _, rest = asked.partition(wish)
            value, _, rest = rest.partition(b"\r\n")
            asked = (head + rest).replace(place, value, 1)
    errors: list[Any] = []
    server.on("client_error", lambda error, socket: errors.append(error))
    with Raw.to(server.port, asked) as raw:
        said = raw.head().decode()
        while data := raw.socket.recv(65536) if status != 426 or "close" in said else b"":
            raw.rest += data
        assert said.startswith(f"HTTP/1.1 {status} "), said
        assert says in said + raw.rest.decode(), said
    assert server.clients == set()
    assert all(isinstance(each, BadHandshake) and each.status == status for each in errors)


def test_the_answer_to_a_right_request(server: websocket.Server) -> None:
    with Raw.to(server.port, request(server.port)) as raw:
        assert raw.head() == response(KEY)


@pytest.mark.parametrize(
    "more",
    [
        "Upgrade: WebSocket\r\n", "Upgrade: foo, websocket\r\n", "Connection: keep-alive, Upgrade\r\n",
        "Connection: UPGRADE\r\n", "Origin: http://{here}\r\n", "Origin: HTTP://{here}\r\n",
        "Sec-WebSocket-Extensions: x-unknown; a=1; b=\"2\"\r\n",
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n", "X-Anything: 1\r\n",
    ],
)  # fmt: skip
def test_what_may_be_different_in_a_right_request(server: websocket.Server, more: str) -> None:
    without = more.partition(":")[0] + ":"
    asked = request(server.port, more.replace("{here}", f"127.0.0.1:{server.port}"), without=without)
    with Raw.to(server.port, asked) as raw:
        assert raw.head() == response(KEY)  # nothing is agreed on


# -- origins


@pytest.mark.parametrize(
    ("origins", "origin", "host", "allowed"),
    [
        ("same", None, "a.example", True), ("same", "http://a.example", "a.example", True),
        ("same", "https://a.example", "a.example:443", True), ("same", "http://a.example:80", "a.example", True),
        ("same", "http://A.Example", "a.example", True), ("same", "http://a.example:8080", "a.example:8080", True),
        ("same", "http://[::1]:8080", "[::1]:8080", True), ("same", "http://a.example:8080", "a.example", False),
        ("same", "https://a.example", "a.example:80", False), ("same", "http://b.example", "a.example", False),
        ("same", "http://a.example.evil.example", "a.example", False), ("same", "null", "a.example", False),
        ("same", "file://", "", False), ("same", "", "a.example", False), ("same", "http://a.example", "", False),
        ("*", "http://b.example", "a.example", True), ("*", "null", "a.example", True),
        (["http://b.example"], "http://b.example", "a.example", True),
        (["http://B.example/"], "http://b.example", "a.example", True),
        (["http://b.example"], "http://a.example", "a.example", False),
        (["http://b.example"], "https://b.example", "a.example", False), ([], "http://a.example", "a.example", False),
        ([], None, "a.example", True),
    ],
)  # fmt: skip
def test_which_pages_may_connect(origins: Any, origin: str | None, host: str, allowed: bool) -> None:
    fields = {"host": [host]} | ({} if origin is None else {"origin": [origin]})
    checked = handshake.check_origins(origins)
    if allowed:
        handshake.check_origin(checked, fields)
    else:
        with pytest.raises(BadHandshake) as caught:
            handshake.check_origin(checked, fields)
        assert caught.value.status == 403


def test_over_tls_a_page_of_plain_http_may_not_connect() -> None:
    """Somebody on the way can serve any page of plain HTTP."""
    fields = {"host": ["a.example:8443"], "origin": ["http://a.example:8443"]}
    handshake.check_origin(handshake.SAME, fields)
    with pytest.raises(BadHandshake):
        handshake.check_origin(handshake.SAME, fields, encrypted=True)
    handshake.check_origin(handshake.SAME, {**fields, "origin": ["https://a.example:8443"]}, encrypted=True)
    handshake.check_origin(frozenset({"http://a.example:8443"}), fields, encrypted=True)  # the program has said so


# -- subprotocols


@pytest.mark.parametrize(
    ("supported", "offered", "chosen"),
    [
        ([], ["a"], None), (["a"], ["a"], "a"), (["a", "b"], ["b", "a"], "b"), (["a"], ["b", "a"], "a"),
        (["c"], ["a", "b"], None), (["a"], ["A"], None),
    ],
)  # fmt: skip
def test_only_an_offered_subprotocol_is_chosen(supported: list[str], offered: list[str], chosen: str | None) -> None:
    with websocket.create_server(protocols=supported).listen(0) as server:
        ws = WebSocket(f"ws://127.0.0.1:{server.port}/", offered)
        if chosen is None:
            with pytest.raises(BadHandshake, match="chose none of the subprotocols"):
                ws.wait_for("open")
        else:
            ws.wait_for("open")
            assert ws.protocol == chosen
            assert server.wait_for("connection")[0].protocol == chosen
            ws.terminate()


# -- what a client refuses

OTHER = accept_value("AAAAAAAAAAAAAAAAAAAAAA==")
ANSWERS: list[tuple[str, str, dict[str, Any], str]] = [
    ("no accept value", "drop Sec-WebSocket-Accept", {}, "Sec-WebSocket-Accept is missing"),
    ("the accept value of another key", f"Sec-WebSocket-Accept: {OTHER}", {}, "Sec-WebSocket-Accept is"),
    ("two accept values", f"add Sec-WebSocket-Accept: {OTHER}", {}, "Sec-WebSocket-Accept is"),
    ("no Upgrade", "drop Upgrade", {}, "Upgrade is missing"),
    ("another Upgrade", "Upgrade: h2c", {}, "Upgrade is 'h2c'"),
    ("no Connection", "drop Connection", {}, "Connection is missing"),
    ("another Connection", "Connection: close", {}, "Connection is 'close'"),
    ("a subprotocol that was not offered", "add Sec-WebSocket-Protocol: b", {"protocols": ["a"]}, "offered a"),
    ("a subprotocol though none was offered", "add Sec-WebSocket-Protocol: b", {}, "offered none"),
    ("no subprotocol", "", {"protocols": ["a"]}, "chose none"),
    ("two subprotocols", "add Sec-WebSocket-Protocol: a, b", {"protocols": ["a", "b"]}, "offered a, b"),
    ("an extension", "add Sec-WebSocket-Extensions: permessage-deflate", {}, "did not offer"),
    ("an extension that is none", "add Sec-WebSocket-Extensions: ;", {}, "Sec-WebSocket-Extensions"),
    ("another extension", "add Sec-WebSocket-Extensions: x", {"per_message_deflate": True}, "did not offer"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "how", "says"), [each[1:] for each in ANSWERS], ids=[each[0] for each in ANSWERS])
def test_a_wrong_answer_is_refused(change: str, how: dict[str, Any], says: str) -> None:
    with RawServer() as server:
        ws = WebSocket(server.url, **how)
        raw = Raw(server.socket.accept()[0], is_server=True)
        server.request = raw.head()
        lines = response(server.key).decode().split("\r\n")
        name = change.removeprefix("drop ").partition(":")[0]
        if change.startswith("add "):
            lines.insert(1, change.removeprefix("add "))
        elif change.startswith("drop "):
            lines = [each for each in lines if not each.startswith(name)]
        elif change:
            lines = [change if each.startswith(name) else each for each in lines]
        raw.socket.sendall("\r\n".join(lines).encode())
        with pytest.raises(BadHandshake, match=says):
            ws.wait_for("open")
        assert raw.until("end") == ("end",)  # no frame, no close frame: there never was a WebSocket
        raw.close()
        assert ws.wait_for("close") == (1006, "")


def test_the_request_of_a_client() -> None:
    with RawServer() as server:
        ws = WebSocket(
            server.url + "?a=1", ["chat", "superchat"], origin="http://a.example", headers={"Cookie": "a=b"},
            per_message_deflate=True,
        )  # fmt: skip
        with server.accept(more="Sec-WebSocket-Protocol: superchat\r\n") as raw:
            ws.wait_for("open")
            assert ws.protocol == "superchat"
            assert server.request.startswith(b"GET /chat?a=1 HTTP/1.1\r\n")
            expected = {
                "Host": f"127.0.0.1:{server.port}", "Upgrade": "websocket", "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "chat, superchat",
                "Origin": "http://a.example", "Cookie": "a=b",
                "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
            }  # fmt: skip
            assert {name: server.field(name) for name in expected} == expected
            assert len(base64.b64decode(server.key)) == 16
            assert len(server.request.split(b"\r\n")) == len(expected) + 4  # one key, the first line, the empty one
            ws.terminate()
            raw.until("end")
