"""labkit.core.emitter: listeners, order, history, waiting, notebook cells.

Rule: no sockets and no event loop; threads are held by events and barriers, never by time.
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any
from unittest.mock import Mock

import pytest

from labkit.core import emitter as module
from labkit.core import listeners, notebook, watching
from labkit.core.emitter import Emitter
from labkit.core.endpoint import Endpoint
from labkit.core.errors import LabError, NotOpen, TimedOut
from labkit.core.history import HISTORY
from labkit.core.watching import unwatch, watch


class Named(Emitter):
    """An emitter that says who it is, as sockets do."""

    def endpoint(self) -> module.Ends:
        return ("client", ("127.0.0.1", 1), ("127.0.0.1", 2))

    def __repr__(self) -> str:
        return "<named>"


class Waiting(Emitter):
    """An emitter that tells when a thread has begun to wait, so that tests need no sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)

    def _waiting(self, event: str) -> None:
        self.begun.release()


class Waiter(threading.Thread):
    """A thread in wait_for; `outcome` is what it returned or raised."""

    def __init__(self, source: Waiting, event: str, timeout: float = 30.0) -> None:
        super().__init__(daemon=True)
        self.source, self.event, self.timeout = source, event, timeout
        self.value: Any = None
        self.error: BaseException | None = None
        self.start()
        assert source.begun.acquire(timeout=10)

    def run(self) -> None:
        try:
            self.value = self.source.wait_for(self.event, self.timeout)
        except BaseException as error:
            self.error = error

    def outcome(self) -> Any:
        self.join(10)
        assert not self.is_alive(), "the waiting thread was not woken"
        if self.error is not None:
            raise self.error
        return self.value


class TestListeners:
    """Node's EventEmitter: on, once, off, order, errors."""

    def test_listeners_are_called_in_the_order_of_registration_with_all_arguments(self) -> None:
        source, calls = Emitter(), []
        source.on("x", lambda *a: calls.append(("first", a))).on("x", lambda *a: calls.append(("second", a)))
        assert source.emit("x", 1, "two") is True
        assert calls == [("first", (1, "two")), ("second", (1, "two"))]

    def test_emit_says_whether_anybody_listened(self) -> None:
        source = Emitter()
        assert source.emit("x") is False
        source.on("x", lambda: None)
        assert source.emit("x") is True
        assert source.emit("y") is False

    def test_on_returns_the_emitter_and_as_decorator_the_function(self) -> None:
        source = Emitter()

        def listener() -> None: ...

        assert source.on("x", listener) is source
        assert source.on("y")(listener) is listener
        assert source.once("z")(listener) is listener
        assert source.listeners("x") == source.listeners("y") == source.listeners("z") == (listener,)

    def test_once_is_called_once_and_gone_before_it_runs(self) -> None:
        source, seen = Emitter(), []

        @source.once("x")
        def again(value: int) -> None:
            seen.append((value, source.listeners("x")))
            if value == 1:
                source.emit("x", 2)

        source.emit("x", 1)
        assert seen == [(1, ())]

    def test_the_same_listener_twice_is_called_twice_and_off_removes_the_latest(self) -> None:
        source, calls = Emitter(), []

        def one() -> None:
            calls.append(1)

        def two() -> None:
            calls.append(2)

        source.on("x", one).on("x", two).on("x", one)
        source.off("x", one)
        source.emit("x")
        assert calls == [1, 2]

    def test_off_takes_a_once_listener_by_the_function_given(self) -> None:
        source = Emitter()

        def listener() -> None: ...

        source.once("x", listener)
        source.off("x", listener)
        assert source.listeners("x") == ()
        assert source.emit("x") is False

    def test_off_ignores_what_it_does_not_know(self) -> None:
        source = Emitter()
        source.on("x", print)
        assert source.off("x", len) is source
        assert source.off("never", len) is source
        assert source.listeners("x") == (print,)

    def test_off_takes_bound_methods(self) -> None:
        source, seen = Emitter(), []
        source.on("x", seen.append)
        source.off("x", seen.append)
        assert source.emit("x", 1) is False

    def test_off_ends_also_for_objects_that_have_a_listener_of_their_own(self) -> None:
        source, odd = Emitter(), Mock()  # a Mock has every attribute, another Mock
        source.on("x", odd)
        source.off("x", len)
        assert source.listeners("x") == (odd,)
        source.off("x", odd)
        assert source.listeners("x") == ()

    def test_a_listener_must_be_callable(self) -> None:
        with pytest.raises(LabError, match="'data' must be a function, not 5"):
            Emitter().on("data", 5)  # type: ignore[call-overload]

    def test_a_listener_must_not_be_a_coroutine_function(self) -> None:
        async def later() -> None: ...

        with pytest.raises(LabError, match="async function, and nobody would await it"):
            Emitter().on("data", later)

    def test_a_misspelt_event_is_refused_where_the_events_are_known(self) -> None:
        class Bell(Emitter):
            EVENTS = frozenset({"ring", "stop"})

        with pytest.raises(LabError, match=r"Bell emits no 'rign'. It emits: ring, stop\."):
            Bell().on("rign", print)
        Bell().on("ring", print)
        Emitter().on("rign", print)

    def test_what_is_registered_during_an_emit_is_called_from_the_next_on(self) -> None:
        source, calls = Emitter(), []
        source.on("x", lambda: source.on("x", lambda: calls.append("late")))
        source.emit("x")
        assert calls == []
        source.emit("x")
        assert calls == ["late"]

    def test_what_is_removed_during_an_emit_is_still_called_this_time(self) -> None:
        source, calls = Emitter(), []

        def second() -> None:
            calls.append("second")

        source.on("x", lambda: source.off("x", second)).on("x", second)
        source.emit("x")
        assert calls == ["second"]
        source.emit("x")
        assert calls == ["second"]

    def test_an_emit_inside_a_listener_is_done_first(self) -> None:
        source, calls = Emitter(), []
        source.on("x", lambda depth: (calls.append(("a", depth)), source.emit("x", depth + 1) if depth < 2 else None))
        source.on("x", lambda depth: calls.append(("b", depth)))
        source.emit("x", 0)
        assert calls == [("a", 0), ("a", 1), ("a", 2), ("b", 2), ("b", 1), ("b", 0)]

    def test_an_exception_in_a_listener_leaves_emit_and_skips_the_rest(self) -> None:
        source, calls = Emitter(), []

        def bad() -> None:
            raise ValueError("bad")

        source.on("x", bad).on("x", lambda: calls.append(1))
        with pytest.raises(ValueError, match="bad"):
            source.emit("x")
        assert calls == []

    def test_error_without_a_listener_raises_it(self) -> None:
        source, error = Emitter(), RuntimeError("boom")
        with pytest.raises(RuntimeError) as caught:
            source.emit("error", error)
        assert caught.value is error

    def test_error_without_a_listener_and_without_an_exception_raises_too(self) -> None:
        with pytest.raises(LabError, match="unhandled 'error' event: 'oops'"):
            Emitter().emit("error", "oops")
        with pytest.raises(LabError, match="unhandled 'error' event: None"):
            Emitter().emit("error")

    def test_error_with_a_listener_does_not_raise(self) -> None:
        source, seen = Emitter(), []
        error = RuntimeError("boom")
        source.on("error", seen.append)
        assert source.emit("error", error) is True
        assert seen == [error]

    def test_threads_that_register_at_once_lose_nothing(self) -> None:
        source, count, each = Emitter(), 8, 50
        start = threading.Barrier(count)

        def register() -> None:
            start.wait(10)
            for _ in range(each):
                source.on("x", lambda: None)

        threads = [threading.Thread(target=register) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(source.listeners("x")) == count * each


class TestHistory:
    """What an emitter remembers, and that it is bounded."""

    def test_it_holds_event_time_and_size(self) -> None:
        source = Emitter()
        assert source.history == ()
        source.emit("connect")
        source.emit("data", b"12345")
        source.emit("data", "您好")
        source.emit("close", True)
        assert [(e.name, e.size) for e in source.history] == [
            ("connect", None), ("data", 5), ("data", 2), ("close", None),
        ]  # fmt: skip
        times = [e.time_ns for e in source.history]
        assert times == sorted(times)
        assert times[0] > 1_600_000_000_000_000_000

    def test_it_is_bounded_and_forgets_the_oldest(self) -> None:
        source = Emitter()
        for number in range(HISTORY + 10):
            source.emit("data", b"." * number)
        assert len(source.history) == HISTORY
        assert [source.history[0].size, source.history[-1].size] == [10, HISTORY + 9]

    def test_an_error_that_raises_is_remembered(self) -> None:
        source = Emitter()
        with pytest.raises(RuntimeError):
            source.emit("error", RuntimeError())
        assert [e.name for e in source.history] == ["error"]

    def test_it_is_already_there_when_the_listener_runs(self) -> None:
        source, seen = Emitter(), []
        source.on("x", lambda: seen.append([e.name for e in source.history]))
        source.emit("x")
        assert seen == [["x"]]

    def test_two_threads_may_emit_the_first_event_at_once(self) -> None:
        for _ in range(50):
            source, start, failed = Emitter(), threading.Barrier(2), []

            def first(source: Emitter = source, start: Any = start, failed: list[BaseException] = failed) -> None:
                start.wait(10)
                try:
                    source.emit("x")
                except BaseException as error:
                    failed.append(error)

            threads = [threading.Thread(target=first) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            assert failed == []


class TestWaitFor:
    """wait_for: past and future, states, timeouts, what ends it early, threads."""

    def test_it_returns_at_once_for_the_past(self) -> None:
        source = Emitter()
        source.emit("data", b"x")
        assert source.wait_for("data", timeout=0) == b"x"

    @pytest.mark.parametrize(("args", "value"), [((), None), ((b"x",), b"x"), ((1, 2), (1, 2))])
    def test_it_returns_none_the_argument_or_a_tuple(self, args: tuple[Any, ...], value: Any) -> None:
        source = Emitter()
        source.emit("x", *args)
        assert source.wait_for("x", timeout=0) == value

    def test_a_past_event_is_handed_out_once(self) -> None:
        source = Emitter()
        source.emit("data", b"x")
        source.wait_for("data")
        with pytest.raises(TimedOut):
            source.wait_for("data", timeout=0)
        source.emit("data", b"y")
        assert source.wait_for("data", timeout=0) == b"y"

    @pytest.mark.parametrize("state", ["open", "close"])
    def test_a_state_can_be_waited_for_again_and_again(self, state: str) -> None:
        class Door(Emitter):
            STATES = frozenset({"open", "close"})

        source = Door()
        source.emit(state, "argument")
        assert [source.wait_for(state, timeout=0) for _ in range(3)] == ["argument"] * 3

    def test_it_waits_for_the_future(self) -> None:
        source = Waiting()
        waiter = Waiter(source, "data")
        source.emit("other")
        source.emit("data", b"later")
        assert waiter.outcome() == b"later"

    def test_the_first_event_after_the_call_is_returned_and_the_next_call_gets_the_next(self) -> None:
        source = Waiting()
        waiter = Waiter(source, "data")
        source.emit("data", b"1")
        source.emit("data", b"2")
        assert waiter.outcome() == b"1"
        assert source.wait_for("data", timeout=0) == b"2"

    def test_every_waiting_thread_gets_the_event(self) -> None:
        source = Waiting()
        waiters = [Waiter(source, "data") for _ in range(5)]
        source.emit("data", b"for all")
        assert [each.outcome() for each in waiters] == [b"for all"] * 5

    def test_threads_may_wait_for_different_events(self) -> None:
        source = Waiting()
        first, second = Waiter(source, "a"), Waiter(source, "b")
        source.emit("b", 2)
        source.emit("a", 1)
        assert (first.outcome(), second.outcome()) == (1, 2)

    def test_the_timeout_says_what_was_missing_and_what_came(self) -> None:
        source = Named()
        source.emit("connect")
        for _ in range(3):
            source.emit("data", b"x")
        with pytest.raises(TimedOut) as caught:
            source.wait_for("end", timeout=0)
        message = str(caught.value)
        assert "<named> emitted no 'end' within 0 s" in message
        assert "connect, data ×3" in message
        assert isinstance(caught.value, TimeoutError)

    def test_the_timeout_of_a_silent_emitter_says_nothing_came(self) -> None:
        with pytest.raises(TimedOut, match="So far it emitted: nothing"):
            Emitter().wait_for("data", timeout=0)

    def test_an_error_that_comes_first_is_raised_in_the_waiting_thread_only(self) -> None:
        source, error = Waiting(), RuntimeError("reset")
        waiter = Waiter(source, "data")
        source.emit("error", error)  # does not raise here: somebody waits
        with pytest.raises(RuntimeError) as caught:
            waiter.outcome()
        assert caught.value is error

    def test_an_error_that_comes_while_waiting_begins_is_raised(self) -> None:
        error = RuntimeError("at once")

        class Failing(Emitter):
            def _waiting(self, event: str) -> None:
                self.emit("error", error)
                self.emit("close", True)

        with pytest.raises(RuntimeError) as caught:
            Failing().wait_for("data", timeout=0)
        assert caught.value is error

    def test_an_old_error_is_not_raised_again(self) -> None:
        source = Waiting()
        source.on("error", lambda error: None)
        source.emit("error", RuntimeError("old"))
        waiter = Waiter(source, "data")
        source.emit("data", b"after")
        assert waiter.outcome() == b"after"

    def test_waiting_for_error_returns_it(self) -> None:
        source, error = Waiting(), RuntimeError("wanted")
        waiter = Waiter(source, "error")
        source.emit("error", error)
        assert waiter.outcome() is error
        assert source.wait_for("error", timeout=0) is error

    def test_a_close_that_comes_first_ends_the_wait(self) -> None:
        source = Waiting()
        waiter = Waiter(source, "data")
        source.emit("close", False)
        with pytest.raises(NotOpen, match=r"closed without another 'data'.*It emitted: close"):
            waiter.outcome()

    def test_after_a_close_nothing_is_waited_for(self) -> None:
        source = Emitter()
        source.emit("close", False)
        with pytest.raises(NotOpen):
            source.wait_for("data", timeout=30)

    def test_after_a_close_what_was_not_waited_for_is_still_handed_out(self) -> None:
        source = Emitter()
        source.emit("data", b"last")
        source.emit("close", False)
        assert source.wait_for("data", timeout=0) == b"last"
        assert source.wait_for("close", timeout=0) is False

    def test_a_listener_that_fails_does_not_keep_the_waiting_thread_asleep(self) -> None:
        source = Waiting()

        @source.on("data")
        def fail(value: int) -> None:
            raise ValueError("bad")

        waiter = Waiter(source, "data")
        with pytest.raises(ValueError, match="bad"):
            source.emit("data", 5)
        assert waiter.outcome() == 5

    def test_it_returns_after_the_listeners_have_run(self) -> None:
        source, order = Waiting(), []
        source.on("x", lambda: order.append("listener"))
        waiter = Waiter(source, "x")
        source.on("x", lambda: order.append("waited" if waiter.is_alive() else "gone"))
        source.emit("x")
        waiter.outcome()
        assert order[0] == "listener"

    @pytest.mark.parametrize("event", ["data", "close"])
    def test_a_wait_that_begins_while_the_listeners_run_returns_after_them(self, event: str) -> None:
        source, running, go_on, order = Waiting(), threading.Event(), threading.Event(), []

        def slow(_: object) -> None:
            running.set()
            go_on.wait(10)
            order.append("listener")

        source.emit(event, "earlier")
        source.on(event, slow)
        emitting = threading.Thread(target=source.emit, args=(event, "now"))
        emitting.start()
        assert running.wait(10)
        waiter = Waiter(source, event)
        go_on.set()
        assert waiter.outcome() == "now"
        assert order == ["listener"]
        emitting.join(10)

    def test_it_leaves_no_listener_behind(self) -> None:
        source = Emitter()
        source.emit("data", b"x")
        source.wait_for("data")
        with pytest.raises(TimedOut):
            source.wait_for("data", timeout=0)
        assert source._listeners == {}

    def test_the_thread_of_the_loop_is_refused(self) -> None:
        raised: list[BaseException] = []

        def as_the_loop() -> None:
            module.forbid_waiting()
            try:
                Emitter().wait_for("data")
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=as_the_loop)
        thread.start()
        thread.join(10)
        assert isinstance(raised[0], LabError)
        assert "on() or once()" in str(raised[0])


class TestWatch:
    """What a running capture collects."""

    @pytest.fixture
    def records(self) -> Iterator[list[watching.Record]]:
        records = watch()
        yield records
        unwatch(records)

    def test_events_and_calls_are_collected_with_their_source(self, records: list[watching.Record]) -> None:
        source = Named()
        source.emit("connect")
        source._called("write", 9)
        source.emit("data", b"123")
        assert [tuple(r[1:5]) for r in records] == [
            (source, "connect", None, "event"), (source, "write", 9, "call"), (source, "data", 3, "event"),
        ]  # fmt: skip
        assert records[0][1].endpoint() == ("client", ("127.0.0.1", 1), ("127.0.0.1", 2))
        assert [r[0] for r in records] == sorted(r[0] for r in records)

    def test_two_watchers_each_get_all_until_they_end(self, records: list[watching.Record]) -> None:
        other, source = watch(), Emitter()
        source.emit("a")
        unwatch(other)
        source.emit("b")
        assert [r[2] for r in records] == ["a", "b"]
        assert [r[2] for r in other] == ["a"]

    def test_unwatch_goes_by_identity(self) -> None:
        first, second = watch(), watch()  # both empty, so equal
        unwatch(second)
        Emitter().emit("x")
        unwatch(first)
        assert (len(first), len(second)) == (1, 0)

    def test_nothing_is_collected_without_a_watcher(self) -> None:
        ended = watch()
        unwatch(ended)
        Emitter().emit("x")
        assert ended == []
        assert watching.watchers == ()

    def test_an_emitter_of_no_connection_has_an_empty_endpoint(self) -> None:
        assert Emitter().endpoint() == ("", None, None)


class TestInCell:
    """Output of a handler belongs to the cell that registered it."""

    cell: ContextVar[str] = ContextVar("cell", default="none")

    @pytest.fixture
    def notebook(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("ipykernel.kernelapp"))

    def register(self, cell: str, how: Callable[[], Any]) -> None:
        token = self.cell.set(cell)
        how()
        self.cell.reset(token)

    def test_a_listener_runs_in_the_context_of_its_registration(self, notebook: None) -> None:
        source, seen = Emitter(), []

        def listener() -> None:
            seen.append(self.cell.get())

        self.register("3", lambda: source.on("x", listener))
        self.register("4", lambda: source.once("x", listener))
        self.register("9", lambda: source.emit("x"))
        assert seen == ["3", "4"]
        assert source.listeners("x") == (listener,)

    def test_outside_a_notebook_the_listener_is_the_function_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
        assert not notebook.in_notebook()
        assert listeners.in_cell(print) is print

    def test_it_can_be_entered_again_while_it_runs(self, notebook: None) -> None:
        source, seen = Emitter(), []

        def listener(depth: int) -> None:
            seen.append((depth, self.cell.get()))
            if depth < 2:
                source.emit("x", depth + 1)

        self.register("3", lambda: source.on("x", listener))
        source.emit("x", 0)
        assert seen == [(0, "3"), (1, "3"), (2, "3")]

    def test_two_threads_may_run_it_at_once(self, notebook: None) -> None:
        source, both, seen = Emitter(), threading.Barrier(2), []

        def listener() -> None:
            both.wait(10)  # only passes when two threads are inside
            seen.append(self.cell.get())

        self.register("5", lambda: source.on("x", listener))
        threads = [threading.Thread(target=source.emit, args=("x",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert seen == ["5", "5"]

    def test_off_finds_it_by_the_function_given(self, notebook: None) -> None:
        source = Emitter()
        source.on("x", print)
        source.once("x", print)
        source.off("x", print).off("x", print)
        assert source.listeners("x") == ()


class TestWaitingForTheClose:
    """An error comes before the close it causes: who waits for the close must not trip over it."""

    def fail_while_waited_for(self, source: Waiting, error: LabError) -> threading.Thread:
        def fail() -> None:
            source.begun.acquire(timeout=30)
            with suppress(LabError):  # nobody listens: emit raises it here, too
                source.emit("error", error)
            source.emit("close", True)

        failing = threading.Thread(target=fail)
        failing.start()
        return failing

    def test_an_error_somebody_listens_to_does_not_end_the_wait(self) -> None:
        source, told = Waiting(), []
        source.on("error", told.append)
        error = LabError("broken")
        failing = self.fail_while_waited_for(source, error)
        assert source.wait_for("close") is True
        failing.join()
        assert told == [error]

    def test_an_error_nobody_listens_to_is_raised_after_the_close(self) -> None:
        source = Waiting()
        failing = self.fail_while_waited_for(source, LabError("broken"))
        with pytest.raises(LabError, match="broken"):
            source.wait_for("close")
        failing.join()
        assert [entry.name for entry in source.history] == ["error", "close"]


class TestErrorsNobodyWasGiven:
    """An error is given once: to a listener, to a thread that waits, or to the call that raised it; never to nobody."""

    def emitted(self, source: Emitter, error: Any) -> None:
        with suppress(Exception):  # as in Node: without a listener emit raises it
            source.emit("error", error)

    @pytest.mark.parametrize("event", ["data", "listening", "end"])
    def test_one_that_came_before_the_wait_is_raised_as_one_that_comes_during_it(self, event: str) -> None:
        source, error = Waiting(), LabError("refused")
        self.emitted(source, error)
        with pytest.raises(LabError) as caught:
            source.wait_for(event, timeout=30)
        assert caught.value is error
        source = Waiting()
        waiter = Waiter(source, event)
        self.emitted(source, error)
        with pytest.raises(LabError) as caught:
            waiter.outcome()
        assert caught.value is error

    @pytest.mark.parametrize("during", [False, True])
    def test_it_is_raised_once(self, during: bool) -> None:
        source = Waiting()
        if during:
            waiter = Waiter(source, "data")
            self.emitted(source, LabError("refused"))
            with pytest.raises(LabError, match="refused"):
                waiter.outcome()
        else:
            self.emitted(source, LabError("refused"))
            with pytest.raises(LabError, match="refused"):
                source.wait_for("data", timeout=0)
        with pytest.raises(TimedOut):
            source.wait_for("data", timeout=0)
        source.emit("close", True)
        assert source.wait_for("close", timeout=0) is True

    @pytest.mark.parametrize("event", ["data", "close"])
    def test_one_that_a_listener_heard_is_never_raised(self, event: str) -> None:
        told: list[LabError] = []
        for during in (False, True):
            source = Waiting()
            source.on("error", told.append)
            waiter = Waiter(source, event) if during else None
            source.emit("error", LabError("heard"))
            source.emit(event, True)
            assert (source.wait_for(event, timeout=0) if waiter is None else waiter.outcome()) is True
        assert len(told) == 2

    def test_a_listener_that_comes_later_has_not_heard_it(self) -> None:
        source = Emitter()
        self.emitted(source, LabError("refused"))
        source.on("error", print)
        with pytest.raises(LabError, match="refused"):
            source.wait_for("data", timeout=0)

    def test_one_that_a_call_has_raised_is_not_raised_again(self) -> None:
        """connect() in a cell remembers its error and raises it."""
        source, error = Endpoint(), LabError("refused")
        assert source._outcome(error, from_cell=True) is error
        with pytest.raises(TimedOut):
            source.wait_for("data", timeout=0)

    def test_one_that_was_raised_and_caught_before_it_was_emitted_is_new(self) -> None:
        source, error = Emitter(), LabError("no way there")
        with suppress(LabError):
            raise error
        source._remember("error", (error,))
        with pytest.raises(LabError, match="no way there"):
            source.wait_for("data", timeout=0)

    def test_waiting_for_the_error_is_being_given_it(self) -> None:
        source, error = Emitter(), LabError("refused")
        self.emitted(source, error)
        assert source.wait_for("error", timeout=0) is error
        with pytest.raises(TimedOut):
            source.wait_for("data", timeout=0)

    def test_what_came_first_is_told_first(self) -> None:
        source = Emitter()
        source.emit("data", b"before")
        self.emitted(source, LabError("refused"))
        assert source.wait_for("data", timeout=0) == b"before"
        with pytest.raises(LabError, match="refused"):
            source.wait_for("data", timeout=0)
        self.emitted(source, LabError("refused again"))
        source.emit("data", b"after")
        with pytest.raises(LabError, match="refused again"):
            source.wait_for("data", timeout=0)
        assert source.wait_for("data", timeout=0) == b"after"

    def test_every_waiting_thread_is_given_it(self) -> None:
        source = Waiting()
        waiters = [Waiter(source, "data") for _ in range(4)]
        self.emitted(source, LabError("refused"))
        for waiter in waiters:
            with pytest.raises(LabError, match="refused"):
                waiter.outcome()

    def test_one_that_came_before_the_close_is_raised_after_it_and_once(self) -> None:
        source = Emitter()
        self.emitted(source, LabError("reset"))
        source.emit("close", True)
        with pytest.raises(LabError, match="reset"):
            source.wait_for("close", timeout=0)
        assert source.wait_for("close", timeout=0) is True
        with pytest.raises(NotOpen):
            source.wait_for("data", timeout=0)

    def test_what_is_no_exception_is_raised_in_words(self) -> None:
        source = Emitter()
        self.emitted(source, "oops")
        with pytest.raises(LabError, match="unhandled 'error' event: 'oops'"):
            source.wait_for("data", timeout=0)


class TestWaitingForAnUnknownEvent:
    """A misspelt name is refused at once, as by on()."""

    def test_where_the_events_are_known(self) -> None:
        class Bell(Emitter):
            EVENTS = frozenset({"ring", "stop"})

        bell = Bell()
        with pytest.raises(LabError, match=r"Bell emits no 'rign'. It emits: ring, stop\."):
            bell.wait_for("rign", timeout=30)
        assert bell._listeners == {}
        assert bell._tickets == ()

    def test_where_any_name_will_do(self) -> None:
        with pytest.raises(TimedOut):
            Emitter().wait_for("rign", timeout=0)
