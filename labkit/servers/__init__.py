"""The chapter's servers, one short file each: read them, change them, break them.

Rule: no cleverness here; everything a server needs comes from labkit's own parts.
"""

from labkit.servers import careless, dns, echo, greeter, slow, time

__all__ = ["careless", "dns", "echo", "greeter", "slow", "time"]
