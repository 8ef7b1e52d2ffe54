"""The ES modules and the styles of our views, each as one text, as a page takes them.

Rule: no build step: a module is what stands in its file, with what it imports from shared.js in front, and without the
lines that are comments: a page gets it once for each view.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "js"

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
_CAST = re.compile(r"/\*\* @type [^\n]*?\*/ ?")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


@cache
def module(name: str) -> str:
    """The source of a view's module, whole: it imports nothing."""
    parts: list[str] = []
    _collect(name, parts, set())
    return "\n".join(parts)


def _collect(name: str, parts: list[str], seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    source = (FOLDER / f"{name}.js").read_text(encoding="utf8")
    for other in _IMPORT.findall(source):
        _collect(other, parts, seen)
    parts.append(_without_comments(_EXPORT.sub("", _IMPORT.sub("", source))))


def _without_comments(source: str) -> str:
    """The source without comments and types, and without indentation if no text of it goes over several lines."""
    source = _CAST.sub("", _COMMENT.sub("", source))
    return source if any(line.count("`") % 2 for line in source.split("\n")) else _INDENT.sub("", source)


@cache
def style(name: str) -> str:
    """The style of a view: that of every view, and its own."""
    own = FOLDER / f"{name}.css"
    shared = (FOLDER / "shared.css").read_text(encoding="utf8")
    return shared + (own.read_text(encoding="utf8") if own.exists() else "")


@cache
def dressed(name: str) -> str:
    """The module of a view, and a last line that gives the page its style."""
    return f"{module(name)}\ndress({json.dumps(f'labkit.{name}')}, {json.dumps(style(name))});\n"
