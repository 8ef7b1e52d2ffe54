"""Exercises on the handshake: what a server has chosen, byte by byte, and what each kind of client sees at its end.

Rule: the bytes decide; a wrong answer is compared with what a known slip reads from the same bytes.
"""

from __future__ import annotations

import random
import struct
from typing import Any, ClassVar

from labkit.exercises.engine import Seeded
from labkit.exercises.form import Field, Form
from labkit.exercises.matching import Case, Matching
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run

SUITES = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256"}
"""Cipher suites of TLS 1.3. Source: RFC 8446 §B.4."""

GROUPS = {0x001D: ("x25519", 32), 0x0017: ("secp256r1", 65), 0x001E: ("x448", 56)}
"""Ways to agree on a secret: (name, bytes of a key share). Source: RFC 8446 §4.2.7, §4.2.8.2."""

KEY_SHARE, VERSIONS = 51, 43
"""Numbers of the two extensions. Source: RFC 8446 §4.2."""

_PARTS = ("suite", "group", "key_share")


class Hello(Seeded):
    """Find the cipher suite and the key share in a ServerHello."""

    name = "tls.hello"
    lesson = "05c-tls-handshake"
    title = "read the choice of a server"
    steps = ("two numbers and bytes", "the cipher suite", "the group of the key share", "the key share")
    stub = 'answer = {"suite": ..., "group": ..., "key_share": ...}\nexercises.tls.hello.check(answer)'
    asks = 'Give check() a dictionary: {"suite": 0x…, "group": 0x…, "key_share": bytes.fromhex("…")}.'
    praise = (
        "The session ID has a length of its own, so the suite stands at another place in each message that has another "
        "one. Nothing in TLS is found by a fixed offset behind it.\n"
        "Everything that you have read is public. The secret is made of the private halves, which never left the two "
        "programs."
    )
    stretch = (
        "a HelloRetryRequest is a ServerHello with a fixed Random, and its key share has a group and no bytes. Capture "
        "one (the lesson does) and read it by hand."
    )
    hints = (
        "Go through the bytes in the order of the list. Each part that can have several lengths has its length in "
        "front.",
        "Byte 0 is the type, bytes 1 to 3 are the length, bytes 4 and 5 the old version, the next 32 are Random. Then "
        "comes one byte, the length of the session ID: skip as many bytes as it says. Then the suite.",
        "Behind the suite are one byte for the compression and two bytes for the length of all extensions. Then go "
        "from extension to extension: two bytes type, two bytes length, content. The key share is of the type 0x0033. "
        "Its content: two bytes group, two bytes length, and the key share.",
    )

    @property
    def form(self) -> Form:
        """As `Exercise.form`."""
        return Form("dict", (Field("suite"), Field("group"), Field("key_share", "bytes")))

    def _make(self, seed: int) -> None:
        rng = random.Random(seed)
        self._suite = rng.choice(sorted(SUITES))
        self._group = rng.choice(sorted(GROUPS))
        size = GROUPS[self._group][1]
        self._share = (b"\x04" if size == 65 else b"") + rng.randbytes(size - (size == 65))
        session = rng.randbytes(rng.choice((0, 32)))
        key = struct.pack("!HHHH", KEY_SHARE, 4 + size, self._group, size) + self._share
        version = struct.pack("!HHH", VERSIONS, 2, 0x0304)
        extensions = key + version if rng.random() < 0.5 else version + key
        self._session = len(session)
        body = b"\x03\x03" + rng.randbytes(32) + bytes([len(session)]) + session + struct.pack("!HB", self._suite, 0)
        body += struct.pack("!H", len(extensions)) + extensions
        self._data = b"\x02" + len(body).to_bytes(3, "big") + body

    @property
    def task(self) -> str:
        rows = "\n".join(
            f"{at:4}  {self._data[at : at + 16].hex(' ')}" for at in range(0, len(self._data), 16)
        )  # fmt: skip
        return (
            "This is a ServerHello without the header of its record; the number in front of each line counts bytes.\n\n"
            f"```text\n{rows}\n```\n\n"
            "In this order: type (1 byte), length (3), version (2), Random (32), session ID (1 byte for its length, "
            "then as many), cipher suite (2), compression (1), length of the extensions (2), the extensions. An "
            "extension is: type (2), length (2), content. The content of `key_share` (type 0x0033) is: group (2), "
            "length (2), the key share.\n\n"
            "Which cipher suite and which group has the server chosen (numbers), and what is its key share (bytes)?"
        )

    def examine(self, answer: Any, run: Run) -> None:
        given = self._given(answer)
        run.step(2)
        if given["suite"] != self._suite:
            raise NotYet("the number of another suite", _hex(given["suite"]), self._why_suite(given["suite"]))
        run.step(3)
        if given["group"] != self._group:
            raise NotYet("the number of another group", _hex(given["group"]), self._why_group(given["group"]))
        run.step(4)
        if given["key_share"] != self._share:
            share = given["key_share"]
            raise NotYet(f"{len(self._share)} bytes", f"{len(share)} bytes: {share[:8].hex(' ')}…",
                         self._why_share(share))

    def _given(self, answer: Any) -> dict[str, Any]:
        if type(answer) is not dict or any(answer.get(part) in (None, ...) for part in _PARTS):
            raise NotYet("suite, group and key_share", show(answer), self.asks)
        found = dict(answer)
        for part in ("suite", "group"):
            if type(found[part]) is bytes and len(found[part]) == 2:
                found[part] = int.from_bytes(found[part], "big")
            if type(found[part]) is not int:
                raise NotYet(f"a number for {part}", show(found[part]), "Write it in hexadecimal: 0x and four digits.")
        if type(found["key_share"]) is str:
            try:
                found["key_share"] = bytes.fromhex(found["key_share"])
            except ValueError:
                raise NotYet("bytes for key_share", show(found["key_share"]),
                             'Write bytes.fromhex("…") with hexadecimal digits.') from None
        if type(found["key_share"]) not in (bytes, bytearray):
            raise NotYet("bytes for key_share", show(found["key_share"]), 'Write bytes.fromhex("…").')
        found["key_share"] = bytes(found["key_share"])
        return found

    def _at(self, start: int) -> int:
        return int.from_bytes(self._data[start : start + 2], "big")

    def _why_suite(self, given: int) -> str:
        swapped = int.from_bytes(self._suite.to_bytes(2, "big"), "little")
        if given == swapped:
            return "The two bytes are the right ones, in the wrong order: in TLS, the first byte is the high one."
        if given == self._at(38):
            return "That is where the length of the session ID stands. It is one byte; the session ID follows it."
        if self._session and given == self._at(39):
            return "That is the beginning of the session ID. Its length is in the byte before it: skip that many."
        if given == self._at(38 + self._session + 2):
            return "One byte further: you have skipped the session ID, and now one byte too many."
        if given == self._at(4):
            return "That is the old field Version. The suite stands behind Random and the session ID."
        if given in SUITES:
            return "That is a cipher suite of TLS 1.3, and not the one that stands here."
        return "Count again: type, length, version, Random are 38 bytes; then the session ID with its length."

    def _why_group(self, given: int) -> str:
        if given == KEY_SHARE:
            return "That is the type of the extension. Its length follows, and then its content begins with the group."
        if given == len(self._share) + 4:
            return "That is the length of the extension. The group is the first part of its content."
        if given == len(self._share):
            return "That is the length of the key share. The group stands in front of it."
        if given in (VERSIONS, 0x0304):
            return "That belongs to the extension supported_versions. Look for the one of the type 0x0033."
        if given == int.from_bytes(self._group.to_bytes(2, "big"), "little"):
            return "The two bytes are in the wrong order: the first byte is the high one."
        return "The group is in the first two bytes of the content of the extension of the type 0x0033."

    def _why_share(self, given: bytes) -> str:
        size = len(self._share).to_bytes(2, "big")
        if given == size + self._share:
            return "The first two bytes are the length. The key share begins behind them."
        if given == struct.pack("!H", self._group) + size + self._share:
            return "That is the whole content of the extension: group, length, key share. Only the last part is asked."
        if given == self._data[6:38]:
            return "That is Random. The key share is in the extension of the type 0x0033."
        if self._share.startswith(given) and given:
            return f"The beginning is right, and {len(self._share) - len(given)} bytes are missing at the end."
        if given.startswith(self._share):
            return f"The beginning is right, and {len(given) - len(self._share)} bytes too many are at the end."
        if self._share.endswith(given) and given:
            return f"{len(self._share) - len(given)} bytes are missing at the beginning."
        return "The key share has as many bytes as the two bytes in front of it say."

    @property
    def worked(self) -> str:
        at = 39 + self._session
        return (
            f"The session ID has {self._session} bytes, so the suite is in bytes {at} and {at + 1}: "
            f"0x{self._suite:04x}, {SUITES[self._suite]}. The extension of the type 0x0033 has the group "
            f"0x{self._group:04x}, {GROUPS[self._group][0]}, with {len(self._share)} bytes.\n\n"
            f'```python\nanswer = {{"suite": 0x{self._suite:04x}, "group": 0x{self._group:04x},\n'
            f'          "key_share": bytes.fromhex("{self._share.hex()}")}}\nexercises.tls.hello.check(answer)\n```'
        )

    @property
    def reference(self) -> Any:
        return {"suite": self._suite, "group": self._group, "key_share": self._share}


def _hex(number: int) -> str:
    return f"0x{number:04x}" if number >= 0 else str(number)


class WhoWasIt(Matching):
    """Which client has written this line?"""

    name = "tls.who_was_it"
    lesson = "05d-mutual-tls"
    title = "which client was it?"
    praise = (
        "The number of the alert tells the cause, and the moment tells the version: in TLS 1.3 a client is connected "
        "before the server has looked at its certificate.\n"
        "A log that says connected says nothing about the certificate of the client."
    )
    stretch = (
        "a client of TLS 1.3 writes a request at once, and never reads. What does its log say, and for how long? Try "
        "it with the server of this lesson."
    )
    intro = (
        "Six clients have tried to use servers. Each has its log, and what the server says about it. The servers speak "
        "TLS 1.2 and TLS 1.3; each client speaks one of the two."
    )
    looks: ClassVar[dict[str, str]] = {
        "none, TLS 1.2": "A client of TLS 1.2 without a certificate gets alert 40 before it is connected.",
        "none, TLS 1.3": "A client of TLS 1.3 without a certificate is connected first; then alert 116 comes.",
        "wrong CA": "A certificate of a CA that the server does not know gives alert 48.",
        "expired": "A certificate that has ended gives alert 45.",
        "right": "A right certificate gives no alert, and authorized is true.",
        "not asked": "If the server does not ask, there is no alert, and authorized is false without an error.",
    }
    cases = (
        Case("client: connected\nclient: read failed, alert 116\nserver: no certificate came", "none, TLS 1.3",
             "It was connected before the alert came, and 116 means certificate required.",
             {"none, TLS 1.2": "The cause is right. But look when the alert came: the client was connected already."}),
        Case("client: connect failed, alert 40\nserver: no certificate came", "none, TLS 1.2",
             "The alert came during the handshake, and TLS 1.2 has no alert for a missing certificate, only 40.",
             {"none, TLS 1.3": "The cause is right. But this client was never connected."}),
        Case("client: connected\nclient: read failed, alert 45\nserver: its certificate was refused", "expired",
             "45 means certificate expired."),
        Case("client: connect failed, alert 48\nserver: its certificate was refused", "wrong CA",
             "48 means unknown CA: nobody in the server's list has signed the certificate.",
             {"expired": "An expired certificate has an alert of its own, 45."}),
        Case("client: connected, read welcome!\nserver: authorized=False, authorization_error=None", "not asked",
             "The server has no reason against the client: it has not looked.",
             {"none, TLS 1.3": "A server that asks would know a reason: its authorization_error would not be None.",
              "right": "Then authorized would be true."}),
        Case("client: connected, read welcome!\nserver: authorized=True, authorization_error=None", "right",
             "The server has verified a certificate.",
             {"not asked": "A server that does not ask verifies nothing, so authorized would be false."}),
    )
    hints = (
        "First the number: which cause does each alert name? The table of alerts in the lesson has their numbers.",
        "Then the moment: in which version is a client connected before the server has judged it?",
        "40 and 116 are both about a missing certificate; 45 is about time, 48 about the CA.",
    )


