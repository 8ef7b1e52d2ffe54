"""net.Socket: its events (E-1.2), no-delay (E-1.3), encodings (E-1.4), writing, ending, failing; on both loops.

Rule: the other end is a plain system socket wherever that can settle it; waits are for events, never for time.
"""

from __future__ import annotations

import errno
import os
import socket as system
import threading
from pathlib import Path
from typing import Any

import pytest

from labkit import net
from labkit.core import loop
from labkit.core.errors import (
    AddressUnavailable,
    BrokenPipe,
    ConnectionRefused,
    ConnectionReset,
    LabError,
    NetError,
    NotFound,
    NotOpen,
    PermissionDenied,
    TimedOut,
)
from tests.net.peers import (
    Holder,
    Place,
    Story,
    names,
    pair,
    plain_client,
    plain_server,
    read_all,
    read_exactly,
    reset,
)

TEXT = "a您é😀好！\n"


class TestE12Connect:
    """E-1.2: connect. T-1.5: by port and by path."""

    def test_connect_returns_when_connected(self, place: Place) -> None:
        with plain_server(place) as (client, served):
            assert names(client) == ["connect"]
            assert client.ready_state == "open"
            client.write(b"hello")
            assert read_exactly(served, 5) == b"hello"

    def test_both_ways_to_register(self, place: Place) -> None:
        """E-1.4: as connect's argument, and with on."""
        calls: list[str] = []
        with place.listen(net.create_server()) as server:
            client = net.Socket()
            client.on("connect", lambda: calls.append("on"))
            how: dict[str, Any] = {"path": place.path} if place.is_unix else {"port": server.port, "host": place.kind}
            client.connect(**how, on_connect=lambda: calls.append("argument"))
            assert calls == ["on", "argument"]
            server.wait_for("connection")
            client.destroy()

    def test_addresses(self, place: Place) -> None:
        with plain_server(place) as (client, served):
            if place.is_unix:
                assert client.endpoint() == ("client", None, None)
                assert (client.local_address, client.remote_port) == (None, None)
                assert repr(client) == "<client socket, open>"
            else:
                assert client.endpoint() == ("client", served.getpeername()[:2], served.getsockname()[:2])
                assert (client.local_address, client.local_port) == served.getpeername()[:2]
                assert (client.remote_address, client.remote_port) == served.getsockname()[:2]
                assert f":{client.remote_port}, open>" in repr(client)

    def test_addresses_are_remembered_after_the_close(self, place: Place) -> None:
        with plain_server(place) as (client, _):
            before = client.endpoint()
            client.destroy()
            client.wait_for("close")
            assert client.endpoint() == before
            assert client.ready_state == "closed"

    def test_from_a_handler_it_returns_at_once(self, place: Place) -> None:
        with place.listen(net.create_server(lambda s: s.end("hi"))):
            seen: list[str] = []

            def handler() -> net.Socket:
                client = place.connect()
                seen.append(client.ready_state)
                return client

            client = loop.call(handler)
            assert seen == ["opening"]
            assert client.wait_for("connect") is None
            assert client.read(2) == b"hi"

    def test_a_socket_connects_once(self, place: Place) -> None:
        with plain_server(place) as (client, _), pytest.raises(LabError, match="already used"):
            client.connect(1)

    @pytest.mark.parametrize("how", [{}, {"port": 1, "path": "/tmp/x"}])
    def test_a_port_or_a_path_one_of_the_two(self, how: dict[str, Any]) -> None:
        with pytest.raises(LabError, match="a port or a path, one of the two"):
            net.connect(**how)

    def test_host_and_port_the_wrong_way_round(self) -> None:
        with pytest.raises(LabError, match=r"'127\.0\.0\.1' is not a port"):
            net.connect("127.0.0.1", 8124)  # type: ignore[arg-type]

    def test_a_name_with_several_addresses_is_tried_until_one_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def both(host: str, port: int) -> list[tuple[Any, ...]]:
            assert host == "localhost"
            return [
                (system.AF_INET6, system.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
                (system.AF_INET, system.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            ]

        monkeypatch.setattr("labkit.core.addresses.resolve", both)
        for host in ("127.0.0.1", "::1"):
            with net.create_server().listen(0, host) as server, net.connect(server.port, "localhost") as client:
                assert client.remote_address == host
                server.wait_for("connection")


class TestE12DataAndEnd:
    """E-1.2: data, end. C-1.2: one write is not one data event. C-1.6: end fires on the side that receives a FIN."""

    def test_data_carries_bytes(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            plain.sendall(b"one")
            story.wait(lambda: story.received == b"one")
            plain.sendall(b"two")
            story.wait(lambda: story.received == b"onetwo")
            assert accepted.bytes_read == 6

    def test_several_writes_may_be_one_data_event(self, place: Place) -> None:
        with plain_client(place, pause_on_connect=True) as (plain, accepted):
            for piece in (b"a", b"b", b"c"):
                plain.sendall(piece)
            story = Story(accepted)
            accepted.resume()
            story.wait(lambda: story.received == b"abc")
            assert len(story.arguments["data"]) == 1

    def test_end_fires_where_the_fin_arrives(self, place: Place) -> None:
        with pair(place, allow_half_open=True) as (client, accepted):
            ours, theirs = Story(client), Story(accepted)
            client.end()
            assert theirs.until("end") == ["end"]
            assert ours.events == []
            accepted.end()
            ours.until("close")
            theirs.until("close")
            assert (ours.events, theirs.events) == (["end", "close"], ["end", "close"])

    def test_data_before_the_fin_comes_before_end(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"last words")
            plain.shutdown(system.SHUT_WR)
            story = Story(accepted)
            assert story.until("close") == ["data", "end", "close"]
            assert story.received == b"last words"
            assert story.arguments["close"] == [(False,)]
            assert plain.recv(1) == b""  # it has ended too

    def test_end_with_data_sends_it_first(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.end("bye")
            assert read_all(plain) == b"bye"
            assert accepted.ready_state == "readOnly"

    def test_end_sends_everything_that_waits(self, place: Place) -> None:
        much = os.urandom(5_000_000)
        with plain_client(place) as (plain, accepted):
            accepted.end(much)
            assert read_all(plain) == much

    def test_end_twice_is_once(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.end().end()
            assert read_all(plain) == b""

    def test_half_close_keeps_the_other_direction(self, place: Place) -> None:
        with plain_client(place, allow_half_open=True) as (plain, accepted):
            story = Story(accepted)
            plain.shutdown(system.SHUT_WR)
            story.until("end")
            assert accepted.ready_state == "writeOnly"
            for piece in (b"still ", b"talking"):
                accepted.write(piece)
            assert read_exactly(plain, 13) == b"still talking"
            accepted.end()
            assert read_all(plain) == b""
            assert story.until("close") == ["end", "close"]

    def test_our_half_close_still_reads(self, place: Place) -> None:
        with plain_server(place) as (client, served):
            client.end(b"question")
            assert read_all(served) == b"question"
            served.sendall(b"answer")
            assert client.read(6) == b"answer"
            served.close()
            assert client.wait_for("close") is False

    def test_without_half_open_the_answer_to_a_fin_is_a_fin(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.shutdown(system.SHUT_WR)
            assert plain.recv(1) == b""
            assert accepted.wait_for("close") is False


class TestE12Drain:
    """E-1.2: drain. C-1.4: it fires when a full write buffer empties, not when somebody writes."""

    def test_write_returns_false_above_the_high_water_mark_and_drain_comes_when_empty(self, place: Place) -> None:
        with plain_client(place, high_water_mark=10_000) as (plain, accepted):
            story, lengths, written = Story(accepted), [], 0
            accepted.on("drain", lambda: lengths.append(accepted.writable_length))
            while accepted.write(bytes(5000)):
                written += 5000
                assert accepted.writable_length <= 10_000
            written += 5000
            assert accepted.writable_length > 10_000
            assert "drain" not in story.events
            assert len(read_exactly(plain, written)) == written
            story.until("drain")
            assert lengths == [0]
            assert accepted.bytes_written == written

    def test_no_drain_without_a_full_buffer(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            for _ in range(10):
                assert accepted.write(b"small") is True
            assert read_exactly(plain, 50) == b"small" * 10
            plain.close()
            assert "drain" not in story.until("close")

    def test_drain_each_time_it_was_full(self, place: Place) -> None:
        with plain_client(place, high_water_mark=1) as (plain, accepted):
            story = Story(accepted)
            for times in (1, 2):
                written = 0
                while accepted.write(bytes(100_000)):
                    written += 100_000
                written += 100_000
                read_exactly(plain, written)
                story.until("drain", times)
            assert story.events == ["drain", "drain"]

    def test_writes_before_the_connection_stands_count_too(self, place: Place) -> None:
        with place.listen(net.create_server(lambda s: s.resume())):
            results: list[Any] = []

            def handler() -> Story:
                client = place.connect(high_water_mark=1000)
                story = Story(client)
                results.append(client.write(bytes(999)))
                results.append(client.write(bytes(2)))
                results.append(client.writable_length)
                return story

            story = loop.call(handler)
            assert results == [True, False, 1001]
            assert story.until("drain") == ["connect", "drain"]


class TestE12Error:
    """E-1.2: error, then close(True)."""

    def test_refused_raises_in_the_cell(self) -> None:
        with system.socket() as free:
            free.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets this port
            port = free.getsockname()[1]
            with pytest.raises(ConnectionRefused) as caught:
                net.connect(port)
        assert str(caught.value) == (
            f"127.0.0.1:{port} refused the connection: nothing listens there. "
            "Start the server first, and check the port."
        )
        assert isinstance(caught.value, ConnectionRefusedError)
        assert caught.value.errno == errno.ECONNREFUSED

    def test_refused_with_a_listener_is_emitted_and_not_raised(self) -> None:
        client = net.Socket()
        story = Story(client)
        with system.socket() as free:
            free.bind(("127.0.0.1", 0))
            assert client.connect(free.getsockname()[1]) is client
        assert story.events == ["error", "close"]
        assert isinstance(story.arguments["error"][0][0], ConnectionRefused)
        assert story.arguments["close"] == [(True,)]

    def test_refused_is_not_raised_again_by_a_wait(self) -> None:
        client = net.Socket()
        with system.socket() as free:
            free.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefused):
                client.connect(free.getsockname()[1])
        with pytest.raises(NotOpen, match="error, close"):
            client.wait_for("data")
        assert client.wait_for("close") is True

    def test_refused_in_a_handler_is_raised_by_a_wait(self, capsys: pytest.CaptureFixture[str]) -> None:
        with system.socket() as free:
            free.bind(("127.0.0.1", 0))
            client = loop.call(lambda: net.connect(free.getsockname()[1]))
            with pytest.raises(ConnectionRefused):
                client.wait_for("connect")
        client.wait_for("close")
        capsys.readouterr()  # shown too, where it came before the wait

    def test_refused_in_a_handler_is_shown_once(self, capsys: pytest.CaptureFixture[str]) -> None:
        with system.socket() as free:
            free.bind(("127.0.0.1", 0))
            client = loop.call(lambda: net.connect(free.getsockname()[1]))
            client._waiting("close")
            while "close" not in names(client):  # `closed` is true before the events come
                loop.call(lambda: None)
        assert names(client) == ["error", "close"]
        assert capsys.readouterr().err.count("ConnectionRefused: ") == 1

    def test_no_such_path(self, path: Path) -> None:
        with pytest.raises(NotFound, match="does not exist") as caught:
            net.connect(path=path)
        assert isinstance(caught.value, FileNotFoundError)

    def test_a_path_nobody_listens_on(self, path: Path) -> None:
        with system.socket(system.AF_UNIX) as dead:
            dead.bind(str(path))
        with pytest.raises(ConnectionRefused, match="nothing listens there"):
            net.connect(path=path)

    def test_a_path_that_is_a_file(self, path: Path) -> None:
        path.write_text("not a socket")
        with pytest.raises(ConnectionRefused):
            net.connect(path=path)

    def test_a_path_without_permission(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            with system.socket(system.AF_UNIX) as listener:
                listener.bind(str(tmp_path / "s"))
                listener.listen()
                (tmp_path / "s").chmod(0)
                net.connect(path=tmp_path / "s").destroy()  # root may: nothing of labkit's own refuses
            return
        with system.socket(system.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            (tmp_path / "s").chmod(0)
            with pytest.raises(PermissionDenied):
                net.connect(path=tmp_path / "s")

    @pytest.mark.parametrize("host", ["a..b", "x" * 64, "aaa." * 70, "with\0zero"])
    def test_a_name_that_does_not_resolve(self, host: str) -> None:
        with pytest.raises(AddressUnavailable, match=r"does not resolve.*Check its spelling"):
            net.connect(1, host)

    def test_connect_timeout(self) -> None:
        """A full queue: the kernel drops the SYN, and nobody answers."""
        with system.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            with system.create_connection(("127.0.0.1", port)), pytest.raises(TimedOut) as caught:
                net.connect(port, timeout=0.05)
        assert f"127.0.0.1:{port} did not answer within 0.05 s" in str(caught.value)
        assert isinstance(caught.value, TimeoutError)

    def test_a_reset_is_error_then_close_true(self, tcp_place: Place) -> None:
        with plain_client(tcp_place) as (plain, accepted):
            story = Story(accepted)
            reset(plain)
            assert story.until("close") == ["error", "close"]
            assert story.arguments["close"] == [(True,)]
            error = story.arguments["error"][0][0]
            assert isinstance(error, ConnectionReset)
            assert (error.code, isinstance(error, ConnectionResetError)) == ("ECONNRESET", True)

    def test_a_reset_nobody_listens_for_is_shown_once_and_the_server_lives(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        holder = Holder()
        with net.create_server(holder).on("connection", lambda s: s.pipe(s)).listen(0) as server:
            reset(system.create_connection(("127.0.0.1", server.port)))
            with system.create_connection(("127.0.0.1", server.port)) as plain:
                plain.sendall(b"alive")
                assert plain.recv(5) == b"alive"
        assert capsys.readouterr().err.count("ConnectionReset: ") == 1

    def test_a_reset_is_raised_where_a_cell_waits(self, capsys: pytest.CaptureFixture[str]) -> None:
        with plain_server(Place("127.0.0.1", Path("unused"))) as (client, served):
            served.sendall(b"x")
            assert client.read(1) == b"x"
            reset(served)
            for _ in range(2):  # whether it waits already, or asks afterwards: never an empty answer as after a FIN
                with pytest.raises(ConnectionReset):
                    client.read(1)
        capsys.readouterr()  # shown too, if it came before the wait

    @pytest.mark.parametrize("event", ["data", "end", "close"])
    @pytest.mark.parametrize("first", ["the reset", "the wait"])
    def test_a_reset_nobody_was_given_is_raised_by_the_wait(
        self, first: str, event: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with plain_server(Place("127.0.0.1", Path("unused"))) as (client, served):
            client.resume()
            if first == "the reset":
                reset(served)
                while not client.closed:
                    loop.call(lambda: None)
            else:
                monkeypatch.setattr(net.Socket, "_waiting", lambda waiting, event: reset(served))
            with pytest.raises(ConnectionReset):
                client.wait_for(event)
            monkeypatch.undo()
            assert client.wait_for("close") is True
            with pytest.raises(NotOpen):
                client.wait_for("data")
        capsys.readouterr()  # shown too, where it came before the wait

    def test_reset_and_destroy_gives_the_peer_econnreset(self, tcp_place: Place) -> None:
        with plain_client(tcp_place) as (plain, accepted):
            story = Story(accepted)
            accepted.reset_and_destroy()
            assert story.until("close") == ["close"]
            assert story.arguments["close"] == [(False,)]
            with pytest.raises(ConnectionResetError):
                plain.recv(1)

    def test_reset_and_destroy_between_two_sockets_of_ours(self, place: Place) -> None:
        with pair(place) as (client, accepted):
            ours, theirs = Story(client), Story(accepted)
            accepted.reset_and_destroy()
            theirs.until("close")
            if place.is_unix:
                assert ours.until("close") == ["end", "close"]
            else:
                assert ours.until("close") == ["error", "close"]

    def test_the_peer_resets_in_mid_write(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            while accepted.write(bytes(100_000)):
                pass
            reset(plain)
            assert story.until("close") == ["error", "close"]
            error = story.arguments["error"][0][0]
            assert isinstance(error, (ConnectionReset, BrokenPipe))
            assert story.arguments["close"] == [(True,)]
            with pytest.raises(NetError):
                accepted.write(b"more")

    def test_write_after_end_in_a_cell_raises_and_leaves_the_socket_be(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.end(b"first")
            with pytest.raises(BrokenPipe, match="write after end") as caught:
                accepted.write(b"second")
            assert caught.value.code == "ERR_STREAM_WRITE_AFTER_END"
            assert read_all(plain) == b"first"

    def test_write_after_end_in_a_handler_is_an_error_event(self, place: Place) -> None:
        with plain_client(place) as (_plain, accepted):
            story = Story(accepted)
            results: list[bool] = []

            def handler() -> None:
                accepted.end()
                results.append(accepted.write(b"late"))
                assert story.events == []  # not before the handler returns

            loop.call(handler)
            assert story.until("close") == ["error", "close"]
            assert story.arguments["error"][0][0].code == "ERR_STREAM_WRITE_AFTER_END"
            assert results == [False]

    def test_write_on_a_closed_socket(self, place: Place) -> None:
        with plain_client(place) as (_plain, accepted):
            accepted.destroy()
            accepted.wait_for("close")
            with pytest.raises(BrokenPipe, match="the connection is closed"):
                accepted.write(b"x")
            assert loop.call(accepted.write, b"x") is False  # in a handler it is ignored, as in Node
            assert names(accepted) == ["close"]
            assert accepted.end() is accepted

    def test_write_on_a_socket_never_connected(self) -> None:
        with pytest.raises(BrokenPipe, match=r"not connected.*connect") as caught:
            net.Socket().write(b"x")
        assert caught.value.code == "ERR_SOCKET_CLOSED"

    @pytest.mark.parametrize("data", [5, None, 1.5, ["a"]])
    def test_only_bytes_and_text_can_be_written(self, place: Place, data: Any) -> None:
        with plain_client(place) as (plain, accepted):
            with pytest.raises(TypeError, match="bytes or text"):
                accepted.write(data)
            accepted.end("ok")
            assert read_all(plain) == b"ok"

    @pytest.mark.parametrize("data", [b"x", bytearray(b"x"), memoryview(b"x"), "x"])
    def test_what_can_be_written(self, place: Place, data: Any) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.write(data)
            assert plain.recv(5) == b"x"

    def test_destroy_with_an_error_emits_it_before_close(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story, error = Story(accepted), NetError("enough")
            accepted.destroy(error)
            assert story.until("close") == ["error", "close"]
            assert story.arguments == {"error": [(error,)], "close": [(True,)]}
            assert plain.recv(1) == b""

    def test_destroy_drops_what_was_not_sent(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            while accepted.write(bytes(100_000)):
                pass
            accepted.destroy().destroy()
            assert story.until("close") == ["close"]
            assert len(read_all(plain)) < accepted.bytes_written

    def test_after_destroy_no_data_comes_although_it_was_there(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            plain.sendall(b"unread")
            while not accepted.readable_length:
                loop.call(lambda: None)
            story = Story(accepted, ())
            seen: list[str] = []

            def handler() -> None:
                accepted.on("data", lambda data: seen.append("data")).on("end", lambda: seen.append("end"))
                accepted.on("close", story.noting("close"))
                accepted.destroy()
                accepted.pause()
                accepted.resume()

            loop.call(handler)
            story.until("close")
            assert seen == []

    def test_destroy_before_the_connection_stands(self, place: Place) -> None:
        with place.listen(net.create_server(lambda s: s.resume())):

            def handler() -> Story:
                client = place.connect()
                story = Story(client)
                client.write(b"never sent")
                client.destroy()
                return story

            story = loop.call(handler)
            assert story.until("close") == ["close"]
            assert story.arguments["close"] == [(False,)]
            loop.call(lambda: None)
            assert story.events == ["close"]

    def test_destroy_from_another_thread_ends_a_connect_that_waits(self) -> None:
        with system.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            with system.create_connection(("127.0.0.1", port)):
                client, raised = net.Socket(), []

                def wait() -> None:
                    try:
                        client.connect(port)
                    except BaseException as error:
                        raised.append(error)

                thread = threading.Thread(target=wait)
                thread.start()
                while client._opening is None:
                    loop.call(lambda: None)
                client.destroy()
                thread.join(20)
                assert client.wait_for("close") is False
        assert isinstance(raised[0], NetError)
        assert raised[0].code == "ECONNABORTED"

    def test_end_and_writes_before_the_connection_stands_are_sent_in_order(self, place: Place) -> None:
        holder = Holder()
        with place.listen(net.create_server(holder)):

            def handler() -> net.Socket:
                client = place.connect()
                assert client.write(b"one ") is True
                client.write("two ")
                return client.end(b"three")

            client = loop.call(handler)
            story = Story(holder.take())
            story.until("end")
            assert story.received == b"one two three"
            client.wait_for("close")
            assert names(client) == ["connect", "finish", "end", "close"]


class TestE12Timeout:
    """E-1.2: timeout, once for each idle time; closing is up to the listener."""

    def test_it_fires_after_the_idle_time_and_the_connection_stays(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_timeout(0.02)
            assert accepted.wait_for("timeout") is None
            accepted.write(b"still here")
            assert read_exactly(plain, 10) == b"still here"

    def test_the_listener_as_argument(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_timeout(0.02, lambda: accepted.end("too slow"))
            assert read_all(plain) == b"too slow"

    def test_once_until_there_is_traffic_again(self, place: Place) -> None:
        """As in Node: an idle socket is told once, not every few seconds."""
        with plain_client(place) as (plain, accepted):
            story = Story(accepted)
            accepted.set_timeout(0.02)
            story.until("timeout")
            assert loop.call(lambda: accepted._idle.armed) is False  # nothing is armed that could fire again
            plain.sendall(b"x")
            assert story.until("timeout", 2) == ["timeout", "data", "timeout"]
            accepted.write(b"y")
            story.until("timeout", 3)

    def test_never_after_zero(self, place: Place) -> None:
        with plain_client(place) as (_, accepted):
            accepted.set_timeout(0.02).set_timeout(0)
            assert loop.call(lambda: (accepted._idle, accepted.timeout)) == (None, 0)

    def test_not_after_the_close(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_timeout(30)
            plain.close()
            accepted.wait_for("close")
            assert accepted._idle is None
            accepted.set_timeout(0.001)
            assert accepted._idle is None

    def test_traffic_through_a_pipe_counts(self, place: Place) -> None:
        with pair(place) as (client, accepted), plain_client(Place("127.0.0.1", Path("x"))) as (plain, relay):
            relay.pipe(accepted)
            accepted.set_timeout(30)
            before = loop.call(lambda: accepted._idle.active)
            plain.sendall(b"through")
            assert client.read(7) == b"through"
            assert loop.call(lambda: accepted._idle.active) > before

    def test_a_negative_time_is_refused(self, place: Place) -> None:
        with plain_client(place) as (_, accepted), pytest.raises(LabError, match="not a timeout"):
            accepted.set_timeout(-1)

    def test_a_server_that_never_answers(self, place: Place) -> None:
        with plain_server(place) as (client, _), pytest.raises(TimedOut) as caught:
            client.read(5, timeout=0.02)
        assert "nothing came within 0.02 s, and 5 were asked for" in str(caught.value)


class TestE13NoDelay:
    """E-1.3: set_no_delay, seen by getsockopt. C-1.1: Nagle's algorithm is on by default, on both sides."""

    @staticmethod
    def option(socket: net.Socket) -> int:
        def ask() -> int:
            channel = socket._transport.get_extra_info("socket")
            duplicate = system.socket(fileno=os.dup(channel.fileno()))  # ask the kernel, not the loop
            with duplicate:
                return duplicate.getsockopt(system.IPPROTO_TCP, system.TCP_NODELAY)

        return loop.call(ask)

    def exchange(self, client: net.Socket, accepted: net.Socket) -> None:
        """Data in both directions, so that no side is still being set up."""
        client.write(b"ping")
        accepted.read(4)
        accepted.write(b"pong")
        client.read(4)

    def test_nagle_is_on_by_default_on_both_sides(self, tcp_place: Place) -> None:
        with pair(tcp_place) as (client, accepted):
            self.exchange(client, accepted)
            assert (self.option(client), self.option(accepted)) == (0, 0)

    def test_set_no_delay_switches_it_off_and_on_again(self, tcp_place: Place) -> None:
        with pair(tcp_place) as (client, accepted):
            self.exchange(client, accepted)
            for socket in (client, accepted):
                assert socket.set_no_delay() is socket
                assert self.option(socket) != 0
                socket.set_no_delay(False)
                assert self.option(socket) == 0

    def test_as_an_option_from_the_start(self, tcp_place: Place) -> None:
        with pair(tcp_place, no_delay=True) as (client, accepted):
            self.exchange(client, accepted)
            assert self.option(client) != 0
            assert self.option(accepted) != 0

    def test_asked_before_the_connection_stands(self, tcp_place: Place) -> None:
        with tcp_place.listen(net.create_server()) as server:

            def handler() -> net.Socket:
                return tcp_place.connect().set_no_delay()

            client = loop.call(handler)
            client.wait_for("connect")
            server.wait_for("connection")
            assert self.option(client) != 0
            client.destroy()

    def test_on_a_unix_socket_it_does_nothing(self, path: Path) -> None:
        with pair(Place("unix", path)) as (client, accepted):
            client.set_no_delay()
            client.write(b"x")
            assert accepted.read(1) == b"x"


class TestE14Encoding:
    """E-1.4: set_encoding makes data text, decoded across every border of segments."""

    @pytest.mark.parametrize("split", range(1, len(TEXT.encode())))
    def test_every_split_point(self, split: int) -> None:
        with plain_client(Place("127.0.0.1", Path("unused"))) as (plain, accepted):
            plain.setsockopt(system.IPPROTO_TCP, system.TCP_NODELAY, 1)
            accepted.set_encoding("utf8")
            story = Story(accepted)
            raw = TEXT.encode()
            plain.sendall(raw[:split])
            while loop.call(lambda: accepted.bytes_read) < split:  # it came alone
                pass
            plain.sendall(raw[split:])
            plain.shutdown(system.SHUT_WR)
            story.until("end")
            pieces = [arguments[0] for arguments in story.arguments["data"]]
            assert all(isinstance(piece, str) and piece for piece in pieces)
            assert "".join(pieces) == TEXT
            assert accepted.bytes_read == len(raw)

    def test_byte_by_byte(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_encoding()
            story = Story(accepted)
            for count, byte in enumerate(TEXT.encode(), 1):
                plain.sendall(bytes([byte]))
                while loop.call(lambda: accepted.bytes_read) < count:
                    pass
            plain.shutdown(system.SHUT_WR)
            story.until("end")
            assert [arguments[0] for arguments in story.arguments["data"]] == list(TEXT)

    def test_a_character_cut_off_by_the_end_is_replaced(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_encoding("utf8")
            story = Story(accepted)
            plain.sendall("a您".encode()[:-1])
            plain.shutdown(system.SHUT_WR)
            assert story.until("close") == ["data", "end", "close"]
            assert "".join(arguments[0] for arguments in story.arguments["data"]) == "a\ufffd"

    def test_bytes_that_are_not_utf8_are_replaced_and_nothing_breaks(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_encoding("utf8")
            story = Story(accepted)
            plain.sendall(b"a\xff\xfeb")
            plain.shutdown(system.SHUT_WR)
            story.until("end")
            assert "".join(arguments[0] for arguments in story.arguments["data"]) == "a\ufffd\ufffdb"

    @pytest.mark.parametrize(("encoding", "text"), [("latin-1", "é"), ("utf-16-le", "您"), ("ascii", "a"), ("hex", "")])
    def test_other_encodings(self, place: Place, encoding: str, text: str) -> None:
        with plain_client(place) as (plain, accepted):
            if not text:
                with pytest.raises(LabError, match="is not an encoding"):
                    accepted.set_encoding(encoding)
                return
            accepted.set_encoding(encoding)
            plain.sendall(text.encode(encoding))
            assert accepted.wait_for("data") == text

    def test_an_unknown_encoding(self, place: Place) -> None:
        with plain_client(place) as (_, accepted), pytest.raises(LabError, match="'klingon' is not an encoding"):
            accepted.set_encoding("klingon")

    def test_text_written_is_utf8(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.end("您好！")
            assert read_all(plain) == b"\xe6\x82\xa8\xe5\xa5\xbd\xef\xbc\x81"

    def test_read_gives_bytes_all_the_same(self, place: Place) -> None:
        with plain_client(place) as (plain, accepted):
            accepted.set_encoding("utf8")
            plain.sendall("您".encode()[:2])
            assert accepted.read(2) == "您".encode()[:2]


class TestWithBlock:
    """with net.connect(...) ends politely."""

    def test_it_sends_fin_and_waits_for_the_peers(self, place: Place) -> None:
        with place.listen(net.create_server(lambda s: s.pipe(s))):
            with place.connect() as client:
                client.write(b"x")
            assert [name for name in names(client) if name != "data"] == ["connect", "finish", "end", "close"]
            assert "data" in names(client)  # before or after finish: the echo may be faster than the end

    def test_it_does_nothing_to_a_closed_socket(self, place: Place) -> None:
        with plain_server(place) as (client, _), client:
            client.destroy()
            client.wait_for("close")
        assert names(client) == ["connect", "close"]

    def test_a_peer_that_never_ends_is_cut(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        with plain_server(place) as (client, served):
            waited = client.wait_for
            monkeypatch.setattr(net.Socket, "wait_for", lambda self, event, timeout=5.0: waited(event, 0.02))
            with client:
                pass
            assert read_all(served) == b""
            assert client.wait_for("close") is False


def test_a_large_piece_is_told_with_its_size() -> None:
    """A piece that is too large to be kept has a size all the same: in the history, and in a picture."""
    with net.create_server(pause_on_connect=True).listen(0) as server, net.connect(server.port) as client:
        accepted = server.wait_for("connection")
        client.end(bytes(200_000))
        accepted.on("data", lambda data: None).resume()
        accepted.wait_for("end")
        sizes = [entry.size for entry in accepted.history if entry.name == "data"]
    assert None not in sizes
    assert sum(sizes) == 200_000
