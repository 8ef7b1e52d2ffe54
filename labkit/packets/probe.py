"""What this machine lets this user capture: each way is tried once, and a refusal says why and what to do.

Rule: an answer comes from doing it (a datagram sent and seen), never from versions or user ids.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from labkit.core.errors import CaptureUnavailable, LabError

TIERS = ("private", "direct", "tool", "recorded")
"""The ways of capturing, best first."""

NETWORK = "LABKIT_NETWORK"
"""Set by the kernel labkit for itself and the programs it starts: ``private``, or ``shared: `` and why not private."""


class Reason(NamedTuple):
    """Whether a tier works here. why: what was refused, or how it works. todo: what would make it work."""

    tier: str
    ok: bool
    why: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` found. tier: the one that `capture` uses. reasons: one for each tier, best first."""

    tier: str
    reasons: tuple[Reason, ...]
    forced: bool = False

    @property
    def live(self) -> bool:
        """Whether captures are made on this machine, not taken from a file."""
        return self.tier != "recorded"

    def __str__(self) -> str:
        how = {
            "private": "live, in this notebook's own network",
            "direct": "live, by an AF_PACKET ring on lo",
            "tool": "live, by a capture tool on the loopback interface",
        }
        if self.tier in how:
            return how[self.tier]
        because = "as LABKIT_TIER asks" if self.forced else "since this machine lets you capture nothing"
        return f"recorded, {because} (see `labkit doctor`)"


def _try_private() -> Reason:
    kernel, _, why = os.environ.get(NETWORK, "").partition(": ")
    if kernel == "private":
        reason = _try_ring()
        return Reason("private", reason.ok, f"in a network of its own, {reason.why}", reason.todo)
    if kernel == "shared":
        return private_refused(why)
    return Reason(
        "private",
        False,
        "this program is in the machine's own network",
        "Open the notebook with the kernel labkit (Kernel, Change Kernel), or enter its network by `labkit shell`.",
    )


def private_refused(why: str) -> Reason:
    """The reason for a network of its own that the system, or LABKIT_TIER, kept from a notebook; says what to do."""
    return Reason("private", False, f"no network of its own: {why}", _how_to_allow(why))


def _how_to_allow(why: str) -> str:
    if why.startswith("LABKIT_TIER="):
        return "Unset LABKIT_TIER, and restart the kernel."
    if not sys.platform.startswith("linux"):
        return "Nothing: a capture tool does it here."
    for name, refused, allowed in _SWITCHES:
        if _setting(name) == refused:
            return f"Have the machine's owner run `sysctl -w {name}={allowed}`, and restart the kernel."
    if "Seccomp:\t2" in _text("/proc/self/status"):
        return (
            "A seccomp filter, as containers have, refuses it: run the container with one that allows unshare "
            "(--security-opt seccomp=FILE) or with --cap-add=SYS_ADMIN."
        )
    return "It needs user namespaces (user_namespaces(7)): ask the machine's owner for them, or use another machine."


# The settings that keep ordinary users from a network of their own: name, the value that does, one that does not.
_SWITCHES = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "10000"),
    ("user.max_net_namespaces", "0", "10000"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
)


def _setting(name: str) -> str:
    """A kernel setting's value; ``""`` where there is none of this name."""
    return _text("/proc/sys/" + name.replace(".", "/")).strip()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf8")
    except OSError:
        return ""


def _try_direct() -> Reason:
    if not sys.platform.startswith("linux"):
        return Reason("direct", False, "packet sockets are a thing of Linux", "Nothing: a capture tool does it here.")
    return _try_ring()


def _try_ring() -> Reason:
    """Whether an AF_PACKET ring on lo sees a datagram, in whichever network this is."""
    from labkit.packets.marker import Marker
    from labkit.packets.ring import Ring

    marker = Marker()
    try:
        ring = Ring("lo", (marker.port,))
        try:
            if marker.read_up_to(ring, []):
                return Reason("direct", True, "an AF_PACKET ring on lo saw a datagram sent to it")
            return Reason(
                "direct",
                False,
                "an AF_PACKET ring opened, but saw nothing on lo",
                "A sandbox (gVisor, some containers) does this: use another machine or a container without it.",
            )
        finally:
            ring.close()
    except (OSError, CaptureUnavailable) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Reason(
            "direct",
            False,
            f"an AF_PACKET socket is refused ({why})",
            "It needs CAP_NET_RAW: run as root, or give a container --cap-add=NET_RAW.",
        )
    finally:
        marker.close()


def _try_tool() -> Reason:
    from labkit.packets.marker import Marker
    from labkit.packets.tool import Tool

    marker = Marker()
    try:
        tool = Tool.start(None, (marker.port,), marker)
        tool.close()
        return Reason("tool", True, f"{tool.program} on {tool.iface} saw a datagram sent to it")
    except CaptureUnavailable as error:
        return Reason("tool", False, error.what, error.todo)
    finally:
        marker.close()


def _try_recorded() -> Reason:
    from labkit.packets.recorded import data_directory

    directory = data_directory()
    if directory is None or not directory.is_dir():
        return Reason(
            "recorded", False, "the directory of recorded captures is missing", "Set LABKIT_DATA to its path."
        )
    count = sum(1 for _ in directory.glob("*/*.pcapng"))
    return Reason("recorded", True, f"recorded captures stand in ({count} here), and every picture says so")


_ATTEMPTS: dict[str, Callable[[], Reason]] = {
    "private": _try_private,
    "direct": _try_direct,
    "tool": _try_tool,
    "recorded": _try_recorded,
}


@cache
def attempt(tier: str) -> Reason:
    """Try one tier, once in this process."""
    return _ATTEMPTS[tier]()


def forced_tier() -> str | None:
    """The tier that LABKIT_TIER asks for, or None. Raises `LabError` for one that does not exist."""
    tier = os.environ.get("LABKIT_TIER")
    if not tier:
        return None
    if tier not in TIERS:
        raise LabError(
            f"LABKIT_TIER={tier} names no way of capturing", f"Set it to one of {', '.join(TIERS)}, or not at all."
        )
    return tier


def best_tier() -> str:
    """The tier `capture` uses: the one forced, else the first that works; ``"recorded"`` where none does.

    Raises `CaptureUnavailable` where the forced one does not work: a forced tier is never replaced by another.
    """
    forced = forced_tier()
    if forced is not None:
        if forced != "recorded" and not attempt(forced).ok:
            reason = attempt(forced)
            raise CaptureUnavailable(f"LABKIT_TIER={forced}, but {reason.why}", reason.todo)
        return forced
    return next(tier for tier in TIERS if tier == "recorded" or attempt(tier).ok)


def status(*, full: bool = False) -> Status:
    """Which tier this machine allows, and why not a better one. full: also try the tiers below the one found."""
    forced = forced_tier()
    reasons: list[Reason] = []
    best = forced
    for tier in TIERS:
        if best is not None and not full and tier not in (forced, "recorded"):
            reasons.append(Reason(tier, False, f"not tried: {'LABKIT_TIER' if forced else best} comes first"))
            continue
        reason = attempt(tier)
        reasons.append(reason)
        if best is None and (reason.ok or tier == "recorded"):
            best = tier
    return Status(best or "recorded", tuple(reasons), forced is not None)
