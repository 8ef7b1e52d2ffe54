"""net.Server: its events (E-1.1), limits and refusals, on IPv4, IPv6 and Unix sockets, on both loops.

Rule: the wire is loopback; waits are for events, never for time.
"""

from __future__ import annotations

import os
import socket as system
import stat
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest

from labkit import net
from labkit.core import loop
from labkit.core.errors import (
    AddressUnavailable,
    LabError,
    NotFound,
    NotOpen,
    PathInUse,
    PortInUse,
    TimedOut,
)
from tests.needs import need_tool
from tests.net.peers import Holder, Place, Story, names, pair, read_all

SERVER_EVENTS = ("listening", "connection", "drop", "error", "close")


class TestE11Listening:
    """E-1.1: listening."""

    def test_listen_returns_when_listening(self, place: Place) -> None:
        with place.listen(net.create_server()) as server:
            assert server.listening
            assert names(server) == ["listening"]
            place.plain().close()
            server.wait_for("connection")
        assert not server.listening

    def test_both_ways_to_register(self, place: Place) -> None:
        """E-1.4: as listen's argument, and with on."""
        calls: list[str] = []
        server = net.create_server()
        server.on("listening", lambda: calls.append("on"))
        with place.listen(server, on_listening=lambda: calls.append("argument")):
            assert calls == ["on", "argument"]

    def test_the_address_is_known(self, place: Place) -> None:
        server = net.create_server()
        assert server.address() is None
        assert repr(server) == "<server, not listening>"
        with place.listen(server):
            if place.is_unix:
                assert server.address() == place.path
                assert place.path in repr(server)
                with pytest.raises(NotOpen):
                    _ = server.port
            else:
                assert server.address() == (place.kind, server.port)
                assert f"{server.port}, 0 connections" in repr(server)
                assert server.port > 0

    def test_listen_from_a_handler_returns_at_once_and_the_event_follows(self, place: Place) -> None:
        server = net.create_server()
        story = Story(server, SERVER_EVENTS)
        seen_at_return = loop.call(lambda: (place.listen(server), list(story.events))[1])
        assert seen_at_return == []
        assert story.until("listening") == ["listening"]
        server.close()
        story.until("close")

    def test_listen_twice_is_refused(self, place: Place) -> None:
        with place.listen(net.create_server()) as server:
            with pytest.raises(LabError, match="already listens") as caught:
                place.listen(server)
            assert caught.value.code == "ERR_SERVER_ALREADY_LISTEN"

    def test_listen_twice_in_one_handler_is_refused(self, place: Place) -> None:
        server = net.create_server()
        story = Story(server, SERVER_EVENTS)

        def handler() -> None:
            place.listen(server)
            place.listen(server)

        with pytest.raises(LabError, match="already listens"):
            loop.call(handler)
        assert story.until("listening") == ["listening"]
        server.close()
        story.until("close")

    def test_a_server_can_listen_again_after_close(self, place: Place) -> None:
        server = net.create_server(lambda socket: socket.end("hi"))
        for _ in range(3):
            with place.listen(server), place.plain() as plain:
                assert server.wait_for("connection").endpoint()[0] == "server"
                assert read_all(plain) == b"hi"
        assert names(server) == ["listening", "connection", "close"] * 3

    def test_a_port_in_use_in_a_handler_is_raised_by_a_wait_until_another_try_succeeds(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server = net.create_server()
        with net.create_server().listen(0) as taken:
            loop.call(server.listen, taken.port)
            with pytest.raises(PortInUse):
                server.wait_for("connection")
            loop.call(server.listen, taken.port)
            while names(server).count("error") < 2:
                loop.call(lambda: None)
            server.listen(0)
            with pytest.raises(TimedOut):
                server.wait_for("connection", timeout=0)
            server.close().wait_for("close")
        assert "PortInUse" in capsys.readouterr().err

    @pytest.mark.parametrize("port", [-1, 65536, "8124", 80.0, True, None])
    def test_what_is_not_a_port(self, port: Any) -> None:
        with pytest.raises(LabError, match=r"is not a port.*0 to 65535"):
            net.create_server().listen(port)

    @pytest.mark.parametrize("host", [5, None, b"127.0.0.1"])
    def test_what_is_not_a_host(self, host: Any) -> None:
        if host is not None:  # this asks for the default
            with pytest.raises(LabError, match="is not a host"):
                net.create_server().listen(0, host)
        with pytest.raises(LabError, match="is not a host"):
            net.connect(1, host)

    def test_a_path_that_is_too_long(self, tmp_path: Path) -> None:
        long = tmp_path / ("x" * 120)
        for act in (lambda: net.create_server().listen(path=long), lambda: net.connect(path=long)):
            with pytest.raises(LabError, match=r"holds 1 to 107 bytes, and this one has"):
                act()

    def test_a_path_of_the_greatest_length_works(self, tmp_path: Path) -> None:
        path = str(tmp_path / "x") + "y" * 200
        path = path[:107]
        with net.create_server(lambda s: s.end("ok")).listen(path=path), net.connect(path=path) as client:
            assert client.read(2) == b"ok"

    def test_umlauts_count_in_bytes(self) -> None:
        with pytest.raises(LabError, match="this one has 125"):
            net.create_server().listen(path="/tmp/" + "ä" * 60)

    def test_a_path_object_will_do(self, path: Path) -> None:
        with net.create_server().listen(path=path) as server:
            assert server.address() == str(path)
            assert stat.S_ISSOCK(path.stat().st_mode)
        assert not path.exists()


class TestE11Connection:
    """E-1.1: connection. E-1.4: both ways to register its listener."""

    @pytest.mark.parametrize("way", ["argument", "on", "decorator"])
    def test_it_carries_the_socket(self, place: Place, way: str) -> None:
        holder = Holder()
        server = net.create_server(holder) if way == "argument" else net.create_server()
        if way == "on":
            server.on("connection", holder)
        elif way == "decorator":
            server.on("connection")(holder)
        with place.listen(server), place.plain() as plain:
            accepted = holder.take()
            assert isinstance(accepted, net.Socket)
            assert server.connections == (accepted,)
            who, local, remote = accepted.endpoint()
            assert who == "server"
            if place.is_unix:
                assert (local, remote) == (None, None)
            else:
                assert remote == plain.getsockname()[:2]
                assert local == plain.getpeername()[:2]

    def test_wait_for_gives_the_socket_and_several_are_remembered(self, place: Place) -> None:
        with place.listen(net.create_server()) as server, place.plain():
            assert isinstance(server.wait_for("connection"), net.Socket)

    def test_two_listeners_both_get_it(self, place: Place) -> None:
        first, second = Holder(), Holder()
        with place.listen(net.create_server(first).on("connection", second)), place.plain():
            assert first.take() is second.take()

    def test_the_event_is_not_called_connect(self, place: Place) -> None:
        """C-1.5: the server event is connection."""
        with place.listen(net.create_server(lambda s: s.end())) as server:
            place.plain().close()
            server.wait_for("connection")
            assert "connect" not in names(server)

    def test_500_at_once(self, place: Place) -> None:
        count = 500
        server = net.create_server(lambda socket: socket.pipe(socket))
        with place.listen(server):
            clients = [place.plain() for _ in range(count)]
            for number, client in enumerate(clients):
                client.sendall(b"%03d" % number)
            assert [client.recv(3) for client in clients] == [b"%03d" % number for number in range(count)]
            assert len(server.connections) == count
            for client in clients:
                client.close()
        assert server.connections == ()

    def test_500_labkit_clients_from_one_handler(self, place: Place) -> None:
        count, done, lock = 500, threading.Event(), []
        with place.listen(net.create_server(lambda socket: socket.pipe(socket))):

            def open_all() -> None:
                for number in range(count):
                    client = place.connect()
                    client.end(b"%03d" % number)
                    client.on("data", lambda data: None)
                    client.on("close", lambda failed: (lock.append(failed), len(lock) == count and done.set()))

            loop.call(open_all)
            assert done.wait(60)
            assert lock == [False] * count


class TestE11Close:
    """E-1.1: close comes after the last connection has ended. C-1.3: close keeps connections."""

    def test_close_stops_accepting_and_keeps_connections(self, place: Place) -> None:
        server = net.create_server(lambda socket: socket.pipe(socket))
        with place.listen(server), place.plain() as plain:
            server.wait_for("connection")
            server.close()
            assert not server.listening
            with pytest.raises(OSError):  # noqa: PT011 - refused on a port, no such file on a path
                place.plain()
            plain.sendall(b"still here")
            assert plain.recv(10) == b"still here"
            assert "close" not in names(server)
            plain.close()
            assert server.wait_for("close") is None

    def test_close_without_connections_is_emitted_after_the_call(self, place: Place) -> None:
        order: list[str] = []
        server = place.listen(net.create_server())

        def handler() -> None:
            server.close(lambda: order.append("close event"))
            order.append("close returned")

        loop.call(handler)
        server.wait_for("close")
        assert order == ["close returned", "close event"]

    def test_close_waits_for_the_last_of_several(self, place: Place) -> None:
        holder = Holder()
        server = place.listen(net.create_server(holder))
        plains = [place.plain() for _ in range(3)]
        accepted = [holder.take() for _ in plains]
        stories = [Story(each) for each in accepted]
        server.close()
        for plain, story in zip(plains, stories, strict=True):
            assert "close" not in names(server)
            plain.close()
            story.until("close")
        server.wait_for("close")

    def test_close_twice_and_close_before_listen_change_nothing(self, place: Place) -> None:
        server = net.create_server()
        assert server.close() is server
        assert names(server) == []
        place.listen(server).close()
        server.wait_for("close")
        before = names(server)
        assert server.close() is server
        assert names(server) == before

    def test_the_port_is_free_at_once(self) -> None:
        first = net.create_server().listen(0)
        port = first.port
        first.close()
        with net.create_server().listen(port) as second:
            assert second.port == port

    def test_the_port_is_free_at_once_also_with_connections_in_time_wait(self) -> None:
        server = net.create_server(lambda socket: socket.end("bye")).listen(0)
        port = server.port
        with system.create_connection(("127.0.0.1", port)) as plain:
            assert read_all(plain) == b"bye"
        server.close()
        server.wait_for("close")
        with net.create_server().listen(port) as second:
            assert second.port == port

    def test_the_socket_file_is_gone(self, path: Path) -> None:
        server = net.create_server().listen(path=path)
        assert path.exists()
        server.close()
        assert not path.exists()

    def test_close_all_connections_cuts_them(self, place: Place) -> None:
        server = net.create_server()
        with place.listen(server), place.plain() as plain:
            server.wait_for("connection")
            server.close()
            server.close_all_connections()
            server.wait_for("close")
            assert plain.recv(1) == b""

    def test_the_with_block_ends_everything(self, place: Place) -> None:
        with place.listen(net.create_server()) as server:
            plain = place.plain()
            server.wait_for("connection")
        assert names(server)[-1] == "close"
        assert server.connections == ()
        assert plain.recv(1) == b""
        plain.close()

    def test_a_connection_nobody_reads_from_does_not_hold_the_server(self, place: Place) -> None:
        """As in Node: a FIN with nothing unread before it is noticed without a data listener."""
        server = place.listen(net.create_server(lambda socket: socket.end("the time")))
        with place.plain() as plain:
            assert read_all(plain) == b"the time"
        server.close()
        server.wait_for("close")

    def test_a_connection_without_any_handler_ends_when_the_client_ends(self, place: Place) -> None:
        server = place.listen(net.create_server())
        plain = place.plain()
        server.wait_for("connection")
        server.close()
        plain.close()
        server.wait_for("close")


class TestE11Error:
    """E-1.1: error; unhandled it raises, handled it does not."""

    def test_port_in_use_raises_in_the_cell_and_names_the_holder(self) -> None:
        with system.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            server = net.create_server()
            with pytest.raises(PortInUse) as caught:
                server.listen(port)
        message = str(caught.value)
        assert f"127.0.0.1:{port} is taken by " in message
        assert f"this program itself (pid {os.getpid()})" in message
        assert "listen(0)" in message
        assert (caught.value.code, isinstance(caught.value, OSError)) == ("EADDRINUSE", True)
        assert not server.listening

    def test_port_in_use_by_another_process(self) -> None:
        code = (
            "import socket\n"
            "with socket.create_server(('127.0.0.1', 0)) as s: print(s.getsockname()[1], flush=True); input()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            port = int(other.stdout.readline())
            with pytest.raises(PortInUse, match=rf"is taken by \S+ \(pid {other.pid}\)"):
                net.create_server().listen(port)
            other.communicate("\n")

    def test_port_in_use_by_a_server_of_ours(self) -> None:
        with net.create_server().listen(0) as first:
            with pytest.raises(PortInUse, match="another server of this program"):
                net.create_server().listen(first.port)
            assert first.listening

    def test_with_a_listener_it_is_emitted_and_not_raised(self) -> None:
        with net.create_server().listen(0) as first:
            second = net.create_server()
            story = Story(second, SERVER_EVENTS)
            assert second.listen(first.port) is second
            assert story.events == ["error"]  # a server's error is not followed by close, as in Node
            assert isinstance(story.arguments["error"][0][0], PortInUse)
            with second.listen(0):
                assert story.events == ["error", "listening"]

    def test_in_a_handler_it_is_shown_once(self, capsys: pytest.CaptureFixture[str]) -> None:
        with net.create_server().listen(0) as first:
            second = net.create_server()
            loop.call(lambda: second.listen(first.port))
            while "error" not in names(second):
                loop.call(lambda: None)
            loop.call(lambda: None)  # the turn that emitted it has ended: it is printed
        assert capsys.readouterr().err.count("PortInUse: ") == 1

    def test_a_path_in_use(self, path: Path) -> None:
        with net.create_server().listen(path=path) as first:
            with pytest.raises(PathInUse) as caught:
                net.create_server().listen(path=path)
            assert str(path) in str(caught.value)
            assert names(first) == ["listening"]  # asking did not look like a client to it
            net.connect(path=path).destroy()
            first.wait_for("connection")
        assert caught.value.code == "EADDRINUSE"

    def test_a_path_in_use_by_another_process(self, path: Path) -> None:
        with system.socket(system.AF_UNIX) as other:
            other.bind(str(path))
            other.listen(8)
            with pytest.raises(PathInUse, match="another server listens on"):
                net.create_server().listen(path=path)
        assert path.exists()

    def test_a_path_in_use_by_a_server_that_accepts_nobody(self, path: Path) -> None:
        with system.socket(system.AF_UNIX) as other, system.socket(system.AF_UNIX) as waiting:
            other.bind(str(path))
            other.listen(0)
            waiting.connect(str(path))  # the backlog is full now
            with pytest.raises(PathInUse):
                net.create_server().listen(path=path)

    @pytest.mark.parametrize("what", ["file", "directory", "link"])
    def test_a_path_that_is_something_else(self, path: Path, what: str) -> None:
        {"file": lambda: path.write_text("precious"), "directory": path.mkdir,
         "link": lambda: path.symlink_to("/nowhere")}[what]()  # fmt: skip
        with pytest.raises(PathInUse, match="and not a socket"):
            net.create_server().listen(path=path)
        assert os.path.lexists(path)
        if what == "file":
            assert path.read_text() == "precious"

    def test_a_socket_file_left_by_a_dead_server_is_replaced(self, path: Path) -> None:
        with system.socket(system.AF_UNIX) as dead:
            dead.bind(str(path))
        assert path.exists()
        with net.create_server(lambda s: s.end("new")).listen(path=path), net.connect(path=path) as client:
            assert client.read(3) == b"new"

    def test_a_path_in_a_directory_that_does_not_exist(self, path: Path) -> None:
        with pytest.raises(NotFound, match="the directory of"):
            net.create_server().listen(path=path / "none" / "s")

    @pytest.mark.parametrize("expose", [False, True])
    def test_an_address_of_another_machine(self, expose: bool, capsys: pytest.CaptureFixture[str]) -> None:
        """Nobody can reach it, so nobody is warned; it may be that of a wire's host."""
        with pytest.raises(AddressUnavailable, match=r"192\.0\.2\.1:0 is not an address of this machine") as caught:
            net.create_server().listen(0, "192.0.2.1", expose=expose)
        assert "inside its block, `with wire.server:`" in str(caught.value)
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("host", ["a..b", "x" * 64, "aaa." * 70, "with\0zero"])
    def test_a_name_that_does_not_resolve(self, host: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(AddressUnavailable, match="does not resolve"):
            net.create_server().listen(0, host, expose=True)
        capsys.readouterr()

    def test_permission_denied(self, kind: str, tmp_path: Path) -> None:
        code = (
            "import sys; from labkit import net\n"
            "for how in (dict(port=int(sys.argv[1])), dict(path=sys.argv[2] + '/s')):\n"
            "    try: net.create_server().listen(**how)\n"
            "    except PermissionError as error: print(type(error).__name__, error.code, error)\n"
        )
        tmp_path.chmod(0o755)
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o555)
        command = [sys.executable, "-c", code, "1", str(closed)]
        if os.geteuid() == 0:
            command = [need_tool("setpriv"), "--bounding-set=-all", "--inh-caps=-all", *command]
        start = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "LABKIT_LOOP": kind},
        )  # fmt: skip
        lines = run.stdout.splitlines()
        if start > 1:
            assert lines[0].startswith("PermissionDenied EACCES no permission for 127.0.0.1:1. Ports below 1024")
        assert lines[-1].startswith(f"PermissionDenied EACCES no permission for {closed}/s. ")


class TestLimits:
    """max_connections with drop; expose; replace."""

    def test_connections_beyond_the_limit_are_dropped(self, place: Place) -> None:
        server = net.create_server(lambda socket: socket.pipe(socket), max_connections=2)
        story = Story(server, SERVER_EVENTS)
        with place.listen(server):
            kept = [place.plain() for _ in range(2)]
            story.until("connection", 2)
            with place.plain() as third:
                assert third.recv(1) == b""
            story.until("drop")
            kept[0].close()
            while len(server.connections) == 2:
                loop.call(lambda: None)
            with place.plain() as fourth:
                fourth.sendall(b"in")
                assert fourth.recv(2) == b"in"
            kept[1].close()
        assert story.events == ["listening", "connection", "connection", "drop", "connection", "close"]

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
    def test_what_others_can_reach_needs_expose(self, host: str) -> None:
        with pytest.raises(LabError, match=r"from other machines on its network\. .*listen\(..., expose=True\)"):
            net.create_server().listen(0, host)

    def test_expose_says_what_it_means(self, capsys: pytest.CaptureFixture[str]) -> None:
        with (
            net.create_server(lambda s: s.end("hi")).listen(0, "0.0.0.0", expose=True) as server,
            net.connect(server.port) as client,
        ):
            assert client.read(2) == b"hi"
        said = capsys.readouterr().out
        assert said == f"Anyone who can reach this machine can now connect to 0.0.0.0:{server.port}.\n"

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST", "127.1"])
    def test_loopback_needs_no_expose(self, host: str) -> None:
        with net.create_server().listen(0, host) as server:
            net.connect(server.port, host).destroy()
            server.wait_for("connection")

    @pytest.mark.parametrize("spelling", ["localhost", "LOCALHOST", "127.1"])
    def test_replace_finds_the_earlier_server_however_its_address_is_spelt(self, spelling: str) -> None:
        first = net.create_server().listen(0)
        if system.getaddrinfo(spelling, 0)[0][4][0] != "127.0.0.1":
            first.close()
            pytest.fail(f"{spelling} is not 127.0.0.1 here: the test says nothing")
        with net.create_server().listen(first.port, spelling, replace=True):
            assert not first.listening

    def test_an_ipv4_address_written_as_ipv6_is_named_so(self) -> None:
        with pytest.raises(AddressUnavailable, match=r"::ffff:127\.0\.0\.1 is an IPv4 address.*Listen on 127\.0\.0\.1"):
            net.create_server().listen(0, "::ffff:127.0.0.1")

    def test_replace_closes_the_earlier_server(self, place: Place) -> None:
        first = place.listen(net.create_server(lambda s: s.write("first")))
        old = place.plain()
        assert old.recv(5) == b"first"
        port = 0 if place.is_unix else first.port
        second = net.create_server(lambda s: s.end("second"))
        with second.listen(port, *([] if place.is_unix else [place.kind]),
                           path=place.path if place.is_unix else None, replace=True):  # fmt: skip
            first.wait_for("close")
            assert read_all(old) == b""
            old.close()
            place.server = second
            with place.plain() as new:
                assert read_all(new) == b"second"

    def test_in_a_notebook_running_a_cell_again_replaces(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("ipykernel.kernelapp"))
        first = place.listen(net.create_server())
        port = 0 if place.is_unix else first.port
        for _ in range(3):
            if place.is_unix:
                server = net.create_server().listen(path=place.path)
            else:
                server = net.create_server().listen(port, place.kind)
        assert server.listening
        assert not first.listening
        server.close()


class TestAnotherCellsServer:
    """In a notebook a server takes another's port; that it was another cell's is said, unless both do the same."""

    @pytest.fixture(autouse=True)
    def notebook(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("ipykernel.kernelapp"))

    def cell(self, text: str, **names: Any) -> Any:
        """Run a cell: like the kernel, with a file name made of its text."""
        names["net"] = net
        exec(compile(text, f"/nowhere/{hash(text)}.py", "exec"), names)
        return names["server"]

    @pytest.mark.parametrize(("first", "second", "told"), [
        ("lambda s: s.end('one')", "lambda s: s.end('two')", True),
        ("lambda s: s.end('one')", "lambda s:  s.end('one')", False),
        ("None", " None", True),
        ("lambda s: s.end('one')", "lambda s: s.end('one')", False),  # the cell is run again
    ])  # fmt: skip
    def test_a_line_says_so(
        self, first: str, second: str, told: bool, tcp_place: Place, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = "server = net.create_server({}).listen(port, host)"
        one = self.cell(text.format(first), port=0, host=tcp_place.kind)
        with one:
            port = one.port
            if first == second:
                one = self.cell(text.format(first), port=port, host=tcp_place.kind)
                assert capsys.readouterr().out == ""
            with self.cell(text.format(second), port=port, host=tcp_place.kind):
                assert not one.listening
                where = f"[::1]:{port}" if ":" in tcp_place.kind else f"127.0.0.1:{port}"
                line = f"{where} was taken by a server of another cell. That one is closed now.\n"
                assert capsys.readouterr().out == (line if told else "")

    def test_a_path_too(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.cell("server = net.create_server().listen(path=path)", path=path)
        with self.cell("server = net.create_server(print).listen(path=path)", path=path):
            assert capsys.readouterr().out == f"{path} was taken by a server of another cell. That one is closed now.\n"

    def test_nothing_is_said_of_a_port_that_is_free_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        one = self.cell("server = net.create_server().listen(0)")
        port = one.port
        one.close()
        with self.cell("server = net.create_server(print).listen(port)", port=port):
            assert capsys.readouterr().out == ""


class TestHandlersThatFail:
    """What a handler raises is shown once, the connection is cut, and the server lives on."""

    @pytest.mark.parametrize("event", ["connection", "data", "end", "close", "timeout"])
    def test_it_is_shown_once_and_the_server_lives_on(
        self, place: Place, event: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first, served = [True], Holder()

        def fail(*_: Any) -> None:
            if first:
                first.clear()
                raise ZeroDivisionError(f"in {event}")

        def serve(socket: net.Socket) -> None:
            if event == "connection" and first:
                served(socket)
                fail()
            if event == "timeout":
                socket.set_timeout(0.02)
            if event != "connection":
                socket.on(event, fail)
            socket.pipe(socket)
            served(socket)

        with place.listen(net.create_server(serve)):
            with place.plain() as plain:
                first_socket = served.take()
                if event == "data":
                    plain.sendall(b"x")
                if event == "end":
                    plain.shutdown(system.SHUT_WR)
                if event != "close":
                    assert read_all(plain) == b""  # cut
            first_socket.wait_for("close")
            with place.plain() as plain:
                plain.sendall(b"alive")
                assert plain.recv(5) == b"alive"
            shown = capsys.readouterr().err
        assert shown.count(f"ZeroDivisionError: in {event}") == 1
        assert "in fail" in shown
        assert f"{os.sep}labkit{os.sep}net" not in shown

    def test_a_failing_connection_listener_of_several(self, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
        def fail(socket: net.Socket) -> None:
            raise ZeroDivisionError("first")

        with place.listen(net.create_server(fail)), place.plain() as plain:
            assert plain.recv(1) == b""
        assert capsys.readouterr().err.count("ZeroDivisionError: first") == 1

    def test_a_failing_listening_handler_leaves_the_server_up(
        self, place: Place, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with place.listen(net.create_server(), on_listening=lambda: 1 / 0) as server:
            assert server.listening
            place.plain().close()
            server.wait_for("connection")
        assert capsys.readouterr().err.count("ZeroDivisionError") == 1


class TestThreads:
    """Every method may be called from any thread."""

    def test_several_threads_serve_and_connect_at_once(self, place: Place) -> None:
        results: list[bytes] = []

        def one(number: int) -> None:
            with place.connect() as client:
                client.write(b"%02d" % number)
                results.append(client.read(2))

        with place.listen(net.create_server(lambda socket: socket.pipe(socket))):
            threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert sorted(results) == [b"%02d" % number for number in range(20)]

    def test_several_threads_write_to_one_socket(self, place: Place) -> None:
        with pair(place) as (client, accepted):
            story = Story(accepted)

            def write(letter: bytes) -> None:
                for _ in range(100):
                    client.write(letter * 10)

            threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            client.end()
            story.until("end")
            got = story.received
        assert {got[n : n + 10] for n in range(0, len(got), 10)} == {c * 10 for c in (b"a", b"b", b"c", b"d")}
        assert len(got) == 4000
