"""labkit: network programming on your own packets.

Rule: importing it costs nothing; each part is loaded when it is first used.

    import labkit
    from labkit import draw, net

    with labkit.capture(port=8124, name="handshake") as tape:
        ...
    draw.ladder(tape)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy, notebook

__version__ = "1.0.0"

# Name a lesson may use -> the module that holds it ("" where the name is the module itself).
_PARTS = {
    "Tape": "packets",
    "book": "course",
    "build": "draw",
    "ca": "",
    "capture": "packets",
    "check_claim": "course",
    "chromium": "programs",
    "curl": "programs",
    "dgram": "",
    "dns": "",
    "draw": "",
    "exercises": "",
    "explain": "draw.field_table",
    "http": "",
    "https": "",
    "inspect": "draw",
    "join": "course",
    "lab": "",
    "lesson": "course",
    "net": "",
    "node": "nodejs",
    "openssl": "programs",
    "packets": "",
    "poll": "course",
    "predict": "course",
    "recording": "packets",
    "reset": "course",
    "servers": "",
    "tls": "",
    "tour": "course",
    "verdicts": "course",
    "websocket": "",
}

if TYPE_CHECKING:
    from labkit import ca, dgram, dns, draw, exercises, http, https, lab, net, packets, servers, tls, websocket
    from labkit.course import book, check_claim, join, lesson, poll, predict, reset, tour, verdicts
    from labkit.draw.builder import build
    from labkit.draw.field_table import explain
    from labkit.draw.inspect import inspect
    from labkit.nodejs import node
    from labkit.packets import Tape, capture, recording
    from labkit.programs import chromium, curl, openssl

__all__ = [
    "Tape", "book", "build", "ca", "capture", "check_claim", "chromium", "curl", "dgram", "dns", "draw", "exercises",
    "explain", "http", "https", "inspect", "join", "lab", "lesson", "net", "node", "openssl", "packets", "poll",
    "predict", "recording", "reset", "servers", "tls", "tour", "verdicts", "websocket",
]  # fmt: skip

__getattr__, __dir__ = lazy.names(__name__, _PARTS)

notebook.show_by("labkit.packets.tape", "Tape", "labkit.draw.tape_shown", "shown")
