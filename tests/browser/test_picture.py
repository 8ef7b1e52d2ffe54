"""The README's picture: drawn by the code there is, and readable where GitHub shows it, light and dark.

Rule: the picture is looked at as an <img>, which is all a README can make of it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from labkit.draw import style
from tools import picture

WAIT = 60  # seconds


def test_it_is_what_the_code_draws() -> None:
    # As `make docs` runs it, but only to ask; from another directory, since nothing may depend on that.
    command = [sys.executable, str(Path(picture.__file__)), "--check"]
    told = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=WAIT, check=False)
    assert (told.stdout, told.stderr, told.returncode) == ("", "", 0)


def test_one_that_is_not_current_is_told_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    current = picture.PICTURE.read_bytes()
    copy = tmp_path / picture.PICTURE.name
    monkeypatch.setattr(picture, "PICTURE", copy)
    for content in (None, current.replace(b"SYN", b"NYS", 1)):
        if content is not None:
            copy.write_bytes(content)
        monkeypatch.setattr(sys, "argv", ["picture.py", "--check"])
        assert picture.main() == 1
        said = "docs/first-ladder.svg is not what the code draws from greeting.pcapng: run `make docs`\n"
        assert capsys.readouterr().out == said
        assert copy.exists() == (content is not None)  # asked only
        monkeypatch.setattr(sys, "argv", ["picture.py"])
        assert picture.main() == 0
        assert copy.read_bytes() == current


@pytest.mark.parametrize(("scheme", "theme"), [("light", style.LIGHT), ("dark", style.DARK)])
def test_in_a_browser(chromium: Browser, tmp_path: Path, scheme: str, theme: style.Theme) -> None:
    shutil.copy(picture.PICTURE, tmp_path)
    readme = tmp_path / "readme.html"
    readme.write_text('<meta name="color-scheme" content="light dark"><img src="first-ladder.svg">')
    page = chromium.new_page(color_scheme="light" if scheme == "light" else "dark")
    page.goto(readme.as_uri())
    page.wait_for_function("() => document.images[0].complete")
    assert page.evaluate("() => document.images[0].naturalWidth") == style.WIDTH
    assert page.evaluate("() => document.images[0].naturalHeight") > 100
    # A page may not read the pixels of a file it shows, so the picture is opened by itself: each text and its colour.
    page.goto((tmp_path / "first-ladder.svg").as_uri())
    fills = page.evaluate(
        "() => [...document.querySelectorAll('text')].map(one => [one.textContent, getComputedStyle(one).fill])"
    )
    paper = page.evaluate("() => getComputedStyle(document.querySelector('.paper')).fill")
    assert hex_of(paper) == theme.paper
    assert len(fills) > 20
    assert {words: fill for words, fill in fills if style.contrast(hex_of(fill), theme.paper) < 4.5} == {}
    assert {hex_of(fill) for _, fill in fills} <= {theme.ink, theme.muted, theme.client, theme.server}
    page.close()


def hex_of(colour: str) -> str:
    """``rgb(1, 2, 3)`` as ``#010203``."""
    return "#" + "".join(f"{int(part):02x}" for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
