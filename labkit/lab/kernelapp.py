"""ipykernel's application with its five ports in the host's network, where Jupyter looks for them.

Rule: only the binding of sockets differs, and that the shell knows our views; without an outside process it is
ipykernel's application. Source: zmq_setsockopt(3), ZMQ_USE_FD.
"""

from __future__ import annotations

from typing import Any

import zmq
from ipykernel import kernelapp
from ipykernel.heartbeat import Heartbeat

from labkit.core.notebook import tell_shell
from labkit.lab import outside_process


def bind(channel: zmq.Socket[Any], host: str, port: int) -> int:
    """Make a ZMQ socket listen on a TCP port of the host's network, 0 for any free one; returns the port.

    Raises `zmq.ZMQError` with the number the system gave, as `zmq.Socket.bind` does.
    """
    left = outside_process.current()
    assert left is not None
    try:
        listening = left.listen(host, port)
    except OSError as error:
        raise zmq.ZMQError(error.errno) from error
    bound = int(listening.getsockname()[1])
    channel.setsockopt(zmq.USE_FD, listening.detach())
    channel.bind(f"tcp://{host}:{bound}")
    channel.setsockopt(zmq.USE_FD, -1)  # for its next bind, the socket makes its own descriptor again
    return bound


class HostHeartbeat(Heartbeat):
    """The heartbeat, on a port of the host's network."""

    def pick_port(self) -> int:
        """Any free port: the system picks it when this binds."""
        listening = _outside(self.transport)
        if listening is None:
            super().pick_port()  # type: ignore[no-untyped-call]
            return int(self.port)
        with listening.listen(self.ip, 0) as free:
            port = int(free.getsockname()[1])
        self.port = port
        return port

    def _try_bind_socket(self) -> Any:
        if _outside(self.transport) is None:
            return super()._try_bind_socket()  # type: ignore[no-untyped-call]
        return bind(self.socket, self.ip, self.port)


def _outside(transport: str) -> outside_process.Outside | None:
    """The process that opens sockets outside; None for Unix sockets, whose paths are the same in every network."""
    return outside_process.current() if transport == "tcp" else None


class KernelApp(kernelapp.IPKernelApp):
    """The application that `labkit.lab.kernel` launches."""

    def _try_bind_socket(self, s: zmq.Socket[Any], port: int) -> int:
        if _outside(self.transport) is None:
            return int(super()._try_bind_socket(s, port))  # type: ignore[no-untyped-call]
        bound = bind(s, self.ip, port)
        if s is self.shell_socket:
            # The debugger's socket connects to the endpoint bound last, and could not reach a port of the host's.
            s.bind("inproc://labkit-shell")
        return bound

    def init_shell(self) -> None:
        """Make the shell, and tell it of our views."""
        super().init_shell()  # type: ignore[no-untyped-call]
        tell_shell()

    def init_heartbeat(self) -> None:
        """Start our heartbeat in place of ipykernel's; ipykernel configures it as its own."""
        module: Any = kernelapp
        ordinary = module.Heartbeat
        module.Heartbeat = HostHeartbeat
        try:
            super().init_heartbeat()  # type: ignore[no-untyped-call]
        finally:
            module.Heartbeat = ordinary
