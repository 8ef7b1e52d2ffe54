"""Whether this process could have a network of its own: tried in a forked child, since a failed try cannot be undone.

Rule: the answer comes from doing it, a datagram sent and captured included; the process that asks is not changed.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable

DEADLINE = 5.0
"""Seconds after which a child that has not answered counts as refused; it takes some 10 ms."""

_WORKS = "works"


def refusal(meanwhile: Callable[[], object] = bool) -> str:
    """Why this process cannot have a network of its own, in a few words; ``""`` if it can.

    Only for a process with one thread, since it forks. meanwhile: called while the child tries.
    """
    if not sys.platform.startswith("linux"):
        return "private networks are a thing of Linux"
    # Loaded before the fork: what the child would load is loaded for its parent as well.
    from labkit.lab import namespaces  # noqa: F401
    from labkit.packets import marker, ring  # noqa: F401

    said = _answer_of_a_child(_try, meanwhile)
    return "" if said == _WORKS else said


def refusal_of_a_kernel() -> str:
    """Why a kernel started from here would have no network of its own; ``""`` if it would. As `refusal`.

    Besides the network, a kernel needs a process that stays outside of it.
    """
    if sys.platform.startswith("linux"):
        from labkit.lab import outside

        try:
            outside.start().close()
        except OSError as error:
            return outside.refused(error)
    return refusal()


def wire(private: bool) -> str:
    """What a wire would be here, in a few words, what it lacks included. Only for a process with one thread.

    private: in a private network, as a notebook's wires are; False: in the network of this process.
    """
    if not sys.platform.startswith("linux"):
        return "UDP through a relay, TCP recorded: a wire is a thing of Linux"
    return _answer_of_a_child(lambda: _try_a_wire(private), bool)


def _answer_of_a_child(ask: Callable[[], str], meanwhile: Callable[[], object]) -> str:
    """What a function returns in a forked child, or why there is no answer."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            # A child's child, which nobody here waits for: taking its network down again takes longer than the try.
            if os.fork() == 0:
                signal.alarm(int(DEADLINE) + 1)  # the end of it, whatever it hangs in
                os.write(writing, ask().encode()[:4096])
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(between, 0)
    try:
        meanwhile()
        ready, _, _ = select.select([reading], [], [], DEADLINE)
        said = os.read(reading, 4096).decode() if ready else ""
    finally:
        os.close(reading)
    if not ready:
        return f"trying it gave no answer within {DEADLINE:g} s"
    return said or "trying it ended the program that tried"


def _try() -> str:
    """In the child: do it, and say how it went."""
    from labkit.lab.namespaces import enter_private_network

    try:
        enter_private_network()
        return _WORKS if _captures() else "a ring in the private network opened, but saw nothing on lo"
    except Exception as error:
        return _in_words(error)


def _try_a_wire(private: bool) -> str:
    """In the child: send a datagram over a wire, and say whether the wire's capture has it."""
    import socket

    from labkit.lab.namespaces import enter_private_network
    from labkit.lab.wire import Wire

    try:
        if private:
            enter_private_network()
        made = Wire()
        if not made.live:
            return f"UDP through a relay, TCP recorded: {made.why_not}"
        with made.capture(9, wait_closed=False) as tape:
            made.client.socket(kind=socket.SOCK_DGRAM).sendto(b"", (made.server.address, 9))
        if not tape:
            return "none: a datagram sent over it did not arrive"
        return f"live, but TCP has Linux's own settings ({made.why_not_textbook})" if made.why_not_textbook else "live"
    except Exception as error:
        return f"none: {_in_words(error)}"


def _in_words(error: Exception) -> str:
    # OSErrors raised by labkit.lab name the call in their text
    return str(error.strerror or error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _captures() -> bool:
    from labkit.packets.marker import Marker
    from labkit.packets.ring import Ring

    marker = Marker()
    # A small one (with a single block, what comes while that is read would be lost), and never closed: the end of the
    # program does that, when the answer is on its way.
    return marker.read_up_to(Ring("lo", (marker.port,), blocks=4), [])
