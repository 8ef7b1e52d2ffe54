"""Draw docs/first-ladder.svg, the README's picture: a recorded capture, drawn by the code a lesson draws with.

Rule: drawn from data/, so that anyone gets the same bytes anywhere; nothing is touched up by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from labkit import draw
from labkit.draw.picture import Picture
from labkit.packets import Tape

ROOT = Path(__file__).resolve().parents[1]
TAPE = ROOT / "data" / "01a-tcp-connection" / "greeting.pcapng"
PICTURE = ROOT / "docs" / "first-ladder.svg"


def picture() -> Picture:
    """The ladder of the first lesson's greeting."""
    draw.set_large(False)  # as the first ladder of a session
    return draw.ladder(Tape.load(TAPE))


def main() -> int:
    """Write docs/first-ladder.svg; with ``--check``, change nothing and fail where it is not current."""
    if "--check" not in sys.argv[1:]:
        picture().save(PICTURE)
        return 0
    if PICTURE.exists() and PICTURE.read_text(encoding="utf8") == picture().svg:
        return 0
    print(f"docs/{PICTURE.name} is not what the code draws from {TAPE.name}: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
