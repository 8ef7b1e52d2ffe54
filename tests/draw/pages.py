"""Reads back what a picture puts into a page: its images, what opens by a click, the cells of its tables."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

from labkit.draw.picture import Picture
from tests.draw.markup import SVG

_SVG = "data:image/svg+xml;base64,"
ALLOWED = {"div", "img", "details", "summary", "table", "caption", "tr", "th", "td"}
ATTRIBUTES = {"class", "style", "alt", "width", "src"}


def page_of(picture: Picture) -> ElementTree.Element:
    """The HTML of a picture, checked: only what JupyterLab keeps of a file that it does not trust."""
    data, _ = picture._repr_mimebundle_()
    root = ElementTree.fromstring(data["text/html"])
    assert {node.tag for node in root.iter()} <= ALLOWED
    assert {name for node in root.iter() for name in node.attrib} <= ATTRIBUTES
    for image in root.iter("img"):
        assert image.get("src", "").startswith(_SVG)
        assert image.get("alt")
    return root


def svgs(root: ElementTree.Element, *, opened: bool = True) -> list[str]:
    """The pictures of a page as SVG. opened: also those behind a fold."""
    closed = set() if opened else {id(image) for part in root.iter("details") for image in part.iter("img")}
    images = [image for image in root.iter("img") if id(image) not in closed]
    return [base64.b64decode(image.get("src", "").removeprefix(_SVG)).decode() for image in images]


def cells(root: ElementTree.Element) -> list[list[str]]:
    """The rows of all tables, without their heads."""
    rows = [["".join(cell.itertext()) for cell in row.iter("td")] for row in root.iter("tr")]
    return [row for row in rows if row]


def summaries(root: ElementTree.Element) -> list[str]:
    """The lines that open something by a click."""
    return ["".join(node.itertext()) for node in root.iter("summary")]


def folded(root: ElementTree.Element, start: str) -> ElementTree.Element:
    """The part that opens by a click on the line that begins like this."""
    return next(part for part in root.iter("details") if "".join(part[0].itertext()).startswith(start))


def places(root: ElementTree.Element, words: str) -> list[tuple[float, float]]:
    """Where these words stand: (x, y) of each."""
    return [
        (float(node.get("x", "0")), float(node.get("y", "0")))
        for node in root.iter(f"{SVG}text")
        if "".join(node.itertext()) == words
    ]
