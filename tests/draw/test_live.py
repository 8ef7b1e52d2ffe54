"""The live ladder without a page: what it keeps, what it tells, and every way in which it ends.

Rule: the page is played by the messages that it would send; packets are real ones over loopback.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import labkit
from labkit import draw, net
from labkit.core.errors import LabError
from labkit.draw import live_ladder as module
from labkit.draw import live_rows
from tests.needs import need_live_capture

WAIT = 60.0


class Page:
    """What follows the panel in place of a page: what it was told."""

    def __init__(self, live: draw.Live) -> None:
        self.live, self.panel = live, live._panel
        self.told: list[tuple[dict[str, Any], list[bytes]]] = []
        self.panel.view = self

    def follow(self, names: Any) -> None:
        """The state has changed."""

    def tell(self, message: dict[str, Any], buffers: Any) -> None:
        """A message of the kernel."""
        self.told.append((message, list(buffers)))

    def ask(self, ask: str, **values: Any) -> tuple[dict[str, Any], list[list[str]]]:
        """What the page asks, and the answer with its rows."""
        heard = self.panel.heard({"ask": ask, "ticket": 1, **values})
        assert heard is not None
        return heard[0], rows(heard[1])

    @property
    def rows(self) -> list[list[str]]:
        """All rows it was told."""
        return [row for _, buffers in list(self.told) for row in rows(buffers)]


def rows(buffers: Any) -> list[list[str]]:
    """The rows in the buffers of a message."""
    return [line.split("\t") for line in b"".join(buffers).decode().splitlines()]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition that another thread makes true."""
    deadline = time.monotonic() + WAIT
    waiting = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT:g} s: {what}"
        waiting.wait(0.005)


@pytest.fixture
def server() -> Iterator[net.Server]:
    need_live_capture()
    with net.create_server(lambda socket: socket.on("data", socket.write)).listen(0) as listening:
        yield listening


@pytest.fixture
def live(server: net.Server) -> Iterator[draw.Live]:
    showing = draw.live(server.port)
    yield showing
    showing.stop()


def talk(server: net.Server, words: bytes = b"hello") -> None:
    """One connection over which these words go and come back."""
    with net.connect(server.port) as socket:
        socket.write(words)
        socket.wait_for("data")
        socket.end()
        socket.wait_for("close")


class TestRows:
    """What the page is told."""

    def test_packets_come_in_batches_with_all_that_a_row_says(self, live: draw.Live, server: net.Server) -> None:
        page = Page(live)
        talk(server)
        until(lambda: len(page.rows) == 10, "10 rows")
        found = [dict(zip(live_rows.COLUMNS, row, strict=True)) for row in page.rows]
        assert [row["number"] for row in found] == [str(number) for number in range(1, 11)]
        assert [row["what"] for row in found][:3] == ["SYN seq=0", "SYN, ACK seq=0 ack=1", "ACK seq=1 ack=1"]
        assert [row["right"] for row in found][:3] == ["1", "0", "1"]
        assert [row["text"] for row in found if row["size"] == "5"] == ["“hello”", "“hello”"]
        assert {row["between"].rpartition(" ")[2] for row in found} == {str(server.port)}
        assert found[0]["ms"] == "0.000"
        assert len(page.told) < 10

    def test_a_page_that_comes_later_asks_for_what_there_is(self, live: draw.Live, server: net.Server) -> None:
        talk(server)
        until(lambda: live.total == 10, "10 packets")
        message, found = Page(live).ask("rows")
        assert message["total"] == len(found) == 10

    def test_what_one_view_asks_for_is_not_missing_in_another(self, live: draw.Live, server: net.Server) -> None:
        page = Page(live)
        pull, held = live._pull, threading.Event()
        held.set()

        def slow() -> None:
            pull()
            assert held.wait(WAIT)

        live._pull = slow  # type: ignore[method-assign]
        talk(server)
        until(lambda: len(page.rows) == 10, "10 rows")
        held.clear()  # between the look and what the page is told of it
        talk(server)
        until(lambda: live.total == 20, "20 packets")
        assert len(page.ask("rows")[1]) == 20  # of a second view
        held.set()
        until(lambda: len(page.rows) == 20, "the rows of the first view")

    def test_what_a_peer_sent_cannot_make_a_row_of_its_own(self, live: draw.Live, server: net.Server) -> None:
        page = Page(live)
        talk(server, "<script>a</script>\t9\n1\t\x1b[31m\0\u202e\ud800 and so on".encode("utf-8", "surrogatepass"))
        until(lambda: len(page.rows) == 10, "10 rows")
        assert {len(row) for row in page.rows} == {len(live_rows.COLUMNS)}
        assert page.rows[3][-1].startswith("“<script>a</script>\\t9\\n1\\t\\x1b[31m\\0\\u202e")

    def test_messages_that_no_page_of_ours_sends_are_refused(self, live: draw.Live) -> None:
        page = Page(live)
        for message in ({"ask": "drawn", "number": "1"}, {"ask": "rows", "more": 1}, {"ask": "stop", "why": "x"}):
            assert page.ask(message.pop("ask"), **message)[0]["tell"] == "error"  # type: ignore[arg-type]
        assert page.ask("drawn", number=1 << 52)[0]["tell"] == "drawn"  # of packets that there are not
        assert live.ended == ""

    def test_no_page_is_told_less_often(self, server: net.Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """As long as nobody says that it has drawn, a second passes between two batches."""
        live = draw.live(server.port)
        page = Page(live)
        talk(server)
        until(lambda: len(page.rows) == 10, "10 rows")
        page.ask("drawn", number=10)
        talk(server)
        until(lambda: len(page.rows) == 20, "the next 10 rows")
        before = len(page.told)
        monkeypatch.setattr(module, "UNHEARD", 3600)  # nobody has drawn these, and it is long since
        live._drawn_at = live._undrawn_at = -2 * 3600.0
        talk(server)
        until(lambda: live.total == 30, "30 packets")
        assert len(page.told) <= before + 1
        live.stop()  # the end is told at once
        assert len(page.rows) == 30


class TestKept:
    """A ring of the newest packets."""

    def test_only_the_newest_are_kept_and_the_rest_is_told(self, server: net.Server) -> None:
        live = draw.live(server.port, keep=15)
        for _ in range(3):
            talk(server)
        live.stop()
        assert (live.total, len(live.tape)) == (30, 15)
        assert live.tape.missing == "the newest 15 of 30 packets"
        message, found = Page(live).ask("rows")
        assert (message["total"], [row[0] for row in found]) == (30, [str(number) for number in range(16, 31)])

    def test_clear_gives_up_what_came_and_goes_on(self, live: draw.Live, server: net.Server) -> None:
        talk(server)
        until(lambda: live.total == 10, "10 packets")
        assert Page(live).ask("clear")[0]["tell"] == "clear"
        assert len(live.tape) == 0
        assert live._panel.state["cleared"] == 10
        page = Page(live)
        talk(server)
        until(lambda: len(page.rows) == 10, "10 more")
        assert page.rows[0][0] == "11"

    def test_the_twin_is_the_ladder_of_what_there_is(self, live: draw.Live, server: net.Server) -> None:
        title = f"Live: port {server.port}"
        assert repr(live).startswith(f"{title}: 0 packets so far.\nLadder of 0 packets")
        talk(server)
        live.stop()
        assert repr(live).startswith(f"{title}: 10 packets so far. It was stopped.\nLadder of 10 packets, client ↔ ")
        assert repr(live).endswith(repr(draw.ladder(live.tape)))
        bundle = live._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "image/svg+xml"}


class TestEnd:
    """It ends by itself, and says why."""

    def test_with_the_capture_it_looks_at(self, server: net.Server) -> None:
        with labkit.capture(server.port) as tape:
            live = draw.live(tape)
            talk(server)
            until(lambda: live.total == 10, "10 packets")
            assert len(live.tape) == 10
            assert live.ended == ""
        until(lambda: live.ended, "the end")
        assert live.ended == "The capture has ended."
        assert live.tape is tape
        assert len(tape) == 10
        assert live.total == 10

    def test_with_a_capture_that_an_exception_ends(self, server: net.Server) -> None:
        made: list[draw.Live] = []

        def interrupted() -> None:
            with labkit.capture(server.port) as tape:
                made.append(draw.live(tape))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        until(lambda: made[0].ended, "the end")

    def test_of_a_complete_tape_there_is_none(self) -> None:
        with pytest.raises(LabError, match="this tape is complete"):
            draw.live(labkit.Tape())

    @pytest.mark.parametrize("keep", [0, -1, 5001, 1.5, True, "9"])
    def test_a_number_to_keep_is_checked(self, keep: Any) -> None:
        with pytest.raises(LabError, match="no number of packets to keep"):
            draw.live(keep=keep)

    def test_by_the_button(self, live: draw.Live) -> None:
        Page(live).ask("stop")
        until(lambda: live not in module._running, "the end")
        assert live.ended == live._panel.state["ended"] == "It was stopped."

    def test_by_reset(self, live: draw.Live) -> None:
        labkit.reset()
        assert live.ended == "labkit.reset() has ended it."
        assert not live._thread.is_alive()

    def test_when_a_cell_is_interrupted(self, live: draw.Live) -> None:
        module._interrupted(SimpleNamespace(error_in_exec=ValueError()))
        assert live.ended == ""
        module._interrupted(SimpleNamespace(error_in_exec=KeyboardInterrupt()))
        assert live.ended == "A cell was interrupted."

    def test_when_its_cell_is_run_again(self, server: net.Server, monkeypatch: pytest.MonkeyPatch) -> None:
        now = SimpleNamespace(execution_count=1)
        cells = {"now": module.cell.Cell("a", "a.py")}
        monkeypatch.setattr(module, "shell", lambda: now)
        monkeypatch.setattr(module.cell, "current", lambda: cells["now"])
        first, second = draw.live(server.port), draw.live(server.port)  # two in one run of a cell
        cells["now"], now.execution_count = module.cell.Cell("b", "b.py"), 2
        other = draw.live(server.port)
        cells["now"], now.execution_count = module.cell.Cell("a", "a.py"), 3
        third = draw.live(server.port)
        assert [each.ended for each in (first, second, other, third)] == ["The cell was run again."] * 2 + [""] * 2
        assert draw.end_live("Enough.") == 2
        assert [other.ended, third.ended] == ["Enough."] * 2
