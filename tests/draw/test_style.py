"""Colours that can be read and told apart, text that is measured safely, and what a picture can do."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import draw
from labkit.core.errors import LabError
from labkit.draw import groups, style
from labkit.draw.text import fit, preview, visible, width, wrap
from tests.draw.fakes import greeting, syn

THEMES = {"light": style.LIGHT, "dark": style.DARK}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_all_text_has_a_contrast_of_4_5(theme: style.Theme) -> None:
    for color in (theme.ink, theme.muted, theme.client, theme.server, theme.alarm, *theme.hues):
        assert style.contrast(color, theme.paper) >= 4.5, color
    for color in (theme.ink, theme.muted, theme.client, theme.server):
        assert style.contrast(color, theme.card) >= 4.5, color
    for fill in groups.FILLS[theme]:
        assert style.contrast(theme.ink, fill) >= 4.5, fill


def seen(color: str, kind: str) -> tuple[float, ...]:
    """The colour as someone with protanopia or deuteranopia sees it. Source: Viénot, Brettel, Mollon 1999."""
    red, green, blue = (((int(color[at : at + 2], 16) / 255) ** 2.2) for at in (1, 3, 5))
    if kind == "protan":
        red, green = (0.1124 * red + 0.8876 * green,) * 2
    elif kind == "deutan":
        red, green = (0.2927 * red + 0.7073 * green,) * 2
    return tuple(max(part, 0) ** (1 / 2.2) for part in (red, green, blue))


@pytest.mark.parametrize("kind", ["normal", "protan", "deutan"])
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_colours_that_must_be_told_apart_can_be(theme: style.Theme, kind: str) -> None:
    def apart(one: str, other: str) -> float:
        return sum((a - b) ** 2 for a, b in zip(seen(one, kind), seen(other, kind), strict=True)) ** 0.5

    assert apart(theme.client, theme.server) > 0.25
    assert min(apart(*pair) for pair in pairwise(theme.hues[:3])) > 0.15
    assert min(apart(*pair) for pair in pairwise((*groups.FILLS[theme], groups.FILLS[theme][0]))) > 0.03
    assert all(one != other for one, other in combinations(groups.FILLS[theme], 2))


def test_both_themes_have_the_same_number_of_colours() -> None:
    assert len(groups.FILLS[style.LIGHT]) == len(groups.FILLS[style.DARK])
    assert len(style.LIGHT.hues) == len(style.DARK.hues)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("您好！", "您好！"),
        ("a\r\n\tb\0", "a\\r\\n\\tb\\0"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202eabc", "\\u202eabc"),
        ("\u200b\ufeff\u2028", "\\u200b\\ufeff\\u2028"),
        ("\ud800\udc80", "\\ud800\\x80"),
        ("\uffff\ufffe", "\\uffff\\ufffe"),
        ("e\u0301\u0301", "e\u0301\\u0301"),
        ("\U000e0041", "\\U000e0041"),
        (7, "7"),
    ],
)
def test_visible(text: object, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", ""),
        (b"Hello\r\n", "“Hello\\r\\n”"),
        ("您好！".encode(), "“您好！”"),
        (bytes(20), ""),
        (b"\x16\x03\x01\x02\0", ""),
        (b"x" * 50, "“" + "x" * 40 + "…”"),
        ("您".encode() * 54, "“" + "您" * 40 + "…”"),
        (b"ab\xffcdefgh", "“ab\\xffcdefgh”"),
    ],
)
def test_preview(data: bytes, shown: str) -> None:
    assert preview(data) == shown


@given(st.text())
def test_what_is_visible_is_one_line_that_xml_may_hold(text: str) -> None:
    line = visible(text)
    assert line.isprintable()
    assert ElementTree.fromstring(f"<a>{line.replace('&', '&amp;').replace('<', '&lt;')}</a>").text == (line or None)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.sampled_from(list(style.TYPES)),
    st.integers(20, 500),
)
def test_what_is_fitted_fits(text: str, kind: str, room: int) -> None:
    assert width(fit(text, room, kind), kind) <= room
    lines = wrap(text, room, kind)
    assert len(lines) <= 4
    assert all(width(line, kind) <= room + 1.5 * style.TYPES[kind].size for line in lines)


class TestPicture:
    def test_what_a_notebook_shows(self) -> None:
        picture = draw.ladder(greeting())
        data, about = picture._repr_mimebundle_()
        assert data == {"image/svg+xml": picture.svg, "text/plain": repr(picture)}
        assert about["image/svg+xml"]["alt"].startswith("Ladder of 12 packets")

    def test_save(self, tmp_path: Path) -> None:
        picture = draw.bits(syn())
        assert picture.save(tmp_path / "syn.svg").read_text("utf-8") == picture.svg
        assert picture.save(tmp_path / "syn.txt").read_text("utf-8") == repr(picture) + "\n"
        with pytest.raises(LabError, match="not as PNG"):
            picture.save(tmp_path / "syn.png")
        with pytest.raises(LabError, match="End it in"):
            picture.save(tmp_path / "syn.jpeg")

    def test_pictures_in_one_page_have_ids_of_their_own(self) -> None:
        one, other = (
            ElementTree.fromstring(picture.svg).get("aria-labelledby")
            for picture in (draw.ladder(greeting()), draw.bits(syn()))
        )
        assert one != other


def test_importing_draw_imports_neither_matplotlib_nor_scapy() -> None:
    code = "import labkit.draw, sys; print(sorted({'matplotlib', 'scapy', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_functions_keep_their_names_when_their_modules_are_imported() -> None:
    code = (
        "import labkit.draw.ladder, labkit.draw.bits, labkit.draw.bytes; from labkit import draw; "
        "print(all(map(callable, (draw.ladder, draw.bits, draw.bytes))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
