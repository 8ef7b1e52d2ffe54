"""Compressed capture files: gzip is unpacked, and other formats are recognised by their first bytes.

Rule: bytes in, bytes out, never more than a limit; a stream that is cut off gives what can be unpacked of it.
"""

from __future__ import annotations

import zlib

from labkit.core.errors import BadCapture

GZIP = b"\x1f\x8b"
_OTHERS = {
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"\x04\x22\x4d\x18": ("LZ4", "unlz4"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"BZh": ("bzip2", "bunzip2"),
    b"PK\x03\x04": ("ZIP", "unzip"),
}
_PIECE = 1 << 16
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


def unpacked(data: bytes, name: str, limit: int) -> tuple[bytes, str]:
    """Return (the bytes of a file without its compression, what is missing).

    data: the file. name: what to call the file in an error. limit: bytes of the result at most. What is missing is
    ``""`` for a whole file, otherwise a sentence. Raises `BadCapture` for other formats than gzip, for a file that
    unpacks to more than the limit, and if nothing can be unpacked. Source: RFC 1952 (gzip).
    """
    for start, (kind, program) in _OTHERS.items():
        if data.startswith(start):
            raise BadCapture(f"{name} at byte 0: it is compressed with {kind}", f"Unpack it first: {program} {name}.")
    if not data.startswith(GZIP):
        return data, ""
    pieces: list[bytes] = []
    size = 0
    stream = zlib.decompressobj(_WITH_GZIP_HEADER)
    todo = data
    missing = ""
    while todo:
        try:
            piece = stream.decompress(todo, _PIECE)
        except zlib.error as error:
            missing = f"the gzip data is damaged ({_plain(error)}); what followed is missing"
            break
        size += len(piece)
        if size > limit:
            raise too_large(name, limit)
        pieces.append(piece)
        todo = stream.unconsumed_tail
        if stream.eof:
            todo = stream.unused_data
            if not todo.startswith(GZIP):  # zeros behind the last member are padding, as gzip takes them
                break
            stream = zlib.decompressobj(_WITH_GZIP_HEADER)
        elif not todo and len(piece) < _PIECE:
            break
    if not missing and not stream.eof:
        missing = "the gzip data ends too early; what followed is missing"
    if missing and not size:
        raise BadCapture(f"{name} at byte 0: {missing}", "The file is not whole: copy or download it again.")
    return b"".join(pieces), missing


def _plain(error: zlib.error) -> str:
    """What zlib says, without its error number."""
    return str(error).rpartition(": ")[2]


def too_large(name: str, limit: int) -> BadCapture:
    """The error for a file that has too many bytes. limit: bytes."""
    return BadCapture(
        f"{name} has more than {limit >> 20} MB", "Cut it first: editcap -r in.pcapng out.pcapng 1-100000."
    )
