"""An exercise on close codes: seven connections that ended, and why they did.

Rule: the bytes shown are those of the tapes; a test sends them to labkit's server, and it closes with the code shown.
"""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING, ClassVar

from labkit.core.calls import in_words
from labkit.core.errors import BadArgument
from labkit.exercises.matching import Case, Matching
from labkit.exercises.result import show
from labkit.exercises.tcp import sample
from labkit.exercises.websocket.close_cases import PORT, SENT, lines, script

if TYPE_CHECKING:
    from labkit.packets import Tape

_FACTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("no mask", "Here the second byte is 05: no mask, 5 bytes. Each frame of a client must have one.",
     {"not UTF-8": "The five bytes are the text Hello, which is UTF-8. And then the code would be 1007."}),
    ("wrong order", "Here a whole message comes first (81: FIN and opcode 1). Then comes 80: FIN and opcode 0, a "
                    "continuation of nothing.",
     {"no mask": "Both frames of the client have a mask: their second byte is 83, and a key follows."}),
    ("reserved bit", "Here the first byte is c1, in bits 1100 0001: FIN, and RSV1 behind it.",
     {"no mask": "The second byte is 85: there is a mask, and 5 bytes.",
      "not UTF-8": "The five bytes are the text Hello, which is UTF-8. And then the code would be 1007."}),
    ("not UTF-8", "Here opcode 1 says text, and c3 must be followed by a byte from 80 to bf. 28 is not one.",
     {"reserved bit": "The first byte is 81: FIN and opcode 1, and no reserved bit. 1007 is about the payload."}),
    ("too large", "Here the length is in the 8 bytes behind the ff: 00 00 00 08 00 00 00 00, 34 GB.",
     {"connection cut": "A close frame with 1009 came: the server has said why.",
      "not UTF-8": "Opcode 2 is binary: its bytes need not be UTF-8, and none has come."}),
    ("ordinary end", "Here the client sends a close frame with 1000, and the server answers with the same code.",
     {"connection cut": "Two frames have opcode 8: both sides have said that they close."}),
    ("connection cut", "Here FIN comes after a text, and nobody has sent a close frame (its first byte would be 88).",
     {"ordinary end": "TCP ended in order, with a FIN on each side. But there is no close frame (its first byte would "
                      "be 88)."}),
)
"""The right choice of each case, what can be seen, and words for single wrong choices."""

class CloseCode(Matching):
    """Why were these connections closed?"""

    name = "websocket.close_code"
    lesson = "04d-websocket-endings"
    title = "seven connections: why were they closed?"
    praise = (
        "A code names a kind of fault, and not the fault: three different causes here have 1002. The frame before the "
        "close frame tells more.\n"
        "1006 is in no frame. A program is told 1006 if the connection ended without a close frame."
    )
    stretch = (
        'exercises.websocket.close_code.tape("C") has the packets of case C, and its frames. Draw the first one with '
        "draw.bits, and find the bit."
    )
    intro = (
        "A client talks to seven servers. These are the frames after the handshake, from a tape: first the head in "
        "hexadecimal, with the key if there is one; then, behind the bar, the payload, unmasked. Why did the "
        "connection end? The servers accept messages of up to 1 MB."
    )
    looks: ClassVar[dict[str, str]] = {
        "no mask": "A frame without a mask has a second byte below 80, and no key follows.",
        "reserved bit": "A reserved bit is one of the three bits behind FIN: then the first digit is not 0 and not 8.",
        "wrong order": "In the wrong order are a continuation (opcode 0) of nothing, and a new message inside of one.",
        "not UTF-8": "A text that is not UTF-8 has opcode 1, and its bytes make no characters.",
        "too large": "A message that is too large announces a length above the limit; its bytes need not come.",
        "ordinary end": "In an ordinary end each side sends a close frame, with the same code.",
        "connection cut": "A connection is cut if TCP ends without a close frame.",
    }
    cases = tuple(Case(lines(number), *facts) for number, facts in enumerate(_FACTS))
    hints = (
        "The first byte: its first digit is FIN and the reserved bits (8: FIN alone), its second digit is the opcode. "
        "The second byte: 80 and more says that there is a mask; take 80 away, and the rest is the length.",
        "A close code says what kind of fault the server has seen: 1002 a rule of the frames, 1007 a payload that is "
        "not what its opcode says, 1009 a size.",
        "A has no key. B has opcode 0, and the frame before it had FIN. In C, c is 1100 in bits. In D, look the bytes "
        "up as UTF-8. In E, 8 bytes of length follow the ff. In F and G, look for a close frame.",
    )

    @in_words
    def tape(self, letter: str) -> Tape:
        """The packets of a case, "A" to "G", as a tape: made by labkit's own code, never on a wire.

        Raises `BadArgument` for another letter.
        """
        letters = ascii_uppercase[: len(SENT)]
        if type(letter) is not str or len(letter) != 1 or letter.upper() not in letters:
            raise BadArgument(f"{show(letter)} is not one of the cases", f"Give one of the letters {letters[0]} to "
                                                                         f"{letters[-1]}, as text.")
        return sample.conversation(script(letters.index(letter.upper())), PORT)
