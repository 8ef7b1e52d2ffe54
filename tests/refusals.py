"""How a test has the system refuse what a hardened machine refuses: for real, and to one program only.

Rule: no switch of the product's; what is taken away is taken by the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from pathlib import Path

from labkit.lab import namespaces

ORDINARY = ("sys_admin", "net_admin", "net_raw")
"""What an ordinary user has not, to be taken from root (and from who has it not anyway)."""


CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18

_NUMBERS = {  # of system calls: on x86_64, and on aarch64
    "unshare": (272, 97),
    "setsid": (112, 157),
    "pidfd_open": (434, 434),
}


def refuse(call: str, error: int = errno.EPERM) -> None:
    """From here on the system refuses this process one call, as a container's filter does. Source: seccomp(2)."""
    number = _NUMBERS[call][("x86_64", "aarch64").index(platform.machine())]
    code = ((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000))
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
    kept = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, header, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def no_unshare() -> None:
    """No namespace of any kind can be made."""
    refuse("unshare")


def no_pidfd() -> None:
    """The system has no pidfd_open(2), as Linux before 5.3."""
    refuse("pidfd_open", errno.ENOSYS)


def no_setsid() -> None:
    """No process can leave its session, as the process outside has to."""
    refuse("setsid")


def read_only_settings() -> None:
    """/proc/sys can be read only, as in a container; needs no root. Source: mount(2), mount_namespaces(7)."""
    uid, gid = os.geteuid(), os.getegid()
    namespaces.unshare(CLONE_NEWNS if uid == 0 else CLONE_NEWNS | namespaces.CLONE_NEWUSER)
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", name).write_text(text)
    libc = ctypes.CDLL(None, use_errno=True)
    path = b"/proc/sys"
    assert libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0
    assert libc.mount(path, path, None, MS_BIND, None) == 0
    assert libc.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None) == 0
