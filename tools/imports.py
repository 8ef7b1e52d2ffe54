"""Read labkit's imports from its source: the rule which part may import which, and the picture of it.

Rule: the code is read, never run; docs/imports.svg is made here and nowhere else.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "labkit"
PICTURE = ROOT / "docs" / "imports.svg"

# Each part of labkit, from the bottom up, with the parts it may import. A new part gets its line here.
ALLOWED: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "streams": frozenset({"core"}),
    "net": frozenset({"core", "streams"}),
    "dgram": frozenset({"core"}),
    "dns": frozenset({"core"}),
    "http": frozenset({"core", "streams", "net"}),
    "tls": frozenset({"core", "streams", "net"}),
    "https": frozenset({"core", "streams", "net", "http", "tls"}),
    "websocket": frozenset({"core", "streams", "net", "http", "tls", "https"}),
    "ca": frozenset({"core"}),
    "servers": frozenset({"core", "net", "dgram", "dns", "http", "websocket", "tls", "https", "ca"}),
    "packets": frozenset({"core"}),
    "lab": frozenset({"core", "packets"}),
    "widgets": frozenset({"core"}),
    "draw": frozenset({"core", "packets", "widgets"}),
    "exercises": frozenset(
        {
            "core", "net", "dgram", "dns", "http", "websocket", "tls", "https", "ca", "packets", "lab", "draw",
            "widgets",
        }
    ),
    "course": frozenset(
        {
            "core", "net", "dgram", "http", "websocket", "tls", "https", "ca", "packets", "lab", "draw", "widgets",
            "exercises",
        }
    ),
    "lessons": frozenset({"core"}),
    "connecting": frozenset({"core", "net", "tls"}),
    "nodejs": frozenset({"core", "packets"}),
    "programs": frozenset({"core", "packets"}),
    "record": frozenset({"core", "packets", "lab", "nodejs", "programs"}),
    "grading": frozenset({"core", "exercises"}),
    "cli": frozenset(
        {
            "core", "net", "dgram", "dns", "http", "websocket", "tls", "https", "ca", "servers", "packets", "lab",
            "draw", "widgets", "exercises", "course", "lessons", "nodejs", "programs", "record", "connecting",
            "grading",
        }
    ),
}

# Third-party packages with one home each.
HOMES: dict[str, frozenset[str]] = {
    "scapy": frozenset({"packets"}),
    "matplotlib": frozenset({"draw"}),
    "ipywidgets": frozenset({"widgets"}),
    "anywidget": frozenset({"widgets"}),
    "uvloop": frozenset({"core"}),
    "httptools": frozenset({"http"}),
    "websockets": frozenset({"websocket"}),
    "OpenSSL": frozenset({"tls", "ca"}),
    "cryptography": frozenset({"tls", "ca", "packets", "servers", "exercises"}),
}


def part_of(path: Path) -> str:
    """The part of labkit a module belongs to: ``"core"`` for labkit/core/loop.py, ``""`` for labkit/__init__.py."""
    relative = path.relative_to(PACKAGE)
    first = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return "" if first == "__init__" else first


def modules() -> list[Path]:
    """Every module of labkit, sorted."""
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, absolute dotted name) for every import in a module, also those inside functions."""
    here = ("labkit", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in _imports_of(path.read_text(encoding="utf8")):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        else:
            base = list(here[: len(here) - node.level]) if node.level else []
            base += node.module.split(".") if node.module else []
            for name in node.names:
                yield node.lineno, ".".join([*base, name.name])


@cache  # the tests ask for every module once a part
def _imports_of(text: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    return tuple(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))


def edges() -> dict[tuple[str, str], list[str]]:
    """Which part imports which, with the places (``"draw/ladder.py:12"``) that do it."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in modules():
        part = part_of(path)
        for line, name in imported(path):
            words = name.split(".")
            if words[0] != "labkit" or len(words) < 2 or part == "":
                continue
            target = words[1]
            if target != part and ((PACKAGE / target).is_dir() or (PACKAGE / f"{target}.py").exists()):
                found.setdefault((part, target), []).append(f"{path.relative_to(PACKAGE)}:{line}")
    return found


def links() -> dict[str, set[str]]:
    """Which module imports which others of its own part, for types alone too: ``"net.flow"`` to ``"net.server"``."""
    names = {path: path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for path in modules()}
    known = {name.removesuffix(".__init__"): name for name in names.values()}
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for path, name in names.items():
        for _, target in imported(path):
            words = target.split(".")
            inner = [".".join(words[1:end]) for end in range(len(words), 1, -1)] if words[0] == "labkit" else []
            module = next((known[each] for each in inner if each in known), name)
            if module != name and module.split(".")[0] == name.split(".")[0]:
                found[name].add(module)
    return found


def circles(part: str) -> list[str]:
    """The circles of imports inside a part, the shortest one of each module: ``"net.flow -> net.pipe -> net.flow"``."""
    found = {name: targets for name, targets in links().items() if name.split(".")[0] == part}
    told: set[frozenset[str]] = set()
    lines = []
    for start in sorted(found):
        ways = [[start]]
        seen: set[str] = set()
        while ways:  # breadth first, so that the first way back is the shortest
            way = ways.pop(0)
            for target in sorted(found[way[-1]]):
                if target == start and frozenset(way) not in told:
                    told.add(frozenset(way))
                    lines.append(" -> ".join([*way, start]))
                    ways.clear()
                    break
                if target not in seen and target != start:
                    seen.add(target)
                    ways.append([*way, target])
    return lines


def breaches() -> list[str]:
    """Every import that goes against ALLOWED or HOMES, one sentence each; empty where all is well."""
    wrong = [
        f"labkit/{part or '__init__'}: a part without a line in tools/imports.py: say what it may import"
        for part in sorted({part_of(path) for path in modules()} - set(ALLOWED) - {"", "__main__"})
    ]
    for (part, target), places in sorted(edges().items()):
        if target not in ALLOWED.get(part, frozenset({target})):
            wrong.append(f"labkit/{places[0]}: {part} must not import {target}")
    for path in modules():
        for line, name in imported(path):
            other = name.split(".")[0]
            if other in HOMES and part_of(path) not in HOMES[other]:
                homes = ", ".join(sorted(HOMES[other]))
                wrong.append(f"labkit/{path.relative_to(PACKAGE)}:{line}: only {homes} imports {other}")
    return wrong


def ranks(found: dict[tuple[str, str], list[str]], parts: list[str]) -> dict[str, int]:
    """How high each part stands: one above the highest it imports."""
    height = dict.fromkeys(parts, 0)
    for _ in parts:
        for part, target in found:
            height[part] = max(height[part], height[target] + 1)
    return height


def direct(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows worth drawing: those that do not follow from a longer way over other parts."""
    reach = set(found)
    for _ in found:
        reach |= {(part, far) for part, near in reach for other, far in found if near == other}
    return {
        (part, target)
        for part, target in found
        if not any((part, between) in found and (between, target) in reach for between in {to for _, to in found})
    }


WIDTH, STEP, BOX_WIDTH, BOX_HEIGHT, MARGIN = 720, 88, 112, 36, 32  # pixels
Place = tuple[float, float]  # the middle of a box, in pixels


def places(rows: list[list[str]], arrows: set[tuple[str, str]]) -> dict[str, Place]:
    """Where each part's box has its middle, in pixels: rows from the bottom up, each part above what it imports."""
    place: dict[str, Place] = {}
    for rank, names in enumerate(rows):
        below = {name: [place[to][0] for who, to in arrows if who == name] for name in names}
        names = sorted(names, key=lambda name: (sum(below[name]) / len(below[name]) if below[name] else 0, name))
        for column, name in enumerate(names):
            x = WIDTH * (column + 1) / (len(names) + 1)
            place[name] = (x, MARGIN + BOX_HEIGHT / 2 + (len(rows) - 1 - rank) * STEP)
    return place


def route(start: Place, end: Place, boxes: list[Place]) -> list[Place]:
    """The corners of an arrow from one box down to another, through the gaps of the rows between."""
    half = BOX_HEIGHT / 2
    points = [(start[0], start[1] + half)]
    for y in sorted({box[1] for box in boxes if start[1] < box[1] < end[1]}):
        x = start[0] + (end[0] - start[0]) * (y - start[1]) / (end[1] - start[1])
        row = sorted(box[0] for box in boxes if box[1] == y)
        if any(abs(x - middle) < BOX_WIDTH / 2 + 8 for middle in row):
            outside = BOX_WIDTH / 2 + 16
            gaps = [row[0] - outside, *((a + b) / 2 for a, b in pairwise(row)), row[-1] + outside]
            _, x = min((abs(gap - x), gap) for gap in gaps)
            points += [(x, y - half), (x, y + half)]
    return [*points, (end[0], end[1] - half)]


def picture() -> str:
    """The picture of the imports as SVG: a box a part, an arrow to what it imports; the lowest part at the bottom.

    An arrow that follows from others is left out of the picture, not out of the description.
    """
    found = edges()
    parts = sorted({part_of(path) for path in modules()} - {"", "__main__"})
    height = ranks(found, parts)
    rows = [[part for part in parts if height[part] == rank] for rank in range(max(height.values(), default=0) + 1)]
    arrows = direct(set(found))
    place = places(rows, arrows)
    total = MARGIN * 2 + (len(rows) - 1) * STEP + BOX_HEIGHT
    targets = {part: ", ".join(sorted(to for who, to in found if who == part)) or "no other part" for part in parts}
    says = "; ".join(f"{part} imports {targets[part]}" for part in parts)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:.0f}" width="{WIDTH}" '
        f'height="{total:.0f}" role="img" aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="15">',
        '<title id="t">Which part of labkit imports which</title>',
        f'<desc id="d">{escape(says)}.</desc>',
        "<!-- made by tools/imports.py from the code: do not edit -->",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#5b6673"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{total:.0f}" fill="#fff"/>',
    ]
    for part, target in sorted(arrows):
        points = " L".join(f"{x:.0f} {y:.0f}" for x, y in route(place[part], place[target], list(place.values())))
        lines.append(f'<path d="M{points}" fill="none" stroke="#5b6673" stroke-width="1.4" marker-end="url(#a)"/>')
    for name, (x, y) in place.items():
        lines.append(
            f'<rect x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
            'rx="6" fill="#eef4fa" stroke="#0072b2" stroke-width="1.6"/>'
        )
        lines.append(f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#1b2733">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main() -> int:
    """Write docs/imports.svg; with ``--check``, change nothing and fail where it is not current or a rule is broken."""
    wrong = breaches()
    for line in wrong:
        print(line)
    if "--check" in sys.argv[1:]:
        current = PICTURE.exists() and PICTURE.read_text(encoding="utf8") == picture()
        if not current:
            print("docs/imports.svg is not what the code says: run `make docs`")
        return 1 if wrong or not current else 0
    PICTURE.write_text(picture(), encoding="utf8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
