"""The first line of a lesson: which one it is, how capture works here, and how large the page is.

Rule: only the look of the page changes with the size; the words are the same.
"""

from __future__ import annotations

import html

from labkit import draw, packets, widgets
from labkit.core.calls import in_words
from labkit.core.checks import flag

# JupyterLab gives a picture its own width, and a narrow window a scrollbar; a picture should shrink with its page.
_FIT = ".jp-Notebook .jp-OutputArea-output img{max-width:100%;height:auto}"
# For a projector: text, code and tables larger, pictures as wide as the page. Prompts stay small, so that three digits
# fit and the page is wide: with the file browser open, a screen of 1024 pixels leaves 700 to the notebook.
_LARGE = (
    ".jp-Notebook{--jp-content-font-size1:21px;--jp-code-font-size:19px;--jp-content-line-height:1.5;"
    "--jp-cell-prompt-width:50px;--jp-notebook-padding:4px}"
    ".jp-Notebook .jp-InputPrompt,.jp-Notebook .jp-OutputPrompt{font-size:12px;padding-left:0;padding-right:2px}"
    ".jp-Notebook .jp-RenderedHTMLCommon table{font-size:18px}"
    ".jp-Notebook .jp-RenderedHTMLCommon :is(td,th){white-space:normal!important;overflow-wrap:anywhere;"
    "padding:.25em .4em}"
    ".jp-Notebook .jp-RenderedMarkdown.jp-OutputArea-output{--jp-content-line-height:1.4}"
    ".jp-Notebook .jp-OutputArea-output pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    # 800 px of a picture's 900 x 800 are at most the height of the window.
    ".jp-Notebook .jp-OutputArea-output img{width:100%;max-width:min(100%,112vh);height:auto}"
    ".jp-Notebook .jp-CodeMirrorEditor .cm-content{white-space:pre-wrap;overflow-wrap:anywhere;flex-shrink:1}"
)


class Opening:
    """Two plain lines: which lesson, and how capture works on this machine; and pictures that fit the page."""

    def __init__(self, name: str, status: object, style: str) -> None:
        self.name, self.status, self.style = name, status, style

    def __repr__(self) -> str:
        return f"Lesson {self.name}\ncapture: {self.status}"

    def _repr_html_(self) -> str:
        return f"<style>{self.style}</style><pre>{html.escape(repr(self))}\n</pre>"


@in_words
def lesson(name: str, *, large: bool = False) -> Opening:
    """Begin a lesson: recordings are looked up under its name. Shows how capture works on this machine.

    name: the notebook's name without its ending, such as ``"01a-tcp-connection"``.
    large: type and pictures for a projector.
    """
    large = flag(large, "large")
    packets.set_lesson(name)
    draw.set_large(large)
    widgets.set_large(large)
    return Opening(name, packets.status(), _LARGE if large else _FIT)
