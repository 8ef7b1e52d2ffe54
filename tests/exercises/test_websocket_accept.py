"""The accept value: functions as students write them, each refused for its own slip; two libraries agree."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from websockets.utils import accept_key
from wsproto.utilities import generate_accept_token

from labkit.exercises import Outcome
from labkit.exercises.websocket import accept
from labkit.exercises.websocket.accept import GUID, SAMPLE, _keys, slips
from labkit.exercises.websocket.accept import accept as right
from tests.exercises.answers import refused


def value(data: bytes) -> str:
    return base64.b64encode(hashlib.sha1(data).digest()).decode()


def in_parts(key: str) -> str:
    """Right, with update()."""
    digest = hashlib.sha1()
    digest.update(key.encode("ascii"))
    digest.update(GUID.encode("ascii"))
    return str(base64.encodebytes(digest.digest()).strip(), "ascii")


def from_hexadecimal(key: str) -> str:
    """Right, the long way round."""
    return base64.b64encode(bytes.fromhex(hashlib.sha1((key + GUID).encode()).hexdigest())).decode()


@pytest.mark.parametrize("answer", [right, in_parts, from_hexadecimal])
def test_right(answer: Any) -> None:
    result = accept.check(answer)
    assert result.correct, result


@pytest.mark.parametrize(("answer", "step", "message"), [
    (lambda key: right(key).encode(), 1, "makes text of these bytes"),
    (lambda key: hashlib.sha1((key + GUID).encode()), 1, "method digest()"),
    (lambda key: {"Sec-WebSocket-Accept": right(key)}, 1, "and nothing else"),
    (lambda key: hashlib.sha1(key + GUID).digest(), 1, ""),  # TypeError: text in place of bytes
    (lambda key: value((key + GUID.replace("C5AB0D", "C5ABOD")).encode()), 2, "not the letter O"),
    (lambda key: value((key + GUID.lower()).encode()), 2, "capital letters"),
    (lambda key: value((key + GUID.replace("-", "")).encode()), 2, "hyphens"),
    (lambda key: value(key.encode()), 2, "The fixed text is missing"),
    (lambda key: value((GUID + key).encode()), 2, "The key comes first"),
    (lambda key: value(base64.b64decode(key) + GUID.encode()), 2, "decoded before SHA-1"),
    (lambda key: value(base64.b64decode(key)), 2, "And the fixed text is missing"),
    (lambda key: hashlib.sha1((key + GUID).encode()).hexdigest(), 2, "in hexadecimal"),
    (lambda key: base64.b64encode(hashlib.sha1((key + GUID).encode()).hexdigest().encode()).decode(), 2,
     "the 40 characters of hexdigest()"),
    (lambda key: right(key) + "\n", 2, "a line end is behind it"),
    (lambda key: str(base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())), 2, "quotes and all"),
    (lambda key: right(key)[:-1], 2, "belongs to the value"),
    (lambda key: base64.b64encode(hashlib.sha256((key + GUID).encode()).digest()).decode(), 2, "That is SHA-256"),
    (lambda key: key, 2, "This belongs to the key of RFC 6455"),
    (lambda key: "secret", 2, "None of the usual slips"),
    (lambda key: right(SAMPLE), 3, "This belongs to the key of RFC 6455"),
    (lambda key: right(key).replace("+", "-").replace("/", "_") if key != SAMPLE else right(key), 3, "- and _"),
    (lambda key: right(key) if key == SAMPLE else None, 3, "It returned text for the first key"),
    (lambda key: right(key) if key == SAMPLE else 1 // 0, 3, ""),
    (right(SAMPLE), 1, "Give check() the function itself"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    refused(accept, answer, step, message)


def test_an_error_is_shown_with_its_line() -> None:
    def mixes(key: str) -> bytes:
        return hashlib.sha1(key + GUID).digest()  # type: ignore[operator]

    result = accept.check(mixes)
    assert result.outcome is Outcome.NOT_YET
    assert "TypeError" in result.seen
    assert any("in mixes" in line for line in result.frames)


def test_no_slip_gives_the_right_value() -> None:
    """Otherwise a right answer would be told that it is wrong; and each slip has words of its own."""
    for key in (SAMPLE, *_keys()):
        found = slips(key)
        different = {made: words for made, words in found.items() if made != right(key)}
        assert len(different) >= len(found) - 1, "only the base64 for addresses may agree by accident"
        assert len(set(different.values())) == len(different)


def test_libraries_agree() -> None:
    assert right(SAMPLE) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    for key in (SAMPLE, *_keys()):
        assert right(key) == accept_key(key) == generate_accept_token(key.encode()).decode()


def test_keys_are_as_a_client_makes_them() -> None:
    keys = _keys()
    assert len(set(keys)) == len(keys)
    assert all(len(base64.b64decode(key, validate=True)) == 16 for key in keys)
