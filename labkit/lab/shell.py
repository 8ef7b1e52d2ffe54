"""``labkit shell``: a terminal in the network of a running kernel.

Rule: finds kernels in /proc, enters by setns, and becomes the requested program; no process or file of it stays.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from labkit.core.errors import LabError
from labkit.lab.namespaces import CLONE_NEWNET, CLONE_NEWUSER, keep_capabilities, setns
from labkit.packets.probe import NETWORK

MODULE = "labkit.lab.kernel"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A running kernel in a network of its own. name: the notebook's, ``""`` if its front end does not say."""

    pid: int
    name: str

    def __str__(self) -> str:
        return self.name or "a kernel whose notebook is not known"


def kernels() -> list[Kernel]:
    """This user's kernels in another network than this program's, by their process numbers."""
    here = os.readlink("/proc/self/ns/net")
    found: dict[str, Kernel] = {}
    for pid in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            if os.stat(f"/proc/{pid}").st_uid != os.getuid() or not _is_kernel(pid):
                continue
            network = os.readlink(f"/proc/{pid}/ns/net")
            # A forked child of a kernel looks like the kernel. The kernel has the lowest number in its network.
            if network != here:
                found.setdefault(network, Kernel(pid, _name(pid)))
        except OSError:  # it has ended meanwhile, or belongs to another user
            continue
    return list(found.values())


def _is_kernel(pid: int) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return any(pair == (b"-m", MODULE.encode()) for pair in pairwise(words))


def _name(pid: int) -> str:
    """The notebook's file name, which Jupyter gives its kernels in JPY_SESSION_NAME."""
    for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        name, _, value = variable.partition(b"=")
        if name == b"JPY_SESSION_NAME":
            return os.fsdecode(value).rpartition("/")[2]
    return ""


def taken_apart(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The words behind ``labkit shell`` as the kernel that is meant (None: the only one) and the command in it.

    Two hyphens part them. Without hyphens the first word is a command if there is a program of that name, and a kernel
    if not. Raises `LabError` for several kernels.
    """
    if "--" in words:
        at = list(words).index("--")
        if at > 1:
            raise LabError(
                f"{' '.join(words[:at])} are {at} kernels, and a command runs in one",
                "Name one kernel at most before the two hyphens.",
            )
        return (words[0] if at else None), list(words[at + 1 :])
    if words and (words[0].isdecimal() or shutil.which(words[0]) is None):
        return words[0], list(words[1:])
    return None, list(words)


def choose(wanted: str | int | None) -> Kernel | list[Kernel]:
    """The kernel that the student means, or a list if there are several.

    wanted: its process number, or the first letters of its notebook's name (``"01a"``); None: the only kernel.
    Raises `LabError` if there is none.
    """
    found = kernels()
    if wanted is not None:
        number = str(wanted).isdecimal()
        meant = [kernel for kernel in found if number and kernel.pid == int(wanted)]
        meant = meant or [kernel for kernel in found if kernel.name and kernel.name.startswith(str(wanted))]
        if meant:
            return meant[0] if len(meant) == 1 else meant
        there = ", ".join(f"{kernel.pid} ({kernel})" for kernel in found)
        what = f"process {wanted} is not a kernel" if number else f"{wanted} is not the name of a notebook"
        raise LabError(
            f"{what} of yours with a network of its own",
            (f"There are {there}." if found else "There is none at all: open a lesson first.")
            + ("" if number else " There is no program of this name either."),
        )
    if not found:
        raise LabError(
            "no kernel of yours has a network of its own",
            "Open a lesson with the kernel labkit first; `labkit doctor` says whether this machine allows it.",
        )
    return found[0] if len(found) == 1 else found


def enter(kernel: Kernel) -> None:
    """Move this process into a kernel's network. Only for a process with one thread. Raises `LabError`."""
    try:
        network = os.open(f"/proc/{kernel.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            try:
                setns(network, CLONE_NEWNET)  # enough for root
            except PermissionError:
                # An ordinary user owns the user namespace around the kernel's network, and gets all rights inside it.
                user = os.open(f"/proc/{kernel.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    setns(user, CLONE_NEWUSER)
                finally:
                    os.close(user)
                setns(network, CLONE_NEWNET)
                keep_capabilities()
        finally:
            os.close(network)
    except OSError as error:
        raise LabError(
            f"the network of process {kernel.pid} cannot be entered ({error.strerror})",
            "Check that the kernel still runs. Use a terminal of the machine, not one in another notebook's network.",
        ) from None


def run(kernel: Kernel, command: Sequence[str]) -> NoReturn:
    """Become the command, or $SHELL, inside a kernel's network. Raises `LabError` if that is not possible."""
    enter(kernel)
    words = list(command) or [os.environ.get("SHELL") or "/bin/sh"]
    path = os.pathsep.join([os.path.join(sys.prefix, "bin"), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, NETWORK: "private", "PATH": path}  # `labkit serve` works in there
    if not command:
        # A shell that reads no file of the user at its start shows this before every line.
        environment["PS1"] = "(labkit) " + environment.get("PS1", "$ ")
        # bash reads PS1 again from the user's file, and then runs this before every line.
        environment["PROMPT_COMMAND"] = 'PS1="(labkit) ${PS1#(labkit) }"'
        print(f"in the network of {kernel} (pid {kernel.pid}); leave it with exit", flush=True)
    try:
        os.execvpe(words[0], words, environment)
    except OSError as error:
        raise LabError(f"{words[0]} cannot be run ({error.strerror})", "Check its name.") from None
