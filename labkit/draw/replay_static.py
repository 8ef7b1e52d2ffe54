"""A replay where no kernel runs: the table of states, whose packets light the packets that acknowledge them, no script.

Rule: HTML and a style sheet; a packet and the one that acknowledges it share a class, and `:has()` finds the one by the
other. It is kept small: of a long exchange the first packets stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from labkit.draw import page, replay_text
from labkit.draw.style import MONO
from labkit.draw.text import count
from labkit.packets.courses import Course
from labkit.packets.packet import Packet

_ROWS = 60  # packets
_ROOM = 40_000  # characters of rows

_STYLE = (
    ".lkr{overflow-x:auto}.lkr table{border-collapse:collapse}.lkr td,.lkr th{text-align:left;padding:1px 8px;"
    "white-space:nowrap}.lkr thead th{border-bottom:1px solid;white-space:normal;vertical-align:bottom}"
    # The words of the protocols above TCP are long: they may go over several lines.
    ".lkr .w{border-left:1px solid}.lkr td:nth-child(n+11){white-space:normal;min-width:9em}"
    f".lkr td{{font-family:{MONO}}}.lkr tbody th{{font-weight:400}}"
)
_LIT = "{background:#ffe3a8;color:#000;outline:1px solid #b45309}"
_HELP = "Point at a packet, or reach it by Tab: what acknowledges it lights up. Bold: this packet changed it."


def static(courses: Sequence[Course], chosen: int, origin: str) -> str:
    """The table of one of these exchanges as HTML."""
    if not courses:
        return page.page(f"<div>{escape(replay_text.NOTHING)}</div>")
    course = courses[chosen]
    head, heads, rows = replay_text.table(courses, chosen, _ROWS)
    links = dict(_acknowledged(course, len(rows)))
    lines: list[str] = []
    before: Sequence[str] = ()
    room = _ROOM
    for at, row in enumerate(rows):
        line = _row(row, before, heads, at, links)
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
        before = row
    lit = ",".join(f".lkr:has(.a{at}:hover,.a{at}:focus) .a{at}" for at, ack in links.items() if ack < len(lines))
    style = f"<style>{_STYLE}{lit}{_LIT if lit else ''}</style>"
    more = len(course) - len(lines)
    below = [f"<div>and {count(more, 'packet')} more</div>"] if more else []
    below += [f"<div>{escape(each)}</div>" for each in (*([_HELP] if lit else ()), *replay_text.legend(rows, origin))]
    titles = "".join(f'<th scope="col"{_edge(name)}>{escape(name) or "sent"}</th>' for name in heads)
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    # A part that scrolls can be reached by Tab, or no key would scroll it.
    box = f'<div class="lkr" tabindex="0" role="region" aria-label="{escape(head)}">{table}</div>'
    return page.page(style, f"<div>{escape(head)}</div>", box, *below)


def _row(row: Sequence[str], before: Sequence[str], heads: Sequence[str], at: int, links: dict[int, int]) -> str:
    """One packet. links: which packets are acknowledged by which, by their places."""
    mine = [f"a{at}"] if at in links else []
    mine += [f"a{other}" for other, ack in links.items() if ack == at]
    cells = [f'<th scope="row">{escape(row[0])}</th>']
    for place in range(1, len(row)):
        words = escape(row[place])
        fresh = place > 1 and place < len(before) and row[place] != before[place]
        cells.append(f"<td{_edge(heads[place])}>{f'<b>{words}</b>' if fresh else words}</td>")
    names = f' class="{" ".join(mine)}" tabindex="0"' if mine else ""
    return f"<tr{names}>{''.join(cells)}</tr>"


def _edge(head: str) -> str:
    """A line before the columns of an end."""
    return ' class="w"' if head.endswith("state") else ""


def _acknowledged(course: Course, shown: int) -> Iterator[tuple[int, int]]:
    """The place of each packet that takes sequence numbers, and that of the first one that acknowledges all of them."""
    packets = [course.tape[at] for at in range(shown)] if course.protocol == "TCP" else []
    for at, packet in enumerate(packets):
        last = packet.seq + _numbers(packet)
        if last == packet.seq or (packet.verdict is not None and packet.verdict.kind == "dropped"):
            continue
        for further in range(at + 1, shown):
            other = packets[further]
            if other.sender != packet.sender and "ACK" in other.flags and other.ack >= last:
                yield at, further
                break


def _numbers(packet: Packet) -> int:
    """How many sequence numbers a segment takes."""
    return packet.length + sum(flag in packet.flags.split(", ") for flag in ("SYN", "FIN"))
