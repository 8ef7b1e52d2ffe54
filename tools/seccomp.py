"""A seccomp profile for labkit: a container runtime's own profile, and the two system calls for networks of one's own.

    python tools/seccomp.py DEFAULT.json > labkit.json

Rule: nothing that the given profile refuses is allowed but `CALLS`, with these flags. Source: unshare(2), setns(2).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from labkit.lab.namespaces import CLONE_NEWNET, CLONE_NEWUSER

CALLS = {
    "unshare": (0, (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET)),
    "setns": (1, (CLONE_NEWNET, CLONE_NEWUSER)),
}
"""The calls that a kernel labkit and `labkit shell` make: the number of the argument with the flags, and its values."""


def with_networks(profile: dict[str, Any]) -> dict[str, Any]:
    """A copy of a profile, in the form of moby's ``default.json``, that lets `CALLS` pass."""
    more = [
        {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [{"index": at, "value": value, "op": "SCMP_CMP_EQ"}]}
        for name, (at, values) in CALLS.items()
        for value in values
    ]
    return {**profile, "syscalls": [*profile["syscalls"], *more]}


def main() -> int:
    """Write the profile to stdout."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    profile = json.loads(Path(sys.argv[1]).read_text(encoding="utf8"))
    print(json.dumps(with_networks(profile), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
