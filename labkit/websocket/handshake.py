"""The opening handshake: what a client asks, what a server answers, and how each checks the other.

Rule: header fields in, header fields or an error out; no socket. Nothing is agreed on that was not offered.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from labkit.core import checks
from labkit.core.errors import BadArgument, LabError
from labkit.http.headers import tokens

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a server puts behind the client's key. Source: RFC 6455 section 1.3."""

VERSION = "13"
"""The only version of the protocol that was ever standardised. Source: RFC 6455 section 4.1."""

SAME = "same"
"""``origins=SAME``: of browsers, only pages of the server's own host and port may connect."""

_KEY = re.compile(r"[+/0-9A-Za-z]{22}==").fullmatch
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/]").match
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

Fields = Mapping[str, Sequence[str]]
"""Lower-case name -> the values of all fields of this name."""


class BadHandshake(LabError):
    """A handshake that is refused. status: what a server answers; at a client, what the server has answered, or None.

    headers: fields that belong to the answer.
    """

    def __init__(
        self, what: str, todo: str = "", *, status: int | None = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(what, todo)
        self.status = status
        self.headers = dict(headers or {})


class Request(NamedTuple):
    """What a client's request says. key: Sec-WebSocket-Key. protocols, extensions: what it offers, in its order."""

    key: str
    protocols: tuple[str, ...]
    extensions: tuple[str, ...]


class Response(NamedTuple):
    """What a server's response says. protocol: the one that it chose, or "". extensions: the values of that field."""

    protocol: str
    extensions: tuple[str, ...]


def new_key() -> str:
    """The key of a request: 16 random bytes in base64, new for each connection. Source: RFC 6455 section 4.1."""
    return base64.b64encode(os.urandom(16)).decode("ascii")


def accept_value(key: str) -> str:
    """What a server answers to a key: the SHA-1 of the key and `GUID`, in base64.

    It proves that the server has understood the request as one for WebSocket; it keeps no secret.
    Source: RFC 6455 section 4.2.2, whose example is ``accept_value("dGhlIHNhbXBsZSBub25jZQ==")``.
    """
    digest = hashlib.sha1((checks.text(key, "a key") + GUID).encode("ascii", "replace"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def check_protocols(protocols: Any) -> tuple[str, ...]:
    """Return subprotocols as a tuple: each is a token, and none comes twice. Raises `BadArgument`."""
    given = (protocols,) if isinstance(protocols, str) else protocols
    if not isinstance(given, (list, tuple)):
        raise BadArgument(f"{checks.shown(protocols)} are not subprotocols", 'Give a list: ["chat", "superchat"].')
    for each in given:
        if not isinstance(each, str) or not _TOKEN(each):
            raise BadArgument(f"{checks.shown(each)} is not a subprotocol", "Use letters, digits, points and hyphens.")
    if len(set(given)) < len(given):
        raise BadArgument("a subprotocol is named twice", "Name each once.")
    return tuple(given)


def check_origins(origins: Any) -> Any:
    """Return the argument ``origins`` if it is one: `SAME`, ``"*"``, or a list of origins. Raises `BadArgument`."""
    if origins in (SAME, "*"):
        return origins
    if isinstance(origins, (list, tuple, set, frozenset)) and all(_is_origin(each) for each in origins):
        return frozenset(each.rstrip("/").lower() for each in origins)
    raise BadArgument(
        f"{checks.shown(origins)} are not origins",
        'Give a list such as ["http://127.0.0.1:8000"] (with http:// or https://), or "*" for every page, or nothing '
        "for those of this server.",
    )


def _is_origin(value: Any) -> bool:
    return isinstance(value, str) and (
        value == "null" or re.match(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/]", value) is not None
    )


RESERVED = frozenset({"upgrade", "connection", "content-length", "transfer-encoding"})
"""Fields that a program cannot set in its request, and all whose names begin with sec-websocket-."""


def check_headers(fields: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return more fields for a request, if none of them is the handshake's own. Raises `BadArgument`."""
    for name, _ in fields:
        if str(name).lower() in RESERVED or str(name).lower().startswith("sec-websocket-"):
            raise BadArgument(f"the handshake has its own field {name}", "Leave it out of headers=.")
    return list(fields)


# -- at the server


def check_request(method: str, version: str, fields: Fields) -> Request:
    """Check what a client asks for. method, version: of the request (``"GET"``, ``"1.1"``).

    Raises `BadHandshake`, whose ``status`` answers the mistake: 405 for another method, 426 for another version of
    WebSocket, 400 for the rest. Source: RFC 6455 section 4.2.1.
    """
    if method != "GET":
        words = f"the handshake is a {method} request"
        raise BadHandshake(words, "It must be GET.", status=405, headers={"Allow": "GET"})
    if version != "1.1":
        raise BadHandshake(f"the handshake is of HTTP/{version}", "It must be HTTP/1.1.")
    _expect(fields, "upgrade", "websocket")
    _expect(fields, "connection", "upgrade")
    spoken = fields.get("sec-websocket-version", ())
    if len(spoken) != 1 or spoken[0] != VERSION:
        said = ", ".join(spoken) or "missing"
        raise BadHandshake(
            f"Sec-WebSocket-Version is {said}", f"This server speaks version {VERSION}.", status=426,
            headers={"Sec-WebSocket-Version": VERSION, "Upgrade": "websocket"},
        )  # fmt: skip
    keys = fields.get("sec-websocket-key", ())
    if len(keys) != 1 or not _KEY(keys[0]):
        said = checks.shown(keys[0]) if len(keys) == 1 else "missing" if not keys else "sent more than once"
        raise BadHandshake(f"Sec-WebSocket-Key is {said}", "It is 16 bytes in base64.")
    return Request(
        keys[0], offered(fields.get("sec-websocket-protocol", ())), tuple(fields.get("sec-websocket-extensions", ()))
    )


def offered(values: Sequence[str]) -> tuple[str, ...]:
    """The subprotocols that a request offers. Raises `BadHandshake` for what is no list of tokens, or names one twice.

    Source: RFC 6455 section 4.1.
    """
    found = [each.strip(" \t") for value in values for each in value.split(",")]
    if not all(_TOKEN(each) for each in found) or len(set(found)) < len(found):
        raise BadHandshake("Sec-WebSocket-Protocol is not a list of different tokens", "Offer each subprotocol once.")
    return tuple(found)


def check_origin(origins: Any, fields: Fields, encrypted: bool = False) -> None:
    """Refuse (403) a page of a browser that may not connect. origins: see `check_origins`.

    encrypted: whether the connection is TLS. Then `SAME` means a page that came by TLS, too: somebody on the way can
    serve any page of plain HTTP. (The other way round there may be a proxy at which TLS ends.)

    A program that is no browser sends no Origin, and may connect: Origin protects users of browsers, whose cookies
    another site's page would use. Source: RFC 6455 section 10.2.
    """
    said = fields.get("origin", ())
    if origins == "*" or not said:
        return
    origin = said[0].lower()
    if len(said) > 1:
        allowed = False
    elif origins == SAME:
        hosts = fields.get("host", ())
        page = _place(origin, "")
        scheme = origin.partition(":")[0]
        allowed = page is not None and len(hosts) == 1 and page == _place(f"//{hosts[0].lower()}", scheme)
        allowed = allowed and not (encrypted and scheme == "http")
    else:
        allowed = origin in origins
    if not allowed:
        raise BadHandshake(
            f"a page of {checks.shown(', '.join(said))} may not connect", "The server's origins= says which may.",
            status=403,
        )  # fmt: skip


def _place(url: str, scheme: str) -> tuple[str, int] | None:
    """Host and port of an origin, or of a Host field with ``//`` before it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    usual = _PORTS.get(parts.scheme or scheme)
    if not parts.hostname or (port is None and usual is None):
        return None
    return parts.hostname, port if port is not None else usual or 0


def choose(supported: Sequence[str], request: Request) -> str:
    """The first subprotocol that the client offers and the server supports; ``""``: there is none."""
    return next((each for each in request.protocols if each in supported), "")


# -- at the client


def check_response(fields: Fields, key: str, protocols: Sequence[str]) -> Response:
    """Check what a server answers with 101. key, protocols: of the request.

    Raises `BadHandshake`. Source: RFC 6455 section 4.1; for a subprotocol that was asked for and not chosen, the Fetch
    standard, by which browsers go.
    """
    _expect(fields, "upgrade", "websocket", status=None)
    _expect(fields, "connection", "upgrade", status=None)
    accepts = fields.get("sec-websocket-accept", ())
    if len(accepts) != 1 or accepts[0] != accept_value(key):
        said = checks.shown(", ".join(accepts)) if accepts else "missing"
        raise BadHandshake(
            f"Sec-WebSocket-Accept is {said}, and {accept_value(key)} belongs to the key {key}",
            "The server must take SHA-1 of the key and the GUID, in base64.", status=None,
        )  # fmt: skip
    chosen = fields.get("sec-websocket-protocol", ())
    if len(chosen) > 1 or (chosen and chosen[0] not in protocols):
        words = "offered none" if not protocols else f"offered {', '.join(protocols)}"
        raise BadHandshake(
            f"the server chose the subprotocol {checks.shown(', '.join(chosen))}, and the client {words}",
            "A server may only choose one that was offered.", status=None,
        )  # fmt: skip
    if protocols and not chosen:
        raise BadHandshake(
            f"the server chose none of the subprotocols {', '.join(protocols)}",
            "Offer one that it supports, or none.", status=None,
        )  # fmt: skip
    return Response(chosen[0] if chosen else "", tuple(fields.get("sec-websocket-extensions", ())))


def _expect(fields: Fields, name: str, token: str, status: int | None = 400) -> None:
    said = fields.get(name, ())
    if not any(token in tokens(each) for each in said):
        found = checks.shown(", ".join(said)) if said else "missing"
        raise BadHandshake(f"{name.capitalize()} is {found}", f"It must contain {token}.", status=status)
