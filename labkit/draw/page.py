"""A picture as a part of a page: an image with its words, and parts that open by a click or a key.

Rule: a picture goes into an `<img>`, in which nothing can run; JupyterLab shows it even if it does not trust the file.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Collection, Iterable, Sequence

from labkit.draw.style import MONO, WIDTH

# What a page's own style would change: nbconvert gives tables other columns, and JupyterLab centres their text.
_CELL = "text-align:left;vertical-align:top;padding:2px 8px"
_FOLD = "margin:4px 0"


def image(svg: str, alt: str) -> str:
    """An SVG as ``<img>``, as wide as the page if that is narrow. alt: what a screen reader says."""
    code = base64.b64encode(svg.encode()).decode()
    return (
        f'<img alt="{html.escape(alt)}" width="{WIDTH}" style="max-width:100%" src="data:image/svg+xml;base64,{code}"/>'
    )


def fold(summary: str, *parts: str) -> str:
    """A part that is closed until a reader opens it. summary: the line to click on, as text."""
    head = f'<summary style="cursor:pointer">{html.escape(summary)}</summary>'
    return f'<details style="{_FOLD}">{head}{"".join(parts)}</details>'


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    mono: Collection[int] = (),
    narrow: Collection[int] = (),
    bold: Collection[int] = (),
) -> str:
    """A table of texts.

    rows: as many texts each as there are heads. mono, narrow, bold: the columns set in letters of one width, never
    broken, in bold.
    """
    cells = [
        _CELL
        + (f";font-family:{MONO}" if at in mono else "")
        + (";font-weight:600" if at in bold else "")
        + (f";white-space:{'nowrap' if at in narrow else 'normal'}")
        for at in range(len(heads))
    ]
    titled = f'<caption style="{_CELL}">{html.escape(caption)}</caption>' if caption else ""
    head = "".join(f'<th style="{_CELL}">{html.escape(each)}</th>' for each in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{cell}">{html.escape(text)}</td>' for cell, text in zip(cells, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table>{titled}<tr>{head}</tr>{body}</table>"


def page(*parts: str) -> str:
    """Everything that a picture shows in a page."""
    return f'<div class="labkit-picture">{"".join(parts)}</div>'


def alone(svg: str, text: str) -> str:
    """A picture without parts that open, for a page. text: its text twin, which a screen reader says."""
    return page(image(svg, "; ".join(line.strip() for line in text.split("\n"))))
