"""Text from bytes that are cut anywhere: what `Readable.set_encoding` puts between the two.

Rule: one encoding, and the bytes of one character that is not whole yet.
"""

from __future__ import annotations

import codecs

from labkit.core.errors import BadArgument


class Decoder:
    """Decodes a stream piece by piece. encoding: one that `labkit.core.checks.encoding` has passed."""

    __slots__ = ("_decoder", "_encoding")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def decode(self, data: bytes) -> str:
        """The text of the next bytes, without a last character that is not whole."""
        return self._decoder.decode(data)

    @property
    def pending(self) -> bytes:
        """The first bytes of a character of which the others have not come yet."""
        return self._decoder.getstate()[0]

    def forget(self) -> bytes:
        """Returns what is pending, which is not pending any more."""
        pending = self.pending
        if pending:
            self._decoder.setstate((b"", self._decoder.getstate()[1]))
        return pending

    def rest(self) -> str:
        """The text of what is pending if nothing more comes."""
        return self._decoder.decode(b"", True)

    def encode(self, text: str) -> bytes:
        """The bytes that were this text; raises `BadArgument` if there are none."""
        try:
            return text.encode(self._encoding)
        except UnicodeError:
            raise BadArgument(
                f"this text cannot be put back: {self._encoding} has no bytes for it", "Put back bytes."
            ) from None
