"""Whether this process can have a network of its own: a forked child tries, because a failed try cannot be undone.

Rule: the child really does it, and captures a datagram there; the process that asks does not change.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable

DEADLINE = 5.0
"""Seconds to wait for the child's answer before it counts as a refusal; a try takes about 10 ms."""

_WORKS = "works"


def refusal(meanwhile: Callable[[], object] = bool) -> str:
    """Why this process cannot have a network of its own, in a few words; ``""`` if it can.

    Only for a process with one thread, since it forks. meanwhile: called while the child tries.
    """
    if not sys.platform.startswith("linux"):
        return "only Linux has private networks"
    # The parent loads these before the fork: then they serve the parent as well as the child.
    from labkit.lab import namespaces  # noqa: F401
    from labkit.packets import marker, ring  # noqa: F401

    said = _answer_of_a_child(_try, meanwhile)
    return "" if said == _WORKS else said


def refusal_of_a_kernel() -> str:
    """Why a kernel started from here would not get a network of its own; ``""`` if it would. As `refusal`.

    A kernel needs the network, and also a process that stays outside of it.
    """
    if sys.platform.startswith("linux"):
        from labkit.lab import outside_process

        try:
            outside_process.start().close()
        except OSError as error:
            return outside_process.refused(error)
    return refusal()


def wire(private: bool) -> str:
    """What kind of wire is possible here and what it lacks, in a few words. Only for a process with one thread.

    private: ask for a wire in a private network, as a notebook has; False: in the network of this process.
    """
    if not sys.platform.startswith("linux"):
        return "UDP through a relay, TCP recorded: only Linux has wires"
    return _answer_of_a_child(lambda: _try_a_wire(private), bool)


def _answer_of_a_child(ask: Callable[[], str], meanwhile: Callable[[], object]) -> str:
    """What a function returns in a forked child, or why the child gave no answer."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            # A grandchild tries, and nobody waits for its end: removing its network takes longer than the try.
            if os.fork() == 0:
                signal.alarm(int(DEADLINE) + 1)  # ends the child even if a system call hangs
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
    """In the child: enter a private network and capture there; returns `_WORKS`, or why it failed."""
    from labkit.lab.namespaces import enter_private_network

    try:
        enter_private_network()
        return _WORKS if _captures() else "a ring in the private network opened, but saw nothing on lo"
    except Exception as error:
        return _in_words(error)


def _try_a_wire(private: bool) -> str:
    """In the child: send a datagram over a wire; returns in words whether the wire's capture has it."""
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
    # an OSError from labkit.lab names the call in its text
    return str(error.strerror or error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _captures() -> bool:
    from labkit.packets.marker import Marker
    from labkit.packets.ring import Ring

    marker = Marker()
    # A small ring, but with more than one block: a packet that comes while the only block is read would be lost. The
    # end of this program closes it, after the answer.
    return marker.read_up_to(Ring("lo", (marker.port,), blocks=4), [])
