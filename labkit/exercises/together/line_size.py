"""An exercise on what the layers add: the bytes of TCP's stream that one line of a chat needs.

Rule: a real record decides; the lines are framed and encrypted in memory, and no socket is opened.
"""

from __future__ import annotations

import ssl
import tempfile
from functools import cache
from typing import Any

from labkit import ca
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain
from labkit.websocket.frames import encode

HOST = "chat.example"


def line_size(line: str) -> int:
    """Bytes of TCP's stream that a browser needs to say this line; the reference answer."""
    text = len(line.encode())
    frame = 2 + (0 if text < 126 else 2) + 4 + text
    return 5 + frame + 1 + 16


class LineSize(Exercise):
    """How many bytes of TCP's stream does a line take?"""

    name = "together.line_size"
    lesson = "06-together"
    title = "how many bytes does a line take?"
    steps = ("a short line", "an empty line", "a line in Chinese", "125 and 126 bytes", "a line of 900 bytes")
    stub = "def line_size(line):\n    ...\n\nexercises.together.line_size.check(line_size)"
    asks = "Give check() the function itself: check(line_size)."
    praise = (
        "Text, frame, record: each layer adds bytes of its own, and knows nothing of the others.\n"
        "The kernel adds 32 more for TCP (with its timestamps), 20 for IP and 14 for Ethernet, to each packet."
    )
    stretch = "the server's line is shorter by how many bytes, and why? Which line is the first that needs two records?"
    task = (
        "A page says a line in the chat: a frame of WebSocket with a masked text, in a record of TLS 1.3 (its tag has "
        "16 bytes). How many bytes of TCP's stream does this record take?\n\n"
        "Write the function `line_size(line)`. It gets the line, a text that has at most 1,000 bytes in UTF-8, and "
        "returns the number."
    )
    hints = (
        "Go from the inside to the outside: the text in UTF-8, the frame around it, the record around the frame.",
        "A frame of a client has 2 bytes, a key of 4, and 2 more for the length if the text has 126 bytes or more. A "
        "record has 5 bytes before what it encrypts, and more behind it.",
        "What is encrypted is the frame and one byte more, the real type of the record; behind it come the 16 bytes of "
        "the tag. The text has as many bytes as `len(line.encode())`.",
    )
    reference = staticmethod(line_size)

    @property
    def worked(self) -> str:
        return (
            "2 and 4 bytes for the frame, 5, 1 and 16 for the record, and 2 more for a longer text.\n\n"
            "```python\ndef line_size(line):\n"
            "    text = len(line.encode())\n"
            "    frame = 2 + (0 if text < 126 else 2) + 4 + text\n"
            "    return 5 + frame + 1 + 16\n\n"
            "exercises.together.line_size.check(line_size)\n```"
        )

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function line_size", self.asks)
        self._ask(answer, "hello", run, first=True)
        for step, lines in ((2, ("",)), (3, ("您好！",)), (4, ("x" * 125, "x" * 126)), (5, ("x" * 900,))):
            run.step(step)
            for line in lines:
                self._ask(answer, line, run)

    def _ask(self, answer: Any, line: str, run: Run, *, first: bool = False) -> None:
        run.beat(5)
        right = _sealed(encode(1, line.encode(), key=bytes(4)))
        words = repr(line) if len(line) < 20 else f"'{line[0]}' * {len(line)}"
        returned = run.call(f"line_size({words})", answer, line, first=first)
        if type(returned) is not int:
            raise NotYet("a whole number", show(returned), "Return the number of bytes.")
        if returned != right:
            raise NotYet(f"line_size({words}) is {right}", show(returned), _why(line, returned, right))


def _why(line: str, given: int, right: int) -> str:
    """What the difference tells."""
    text = len(line.encode())
    if given == right - text + len(line) != right:
        return "You have counted characters. A Chinese one has three bytes in UTF-8."
    return {
        -1: "One byte is missing: inside of the encryption, the record has its real type behind the frame.",
        -4: "Four bytes are missing. Who sends this frame, and what must it do to the text?",
        -5: "Five bytes are missing: the header of the record.",
        -16: "16 bytes are missing: the tag behind what is encrypted.",
        -17: "17 bytes are missing: the tag, and the real type of the record.",
        -2: "Two bytes are missing. From which length on does a frame need 16 bits for it?" if text > 125
            else "Two bytes are missing. Which ones are in every frame?",
        2: "Two bytes too many: the length fits into seven bits up to 125.",
    }.get(given - right, "Count the layers one by one: the text, the frame, the record.")  # fmt: skip


@cache
def _ends() -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """A client that has made its handshake, and where its records come out."""
    root = ca.CA("Exercise CA")
    with tempfile.TemporaryDirectory(prefix="labkit-lines-") as place:
        files = root.issue(HOST).save(place, "server")
        there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        there.load_cert_chain(files.cert, files.key)
    here.load_verify_locations(cadata=root.cert_pem.decode("ascii"))
    here.minimum_version = ssl.TLSVersion.TLSv1_3
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = here.wrap_bio(to_client, to_server, server_hostname=HOST)
    server = there.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        for end in tuple(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass
    to_server.read()
    return client, to_server


def _sealed(data: bytes) -> int:
    """The length of the record that carries this data."""
    client, out = _ends()
    client.write(data)
    return len(out.read())
