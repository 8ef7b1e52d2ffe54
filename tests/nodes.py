"""Node's half beside ours: the same scenario in both must tell the same story, event by event.

Rule: knows neither TCP nor UDP; no difference between the two stories is allowed for.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from labkit.core import loop
from labkit.core.errors import LabError
from tests.needs import need_tool

LOCAL = "127.0.0.1"
Story = dict[str, list[str]]


class Play:
    """One scenario, played on the loop as a Node program is: who emitted what, until all is closed."""

    cast: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.story: Story = {who: [] for who in self.cast}
        self.open: set[Any] = set()
        self.done = threading.Event()

    def note(self, who: str, event: str) -> None:
        """Into how many pieces a stream is cut is nobody's promise: ``data`` in a row counts once."""
        if event != "data" or self.story[who][-1:] != ["data"]:
            self.story[who].append(event)

    def noting(self, who: str, event: str) -> Callable[..., None]:
        return lambda *_: self.note(who, event)

    def attempt(self, who: str, action: Callable[[], Any]) -> None:
        """Do what may be refused; the refusal belongs to the story."""
        try:
            action()
        except LabError as error:
            self.note(who, f"raised {error.code}")

    def finish(self, source: Any) -> None:
        """The process of a Node program ends when nothing is open any more."""
        self.open.discard(source)
        if not self.open:
            loop.get().call_soon(self._check)

    def _check(self) -> None:
        if not self.open:
            self.done.set()


AnyPlay = TypeVar("AnyPlay", bound=Play)


class Scenarios(Generic[AnyPlay]):
    """Our half of the scenarios of a test file; ``node/scenarios.js`` beside it is Node's, under the same names."""

    def __init__(self, file: str, play: type[AnyPlay]) -> None:
        self.script = Path(file).parent / "node" / "scenarios.js"
        self._play = play
        self._ours: dict[str, Callable[[AnyPlay], None]] = {}
        self.node_story = cache(self._node_story)

    def add(self, scenario: Callable[[AnyPlay], None]) -> Callable[[AnyPlay], None]:
        """Take a scenario, by the name of its function; a decorator."""
        self._ours[scenario.__name__] = scenario
        return scenario

    @property
    def names(self) -> list[str]:
        """The names of our half, in the order of its file."""
        return list(self._ours)

    def names_in_node(self) -> list[str]:
        """The names of Node's half, in the order of its file."""
        return re.findall(r"^  (\w+): \(\) =>", self.script.read_text(encoding="utf-8"), re.MULTILINE)

    def _node_story(self, name: str) -> Story:
        ran = subprocess.run(
            [need_tool("node"), str(self.script), name], capture_output=True, text=True, timeout=30, check=True
        )
        story: Story = json.loads(ran.stdout)
        return story

    def our_story(self, name: str) -> Story:
        """Play our half to its end."""
        play = self._play()
        loop.call(self._ours[name], play)
        assert play.done.wait(20), f"not everything closed: {play.story}"
        loop.call(lambda: None)  # what was due on the loop has been done
        return play.story
