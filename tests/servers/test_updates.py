"""The servers of the WebSocket lessons without a browser: updates (T-4.1), account, and the visitor's page.

Rule: the clients are `websockets` and curl, nothing of labkit is on their side.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from labkit import servers
from labkit.servers.account import PRIVATE
from tests.needs import need_tool
from tests.servers.conftest import Serving

STRANGER = "who are you?"
Serve = Callable[..., Serving]


def curl(*words: str) -> str:
    run = subprocess.run(
        [need_tool("curl"), "-q", "-s", "--noproxy", "*", *words], capture_output=True, timeout=60, check=True
    )
    return run.stdout.decode()


class TestUpdates:
    def test_it_serves_the_page_and_the_websocket(self) -> None:
        seen: list[str] = []
        with servers.updates.create(seen).listen(0) as server:
            here = f"127.0.0.1:{server.port}"
            assert curl(f"http://{here}/") == curl(f"http://{here}/?updates=3") == servers.updates.PAGE.decode()
            with connect(f"ws://{here}/updates") as first, connect(f"ws://{here}/updates?x=1") as second:
                assert first.response is not None
                assert "Sec-WebSocket-Extensions" not in first.response.headers  # it offers permessage-deflate
                for number in (1, 2, 3):
                    first.send(f"update {number}")
                    assert first.recv(30) == f"seen {number}"
                second.send("another")
                assert second.recv(30) == "seen 1"  # each client's own are counted
        assert seen == ["update 1", "update 2", "update 3", "another"]

    def test_other_paths(self) -> None:
        with servers.updates.create().listen(0) as server:
            here = f"127.0.0.1:{server.port}"
            assert curl("-o", "/dev/null", "-w", "%{http_code}", f"http://{here}/other") == "404"
            with pytest.raises(InvalidStatus, match="404"), connect(f"ws://{here}/"):
                pass

    def test_pages_of_another_origin_are_refused(self) -> None:
        with servers.updates.create().listen(0) as server:
            url = f"ws://127.0.0.1:{server.port}/updates"
            with connect(url, origin=Origin(f"http://127.0.0.1:{server.port}")) as client:
                client.send("update 1")
                assert client.recv(30) == "seen 1"
            with pytest.raises(InvalidStatus, match="403"), connect(url, origin=Origin("http://127.0.0.1:1")):
                pass

    def test_from_the_command_line(self, serve: Serve) -> None:
        running = serve("updates", "--port", "0")
        with connect(f"ws://127.0.0.1:{running.port}/updates") as client:
            client.send("update 1")
            assert client.recv(30) == "seen 1"
            assert running.stop(signal.SIGINT) == (0, "", "")


class TestAccount:
    def test_only_the_cookie_counts(self) -> None:
        with servers.account.create().listen(0) as server:
            here = f"127.0.0.1:{server.port}"
            (field,) = (
                line for line in curl("-i", f"http://{here}/").splitlines() if line.startswith("Set-Cookie: session=")
            )
            cookie = field.removeprefix("Set-Cookie: ").partition(";")[0]
            for fields, said in (
                ({"Cookie": cookie}, PRIVATE), ({"Cookie": f"a=1; {cookie}; b=2"}, PRIVATE), ({}, STRANGER),
                ({"Cookie": "session="}, STRANGER), ({"Cookie": f"x{cookie}"}, STRANGER),
            ):  # fmt: skip
                with connect(f"ws://{here}/", additional_headers=fields) as client:
                    assert client.recv(30) == said
                    with pytest.raises(ConnectionClosedOK):
                        client.recv(30)


class TestVisitor:
    @pytest.mark.parametrize(
        ("url", "protocols", "call"),
        [
            ("ws://127.0.0.1:1/a", (), 'new WebSocket(...["ws://127.0.0.1:1/a"])'),
            ("ws://x/", ["a", "b"], 'new WebSocket(...["ws://x/", ["a", "b"]])'),
            ("</script>", (), 'new WebSocket(...["\\u003c/script>"])'),
        ],
    )
    def test_the_page_names_what_it_opens(self, url: str, protocols: list[str], call: str) -> None:
        with servers.visitor.create(url, protocols).listen(0) as server:
            page = curl(f"http://127.0.0.1:{server.port}/")
        assert call in page
        assert page.count("</script>") == 1


def test_the_servers_can_be_listed() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "labkit.cli", "serve", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "updates" in run.stdout
