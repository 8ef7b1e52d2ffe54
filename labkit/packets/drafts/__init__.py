"""Frames that a student builds: any field by value, any bit, with lengths and checksums mended or left wrong.

Rule: plain bytes and sentences; nothing is sent or drawn here.
"""

from __future__ import annotations

from labkit.packets.drafts.draft import Draft
from labkit.packets.drafts.starting import start

__all__ = ["Draft", "start"]
