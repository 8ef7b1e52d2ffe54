"""The exercises of the lessons on WebSocket.

Rule: one object an exercise, made once; `EXERCISES` lists them in the order of the lessons.
"""

from __future__ import annotations

from labkit.exercises.engine import Exercise
from labkit.exercises.websocket.accept import Accept
from labkit.exercises.websocket.chat import Chat
from labkit.exercises.websocket.closing import CloseCode
from labkit.exercises.websocket.masking import Mask
from labkit.exercises.websocket.push import Push
from labkit.exercises.websocket.reading import Reader
from labkit.exercises.websocket.slips import Slips

__all__ = ["EXERCISES", "accept", "chat", "close_code", "mask", "push", "reader", "slips"]

push = Push()
accept = Accept()
mask = Mask()
reader = Reader()
close_code = CloseCode()
chat = Chat()
slips = Slips()

EXERCISES: tuple[Exercise, ...] = (push, accept, mask, reader, close_code, chat, slips)
