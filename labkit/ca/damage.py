"""What the package cryptography raises for bytes that are not what they should be, in one place.

Rule: damage of a file or a request is told as one `LabError`; a fault of ours passes through.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from labkit.core.errors import LabError

DAMAGE = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""They have no base in common. TypeError: a name whose text is a string of bits."""


@contextlib.contextmanager
def told(what: str, todo: str, kind: type[LabError] = LabError) -> Iterator[None]:
    """Tell any damage that shows inside the block in these words. A `LabError` passes through."""
    try:
        yield
    except LabError:
        raise
    except DAMAGE as error:
        raise kind(what, todo) from error
