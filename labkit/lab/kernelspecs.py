"""Register the kernel labkit for a Jupyter that is installed elsewhere.

Rule: writes and removes only folders ``kernels/labkit``; what another program has written there stays.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.core.errors import LabError

NAME = "labkit"
"""The kernel's name, which the lessons ask for."""

TEMPLATE = Path(__file__).with_name("kernelspec") / NAME / "kernel.json"
"""The description for a Jupyter in labkit's own environment: ``python`` there is Jupyter's own Python."""

_MODULE = "labkit.lab.kernel"


@dataclass(frozen=True, slots=True)
class Registered:
    """A description of the kernel labkit that Jupyter finds. folder: where. python: what it runs, as written there."""

    folder: Path
    python: str

    def __str__(self) -> str:
        missing = "" if shutil.which(self.python) else ", which does not exist"
        return f"{self.folder}: {'the Python of Jupyter' if self.python == 'python' else self.python + missing}"


def folder(prefix: Path | None) -> Path:
    """The folder of the description. prefix: an environment's folder, as `sys.prefix`; None: this user's own."""
    from jupyter_core.paths import jupyter_data_dir

    data = Path(jupyter_data_dir()) if prefix is None else prefix.expanduser().absolute() / "share" / "jupyter"
    return data / "kernels" / NAME


def install(prefix: Path | None) -> Registered:
    """Register the kernel with this very Python. prefix: see `folder`. Raises `LabError`.

    Cells and their programs find the commands of labkit's environment first, for example ``!labkit connect``.
    """
    into = folder(prefix)
    if prefix is not None and not prefix.expanduser().is_dir():
        raise LabError(f"there is no environment {prefix}", "Name the folder that has Jupyter's bin/ in it.")
    _refuse_foreign(into)
    spec: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf8"))
    spec["argv"][0] = sys.executable
    spec["env"] = {"PATH": os.pathsep.join((os.path.dirname(sys.executable), "${PATH}"))}  # Jupyter fills ${PATH} in
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=into, delete=False, encoding="utf8") as file:
            file.write(json.dumps(spec, indent=1) + "\n")
        os.chmod(file.name, 0o644)
        os.replace(file.name, into / "kernel.json")
    except OSError as error:
        raise _not_written(into, error) from None
    return Registered(into, sys.executable)


def uninstall(prefix: Path | None) -> Path:
    """Remove the description again; returns the folder that is gone. prefix: see `folder`. Raises `LabError`."""
    there = folder(prefix)
    if not there.is_dir():
        raise LabError(f"{there} does not exist", "`labkit kernel list` shows where the kernel is registered.")
    _refuse_foreign(there)
    try:
        shutil.rmtree(there)
    except OSError as error:
        raise _not_written(there, error) from None
    return there


def registered() -> list[Registered]:
    """Where Jupyter, run in this environment, finds the kernel; it takes the first one."""
    from jupyter_core.paths import jupyter_path

    found = []
    for each in jupyter_path("kernels"):
        argv = _argv(Path(each) / NAME)
        if argv:
            found.append(Registered(Path(each) / NAME, argv[0]))
    return found


def _argv(there: Path) -> list[str]:
    """The command of a description; ``[]`` if there is none, or none that can be read."""
    try:
        argv = json.loads((there / "kernel.json").read_text(encoding="utf8"))["argv"]
        return [str(word) for word in argv]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _refuse_foreign(there: Path) -> None:
    if there.is_symlink() or (there.exists() and _MODULE not in _argv(there)):
        raise LabError(f"{there} is not a description of labkit's kernel", "Move it away first.")


def _not_written(there: Path, error: OSError) -> LabError:
    return LabError(f"{there} cannot be changed ({error.strerror})", "Take --user, or --prefix with a folder of yours.")
