"""Two exercises on reading packets: a covered flag, and six packets out of order.

Rule: only relative numbers are shown, so that the text is the same on every run and every machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from labkit.exercises.engine import Exercise
from labkit.exercises.form import Field, Form
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp import sample
from labkit.packets.frames import FLAG_NAMES

if TYPE_CHECKING:
    from labkit.packets import Packet, Tape

_COLLECTIONS = (list, tuple, set, frozenset)


class _OnPackets(Exercise):
    """An exercise about packets of a tape."""

    def __init__(self) -> None:
        super().__init__()
        self._tape: Tape | None = None

    def use(self, tape: Tape | None) -> Self:
        """Take the packets from this tape (None: from the recording again); returns the exercise.

        Raises `LabError` if the tape has no packets that fit.
        """
        self._check_fits(tape)
        self._tape = tape
        return self

    def _check_fits(self, tape: Tape | None) -> None:
        raise NotImplementedError


# ---------------------------------------------------------------- the covered flag

FLAGS = FLAG_NAMES[::-1]
"""The nine flags in the order of their bits, the highest first. Source: RFC 9293 §3.1, and RFC 9768 §3.1 for AE."""

COVERED = "SYN"

_BY_LETTER = {flag[0]: flag for flag in FLAGS if flag != "AE"}  # A is ACK, as in the ladder


class Flags(_OnPackets):
    """Which flags does this segment have, when one bit is covered?"""

    name = "tcp.flags"
    lesson = "01a-tcp-connection"
    title = "read the covered flag"
    steps = ("these are flags of TCP", "the eight bits you see", "the bit you do not see")
    stub = "answer = set()\nexercises.tcp.flags.check(answer)"
    asks = 'Give check() the set of the flags that are set, for example {"FIN", "RST"}.'
    praise = (
        "SYN takes one sequence number, as one byte of data would: that is why the client answers ack=1.\n"
        "SYN with ACK is the server's half of the handshake."
    )
    hints = (
        "Look at the reply: its ack says which number the client expects next.",
        "The first segment starts at 0 and carries 0 bytes, and yet the client expects 1 next. "
        "What besides a byte of data takes a sequence number?",
        "Two flags take a number: SYN and FIN. One of the two bits you can see; it is 0.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("set", tuple(Field(flag, "flag") for flag in FLAGS))

    @property
    def task(self) -> str:
        """What to do, with the packets."""
        (segment, answer), origin = self._pair()
        bits = "".join(f"{'?' if flag == COVERED else int(flag in _flags(segment)):^5}" for flag in FLAGS).rstrip()
        return (
            "A server sends the first of the two segments below. Of its nine flag bits, one is covered (`?`).\n"
            "Which flags does it have? Use its numbers, and the client's reply. "
            "(AE is the newest of the nine flags: older books show eight.)\n\n"
            "```text\n"
            f"first   server → client  seq={segment.seq} ack={segment.ack}  0 bytes\n"
            f"        {''.join(f'{flag:^5}' for flag in FLAGS).rstrip()}\n"
            f"        {bits}\n"
            f"reply   client → server  seq={answer.seq} ack={answer.ack}  {answer.flags}\n"
            f"```\n\n{sample.origin_line(origin)}"
        )

    def examine(self, answer: Any, run: Run) -> None:
        """Compare the visible bits, then the covered one."""
        given = self._names(answer)
        run.step(2)
        (segment, _), _ = self._pair()
        truth = _flags(segment)
        for flag in FLAGS:
            if flag != COVERED and (flag in truth) != (flag in given):
                raise NotYet(
                    f"{flag} {'set' if flag in truth else 'not set'}: its bit is {int(flag in truth)}",
                    _in_words(given),
                    "A bit of 1 means that the flag is set, and several flags can be set at once." if flag in truth
                    else "A bit of 0 means that the flag is not set.",
                )
        run.step(3)
        if COVERED not in given:
            raise NotYet(
                "a segment that takes one sequence number without a byte of payload",
                f"{_in_words(given)}: such a segment takes none",
                "The client's ack=1 says that it received number 0. Only two flags take a number of their own.",
            )

    @property
    def worked(self) -> str:
        """The flags, and how the reply tells them."""
        (segment, _), _ = self._pair()
        return (
            "The visible bits say ACK. The reply's ack=1 says that number 0 was used up, with 0 bytes of payload: "
            "by SYN or by FIN, and the bit of FIN is 0.\n\n"
            f"```python\nanswer = {_in_words(_flags(segment))}\nexercises.tcp.flags.check(answer)\n```"
        )

    @property
    def reference(self) -> Any:
        """The flags of the segment."""
        return _flags(self._pair()[0][0])

    def _names(self, answer: Any) -> set[str]:
        parts: list[Any]
        if type(answer) is str:
            parts = re.findall(r"\w+", answer)
        elif type(answer) in _COLLECTIONS:
            parts = list(answer)
        else:
            raise NotYet('a set of names, such as {"FIN", "RST"}', show(answer), self.asks)
        given: set[str] = set()
        for part in parts:
            given |= _names(part.upper()) if type(part) is str else {show(part)}
        unknown = sorted(given - set(FLAGS))
        if unknown:
            raise NotYet(f"names out of {', '.join(FLAGS)}", ", ".join(show(each) for each in unknown[:4]),
                         "TCP has no such flag. Write the names as they are above the bits, or their first letters.")
        return given

    def _pair(self) -> tuple[tuple[Packet, Packet], str]:
        return sample.choose(self._tape, _syn_ack, "SYN, ACK with a reply to it")

    def _check_fits(self, tape: Tape | None) -> None:
        sample.choose(tape, _syn_ack, "SYN, ACK with a reply to it")


def _names(text: str) -> set[str]:
    """The flags that a text names: ``"SYN"``, or ``"SA"`` by the letters of the ladder; the text itself if none."""
    if text in FLAGS or not all(letter in _BY_LETTER for letter in text):
        return {text}
    return {_BY_LETTER[letter] for letter in text}


def _flags(packet: Packet) -> set[str]:
    return set(packet.flags.split(", ")) & set(FLAGS)


def _in_words(flags: set[str]) -> str:
    return "{" + ", ".join(f'"{flag}"' for flag in reversed(FLAGS) if flag in flags) + "}" if flags else "no flag"


def _syn_ack(tape: Tape) -> tuple[Packet, Packet] | None:
    for connection in tape.connections:
        packets = list(connection.packets)
        for number, packet in enumerate(packets):
            if {"SYN", "ACK"} <= _flags(packet) and not packet.length and not _flags(packet) & {"FIN", "RST"}:
                for reply in packets[number + 1 :]:
                    if reply.sender == "client" and reply.ack == 1 and reply.flag_letters == "A":
                        return packet, reply
    return None


# ---------------------------------------------------------------- six packets out of order

LETTERS = "ABCDEF"
_SHUFFLED = (3, 1, 5, 0, 4, 2)  # letter A is the fourth packet in time, B the second, ...


class Order(_OnPackets):
    """In which order did these six packets travel?"""

    name = "tcp.order"
    lesson = "01a-tcp-connection"
    title = "put six packets in order"
    steps = ("the letters A to F, each once", "no packet knows what has not happened yet")
    stub = "answer = []\nexercises.tcp.order.check(answer)"
    asks = 'Give check() the six letters in order, as a list or as text: "ABCDEF".'
    praise = (
        "An ack cannot come before what it acknowledges.\n"
        "As long as nothing is lost, a sender's numbers never go back; TCP puts bytes in order by them."
    )
    hints = (
        "Every connection starts with the one packet that acknowledges nothing.",
        "An ack of 1 answers a SYN: the SYN took number 0. So the handshake is: SYN; SYN, ACK; ACK.",
        "Next is the packet with payload: n bytes from seq=1 end before 1 + n. Look for the ack that says 1 + n; "
        "the FIN comes after it.",
    )
    reference = sorted(LETTERS, key=lambda letter: _SHUFFLED[LETTERS.index(letter)])

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("one", (Field("order of the packets", "order", self._lines()),))

    @property
    def task(self) -> str:
        """What to do, with the packets."""
        _, origin = self._packets()
        return (
            "Six packets of one connection, shuffled. Nothing was lost; others may have come between. "
            "In which order did they travel?\n\n"
            "```text\n" + "\n".join(self._lines()) + f"\n```\n\n{sample.origin_line(origin)}"
        )

    def examine(self, answer: Any, run: Run) -> None:
        """Look for the first packet that cannot stand in its place."""
        letters = self._letters(answer)
        run.step(2)
        packets, _ = self._packets()
        order = [packets[letter] for letter in letters]
        for place, packet in enumerate(order):
            why = _impossible(packet, order[:place], order[place + 1 :])
            if why:
                ordinal = ("first", "second", "third", "fourth", "fifth", "sixth")[place]
                rule, seen = why
                before = f"Up to there the order can be right: {', '.join(letters[:place])}." if place else ""
                raise NotYet(rule, f"{letters[place]} in {ordinal} place ({packet.flags}): {seen}",
                             before or "Another packet must come first.")

    @property
    def worked(self) -> str:
        """The right order, with what each packet acknowledges."""
        packets, _ = self._packets()
        order = self.reference
        lines = [f"{letter}  {sample.line(packets[letter])}".rstrip() for letter in order]
        return (
            "Each packet's ack names the packet before which it cannot have been sent.\n\n"
            "```text\n" + "\n".join(lines) + "\n```\n\n"
            f'```python\nanswer = "{"".join(order)}"\nexercises.tcp.order.check(answer)\n```'
        )

    def _lines(self) -> tuple[str, ...]:
        """Each packet in a line, behind its letter."""
        packets, _ = self._packets()
        return tuple(f"{letter}  {sample.line(packets[letter])}".rstrip() for letter in LETTERS)

    def _letters(self, answer: Any) -> list[str]:
        if type(answer) is str:
            given = re.findall(r"[A-Za-z]", answer)
        elif type(answer) in (list, tuple) and all(type(part) is str for part in answer):
            given = list(answer)
        else:
            raise NotYet("six letters in order", show(answer), self.asks)
        given = [part.strip().upper() for part in given]
        unknown = [part for part in given if part not in LETTERS or len(part) != 1]
        if unknown:
            raise NotYet("letters from A to F", show(unknown[0]), "No packet has this letter.")
        twice = [letter for letter in LETTERS if given.count(letter) > 1]
        missing = [letter for letter in LETTERS if letter not in given]
        if twice or missing:
            faults = [f"{letter} more than once" for letter in twice] + [f"no {letter}" for letter in missing]
            raise NotYet("each letter once", ", ".join(faults), "Each of the six packets has one place.")
        return given

    def _packets(self) -> tuple[dict[str, Packet], str]:
        six, origin = sample.choose(self._tape, _six, _WHOLE)
        return {letter: six[_SHUFFLED[number]] for number, letter in enumerate(LETTERS)}, origin

    def _check_fits(self, tape: Tape | None) -> None:
        sample.choose(tape, _six, _WHOLE)


_WHOLE = "connection with a whole handshake, some data, an ACK of it and a FIN"


def _six(tape: Tape) -> list[Packet] | None:
    """Handshake, first data, its ACK, a FIN after that: of the first connection that has them all."""
    for connection in tape.connections:
        packets = list(connection.packets)
        found = packets[:3]
        if [packet.flag_letters for packet in found] != ["S", "SA", "A"] or found[2].length:
            continue
        data = next((each for each in packets[3:] if each.length), None)
        if data is None or _goes_back(packets) or "F" in data.flag_letters:
            continue
        replies = packets[packets.index(data) + 1 :]
        acks = (each for each in replies if each.sender != data.sender and each.ack >= _end(data))
        ack = next(acks, None)
        fin = next((each for each in replies if "F" in each.flag_letters and each is not ack), None)
        if ack is not None and fin is not None and packets.index(fin) > packets.index(ack):
            return [*found, data, ack, fin]
    return None


def _goes_back(packets: list[Packet]) -> bool:
    """Whether something was sent again: then numbers do not tell the order."""
    highest = {"client": 0, "server": 0}
    for packet in packets:
        if "R" in packet.flag_letters or packet.seq < highest[packet.sender]:
            return True
        highest[packet.sender] = _end(packet)
    return False


def _end(packet: Packet) -> int:
    """The relative sequence number after the packet: its payload counts, and SYN and FIN count one each."""
    return packet.seq + packet.length + ("S" in packet.flag_letters) + ("F" in packet.flag_letters)


def _impossible(packet: Packet, before: list[Packet], after: list[Packet]) -> tuple[str, str] | None:
    """Why the packet cannot stand between these, as (the rule, what breaks it); None if it can."""
    mine = packet.sender
    other = "server" if mine == "client" else "client"
    acknowledges = "A" in packet.flag_letters
    if not before and acknowledges:
        return "a SYN without ACK in first place", "it acknowledges something, and nothing was sent yet"
    for late in after:
        if late.sender != other or not acknowledges or not late.seq < _end(late) <= packet.ack:
            continue
        last = _end(late) - 1
        what = "SYN" if "S" in late.flag_letters else "FIN" if "F" in late.flag_letters else f"byte {last}"
        return (f"an ack only of what the {other} has sent before",
                f"its ack={packet.ack} acknowledges the {other}'s {what} before it was sent")
    if "S" not in packet.flag_letters and not any(_answers(each, other) for each in before):
        return (f"a {other}'s ACK of the {mine}'s SYN before anything else the {mine} sends",
                f"the {mine} sends before its SYN was acknowledged: the handshake is not finished")
    for late in after:
        if late.sender == mine and (_end(late), late.ack) < (_end(packet), packet.ack):
            goes = "seq" if _end(late) < _end(packet) else "ack"
            return (f"numbers of the {mine} that do not go back, as nothing was lost",
                    f"another packet of the {mine}, with a lower {goes}, must come first")
    return None


def _answers(packet: Packet, sender: str) -> bool:
    return packet.sender == sender and packet.ack >= 1
