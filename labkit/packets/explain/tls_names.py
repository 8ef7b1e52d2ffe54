"""The numbers of TLS by name: records, messages, extensions, groups, signatures, alerts, cipher suites.

Rule: data only; the names are those of IANA's registries (RFC 8447, RFC 9847).
"""

from __future__ import annotations

CONTENT_TYPES = {
    20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data", 24: "heartbeat",
}  # fmt: skip
"""What a record carries. Source: RFC 8446 §5.1."""

VERSIONS = {
    0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
}  # fmt: skip

MESSAGES = {
    0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket", 5: "EndOfEarlyData",
    8: "EncryptedExtensions", 11: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest",
    14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished", 21: "CertificateURL",
    22: "CertificateStatus", 23: "SupplementalData", 24: "KeyUpdate", 25: "CompressedCertificate",
    254: "message_hash",
}  # fmt: skip
"""Handshake messages. Source: RFC 8446 §4, RFC 5246 §7.4."""

EXTENSIONS = {
    0: "server_name", 1: "max_fragment_length", 2: "client_certificate_url", 3: "trusted_ca_keys", 4: "truncated_hmac",
    5: "status_request", 10: "supported_groups", 11: "ec_point_formats", 13: "signature_algorithms", 14: "use_srtp",
    15: "heartbeat", 16: "application_layer_protocol_negotiation", 17: "status_request_v2",
    18: "signed_certificate_timestamp", 19: "client_certificate_type", 20: "server_certificate_type", 21: "padding",
    22: "encrypt_then_mac", 23: "extended_master_secret", 24: "token_binding", 27: "compress_certificate",
    28: "record_size_limit", 34: "delegated_credential", 35: "session_ticket", 41: "pre_shared_key", 42: "early_data",
    43: "supported_versions", 44: "cookie", 45: "psk_key_exchange_modes", 47: "certificate_authorities",
    48: "oid_filters", 49: "post_handshake_auth", 50: "signature_algorithms_cert", 51: "key_share",
    57: "quic_transport_parameters", 13172: "next_protocol_negotiation", 17513: "application_settings (old)",
    17613: "application_settings", 51764: "trust_anchors", 65037: "encrypted_client_hello", 65281: "renegotiation_info",
}  # fmt: skip

GROUPS = {
    21: "secp224r1", 22: "secp256k1", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 26: "brainpoolP256r1",
    27: "brainpoolP384r1", 28: "brainpoolP512r1", 29: "x25519", 30: "x448", 31: "brainpoolP256r1tls13",
    32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13", 41: "curveSM2", 256: "ffdhe2048", 257: "ffdhe3072",
    258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192", 0x0200: "MLKEM512", 0x0201: "MLKEM768", 0x0202: "MLKEM1024",
    0x11EB: "SecP256r1MLKEM768", 0x11EC: "X25519MLKEM768", 0x11ED: "SecP384r1MLKEM1024",
    0x6399: "X25519Kyber768Draft00",
}  # fmt: skip
"""Groups for a key exchange: curves, fields, and the hybrids that a quantum computer does not break."""

SCHEMES = {
    0x0201: "rsa_pkcs1_sha1", 0x0202: "dsa_sha1", 0x0203: "ecdsa_sha1", 0x0301: "rsa_pkcs1_sha224",
    0x0302: "dsa_sha224", 0x0303: "ecdsa_sha224", 0x0401: "rsa_pkcs1_sha256", 0x0402: "dsa_sha256",
    0x0403: "ecdsa_secp256r1_sha256", 0x0501: "rsa_pkcs1_sha384", 0x0502: "dsa_sha384",
    0x0503: "ecdsa_secp384r1_sha384", 0x0601: "rsa_pkcs1_sha512", 0x0602: "dsa_sha512",
    0x0603: "ecdsa_secp521r1_sha512", 0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512", 0x0807: "ed25519", 0x0808: "ed448", 0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512", 0x081A: "ecdsa_brainpoolP256r1tls13_sha256",
    0x081B: "ecdsa_brainpoolP384r1tls13_sha384", 0x081C: "ecdsa_brainpoolP512r1tls13_sha512", 0x0904: "mldsa44",
    0x0905: "mldsa65", 0x0906: "mldsa87",
}  # fmt: skip
"""What signs, over which digest. Source: RFC 8446 §4.2.3."""

POINT_FORMATS = {0: "uncompressed", 1: "ansiX962_compressed_prime", 2: "ansiX962_compressed_char2"}
CERTIFICATE_TYPES = {1: "rsa_sign", 2: "dss_sign", 3: "rsa_fixed_dh", 4: "dss_fixed_dh", 64: "ecdsa_sign"}
CERTIFICATE_FORMS = {0: "X.509", 2: "raw public key"}
PSK_MODES = {0: "psk_ke: without a new key exchange", 1: "psk_dhe_ke: with a new key exchange"}
COMPRESSIONS = {0: "null", 1: "DEFLATE"}
CERTIFICATE_COMPRESSIONS = {1: "zlib", 2: "brotli", 3: "zstd"}
CURVE_TYPES = {1: "explicit_prime", 2: "explicit_char2", 3: "named_curve"}
STATUS_TYPES = {1: "ocsp", 2: "ocsp_multi"}
NAME_TYPES = {0: "host_name"}
UPDATES = {0: "not requested", 1: "requested: the other side changes its keys too"}
FRAGMENTS = {1: "512 bytes", 2: "1,024 bytes", 3: "2,048 bytes", 4: "4,096 bytes"}

LEVELS = {1: "warning", 2: "fatal"}
ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
    30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
    43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
    60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
    113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
}  # fmt: skip
"""Alerts. Source: RFC 8446 §6, RFC 5246 §7.2."""

_SPECIAL = {0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x5600: "TLS_FALLBACK_SCSV"}
_NEW = {
    0x1301: "AES_128_GCM_SHA256", 0x1302: "AES_256_GCM_SHA384", 0x1303: "CHACHA20_POLY1305_SHA256",
    0x1304: "AES_128_CCM_SHA256", 0x1305: "AES_128_CCM_8_SHA256",
}  # fmt: skip
_OLD = {
    "RSA": {
        0x01: "NULL_MD5", 0x02: "NULL_SHA", 0x04: "RC4_128_MD5", 0x05: "RC4_128_SHA", 0x0A: "3DES_EDE_CBC_SHA",
        0x2F: "AES_128_CBC_SHA", 0x35: "AES_256_CBC_SHA", 0x3B: "NULL_SHA256", 0x3C: "AES_128_CBC_SHA256",
        0x3D: "AES_256_CBC_SHA256", 0x9C: "AES_128_GCM_SHA256", 0x9D: "AES_256_GCM_SHA384", 0xC09C: "AES_128_CCM",
        0xC09D: "AES_256_CCM", 0xC0A0: "AES_128_CCM_8", 0xC0A1: "AES_256_CCM_8",
    },
    "DHE_DSS": {
        0x32: "AES_128_CBC_SHA", 0x38: "AES_256_CBC_SHA", 0x40: "AES_128_CBC_SHA256", 0x6A: "AES_256_CBC_SHA256",
        0xA2: "AES_128_GCM_SHA256", 0xA3: "AES_256_GCM_SHA384",
    },
    "DHE_RSA": {
        0x16: "3DES_EDE_CBC_SHA", 0x33: "AES_128_CBC_SHA", 0x39: "AES_256_CBC_SHA", 0x67: "AES_128_CBC_SHA256",
        0x6B: "AES_256_CBC_SHA256", 0x9E: "AES_128_GCM_SHA256", 0x9F: "AES_256_GCM_SHA384", 0xC09E: "AES_128_CCM",
        0xC09F: "AES_256_CCM", 0xC0A2: "AES_128_CCM_8", 0xC0A3: "AES_256_CCM_8", 0xCCAA: "CHACHA20_POLY1305_SHA256",
    },
    "DH_anon": {
        0x34: "AES_128_CBC_SHA", 0x3A: "AES_256_CBC_SHA", 0x6C: "AES_128_CBC_SHA256", 0x6D: "AES_256_CBC_SHA256",
        0xA6: "AES_128_GCM_SHA256", 0xA7: "AES_256_GCM_SHA384",
    },
    "ECDHE_ECDSA": {
        0xC006: "NULL_SHA", 0xC007: "RC4_128_SHA", 0xC008: "3DES_EDE_CBC_SHA", 0xC009: "AES_128_CBC_SHA",
        0xC00A: "AES_256_CBC_SHA", 0xC023: "AES_128_CBC_SHA256", 0xC024: "AES_256_CBC_SHA384",
        0xC02B: "AES_128_GCM_SHA256", 0xC02C: "AES_256_GCM_SHA384", 0xC0AC: "AES_128_CCM", 0xC0AD: "AES_256_CCM",
        0xC0AE: "AES_128_CCM_8", 0xC0AF: "AES_256_CCM_8", 0xCCA9: "CHACHA20_POLY1305_SHA256",
    },
    "ECDHE_RSA": {
        0xC010: "NULL_SHA", 0xC011: "RC4_128_SHA", 0xC012: "3DES_EDE_CBC_SHA", 0xC013: "AES_128_CBC_SHA",
        0xC014: "AES_256_CBC_SHA", 0xC027: "AES_128_CBC_SHA256", 0xC028: "AES_256_CBC_SHA384",
        0xC02F: "AES_128_GCM_SHA256", 0xC030: "AES_256_GCM_SHA384", 0xCCA8: "CHACHA20_POLY1305_SHA256",
    },
}  # fmt: skip

CIPHERS = {
    **_SPECIAL,
    **{number: f"TLS_{name}" for number, name in _NEW.items()},
    **{number: f"TLS_{keys}_WITH_{name}" for keys, found in _OLD.items() for number, name in found.items()},
}
"""Cipher suites. Source: RFC 8446 §B.4, RFC 5246 §A.5, RFC 5289, RFC 6655, RFC 7905."""


def is_grease(number: int) -> bool:
    """Whether a number means nothing: a client sends some to keep servers tolerant. Source: RFC 8701 §2."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def name_of(names: dict[int, str], number: int) -> str:
    """The name of a number; of one of 16 bits that means nothing on purpose, that it does so."""
    found = names.get(number)
    if found is None:
        found = "reserved (GREASE): it means nothing" if is_grease(number) else "unknown"
    return found
