"""Verdicts that wait: an instructor hides them while the room is asked, and shows all of them at once.

Rule: only when a verdict is shown changes; its words are those it would have had at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from labkit.widgets.page import mimebundle
from labkit.widgets.sheet import Sheet

WAITS = "The verdict is hidden. labkit.verdicts(hidden=False) shows it."

T = TypeVar("T")

_guard = threading.Lock()
_hidden = False
_waiting: list[Callable[[], None]] = []


class Held:
    """A verdict that is not shown yet: its text and its HTML wait, all else is as without it.

    verdict: what it will show. before: the HTML that stands there meanwhile. In a page it follows by itself.
    """

    def __init__(self, verdict: Any, before: str) -> None:
        self.verdict = verdict
        self._before, self._shown = before, False
        self._sheet = Sheet()
        self._followers: list[Callable[[], None]] = []
        self._fill()

    def follow(self, follower: Callable[[], None]) -> None:
        """Have this called when the verdict is shown."""
        self._followers.append(follower)

    def show(self) -> None:
        """Show the verdict, in each page that shows this too."""
        self._shown = True
        self._fill()
        for each in self._followers:
            each()

    def _fill(self) -> None:
        self._sheet.show(above={"text/html": self._repr_html_(), "text/plain": repr(self)})

    def __repr__(self) -> str:
        return repr(self.verdict) if self._shown else WAITS

    def _repr_html_(self) -> str:
        return str(self.verdict._repr_html_()) if self._shown else self._before

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return mimebundle(repr(self), self._repr_html_(), self._sheet)

    def __bool__(self) -> bool:
        return bool(self.verdict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.verdict, name)


def held(verdict: T, before: str) -> T:
    """The verdict itself, or while verdicts are hidden a `Held` in its place. before: the HTML meanwhile."""
    waiting = Held(verdict, before)
    return cast("T", waiting) if wait(waiting.show) else verdict


def wait(show: Callable[[], None]) -> bool:
    """Have this called when verdicts are shown; False, and it is not, if they are shown at once."""
    with _guard:
        if _hidden:
            _waiting.append(show)
        return _hidden


def hide(hidden: bool) -> int:
    """Hide verdicts from now on, or show all that wait. Returns how many were shown."""
    global _hidden
    with _guard:
        _hidden = hidden
        shown = [] if hidden else _waiting[:]
        if not hidden:
            _waiting.clear()
    for each in shown:
        each()
    return len(shown)


def forget() -> None:
    """Verdicts are shown at once again, and none waits; what is hidden on the page stays so."""
    global _hidden
    with _guard:
        _hidden = False
        _waiting.clear()
