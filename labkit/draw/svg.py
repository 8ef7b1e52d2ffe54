"""A small canvas: the SVG of every picture is written here.

Rule: text reaches the markup by `_escape` alone, after `visible`; callers pass text and numbers, never markup.
"""

from __future__ import annotations

import base64
import zlib

from labkit.draw import style
from labkit.draw.text import visible

# Strings rather than ElementTree's elements: those took two thirds of the time of a ladder of 500 packets, which has
# to keep within 10 ms. The tests parse every kind of picture with ElementTree and look for what does not belong there.


def _escape(text: str) -> str:
    """Text as it is written in XML."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text or ">" in text:
        text = text.replace("<", "&lt;").replace(">", "&gt;")
    return text


class Canvas:
    """An SVG under construction, `style.WIDTH` px wide; the height is known when it is finished.

    Classes and path data come from labkit's own code. `text` makes its text visible; a caller of `raw` or `label` has
    done that before, or has written the text itself.
    """

    def __init__(self, rules: str = "") -> None:
        """rules: of the style sheet, for classes that only this picture has."""
        self._rules = rules
        self._below: list[str] = []
        self._parts: list[str] = []

    def raw(self, x: float, y: float, text: str, kind: str) -> None:
        """Add a text at its baseline; ``kind`` is one or more classes (``"l c"``: label, centred)."""
        if "&" in text or "<" in text or ">" in text:
            text = _escape(text)
        self._parts.append(f'<text x="{round(x)}" y="{round(y)}" class="{kind}">{text}</text>')

    def text(self, x: float, y: float, text: object, kind: str) -> None:
        """Add a text that may hold anything a peer sent."""
        self.raw(x, y, visible(text), kind)

    def label(
        self, x: float, y: float, start: str, start_kind: str, rest: str, kind: str, *, before: str = ""
    ) -> None:
        """Add a text whose start stands out, set as ``start_kind``. before: stands in front of it, set as the rest."""
        self._parts.append(
            f'<text x="{round(x)}" y="{round(y)}" class="{kind}">{_escape(before) if before else ""}'
            f'<tspan class="{start_kind}">{_escape(start)}</tspan>{_escape(rest)}</text>'
        )

    def path(self, d: str, kind: str, *, below: bool = False) -> None:
        """Add a path; ``kind`` is its classes. below: under everything else."""
        (self._below if below else self._parts).append(f'<path class="{kind}" d="{d}"/>')

    def rect(self, x: float, y: float, width: float, height: float, kind: str, radius: int = 0) -> None:
        """Add a rectangle, px; fractions are kept (a bit may be less than 4 px wide)."""
        rounded = f' rx="{radius}"' if radius else ""
        self._parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{rounded}/>')

    def circle(self, x: float, y: float, radius: float, kind: str) -> None:
        """Add a circle, px."""
        self._parts.append(f'<circle class="{kind}" cx="{round(x)}" cy="{round(y)}" r="{radius:g}"/>')

    def finish(self, height: float, title: str, desc: str) -> str:
        """Return the markup. title, desc: the alternative text, read out by screen readers."""
        wide, high = style.WIDTH, round(height)
        return "".join(
            [
                _head(wide, high, title, desc, style.css() + self._rules),
                f'<rect class="paper" width="{wide}" height="{high}" rx="8"/>',
                *self._below,
                *self._parts,
                "</svg>",
            ]
        )


def _head(wide: int, high: int, title: str, desc: str, css: str) -> str:
    """The start of a picture: its size, its alternative text, its style sheet."""
    title, desc = visible(title) or "Picture", "\n".join(map(visible, desc.split("\n"))) or title
    # One page may hold several pictures inline (nbconvert), so the ids must differ from picture to picture.
    key = f"{zlib.crc32((title + desc).encode()):08x}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
        f'class="lk" role="img" aria-labelledby="t{key} d{key}"><title id="t{key}">{_escape(title)}</title>'
        f'<desc id="d{key}">{_escape(desc)}</desc><style>{_escape(css)}</style>'
    )


def follow_theme(light: bytes, dark: bytes, size: tuple[int, int], title: str, desc: str) -> str:
    """Return the markup of a picture that shows one of two PNGs, whichever suits the page around it.

    light, dark: PNG files. size: width and height, px. title, desc: the alternative text.
    """
    wide, high = size
    images = (
        f'<image class="{kind}" width="{wide}" height="{high}" '
        f'href="data:image/png;base64,{base64.b64encode(png).decode()}"/>'
        for kind, png in (("day", light), ("night", dark))
    )
    return _head(wide, high, title, desc, style.CSS_TWO) + "".join(images) + "</svg>"
