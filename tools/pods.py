"""What labkit can do in a pod: a kernel under runc with the settings that a Kubernetes node would apply, as a table.

    .venv/bin/python tools/pods.py [--seccomp DEFAULT.json] [NUMBER OF A ROW ...]

Needs Linux, root, runc, and moby's ``profiles/seccomp/default.json`` (on Debian: apt install runc
golang-github-docker-docker-dev). A pod is a process with a user, capabilities, no_new_privs, a seccomp filter,
/proc/sys read-only or not, a user namespace or not. AppArmor and SELinux are not covered.
Rule: `CASES` is the table of docs/deploying.md; the exit code is 1 if a pod does not do what stands there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the folder importable as the package it is
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.seccomp import with_networks

ROOT = Path(__file__).resolve().parents[1]
SECCOMP = Path("/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json")
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
"""What a container's root has unless somebody changes it."""

WRITABLE = ("/home", "/tmp")
"""The folders of a pod that everybody may write to."""

LIVE, RECORDED = "live, in a network of its own", "recorded"
OWN_SETTINGS = "live, with Linux's own TCP settings"
RELAY = "UDP through a relay, TCP recorded"


@dataclass(frozen=True)
class Pod:
    """One row. filtered: ``"none"``, ``"default"`` or ``"labkit"`` (that of tools/seccomp.py). adds: more capabilities.

    own_users: the pod has a user namespace of its own (``hostUsers: false``). escalation: no_new_privs is off.
    unmasked: /proc/sys can be written to. capture and wire: what a notebook has there.
    """

    title: str
    capture: str
    wire: str
    uid: int = 1000
    filtered: str = "default"
    adds: tuple[str, ...] = ()
    drops_all: bool = False
    own_users: bool = False
    escalation: bool = False
    unmasked: bool = False


CASES = (
    Pod("Zero to JupyterHub's default: uid 1000, no privilege escalation, seccomp `Unconfined`", LIVE, OWN_SETTINGS,
        filtered="none"),
    Pod("the same, seccomp `RuntimeDefault`", RECORDED, RELAY),
    Pod("the same, seccomp `Localhost` with labkit's profile", LIVE, OWN_SETTINGS, filtered="labkit"),
    Pod("the same, and all capabilities dropped (the restricted standard)", LIVE, OWN_SETTINGS, filtered="labkit",
        drops_all=True),
    Pod("`hostUsers: false`, seccomp `RuntimeDefault`", RECORDED, RELAY, own_users=True),
    Pod("`hostUsers: false`, all capabilities dropped, labkit's profile, `procMount: Unmasked`", LIVE, "live",
        filtered="labkit", drops_all=True, own_users=True, unmasked=True),
    Pod("`hostUsers: false`, `SYS_ADMIN`, seccomp `RuntimeDefault`", LIVE, OWN_SETTINGS, adds=("SYS_ADMIN",),
        own_users=True, escalation=True),
    Pod("root with `SYS_ADMIN`, seccomp `RuntimeDefault`", LIVE, OWN_SETTINGS, uid=0, adds=("SYS_ADMIN",),
        escalation=True),
    Pod("root with `SYS_ADMIN` and `NET_ADMIN`, seccomp `RuntimeDefault`", LIVE, OWN_SETTINGS, uid=0,
        adds=("SYS_ADMIN", "NET_ADMIN"), escalation=True),
)  # fmt: skip
"""The rows, with what is expected in each."""

INSIDE = """
import json, subprocess, sys
from jupyter_client.manager import run_kernel
said = []
with run_kernel(kernel_name="labkit", startup_timeout=60) as client:
    client.execute_interactive('''
import json
from labkit import lab, net
import labkit
labkit.lesson("00-start-here")
server = net.create_server(lambda peer: peer.end("hi")).listen(8124)
with labkit.capture(8124, name="first") as tape:
    client = net.connect(port=8124); client.wait_for("end"); client.end()
with lab.Wire() as wire:
    print("POD" + json.dumps([tape.origin, wire.live, wire.why_not, wire.why_not_textbook]))
''', timeout=60, output_hook=lambda m: said.append(m["content"].get("text") or str(m["content"].get("evalue", ""))))
print("".join(said))
print(subprocess.run([sys.executable, "-m", "labkit.cli", "doctor"], capture_output=True, text=True).stdout)
"""


def resolved(profile: dict[str, Any], capabilities: list[str]) -> dict[str, Any]:
    """A profile in the form of moby's file as runc takes it: the rules for these capabilities, on this machine."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    rules = []
    for rule in profile["syscalls"]:
        wants, refuses = rule.get("includes") or {}, rule.get("excludes") or {}
        if set(wants.get("caps") or ()) - set(capabilities) or set(refuses.get("caps") or ()) & set(capabilities):
            continue
        if machine not in (wants.get("arches") or [machine]) or machine in (refuses.get("arches") or ()):
            continue
        rules.append({key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)})
    architecture = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}[machine]
    found = {"defaultAction": profile["defaultAction"], "architectures": [architecture], "syscalls": rules}
    return found | ({"defaultErrnoRet": profile["defaultErrnoRet"]} if "defaultErrnoRet" in profile else {})


def configuration(pod: Pod, profile: dict[str, Any]) -> dict[str, Any]:
    """runc's ``config.json`` of a pod. Root's capabilities are in force; others can only reach them."""
    capabilities = [] if pod.drops_all else [f"CAP_{each}" for each in (*CAPABILITIES, *pod.adds)]
    held = capabilities if pod.uid == 0 else []
    needed = ["/usr", "/bin", "/lib", "/lib64", "/etc", str(ROOT), sys.prefix, sys.base_prefix]
    mounts: list[dict[str, Any]] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "mode=1777"]},
        *({"destination": each, "type": "tmpfs", "source": "tmpfs"} for each in WRITABLE),
        *({"destination": each, "type": "bind", "source": each, "options": ["rbind", "ro"]}
          for each in needed if Path(each).exists()),
    ]  # fmt: skip
    linux: dict[str, Any] = {
        "namespaces": [{"type": each} for each in ("pid", "network", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
        "readonlyPaths": [] if pod.unmasked else [
            "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
        ],
    }  # fmt: skip
    if pod.own_users:
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 300_000, "size": 65_536}]
    if pod.filtered != "none":
        chosen = with_networks(profile) if pod.filtered == "labkit" else profile
        linux["seccomp"] = resolved(chosen, capabilities)
    return {
        "ociVersion": "1.0.2", "hostname": "pod", "linux": linux, "mounts": mounts, "root": {"path": "rootfs"},
        "process": {
            "user": {"uid": pod.uid, "gid": pod.uid}, "cwd": "/home", "noNewPrivileges": not pod.escalation,
            "args": [sys.executable, "-c", INSIDE],
            "env": ["HOME=/home", f"PATH={Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"],
            "capabilities": {"bounding": capabilities, "effective": held, "permitted": held, "inheritable": [],
                             "ambient": []},
        },
    }  # fmt: skip


def run(pod: Pod, profile: dict[str, Any], name: str) -> tuple[str, str, str]:
    """What a notebook has in a pod: capture, wire, and what went wrong, in words. name: the container's."""
    made = configuration(pod, profile)
    with tempfile.TemporaryDirectory(prefix="labkit-pod-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        for mount in made["mounts"]:
            Path(folder, "rootfs" + mount["destination"]).mkdir(parents=True, exist_ok=True)
        for each in WRITABLE:  # a tmpfs takes over the mode of what it covers
            Path(folder, "rootfs" + each).chmod(0o1777)
        if pod.own_users:
            subprocess.run(["chown", "-R", "300000:300000", f"{folder}/rootfs"], check=True)
        Path(folder, "config.json").write_text(json.dumps(made))
        done = subprocess.run(["runc", "run", name], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=200, check=False)  # fmt: skip
    line = next((each for each in done.stdout.splitlines() if each.startswith("POD")), "")
    if not line:
        return "-", "-", f"the pod failed: {(done.stdout + done.stderr).strip()[-600:]}"
    origin, live, why_not, why_not_textbook = json.loads(line[3:])
    capture = LIVE if origin.startswith("live from this notebook's own network") else str(origin).split(" ", 1)[0]
    wire = (OWN_SETTINGS if why_not_textbook else "live") if live else RELAY
    told = next(each for each in done.stdout.splitlines() if each.startswith("wire in a notebook"))
    if told.partition(": ")[2].startswith(RELAY) is live:
        return capture, "-", f"the wire is {wire}, and doctor says: {told}"
    return capture, wire, why_not


def main() -> int:
    """Run the rows and print them; returns 1 if one is not as expected."""
    parser = argparse.ArgumentParser(description="what labkit can do in a pod, under runc")
    parser.add_argument("rows", type=int, nargs="*", help="only these rows, counted from 1")
    parser.add_argument("--seccomp", type=Path, default=SECCOMP, help="moby's default.json (default: %(default)s)")
    options = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("runc") is None:
        print("left out: pods need root and runc (apt install runc)", file=sys.stderr)
        return 1
    if not options.seccomp.is_file():
        print(f"left out: {options.seccomp} is missing (apt install golang-github-docker-docker-dev)", file=sys.stderr)
        return 1
    profile = json.loads(options.seccomp.read_text(encoding="utf8"))
    wrong = 0
    print("| pod | network and capture | wire |\n| --- | --- | --- |")
    for number, pod in enumerate(CASES, 1):
        if options.rows and number not in options.rows:
            continue
        capture, wire, why = run(pod, profile, f"labkit-pod-{os.getpid()}-{number}")
        print(f"| {pod.title} | {capture} | {wire} |", flush=True)
        if (capture, wire) != (pod.capture, pod.wire):
            wrong += 1
            print(f"row {number} is not as expected ({pod.capture}; {pod.wire}): {why}", file=sys.stderr)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
