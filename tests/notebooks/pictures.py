"""What a picture is made of, in text that nbval compares: so a committed picture is one that the present code draws.

Rule: numbers, times, bytes and places are set aside; words, kinds of shapes, classes and the style sheet are not.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import unescape

SVG = re.compile(r"(?:<\?xml[^>]*>\s*)?<svg\b.*?</svg>\s*", re.DOTALL)
INLINE = re.compile(r"data:image/svg\+xml(?:;charset=[\w-]+)?(;base64)?,([^\"')\s]*)")

# Class of the text of single bytes and characters: they hold ports, sequence numbers, clocks.
BYTES = "x"
# Whether a silence is long enough to be named, a busy machine decides: then it has words, and a dotted line.
SILENCE = {"dot", "gap"}
PASSED_OVER = re.compile(r"nothing is sent|^# time later$|^[\W\d_]*$")
# Whether it is worth a word how late a packet arrived, too.
LATE = re.compile(r",? ?arrived after(?: # and # time| # time and # time| # time)?")
# and a line of a note can end within these words
WORDS_OF_LATE = {"arrived", "after", "and", "time"}
# The rest of a message's label: which packets brought it depends on the run, and so does what has room there.
REST = {"c", "m"}
PLACES = re.compile(r"(?:,? *(?:# byte|packets? #(?:,? #)*(?: and #)?…?))+$")
# The unit above the column of times: the longest time decides.
UNITS = {"ns", "µs", "ms", "s"}
# Classes of the notes at an arrow: where their lines are broken depends on the numbers in them, so words are compared.
NOTES = {"p", "pb"}
# The mark beside the origin: full if the packets were captured live, hollow if they are recorded.
MARK = ("rect", {"am", "oam"})
FOOT = "s"  # the class of small print, where the origin is
ORIGINS = {"live", "recorded"}  # the word beside the mark
ORIGIN = re.compile(r"(?m)^tape: [^<\n]*")
# Also bytes in hexadecimal, pair by pair: masking keys of a WebSocket, key identifiers of a certificate (with colons).
NUMBER = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{2}(?:[ :][0-9a-f]{2})+\b|\d[\d.,:]*")
# Whether a word behind a number is a plural, the number decides.
PLURAL = re.compile(r"(# \w{2,}?)s\b")

# In which unit a time is written, the time decides: 999 ms, 1.01 s.
UNIT = re.compile(r"# (?:ns|µs|ms|s)\b")


def made_of(svg: str) -> str:
    """One line for each kind of part that a picture has, sorted; pictures of like things have the same lines.

    A text is a kind of its own by its words and its classes; a shape by its classes and the names of its attributes.
    The text alternative is left out: it is the text twin, which is compared on its own.
    """
    lines = set()
    origin = ORIGIN.search(svg)  # in the text alternative; in the picture it takes a line or two
    for element in ElementTree.fromstring(svg).iter():
        tag = element.tag.rpartition("}")[2]
        words = "".join(element.itertext()).strip()
        kinds = " ".join(sorted(element.get("class", "").split()))
        if tag in ("title", "desc") or SILENCE & set(kinds.split()):
            continue
        if tag == MARK[0] and MARK[1] & set(kinds.split()):
            continue
        if kinds == FOOT and words in ORIGINS:
            continue
        if kinds == FOOT and (words.startswith("tape: ") or (set(" /") & set(words) and _of(words, origin))):
            continue
        words = PLURAL.sub(r"\1", LATE.sub("", UNIT.sub("# time", NUMBER.sub("#", words))))
        if set(kinds.split()) >= REST:
            words = PLACES.sub("", words)
        if "z" in kinds.split() and words in UNITS:
            words = "a unit of time"
        if "z" in kinds.split() and words == "# time":  # from one second on, a label has its own unit
            words = "#"
        if tag == "style":
            lines.add(f"style {''.join(element.itertext())}")
        elif tag in ("text", "tspan"):
            if NOTES & set(kinds.split()):
                told = (word for word in words.split() if word not in WORDS_OF_LATE and not PASSED_OVER.search(word))
                lines |= {f"{tag} [{kinds}] {word}" for word in told}
            elif BYTES not in kinds.split() and not PASSED_OVER.search(words):
                lines.add(f"{tag} [{kinds}] {words}")
        else:
            names = " ".join(sorted(name.rpartition("}")[2] for name in element.attrib))
            lines.add(f"{tag} [{kinds}] {names}")
    return "PICTURE\n" + "\n".join(sorted(lines)) + "\n"


def _of(words: str, origin: re.Match[str] | None) -> bool:
    """Whether a line of small print goes on with the origin."""
    return origin is not None and words.removesuffix("…") in unescape(origin[0])


def pictures_in_words(text: str) -> str:
    """A text with each picture in it, also one inside a page's markup, put into the words of `made_of`."""

    def inline(match: re.Match[str]) -> str:
        try:
            svg = base64.b64decode(match[2]).decode() if match[1] else unquote(match[2])
            return made_of(svg)
        except (ElementTree.ParseError, binascii.Error, UnicodeDecodeError):
            return match[0]

    return INLINE.sub(inline, SVG.sub(lambda match: made_of(match[0]), text))


def compare_pictures_in_nbval() -> None:
    """Have nbval compare what pictures are made of, before its patterns would set them aside."""
    from nbval.plugin import IPyNbCell

    sanitize = IPyNbCell.sanitize

    def sanitize_in_words(self: Any, text: Any) -> Any:
        return sanitize(self, pictures_in_words(text) if isinstance(text, str) else text)

    IPyNbCell.sanitize = sanitize_in_words
