"""The field Sec-WebSocket-Extensions: its grammar, and what permessage-deflate is agreed on by it.

Rule: text in, values out; the compression itself is deflate.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labkit.core import checks
from labkit.core.errors import BadArgument
from labkit.websocket.handshake import BadHandshake

NAME = "permessage-deflate"

_PART = re.compile(
    r"""[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*                               # a name
        (?:=[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\]|\\.)*)")[ \t]*)? # a value: a token, quoted or not
        ([;,]|$)""",
    re.VERBOSE,
)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_BITS = re.compile(r"8|9|1[0-5]").fullmatch

Extension = tuple[str, list[tuple[str, str | None]]]
"""A name, and its parameters: name and value, or None for no value."""


class PerMessageDeflate(NamedTuple):
    """What may be agreed on (RFC 7692 section 7.1), and how we compress.

    server_no_context_takeover, client_no_context_takeover: that side compresses each message for itself: less memory,
    worse compression. server_max_window_bits, client_max_window_bits: 8 to 15; that side looks back 2**bits bytes.
    threshold: bytes; shorter messages are sent as they are. level: of zlib, 1 (fast) to 9. memory: of zlib, 1 to 9.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
    threshold: int = 1024
    level: int = 6
    memory: int = 8


def check_option(value: Any) -> PerMessageDeflate | None:
    """The argument ``per_message_deflate``: False or None for no, True, a dictionary, or a `PerMessageDeflate`."""
    if value is None or value is False:
        return None
    if value is True:
        return PerMessageDeflate()
    if isinstance(value, PerMessageDeflate):
        found = value
    elif isinstance(value, Mapping) and set(value) <= set(PerMessageDeflate._fields):
        found = PerMessageDeflate(**value)
    else:
        known = ", ".join(PerMessageDeflate._fields)
        raise BadArgument(
            f"per_message_deflate={checks.shown(value)} is not an answer",
            f"Give True, False, or a dictionary of {known}.",
        )
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        checks.flag(getattr(found, name), name)
    checks.whole(found.server_max_window_bits, "server_max_window_bits", 8, 15)
    checks.whole(found.client_max_window_bits, "client_max_window_bits", 8, 15)
    checks.whole(found.threshold, "threshold", 0)
    checks.whole(found.level, "a level of zlib", 1, 9)
    checks.whole(found.memory, "a memory level of zlib", 1, 9)
    return found


def parsed(values: Sequence[str], *, status: int | None = 400) -> list[Extension]:
    """The extensions that the fields name, in their order. Raises `BadHandshake` for what breaks the grammar.

    Source: RFC 6455 section 9.1.
    """
    found: list[Extension] = []
    for value in values:
        at, new = 0, True
        while True:
            part = _PART.match(value, at)
            text = None if part is None else part[2] if part[2] is not None else part[3]
            if part is not None and part[3] is not None:
                text = re.sub(r"\\(.)", r"\1", part[3])
            bad = part is None or (new and text is not None) or (text is not None and not _TOKEN(text))
            if part is None or bad:
                raise BadHandshake(f"Sec-WebSocket-Extensions is {checks.shown(value)}", "See RFC 6455.", status=status)
            if new:
                found.append((part[1], []))
            else:
                found[-1][1].append((part[1], text))
            if not part[4]:
                break
            at, new = part.end(), part[4] == ","
    return found


def offer(options: PerMessageDeflate) -> str:
    """What a client offers. Source: RFC 7692 section 7.1."""
    words = [NAME]
    words += [name for name in ("server_no_context_takeover", "client_no_context_takeover") if getattr(options, name)]
    if options.server_max_window_bits < 15:
        words.append(f"server_max_window_bits={options.server_max_window_bits}")
    limit = "" if options.client_max_window_bits == 15 else f"={options.client_max_window_bits}"
    return "; ".join([*words, f"client_max_window_bits{limit}"])


def answer(values: Sequence[str], options: PerMessageDeflate | None) -> PerMessageDeflate | None:
    """What a server agrees on: the first offer that it can keep; None: nothing. options: what it wants itself.

    Raises `BadHandshake` for what breaks the grammar. Source: RFC 7692 section 7.1 (who may limit what).
    """
    for name, pairs in parsed(values):
        said = _parameters(pairs) if options is not None and name.lower() == NAME else None
        if said is None or options is None:
            continue  # another extension, or an offer that is to be declined (section 7.1)
        limit = said.get("client_max_window_bits")
        if options.client_max_window_bits < 15 and "client_max_window_bits" not in said:
            continue  # the client does not let itself be limited
        if "server_max_window_bits" in said and said["server_max_window_bits"] is None:
            continue
        return options._replace(
            server_no_context_takeover=options.server_no_context_takeover or "server_no_context_takeover" in said,
            client_no_context_takeover=options.client_no_context_takeover or "client_no_context_takeover" in said,
            server_max_window_bits=min(options.server_max_window_bits, said.get("server_max_window_bits") or 15),
            client_max_window_bits=min(options.client_max_window_bits, limit or 15),
        )
    return None


def response(agreed: PerMessageDeflate) -> str:
    """The field by which a server says what it has agreed on."""
    words = [NAME]
    words += [name for name in ("server_no_context_takeover", "client_no_context_takeover") if getattr(agreed, name)]
    for name in ("server_max_window_bits", "client_max_window_bits"):
        if getattr(agreed, name) < 15:
            words.append(f"{name}={getattr(agreed, name)}")
    return "; ".join(words)


def accepted(values: Sequence[str], offered: PerMessageDeflate | None) -> PerMessageDeflate | None:
    """What a server has agreed on, if it is what the client offered; None: nothing. Raises `BadHandshake`.

    Source: RFC 7692 section 7.1.
    """
    named = parsed(values, status=None)
    if not named:
        return None
    words = checks.shown(", ".join(values))
    if offered is None or len(named) > 1 or named[0][0].lower() != NAME:
        raise BadHandshake(
            f"the server uses the extension {words}, and the client did not offer that",
            "A server may only use what was offered.", status=None,
        )  # fmt: skip
    said = _parameters(named[0][1])
    fits = said is not None and all(
        said.get(name, 15) is not None and (said.get(name) or 15) <= getattr(offered, name)
        for name in ("server_max_window_bits", "client_max_window_bits")
        if name in said or name == "server_max_window_bits"
    )
    if said is None or not fits or (offered.server_no_context_takeover and "server_no_context_takeover" not in said):
        raise BadHandshake(
            f"the server answers {words}, and the client offered {offer(offered)!r}",
            "A server may only use what was offered.", status=None,
        )  # fmt: skip
    return offered._replace(
        server_no_context_takeover="server_no_context_takeover" in said,
        client_no_context_takeover=offered.client_no_context_takeover or "client_no_context_takeover" in said,
        server_max_window_bits=said.get("server_max_window_bits") or 15,
        client_max_window_bits=min(offered.client_max_window_bits, said.get("client_max_window_bits") or 15),
    )


def _parameters(pairs: list[tuple[str, str | None]]) -> dict[str, int | None] | None:
    """The parameters of permessage-deflate by name; None if one is unknown, comes twice, or has a wrong value."""
    found: dict[str, int | None] = {}
    for name, value in pairs:
        takes_value = name in ("server_max_window_bits", "client_max_window_bits")
        if name in found or not (takes_value or name in ("server_no_context_takeover", "client_no_context_takeover")):
            return None
        if value is not None and not (takes_value and _BITS(value)):
            return None
        found[name] = None if value is None else int(value)
    return found
