"""Programs that are not ours, curl, openssl and Chromium: run in a lesson, with the packets that they sent and got.

Rule: what was printed and what was captured are always of the same run, live or recorded.
"""

from __future__ import annotations

from labkit.programs.beside import Beside
from labkit.programs.openssl import openssl
from labkit.programs.running import ENDING, ProgramFailed, Ran, chromium, curl, load

__all__ = ["ENDING", "Beside", "ProgramFailed", "Ran", "chromium", "curl", "load", "openssl"]
