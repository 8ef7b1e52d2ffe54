"""The live ladder: grows in a page while packets come, for demonstrations before a class.

Rule: a thread looks at the capture and tells the page in batches; capture, kernel and page keep the newest packets
alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from labkit import widgets
from labkit.core import cell
from labkit.core.calls import in_words
from labkit.core.checks import is_whole, shown
from labkit.core.errors import LabError
from labkit.core.loop import report
from labkit.core.notebook import shell
from labkit.draw.ladder import ladder
from labkit.draw.live_rows import lines
from labkit.draw.text import count, visible

if TYPE_CHECKING:
    from labkit.draw.picture import Picture
    from labkit.packets.polling import Look
    from labkit.packets.tape import Tape

KEEP = 500
"""Packets that a live ladder keeps by default."""
MOST = 5000
"""Packets that it can keep."""
PACE = 0.05
"""Seconds between two batches for a page that draws them."""
UNHEARD = 1.0
"""Seconds between two batches if no page says that it has drawn them: it is hidden or closed, or the kernel busy."""

_changing = threading.RLock()
_running: list[Live] = []


@in_words
def live(
    source: Tape | int | Iterable[int] | None = 8124, *, iface: str | None = None, keep: int = KEEP, title: str = ""
) -> Live:
    """Show a ladder that grows while packets come, until it is stopped.

    source: a port to capture, several of them, or None for all traffic; the ladder captures by itself then, across
    cells. Or the tape of a capture that is running: ``with labkit.capture(8124) as tape: display(draw.live(tape))``;
    then the ladder ends with that capture. iface: interface to capture on, default loopback. keep: packets that are
    kept, in the kernel and in the page; older ones are given up. title: shown above.
    It also ends by its button *Stop*, by `Live.stop`, by `labkit.reset`, when a cell is interrupted, and when its cell
    is run again, which begins a new one. Raises `CaptureUnavailable` if this machine cannot capture, and LabError for a
    tape that is complete, and for a port or a number that is none.
    """
    if not is_whole(keep) or not 1 <= keep <= MOST:
        raise LabError(f"keep={shown(keep)} is no number of packets to keep", f"Give a whole number from 1 to {MOST}.")
    if not isinstance(title, str):
        raise LabError(f"title={shown(title)} is not text", 'Write it in quotes: title="…".')
    here = Cell()
    end_earlier(here)
    if hasattr(source, "events"):
        return Live(_of_tape(source, iface, keep), keep, title or "Live", here, cast("Tape", source))
    from labkit.packets.following import Following

    following = Following(source, iface=iface, keep=keep)
    ports = following.polled.ports
    words = "all traffic" if ports is None else f"port{'s' * (len(ports) > 1)} {', '.join(map(str, sorted(ports)))}"
    return Live(following, keep, title or f"Live: {words}", here)


def _of_tape(tape: Any, iface: object, keep: int) -> Look:
    if tape.running is None:
        raise LabError(
            "this tape is complete, so nothing more comes",
            "draw.ladder(tape) draws it; draw.live(8124) captures by itself, draw.live(tape) is for a running capture.",
        )
    if iface is not None:
        raise LabError("iface is for a capture of the ladder's own", "Give it to labkit.capture(...).")
    look: Look = tape.running.look(keep)
    return look


class Cell:
    """Which cell has made a ladder, and in which run of it."""

    def __init__(self) -> None:
        self.cell = cell.current()
        self.run = getattr(shell(), "execution_count", None)

    def again(self, other: Cell) -> bool:
        """Whether the other is an earlier run of this cell."""
        return None not in (self.cell, other.cell) and self.run != other.run and not cell.differ(self.cell, other.cell)


class Live:
    """A ladder that grows. tape: the packets it keeps, as they are now. total: how many there were."""

    def __init__(self, look: Look, keep: int, title: str, made: Cell, tape: Tape | None = None) -> None:
        self.made, self.keep = made, keep
        self._look, self._tape = look, tape
        self._stop = threading.Event()
        self._lock = threading.Lock()  # guards the look; never held while the page is told
        self._began: int | None = None
        self._told = self._drawn = self._lost = 0
        self._drawn_at = self._undrawn_at = self._told_at = 0.0
        self._ended = ""
        self._panel = widgets.Panel(
            "live",
            {
                "rows": widgets.Ask(self._rows),
                "drawn": widgets.Ask(self._heard, number=int),
                "clear": widgets.Ask(self._clear),
                "stop": widgets.Ask(self._stopped),
            },
            {"title": visible(title), "keep": keep, "ended": "", "cleared": 0},
        )
        with _changing:
            _running.append(self)
        _listen_for_interrupts()
        self._thread = threading.Thread(target=self._run, name="labkit live ladder", daemon=True)
        self._thread.start()

    # -- the thread

    def _run(self) -> None:
        why = "The capture has ended."
        try:
            while not self._stop.is_set():
                self._look.wait(0.25)
                over = self._look.ended  # asked before the look: what came until then is in it
                self._pull()
                self._tell(over)
                if over:
                    break
                self._stop.wait(PACE)
            if not self._look.ended:
                self._look.close()
                self._pull()
            self._tell(True)
        except LabError as error:
            why = str(error)
        except Exception as error:
            report(error, "a live ladder")
            why = f"labkit made a mistake here ({type(error).__name__}: {error}). Please report it."
        finally:
            self._look.close()
            with _changing:
                if self in _running:
                    _running.remove(self)
            self._ended = self._ended or why
            self._panel.update(ended=self._ended)

    def _pull(self) -> None:
        with self._lock:
            self._look.pull()
            self._lost = self._look.lost()
            if self._began is None and self._look.newest.packets:
                self._began = self._look.newest.packets[0].time_ns

    def _tell(self, at_once: bool) -> None:
        """Tell the page what is new, if it is time."""
        now = time.monotonic()
        unheard = self._drawn < self._told and now - max(self._drawn_at, self._undrawn_at) > UNHEARD
        if not at_once and unheard and now - self._told_at < UNHEARD:
            return
        with self._lock:
            if self._look.newest.total == self._told:
                return
            behind = self._told
            answer = self._answer(behind)
            self._told = self._look.newest.total
        if self._panel.view is None:
            return
        if self._drawn >= behind:  # the page had drawn all: from now on its answer is waited for
            self._undrawn_at = now
        self._told_at = now
        self._panel.tell("rows", *answer.buffers, **answer.values)

    def _answer(self, behind: int) -> widgets.Answer:
        """The packets behind this number, for a page. The lock is held."""
        newest = self._look.newest
        fresh = newest.since(behind)
        return widgets.Answer({"total": newest.total, "lost": self._lost}, [lines(fresh, self._began)])

    # -- what the page asks

    def _rows(self) -> widgets.Answer:
        with self._lock:
            return self._answer(0)

    def _heard(self, number: int) -> widgets.Answer:
        self._drawn, self._drawn_at = max(self._drawn, min(number, self._told)), time.monotonic()
        return widgets.Answer()

    def _clear(self) -> None:
        with self._lock:
            self._look.newest.clear()
            cleared = self._look.newest.total
        self._panel.update(cleared=cleared)

    def _stopped(self) -> None:
        self._end("It was stopped.")

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        self._stop.set()

    # -- for a cell

    @property
    def total(self) -> int:
        """Packets that came so far, also those that are not kept any more."""
        return self._look.newest.total

    @property
    def ended(self) -> str:
        """Why it has ended, in a sentence; ``""`` while it runs."""
        return self._ended

    @property
    def tape(self) -> Tape:
        """The packets that are kept, as they are now. Of a given tape: that tape, once its capture has ended."""
        if self._tape is not None and self._look.ended:
            return self._tape
        from labkit.packets.following import tape_of

        with self._lock:
            return tape_of(self._look)

    def clear(self) -> None:
        """Begin anew: the packets so far are given up, here and in the page."""
        self._clear()

    def stop(self) -> None:
        """End it: what was sent before is still shown. May be called again."""
        self._stopped()
        self._thread.join()

    def picture(self) -> Picture:
        """The ladder of the packets that are kept, as they are now: it does not grow."""
        return ladder(self.tape)

    def __repr__(self) -> str:
        # While it runs, nothing says so: a saved notebook would say it for ever.
        head = f"{self._panel.state['title']}: {count(self.total, 'packet')} so far. {self._ended}".rstrip()
        return f"{head}\n{self.picture()!r}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return widgets.mimebundle(repr(self), "", self._panel, svg=self.picture().svg)


# -- the end


def end_earlier(made: Cell) -> None:
    """End the ladders of an earlier run of this cell."""
    for each in [each for each in _running if made.again(each.made)]:
        each._end("The cell was run again.")
        each._thread.join()


def end_live(why: str) -> int:
    """End every live ladder of this process. why: a sentence for its page. Returns how many there were."""
    with _changing:
        running = tuple(_running)
    for each in running:
        each._end(why)
    for each in running:
        each._thread.join()
    return len(running)


def _listen_for_interrupts() -> None:
    events = getattr(shell(), "events", None)
    if events is not None and _interrupted not in events.callbacks["post_run_cell"]:
        events.register("post_run_cell", _interrupted)


def _interrupted(result: Any) -> None:
    """Called by IPython when a cell has run."""
    if isinstance(getattr(result, "error_in_exec", None), KeyboardInterrupt):
        end_live("A cell was interrupted.")
