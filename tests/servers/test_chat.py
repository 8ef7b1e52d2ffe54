"""The chat of the last lesson: the library `websockets` and curl as members, and a member who does not read.

Rule: members of `websockets` are its asyncio ones. Its others read and write one connection of TLS from two threads,
which Python's ssl cannot do: their first bytes got lost in 1 of 200 handshakes on a busy machine, with any server.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin

from labkit import ca, https, servers, websocket
from labkit.exercises.tcp.serving import shrink
from labkit.servers.chat import BEHIND, LONGEST
from tests.needs import need_tool


@pytest.fixture(scope="module")
def authority() -> ca.CA:
    return ca.CA("chat CA")


@pytest.fixture
def chat(authority: ca.CA) -> Iterator[https.Server]:
    with servers.chat.create(authority.issue("localhost", "127.0.0.1")).listen(0) as server:
        yield server


@pytest.fixture
def trusting(authority: ca.CA) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.cert_pem.decode("ascii"))


def member(chat: https.Server, context: ssl.SSLContext, path: str = "/room", origin: str | None = None) -> connect:
    return connect(f"wss://127.0.0.1:{chat.port}{path}", ssl=context, proxy=None,
                   origin=None if origin is None else Origin(origin))  # fmt: skip


def test_each_line_goes_to_all_members(chat: https.Server, trusting: ssl.SSLContext) -> None:
    async def talk() -> None:
        async with asyncio.timeout(60), member(chat, trusting) as ada, member(chat, trusting) as bob:
            for who, line in ((ada, "ada: 您好！"), (bob, "bob: <b>hello</b>")):
                await who.send(line)
                assert (await ada.recv(), await bob.recv()) == (line, line)

    asyncio.run(talk())


def test_a_line_that_is_too_long_ends_its_sender_alone(chat: https.Server, trusting: ssl.SSLContext) -> None:
    async def talk() -> None:
        async with asyncio.timeout(60), member(chat, trusting) as ada, member(chat, trusting) as bob:
            await ada.send("x" * (LONGEST + 1))
            with pytest.raises(ConnectionClosedError) as ended:
                await ada.recv()
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1009
            await bob.send("x" * LONGEST)
            assert await bob.recv() == "x" * LONGEST

    asyncio.run(talk())


def test_a_member_who_does_not_read_is_cut_off_and_the_others_go_on(chat: https.Server, authority: ca.CA) -> None:
    chat.on("connection", shrink)  # the kernel would hide some MB
    silent = websocket.WebSocket(f"wss://localhost:{chat.port}/room", ca=authority)
    silent.wait_for("open")
    silent.pause()
    with websocket.WebSocket(f"wss://localhost:{chat.port}/room", ca=authority) as ada:
        ada.wait_for("open")
        line, heard = "x" * LONGEST, threading.Semaphore(0)
        ada.on("message", lambda _: heard.release())
        for _ in range(2 * BEHIND // LONGEST):
            ada.send(line)
            assert heard.acquire(timeout=30)
        silent.resume()
        assert silent.wait_for("close")[0] == 1006
        assert ada.ready_state == 1


def test_the_page_and_who_may_join(
    chat: https.Server, trusting: ssl.SSLContext, authority: ca.CA, tmp_path: Path
) -> None:
    trusted = authority.save(tmp_path, "ca").cert
    here = f"127.0.0.1:{chat.port}"

    def curl(*words: str) -> str:
        command = [need_tool("curl"), "-q", "-s", "--noproxy", "*", "--cacert", str(trusted), *words]
        return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode()

    assert curl(f"https://{here}/?name=ada") == servers.chat.PAGE.decode()
    assert curl("-o", "/dev/null", "-w", "%{http_code}", f"https://{here}/other") == "404"

    async def join() -> None:
        for path, origin, status in (("/other", None, "404"), ("/room", "https://evil.example", "403")):
            with pytest.raises(InvalidStatus, match=status):
                await member(chat, trusting, path, origin)
        async with member(chat, trusting, origin=f"https://{here}") as ada:
            await ada.send("hello")
            assert await ada.recv() == "hello"

    asyncio.run(asyncio.wait_for(join(), 60))
