"""An exercise on the handshake: the value of Sec-WebSocket-Accept, computed from the key of the client.

Rule: the value decides; a wrong value is compared with what each known slip makes of the same key.
"""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

from labkit.exercises.engine import Exercise
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Source: RFC 6455 §1.3."""

SAMPLE = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455 §1.3."""

KEYS = 40
"""Other keys that are tried."""


def accept(key: str) -> str:
    """The value that a server answers to this key; the reference answer. Source: RFC 6455 §4.2.2."""
    digest = hashlib.sha1((key + GUID).encode()).digest()
    return base64.b64encode(digest).decode()


class Accept(Exercise):
    """Compute the value of Sec-WebSocket-Accept."""

    name = "websocket.accept"
    lesson = "04b-websocket-handshake"
    title = "compute the answer to a key"
    steps = ("accept() returns text", "the key of RFC 6455", f"{KEYS} other keys")
    stub = (
        "import base64, hashlib\n\n"
        "def accept(key):\n    ...\n\n"
        "exercises.websocket.accept.check(accept)"
    )  # fmt: skip
    asks = "Give check() the function itself: check(accept)."
    praise = (
        "A client compares this value with its own. A server that does not know WebSocket cannot give it by accident.\n"
        "The value hides nothing and proves no identity: everybody who sees the key can compute it."
    )
    stretch = (
        "take key and answer off a tape of this lesson. Does accept() give what stands on the wire?"
    )
    task = (
        "Write the function `accept(key)`. It gets the value of the field Sec-WebSocket-Key, as text, and returns the "
        "value of Sec-WebSocket-Accept, as text. RFC 6455 says how: put the fixed text\n\n"
        f"```text\n{GUID}\n```\n\n"
        "behind the key, compute the SHA-1 digest of both together, and encode the 20 bytes of the digest in base64. "
        f"For the key `{SAMPLE}` the right value ends in `{accept(SAMPLE)[-8:]}`.\n\n"
        f"```python\n{stub}\n```"
    )
    hints = (
        "The key is used as the text that it is. Do not decode it. SHA-1 takes bytes: `text.encode()`.",
        "A digest has two forms in Python: `digest()` gives 20 bytes, `hexdigest()` gives 40 characters. Which of them "
        "does base64 need?",
        '`base64.b64encode(...)` returns bytes, and `.decode()` makes text of them. In one line: '
        "`hashlib.sha1((key + GUID).encode()).digest()` goes into `base64.b64encode`.",
    )
    reference = staticmethod(accept)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function accept", self.asks)
        returned = run.call(f"accept({show(SAMPLE)})", answer, SAMPLE, first=True)
        if type(returned) is not str:
            raise NotYet(f"text (str) from accept({show(SAMPLE)})", show(returned),
                         "A field of a head is text: .decode() makes text of these bytes."
                         if isinstance(returned, (bytes, bytearray)) else self.asks_text(returned))
        run.step(2)
        self._compare(SAMPLE, returned)
        run.step(3)
        for key in _keys():
            self._compare(key, run.call(f"accept({show(key)})", answer, key))

    @staticmethod
    def asks_text(returned: Any) -> str:
        """What is said about a returned value that is neither text nor bytes."""
        if hasattr(returned, "hexdigest"):
            return "This object still collects bytes. Its method digest() gives the digest."
        return "accept() returns the value of the field, and nothing else."

    def _compare(self, key: str, returned: Any) -> None:
        right = accept(key)
        if type(returned) is str and returned == right:
            return
        if type(returned) is str and returned in (accept(SAMPLE), SAMPLE):
            why = "This belongs to the key of RFC 6455. Here the key is another one."
        else:
            why = slips(key).get(returned, "") if type(returned) is str else "It returned text for the first key."
        raise NotYet(f"{show(right)}\nfor the key {show(key)}", show(returned), why or
                     "None of the usual slips gives this value. Print what you give to SHA-1: 24 characters of the "
                     "key, and 36 characters behind them.")

    @property
    def worked(self) -> str:
        return (
            "Key and fixed text together are 60 characters. Their SHA-1 digest has 20 bytes, which base64 writes as 28 "
            "characters.\n\n" + source(accept, f'import base64, hashlib\n\nGUID = "{GUID}"')
        )


def _keys() -> list[str]:
    """Keys as a client makes them: 16 bytes, in base64. The same on every run."""
    numbers = random.Random(6455)
    return [base64.b64encode(numbers.randbytes(16)).decode() for _ in range(KEYS)]


def slips(key: str) -> dict[str, str]:
    """What each known slip makes of a key, and how to say so."""
    both = (key + GUID).encode()
    digest = hashlib.sha1(both).digest()
    raw = base64.b64decode(key)

    def value(data: bytes) -> str:
        return base64.b64encode(hashlib.sha1(data).digest()).decode()

    decoded = "The key was decoded before SHA-1. It is used as the 24 characters that stand in the field."
    found = {
        value((key + GUID.replace("-C5AB0DC", "-C5ABODC")).encode()):
            "The fixed text is not right: it has the digit 0 in C5AB0DC85B11, not the letter O. Some books print it "
            "wrong.",
        value((key + GUID.lower()).encode()): "The letters of the fixed text are capital letters.",
        value((key + GUID.replace("-", "")).encode()): "The hyphens belong to the fixed text.",
        value((key + "{" + GUID + "}").encode()): "The fixed text has no braces around it.",
        value(key.encode()): "The fixed text is missing: it stands behind the key.",
        value(GUID.encode()): "The key is missing: it stands before the fixed text.",
        value((GUID + key).encode()): "The key comes first, and the fixed text behind it.",
        value((key + " " + GUID).encode()): "Nothing stands between the key and the fixed text, no space either.",
        value((key + "\r\n" + GUID).encode()): "Nothing stands between the key and the fixed text, no line end either.",
        value(raw + GUID.encode()): decoded,
        value(raw): f"{decoded} And the fixed text is missing.",
        value((key.strip("=") + GUID).encode()): "The signs = at its end belong to the key.",
        hashlib.sha1(both).hexdigest(): "That is the digest in hexadecimal. The field has its 20 bytes in base64.",
        base64.b64encode(hashlib.sha1(both).hexdigest().encode()).decode():
            "base64 was given the 40 characters of hexdigest(). It needs the 20 bytes of digest().",
        base64.b64encode(both).decode(): "SHA-1 is missing: this is key and fixed text in base64.",
        base64.encodebytes(digest).decode(): "The value is right, but a line end is behind it. Use base64.b64encode.",
        str(base64.b64encode(digest)): "str() of bytes gives b'…', quotes and all. Use .decode().",
        base64.b64encode(digest).decode().rstrip("="): "The sign = at the end belongs to the value.",
        base64.b64encode(hashlib.sha256(both).digest()).decode(): "That is SHA-256. This handshake uses SHA-1.",
        base64.b64encode(hashlib.md5(both).digest()).decode(): "That is MD5. This handshake uses SHA-1.",
        base64.b32encode(digest).decode(): "That is base32. The field has base64.",
    }
    found.setdefault(base64.urlsafe_b64encode(digest).decode(),
                     "This base64 has - and _ in place of + and /: it is the one for addresses. Use base64.b64encode.")
    return found
