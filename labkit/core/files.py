"""Write a file whole or not at all: a reader, or a crash, never sees half of it.

Rule: knows nothing of what is in a file; the caller turns errors into messages.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write content beside path, then move it there; makes missing directories. If writing fails, path is as before.

    private: only this user may read the file; otherwise the process's umask decides. Raises `OSError`, or `ValueError`
    for text that cannot be a path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Each call has its own name: two programs that save to the same path must not write into one file.
    part = path.with_name(f".labkit-{os.urandom(8).hex()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
