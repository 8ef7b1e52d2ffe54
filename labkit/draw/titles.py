"""What a message is called in a picture: one short line.

Rule: a message in, a line out; it is the same in each run if the message is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.draw.text import visible
from labkit.packets.websocket_frame import WebSocketFrame

if TYPE_CHECKING:
    from labkit.packets.messages import Message


def title_of(message: Message) -> str:
    """``"GET /"``, ``"200 OK"``, ``'text "hello"'``, or the first line of anything else."""
    if isinstance(message, WebSocketFrame):
        return visible(message.title)
    if message.status:
        return visible(f"{message.status} {message.phrase}".rstrip())
    if message.method and message.kind == "request":
        return visible(f"{message.method} {message.target}")
    return visible(f"{message.version or message.protocol} {message.kind}")
