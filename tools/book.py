"""The static site: the executed notebooks, the glossary and the guides as pages of HTML in build/book/.

Rule: nothing is run and nothing is fetched; what a page shows is what the committed notebook holds.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a program, from any directory

from labkit.course.stops import FOR_WHOM, PATHS
from tools import sync_lessons

ROOT = sync_lessons.ROOT
BUILD = ROOT / "build"
STYLE = ROOT / "tools" / "site"  # what every page loads besides the theme

SECTIONS = {"0": "Start", "1": "TCP", "2": "UDP and DNS", "3": "HTTP", "4": "WebSocket", "5": "TLS", "6": "Together"}
"""What a lesson is about, by the first digit of its number."""

GUIDES = ("book-against-the-wire", "glossary", "instructors", "questions-for-the-class", "quizzes", "quiz-answers")
"""The pages of docs/ that are for readers of the lessons; the others are for whoever changes labkit."""

AT_THE_TOP = ("CONTRIBUTING", "CHANGELOG")
"""The pages that are beside the README."""

SETTINGS: dict[str, Any] = {
    "project": "labkit",
    "html_title": "labkit",
    "language": "en",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_code_prompt_show": "Show the code",
    "nb_code_prompt_hide": "Hide the code",
    "myst_enable_extensions": [],
    "myst_heading_anchors": 4,
    "smartquotes": False,
    "html_theme": "furo",
    "html_static_path": [str(STYLE)],
    "html_favicon": str(STYLE / "icon.svg"),
    "html_css_files": ["site.css"],
    "html_js_files": ["site.js"],
    "html_show_sphinx": False,
    "html_show_copyright": False,
    "html_copy_source": False,
    "html_show_sourcelink": False,
}

_TIME = re.compile(r"Time needed: (\d+) minutes[^.\d]*(\d+)?")
_CELL_LINK = re.compile(r"\]\(\.\./notebooks/([^)#]+)\.ipynb#cell-id=([^)]+)\)")
_NOTEBOOK = re.compile(r'href="([\w-]+)\.ipynb"')
_TARGET = re.compile(r"\]\(([^)#:]+)\)")
_ABOUT = re.compile(r"^\| \[(\S+)\]\(notebooks/\S+\.ipynb\) \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Stop:
    """One lesson on the map. name: its file's stem. minutes: to read and run, and for the exercises (0: none)."""

    name: str
    title: str
    about: str
    minutes: tuple[int, int]

    @property
    def number(self) -> str:
        """``"01a"``."""
        return self.name.partition("-")[0]

    @property
    def section(self) -> str:
        """One of `SECTIONS`."""
        return SECTIONS[self.number[1]]


def course() -> list[Stop]:
    """The lessons in their order: title and time from their own text, what they are about from the README's table."""
    about = dict(_ABOUT.findall((ROOT / "README.md").read_text(encoding="utf8")))
    return [_stop(path, about.get(path.stem, "")) for path in sync_lessons.lessons()]


def _stop(path: Path, about: str) -> Stop:
    text = path.read_text(encoding="utf8")
    title, time = re.search(r"^# (.+)$", text, re.MULTILINE), _TIME.search(text)
    if not title or not time:
        raise SystemExit(f"{path.name} has no title, or does not say which time it needs.")
    return Stop(path.stem, title[1], about, (int(time[1]), int(time[2] or 0)))


def start_page(stops: list[Stop]) -> str:
    """The text of the first page: what this is, the map of the course, and where the other pages are."""
    hours = sum(sum(stop.minutes) for stop in stops) / 60
    lines = [
        "# labkit: network programming on your own packets\n",
        "In JupyterLab you start a small server, talk to it, capture what really crossed the interface, and see it "
        "drawn: every packet, every bit of its header, every event of both sockets.\n",
        "Here are the lessons as they ran on one Linux machine, for reading. The packets are that machine's. "
        "With Python and `make` they run on yours, and then the packets are your own.\n",
        "![A ladder of packets between client and server, with the events of both sockets](docs/first-ladder.svg)\n",
        f"## The map of the course\n\n{len(stops)} lessons, about {hours:.0f} hours with their exercises. "
        f"{_figures()} They stand in [one table](docs/book-against-the-wire.md), each with what was measured. "
        "The terms are in the [glossary](docs/glossary.md).\n",
    ]
    for section, those in groupby(stops, lambda stop: stop.section):
        heads = ["lesson", "about", "read and run", "exercises"]
        rows = [heads, ["---"] * len(heads), *(_row(stop) for stop in those)]
        lines.append(f"### {section}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
    lines += ["### Ways through it\n", *_ways(stops), ""]
    return "\n".join(lines) + "\n" + _contents(stops)


def _ways(stops: list[Stop]) -> list[str]:
    """The ways through the course, an item of a list each."""
    links = {stop.number: f"[{stop.number}](notebooks/{stop.name}.ipynb)" for stop in stops}
    listed = {name: ", ".join(links[number] for number in way) for name, way in PATHS.items()}
    return [
        f"- **{name}**, {FOR_WHOM[name]}: {'all lessons' if len(PATHS[name]) == len(stops) else listed[name]}"
        for name in PATHS
    ]


def _figures() -> str:
    """How many claims hold, in the words of the page that counts them."""
    page = (ROOT / "docs" / "book-against-the-wire.md").read_text(encoding="utf8")
    said = re.search(r"^Of the book's .*?\.", page, re.MULTILINE)
    if not said:
        raise SystemExit("docs/book-against-the-wire.md has no figures. Run `tools/claims.py`.")
    return said[0]


def _row(stop: Stop) -> list[str]:
    times = [f"{minutes} min" if minutes else "" for minutes in stop.minutes]
    return [f"{stop.number} [{stop.title}](notebooks/{stop.name}.ipynb)", stop.about, *times]


def _contents(stops: list[Stop]) -> str:
    """What stands in the column at the left."""
    lists = {
        section: [f"{stop.number} {stop.title} <notebooks/{stop.name}>" for stop in those]
        for section, those in groupby(stops, lambda stop: stop.section)
    }
    guides = [f"docs/{name}" for name in GUIDES if (ROOT / "docs" / f"{name}.md").exists()]
    others = sorted(f"docs/{path.stem}" for path in (ROOT / "docs").glob("*.md") if path.stem not in GUIDES)
    lists |= {"Beside the lessons": guides, "For whoever changes labkit": [*others, *AT_THE_TOP]}
    return "\n".join(f"```{{toctree}}\n:hidden:\n:caption: {name}\n\n" + "\n".join(pages) + "\n```\n"
                     for name, pages in lists.items())  # fmt: skip


def page_of(name: str, notebook: dict[str, Any], linked: set[str]) -> dict[str, Any]:
    """A notebook with what MyST-NB reads from its cells: folded sources, words for pictures, names of linked cells."""
    cells = []
    for cell in notebook["cells"]:
        if (label := _label(name, cell["id"])) in linked:
            cells.append({"cell_type": "markdown", "id": label, "metadata": {}, "source": f"({label})="})
        cells.append(cell)
        if cell["cell_type"] != "code":
            continue
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-input"]
        words = [
            output["metadata"][kind]["alt"]
            for output in cell["outputs"]
            for kind in ("image/svg+xml", "image/png")
            if "alt" in output.get("metadata", {}).get(kind, {})
        ]
        if words:  # JupyterLab takes them from each output; a cell has one
            cell["metadata"]["mystnb"] = {"image": {"alt": words[0]}}
        for output in cell["outputs"]:
            data = output.get("data", {})
            html = "".join(data.get("text/html", ""))
            if "<iframe" in html:  # a page of the lesson's own server, which does not run here
                said = escape("".join(data["text/plain"]))
                data["text/html"] = f"<p>(When the cell runs, it shows this here: {said})</p>"
            elif html:
                data["text/html"] = _NOTEBOOK.sub(r'href="\1.html"', html)
    return {**notebook, "cells": cells}


def _label(lesson: str, cell: str) -> str:
    return f"cell-{lesson.partition('-')[0]}-{cell}"


def guide_of(text: str) -> tuple[str, set[str]]:
    """A page of Markdown as the site has it, and the names of the cells that it links to.

    A link to a cell, as JupyterLab writes it, becomes one to a name; one to the README becomes one to the first page.
    """
    linked = set()

    def name(match: re.Match[str]) -> str:
        linked.add(_label(match[1], match[2]))
        return f"](#{_label(match[1], match[2])})"

    return _CELL_LINK.sub(name, text).replace("README.md)", "index.md)"), linked


def gather(source: Path) -> None:
    """Put what the site is made of into a folder, laid out as here, so that links between the pages stay right."""
    shutil.rmtree(source, ignore_errors=True)
    (source / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "docs", source / "docs")
    linked: set[str] = set()
    for path in [*(ROOT / "docs").glob("*.md"), *(ROOT / f"{name}.md" for name in AT_THE_TOP)]:
        text, names = guide_of(path.read_text(encoding="utf8"))
        (source / path.relative_to(ROOT)).write_text(text, encoding="utf8")
        linked |= names
        _take_along(text, path.parent, source)
    stops = course()
    for stop in stops:
        path = Path("notebooks", f"{stop.name}.ipynb")
        notebook = page_of(stop.name, json.loads((ROOT / path).read_text(encoding="utf8")), linked)
        (source / path).write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf8")
    (source / "index.md").write_text(start_page(stops), encoding="utf8")


def _take_along(text: str, folder: Path, source: Path) -> None:
    """Copy the files of the project that a page links to and that are no pages: a reader downloads them."""
    for target in _TARGET.findall(text):
        file = (folder / target).resolve()
        if file.is_file() and file.is_relative_to(ROOT) and file.suffix not in (".md", ".ipynb"):
            (source / file.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, source / file.relative_to(ROOT))


def render(source: Path, out: Path) -> int:
    """Make pages of HTML of a folder of notebooks and Markdown; 0 if all went well. A warning is an error."""
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            srcdir=source, confdir=None, outdir=out, doctreedir=source / ".doctrees", buildername="html",
            confoverrides=SETTINGS, status=None, warningiserror=True, keep_going=True, freshenv=True,
        )  # fmt: skip
        app.build(force_all=True)
    return app.statuscode


def main() -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(description="the executed notebooks as a static site")
    parser.add_argument("--out", type=Path, default=BUILD / "book", help="folder for the pages (default: build/book)")
    out: Path = parser.parse_args().out.resolve()
    source = out.with_name(f"{out.name}-source")
    if out.exists() and not (out / "search.html").exists():
        raise SystemExit(f"{out} exists, and is no site of an earlier run: name another folder.")
    gather(source)
    shutil.rmtree(out, ignore_errors=True)
    status = render(source, out)
    print(f"{out / 'index.html'} is the first page." if status == 0 else "There were warnings: the site is not whole.")
    return status


if __name__ == "__main__":
    sys.exit(main())
