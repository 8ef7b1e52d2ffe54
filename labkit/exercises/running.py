"""Runs a check, and the student's code in it, in a thread of its own with a time limit.

Rule: whatever the answer does (raise, hang, exit), a check ends with a finding. Only code that keeps the
interpreter inside C, such as ``10 ** 10 ** 9``, cannot be ended from Python.
"""

from __future__ import annotations

import ctypes
import linecache
import os
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic
from typing import Any

from labkit.exercises.result import show, show_error

LIMIT = 2.0
"""Seconds that one call of the student's code may take."""

STARVED = 0.1
"""Of a limit: if the code had no core for a smaller part of it, it is stopped when the limit is over."""

STOP_WAIT = 1.0
"""Seconds that a stopped thread gets to end."""

FRAMES = 4
"""Lines of the student's code that are shown of an error, the last ones."""

# Code that is not the student's: labkit, Python's own modules, installed packages.
_FOREIGN = tuple(
    path.rstrip(os.sep) + os.sep
    for path in {
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)


class NotAttempted(Exception):
    """There is no answer yet."""


class NotYet(Exception):
    """A step failed.

    expected, seen: in the student's terms. why: what that means. frames: lines of the student's code.
    """

    def __init__(self, expected: str, seen: str, why: str = "", frames: tuple[str, ...] = ()) -> None:
        super().__init__(expected, seen)
        self.expected, self.seen, self.why, self.frames = expected, seen, why, frames


class Stopped(BaseException):
    """Raised inside the student's code to end it."""


class Interrupted(KeyboardInterrupt):
    """The student stopped a check; the cells after it do not run, as after any interrupt."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a stack of frames inside labkit."""
        return [f"Interrupted: {self}."]


class Run:
    """A running check: its step, and the time until which it must go on."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.limit = limit
        self.number = 1
        self.doing = ""
        self.deadline = monotonic() + limit

    def step(self, number: int) -> None:
        """Go on to this step, counted from 1."""
        self.number = number
        self.beat()

    def beat(self, seconds: float | None = None) -> None:
        """Start the time limit anew, since the check goes on. seconds: another limit, if the next part takes longer."""
        self.doing = ""
        self.deadline = monotonic() + (self.limit if seconds is None else seconds)

    def call(self, doing: str, function: Callable[..., Any], *args: Any, first: bool = False) -> Any:
        """Call the student's function; doing: the call as the student would write it, ``"feed(b'a')"``.

        first: whether it is the first call, so that a function that returns None or ``...`` is not written yet.
        Raises `NotAttempted` for that and for NotImplementedError, `NotYet` with the student's own lines for any other
        error.
        """
        self.beat()
        self.doing = doing
        try:
            returned = function(*args)
        except NotImplementedError:
            raise NotAttempted from None
        except Stopped:
            raise
        except BaseException as error:
            raise failed(doing, error) from None
        self.beat()
        if first and (returned is None or returned is ...):
            raise NotAttempted
        return returned


def check_callable(answer: Any, wanted: str, asks: str) -> None:
    """Raise `NotYet` for an answer that cannot be called. wanted: ``"the class Sender"``. asks: what to give."""
    if not callable(answer):
        raise NotYet(wanted, show(answer), asks)


def check_parts(answer: Any, count: int, kinds: tuple[type, ...], wanted: str, asks: str) -> None:
    """Raise `NotYet` for an answer that is not a list or tuple of this many parts, each of one of these kinds.

    wanted: the same in words, ``"three whole numbers"``. asks: as for an `Exercise`.
    """
    if type(answer) not in (list, tuple) or len(answer) != count or not all(type(part) in kinds for part in answer):
        raise NotYet(wanted, show(answer), asks)


def failed(doing: str, error: BaseException) -> NotYet:
    """The finding that the student's code raised this error."""
    return NotYet(f"{doing} returns", show_error(error), frames=own_frames(error))


def is_own(filename: str) -> bool:
    """Whether code of this file is the student's."""
    return not filename.startswith((*_FOREIGN, "<frozen "))


def own_frames(error: BaseException) -> tuple[str, ...]:
    """The lines of the student's code that led to the error, without file names (a cell's differ from run to run)."""
    lines = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if is_own(code.co_filename):
            source = linecache.getline(code.co_filename, number, frame.f_globals).strip()
            lines.append(f"line {number}, in {code.co_name}" + (f": {source}" if source else ""))
    return tuple(lines[-FRAMES:])


def supervised(examine: Callable[[Run], None], run: Run) -> None:
    """Run the check in a thread of its own; returns when it finds nothing wrong.

    A limit is over when the student's code had its seconds: on a busy machine it may take longer.
    Raises `NotAttempted` or `NotYet`; the latter also when the student's code does not return in time (the thread is
    then stopped). Raises whatever else the check raises: that is a mistake in labkit, not in the answer.
    """
    done, given_up = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            if not given_up.is_set():
                examine(run)
        except Stopped:
            pass
        except BaseException as error:
            raised.append(error)
        finally:
            done.set()

    # In the cell's context, so that what the student's code prints appears under the cell.
    thread = threading.Thread(target=copy_context().run, args=(work,), name="labkit-check", daemon=True)
    try:
        thread.start()
        _watch(done, thread, run)
    except BaseException:  # the student pressed Stop, perhaps while the thread was starting
        given_up.set()
        if thread.ident is not None:
            stop(thread.ident)
        done.wait(5 * STOP_WAIT)  # its servers close; a second Stop ends this wait too
        raise
    if not done.is_set():
        doing = run.doing or "your answer"
        why = "Is there a loop that never ends, or a wait for something that never comes?"
        assert thread.ident is not None
        stop(thread.ident)
        if not done.wait(STOP_WAIT):
            why += "\nIt could not be stopped and still runs: restart the kernel when you have mended it."
        raise NotYet(f"{doing} returns", f"your function did not return within {run.limit:g} s", why)
    if raised:
        error = raised[0]
        if isinstance(error, (NotAttempted, NotYet)) or not own_frames(error):
            raise error
        raise failed("your answer", error)


def _watch(done: threading.Event, thread: threading.Thread, run: Run) -> None:
    """Wait until the check is done, or its time is over. Time in which the thread was given no core does not count."""
    counted, until = 0.0, run.deadline
    while not done.wait(max(0.0, until - monotonic())):
        if monotonic() < run.deadline:  # the check went on meanwhile
            until = run.deadline
            continue
        waited = _without_a_core(thread)
        lost, counted = waited - counted, waited
        if lost < STARVED * run.limit:
            return
        until = monotonic() + min(lost, run.limit)


def _without_a_core(thread: threading.Thread) -> float:
    """Seconds in which this thread could have run and got no core, since other programs had them; 0.0 if unknown.

    Source: proc(5), /proc/PID/schedstat: the second number, in nanoseconds.
    """
    if not thread.is_alive():  # the system may still keep its numbers for a moment
        return 0.0
    try:
        with open(f"/proc/self/task/{thread.native_id}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # another system than Linux, or the thread has ended
        return 0.0


def stop(ident: int, kind: type[BaseException] = Stopped) -> None:
    """End the student's code in the thread with this identifier, by an exception at its next line of Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))


def runs_own_code(ident: int) -> bool:
    """Whether the thread is inside code of the student's at this moment."""
    frame = sys._current_frames().get(ident)
    while frame is not None:
        if is_own(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False
