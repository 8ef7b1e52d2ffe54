"""Which RSTs of a ladder were not believed. (`labkit.packets.notes` names the ACK that asks whether one was meant.)

Rule: by the numbers in the headers alone; a RST that the numbers cannot judge is taken for a real one.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit.draw.ladder_model import Rung

IGNORED = "not believed: another number is expected next"
_MODULUS = 1 << 32


def judge(rungs: Sequence[Rung]) -> None:
    """Give a note to each RST that its receiver must not believe.

    A receiver ends the connection only if the RST has exactly the number that it expects next; if the number is inside
    its window, it answers with an ACK. Source: RFC 9293 §3.5.2 and §3.10.7.4, which took it from RFC 5961 §3.
    """
    following: dict[tuple[int, bool], int] = {}  # by group and side: the number after the last one it has sent
    acknowledged: dict[tuple[int, bool], int] = {}  # by group and side: the last number it has acknowledged
    for rung in rungs:
        if not rung.packet.flags:
            continue
        mine, other = (rung.group, rung.right), (rung.group, not rung.right)
        seq = rung.packet.seq
        if rung.reset:
            known = {following.get(mine), acknowledged.get(other)} - {None}
            if known and seq not in known and not rung.lost:
                rung.note, rung.ignored = IGNORED, True
            continue
        if "ACK" in rung.flags:
            acknowledged[mine] = rung.packet.ack
        after = (seq + rung.size + ("SYN" in rung.flags) + ("FIN" in rung.flags)) % _MODULUS
        if mine not in following or (after - following[mine]) % _MODULUS < _MODULUS // 2:
            following[mine] = after
