"""The chapter's servers, one short file each: read them, change them, break them.

Rule: no cleverness here; everything a server needs comes from labkit's own parts below.
"""

from labkit.servers import account, careless, comet, dns, echo, greeter, hello, proxy, slow, time, updates, visitor

__all__ = [
    "account", "careless", "comet", "dns", "echo", "greeter", "hello", "proxy", "slow", "time", "updates", "visitor",
]  # fmt: skip
