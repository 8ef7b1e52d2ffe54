"""How a test has the system refuse what a hardened machine refuses: for real, and to one program only.

Rule: no switch of the product's; what is taken away is taken by the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

ORDINARY = ("sys_admin", "net_admin", "net_raw")
"""What an ordinary user has not, to be taken from root (and from who has it not anyway)."""


def no_unshare() -> None:
    """From here on the system refuses this process unshare(2), as a hardened container does. Source: seccomp(2)."""
    number = {"x86_64": 272, "aarch64": 97}[platform.machine()]
    code = ((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | errno.EPERM), (0x06, 0, 0, 0x7FFF0000))
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
    kept = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, header, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
