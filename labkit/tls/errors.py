"""What can go wrong with TLS, in words: alerts, records, certificates.

Rule: OpenSSL's errors in, labkit's out; each has Node's code.
"""

from __future__ import annotations

import re

from labkit.core.errors import BadArgument, NetError

NAME_MISMATCH = "ERR_TLS_CERT_ALTNAME_INVALID"

NUMBERS: dict[int, str] = {
    2: "UNABLE_TO_GET_ISSUER_CERT", 3: "UNABLE_TO_GET_CRL", 4: "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    5: "UNABLE_TO_DECRYPT_CRL_SIGNATURE", 6: "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", 7: "CERT_SIGNATURE_FAILURE",
    8: "CRL_SIGNATURE_FAILURE", 9: "CERT_NOT_YET_VALID", 10: "CERT_HAS_EXPIRED", 11: "CRL_NOT_YET_VALID",
    12: "CRL_HAS_EXPIRED", 13: "ERROR_IN_CERT_NOT_BEFORE_FIELD", 14: "ERROR_IN_CERT_NOT_AFTER_FIELD",
    15: "ERROR_IN_CRL_LAST_UPDATE_FIELD", 16: "ERROR_IN_CRL_NEXT_UPDATE_FIELD", 17: "OUT_OF_MEM",
    18: "DEPTH_ZERO_SELF_SIGNED_CERT", 19: "SELF_SIGNED_CERT_IN_CHAIN", 20: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", 22: "CERT_CHAIN_TOO_LONG", 23: "CERT_REVOKED",
    24: "NO_ISSUER_PUBLIC_KEY", 25: "PATH_LENGTH_EXCEEDED", 26: "INVALID_PURPOSE", 27: "CERT_UNTRUSTED",
    28: "CERT_REJECTED", 29: "SUBJECT_ISSUER_MISMATCH", 30: "AKID_SKID_MISMATCH", 31: "AKID_ISSUER_SERIAL_MISMATCH",
    32: "KEYUSAGE_NO_CERTSIGN", 34: "UNHANDLED_CRITICAL_EXTENSION", 37: "INVALID_NON_CA",
    39: "KEYUSAGE_NO_DIGITAL_SIGNATURE", 41: "INVALID_EXTENSION", 47: "PERMITTED_VIOLATION",
    48: "EXCLUDED_VIOLATION", 49: "SUBTREE_MINMAX", 51: "UNSUPPORTED_CONSTRAINT_TYPE",
    52: "UNSUPPORTED_CONSTRAINT_SYNTAX", 53: "UNSUPPORTED_NAME_SYNTAX", 54: "CRL_PATH_VALIDATION_ERROR",
    55: "PATH_LOOP", 66: "EE_KEY_TOO_SMALL", 67: "CA_KEY_TOO_SMALL", 68: "CA_MD_TOO_WEAK", 79: "INVALID_CA",
    80: "PATHLEN_INVALID_FOR_NON_CA", 81: "PATHLEN_WITHOUT_KU_KEY_CERT_SIGN",
    82: "KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA", 83: "ISSUER_NAME_EMPTY", 84: "SUBJECT_NAME_EMPTY",
    85: "MISSING_AUTHORITY_KEY_IDENTIFIER", 86: "MISSING_SUBJECT_KEY_IDENTIFIER", 87: "EMPTY_SUBJECT_ALT_NAME",
    88: "EMPTY_SUBJECT_SAN_NOT_CRITICAL", 89: "CA_BCONS_NOT_CRITICAL", 90: "AUTHORITY_KEY_IDENTIFIER_CRITICAL",
    91: "SUBJECT_KEY_IDENTIFIER_CRITICAL", 92: "CA_CERT_MISSING_KEY_USAGE", 93: "EXTENSIONS_REQUIRE_VERSION_3",
    94: "EC_KEY_EXPLICIT_PARAMS",
    62: NAME_MISMATCH, 64: NAME_MISMATCH,
}  # fmt: skip
"""OpenSSL's number of a verification error -> Node's code. Node has names for some of them only, up to 28, and says
``UNSPECIFIED`` for the others; here these have OpenSSL's names. Source: openssl/x509_vfy.h.
"""


class TLSError(NetError):
    """TLS failed: a handshake, a record, or an alert that came. alert: the number of an alert that came, or None."""

    code = "ERR_SSL"

    def __init__(self, what: str, todo: str = "", *, code: str | None = None, alert: int | None = None) -> None:
        super().__init__(what, todo, code=code)
        self.alert = alert


class CertificateError(TLSError):
    """A peer's certificate was not accepted. number: OpenSSL's number of the error, or None."""

    code = "CERT_UNTRUSTED"

    def __init__(self, what: str, todo: str = "", *, code: str | None = None, number: int | None = None) -> None:
        super().__init__(what, todo, code=code)
        self.number = number


class Truncated(TLSError):
    """The peer's connection ended without close_notify: what came may be less than what was sent (RFC 8446 §6.1)."""

    code = "ERR_TLS_TRUNCATED"


class BadPEM(BadArgument):
    """A key, a certificate or a list of CAs that cannot be used; names the file and the cause."""

    code = "ERR_INVALID_ARG_VALUE"


ALERTS: dict[str, tuple[int, str]] = {
    "UNEXPECTED_MESSAGE": (10, "a message came at the wrong time"),
    "BAD_RECORD_MAC": (20, "it could not decrypt a record"),
    "RECORD_OVERFLOW": (22, "a record was too long"),
    "HANDSHAKE_FAILURE": (40, "there is no version, cipher or certificate that suits both sides"),
    "NO_CERTIFICATE": (41, "it got no certificate"),
    "BAD_CERTIFICATE": (42, "it takes our certificate for damaged"),
    "UNSUPPORTED_CERTIFICATE": (43, "our certificate is of a kind that it does not take, or not made for this use"),
    "CERTIFICATE_REVOKED": (44, "our certificate was revoked"),
    "CERTIFICATE_EXPIRED": (45, "our certificate has expired, or is not yet valid"),
    "CERTIFICATE_UNKNOWN": (46, "it does not accept our certificate"),
    "ILLEGAL_PARAMETER": (47, "a field has a value that it may not have"),
    "UNKNOWN_CA": (48, "it does not know the CA of our certificate"),
    "ACCESS_DENIED": (49, "our certificate is valid, and has no access"),
    "DECODE_ERROR": (50, "a message has the wrong form"),
    "DECRYPT_ERROR": (51, "a signature or a finished message is wrong"),
    "PROTOCOL_VERSION": (70, "it takes none of the versions that we offered"),
    "INSUFFICIENT_SECURITY": (71, "it wants stronger ciphers"),
    "INTERNAL_ERROR": (80, "it has failed inside"),
    "INAPPROPRIATE_FALLBACK": (86, "somebody has made the version lower"),
    "USER_CANCELLED": (90, "it gave up"),
    "NO_RENEGOTIATION": (100, "it does not negotiate again"),
    "MISSING_EXTENSION": (109, "an extension is missing"),
    "UNSUPPORTED_EXTENSION": (110, "an extension came that was not offered"),
    "UNRECOGNIZED_NAME": (112, "it has no certificate for this name"),
    "CERTIFICATE_REQUIRED": (116, "it requires a client certificate, and got none"),
    "NO_APPLICATION_PROTOCOL": (120, "it speaks none of the protocols that we offered (ALPN)"),
}
"""The name of an alert -> (number, what it means if it comes to us). Source: RFC 8446 section 6.2, RFC 5246, 7.2.2."""

_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(.+)").fullmatch

_REASONS: dict[str, tuple[str, str]] = {
    "HTTP_REQUEST": ("{peer} sent a plain HTTP request to a port of TLS", "It should ask for https://."),
    "HTTPS_PROXY_REQUEST": ("{peer} sent a plain CONNECT to a port of TLS", "It takes this server for a proxy."),
    "WRONG_VERSION_NUMBER": ("{peer} does not speak TLS here: it sent {first}", "Is this the right port?"),
    "NO_SHARED_CIPHER": ("{peer} and this side have no cipher in common", "Look at ciphers=, and at the kind of key."),
    "UNSUPPORTED_PROTOCOL": ("{peer} takes no version of TLS that this side takes", "Look at min_version."),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "{peer} gave no certificate, and one is required",
        "It needs cert= and key=.",
    ),
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": ("a record of {peer} was changed on its way, or is not from it", ""),
    "BAD_RECORD_TYPE": ("{peer} sent something that is not TLS", ""),
    "PACKET_LENGTH_TOO_LONG": ("{peer} sent a record that is longer than TLS allows (16 KiB)", ""),
    "ENCRYPTED_LENGTH_TOO_LONG": ("{peer} sent a record that is longer than TLS allows (16 KiB)", ""),
    "DATA_LENGTH_TOO_LONG": ("{peer} sent a record that is longer than TLS allows (16 KiB)", ""),
    "NO_SUITABLE_SIGNATURE_ALGORITHM": ("{peer} cannot check the signature of this side's key", "Try another key."),
    "NO_APPLICATION_PROTOCOL": ("{peer} speaks none of the protocols of this side (ALPN)", "Look at alpn_protocols."),
    "UNRECOGNIZED_NAME": ("{peer} asked for a name that has no certificate here", "See sni_callback."),
    "NO_CIPHERS_AVAILABLE": ("no cipher is left that could be offered", "Look at ciphers= and the versions."),
    "NO_PROTOCOLS_AVAILABLE": ("no version is left that could be offered", "Look at min_version and max_version."),
}
"""OpenSSL's reason -> what happened, and what to do."""


_BARE = re.compile(r"\[[^]]*\] (.*) \(_ssl\.c:\d+\)").fullmatch


def reason_of(reason: str | None, text: str) -> str:
    """OpenSSL's reason, also one that Python has no name for: then it stands in the text of the error alone."""
    if reason:
        return reason
    found = _BARE(text)
    return found[1] if found else text


def from_reason(reason: str, peer: str, first: bytes = b"") -> TLSError:
    """The error for one of OpenSSL's reasons. peer: the other side in words. first: the first bytes that it sent."""
    name = reason.replace(" ", "_").upper()
    code = f"ERR_SSL_{name}"
    if (found := _ALERT(name)) is not None:
        label = found[1].replace("CANCELED", "CANCELLED")
        number, means = ALERTS.get(label, (None, ""))
        which = f"{label.lower()} ({number})" if number is not None else label.lower()
        said = f": {means}" if means else ""
        return TLSError(f"{peer} ended TLS with the alert {which}{said}", code=code, alert=number)
    words, todo = _REASONS.get(name, (f"TLS with {{peer}} failed: {reason.replace('_', ' ').lower()}", ""))
    return TLSError(words.format(peer=peer, first=_shown(first)), todo, code=code)


def _shown(first: bytes) -> str:
    return repr(first[:24]) + ("\u2026" if len(first) > 24 else "")
