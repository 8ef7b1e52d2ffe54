"""Names of at most three letters, for boxes too narrow for a field's label.

Rule: within one header different fields never get the same short name; the name the RFC uses comes first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from labkit.draw.text import visible
from labkit.packets.model import Field

_MOST = 3  # letters: as many as stand one below the other in a box of one bit
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+|[0-9]+")

Key = tuple[str, str]


def key(item: Field) -> Key:
    """What tells one field from another: the same field may occur several times, as in DNS records."""
    return item.name, item.label


def short_names(fields: Iterable[Field]) -> dict[Key, str]:
    """A short name for each field of one header: ``{("tcp.flags.push", "PSH"): "PSH", ...}``.

    fields: undivided ones. Flags of one bit choose first, since nothing else is written into their boxes.
    """
    found = {key(item): item for item in fields}
    names: dict[Key, str] = {}
    for flags in (True, False):
        _choose([item for item in found.values() if (item.bits == 1) == flags], names)
    return names


def _choose(items: Sequence[Field], names: dict[Key, str]) -> None:
    """Add a name for each of these. If two would take the same name, neither gets it, and each tries its next one."""
    waiting = {key(item): _candidates(item) for item in items}
    for rank in range(max(map(len, waiting.values()), default=0)):
        wanted = {each: given[rank] for each, given in waiting.items() if given[rank]}
        taken, often = set(names.values()), Counter(wanted.values())
        for each, word in wanted.items():
            if often[word] == 1 and word not in taken:
                names[each] = word
                del waiting[each]
    taken = set(names.values())
    number = 0
    for each, given in waiting.items():
        letter = next((word[0] for word in given if word), "B")
        number = next(at for at in range(number, number + len(taken) + 2) if f"{letter}{at}" not in taken)
        names[each] = f"{letter}{number}"
        taken.add(names[each])
        number += 1


def _candidates(item: Field) -> tuple[str, ...]:
    """What a field may be called, best first; ``""`` for a way that gives none."""
    last = visible(item.name.rsplit(".", 1)[-1]).upper()
    words, parts = (_WORD.findall(text) for text in (item.label, item.name.rsplit(".", 1)[-1]))
    label = item.label.upper() if len(item.label) <= _MOST and item.label.isascii() and item.label.isalnum() else ""
    return (
        label,  # QR, AA, SYN
        last if len(last) <= _MOST else "",  # ip.flags.df: DF
        _initials(words) if all(word[0].isupper() for word in words) else "",  # More Fragments: MF
        (last[:1] + "".join(letter for letter in last[1:] if letter not in "AEIOU_ "))[:_MOST],  # RESET: RST
        _initials(parts),  # flag_a: FA
        last[:2] + last[-1:],  # option1: OP1
    )


def _initials(words: list[str]) -> str:
    return "".join(word[0] for word in words).upper() if 1 < len(words) <= _MOST else ""
