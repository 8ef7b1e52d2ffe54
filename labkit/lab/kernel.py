"""``python -m labkit.lab.kernel -f FILE``: an IPython kernel in a network of its own, or an ordinary one.

Rule: the namespace is entered before zmq is imported and before any thread exists; a refusal never keeps the kernel
from starting, and is kept in LABKIT_NETWORK.
"""

from __future__ import annotations

import os
import sys

# Python puts the current directory first; as ipykernel's own launcher does, keep a student's socket.py from standing
# in for Python's while this loads. IPython adds it again for the student's code.
if __name__ == "__main__" and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from labkit.lab import attempt, outside
from labkit.packets.probe import NETWORK


def enter() -> str:
    """Move this process into a network of its own, an outside process left behind; returns why not, ``""`` if done."""
    tier = os.environ.get("LABKIT_TIER", "")
    if tier not in ("", "private"):
        return f"LABKIT_TIER={tier} asks for the machine's own network"
    if not sys.platform.startswith("linux"):
        return attempt.refusal()
    from labkit.lab.namespaces import enter_private_network

    try:
        left = outside.start()  # first, while this process is small and has nothing open
    except OSError as error:
        return outside.refused(error)
    why = attempt.refusal(_load)
    before = os.readlink("/proc/self/ns/net")
    if not why:
        try:
            enter_private_network()
        except OSError as error:
            why = error.strerror or str(error)
            if os.readlink("/proc/self/ns/net") != before:
                raise SystemExit(f"labkit: the private network is half made ({why}): start the kernel again") from None
    if why:
        left.close()
        return why
    outside.keep(left)
    return ""


def _load() -> None:
    """What ipykernel will load anyway, as far as it starts no thread and is not zmq."""
    import IPython.core.shellapp  # noqa: F401


def main() -> None:
    """Start the kernel; returns when it has been shut down."""
    why = enter()
    os.environ[NETWORK] = f"shared: {why}" if why else "private"
    from labkit.lab.kernelapp import KernelApp

    KernelApp.launch_instance()


if __name__ == "__main__":
    main()
