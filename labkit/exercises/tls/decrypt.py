"""An exercise on records: open one with the secret of its direction and its number, as TLS 1.3 does.

Rule: real connections give most of the records; a wrong answer is told what is wrong, as far as that can be known.
"""

from __future__ import annotations

import hmac
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from labkit import ca
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run, failed
from labkit.exercises.tcp.serving import check_plain
from labkit.exercises.tls import taped

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HASH, KEY, IV = "sha384", 32, 12
"""Of TLS_AES_256_GCM_SHA384. Source: RFC 8446 §B.4, §7.3."""

HANDSHAKE, DATA = 22, 23


def expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label for at most 48 bytes. Source: RFC 8446 §7.1."""
    name = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return hmac.digest(secret, info + b"\1", HASH)[:size]


def open_record(secret: bytes, record: bytes, number: int) -> tuple[int, bytes]:
    """The type and the content of a record; the reference answer. Source: RFC 8446 §5.2, §5.3."""
    key, iv = expand(secret, b"key", KEY), expand(secret, b"iv", IV)
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(IV, "big")
    inside = _cipher(key).decrypt(nonce, record[5:], record[:5]).rstrip(b"\0")
    return inside[-1], inside[:-1]


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # not before: every lesson imports this module

    return AESGCM(key)


def seal(secret: bytes, kind: int, content: bytes, number: int, padding: int = 0) -> bytes:
    """A record with this content, as a sender makes it."""
    inside = content + bytes([kind]) + bytes(padding)
    header = b"\x17\x03\x03" + (len(inside) + 16).to_bytes(2, "big")
    nonce = (int.from_bytes(expand(secret, b"iv", IV), "big") ^ number).to_bytes(IV, "big")
    return header + _cipher(expand(secret, b"key", KEY)).encrypt(nonce, inside, header)


@dataclass(frozen=True)
class Sealed:
    """A record to open. step: of the exercise. about: what is special. kind, content: what is inside."""

    step: int
    about: str
    secret: bytes
    record: bytes
    number: int
    kind: int
    content: bytes


SOURCE = '''import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

def expand(secret, label, size):
    name = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\\0"
    return hmac.digest(secret, info + b"\\1", "sha384")[:size]

def open_record(secret, record, number):
    key, iv = expand(secret, b"key", 32), expand(secret, b"iv", 12)
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    inside = AESGCM(key).decrypt(nonce, record[5:], record[:5]).rstrip(b"\\0")
    return inside[-1], inside[:-1]
'''


class Decrypt(Exercise):
    """Open a record of TLS 1.3."""

    name = "tls.decrypt"
    lesson = "05c-tls-handshake"
    title = "open a record by hand"
    steps = ("a function of a secret, a record and its number", "record 0 of the client: a request",
             "a later record of the server: an answer", "a record of the handshake", "a record with padding",
             "record 70,000", "a record in which a bit was changed")
    stub = "def open_record(secret, record, number):\n    ...\n\nexercises.tls.decrypt.check(open_record)"
    asks = "Give check() the function itself: check(open_record)."
    praise = (
        "This is all that TLS 1.3 does with each record. The number is not in the record: both sides count, so nobody "
        "can leave one out or play one again.\n"
        "The header is protected and not encrypted; the real type is encrypted, behind the content."
    )
    stretch = (
        "after a KeyUpdate, the next secret is expand(secret, b\"traffic upd\", 48), and the numbers begin at 0 again. "
        "Write a class that opens a whole direction of a tape."
    )
    task = (
        "Write the function `open_record(secret, record, number)`. `secret` is a secret of the key log (48 bytes), "
        "`record` a record of TLS 1.3 with its header of five bytes, `number` its number. The cipher suite is "
        "TLS_AES_256_GCM_SHA384: SHA-384, a key of 32 bytes, an IV of 12 bytes. Return a tuple: the real type of the "
        "record (a number, such as 23) and its content, without the type and without padding.\n\n"
        "Inside of a record are the content, then the type in one byte, then as many zero bytes of padding as the "
        "sender likes (mostly none). If the record was changed on its way, the function must raise an error: "
        "`AESGCM.decrypt` does this by itself."
    )
    hints = (
        "The cells above have all the parts: `expand`, the nonce, `AESGCM(key).decrypt(nonce, bytes, header)`. What "
        "do you have to do with what comes out?",
        "The nonce: `(int.from_bytes(iv, \"big\") ^ number).to_bytes(12, \"big\")`. `record[:5]` is the header, "
        "`record[5:]` is encrypted.",
        "`inside.rstrip(b\"\\0\")` takes the padding away. Then the last byte is the type, and the rest is the "
        "content: `return inside[-1], inside[:-1]`.",
    )
    worked = (
        "The secret gives the key and the IV, the number gives the nonce. AES-GCM decrypts and checks. Inside, the "
        f"type is the last byte that is not zero.\n\n```python\n{SOURCE}\nexercises.tls.decrypt.check(open_record)\n```"
    )
    reference = staticmethod(open_record)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function open_record", self.asks)
        run.beat(5)
        cases = _cases()
        for at, case in enumerate(cases):
            if at:
                run.step(case.step)
            self._try(answer, case, run, first=not at)
        run.step(7)
        case = cases[1]
        for bit in (-1, 1, 20):
            broken = bytearray(case.record)
            broken[bit] ^= 1
            where = "its header" if bit == 1 else "its tag" if bit == -1 else "its encrypted bytes"
            run.beat()
            try:
                returned = answer(case.secret, bytes(broken), case.number)
            except Exception:
                continue
            raise NotYet("an error", show(returned),
                         f"One bit of {where} was changed. Let the error of AESGCM.decrypt through, and give it the "
                         "header of this record.")

    def _try(self, answer: Any, case: Sealed, run: Run, *, first: bool) -> None:
        doing = f"open_record(secret, record of {len(case.record)} bytes, {case.number})"

        def call() -> Any:
            try:
                return run.call(doing, lambda: _without_tag_errors(answer, case), first=first)
            finally:
                if not first:
                    run.number = case.step

        from cryptography.exceptions import InvalidTag

        returned = call()
        if first:
            run.step(case.step)
        if isinstance(returned, InvalidTag):
            found = failed(doing, returned)
            found.why = _why_closed(case)
            raise found
        if type(returned) not in (tuple, list) or len(returned) != 2:
            raise NotYet("a tuple: type, content", show(returned), _why_no_pair(returned, case))
        kind, content = returned
        if type(content) is bytearray:
            content = bytes(content)
        if type(kind) is not int or type(content) is not bytes:
            raise NotYet("a number and bytes", show((kind, content)), _why_kinds(kind, content))
        if (kind, content) != (case.kind, case.content):
            raise NotYet(show((case.kind, case.content)), show((kind, content)), _why(kind, content, case))


def _without_tag_errors(answer: Any, case: Sealed) -> Any:
    from cryptography.exceptions import InvalidTag

    try:
        return answer(case.secret, case.record, case.number)
    except InvalidTag as error:
        return error


@cache
def _identity() -> tuple[ca.Identity, ca.CA]:
    root = ca.CA("Exercise CA")
    return root.issue(taped.HOST), root


def _cases() -> tuple[Sealed, ...]:
    """New records: three of a real connection, and two that OpenSSL does not make by itself."""
    rng = random.Random(13)
    secret = rng.randbytes(48)
    padded = seal(secret, DATA, b"yes\n", 3, padding=60)
    empty = seal(secret, DATA, b"zeros at the end\0\0", 4, padding=0)
    late = seal(secret, DATA, b"still here\n", 70_000)
    return (
        *_real(),
        Sealed(5, "padding", secret, padded, 3, DATA, b"yes\n"),
        Sealed(5, "zeros of the content", secret, empty, 4, DATA, b"zeros at the end\0\0"),
        Sealed(6, "a large number", secret, late, 70_000, DATA, b"still here\n"),
    )


def _real() -> Iterator[Sealed]:
    made = taped.connection(*_identity())
    secrets = {line.split()[0]: bytes.fromhex(line.split()[2]) for line in made.log}
    records = [each for each in made.tape.with_secrets(made.log).records if each.encrypted]
    for step, sender, kind, label in (
        (2, "client", "application_data", "CLIENT_TRAFFIC_SECRET_0"),
        (3, "server", "application_data", "SERVER_TRAFFIC_SECRET_0"),
        (4, "server", "handshake", "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
    ):
        mine = [each for each in records if each.sender == sender]
        # With each new secret the numbers begin at 0: that is behind Finished.
        end = next(at for at, each in enumerate(mine, 1) if each.messages and each.messages[-1].kind == "Finished")
        under = mine[:end] if "HANDSHAKE" in label else mine[end:]
        number, record = next((at, each) for at, each in enumerate(under) if each.kind == kind)
        content = record.content
        assert content is not None
        yield Sealed(step, "real", secrets[label], record.data, number, DATA if step < 4 else HANDSHAKE, content)


def _why_closed(case: Sealed) -> str:
    if case.step == 2:
        return (
            "The tag does not fit, so the key, the nonce or the header is wrong. The number is 0 here, so the nonce is "
            "the IV as it is. Key: the label b\"key\", 32 bytes. IV: the label b\"iv\", 12 bytes. The header are the "
            "five bytes in front."
        )
    if case.step == 3:
        return f"With number 0 it worked, so key and IV are right. This is number {case.number}: the nonce has it."
    if case.step == 6:
        return "With small numbers it worked. This one is larger than one or two bytes: XOR the whole IV with it."
    return "With the records before it worked: look at what is different in this one, its number and its length."


def _why_no_pair(returned: Any, case: Sealed) -> str:
    if type(returned) in (bytes, bytearray):
        if bytes(returned) == case.content:
            return "That is the content. Return the type, too: (23, content)."
        if bytes(returned).rstrip(b"\0")[:-1] == case.content:
            return "It is open. The last byte is the type: return it apart, (type, content)."
    return "Return two things: return kind, content."


def _why_kinds(kind: Any, content: Any) -> str:
    if type(kind) in (bytes, bytearray) and type(content) is int:
        return "The type comes first, then the content."
    if type(kind) in (bytes, bytearray):
        return "inside[-1:] is bytes; inside[-1] is a number."
    if type(content) is str:
        return "Leave the content as bytes: a record can have anything."
    return "The type is a number from 20 to 24, the content is bytes."


def _why(kind: int, content: bytes, case: Sealed) -> str:
    if content == case.content:
        if kind == DATA:
            return "23 is the type in the header, which is the same for all encrypted records. The real type is inside."
        return "The type is the last byte inside that is not zero."
    if kind == 0:
        return "Zero is padding. Take the zeros at the end away; then the type is the last byte."
    if content.rstrip(b"\0") == case.content.rstrip(b"\0"):
        return "Zeros behind the type are padding; zeros in front of the type belong to the content."
    if content == case.content + bytes([case.kind]):
        return "The type is still behind the content: inside[:-1] leaves it out."
    return "It is open, and what is returned as the content is not the content: it stands in front of the type."
