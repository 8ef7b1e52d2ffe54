"""Where a request goes and what its head says: the options of `http.request`, checked.

Rule: values in, values out; opens nothing. What an agent calls a place stands here, too.
"""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from labkit.core import addresses, checks
from labkit.core import host as host_of
from labkit.core.errors import BadArgument

DEFAULT_HOST = "127.0.0.1"
"""Whom a request goes to if nobody is named (Node says ``localhost``, and asks the resolver)."""

PORTS = {"http": 80, "https": 443}
"""Scheme of a URL -> port, if none is named."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_TARGET = re.compile(r"[!-\xff]+").fullmatch
_IN_URL = "!#$%&'()*+,/:;=?@[]~|^`{}\\\"<>"

BARE_METHODS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""Methods of which a request has no body, and no field about one, unless the program says so; as in Node."""

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods whose request may be sent twice, because twice has the effect of once. Source: RFC 9110 section 9.2.2."""


class Place(NamedTuple):
    """Where a request goes; requests of one place share connections. here: the host that the program runs on.

    secure: what a client of TLS asks for, or None.
    """

    host: str
    port: int
    local_address: str | None
    socket_path: str | None
    here: Any
    secure: Any = None

    @property
    def name(self) -> str:
        """What `Agent.sockets` calls it, as in Node: ``"127.0.0.1:1337:"``, and behind it what else was asked for."""
        path = f":{self.socket_path}" if self.socket_path else ""
        secure = f":{self.secure.name}" if self.secure else ""
        return f"{self.host}:{self.port}:{self.local_address or ''}{path}{secure}"


class Options(NamedTuple):
    """What `http.request` was asked for. host_field: the value of Host. credentials: that of Authorization, or None."""

    place: Place
    method: str
    path: str
    host_field: str
    credentials: str | None


_known: dict[tuple[Any, ...], Options] = {}
KNOWN = 512
"""Options that are kept, because programs ask the same server again and again; those with a secret are not."""


def options(
    url: Any,
    host: Any,
    hostname: Any,
    port: Any,
    local_address: Any,
    socket_path: Any,
    method: Any,
    path: Any,
    auth: Any,
    scheme: str = "http",
) -> Options:
    """Put the options together; what is given by name beats what the URL says. Raises `BadArgument`."""
    key = (scheme, url, host, hostname, port, type(port), local_address, method)
    here = host_of.current()
    is_open = auth is None and socket_path is None and here is None
    if is_open:
        try:
            found = _known[key]
        except (KeyError, TypeError):  # TypeError: one of them is not what it should be, which is said below
            pass
        else:
            return found if path is None else Options(found.place, found.method, _target(path), found.host_field, None)
    may_be_kept = key if is_open else None
    return _made(url, host, hostname, port, local_address, socket_path, method, path, auth, here, may_be_kept, scheme)


def _made(
    url: Any, host: Any, hostname: Any, port: Any, local_address: Any, socket_path: Any, method: Any, path: Any,
    auth: Any, here: Any, key: Any, scheme: str,
) -> Options:
    """As `options`. here: the host that the program runs on. key: under which the answer may be kept, or None."""
    found = _from_url(url, scheme) if url is not None else (None, None, None, None)
    named = hostname if hostname is not None else host  # hostname beats host, as in Node
    if named is None:
        named = found[0] if found[0] is not None else "localhost" if socket_path is not None else DEFAULT_HOST
    number = port if port is not None else found[1] if found[1] is not None else PORTS[scheme]
    target = found[2] if found[2] is not None else "/"
    secret = auth if auth is not None else found[3]
    checked = addresses.check_host(named)
    where = None if socket_path is None else addresses.check_path(socket_path)
    place = Place(checked, addresses.check_port(number), _local(local_address), where, here)
    field, verb = _host_field(checked, place.port, PORTS[scheme]), _method(method)
    if key is not None and secret is None:
        if len(_known) >= KNOWN:
            _known.clear()
        _known[key] = Options(place, verb, _target(target), field, None)
    return Options(place, verb, _target(target if path is None else path), field, _credentials(secret))


def _from_url(url: Any, scheme: str) -> tuple[str | None, int | None, str | None, str | None]:
    """Host, port, path with query, and ``user:password``, as a URL says them."""
    try:
        parts = urlsplit(checks.text(url, "a URL"))
        port = parts.port
    except ValueError:
        words = f"{checks.shown(url)} is not a URL"
        raise BadArgument(words, f'Give one such as "{scheme}://127.0.0.1:1337/".') from None
    if parts.scheme.lower() != scheme or not parts.hostname:
        other = parts.scheme.lower()
        raise BadArgument(
            f"{checks.shown(url)} is not a URL that {scheme} can ask for",
            f"Use labkit.{other} for it." if other in PORTS and parts.hostname and other != scheme else
            f'Give one such as "{scheme}://127.0.0.1:1337/".',
            code="ERR_INVALID_PROTOCOL" if parts.scheme else "ERR_INVALID_URL",
        )  # fmt: skip
    target = quote(parts.path, safe=_IN_URL) or "/"
    if parts.query:
        target += "?" + quote(parts.query, safe=_IN_URL)
    secret = None
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return parts.hostname, port, target, secret


def _method(method: Any) -> str:
    if not isinstance(method, str) or not _TOKEN(method):
        words = f"{checks.shown(method)} is not a method"
        raise BadArgument(words, 'Give one such as "GET" or "POST".', code="ERR_INVALID_HTTP_TOKEN")
    return method.upper()


def _target(path: Any) -> str:
    if not isinstance(path, str) or not _TARGET(path):
        raise BadArgument(
            f"{checks.shown(path)} is not a path that a request can carry",
            "A space or a line's end would begin something else: use urllib.parse.quote for what is not ASCII.",
            code="ERR_UNESCAPED_CHARACTERS",
        )
    return path


def _local(address: Any) -> str | None:
    if address is None:
        return None
    if not isinstance(address, str) or addresses.ip_address(address) is None:
        raise BadArgument(f"{checks.shown(address)} is not an address", 'Give one of this machine: "127.0.0.2".')
    return address


def _host_field(host: str, port: int, default: int) -> str:
    bracketed = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    return bracketed if port == default else f"{bracketed}:{port}"


def _credentials(auth: Any) -> str | None:
    """The value of Authorization: Basic. Source: RFC 7617 section 2."""
    if auth is None:
        return None
    secret = checks.text(auth, "a name and a password").encode("utf-8", "replace")
    return "Basic " + base64.b64encode(secret).decode("ascii")
