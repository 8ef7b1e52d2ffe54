"""A view of our own in a page: what it shows, and what the page may ask; the page's module follows it.

Rule: a page's message is a stranger's: one that has not the form of an `Ask` is refused, and one lock guards all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from labkit.core.errors import LabError
from labkit.core.loop import report

LONGEST_TEXT = 4096
"""Characters of a text in a message of a page; more is refused."""
MOST_BYTES = 64 << 20
"""Bytes of one buffer in a message of a page; more is refused."""
_INTEGERS = 1 << 53  # the whole numbers that a page can tell apart

_large = False


def set_large(large: bool) -> None:
    """Show the views that are made from now on in large type, for a projector."""
    global _large
    _large = bool(large)


def is_large() -> bool:
    """Whether views are made in large type."""
    return _large


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told to a page. values: JSON. buffers: bytes beside them, which JSON cannot hold."""

    values: Mapping[str, Any] = field(default_factory=dict)
    buffers: Sequence[bytes] = ()


class Ask:
    """One thing a page may ask for.

    call: is called with the values, by name, and returns the `Answer` (None: an empty one); the words of a LabError
    are told. form: the values, each with its type: ``int``, ``str``, ``bool``, or ``bytes`` for a buffer; buffers come
    in the order of the form.
    """

    __slots__ = ("call", "form")

    def __init__(self, call: Callable[..., Answer | None], **form: type) -> None:
        self.call, self.form = call, form

    def values(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> dict[str, Any] | None:
        """The values of a message by name; None if it has not this form."""
        rest = list(buffers)
        found: dict[str, Any] = {}
        for name, kind in self.form.items():
            if kind is bytes:
                if not rest or memoryview(rest[0]).nbytes > MOST_BYTES:
                    return None
                found[name] = bytes(rest.pop(0))
            elif not _fits(value := message.get(name), kind):
                return None
            else:
                found[name] = value
        return None if rest or message.keys() - {"ask", "ticket", *self.form} else found


def _fits(value: Any, kind: type) -> bool:
    if type(value) is not kind:  # True is no number here
        return False
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return not isinstance(value, int) or -_INTEGERS < value < _INTEGERS


class Attached(Protocol):
    """What follows a panel in a page."""

    def follow(self, names: Sequence[str]) -> None:
        """Show these parts of the state as they are now."""

    def tell(self, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        """Send a message to the page."""


class Panel:
    """What a view shows, and what its page may ask for.

    module: the name of its ES module in ``labkit/widgets/js``. asks: what a page may ask for. state: what the module
    reads by ``model.get("state")``, as JSON. data: bytes that it reads by ``model.get("data")``.
    view: what follows it in a page, None as long as no page has shown it. refused: messages of a page that had no
    known form. guard: the lock that is held while an ask is answered; hold it to change what asks read.
    """

    def __init__(
        self,
        module: str,
        asks: Mapping[str, Ask] | None = None,
        state: Mapping[str, Any] | None = None,
        data: bytes = b"",
    ) -> None:
        self.module = module
        self.asks = dict(asks or {})
        self.state: dict[str, Any] = dict(state or {})
        self.data = data
        self.large = _large
        self.view: Attached | None = None
        self.refused = 0
        self.guard = threading.RLock()

    def update(self, *, data: bytes | None = None, **state: Any) -> None:
        """Change parts of the state, or the data; each page that shows it follows."""
        with self.guard:
            if state:
                self.state = {**self.state, **state}
            if data is not None:
                self.data = data
            if self.view is not None:
                self.view.follow((*(("state",) if state else ()), *(("data",) if data is not None else ())))

    def tell(self, tell: str, *buffers: bytes, **values: Any) -> None:
        """Tell the pages something they have not asked for; nobody hears it if no page shows the panel."""
        with self.guard:
            if self.view is not None:
                self.view.tell({**values, "tell": tell}, buffers)

    def heard(self, message: Any, buffers: Sequence[Any] = ()) -> tuple[dict[str, Any], Sequence[bytes]] | None:
        """What a page has said: the answer, with the page's ticket, and its buffers; None if it gave no ticket."""
        with self.guard:
            if not isinstance(message, dict) or not _fits(ticket := message.get("ticket"), int):
                self.refused += 1
                return None
            name = message.get("ask")
            ask = self.asks.get(name) if isinstance(name, str) else None
            values = None if ask is None else ask.values(message, buffers)
            if ask is None or values is None:
                self.refused += 1
                return {"tell": "error", "ticket": ticket, "words": "The kernel does not know this request."}, ()
            try:
                answer = ask.call(**values) or Answer()
            except LabError as error:
                return {"tell": "error", "ticket": ticket, "words": str(error)}, ()
            except Exception as error:  # told to the page, too: else the reader waits for an answer that never comes
                report(error, "an answer to a page")
                words = f"labkit made a mistake here ({type(error).__name__}: {error}). Please report it."
                return {"tell": "error", "ticket": ticket, "words": words}, ()
            return {**answer.values, "tell": name, "ticket": ticket}, answer.buffers
