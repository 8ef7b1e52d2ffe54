"""The chapter's servers, one short file each: read them, change them, break them.

Rule: no cleverness here; everything a server needs comes from labkit's own parts below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core import lazy

if TYPE_CHECKING:
    from labkit.servers import (
        account,
        attacker,
        careless,
        chat,
        comet,
        dns,
        echo,
        greeter,
        hello,
        https_hello,
        proxy,
        sealed,
        slow,
        threads,
        time,
        tls_echo,
        updates,
        visitor,
    )

__all__ = [
    "account", "attacker", "careless", "chat", "comet", "dns", "echo", "greeter", "hello", "https_hello", "proxy",
    "sealed", "slow", "threads", "time", "tls_echo", "updates", "visitor",
]  # fmt: skip

__getattr__, __dir__ = lazy.names(__name__, dict.fromkeys(__all__, ""))
