"""``python -m labkit.lab.kernel -f FILE``: an IPython kernel in a network of its own, or an ordinary one.

Rule: it enters the namespace before zmq is imported and before any thread exists. If the system refuses, the kernel
starts all the same, and LABKIT_NETWORK holds the reason.
"""

from __future__ import annotations

import os
import sys

# Python puts the current directory first in sys.path. Take it out, as ipykernel's own launcher does: else a student's
# socket.py would replace Python's while this module loads. IPython adds it again for the student's code.
if __name__ == "__main__" and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from labkit.lab import network_probe, outside_process
from labkit.packets.probe import NETWORK


def enter() -> str:
    """Start an outside process, then enter a network of our own; returns why that failed, ``""`` if it did not."""
    tier = os.environ.get("LABKIT_TIER", "")
    if tier not in ("", "private"):
        return f"LABKIT_TIER={tier} asks for the machine's own network"
    if not sys.platform.startswith("linux"):
        return network_probe.refusal()
    from labkit.lab.namespaces import enter_private_network

    try:
        left = outside_process.start()  # first, while this process is small and has nothing open
    except OSError as error:
        return outside_process.refused(error)
    why = network_probe.refusal(_load)
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
    outside_process.keep(left)
    return ""


def _load() -> None:
    """Load modules that ipykernel needs anyway, but not zmq and none that starts a thread."""
    import IPython.core.shellapp  # noqa: F401


def main() -> None:
    """Start the kernel; returns when it is shut down."""
    why = enter()
    os.environ[NETWORK] = f"shared: {why}" if why else "private"
    from labkit.lab.kernelapp import KernelApp

    KernelApp.launch_instance()


if __name__ == "__main__":
    main()
