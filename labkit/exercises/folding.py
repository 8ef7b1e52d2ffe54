"""A long task on a projector: its listing, or the code to begin with, opens by a click.

Rule: only the page of a lesson in large type has folds; the words are the same, and the text twin is whole.
"""

from __future__ import annotations

from html import escape

from labkit.draw import style

_HIGH = 600
"""Most of a task without a fold, in px of the estimate below. A page adds up to 160 px: the cell itself, and lists."""

_WIDE, _LINE, _GAP = 84, 31, 21
"""Of text in large type: characters of a line at 1024 px, its height in px, the space between two paragraphs in px."""
_WIDE_CODE, _LINE_CODE = 80, 28

_KINDS = {"python": "the code to begin with"}


def folded(markdown: str) -> str:
    """The Markdown of a task, in large type with its highest fenced parts closed until the rest fits a screen."""
    if not style.Session.large:
        return markdown
    parts = _parts(markdown)
    closed: set[int] = set()
    fenced = [at for at, part in enumerate(parts) if part.startswith("```")]
    for at in sorted(fenced, key=lambda at: -_high(parts[at])):
        if sum(_LINE if each in closed else _high(part) for each, part in enumerate(parts)) <= _HIGH:
            break
        closed.add(at)
    return "\n".join(_closed(part) if at in closed else part for at, part in enumerate(parts))


def _parts(markdown: str) -> list[str]:
    """The text cut before and behind each fenced part; joined by ends of line, the parts are the text."""
    parts: list[list[str]] = [[]]
    for line in markdown.split("\n"):
        inside = bool(parts[-1]) and parts[-1][0].startswith("```")
        if line.startswith("```") and not inside:
            parts.append([])
        parts[-1].append(line)
        if line.startswith("```") and inside:
            parts.append([])
    return ["\n".join(part) for part in parts if part]


def _high(part: str) -> int:
    """About how high a part is on a page in large type, in px."""
    lines = part.split("\n")
    if part.startswith("```"):
        return sum(_LINE_CODE * max(1, -(-len(line) // _WIDE_CODE)) for line in lines[1:-1])
    return sum(_LINE * -(-len(line) // _WIDE) if line else _GAP for line in lines)


def _closed(part: str) -> str:
    """A fenced part behind a line to click on."""
    first, *rest = part.split("\n")
    name = f"{_KINDS.get(first.strip('`'), 'the listing')}: {len(rest) - 1} lines"
    head = f'<summary style="cursor:pointer">{escape(name)}</summary>'
    return f'<details style="margin-bottom:.8em">{head}\n\n{part}\n\n</details>'
