"""Many students: what docs/deploying.md says of pods, and the files beside it.

Rule: what a pod can do is tried in a real one, under runc, if runc is there.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit.lab.namespaces import CLONE_NEWNET, CLONE_NEWUSER
from tests.needs import leave_out
from tools import pods, seccomp

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "deploying"
TEXT = (ROOT / "docs" / "deploying.md").read_text(encoding="utf8")

DEFAULT: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
    "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["elsewhere"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
    ],
}  # fmt: skip


def test_the_table_of_pods_is_the_one_that_is_tried() -> None:
    head = "| pod | network and capture | wire |\n| --- | --- | --- |\n"
    rows = "".join(f"| {each.title} | {each.capture} | {each.wire} |\n" for each in pods.CASES)
    assert TEXT.count(head + rows + "\n") == 1


@pytest.mark.parametrize(
    ("capabilities", "names"),
    [([], ["read", "clone"]), (["CAP_SYS_ADMIN"], ["read", "unshare"])],
    ids=["none", "SYS_ADMIN"],
)
def test_a_profile_is_resolved_as_a_runtime_does(capabilities: list[str], names: list[str]) -> None:
    found = pods.resolved(DEFAULT, capabilities)
    assert [rule["names"][0] for rule in found["syscalls"]] == names
    assert (found["defaultAction"], found["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)


def test_labkit_s_profile_allows_networks_and_no_other_namespaces(tmp_path: Path) -> None:
    (tmp_path / "default.json").write_text(json.dumps(DEFAULT))
    words = [sys.executable, ROOT / "tools" / "seccomp.py", tmp_path / "default.json"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    made = json.loads(said)
    assert made == seccomp.with_networks(DEFAULT)
    assert made["syscalls"][: len(DEFAULT["syscalls"])] == DEFAULT["syscalls"]
    allowed = {(*rule["names"], rule["args"][0]["index"], rule["args"][0]["value"]) for rule in made["syscalls"][4:]}
    assert allowed == {
        ("unshare", 0, CLONE_NEWNET), ("unshare", 0, CLONE_NEWUSER | CLONE_NEWNET),
        ("setns", 1, CLONE_NEWNET), ("setns", 1, CLONE_NEWUSER),
    }  # fmt: skip
    assert {rule["args"][0]["op"] for rule in made["syscalls"][4:]} == {"SCMP_CMP_EQ"}


def test_the_values_are_those_of_the_best_pod() -> None:
    values = yaml.safe_load((DOCS / "values.yaml").read_text(encoding="utf8"))
    (assignment,) = ast.parse(values["hub"]["extraConfig"]["10-labkit"]).body
    assert isinstance(assignment, ast.Assign)
    context = ast.literal_eval(assignment.value)
    (best,) = (each for each in pods.CASES if each.wire == "live")
    assert best.capture == pods.LIVE
    assert values["singleuser"]["extraPodConfig"]["hostUsers"] is not best.own_users
    assert (context["procMount"] == "Unmasked") is best.unmasked
    assert (context["seccompProfile"]["type"] == "Localhost") is (best.filtered == "labkit")
    assert context["allowPrivilegeEscalation"] is best.escalation
    assert (context["capabilities"] == {"drop": ["ALL"]}) is best.drops_all
    assert values["hub"]["concurrentSpawnLimit"] >= 30


def test_the_configuration_of_one_machine_can_be_read() -> None:
    text = (DOCS / "jupyterhub_config.py").read_text(encoding="utf8")

    class Any_(dict[str, Any]):
        def __getattr__(self, name: str) -> Any:
            return self.setdefault(name, Any_())

        def __setattr__(self, name: str, value: object) -> None:
            self[name] = value

    found = Any_()
    exec(compile(text, "jupyterhub_config.py", "exec"), {"get_config": lambda: found})
    assert found.Spawner.args == ["--KernelManager.transport=ipc"]
    assert Path(found.Spawner.cmd[0]).parent == Path(sys.executable).parent
    assert found.JupyterHub.concurrent_spawn_limit >= 30


def test_an_image_s_files_are_there() -> None:
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert "labkit lessons my-lessons" in (ROOT / "postBuild").read_text(encoding="utf8")
    for line in (ROOT / "apt.txt").read_text(encoding="utf8").split():
        assert line.replace("-", "").isalnum()


@pytest.mark.parametrize("number", [2, 4, 6], ids=["recorded", "restricted", "live"])
def test_a_pod_can_do_what_the_table_says(number: int) -> None:
    """The others take as long, and `tools/pods.py` tries them all."""
    if os.geteuid() != 0 or shutil.which("runc") is None:
        leave_out("runc, and root", "apt install runc", packaged=False)
    if not pods.SECCOMP.is_file():
        leave_out("moby's seccomp profile", "apt install golang-github-docker-docker-dev", packaged=False)
    pod = pods.CASES[number - 1]
    profile = json.loads(pods.SECCOMP.read_text(encoding="utf8"))
    capture, wire, why = pods.run(pod, profile, f"labkit-test-{os.getpid()}-{number}")
    assert (capture, wire) == (pod.capture, pod.wire), why
