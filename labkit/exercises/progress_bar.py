"""How many exercises are solved, as a bar and a list.

Rule: shows what `progress_file` knows; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from labkit.draw import style
from labkit.exercises import progress_file
from labkit.exercises.engine import Exercise

KEPT = "kept in labkit/progress.json in your user data directory; exercises.restart(forget=True) starts over"
"""Said with the bar. It is not the path itself: that differs from machine to machine, and lessons compare this text."""

_BAR = 24  # characters
_WIDTH, _HEIGHT = 320, 14  # px


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the exercises are solved, as a bar and a list. rows: (name, title, tries, solved) of each."""

    rows: tuple[tuple[str, str, int, bool], ...]

    @classmethod
    def of(cls, exercises: Sequence[Exercise]) -> Progress:
        """The progress in these exercises, as it is now."""
        known = progress_file.known()
        found = [(each, known.get(each.name, progress_file.Entry())) for each in exercises]
        return cls(tuple((each.name, each.title, mine.tries, mine.solved) for each, mine in found))

    @property
    def solved(self) -> int:
        """Exercises solved."""
        return sum(solved for *_, solved in self.rows)

    def __repr__(self) -> str:
        full = round(_BAR * self.solved / max(1, len(self.rows)))
        width = max((len(name) for name, *_ in self.rows), default=0)
        lines = [f"{self._headline()}  [{'#' * full}{'.' * (_BAR - full)}]"]
        for name, title, tries, solved in self.rows:
            sign, words = _state(tries, solved)
            lines.append(f"  {sign} {name:<{width}}  {words:<{len('not attempted')}}  {title}")
        return "\n".join((*lines, KEPT))

    def _headline(self) -> str:
        return f"{self.solved} of {len(self.rows)} exercises solved"

    def _repr_html_(self) -> str:
        full = _WIDTH * self.solved / max(1, len(self.rows))
        color = f"var(--jp-success-color1,{style.LIGHT.hues[2]})"
        # Drawn inside the page, so currentColor is the theme's own text colour, in light and in dark.
        bar = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{_HEIGHT}" '
            f'aria-label="{escape(self._headline())}"><rect x=".5" y=".5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" '
            f'rx="4" fill="none" stroke="currentColor" opacity=".5"/>'
            f'<rect x="0" y="0" width="{full:.0f}" height="{_HEIGHT}" rx="4" style="fill:{color}"/></svg>'
        )
        rows = ""
        for name, title, tries, solved in self.rows:
            sign, words = _state(tries, solved)
            cells = (f"{sign} {words}", name, title)
            rows += "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in cells) + "</tr>"
        where = f"<small>{escape(KEPT)}</small>"
        return f"<div><strong>{escape(self._headline())}</strong><br/>{bar}<table>{rows}</table>{where}</div>"


def _state(tries: int, solved: bool) -> tuple[str, str]:
    """Sign and words of one row; the number of tries is not shown."""
    if solved:
        return "✓", "solved"
    return ("△", "not yet") if tries else ("○", "not attempted")
