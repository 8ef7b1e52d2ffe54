"""Five groups of header fields, one colour each: who, numbers, control, room, protection and options.

Rule: a colour says what a field is for, never where it is; the words of a field's name decide, for any layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from labkit.draw.style import DARK, LIGHT
from labkit.packets.model import Field

WHO, NUMBERS, CONTROL, ROOM, PROTECTION, PLAIN = range(6)

WORDS = ("who", "numbers", "control", "room", "protection, options")
"""What each group is called under a picture; `PLAIN` (a payload, a field in no group) is not named."""

# Light and dark, in the order of the groups, the last one grey. Their lightness differs as much as their hue, so that
# they can be told apart by all kinds of colour vision (a test measures it), and text is readable on all of them.
FILLS = {
    LIGHT: ("#b9d4fb", "#fade9e", "#faa5bd", "#b9fbca", "#d29ff9", "#eceff2"),
    DARK: ("#3a667a", "#69601a", "#6c3e4c", "#165029", "#592f6a", "#2b3138"),
}

# The first group that has one of the words of a field's name has the field; then its label is asked.
_OF = (
    (PROTECTION, "options opt option checksum padding reserved unused icv digest fcs rsv rb z res trailer "
                 "masking masked"),
    (CONTROL, "flags flag type code opcode class version proto protocol etype nxt next dsfield tclass kind rcode "
              "control operation urgent mark command status fin"),
    (WHO, "port ports srcport dstport src dst addr address addresses name label root host aaaa ns cname ptr "
          "gateway mac maddr source destination identifier peer"),
    (ROOM, "len length size window ttl hlim plen limit mss mtu lifetime hop minimum expire"),
    (NUMBERS, "seq ack id ident identification sequence offset number count flow time timestamp pointer counter "
              "queries answers nr index"),
)  # fmt: skip
_GROUP = tuple((group, frozenset(words.split())) for group, words in _OF)
_ALONE = {"mask": PROTECTION}  # a name that is no more than this word: a mask of addresses is none
_SPLIT = re.compile(r"[^a-z0-9]+")


def group_of(item: Field, above: Sequence[Field] = ()) -> int:
    """The group of a field, `WHO` to `PROTECTION`, or `PLAIN`.

    above: the fields that it is a part of; a part of the options is in the group of the options.
    """
    for text in (*(each.name for each in above), item.name, item.label):
        last = text.lower().partition(".")[2] or text.lower()
        if last in _ALONE:
            return _ALONE[last]
        words = set(_SPLIT.split(last))
        for group, known in _GROUP:
            if words & known and (group == PROTECTION or text in (item.name, item.label)):
                return group
    return PLAIN


def used(groups: Iterable[int]) -> list[tuple[int, str]]:
    """The groups that occur, in their order, each with what it is called."""
    found = set(groups)
    return [(group, words) for group, words in enumerate(WORDS) if group in found]


def css() -> str:
    """The rules for what only bits and bytes have.

    ``u0`` to ``u5``: a shape in the colour of its group. ``lit``, ``frame``: edges that stand out. ``pointer``,
    ``point``: the line and the tip of an arrow from byte to byte.
    """
    light, dark = (
        "".join(f".lk .u{group}{{fill:{fill}}}" for group, fill in enumerate(fills))
        + f".lk .lit,.lk .frame,.lk .pointer{{stroke:{theme.ink};fill:none}}.lk .point{{fill:{theme.ink}}}"
        for theme, fills in FILLS.items()
    )
    return f"{light}.lk .lit{{stroke-width:3}}@media (prefers-color-scheme:dark){{{dark}}}"
