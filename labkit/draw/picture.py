"""What every drawing function returns: a picture for people, a text twin for readers and tests.

Rule: a picture holds finished data; it draws nothing, and showing it changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path
from typing import Any

from labkit.core.errors import LabError


class Picture:
    """A finished picture with the same content in words.

    text: the text twin: what ``repr`` returns and tests compare. alt: the alternative text.
    svg: markup, or None. png: file content, or None. At least one of them is given; a notebook shows the SVG first.
    html: the same with parts that open by a click, as `page` writes it, or None; a notebook shows it in place of the
    SVG, even before it trusts the file.
    size: width and height of the PNG in CSS px.
    """

    def __init__(
        self,
        text: str,
        alt: str,
        *,
        svg: str | None = None,
        png: bytes | None = None,
        html: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.text = text
        self.alt = alt
        self.size = size
        self._svg = svg
        self._png = png
        self._html = html

    @property
    def svg(self) -> str:
        """The SVG markup. Raises LabError if the picture is a PNG."""
        if self._svg is None:
            raise LabError(
                "this picture was plotted for one theme: it is a PNG, not an SVG", "Use .png or save('….png')."
            )
        return self._svg

    @property
    def png(self) -> bytes:
        """The content of the PNG file. Raises LabError if the picture is an SVG."""
        if self._png is None:
            raise LabError("this picture is drawn as SVG, not as PNG", "Use .svg or save('….svg').")
        return self._png

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file.

        path: ends in ``.svg`` or ``.png``, whichever the picture is (plots are both), or in ``.txt`` for the text twin.
        Returns the path. Raises LabError for another ending.
        """
        target = Path(path)
        ending = target.suffix.lower()
        if ending == ".svg":
            target.write_text(self.svg, encoding="utf-8")
        elif ending == ".png":
            target.write_bytes(self.png)
        elif ending == ".txt":
            target.write_text(self.text + "\n", encoding="utf-8")
        else:
            own = ".png" if self._svg is None else ".svg"
            raise LabError(
                f"cannot tell from the name {target.name!r} what to write",
                f"End it in {own} for the picture or in .txt for its text.",
            )
        return target

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,
        exclude: Container[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a notebook shows: the picture, and the text twin for everything that cannot show one."""
        data: dict[str, Any] = {"text/plain": self.text}
        about: dict[str, Any] = {"alt": self.alt}
        if self._svg is not None:
            data["image/svg+xml"] = self._svg
            if self._html is not None:
                data["text/html"] = self._html
            return data, {"image/svg+xml": about}
        data["image/png"] = self._png
        if self.size:
            about.update(width=self.size[0], height=self.size[1])
        return data, {"image/png": about}

    def __repr__(self) -> str:
        return self.text
