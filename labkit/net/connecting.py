"""The attempt to connect: every address of a name in turn, within a time, and the error in words if none answers.

Rule: opens a connection for a protocol that it is given; what becomes of the connection is the socket's business.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import NamedTuple

from labkit.core import addresses, checks
from labkit.core import host as host_of
from labkit.core.errors import BadArgument, ConnectionRefused, NetError, TimedOut
from labkit.streams.stream import check_mark


class Target(NamedTuple):
    """Whom to connect to: a host and a port, or the path of a Unix socket. where: the same in words."""

    host: str
    port: int
    path: str | None
    where: str


def target_of(port: int | None, host: str, path: str | os.PathLike[str] | None) -> Target:
    """The target that the arguments of a call mean; raises `BadArgument` if they mean none."""
    if (port is None) == (path is None):
        raise BadArgument("connect needs a port or a path, one of the two", "For example connect(8124).")
    if path is not None:
        checked = addresses.check_path(path)
        return Target("", 0, checked, checked)
    number = addresses.check_port(port)
    return Target(host, number, None, addresses.in_words(addresses.check_host(host), number))


async def attempt(target: Target, protocol: Callable[[], asyncio.BaseProtocol], timeout: float) -> NetError | None:
    """Connect, and give the connection to a protocol; returns the error if nobody answers within timeout seconds."""
    running = asyncio.get_running_loop()
    failure: OSError = OSError("no address to try")
    try:
        async with asyncio.timeout(timeout):
            if target.path is not None:
                await running.create_unix_connection(protocol, target.path)
                return None
            for family, kind, number, _, sockaddr in await addresses.resolve(target.host, target.port):
                channel = host_of.make_socket(family, kind, number)
                channel.setblocking(False)
                try:
                    await running.sock_connect(channel, sockaddr)
                    transport, _ = await running.create_connection(protocol, sock=channel)
                    if transport.is_closing() and not isinstance(running, asyncio.BaseEventLoop):
                        channel.detach()  # uvloop has closed it already, and does not say so to Python
                    return None
                except OSError as error:
                    channel.close()
                    failure = error
                except BaseException:
                    channel.close()
                    raise
    except TimeoutError:
        return TimedOut(
            f"{target.where} did not answer within {timeout:g} s", "Check the address, and that packets reach the host."
        )
    except OSError as error:
        failure = error
    failed = addresses.translate(failure, target.where)
    here = host_of.current()
    if isinstance(failed, ConnectionRefused) and here and target.path is None and addresses.is_loopback(target.host):
        failed.todo = f"{target.host} is the {here.name} itself. The other end of the wire has an address of its own."
    return failed


def check_options(allow_half_open: bool, no_delay: bool, high_water_mark: int) -> None:
    """Refuse options of a socket that are of the wrong kind; raises `BadArgument`."""
    checks.flag(allow_half_open, "allow_half_open")
    checks.flag(no_delay, "no_delay")
    check_mark(high_water_mark)
