"""The frame builder without a page: its words, its table as HTML, what a page may ask, and what it is told.

Rule: a page's messages are heard as a page sends them; nothing is sent anywhere.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

import labkit
from labkit.core.errors import LabError
from labkit.draw.builder import Builder
from labkit.packets import Tape

ATTACK = "<script>window.hurt = 1</script>\"'><img src=x onerror=\"window.hurt = 1\"></table></textarea>"


class NoWire:
    """A wire that sends nothing: it gives what a test wants. wanted: what comes back, or an error."""

    live, why_not = True, ""

    def __init__(self, wanted: Any = None) -> None:
        self.wanted, self.sent = wanted, [b""][:0]
        self.done = threading.Event()

    def exchange(self, frame: bytes, **more: Any) -> Any:
        self.sent.append(frame)
        if isinstance(self.wanted, Exception):
            raise self.wanted
        return Came()


class Came:
    back = Tape()
    answered, waited = False, 0.5


def heard(frame: Builder, ask: str, **values: Any) -> dict[str, Any]:
    """What the kernel answers a page."""
    found = frame.panel.heard({"ask": ask, "ticket": 1, **values})
    assert found is not None
    return found[0]


def sent(frame: Builder, wire: NoWire) -> dict[str, Any]:
    """What a page sees once a frame that it has sent is done."""
    told: list[dict[str, Any]] = []
    done = threading.Event()

    class View:
        def follow(self, names: Any) -> None:
            told.append(dict(frame.panel.state))
            if not frame.panel.state["sending"] and wire.sent:
                done.set()

        def tell(self, message: Any, buffers: Any) -> None: ...

    frame.panel.view = View()
    assert heard(frame, "send")["tell"] == "send"
    assert done.wait(30)
    assert told[0]["sending"]
    return told[-1]


def test_the_words_are_a_table() -> None:
    frame = labkit.build("UDP")
    assert repr(frame).split("\n")[:6] == [
        "Frame of 47 bytes: Ethernet / IPv4 / UDP / Payload",
        "  Ethernet II",
        "    eth.dst         02:00:00:00:00:02  one station (unicast), address set by software",
        "    eth.src         02:00:00:00:00:01  one station (unicast), address set by software",
        "    eth.type        0x0800             IPv4",
        "  Internet Protocol version 4",
    ]
    frame.flip(frame["udp.checksum"].end - 1)
    assert "udp.checksum    0x" in repr(frame)
    assert "✗ not right now: should be 0x" in repr(frame)


def test_what_no_kernel_shows_is_a_table_and_hostile_bytes_are_words() -> None:
    frame = labkit.build("UDP")
    frame.set("udp.payload", ATTACK.encode() + b"\0\x1b" + "\u202e".encode() + b"x" * 9000)
    bundle = frame._repr_mimebundle_()
    assert bundle["text/plain"] == repr(frame)
    assert "<script" not in bundle["text/html"]
    assert "<table>" in bundle["text/html"]
    assert len(bundle["text/html"]) < 40_000
    assert "\u202e" not in repr(frame)
    assert "\x1b" not in repr(frame)


class TestPage:
    """What a page asks."""

    def test_each_change(self) -> None:
        frame = labkit.build("TCP")
        ttl = frame["ip.ttl"]
        assert heard(frame, "set", name="ip.ttl", start=ttl.start, bits=8, text="7") == {"tell": "set", "ticket": 1}
        assert frame["ip.ttl"].value == 7
        heard(frame, "flip", bit=ttl.end - 1)
        assert frame["ip.ttl"].value == 6
        heard(frame, "leave", name="ip.checksum")
        heard(frame, "flip", bit=ttl.end - 1)
        assert [each.name for each in frame.wrong()] == ["ip.checksum"]
        heard(frame, "mend", name="")
        assert frame.wrong() == []
        heard(frame, "undo")
        assert [each.name for each in frame.wrong()] == ["ip.checksum"]
        assert frame.panel.state["undo"] == frame.undoable == 4
        assert frame.panel.data == frame.raw

    @pytest.mark.parametrize(
        ("ask", "values"),
        [
            ("set", {"name": "ip.ttl", "start": 176, "bits": 8, "text": "300"}),
            ("set", {"name": "ip.ttl", "start": 177, "bits": 8, "text": "3"}),
            ("set", {"name": "ip.ttl", "start": 176, "bits": 8, "text": 3}),
            ("set", {"name": "ip.ttl", "start": 176, "bits": 8, "text": "3" * 5000}),
            ("set", {"name": ATTACK, "start": 0, "bits": 0, "text": ATTACK}), ("set", {"name": "ip.ttl"}),
            ("flip", {"bit": -1}), ("flip", {"bit": 1 << 60}), ("flip", {"bit": 432}), ("flip", {"bit": True}),
            ("flip", {"bit": 1, "more": 2}), ("leave", {"name": "ip.ttl"}), ("leave", {"name": ""}),
            ("mend", {"name": ATTACK}), ("undo", {}), ("send", {}), ("send", {"wire": "other"}), ("exchange", {}),
        ],
    )  # fmt: skip
    def test_refused(self, ask: str, values: dict[str, Any]) -> None:
        frame = labkit.build("TCP")
        before = (frame.raw, frame.left)
        assert heard(frame, ask, **values)["tell"] == "error"
        assert (frame.raw, frame.left) == before

    def test_it_sends_and_says_that_nothing_came(self) -> None:
        wire = NoWire()
        frame = labkit.build("TCP", wire=wire)
        assert sent(frame, wire)["came"] == {"words": "Nothing came back in 0.5 s.", "lines": []}
        assert wire.sent == [frame.raw]
        frame.set("ip.ttl", 1)
        assert frame.panel.state["came"] == {"words": "Nothing came back in 0.5 s.", "lines": [], "old": True}

    def test_what_must_not_be_sent_is_told(self) -> None:
        wire = NoWire(LabError("it is for somebody else", "Change it."))
        frame = labkit.build("TCP", wire=wire)
        assert sent(frame, wire)["came"]["words"] == "it is for somebody else. Change it."
        assert "lines" in sent(frame, wire)["came"]  # and it can be sent again


def test_without_a_wire_it_says_why_and_edits_all_the_same() -> None:
    frame = labkit.build("TCP")
    frame.set("ip.ttl", 1)
    with pytest.raises(LabError, match="no wire to send this frame onto"):
        frame.send()
    assert frame.panel.state["why"].startswith("There is no wire")
    gone = NoWire()
    gone.live, gone.why_not = False, "Operation not permitted"
    assert "Operation not permitted" in labkit.build("TCP", wire=gone).panel.state["why"]


@pytest.mark.parametrize("given", [{"wire": 5}, {"wires": 1}])
def test_arguments(given: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        labkit.build("TCP", **given)
