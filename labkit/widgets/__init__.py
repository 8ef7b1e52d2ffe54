"""Controls in a page: questions answered by a click or a key, and views of our own, beside the words that stay.

Rule: objects stay plain and views attach to them; the only part that imports ipywidgets, and only to show something.

    ask = widgets.choice("Who closes first?", ["client", "server"], on_choice=print)   # 0, or 1
    ask = widgets.entry("How many packets?", on_entry=print)                           # "11"
    ask.chosen, ask.text              # what was answered: the number of the option (from 0) or None; its text or ""
    ask.say("Right.", "good")         # a line below the question; tones: plain, good, bad
    ask.lock(); ask.open()            # nothing is taken any more; answers are taken again. lock() returns the text
    ask.clear()                       # as if never answered, and open
    widgets.mimebundle(repr(thing), html, ask, ...)   # for _repr_mimebundle_: text and HTML, and the controls in a page

    panel = widgets.Panel("inspector", {"rows": widgets.Ask(rows, first=int, last=int)}, state={…}, data=b"…")
    sheet = widgets.Sheet(panel)                      # between two outputs that JupyterLab renders
    sheet.show(above={"text/markdown": "…"}, below={})
    panel.update(state…); panel.tell("more", b"…")    # the pages that show it follow; labkit/widgets/js/inspector.js

    widgets.held(verdict, html)                       # shown at once, or when the instructor shows verdicts

`on_choice(number)` and `on_entry(text)` are called with checked values only, and may return a line to say. They run in
the thread that hears the page, beside a cell that is running: keep them short, and let them wait for nothing.
"""

from __future__ import annotations

from labkit.widgets.controls import Choice, Entry, choice, entry
from labkit.widgets.held import WAITS, Held, forget, held, hide, wait
from labkit.widgets.look import EDGES
from labkit.widgets.page import available, mimebundle
from labkit.widgets.panel import Answer, Ask, Panel, is_large, set_large
from labkit.widgets.sheet import Sheet
from labkit.widgets.words import bare, marked

__all__ = [
    "EDGES",
    "WAITS",
    "Answer",
    "Ask",
    "Choice",
    "Entry",
    "Held",
    "Panel",
    "Sheet",
    "available",
    "bare",
    "choice",
    "entry",
    "forget",
    "held",
    "hide",
    "is_large",
    "marked",
    "mimebundle",
    "set_large",
    "wait",
]
