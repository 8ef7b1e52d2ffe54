"""Streams with the semantics of Node's stream module: what is read, what is written, and pipes between them.

Rule: bytes (or text) and their flow; no socket, no protocol. `labkit.net` builds its sockets on it.
"""

from labkit.streams.duplex import Duplex
from labkit.streams.readable import READING, Readable
from labkit.streams.writable import HIGH_WATER_MARK, WRITING, Writable

__all__ = ["HIGH_WATER_MARK", "READING", "WRITING", "Duplex", "Readable", "Writable"]
