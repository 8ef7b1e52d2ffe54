"""What can go wrong with TLS, in words: alerts, records, certificates.

Rule: OpenSSL's errors in, labkit's out; each has Node's code.
"""

from __future__ import annotations

import ssl
from typing import Any

from labkit.core.errors import BadArgument, NetError

NUMBERS: dict[int, str] = {
    2: "UNABLE_TO_GET_ISSUER_CERT", 3: "UNABLE_TO_GET_CRL", 4: "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    5: "UNABLE_TO_DECRYPT_CRL_SIGNATURE", 6: "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", 7: "CERT_SIGNATURE_FAILURE",
    8: "CRL_SIGNATURE_FAILURE", 9: "CERT_NOT_YET_VALID", 10: "CERT_HAS_EXPIRED", 11: "CRL_NOT_YET_VALID",
    12: "CRL_HAS_EXPIRED", 13: "ERROR_IN_CERT_NOT_BEFORE_FIELD", 14: "ERROR_IN_CERT_NOT_AFTER_FIELD",
    15: "ERROR_IN_CRL_LAST_UPDATE_FIELD", 16: "ERROR_IN_CRL_NEXT_UPDATE_FIELD", 17: "OUT_OF_MEM",
    18: "DEPTH_ZERO_SELF_SIGNED_CERT", 19: "SELF_SIGNED_CERT_IN_CHAIN", 20: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", 22: "CERT_CHAIN_TOO_LONG", 23: "CERT_REVOKED", 24: "INVALID_CA",
    25: "PATH_LENGTH_EXCEEDED", 26: "INVALID_PURPOSE", 27: "CERT_UNTRUSTED", 28: "CERT_REJECTED",
    32: "KEYUSAGE_NO_CERTSIGN", 47: "PERMITTED_VIOLATION", 48: "EXCLUDED_VIOLATION", 62: "HOSTNAME_MISMATCH",
    64: "IP_ADDRESS_MISMATCH", 66: "EE_KEY_TOO_SMALL", 67: "CA_KEY_TOO_SMALL", 68: "CA_MD_TOO_WEAK",
    79: "INVALID_CA", 89: "MISSING_AUTHORITY_KEY_IDENTIFIER", 92: "CERT_INFO_EMPTY_SUBJECT",
}  # fmt: skip
"""OpenSSL's number of a verification error -> Node's code. Node calls the last ones, from 32 on, ``UNSPECIFIED``.

Source: openssl/x509_vfy.h.
"""

NAME_MISMATCH = "ERR_TLS_CERT_ALTNAME_INVALID"


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


def from_ssl(error: Any, peer: str) -> TLSError:
    """The labkit error for one of OpenSSL. peer: the other side in words, such as ``"127.0.0.1:8000"``."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(
            f"the certificate of {peer} was not accepted: {error.verify_message}",
            code=NUMBERS.get(error.verify_code, "CERT_UNTRUSTED"), number=error.verify_code,
        )  # fmt: skip
    reason = getattr(error, "reason", None) or str(error)
    words = reason.replace("_", " ").lower()
    return TLSError(f"TLS with {peer} failed: {words}", code="ERR_SSL_" + reason.replace(" ", "_").upper())
