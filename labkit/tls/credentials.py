"""Keys, certificates and lists of CAs, as a program gives them: a path, PEM text, or an object that has PEM text.

Rule: returns PEM bytes and the name to call them by; what is wrong with them is told with that name.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from labkit.core import checks
from labkit.core.errors import from_oserror
from labkit.tls.errors import BadPEM

BEGIN = b"-----BEGIN "

# A text that may be a private key without its first line: it is never shown.
_SECRET = re.compile(r"[A-Za-z0-9+/=\s]{60,}").fullmatch


class Material(NamedTuple):
    """PEM bytes. name: of the file, or of the argument that they were given as."""

    pem: bytes
    name: str

    def __repr__(self) -> str:
        return f"<PEM of {self.name}>"  # it may be a private key


def material(given: Any, argument: str, attribute: str) -> Material:
    """What was given as an argument (``"key"``), as PEM. attribute: where an object of `labkit.ca` has it.

    Raises `BadPEM`, and what a file that cannot be read raises (`NotFound`, `PermissionDenied`).
    """
    found = getattr(given, attribute, None)
    if found is not None:
        shown = checks.shown(given)
        if "-----BEGIN" in shown or isinstance(given, tuple):  # a key is not to stand in an error
            shown = f"this {type(given).__name__}"
        return Material(found.encode() if isinstance(found, str) else bytes(found), f"{argument}={shown}")
    if isinstance(given, str) and "-----BEGIN " in given:
        return Material(given.encode("ascii", "replace"), f"the text given as {argument}")
    if isinstance(given, str) and _SECRET(given) and not os.path.exists(given):
        raise BadPEM(
            f"the text given as {argument} is neither a path nor PEM", "PEM begins with a line -----BEGIN …-----."
        )
    if isinstance(given, (bytes, bytearray)):
        return Material(bytes(given), f"the bytes given as {argument}")
    if isinstance(given, (str, os.PathLike)):
        return _from_file(Path(given), argument)
    raise BadPEM(
        f"{argument}={checks.shown(given)} is not a {argument}",
        "Give a path, PEM text, or an object of labkit.ca.", code="ERR_INVALID_ARG_TYPE",
    )  # fmt: skip


def _from_file(path: Path, argument: str) -> Material:
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise from_oserror(error, str(path)) from None
    except ValueError:
        raise BadPEM(f"{argument}={checks.shown(str(path))} is not a path", "It has a zero byte.") from None
    return Material(content, str(path))


def authorities(given: Any) -> tuple[Material, ...]:
    """The CAs that were given: one, or a list of them."""
    many = given if isinstance(given, (list, tuple, set, frozenset)) else [given]
    return tuple(material(each, "ca", "cert_pem") for each in many)


@contextmanager
def as_file(content: bytes) -> Iterator[str]:
    """The path of a file with this content that nobody else can open; it is gone afterwards."""
    if hasattr(os, "memfd_create") and os.path.exists("/proc/self/fd"):
        descriptor = os.memfd_create("labkit-pem")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile(prefix="labkit-") as file:  # mode 0600
        file.write(content)
        file.flush()
        yield file.name
