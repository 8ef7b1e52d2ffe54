"""``labkit kernel``: the kernel labkit for a Jupyter that is installed elsewhere.

Rule: each environment and each home is the test's own; what Jupyter's own code finds there is what counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from labkit.lab import kernelspecs
from tests.cli.conftest import refusal, run


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """Variables that make a folder of the test this user's own for Jupyter."""
    return {"JUPYTER_DATA_DIR": str(tmp_path / "data"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}


def described(data: Path) -> dict[str, object]:
    """The description in a folder of Jupyter's data, read as Jupyter reads it."""
    return dict(KernelSpecManager(kernel_dirs=[str(data / "kernels")]).get_kernel_spec("labkit").to_dict())


def test_for_this_user(tmp_path: Path, own: dict[str, str]) -> None:
    for words in (("install",), ("install", "--user")):  # a second time is no error
        told = run("kernel", *words, **own)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.startswith(f"{tmp_path / 'data/kernels/labkit'}: {sys.executable}\n")
    spec = described(tmp_path / "data")
    argv, template = spec["argv"], json.loads(kernelspecs.TEMPLATE.read_text(encoding="utf8"))
    assert argv == [sys.executable, *template["argv"][1:]]
    assert (spec["display_name"], spec["metadata"]) == (template["display_name"], template["metadata"])
    assert [path.name for path in (tmp_path / "data/kernels/labkit").iterdir()] == ["kernel.json"]


def test_for_an_environment(tmp_path: Path, own: dict[str, str]) -> None:
    assert run("kernel", "install", "--prefix", str(tmp_path), **own).returncode == 0
    assert described(tmp_path / "share" / "jupyter")["argv"][0] == sys.executable  # type: ignore[index]
    assert not (tmp_path / "data").exists()
    missing = str(tmp_path / "no such folder")
    assert "no environment" in refusal(run("kernel", "install", "--prefix", missing, **own))


def test_listed_and_removed(tmp_path: Path, own: dict[str, str]) -> None:
    installed = f"{Path(sys.prefix) / 'share/jupyter/kernels/labkit'}: the Python of Jupyter"
    assert installed in run("kernel", "list", **own).stdout.splitlines()
    run("kernel", "install", **own)
    mine = f"{tmp_path / 'data/kernels/labkit'}: {sys.executable}"
    assert mine in run("kernel", "list", **own).stdout.splitlines()
    assert run("kernel", "uninstall", **own).stdout == f"{tmp_path / 'data/kernels/labkit'}: removed\n"
    assert mine not in run("kernel", "list", **own).stdout.splitlines()
    assert "does not exist" in refusal(run("kernel", "uninstall", **own))


def test_a_python_that_is_gone_is_named(tmp_path: Path, own: dict[str, str]) -> None:
    run("kernel", "install", **own)
    path = tmp_path / "data/kernels/labkit/kernel.json"
    path.write_text(path.read_text().replace(sys.executable, "/nowhere/python"))
    assert f"{path.parent}: /nowhere/python, which does not exist" in run("kernel", "list", **own).stdout.splitlines()


@pytest.mark.parametrize("text", ['{"argv": ["python", "-m", "another"]}', "no JSON", '{"argv": 5}', None])
def test_what_somebody_else_has_put_there_stays(tmp_path: Path, own: dict[str, str], text: str | None) -> None:
    there = tmp_path / "data/kernels/labkit"
    there.mkdir(parents=True)
    (there / "kernel.json" if text is not None else there / "notes").write_text(text or "mine")
    before = {path: path.read_bytes() for path in there.iterdir()}
    for action in ("install", "uninstall"):
        assert "is not a description of labkit's kernel" in refusal(run("kernel", action, **own))
    assert {path: path.read_bytes() for path in there.iterdir()} == before


def test_a_folder_that_cannot_be_written(tmp_path: Path, own: dict[str, str]) -> None:
    (tmp_path / "data").write_text("")
    said = refusal(run("kernel", "install", **own))
    assert "cannot be changed" in said
    assert "--prefix" in said
