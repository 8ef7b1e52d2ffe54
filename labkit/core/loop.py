"""The one event loop of the process, in a background thread: a busy cell cannot starve the servers.

Rule: everything asynchronous in labkit runs here; nothing else starts a loop or a thread for sockets.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from labkit.core.emitter import forbid_waiting
from labkit.core.errors import LabError, TimedOut

T = TypeVar("T")

# While anything serves, a busy main thread must hand the interpreter lock over quickly: the default of 5 ms would
# be added to every round trip between the notebook and the loop.
SWITCH_INTERVAL = 0.0001

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

_starting = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_ident = 0  # of that thread; 0: it has not begun
_closing: list[Callable[[], None]] = []


def _new_loop() -> asyncio.AbstractEventLoop:
    if os.environ.get("LABKIT_LOOP") != "asyncio":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def get() -> asyncio.AbstractEventLoop:
    """The background loop, started at the first call (uvloop if it is installed, else asyncio's)."""
    return _loop or _started()  # without the lock: handlers ask often


def _started() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _starting:
        if _loop is None:
            new = _new_loop()
            new.set_exception_handler(_unhandled)
            _mark(new)
            _thread = threading.Thread(target=_run, args=(new,), name="labkit-loop", daemon=True)
            _thread.start()
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL))
            _loop = new  # last: whoever sees it needs no lock
        return _loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    global _ident
    _ident = threading.get_ident()
    forbid_waiting()
    asyncio.set_event_loop(loop)
    while True:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:  # of a handler: asyncio's loop stops then, uvloop's goes on
            report(error, "a handler")
        else:
            _ident = 0  # the system may give the number to the next thread, and that one is not the loop's
            return


def inside() -> bool:
    """Whether this is the loop's own thread (a handler), where nothing may block."""
    return threading.get_ident() == _ident


def call(function: Callable[..., T], *args: Any, timeout: float = 30.0) -> T:
    """Run a function on the loop and return its result; from a handler, run it at once.

    Raises what the function raises, and `TimedOut` if the loop is kept busy for longer than timeout seconds.
    """
    if inside():
        return function(*args)
    future: Future[T] = Future()

    def task() -> None:
        if not future.set_running_or_notify_cancel():
            return  # whoever asked has given up
        try:
            future.set_result(function(*args))
        except BaseException as error:
            future.set_exception(error)

    get().call_soon_threadsafe(task)
    return _result(future, timeout)


def run(coroutine: Coroutine[Any, Any, T], timeout: float | None = 30.0) -> T:
    """Run a coroutine on the loop and return its result; never from a handler.

    Raises what it raises, and `TimedOut` after timeout seconds (it is cancelled then).
    """
    if inside():
        coroutine.close()
        raise LabError("this call would stop the event loop it waits on", "Inside a handler use the event instead.")
    future = asyncio.run_coroutine_threadsafe(coroutine, get())
    return _result(future, timeout)


def catch_up() -> None:
    """Return when the loop, if it runs, has told of everything that had arrived at its sockets before this call."""
    if _loop is None or inside():
        return
    for _ in range(3):  # between two calls the loop asks the system once what is ready
        call(lambda: None)


def spawn(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Start a coroutine on the loop from a handler, without waiting for it."""
    task = get().create_task(coroutine)
    _tasks.add(task)  # the loop holds its tasks weakly
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Task[Any]] = set()


def _result(future: Future[T], timeout: float | None) -> T:
    try:
        return future.result(timeout)
    except FutureTimeout:
        if future.done():
            raise  # the function's own TimeoutError, not ours
        future.cancel()
        raise TimedOut(
            f"the event loop did not answer within {timeout:g} s",
            "Is a handler blocking it, with time.sleep or input()? Handlers must return quickly.",
        ) from None


def _mark(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop watch a pipe that nobody writes to: by it a forked child finds the loop's epoll instance."""
    global _marker
    _marker = _marker or os.pipe()
    loop.add_reader(_marker[0], bool)


def _after_fork() -> None:
    """In a forked child: the loop's thread is not there; the first use starts a loop of the child's own."""
    global _ident, _inherited, _loop, _marker, _starting, _thread
    if _marker is not None:
        _leave_epoll(_marker[0])
    _inherited = _loop  # never closed
    _loop = _thread = _marker = None
    _ident = 0
    _starting = threading.Lock()
    _tasks.clear()


def _leave_epoll(watched: int) -> None:
    """In a forked child: put an empty epoll instance in the place of the one that watches this descriptor.

    Parent and child share the instance. If the child closes one of the parent's servers, or only forgets it, then its
    copy of the loop takes the server's socket off the list, and the parent would never hear of a connection again.
    Source: epoll(7), "Questions and answers", 6.
    """
    information = "/proc/self/fdinfo"  # a line for each descriptor that an epoll instance watches
    for name in os.listdir(information) if os.path.isdir(information) else ():
        with contextlib.suppress(OSError), open(f"{information}/{name}", encoding="ascii") as file:
            if any(line.split()[:2] == ["tfd:", str(watched)] for line in file):
                with select.epoll() as empty:
                    os.dup2(empty.fileno(), int(name), inheritable=False)


def _renew_threads() -> None:
    """In a forked child that ends: have libuv start the threads of its pool anew.

    uvloop's connections go through this pool, for names. At the end of a process libuv waits for its threads; a fork
    has none of its parent's, and libuv crashes. Once the pool is used in the child, it has threads of the child's own.
    """
    if type(_inherited).__module__.partition(".")[0] == "uvloop":
        mine = _new_loop()
        mine.run_until_complete(mine.getaddrinfo("127.0.0.1", 0))
        mine.close()


_inherited: asyncio.AbstractEventLoop | None = None
_marker: tuple[int, int] | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def at_exit(close: Callable[[], None]) -> None:
    """Have a function called on the loop when the process ends (listening sockets, socket files)."""
    _closing.append(close)


def report(error: BaseException, about: str) -> None:
    """Show an error that nobody handled where a person sees it: on stderr, under the cell whose context this is."""
    if isinstance(error, LabError):
        print(f"Unhandled 'error' event of {about}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return
    tell(f"A handler of {about} failed:", error)


def tell(heading: str, error: BaseException) -> None:
    """Show on stderr what a student's own function raised: the heading, then where in the student's lines it did."""
    # A checkout may well be called labkit, so the package's place decides which lines are ours, not its name.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_PACKAGE)]
    lines = traceback.format_list(frames) + traceback.format_exception_only(type(error), error)
    print(f"{heading}\n" + "".join(lines), end="", file=sys.stderr, flush=True)


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is not None:
        report(error, str(context.get("message", "the event loop")))


def _shutdown() -> None:
    _renew_threads()
    if _loop is None or _thread is None or not _thread.is_alive():
        return

    def close_all() -> None:
        for close in _closing:
            close()
        loop = _loop
        if loop is not None:
            loop.call_soon(loop.stop)

    _loop.call_soon_threadsafe(close_all)
    _thread.join(2.0)


atexit.register(_shutdown)
