"""HTTP's fields are tshark's: names, order, places, lengths and bytes, on connections made by hand and just captured.

Rule: differences that are tshark's stand in `http_oracle` with their reasons; here are only the scenes.
"""

from __future__ import annotations

import http.client
import http.server
import threading
from pathlib import Path

import pytest

from labkit import packets
from tests.needs import need_live_capture, need_tool
from tests.packets import dialogs, http_oracle, oracle
from tests.packets.http_scenes import BIG, GET, OK, SCENES


def test_scenes_made_by_hand(tmp_path: Path) -> None:
    """All scenes in one file, each on a connection of its own: tshark starts once."""
    frames: list[bytes] = []
    for number, turns in enumerate(SCENES.values()):
        frames += dialogs.talk(turns, sport=40000 + number).frames
    tape = dialogs.tape_of(frames)
    assert http_oracle.compare(tape, tmp_path / "scenes.pcapng") > 900
    for message in tape.messages:
        assert not message.state, message


@pytest.mark.parametrize("name", ["byte by byte", "pipelined, in pieces"])
def test_one_scene_alone(tmp_path: Path, name: str) -> None:
    need_tool("tshark")
    tape = dialogs.talk(SCENES[name]).tape()
    assert http_oracle.compare(tape, tmp_path / "scene.pcapng") > 20


def test_the_layers_of_packets_are_tsharks(tmp_path: Path) -> None:
    """Of messages that lie whole in a packet each; of the others tshark has the layer in the packet that ends them."""
    names = ("one request", "pipelined", "POST", "HEAD", "many fields", "chunked")
    frames = [
        frame for number, name in enumerate(names) for frame in dialogs.talk(SCENES[name], sport=40000 + number).frames
    ]
    tape = dialogs.tape_of(frames)
    assert oracle.compare(tape.save(tmp_path / "layers.pcapng")) > 30 * len(tape)
    assert len([packet for packet in tape if "HTTP" in packet]) == len(tape.where(payload=True))


def test_cut_off_by_reset(tmp_path: Path) -> None:
    """tshark does not show a message that is not whole; labkit says what is missing."""
    turns: list[dialogs.Turn] = [("c", GET), ("s", OK + b"Content-Length: 100\r\n\r\nhello")]
    tape = dialogs.talk(turns, reset=True).tape()
    assert http_oracle.compare(tape, tmp_path / "reset.pcapng") > 10
    (answer,) = (each for each in tape.messages if each.kind == "response")
    assert (answer.state, answer.body) == ("cut", b"hello")
    assert answer.fields[-1].name == "incomplete" or answer.fields[-1].name == "http.file_data"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "60000")
        self.end_headers()
        self.wfile.write(BIG[-60000:])

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.rfile.read(size)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (b"one", b"two and three"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_what_was_just_captured(tmp_path: Path) -> None:
    """Python's own server and client: several requests on one connection, a body of 60 kB, a chunked one."""
    need_live_capture()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        port = server.server_port
        with packets.capture(port) as tape:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            for method, path, body in (("GET", "/big?a=1", None), ("POST", "/", b"x" * 5000), ("GET", "/", None)):
                client.request(method, path, body, {"Content-Type": "application/octet-stream"} if body else {})
                assert client.getresponse().read() in (b"onetwo and three", BIG[-60000:])
            client.close()
        server.shutdown()
        thread.join()
    assert [each.method or each.status for each in tape.messages] == ["GET", 200, "POST", 200, "GET", 200]
    assert [len(each.body) for each in tape.messages] == [0, 60000, 5000, 16, 0, 60000]
    assert http_oracle.compare(tape, tmp_path / "live.pcapng") > 50
