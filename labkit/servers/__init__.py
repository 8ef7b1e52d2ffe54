"""The chapter's servers, one short file each: read them, change them, break them.

Rule: no cleverness here; everything a server needs comes from `labkit.net`, `labkit.dgram` and `labkit.http`.
"""

from labkit.servers import dns, echo, greeter, hello, proxy, time

__all__ = ["dns", "echo", "greeter", "hello", "proxy", "time"]
