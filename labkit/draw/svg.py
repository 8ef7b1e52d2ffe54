"""A small canvas over ElementTree: the SVG of every picture is built here.

Rule: text goes in as text (ElementTree escapes it) and through `visible`; no string is ever pasted into markup.
"""

from __future__ import annotations

import zlib
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from labkit.draw import style
from labkit.draw.text import visible


class Canvas:
    """An SVG under construction, `style.WIDTH` px wide; the height is known when it is finished.

    Text is made visible by `text`; callers of `raw` promise that they did it, or wrote the text themselves.
    """

    def __init__(self) -> None:
        self.root = Element("svg")
        self.paper = SubElement(self.root, "rect", {"class": "paper", "rx": "8"})

    def raw(self, x: float, y: float, text: str, kind: str, parent: Element | None = None) -> Element:
        """Add a text at its baseline; ``kind`` is one or more classes (``"l c"``: label, centred)."""
        node = SubElement(self.root if parent is None else parent, "text",
                          {"x": f"{x:.0f}", "y": f"{y:.0f}", "class": kind})
        node.text = text
        return node

    def text(self, x: float, y: float, text: object, kind: str) -> Element:
        """Add a text that may hold anything a peer sent."""
        return self.raw(x, y, visible(text), kind)

    def path(self, d: str, kind: str) -> Element:
        """Add a path; ``kind`` is its classes."""
        return SubElement(self.root, "path", {"class": kind, "d": d})

    def rect(self, x: float, y: float, width: float, height: float, kind: str, radius: int = 0) -> Element:
        """Add a rectangle, px; quarter pixels are kept (a bit may be less than 4 px wide)."""
        node = SubElement(self.root, "rect", {"class": kind, "x": f"{x:g}", "y": f"{y:g}",
                                              "width": f"{width:g}", "height": f"{height:g}"})
        if radius:
            node.set("rx", str(radius))
        return node

    def circle(self, x: float, y: float, radius: float, kind: str) -> Element:
        """Add a circle, px."""
        return SubElement(self.root, "circle", {"class": kind, "cx": f"{x:.0f}", "cy": f"{y:.0f}", "r": f"{radius:g}"})

    def finish(self, height: float, title: str, desc: str) -> str:
        """Return the markup. title, desc: the alternative text, read out by screen readers."""
        title, desc = visible(title), "\n".join(map(visible, desc.split("\n")))
        # Pictures may end up inline in one page (nbconvert): the ids must differ from picture to picture.
        key = f"{zlib.crc32((title + desc).encode()):08x}"
        size = f"{style.WIDTH} {height:.0f}"
        self.root.attrib = {
            "xmlns": "http://www.w3.org/2000/svg", "width": str(style.WIDTH), "height": f"{height:.0f}",
            "viewBox": f"0 0 {size}", "class": "lk", "role": "img", "aria-labelledby": f"t{key} d{key}",
        }
        self.paper.set("width", str(style.WIDTH))
        self.paper.set("height", f"{height:.0f}")
        head = [Element("title", {"id": f"t{key}"}), Element("desc", {"id": f"d{key}"}), Element("style")]
        head[0].text, head[1].text, head[2].text = title, desc, style.css()
        self.root[:0] = head
        return ElementTree.tostring(self.root, encoding="unicode")
