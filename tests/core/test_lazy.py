"""Names of a package that are imported when they are first used.

Rule: packages made for the test, in a process that has not imported their modules.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labkit.core import lazy


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with a thing in a module, and a module of its own name."""
    name = "package_for_lazy"
    files = {
        "__init__": "from labkit.core import lazy\n"
        "__getattr__, __dir__ = lazy.names(__name__, {'thing': 'module', 'other': '', 'absent': 'module'})\n",
        "module": "thing = object()\n",
        "other": "",
    }
    for module, text in files.items():
        path = tmp_path / name / f"{module}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("", ".module", ".other"):
        monkeypatch.delitem(sys.modules, name + module, raising=False)
    return name


def test_a_module_is_imported_when_a_name_of_it_is_used(package: str) -> None:
    made = __import__(package)
    assert f"{package}.module" not in sys.modules
    thing = made.thing
    assert thing is sys.modules[f"{package}.module"].thing
    assert vars(made)["thing"] is thing, "the second use needs no look-up"
    assert made.other is sys.modules[f"{package}.other"]


def test_an_unknown_name_is_an_attribute_error_of_the_package(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'unknown'"):
        _ = __import__(package).unknown
    with pytest.raises(AttributeError, match="absent"):
        _ = __import__(package).absent


def test_dir_lists_the_names_before_they_are_imported(package: str) -> None:
    shown = dir(__import__(package))
    assert {"thing", "other", "__name__"} <= set(shown)
    assert "lazy" not in shown, "what a package imports for itself is not its own"
    assert f"{package}.module" not in sys.modules


@pytest.mark.parametrize("name", ["labkit", "labkit.packets", "labkit.lab"])
def test_every_name_of_our_packages_is_found(name: str) -> None:
    __import__(name)
    module = sys.modules[name]
    assert set(module.__all__) <= set(dir(module))
    for each in module.__all__:
        assert getattr(module, each) is not None
    assert callable(lazy.names)
