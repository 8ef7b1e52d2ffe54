"""An exercise on fragments: how a large datagram is cut, and what the last fragment's header says.

Rule: a wrong answer that comes from a known mistake is told which mistake it is.
"""

from __future__ import annotations

import random
from typing import Any

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Form, numbers
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, check_parts

IP, UDP = 20, 8
"""Bytes of the headers of IPv4 (without options) and UDP."""


class Fragments(Seeded):
    """Into how many fragments is this datagram cut?"""

    name = "udp.fragments"
    lesson = "02b-udp-network"
    title = "cut a datagram into fragments"
    steps = ("three whole numbers", "the number of fragments", "the bytes in the last one", "its fragment offset")
    stub = (
        "answer = [None, None, None]  # fragments, bytes in the last one, its offset field\n"
        "exercises.udp.fragments.check(answer)"
    )  # fmt: skip
    asks = "Give check() three numbers: [fragments, bytes behind the IP header of the last one, its offset field]."
    praise = (
        "Only the first fragment has the UDP header, and so the ports: a firewall that looks at one packet cannot "
        "judge the others.\n"
        "If one fragment is lost, the whole datagram is lost. So most programs send what fits into one packet."
    )
    hints = (
        "What does IP have to carry? The payload, and the header of UDP in front of it.",
        "Each fragment needs an IP header of its own, so less than the MTU is left for its part.",
        "The offset field counts in units of 8 bytes: divide the number of bytes before this part by 8.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return numbers("fragments", "bytes in the last one", "offset field of the last one")

    def _make(self, seed: int) -> None:
        chance = random.Random(seed)
        self.mtu = chance.choice((1500, 1500, 1492, 1420))  # all of them leave a multiple of 8, or a remainder below 8
        room = self._room
        count = chance.randint(3, 5)
        # Near the edge, so that the header of UDP, or those of IP, make one fragment more.
        near, far = chance.choice((0, 3, 7)), chance.randint(200, 900)
        self.payload = (count - 1) * room - near if seed % 2 else count * room - far

    @property
    def _room(self) -> int:
        return (self.mtu - IP) // 8 * 8

    @property
    def task(self) -> str:
        return (
            f"A program sends a UDP datagram with {self.payload} bytes of payload over IPv4. The MTU is {self.mtu}: a "
            "packet has at most so many bytes, its IP header of 20 bytes included.\n\n"
            "1. How many fragments leave the machine?\n"
            "2. How many bytes are behind the IP header of the last fragment?\n"
            "3. What is in the fragment offset field of the last fragment? The field counts in units of 8 bytes, so "
            "all "
            "fragments but the last carry a multiple of 8 bytes."
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_parts(answer, 3, (int,), "three whole numbers", self.asks)
        count, last, offset = self.reference
        whole = self.payload + UDP
        if answer[0] != count:
            run.step(2)
            raise NotYet("another number of fragments", show(answer[0]), self._about_count(answer[0]))
        run.step(3)
        if answer[1] != last:
            why = {
                last - UDP: "The header of UDP is 8 bytes of what IP carries. It travels in the first fragment, so it "
                            "moves everything behind it.",
                last + IP: "These are the bytes of the whole packet. The IP header is not counted here.",
                last - UDP + IP: "The IP header is not counted here, and the header of UDP is missing in the sum.",
                self._room: "This is the size of a full fragment. The last one carries what is left.",
                whole - (count - 1) * self.mtu: "The fragments before carry less than the MTU: each has an IP header.",
            }.get(answer[1], "Take from payload and UDP header what the fragments before it carry.")
            raise NotYet("another number of bytes in the last fragment", show(answer[1]), why)
        run.step(4)
        if answer[2] != offset:
            why = {
                offset * 8: "This is the offset in bytes. The field counts in units of 8 bytes.",
                count - 1: "This counts fragments. The field says how far into the datagram the part begins.",
                (count - 1) * self.mtu // 8: "The fragments before carry less than the MTU: each has an IP header.",
                (self.payload + UDP) // 8: "This is the end of the datagram. The offset is where this part begins.",
            }.get(answer[2], "Add up the bytes that the fragments before carry, and divide by 8.")
            raise NotYet("another offset", show(answer[2]), why)

    def _about_count(self, given: int) -> str:
        whole, room = self.payload + UDP, self._room
        right = self.reference[0]
        if given == -(-self.payload // room):
            return "The header of UDP needs 8 bytes too, and they make the datagram a little larger."
        if given == -(-self.payload // self.mtu) or given == -(-whole // self.mtu):
            return "Each fragment has an IP header of 20 bytes, so less than the MTU is left for its part."
        if given == right - 1:
            return "Something is left after so many full fragments. It needs one more."
        if given == right + 1:
            return "One too many: UDP's header is only in the first fragment, and the last one need not be full."
        return "Divide payload and UDP header by what one fragment can carry, and round up."

    @property
    def worked(self) -> str:
        count, _, _ = self.reference
        return (
            f"IP carries {self.payload} + 8 bytes, and {self._room} of them in each full fragment.\n\n"
            f"```python\nwhole, room = {self.payload} + 8, ({self.mtu} - 20) // 8 * 8\n"
            f"count = -(-whole // room)  # rounded up: {count}\n"
            "answer = [count, whole - (count - 1) * room, (count - 1) * room // 8]\n"
            "exercises.udp.fragments.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        whole, room = self.payload + UDP, self._room
        count = -(-whole // room)
        return [count, whole - (count - 1) * room, (count - 1) * room // 8]
