"""The chapter's servers, one short file each: read them, change them, break them.

Rule: no cleverness here; everything a server needs comes from `labkit.net`, `labkit.dgram` and `labkit.http`.
"""

from labkit.servers import careless, dns, echo, greeter, hello, proxy, slow, time

__all__ = ["careless", "dns", "echo", "greeter", "hello", "proxy", "slow", "time"]
