"""Reads a finished SVG back: is it well formed, does it hold only what it may, does any text lie on another?"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from labkit.draw import style
from labkit.draw.text import width

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "style", "text", "tspan", "path", "rect", "circle"}

Box = tuple[float, float, float, float, str]
Stroke = tuple[float, float, float, float]


def parse(svg: str) -> ElementTree.Element:
    """Parse and check what holds for every picture of ours."""
    root = ElementTree.fromstring(svg)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= ALLOWED
    for node in root.iter():
        assert not [name for name in node.attrib if name.lower().startswith("on") or "href" in name]
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert desc is not None
    assert desc.text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    sheet = root.find(f"{SVG}style")
    assert sheet is not None
    assert "prefers-color-scheme:dark" in (sheet.text or "")
    assert root.find(f"{SVG}rect").get("class") == "paper"
    return root


def texts(root: ElementTree.Element) -> list[str]:
    """Every text drawn."""
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def strokes(root: ElementTree.Element, *kinds: str) -> list[Stroke]:
    """Every straight stroke of the paths whose class begins with one of these words: from x, y to x, y."""
    found: list[Stroke] = []
    for node in root.iter(f"{SVG}path"):
        if node.get("class", "").split()[0] not in kinds:
            continue
        x = y = first_x = first_y = 0.0
        for letter, text in re.findall(r"([A-Za-z])([-\d. ]*)", node.get("d", "")):
            numbers = [float(number) for number in text.split()]
            before = x, y
            if letter in "Vv":
                numbers = [x if letter == "V" else 0.0, *numbers]
            elif letter in "Hh":
                numbers = [*numbers, y if letter == "H" else 0.0]
            elif letter == "z":
                numbers = [first_x, first_y]
            x, y = (x + numbers[0], y + numbers[1]) if letter.islower() and letter != "z" else (numbers[0], numbers[1])
            if letter in "Mm":
                first_x, first_y = x, y
            else:
                found.append((*before, x, y))
    return found


def boxes(root: ElementTree.Element) -> list[Box]:
    """Where the texts lie: left, top, right, bottom, text; at their upper bound of width."""
    found = []
    for node in root.iter(f"{SVG}text"):
        classes = node.get("class", "").split()
        text = "".join(node.itertext())
        # The text in front of a part set in another type, the part, and what is behind it.
        parts = [(node.text or "", classes[0])]
        for part in node:
            name = part.get("class", "").split()[0]
            parts += [(part.text or "", name if name in style.TYPES else classes[0]), (part.tail or "", classes[0])]
        wide = sum(width(words, name) for words, name in parts)
        size = max((style.TYPES[name].size for words, name in parts if words), default=0)
        x, y = float(node.get("x", "0")), float(node.get("y", "0"))
        left = x - wide if "e" in classes else x - wide / 2 if "c" in classes else x
        found.append((left, y - 0.76 * size, left + wide, y + 0.2 * size, text))
    return found


def check_layout(root: ElementTree.Element) -> None:
    """No text lies on another, none leaves the picture."""
    wide, high = map(float, root.get("viewBox", "").split()[2:])
    found = sorted(boxes(root), key=lambda box: box[1])
    for left, top, right, bottom, text in found:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= wide, text
        assert bottom <= high, text
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            if other[1] >= one[3]:
                break
            assert other[0] >= one[2] - 0.5 or other[2] <= one[0] + 0.5, f"{one} lies on {other}"


def check_lines(root: ElementTree.Element, *kinds: str) -> None:
    """No stroke of these kinds runs through a text."""
    for x1, y1, x2, y2 in strokes(root, *kinds):
        for left, top, right, bottom, text in boxes(root):
            low, high = max(min(x1, x2), left), min(max(x1, x2), right)
            if low > high:
                continue
            ends = [y1, y2] if x1 == x2 else [y1 + (y2 - y1) * (x - x1) / (x2 - x1) for x in (low, high)]
            assert max(ends) <= top + 1 or min(ends) >= bottom - 1, f"a line runs through {text!r}"
