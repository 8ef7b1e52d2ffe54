"""curl and Chromium in a lesson, live and recorded: what is printed, what is captured, what goes wrong.

Rule: both are the real programs; a machine without them is made by an empty PATH.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import labkit
from labkit import ca, http, https, net, programs
from labkit.core.errors import ConnectionRefused, LabError, TimedOut
from labkit.packets import Tape
from tests.needs import need_live_capture, need_tool

ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers each request in the same way."""
    with net.create_server(lambda socket: socket.once("data", lambda _: socket.end(ANSWER))).listen(0) as server:
        yield server.port


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of recordings of its own: what curl printed, and the packets of the same run."""
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "09-x"
    folder.mkdir(parents=True)
    kept = {"program": "curl", "version": "1.2.3", "printed": "hello\n* a note"}
    (folder / "hello.program.json").write_text(json.dumps(kept), encoding="utf-8")
    Tape().save(folder / "hello.pcapng")
    return folder


Page = Callable[[str], str]
"""Serves this HTML; returns its URL."""


@pytest.fixture
def page() -> Iterator[Page]:
    """Serve pages, each on a port of its own."""
    need_tool("chromium")
    with ExitStack() as running:

        def serve(html: str) -> str:
            def answer(_: http.IncomingMessage, response: http.ServerResponse) -> None:
                response.set_header("Content-Type", "text/html; charset=utf-8")
                response.end(f"<!doctype html><link rel=icon href='data:,'><body>{html}</body>")

            return f"http://127.0.0.1:{running.enter_context(http.create_server(answer).listen(0)).port}/"

        yield serve


def fake(directory: Path, name: str, script: str) -> None:
    """A program of this name that does something else."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class TestCurl:
    """With curl."""

    @pytest.fixture(autouse=True)
    def _curl(self) -> None:
        need_tool("curl")

    def test_it_prints_as_on_a_terminal(self, port: int) -> None:
        need_live_capture()
        ran = labkit.curl(f"curl -v http://127.0.0.1:{port}/", port, name="x")
        assert [line for line in ran.lines if line[:1] in "<>"][:2] == ["> GET / HTTP/1.1", f"> Host: 127.0.0.1:{port}"]
        assert "< Content-Length: 6" in ran.lines
        assert "hello" in ran.lines
        assert "\x1b" not in ran.text
        assert ran.live
        assert repr(ran).splitlines()[-1].startswith("program: live, curl ")
        assert [message.start_line for message in ran.tape.messages] == ["GET / HTTP/1.1", "HTTP/1.1 200 OK"]

    def test_nothing_captured(self, port: int) -> None:
        ran = labkit.curl(f"curl -s http://127.0.0.1:{port}/", None, name="x")
        assert (ran.text, len(ran.tape), ran.live) == ("hello", 0, True)

    def test_an_error_of_curl_is_text(self) -> None:
        ran = labkit.curl("curl -sS lab://127.0.0.1:1/", None, name="x")
        assert ran.text.startswith("curl: (1)")

    def test_nobody_listens(self) -> None:
        with pytest.raises(ConnectionRefused, match="curl could not connect: nothing listens there"):
            labkit.curl("curl -sS http://127.0.0.1:1/", None, name="x")

    def test_settings_of_the_user_do_not_count(
        self, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".curlrc").write_text("verbose\n", encoding="utf-8")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
        assert labkit.curl(f"curl -s http://127.0.0.1:{port}/", None, name="x").text == "hello"

    def test_it_does_not_end(self) -> None:
        with net.create_server().listen(0) as silent, pytest.raises(TimedOut, match=r"did not end within 0\.3 s"):
            labkit.curl(f"curl -s http://127.0.0.1:{silent.port}/", None, name="x", timeout=0.3)

    def test_what_it_printed_is_recorded(self, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABKIT_RECORD", str(tmp_path))
        ran = labkit.curl(f"curl -s http://127.0.0.1:{port}/", None, name="one", lesson="09-x")
        program, version, text = programs.load(tmp_path / "09-x" / "one.program.json")
        assert (program, text) == ("curl", "hello")
        assert ran.origin == f"live, curl {version}"


class TestWithoutIt:
    """A machine on which no such program is installed."""

    @pytest.fixture(autouse=True)
    def _nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

    def test_the_recording_stands_in(self, data: Path) -> None:
        ran = labkit.curl("curl -v http://127.0.0.1:1337/", 1337, name="hello", lesson="09-x")
        assert (ran.text, ran.live, ran.tape.live) == ("hello\n* a note", False, False)
        assert ran.origin == "recorded with curl 1.2.3, from data/09-x/hello.program.json; curl is not installed"

    def test_no_recording(self, data: Path) -> None:
        with pytest.raises(programs.ProgramFailed, match="Chromium is not installed, and there is no recording"):
            labkit.chromium("http://127.0.0.1:1337/", 1337, name="other", lesson="09-x")

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"program": "curl"}', "\0"])
    def test_a_damaged_recording(self, data: Path, text: str) -> None:
        (data / "hello.program.json").write_text(text, encoding="utf-8")
        with pytest.raises(LabError, match=r"data/09-x/hello.program.json is no recorded output"):
            labkit.curl("curl -v http://127.0.0.1:1337/", 1337, name="hello", lesson="09-x")


def test_text_and_packets_are_of_one_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_TIER", "recorded")
    fake(tmp_path, "curl", f"echo ran > {tmp_path}/ran; echo live")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    ran = labkit.curl("curl http://127.0.0.1:1337/", 1337, name="hello", lesson="09-x")
    assert (tmp_path / "ran").exists()  # a server of the notebook gets its request all the same
    assert (ran.text, ran.live) == ("hello\n* a note", False)
    assert ran.origin.endswith("; this machine captures nothing")


class TestChromium:
    """With Chromium."""

    def test_a_page_is_loaded(self, port: int) -> None:
        need_tool("chromium")
        need_live_capture()
        ran = labkit.chromium(f"http://127.0.0.1:{port}/", port, name="x")
        assert "hello" in ran.text
        assert ran.tape.messages[0].start_line == "GET / HTTP/1.1"

    def test_it_waits_until_the_page_is_ready_and_tells_what_it_shows_and_logs(self, page: Page) -> None:
        url = page(
            "<h1>Title</h1><script>console.log('begun', 1); console.warn('careful');"
            "setTimeout(() => { document.body.append('later'); window.done = true; undefined_name(); }, 50)</script>"
        )
        ran = labkit.chromium(url, None, name="x", until="window.done")
        assert ran.lines == (
            "Title", "later", "console log: begun 1", "console warning: careful",
            "console error: ReferenceError: undefined_name is not defined",
        )  # fmt: skip

    def test_it_is_ready_when_it_is_loaded(self, page: Page) -> None:
        url = page("<script>addEventListener('load', () => document.body.append('loaded'))</script>")
        assert labkit.chromium(url, None, name="x").text == "loaded"

    def test_a_page_may_lead_to_another(self, page: Page) -> None:
        there = page("<p>there</p><script>window.done = true</script>")
        here = page(f"<script>setTimeout(() => location.href = '{there}', 20)</script>")
        assert labkit.chromium(here, None, name="x", until="window.done").text == "there"

    def test_cookies_stay_from_one_page_to_the_next(self, page: Page) -> None:
        first = page("<script>document.cookie = 'taste=salt'; console.log('first')</script>")
        second = page("<script>document.write(document.cookie)</script>")
        assert labkit.chromium([first, second], None, name="x").lines == ("taste=salt", "console log: first")

    def test_it_trusts_one_key_and_no_other(self) -> None:
        need_tool("chromium")
        authority = ca.CA("page CA")
        mine, other = authority.issue("localhost"), authority.issue("localhost")
        with https.create_server(lambda _, response: response.end("over TLS"), key=mine, cert=mine).listen(0) as server:
            server.on("tls_client_error", lambda *_: None)
            url = f"https://localhost:{server.port}/"
            assert labkit.chromium(url, port=None, name="x", trust=mine).text == "over TLS"
            for trust in (None, other):
                with pytest.raises(LabError, match="ERR_CERT_AUTHORITY_INVALID"):
                    labkit.chromium(url, port=None, name="x", trust=trust)
        with pytest.raises(LabError, match="is no certificate with its key"):
            labkit.chromium(url, port=None, name="x", trust="mine")

    def test_it_is_never_ready(self, page: Page) -> None:
        need_tool("chromium")
        with pytest.raises(TimedOut, match=r"window.done was not true after 3 s, and Chromium was stopped"):
            labkit.chromium(page(""), None, name="x", until="window.done", timeout=3)

    @pytest.mark.parametrize(("until", "said"), [("a b", "SyntaxError"), ("nothing.here", "ReferenceError")])
    def test_what_is_waited_for_is_wrong(self, page: Page, until: str, said: str) -> None:
        with pytest.raises(LabError, match=f"until='{until}' fails in the page: {said}"):
            labkit.chromium(page(""), None, name="x", until=until)

    def test_nobody_listens(self) -> None:
        need_tool("chromium")
        with net.create_server().listen(0) as server:
            url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(ConnectionRefused, match=f"Chromium could not connect to {url}: nothing listens there"):
            labkit.chromium(url, None, name="x")

    @pytest.mark.parametrize("script", ["exit 0", "cat <&3 >&4", "echo hello >&4"], ids=["ends", "repeats", "talks"])
    def test_a_program_that_is_not_chromium(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
        """What it writes need not be an answer."""
        fake(tmp_path, "chromium", script)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with pytest.raises(programs.ProgramFailed):
            labkit.chromium("http://127.0.0.1:1337/", None, name="x", timeout=3)

    @pytest.mark.parametrize("url", [
        "http://example.com/", "file:///etc/passwd", "", None, b"http://127.0.0.1/", 5, [], ["http://127.0.0.1/", 5],
        "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/", "http://[", "javascript:127.0.0.1",
    ])  # fmt: skip
    def test_other_pages_are_refused(self, url: object) -> None:
        with pytest.raises(LabError, match=r"is not a page of this machine|no page to open"):
            labkit.chromium(url, 1337, name="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("command", ["", "wget x", "curlx y", 5, None])
def test_another_command(command: object) -> None:
    with pytest.raises(LabError, match="is not a command of curl"):
        labkit.curl(command, None, name="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0, -1, "5", float("nan")])
def test_a_timeout_that_is_none(timeout: object) -> None:
    with pytest.raises(LabError, match="is not a time"):
        labkit.curl("curl x", None, name="x", timeout=timeout)  # type: ignore[arg-type]
