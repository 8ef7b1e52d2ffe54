"""What a program may ask of TLS: the names of the options, and their values checked.

Rule: values in, values out; a context is made of them in context.py.
"""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from labkit.core import checks
from labkit.core.calls import nearest
from labkit.core.errors import BadArgument, LabError
from labkit.tls.credentials import Material, authorities, material

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip
"""Node's names of the versions."""

LEAST = "TLSv1.2"
"""The lowest version that is taken by default: the older ones must not be used (RFC 8996)."""

MOST = "TLSv1.3"

HANDSHAKE_TIMEOUT = 120.0
"""Seconds that a client has for its handshake with a server of ours; as in Node."""


class CommonOptions(TypedDict, total=False):
    """Of both sides; see `create_server` and `connect`."""

    ca: Any
    cert: Any
    key: Any
    passphrase: str | bytes | None
    reject_unauthorized: bool
    alpn_protocols: Iterable[str]
    min_version: str
    max_version: str
    ciphers: str | None


class ClientOptions(CommonOptions, total=False):
    """The options of `connect`, as https and WebSocket take them, too."""

    servername: str | None
    check_server_identity: Callable[..., Any] | None
    session: Any


class ServerOptions(CommonOptions, total=False):
    """The options of `create_server`, as https takes them, too."""

    request_cert: bool
    sni_callback: Callable[..., Any] | None
    handshake_timeout: float


CLIENT_NAMES = frozenset(CommonOptions.__annotations__) | frozenset(ClientOptions.__annotations__)
SERVER_NAMES = frozenset(CommonOptions.__annotations__) | frozenset(ServerOptions.__annotations__)


def check_names(call: Callable[..., Any], given: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse an argument that a function does not take: `LabError`. given: those beyond its own. known: of TLS."""
    for each in given:
        if each not in known:
            own = [name for name, about in inspect.signature(call).parameters.items() if about.kind < about.VAR_KEYWORD]
            raise LabError(
                f"{call.__name__}() has no argument {each!r}",
                nearest(each, [*own, *sorted(known)])
                + f"It takes {', '.join(own)}; of TLS {', '.join(sorted(known))}.",
            )


class Asked(NamedTuple):
    """The options that make a context. Two that are equal can share one.

    certificate, key, ca: PEM. low, high: versions. verifies: a peer that is not verified is refused.
    checks_name: OpenSSL compares the certificate's name, too.
    """

    certificate: Material | None
    key: Material | None
    passphrase: bytes
    ca: tuple[Material, ...] | None
    alpn: tuple[str, ...]
    low: ssl.TLSVersion
    high: ssl.TLSVersion
    ciphers: str | None
    request_cert: bool
    verifies: bool
    checks_name: bool

    def __repr__(self) -> str:  # without the passphrase
        return f"<options of TLS: {', '.join(f'{k}={v!r}' for k, v in self._asdict().items() if k != 'passphrase')}>"


def asked(
    *,
    key: Any = None,
    cert: Any = None,
    ca: Any = None,
    passphrase: Any = None,
    alpn_protocols: Any = (),
    min_version: Any = LEAST,
    max_version: Any = MOST,
    ciphers: Any = None,
    request_cert: Any = False,
    reject_unauthorized: Any = True,
    checks_name: bool = True,
) -> Asked:
    """Check the options. Raises `BadArgument`, `BadPEM`, and what a file raises that cannot be read."""
    low, high = _version(min_version, "min_version"), _version(max_version, "max_version")
    if low > high:
        raise BadArgument(
            f"min_version={min_version!r} is above max_version={max_version!r}", "Swap them.",
            code="ERR_TLS_INVALID_PROTOCOL_VERSION",
        )  # fmt: skip
    if key is not None and cert is None:
        raise BadArgument("a key was given without its certificate", "Give cert=, too.")
    certificate = None if cert is None else material(cert, "cert", "cert_pem")
    private = None if cert is None else material(cert if key is None else key, "key", "key_pem")
    secret = passphrase if isinstance(passphrase, bytes) else b""
    if passphrase is not None and not isinstance(passphrase, bytes):
        secret = checks.text(passphrase, "a passphrase").encode()
    return Asked(
        certificate, private, secret, None if ca is None else authorities(ca), protocols(alpn_protocols), low, high,
        None if ciphers is None else checks.text(ciphers, "a list of ciphers"),
        checks.flag(request_cert, "request_cert"), checks.flag(reject_unauthorized, "reject_unauthorized"), checks_name,
    )  # fmt: skip


def _version(given: Any, argument: str) -> ssl.TLSVersion:
    found = VERSIONS.get(given) if isinstance(given, str) else None
    if found is None:
        raise BadArgument(
            f"{argument}={checks.shown(given)} is not a version of TLS", f"Give one of {', '.join(VERSIONS)}.",
            code="ERR_TLS_INVALID_PROTOCOL_VERSION",
        )  # fmt: skip
    return found


def protocols(given: Any) -> tuple[str, ...]:
    """The names for ALPN: each has 1 to 255 bytes (RFC 7301 section 3.1). Raises `BadArgument`."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise BadArgument(f"alpn_protocols={checks.shown(given)} is not a list", 'Give one such as ["http/1.1"].')
    names = tuple(given)
    for each in names:
        if not isinstance(each, str) or not each.isascii() or not 1 <= len(each) <= 255:
            raise BadArgument(f"{checks.shown(each)} is not the name of a protocol", 'Give one such as "http/1.1".')
    return names
