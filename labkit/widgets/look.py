"""How questions in a page look, in JupyterLab's light and dark themes.

Rule: text and paper have the page's own colours; only an edge and a sign tell right from wrong, never colour alone.
"""

from __future__ import annotations

from labkit.widgets.words import marked

EDGES = {"plain": "#7a8aa0", "good": "#2a9d5c", "bad": "#d1495b"}
"""The edge of a card a tone; 3 or more against white and against JupyterLab's dark paper (WCAG 2.2 §1.4.11)."""

SIGNS = {"plain": "", "good": "✓", "bad": "△"}
"""The sign a tone, behind the number of a question."""

_FONT = "font-family:var(--jp-content-font-family,sans-serif);font-size:var(--jp-content-font-size1,14px)"

# ipywidgets gives each control one line of 28 px; an answer may need two, and a large page more.
STYLE = (
    "<style>"
    f".labkit-ask{{border:1px dashed {EDGES['plain']};border-radius:6px;padding:.4em .9em;"
    "margin:.3em 0;overflow:visible}"
    f".labkit-ask .widget-html-content{{{_FONT};line-height:1.5;white-space:normal}}"
    ".labkit-ask .widget-html,.labkit-ask .widget-radio,.labkit-ask .widget-text{height:auto;margin:.1em 0}"
    ".labkit-ask .labkit-question{font-weight:bold}"
    ".labkit-ask .widget-radio-box{width:auto;max-width:100%;flex:1;padding:0!important}"
    f".labkit-ask .widget-radio-box label{{{_FONT};width:auto;height:auto;white-space:normal;line-height:1.4;"
    "padding:.2em .3em;display:flex;align-items:baseline;flex-direction:row-reverse;justify-content:flex-end;"
    "gap:.6em;cursor:pointer}"
    ".labkit-ask .widget-radio-box label:hover{background:var(--jp-layout-color2,transparent)}"
    ".labkit-ask .widget-radio-box label:has(input:disabled){cursor:default;background:none}"
    ".labkit-ask .widget-radio-box label:focus-within{outline:2px solid var(--jp-brand-color1,#1976d2)}"
    ".labkit-ask .widget-radio-box input{margin:0;flex:none;width:1em;height:1em;transform:translateY(.12em)}"
    f".labkit-ask input[type=text]{{{_FONT};height:auto;padding:.2em .5em}}"
    # Several questions, a tab each: one of them and the numbers of all fit a projector's screen.
    ".labkit-several .lm-TabBar-content{flex-wrap:wrap}"
    f".labkit-several .lm-TabBar-tab{{{_FONT};flex:0 0 auto!important;min-width:3em!important;height:auto!important;"
    "max-height:none!important;line-height:1.5!important;padding:.2em .8em!important;"
    "color:var(--jp-ui-font-color1,inherit)!important}"
    ".labkit-several .lm-mod-current::before{left:0!important;right:0!important;top:0!important;width:auto!important}"
    ".labkit-several .lm-TabBar-tab:focus-visible{outline:2px solid var(--jp-brand-color1,#1976d2)}"
    ".labkit-several>.widget-tab-contents{padding:0!important;border:0!important;overflow:visible!important}"
    "</style>"
)


def line_below(words: str, tone: str) -> str:
    """The line below a question as HTML; a verdict has a sign and an edge besides its words."""
    if not words:
        return ""
    edge = "" if tone == "plain" else f' style="border-left:4px solid {EDGES[tone]};padding-left:.6em"'
    return f'<div role="status"{edge}>{marked(words)}</div>'
