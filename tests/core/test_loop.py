"""labkit.core.loop: one background loop, calls into it, forks, and the end of the process.

Rule: what ends or forks a process runs in a subprocess, once with uvloop and once with asyncio.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.core import loop
from labkit.core.errors import LabError, TimedOut
from tests.loops import LOOPS, stop_loop, swap_loop

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=LOOPS, autouse=True)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test runs on uvloop and on asyncio."""
    yield from swap_loop(request.param)


@pytest.fixture
def script(kind: str) -> Run:
    """Run a program text in a process of its own."""

    def run(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(text), *arguments],
            capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LABKIT_LOOP": kind},
        )  # fmt: skip

    return run


class TestOneLoop:
    """There is one loop, in one thread, for the whole process."""

    def test_every_thread_gets_the_same_loop(self) -> None:
        start, found = threading.Barrier(8), []

        def ask() -> None:
            start.wait(10)
            found.append(loop.get())

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(found) == 8
        assert len({id(each) for each in found}) == 1
        assert [t.name for t in threading.enumerate()].count("labkit-loop") == 1

    def test_it_is_the_kind_asked_for(self, kind: str) -> None:
        assert type(loop.get()).__module__.startswith("uvloop" if kind == "uvloop" else "asyncio")

    def test_it_runs_in_a_daemon_thread_of_its_own(self) -> None:
        thread = loop.call(threading.current_thread)
        assert thread is not threading.current_thread()
        assert (thread.name, thread.daemon) == ("labkit-loop", True)

    def test_the_interpreter_lock_changes_hands_quickly_while_it_runs(self) -> None:
        loop.get()
        assert sys.getswitchinterval() <= loop.SWITCH_INTERVAL * 1.01

    def test_without_uvloop_it_is_asyncio(self, script: Run, kind: str) -> None:
        run = script("""
            import sys
            sys.modules["uvloop"] = None
            from labkit.core import loop
            print(type(loop.get()).__module__.split(".")[0], loop.call(lambda: 5))
        """)
        assert (run.stdout, run.stderr) == ("asyncio 5\n", "")


class TestCalls:
    """call and run, from cells and from handlers."""

    def test_inside_tells_the_loops_thread_from_others(self) -> None:
        assert loop.inside() is False
        assert loop.call(loop.inside) is True

    def test_call_gives_arguments_and_returns_the_result(self) -> None:
        assert loop.call(divmod, 17, 5) == (3, 2)

    def test_call_raises_what_the_function_raises(self) -> None:
        with pytest.raises(ZeroDivisionError):
            loop.call(divmod, 1, 0)

    def test_call_from_a_handler_runs_at_once(self) -> None:
        order: list[str] = []

        def handler() -> None:
            loop.call(order.append, "inner")
            order.append("outer")

        loop.call(handler)
        assert order == ["inner", "outer"]

    def test_a_timeout_error_of_the_function_itself_is_not_ours(self) -> None:
        def fails() -> None:
            raise TimeoutError("mine")

        with pytest.raises(TimeoutError, match="mine") as caught:
            loop.call(fails)
        assert not isinstance(caught.value, TimedOut)

    def test_a_busy_handler_is_named_as_the_cause(self, capsys: pytest.CaptureFixture[str]) -> None:
        busy, free, ran = threading.Event(), threading.Event(), []

        def handler() -> None:
            busy.set()
            assert free.wait(30)

        loop.get().call_soon_threadsafe(handler)
        assert busy.wait(10)
        with pytest.raises(TimedOut, match=r"did not answer within 0\.01 s.*time\.sleep"):
            loop.call(ran.append, "too late", timeout=0.01)
        free.set()
        assert loop.call(lambda: "again") == "again"
        assert ran == []  # given up, so not done behind the caller's back
        assert capsys.readouterr().err == ""

    def test_run_returns_and_raises_like_the_coroutine(self) -> None:
        async def works(value: int) -> int:
            await asyncio.sleep(0)
            return value

        async def fails() -> None:
            raise KeyError("k")

        assert loop.run(works(3)) == 3
        with pytest.raises(KeyError):
            loop.run(fails())

    def test_run_cancels_what_takes_too_long(self) -> None:
        cancelled = threading.Event()

        async def endless() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        with pytest.raises(TimedOut):
            loop.run(endless(), timeout=0.01)
        assert cancelled.wait(10)

    def test_run_from_a_handler_is_refused(self) -> None:
        async def anything() -> None: ...

        with pytest.raises(LabError, match="Inside a handler use the event"):
            loop.call(lambda: loop.run(anything()))

    def test_spawn_runs_a_coroutine_and_keeps_it_alive(self) -> None:
        done = threading.Event()

        async def later() -> None:
            await asyncio.sleep(0)
            done.set()

        loop.call(lambda: loop.spawn(later()))
        assert done.wait(10)
        assert loop.call(lambda: len(loop._tasks)) == 0

    def test_many_threads_call_at_once(self) -> None:
        total: list[int] = []
        threads = [
            threading.Thread(target=lambda: [loop.call(total.append, n) for n in range(100)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(total) == sorted(list(range(100)) * 8)


class TestReport:
    """Errors nobody handled are shown once, without labkit's own frames."""

    def test_a_labkit_error_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        loop.report(LabError("it broke", "Mend it."), "<server>")
        assert capsys.readouterr().err == "Unhandled 'error' event of <server>: LabError: it broke. Mend it.\n"

    def test_a_failing_handler_shows_its_own_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        def student_code() -> None:
            raise ValueError("mine")

        try:
            loop.call(student_code)
        except ValueError as error:
            loop.report(error, "<server>")
        shown = capsys.readouterr().err
        assert shown.startswith("A handler of <server> failed:\n")
        assert "in student_code" in shown
        assert shown.endswith("ValueError: mine\n")
        assert "core/loop.py" not in shown

    def test_sys_exit_in_a_handler_is_shown_and_the_loop_goes_on(self, capsys: pytest.CaptureFixture[str]) -> None:
        loop.get().call_soon_threadsafe(sys.exit, "enough")
        assert [loop.call(lambda: 1) for _ in range(3)] == [1, 1, 1]
        assert "SystemExit: enough" in capsys.readouterr().err

    def test_an_exception_in_a_bare_callback_is_shown(self, capsys: pytest.CaptureFixture[str]) -> None:
        def callback() -> None:
            raise ValueError("in a callback")

        loop.get().call_soon_threadsafe(callback)
        loop.call(lambda: None)  # after it
        assert capsys.readouterr().err.count("ValueError: in a callback") == 1


# Since Python 3.12 os.fork warns in a process with threads, and labkit's loop is a thread: that is what is tested here.
SERVE = """
    import os, sys, warnings
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    from labkit import net
    from labkit.core import loop
"""


class TestEndOfProcess:
    """Nothing is left listening; forks get a loop of their own."""

    def test_at_exit_the_socket_file_goes_and_the_port_is_free(self, script: Run, tmp_path: Path) -> None:
        path = tmp_path / "at-exit.sock"
        run = script(SERVE + """
    unix, tcp = net.create_server().listen(path=sys.argv[1]), net.create_server().listen(0)
    client = net.connect(tcp.port)
    print(os.path.exists(sys.argv[1]), tcp.port)
    """, str(path))  # fmt: skip
        existed, port = run.stdout.split()
        assert (existed, run.stderr, run.returncode) == ("True", "", 0)
        assert not path.exists()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", int(port)))
            again.listen()

    def test_at_exit_also_after_an_exception_and_after_ctrl_c(self, script: Run, tmp_path: Path) -> None:
        for number, end in enumerate(("raise SystemExit(3)", "raise KeyboardInterrupt", "1 / 0")):
            path = tmp_path / f"{number}.sock"
            text = f"\n    net.create_server().listen(path=sys.argv[1])\n    print('up')\n    {end}"
            run = script(SERVE + text, str(path))
            assert run.stdout == "up\n"
            assert run.returncode in (3, 1, -signal.SIGINT, 130)
            assert not path.exists()

    def test_it_ends_also_while_a_handler_is_stuck(self, script: Run) -> None:
        run = script(SERVE + """
    import threading
    inside = threading.Event()
    def stuck():
        inside.set()
        threading.Event().wait()
    loop.get().call_soon_threadsafe(stuck)
    inside.wait()
    print("ends")
    """)
        assert (run.stdout, run.returncode) == ("ends\n", 0)

    def test_a_fork_gets_its_own_loop_and_leaves_the_parents_server_alone(self, script: Run, tmp_path: Path) -> None:
        path = tmp_path / "parent.sock"
        run = script(SERVE + """
    server = net.create_server(lambda s: s.end("parent")).listen(path=sys.argv[1])
    parents = loop.get()
    child = os.fork()
    if child == 0:
        assert not loop.inside()
        assert loop.get() is not parents
        with net.create_server(lambda s: s.end("child")).listen(0) as own, net.connect(own.port) as client:
            print(client.read(5).decode(), flush=True)
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert loop.get() is parents
    with net.connect(path=sys.argv[1]) as client:
        print(client.read(6).decode())
    """, str(path))  # fmt: skip
        assert (run.stdout, run.stderr) == ("child\nparent\n", "")

    @pytest.mark.parametrize("where", ["port", "path"])
    @pytest.mark.parametrize(
        "child_does",
        [
            "os._exit(0)",
            "sys.exit(0)",
            "del server; import gc; gc.collect(); sys.exit(0)",
            "kept = net.create_server().listen(0); sys.exit(0)",
            "net.create_server().listen(0).close(); del server; sys.exit(0)",
            "loop.call(lambda: None); client.destroy(); sys.exit(0)",
            "parents.remove_reader(watched[0]); sys.exit(0)",
            "server.close() if not by_path else None; sys.exit(0)",  # of a path it would remove the file
            "server.close_all_connections(); sys.exit(0)",
            "raise SystemExit(0)",
        ],
    )
    def test_whatever_a_fork_does_the_parents_server_lives_on(
        self, script: Run, tmp_path: Path, child_does: str, where: str
    ) -> None:
        """Connections of before and of after the fork are served; what the parent's loop watches, it still watches."""
        run = script(SERVE + f"""
    by_path = {where == "path"}
    server = net.create_server(lambda s: s.pipe(s)).listen(**{{"path": sys.argv[1]}} if by_path else {{"port": 0}})
    place = {{"path": sys.argv[1]}} if by_path else {{"port": server.port, "host": "localhost"}}
    client = net.connect(**place)
    client.write("before")
    assert client.read(6) == b"before"
    parents, watched, heard = loop.get(), os.pipe(), __import__("threading").Event()
    loop.call(parents.add_reader, watched[0], heard.set)
    loop.call(lambda: None)
    child = os.fork()
    if child == 0:
        import signal
        signal.alarm(20)
        {child_does}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for each in (client, net.connect(**place)):
        each.write("after")
        print(each.read(5).decode())
    os.write(watched[1], b"x")
    print(heard.wait(20))
    """, str(tmp_path / "s"))  # fmt: skip
        assert (run.stdout, run.stderr) == ("after\nafter\nTrue\n", "")

    def test_a_fork_that_never_serves_ends_at_once(self, script: Run, tmp_path: Path) -> None:
        path = tmp_path / "parent.sock"
        run = script(SERVE + """
    server = net.create_server().listen(path=sys.argv[1])
    child = os.fork()
    if child == 0:
        sys.exit(0)
    os.waitpid(child, 0)
    print(os.path.exists(sys.argv[1]))
    """, str(path))  # fmt: skip
        assert (run.stdout, run.stderr) == ("True\n", "")

    def test_a_fork_while_another_thread_registers_listeners_does_not_hang(self, script: Run) -> None:
        run = script("""
            import os, sys
            from labkit.core import emitter, loop
            with emitter._registering, loop._starting:  # as if another thread held them at this moment
                child = os.fork()
                if child == 0:
                    import signal
                    signal.alarm(20)
                    emitter.Emitter().on("x", print)
                    print(loop.call(lambda: "child"), flush=True)
                    os._exit(0)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """)
        assert (run.stdout, run.stderr) == ("child\n0\n", "")


def test_when_the_loop_has_stopped_no_later_thread_is_taken_for_it() -> None:
    """The system gives a thread's number to the next one; that one must be able to wait."""
    number = loop.call(threading.get_ident)
    stop_loop()
    seen: list[bool] = []
    for _ in range(5):
        thread = threading.Thread(target=lambda: seen.append(loop.inside()))
        thread.start()
        thread.join()
    assert number != 0
    assert seen == [False] * 5
