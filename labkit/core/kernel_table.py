"""What the kernel itself knows about TCP connections: the table that `ss` and `netstat` print, as data.

Rule: reads, changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import struct
import subprocess
import sys
from dataclasses import dataclass

from labkit.core.errors import LabError

# Linux's numbers for the states of RFC 9293 §3.3.2 (include/net/tcp_states.h), in RFC spelling.
STATES = {
    1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "CLOSED",
    8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECEIVED",
}  # fmt: skip
_NETSTAT = {"SYN_SENT": "SYN-SENT", "SYN_RCVD": "SYN-RECEIVED", "FIN_WAIT_1": "FIN-WAIT-1", "FIN_WAIT_2": "FIN-WAIT-2",
            "TIME_WAIT": "TIME-WAIT", "CLOSE_WAIT": "CLOSE-WAIT", "LAST_ACK": "LAST-ACK"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One end of a TCP connection as its kernel sees it.

    local, remote: (address, port). state: as in RFC 9293 §3.3.2 (``"TIME-WAIT"``). inode: Linux's number of the
    socket, 0 if no program holds it any more.
    """

    local: tuple[str, int]
    remote: tuple[str, int]
    state: str
    inode: int = 0


def kernel_table(*ports: int, protocol: str = "tcp") -> tuple[Row, ...]:
    """The TCP connections and listening sockets of this network, as the kernel holds them.

    ports: only rows with this port at one end; two ports name one connection (none: all rows). protocol: ``"udp"`` for
    the UDP sockets in place of them; their state means nothing (Linux only; other systems do not tell).
    Raises `LabError` if the system does not tell.
    Source: RFC 9293 §3.3.2 (the states).
    """
    rows = _from_proc(protocol) if sys.platform == "linux" else _from_netstat() if protocol == "tcp" else []
    return tuple(row for row in rows if set(ports) <= {row.local[1], row.remote[1]})


def _from_proc(protocol: str) -> list[Row]:
    rows = []
    for version in ("", "6"):
        table = f"/proc/thread-self/net/{protocol}{version}"  # of the host this thread is on
        try:
            with open(table, encoding="ascii") as lines:
                text = lines.read().splitlines()[1:]
        except FileNotFoundError:
            continue  # a machine without IPv6
        except OSError as error:
            raise LabError(f"{table} cannot be read: {error.strerror}", "Try `ss -tan` in a terminal.") from error
        for line in text:
            column = line.split()
            state = STATES.get(int(column[3], 16), column[3])
            rows.append(Row(_end(column[1]), _end(column[2]), state, int(column[9])))
    return rows


def _end(text: str) -> tuple[str, int]:
    """Read ``0100007F:1FBC``: 32-bit words of the address in the machine's byte order, then the port."""
    address, port = text.split(":")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))), int(port, 16)


def _from_netstat() -> list[Row]:
    try:
        done = subprocess.run(["netstat", "-an", "-p", "tcp"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise LabError("this system does not show its table of connections", "Is netstat installed?") from error
    rows = []
    for line in done.stdout.splitlines():
        found = re.match(r"tcp[46]*\s+\d+\s+\d+\s+(\S+)[.:](\d+|\*)\s+(\S+)[.:](\d+|\*)\s+(\w+)", line)
        if found:
            ends = [(found[at], 0 if found[at + 1] == "*" else int(found[at + 1])) for at in (1, 3)]
            rows.append(Row(ends[0], ends[1], _NETSTAT.get(found[5], found[5])))
    return rows
