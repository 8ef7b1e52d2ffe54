"""The static site: built from the notebooks as they are, complete in itself, readable in light and dark and on a phone.

Rule: built once, by the command of `make book`; served on loopback. Nothing is compared with a picture of a page.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import ROOT, START
from tests.browser.looking import axe_faults
from tests.notebooks.lessons import NOTEBOOKS, code_cells, load

PHONE = 400  # pixels
BOOK = "docs/book-against-the-wire.html"
INSPECTED = "notebooks/03a-http-messages.html"  # has an inspector that needs no kernel
PATIENCE = 240  # seconds for Sphinx, which needs ten of a processor

LIT = "rgb(255, 227, 168)"

pytestmark = pytest.mark.timeout(2 * PATIENCE)
expect.set_options(timeout=30_000)  # a busy machine is slow, and is no fault


class Site(NamedTuple):
    """The pages. url: where they are served, with a slash at the end."""

    folder: Path
    url: str

    def pages(self) -> list[str]:
        """Each page's path, as links have it."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.html"))


class Markup(HTMLParser):
    """What stands in a page.

    names: its anchors. links: what it leads to. loads: what it loads. without_words: pictures without alt. folded: for
    each cell whose code can be folded, whether it is.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.without_words: list[str] = []
        self.folded: list[bool] = []
        self.feed(path.read_text(encoding="utf8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names.add(given.get("id", ""))
        (self.links if tag == "a" else self.loads).extend(given[name] for name in ("href", "src") if name in given)
        if tag == "img" and not given.get("alt"):
            self.without_words.append(given.get("src", "")[:80])
        if tag == "details" and "hide" in given.get("class", "").split():
            self.folded.append("open" not in given)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, built without a warning, and served."""
    folder = tmp_path_factory.mktemp("site") / "book"
    words = [sys.executable, str(ROOT / "tools" / "book.py"), "--out", str(folder)]
    built = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert (built.returncode, built.stderr) == (0, "")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Site(folder, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


class Window(NamedTuple):
    """A page of Chromium that keeps what should not happen in it."""

    page: Page
    faults: list[str]


@pytest.fixture
def window(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A page of the given width and scheme; at the end of a test it has asked nobody else, and logged no error."""
    width, scheme = getattr(request, "param", (1280, "light"))
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=site.url)
    page.set_default_timeout(START * 1000)
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(f"exception: {error.message}"))
    page.on("request", lambda asked: None if asked.url.startswith((site.url, "data:")) else faults.append(asked.url))
    page.on("response", lambda got: faults.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    yield Window(page, faults)
    page.close()
    assert faults == []


@cache
def markup(path: Path) -> Markup:
    """A page, parsed once."""
    return Markup(path)


def test_a_page_for_each_lesson_and_guide(site: Site) -> None:
    lessons = {f"notebooks/{path.stem}.html" for path in NOTEBOOKS}
    guides = {f"docs/{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    assert guides >= {BOOK, "docs/glossary.html", "docs/instructors.html"}
    assert set(site.pages()) >= lessons | guides | {"index.html", "search.html", "CHANGELOG.html", "CONTRIBUTING.html"}


def dead(site: Site, name: str, links: list[str]) -> list[str]:
    """Those links of a page within the site that lead nowhere."""
    found = []
    for link in links:
        target, anchor = urldefrag(link)
        if urlsplit(target).scheme:
            continue
        page = site.folder / name
        path = unquote(target.partition("?")[0])  # the theme asks for its own files with their version
        there = (page.parent / path).resolve() if path else page
        if not there.is_file() or (anchor and unquote(anchor) not in markup(there).names):
            found.append(f"{name}: {link}")
    return found


def test_every_link_leads_somewhere(site: Site) -> None:
    links = {name: markup(site.folder / name).links for name in site.pages()}
    assert [one for name in links for one in dead(site, name, links[name])] == []
    assert "01a-tcp-connection.html" in links["notebooks/01b-tcp-endings.html"]
    assert [one.partition(": ")[2] for one in dead(site, BOOK, ["#nowhere", "01z.html"])] == ["#nowhere", "01z.html"]


def test_a_page_loads_its_own_files_only(site: Site) -> None:
    loads = {name: markup(site.folder / name).loads for name in site.pages()}
    assert all(loads.values())
    assert {urlsplit(one).scheme for each in loads.values() for one in each} == {"", "data"}
    assert [one for name in loads for one in dead(site, name, loads[name])] == []


def test_a_warning_is_an_error(tmp_path: Path) -> None:
    """Or a link that is no longer right would go unnoticed."""
    (tmp_path / "index.md").write_text("# Title\n\n[wrong](#nowhere)\n")
    tells = "import sys, pathlib, tools.book as book; sys.exit(book.render(*map(pathlib.Path, sys.argv[1:])))"
    words = [sys.executable, "-c", tells, str(tmp_path), str(tmp_path / "out")]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert built.returncode == 1
    assert "cross-reference target not found: 'nowhere'" in built.stderr


def test_pictures_have_words(site: Site) -> None:
    assert {name: found for name in site.pages() if (found := markup(site.folder / name).without_words)} == {}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_hidden_cells_are_folded(site: Site, path: Path) -> None:
    hidden = [cell for cell in code_cells(load(path)) if cell["metadata"].get("jupyter", {}).get("source_hidden")]
    assert markup(site.folder / "notebooks" / f"{path.stem}.html").folded == [True] * len(hidden)


def test_the_map_has_every_lesson_and_its_time(window: Window) -> None:
    window.page.goto("index.html")
    rows = window.page.locator("article table tbody tr")
    told = [[cell.strip() for cell in row.split("\t")] for row in rows.all_inner_texts()]
    assert [row[0].split()[0] for row in told] == [path.stem.partition("-")[0] for path in NOTEBOOKS]
    assert all(all(row) and row[-1].endswith(" min") for row in told)
    rows.nth(1).get_by_role("link").click()
    expect(window.page.locator("h1")).to_contain_text("TCP: the connection")


_UNFOLDED_WIDTH = """() => {
    for (const fold of document.querySelectorAll('details')) fold.open = true;
    return document.documentElement.scrollWidth;
}"""


@pytest.mark.parametrize("window", [(PHONE, "light")], indirect=True)
def test_every_page_on_a_phone(window: Window, site: Site) -> None:
    """No page moves sideways, whatever is unfolded, and none of them asks anybody or logs an error."""
    wide = {}
    for name in site.pages():
        window.page.goto(name)
        if (found := window.page.evaluate(_UNFOLDED_WIDTH)) > PHONE:
            wide[name] = found
    assert wide == {}


@pytest.mark.parametrize("window", [(PHONE, "dark")], indirect=True)
def test_a_picture_on_a_phone_moves_in_itself(window: Window) -> None:
    window.page.goto("notebooks/01a-tcp-connection.html")
    box = window.page.locator(".cell_output[tabindex='0']:has(> img)").first
    box.focus()
    window.page.keyboard.press("ArrowRight")
    window.page.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())
    assert box.locator("img").evaluate("one => one.clientWidth") > PHONE


@pytest.mark.parametrize("window", [(1280, "light"), (1280, "dark")], indirect=True)
@pytest.mark.parametrize("name", ["index.html", "notebooks/00-start-here.html"])
def test_axe_finds_nothing(window: Window, name: str) -> None:
    window.page.goto(name)
    assert axe_faults(window.page.locator("html")) == []


def brightness(one: Locator) -> float:
    """The mean of what is painted there, 0 (black) to 255."""
    with Image.open(io.BytesIO(one.screenshot())) as picture:
        grey = picture.convert("L").histogram()
    return sum(value * number for value, number in enumerate(grey)) / sum(grey)


def test_pictures_follow_the_theme_of_the_page(window: Window) -> None:
    window.page.goto("notebooks/01a-tcp-connection.html")
    pictures = [window.page.locator(f"{kind} img").first for kind in (".cell_output", ".labkit-picture")]
    for theme in ("light", "dark"):
        while window.page.evaluate("document.body.dataset.theme") != theme:
            window.page.locator("button.theme-toggle:visible").first.click()
        assert [brightness(one) > 127 for one in pictures] == [theme == "light"] * 2


def test_hidden_code_unfolds_by_key(window: Window) -> None:
    window.page.goto("notebooks/01a-tcp-connection.html")
    cell = window.page.locator("details.hide").first
    expect(cell.locator("pre")).not_to_be_visible()
    cell.locator("summary").press("Enter")
    expect(cell.locator("pre")).to_contain_text("labkit.")


@pytest.mark.parametrize(
    ("word", "page"), [("congestion", "TCP: when everybody sends at once"), ("bufferbloat", "Glossary")]
)
def test_search_finds_a_word(window: Window, word: str, page: str) -> None:
    window.page.goto("index.html")
    field = window.page.get_by_role("searchbox").or_(window.page.get_by_placeholder("Search")).first
    field.fill(word)
    field.press("Enter")
    expect(window.page.locator("#search-results ul.search a", has_text=page).first).to_be_visible()


def ground(one: Locator) -> str:
    """The colour behind it."""
    found: str = one.evaluate("one => getComputedStyle(one).backgroundColor")
    return found


@pytest.mark.parametrize("window", [(1280, "light"), (1280, "dark")], indirect=True)
def test_static_inspector(window: Window) -> None:
    """Fields and bytes light each other, by pointer and by keys, with nothing but the page."""
    window.page.goto(INSPECTED)
    packet = window.page.locator("details:has(.lks)").first
    packet.locator("summary").press("Enter")
    field, data = packet.locator("p.n3"), packet.locator("span.n3")
    assert LIT not in (ground(field), ground(data))
    data.hover()
    assert ground(data) == ground(field) == LIT
    window.page.mouse.move(0, 0)
    assert LIT not in (ground(field), ground(data))
    packet.locator("summary").focus()
    for _ in range(4):
        window.page.keyboard.press("Tab")
    expect(field).to_be_focused()
    assert ground(data) == LIT


def test_a_verdict_leads_to_its_cell(window: Window) -> None:
    window.page.goto(BOOK)
    row = window.page.locator("tr", has_text="C-1.4").first
    verdict = row.locator("strong").inner_text()
    row.get_by_role("link").click()
    cell = window.page.locator(":target")
    expect(cell).to_be_in_viewport()
    expect(cell).to_contain_text(f"Verdict: {verdict} (C-1.4)")


def test_the_notebooks_were_not_run(site: Site) -> None:
    """What a page shows is what its notebook holds: also clock times, which no second run would give again."""
    kept = [output.get("data", {}) for cell in code_cells(load(NOTEBOOKS[1])) for output in cell["outputs"]]
    pictures = {"".join(data["image/svg+xml"]) for data in kept if set(data) == {"image/svg+xml", "text/plain"}}
    shown = {path.read_text(encoding="utf8") for path in (site.folder / "_images").glob("*.svg")}
    assert pictures
    assert pictures <= shown
