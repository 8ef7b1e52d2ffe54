"""Words of a lesson as HTML: a name between backticks is set as code, everything else stays text.

Rule: all of it is escaped first; a star, an underscore or a tag is never markup.
"""

from __future__ import annotations

import re
from html import escape

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def marked(text: str) -> str:
    """Text as HTML: ``"`end` < 3"`` becomes ``<code>end</code> &lt; 3``. A backtick without its pair stays as it is."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def bare(text: str) -> str:
    """Text for a control that can show no markup: the pairs of backticks are taken away."""
    return _CODE.sub(r"\1", text)
