"""What a page shows of a tape that stands at the end of a cell: its packets as a list that opens.

Rule: only in a page, and never in place of the words: the text of a tape is its `repr`, as everywhere.
"""

from __future__ import annotations

from typing import Any

from labkit.core.notebook import in_notebook
from labkit.draw.inspect import Inspector
from labkit.packets.tape import Tape

_ROOM = 12_000  # characters of HTML for packets with their fields, where no kernel runs


def shown(tape: Tape) -> dict[str, Any]:
    """The view and the HTML, by MIME type; nothing for a tape that has no packets yet."""
    if not in_notebook() or not len(tape):
        return {}
    bundle = Inspector(tape, folded=True, room=_ROOM)._repr_mimebundle_()
    del bundle["text/plain"]
    return bundle
