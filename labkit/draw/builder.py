"""The frame builder: a frame whose fields and bits a student changes, and sends onto a wire of the lesson.

Rule: the object is a draft with words; a page shows it by a view that asks for each change and shows what came of it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Container
from typing import Any, Protocol

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.core.loop import report
from labkit.draw import builder_rows
from labkit.packets.drafts import Draft, start
from labkit.packets.drafts.forms import Form
from labkit.packets.model import Field

_NO_WIRE = {
    "wire": "There is no wire to send this frame onto: give one by labkit.build(…, wire=wire).",
    "connection": "A WebSocket frame goes over an open connection: give one by labkit.build(…, wire=lab.over(ws)).",
    "": "This is a part of a frame, so it cannot be sent by itself.",
}
_SECONDS = 1.0  # that a page waits for an answer


class Sends(Protocol):
    """What sends a frame: a wire of `labkit.lab`. live: it really does. why_not: why it does not."""

    @property
    def live(self) -> bool:
        """Whether it really sends."""

    why_not: str

    def exchange(
        self, frame: bytes, *, linktype: int, sender: str, timeout: float, name: str | None
    ) -> builder_rows.Came:
        """Send a frame, and return what came back."""


class Builder(Draft):
    """A frame to build. Its text is the table of its fields, each with its value, and what this says now.

    wire: what it is sent onto, None if there is none. sender: which host of it sends. came: what the last `send`
    returned, None before.
    """

    def __init__(self, raw: bytes, form: Form, unfilled: bool, wire: Sends | None, sender: str) -> None:
        super().__init__(raw, form, unfilled=unfilled)
        self.wire, self.sender = wire, sender
        self.came: builder_rows.Came | None = None
        asks = {
            "set": widgets.Ask(self._set_from_page, name=str, start=int, bits=int, text=str),
            "flip": widgets.Ask(self._flip_from_page, bit=int),
            "leave": widgets.Ask(self._leave_from_page, name=str),
            "mend": widgets.Ask(self._mend_from_page, name=str),
            "undo": widgets.Ask(self._undo_from_page),
            "send": widgets.Ask(self._send_from_page),
        }
        state = {**builder_rows.state(self), "why": self.why_not, "sending": False, "came": None}
        self.panel = widgets.Panel("builder", asks, state, self.raw)
        """What the pages that show it follow and ask."""

    @property
    def why_not(self) -> str:
        """Why the frame cannot be sent, in a sentence; ``""`` if it can."""
        if self.wire is None or self.form.carrier != getattr(self.wire, "carries", "wire"):
            return _NO_WIRE[self.form.carrier]
        if self.wire.live:
            return ""
        if self.form.carrier == "wire":
            return f"This machine allows no wire ({self.wire.why_not}), so nothing can be sent."
        return f"Nothing can be sent: {self.wire.why_not}."

    @functools.partial(in_words, name="send")
    def send(self, *, timeout: float = _SECONDS, name: str | None = None) -> Any:
        """Send the frame as it is now, with all that is wrong in it, and return what came back, with its tape.

        timeout: seconds to wait for an answer, 60 at most. name: of the recording that answers if no wire can be had.
        Returns a `labkit.lab.exchanging.Exchange`. Raises LabError if it must not be sent or there is no wire.
        """
        if self.wire is None or self.form.carrier != getattr(self.wire, "carries", "wire"):
            raise LabError(self.why_not, "Changing its fields works all the same.")
        raw = self.raw
        came = self.wire.exchange(raw, linktype=self.form.linktype, sender=self.sender, timeout=timeout, name=name)
        with self.panel.guard:
            self.came = came
            told = builder_rows.came(came)
            if self.raw != raw:  # a bit was flipped meanwhile
                told = {**told, "old": True}
            self.panel.update(came=told)
        return came

    # -- changes, from a cell and from a page: one lock for both

    def _change(self, raw: bytes, left: frozenset[str], *, mend: bool = True) -> None:
        with self.panel.guard:
            super()._change(raw, left, mend=mend)

    def undo(self) -> None:
        """Take back the last change. Raises LabError if there is none."""
        with self.panel.guard:
            super().undo()

    def _changed(self) -> None:
        before = self.panel.state["came"]
        came = before and {**before, "old": True}
        self.panel.update(data=self.raw, came=came, **builder_rows.state(self))

    # -- what a page asks

    def _set_from_page(self, name: str, start: int, bits: int, text: str) -> None:
        self.set_field(self._there(name, start, bits), text)

    def _there(self, name: str, start: int, bits: int) -> Field:
        """The field that a page means: by name and place, since a frame may have two of one name."""
        for row in self.rows():
            if row.field is not None and (row.field.name, row.field.start, row.field.bits) == (name, start, bits):
                return row.field
        raise LabError("this field is no longer there", "The frame has changed meanwhile: look at it again.")

    def _flip_from_page(self, bit: int) -> None:
        self.flip(bit)

    def _leave_from_page(self, name: str) -> None:
        self.leave(name)

    def _mend_from_page(self, name: str) -> None:
        self.mend(*([name] if name else []))

    def _undo_from_page(self) -> None:
        self.undo()

    def _send_from_page(self) -> None:
        if self.why_not:
            raise LabError(self.why_not)
        if self.panel.state["sending"]:
            raise LabError("the frame is on its way", "Wait for what comes back.")
        self.panel.update(sending=True)
        threading.Thread(target=self._sent_from_page, name="labkit frame builder", daemon=True).start()

    def _sent_from_page(self) -> None:
        """Send in a thread of its own: the page's thread must not wait for an answer of the wire."""
        told: dict[str, Any] = {}
        try:
            self.send()
        except LabError as error:
            told = {"came": {"words": str(error), "lines": []}}
        except Exception as error:
            report(error, "a frame that a page sends")
            words = f"labkit made a mistake here ({type(error).__name__}: {error}). Please report it."
            told = {"came": {"words": words, "lines": []}}
        finally:
            self.panel.update(sending=False, **told)

    # -- how it is shown

    def __repr__(self) -> str:
        return builder_rows.twin(self)

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """What a notebook shows: the view in a page with a kernel, and the table of its fields elsewhere."""
        controls = (self.panel,) if widgets.available() else ()
        return widgets.mimebundle(repr(self), builder_rows.static(self), *controls)


@in_words
def build(thing: Any, *, wire: Any = None, sender: str = "client") -> Builder:
    """Begin a frame, to change any field or bit of it, and to send it with what is right and what is wrong in it.

    thing: a packet or a WebSocket frame of a tape, layers of Scapy (also of your own), bytes of an Ethernet frame, or
    the name of a protocol (``"TCP"``, ``"ICMP"``, ``"ARP"``, ``"WebSocket"``, …). wire: a `labkit.lab.Wire` to send
    onto, or ``lab.over(ws)`` for a WebSocket frame; nothing is ever sent elsewhere.
    sender: which of its hosts sends, ``"client"`` or ``"server"``. Returns a `Builder`: ``frame.set("tcp.flags",
    "SYN")``, ``frame.flip(100)``, ``frame.leave("tcp.checksum")``, ``frame.mend()``, ``frame.undo()``,
    ``frame.send()``; in a notebook all of them by mouse and keys. Raises LabError for what no frame can begin with.
    """
    if wire is not None and not hasattr(wire, "exchange"):
        raise LabError("wire= is no wire", "Give one: wire = lab.Wire(), or lab.over(ws) for a WebSocket frame.")
    return Builder(*start(thing), wire, sender)
