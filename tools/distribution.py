"""What hatchling does besides when it builds the package: the lessons go into the wheel, the README's links are mended.

Rule: needs only Python and hatchling, since a build has nothing else. `pyproject.toml` names this file twice.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)")


def standing_alone(text: str, address: str) -> str:
    """A Markdown text whose links do not need the files beside it.

    address: the project's, ``"code.example/labkit"``, below which ``blob/main/README.md`` is a file to read. With
    ``""`` a link becomes its words, and a picture becomes what it shows, in words.
    """

    def mended(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        if address:
            return f"{mark}[{words}](https://{address}/{'raw' if mark else 'blob'}/main/{target})"
        return f"*Picture: {words}.*" if mark else words

    return _LINK.sub(mended, text)


class Readme(MetadataHookInterface):
    """The package's description, and its links."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling with the table ``[project]``. The address stands in this hook's own table."""
        address = self.config["address"]
        text = Path(self.root, "README.md").read_text(encoding="utf8")
        metadata["readme"] = {"content-type": "text/markdown", "text": standing_alone(text, address)}
        metadata["urls"] = {"Repository": f"https://{address}"} if address else {}


class Lessons(BuildHookInterface[Any]):
    """The lessons in the wheel, as `labkit lessons` hands them out: without outputs, so that the wheel stays small."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds a wheel. version: ``"editable"`` for an installation from a checkout."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from labkit.lessons import INSTALLED, cleared

        self._made = tempfile.TemporaryDirectory()
        for path in sorted(Path(self.root, "notebooks").glob("*.ipynb")):
            made = Path(self._made.name, path.name)
            notebook = cleared(json.loads(path.read_text(encoding="utf8")))
            made.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf8")
            build_data["force_include"][str(made)] = f"labkit/{INSTALLED}/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling when the wheel is written."""
        if version != "editable":
            self._made.cleanup()
