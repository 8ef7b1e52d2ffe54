"""The handshake messages of TLS 1.2 and 1.3, alerts and records: for each its bytes by name.

Rule: data only, in the rows of `tls_form`; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from functools import cache

from labkit.packets.explain import tls_names as names
from labkit.packets.explain import x509
from labkit.packets.explain.base import Row
from labkit.packets.explain.tls_extensions import DNAME, EXTENSIONS, SCHEME, SCHEMES, extensions_if_any, length, row
from labkit.packets.explain.tls_form import Items, Number, Opaque, Reading, Structure, Vector

_H = "tls.handshake."
_TLS12, _TLS13 = "RFC 5246 §", "RFC 8446 §"
_NEW = 0x0304

# -- hellos

_HELLO: Items = (
    Number(row(_H + "version", "Version", "TLS 1.2 in each new hello too: middleboxes know no higher number.",
               _TLS13 + "4.1.2"), 2, names.VERSIONS, hex=True),
    Opaque(row(_H + "random", "Random", "32 random bytes: two connections never have the same keys.", _TLS13 + "4.1.2",
               volatile=True), 32),
    Vector(length(_H + "session_id_length", 1, _TLS13 + "4.1.2", "Session ID length", "the session ID"),
           (Opaque(row(_H + "session_id", "Session ID",
                       "In TLS 1.2 it names a session that can go on; in TLS 1.3 it only looks like that.",
                       _TLS13 + "4.1.2", volatile=True)),)),
)  # fmt: skip
_SUITE = Number(row(_H + "ciphersuite", "Cipher suite", "The cipher and the digest; in TLS 1.2 also how keys are "
                    "agreed on and what signs.", _TLS13 + "B.4"), 2, names.CIPHERS, hex=True)  # fmt: skip
_METHOD = Number(row(_H + "comp_method", "Compression method", "Always null: compression told secrets by sizes.",
                     _TLS13 + "4.1.2"), 1, names.COMPRESSIONS)  # fmt: skip
_CLIENT_HELLO: Items = (
    *_HELLO,
    Vector(length(_H + "cipher_suites_length", 2, _TLS13 + "4.1.2", "Cipher suites length", "the list"), (_SUITE,),
           row(_H + "ciphersuites", "Cipher suites", "What the client can do, best first.", _TLS13 + "4.1.2")),
    Vector(length(_H + "comp_methods_length", 1, _TLS13 + "4.1.2", "Compression methods length", "the list"),
           (_METHOD,), row(_H + "comp_methods", "Compression methods", "A list with one entry.", _TLS13 + "4.1.2")),
    extensions_if_any,
)  # fmt: skip

# -- certificates

_CERTIFICATE_13 = _TLS13 + "4.4.2"


@cache
def _certificate_form(new: bool) -> Items:
    rfc = _CERTIFICATE_13 if new else _TLS12 + "7.4.2"
    one = Vector(
        length(_H + "certificate_length", 3, rfc, "Certificate length", "the certificate"),
        (Opaque(row(_H + "certificate", "Certificate", "Says whose public key this is, signed by who checked it.",
                    "RFC 5280 §4.1", volatile=True), parts=x509.certificate),),
        many=False,
    )  # fmt: skip
    box = row(_H + "certificates", "Certificates", "The sender's own first; each next one signs the one before.", rfc)
    lengths = length(_H + "certificates_length", 3, rfc, "Certificates length", "all certificates")
    if not new:
        return (Vector(lengths, (one,), box),)
    return (*_request_context(_CERTIFICATE_13), Vector(lengths, (one, EXTENSIONS), box))


def _certificate(reading: Reading, at: int, end: int) -> Items:
    return _certificate_form(reading.said.version >= _NEW)


def _request_context(rfc: str) -> Items:
    return (
        Vector(length(_H + "certificate_request_context_length", 1, rfc, "Request context length", "the context"),
               (Opaque(row(_H + "certificate_request_context", "Request context",
                           "Ties an answer to its request; empty in the handshake.", rfc)),)),
    )  # fmt: skip


@cache
def _request_form(new: bool) -> Items:
    if new:
        return (*_request_context(_TLS13 + "4.3.2"), EXTENSIONS)
    rfc = _TLS12 + "7.4.4"
    return (
        Vector(length(_H + "cert_types_count", 1, rfc, "Certificate types count", "the list"),
               (Number(row(_H + "cert_type", "Certificate type", "What the key in the certificate can do.", rfc), 1,
                       names.CERTIFICATE_TYPES),),
               row(_H + "cert_types", "Certificate types", "The kinds of certificate that the server takes.", rfc)),
        *SCHEMES,
        Vector(length(_H + "dnames_len", 2, rfc, "Distinguished names length", "the list"),
               (Vector(length(_H + "dname_len", 2, rfc, "Distinguished name length", "the name"),
                       (Opaque(DNAME, parts=x509.name),)),),
               row(_H + "dnames", "Distinguished names", "The CAs that the server trusts.", rfc)),
    )  # fmt: skip


def _request(reading: Reading, at: int, end: int) -> Items:
    return _request_form(reading.said.version >= _NEW)


_CERTIFICATE_VERIFY: Items = (
    SCHEME,
    Vector(length(_H + "client_cert_vrfy.sig_len", 2, _TLS13 + "4.4.3", "Signature length", "the signature"),
           (Opaque(row(_H + "client_cert_vrfy.sig", "Signature",
                       "Over all messages so far: proves that the sender has the private key of its certificate.",
                       _TLS13 + "4.4.3", volatile=True)),)),
)  # fmt: skip

# -- keys of TLS 1.2

_SERVER_KEYS, _CLIENT_KEYS = "RFC 8422 §5.4", "RFC 8422 §5.7"


def _public(name: str, size: int, rfc: str, label: str = "Public key", why: str = "") -> Vector:
    why = why or "Made for this connection alone; with the own private half it gives the shared secret."
    return Vector(length(_H + name + "_len", size, rfc, f"{label} length", "the number"),
                  (Opaque(row(_H + name, label, why, rfc, volatile=True)),))  # fmt: skip


@cache
def _server_keys_form(exchange: str) -> Items:
    signed: Items = (
        SCHEME,
        Vector(length(_H + "sig_len", 2, _TLS12 + "7.4.3", "Signature length", "the signature"),
               (Opaque(row(_H + "sig", "Signature", "Over both randoms and the public key, by the certificate's key.",
                           _TLS12 + "7.4.3", volatile=True)),)),
    )  # fmt: skip
    if exchange == "DHE":
        rfc = _TLS12 + "7.4.3"
        of = row(_H + "dhe_server_params", "Diffie-Hellman server parameters", "The server's half of the key.", rfc)
        prime = _public("p", 2, rfc, "p", "The prime number in whose field the keys are agreed on.")
        base = _public("g", 2, rfc, "g", "The number that both sides raise to a secret power.")
        return (Structure(of, (prime, base, _public("ys", 2, rfc), *signed)),)
    of = row(_H + "ecdhe_server_params", "EC Diffie-Hellman server parameters", "The server's half of the key.",
             _SERVER_KEYS)  # fmt: skip
    return (
        Structure(of, (
            Number(row(_H + "server_curve_type", "Curve type", "A curve by its name; the other forms are forbidden.",
                       _SERVER_KEYS), 1, names.CURVE_TYPES),
            Number(row(_H + "server_named_curve", "Named curve", "The curve that the server has chosen.", _SERVER_KEYS),
                   2, names.GROUPS, hex=True),
            _public("server_point", 1, _SERVER_KEYS), *signed,
        )),
    )  # fmt: skip


def _server_keys(reading: Reading, at: int, end: int) -> Items:
    return _server_keys_form(reading.said.exchange)


@cache
def _client_keys_form(exchange: str) -> Items:
    if exchange == "RSA":
        one = _public("epms", 2, _TLS12 + "7.4.7.1", "Encrypted premaster secret",
                      "The secret itself, encrypted with the server's public key: whoever gets the private key later "
                      "can read this recording.")  # fmt: skip
    elif exchange == "DHE":
        one = _public("yc", 2, _TLS12 + "7.4.7.2")
    else:
        one = _public("client_point", 1, _CLIENT_KEYS)
    of = row(_H + "client_params", "Client key exchange parameters", "The client's half of the key.", _CLIENT_KEYS)
    return (Structure(of, (one,)),)


def _client_keys(reading: Reading, at: int, end: int) -> Items:
    return _client_keys_form(reading.said.exchange)


# -- tickets, and what else comes

_T = _H + "session_ticket"


@cache
def _ticket_form(new: bool) -> Items:
    rfc = _TLS13 + "4.6.1" if new else "RFC 5077 §3.3"
    more: Items = (
        Number(row(_T + "_age_add", "Ticket age add", "Added to the ticket's age, so that nobody can follow a client.",
                   rfc, volatile=True), 4),
        Vector(length(_T + "_nonce_length", 1, rfc, "Nonce length", "the nonce"),
               (Opaque(row(_T + "_nonce", "Ticket nonce", "Gives each ticket a key of its own.", rfc,
                           volatile=True)),)),
    ) if new else ()  # fmt: skip
    return (
        Structure(row(_T + "_of", "Session ticket", "With it, the client can go on later without certificates.", rfc), (
            Number(row(_T + "_lifetime_hint", "Lifetime", "Seconds for which the ticket can be used.", rfc, "seconds"),
                   4),
            *more,
            Vector(length(_T + "_length", 2, rfc, "Ticket length", "the ticket"),
                   (Opaque(row(_T, "Ticket", "Only the server can read it: mostly its own state, encrypted.", rfc,
                               volatile=True)),)),
            *((EXTENSIONS,) if new else ()),
        )),
    )  # fmt: skip


def _ticket(reading: Reading, at: int, end: int) -> Items:
    return _ticket_form(reading.said.version >= _NEW)


_FINISHED: Items = (
    Opaque(row(_H + "verify_data", "Verify data",
               "A digest under the new keys over all messages so far: nobody has changed any of them.",
               _TLS13 + "4.4.4", volatile=True)),
)  # fmt: skip
_UPDATE: Items = (
    Number(row(_H + "key_update.request_update", "Request update", "Whether the other side shall change its keys, too.",
               _TLS13 + "4.6.3"), 1, names.UPDATES),
)  # fmt: skip
_STATUS: Items = (
    Number(row(_H + "extensions_status_request_type", "Certificate status type", "OCSP alone is used.", "RFC 6066 §8"),
           1, names.STATUS_TYPES),
    Vector(length(_H + "ocsp_response_len", 3, "RFC 6066 §8", "OCSP response length", "the response"),
           (Opaque(row(_H + "ocsp_response", "OCSP response", "Signed by the CA: the certificate is not revoked.",
                       "RFC 6960 §4.2", volatile=True)),)),
)  # fmt: skip
_COMPRESSED: Items = (
    Number(row("tls.compress_certificate.algorithm", "Algorithm", "How the Certificate message was compressed.",
               "RFC 8879 §4"), 2, names.CERTIFICATE_COMPRESSIONS),
    Number(row("tls.compress_certificate.uncompressed_length", "Uncompressed length",
               "A receiver knows how much memory it needs, and refuses too much.", "RFC 8879 §4", "bytes"), 3),
    Vector(length("tls.compress_certificate.compressed_certificate_message.length", 3, "RFC 8879 §4",
                  of="the compressed message"),
           (Opaque(row("tls.compress_certificate.compressed_certificate_message", "Compressed certificate message",
                       "A Certificate message without its repetitions.", "RFC 8879 §4", volatile=True)),)),
)  # fmt: skip
_BODY: Items = (Opaque(row(_H + "body", "Body", "A message that this package does not take apart.", _TLS13 + "4")),)
_HASH: Items = (Opaque(row(_H + "message_hash", "Message hash", "Stands for the first hello.", _TLS13 + "4.4.1")),)

_BODIES: dict[int, Items] = {
    0: (), 1: _CLIENT_HELLO, 2: (*_HELLO, _SUITE, _METHOD, extensions_if_any), 4: (_ticket,), 5: (), 8: (EXTENSIONS,),
    11: (_certificate,), 12: (_server_keys,), 13: (_request,), 14: (), 15: _CERTIFICATE_VERIFY, 16: (_client_keys,),
    20: _FINISHED, 22: _STATUS, 24: _UPDATE, 25: _COMPRESSED, 254: _HASH,
}  # fmt: skip
_WHY = {
    0: ("Asks the client for a new handshake.", _TLS12 + "7.4.1.1"),
    1: ("Opens the handshake: what the client can do, and its half of the key.", _TLS13 + "4.1.2"),
    2: ("The server's choice, and its half of the key.", _TLS13 + "4.1.3"),
    4: ("A ticket for a later connection.", _TLS13 + "4.6.1"),
    5: ("Ends the data that came before the handshake.", _TLS13 + "4.5"),
    8: ("The server's answers that nobody else needs to see.", _TLS13 + "4.3.1"),
    11: ("Who the sender is: a public key, a name, and the signature of a CA.", _CERTIFICATE_13),
    12: ("The server's half of the key, signed.", _SERVER_KEYS),
    13: ("The server wants a certificate of the client.", _TLS13 + "4.3.2"),
    14: ("The server has said what it wanted to say.", _TLS12 + "7.4.5"),
    15: ("Proves that the sender has the private key that belongs to its certificate.", _TLS13 + "4.4.3"),
    16: ("The client's half of the key.", _CLIENT_KEYS),
    20: ("Ends the sender's part of the handshake, and proves that nobody changed it.", _TLS13 + "4.4.4"),
    22: ("A proof that the certificate is not revoked.", "RFC 6066 §8"),
    24: ("From the next record on the sender uses new keys.", _TLS13 + "4.6.3"),
    25: ("A Certificate message, compressed.", "RFC 8879 §4"),
}


def _message(kind: int) -> Items:
    return (
        Number(row(_H + "type", "Handshake type", "Says what the message is.", _TLS13 + "4"), 1, names.MESSAGES),
        Vector(length(_H + "length", 3, _TLS13 + "4", of="the message"), _BODIES.get(kind, _BODY), many=False),
    )  # fmt: skip


_FORMS = {kind: _message(kind) for kind in {*_BODIES, *names.MESSAGES}}
_UNKNOWN = _message(-1)
_ROWS = {
    kind: row("tls.handshake", names.MESSAGES.get(kind, "Handshake message"),
              *_WHY.get(kind, ("A step of the handshake.", _TLS13 + "4")))
    for kind in _FORMS
}  # fmt: skip
_UNKNOWN_ROW = row("tls.handshake", "Unknown handshake message", "A step that is unknown here.", _TLS13 + "4")


def message_form(kind: int) -> tuple[Items, Row]:
    """(the items of a handshake message of this type, the row of the field around them)."""
    return _FORMS.get(kind, _UNKNOWN), _ROWS.get(kind, _UNKNOWN_ROW)


PIECE = row("tls.handshake", "Part of a handshake message", "A message goes on in the next record.",
            _TLS13 + "5.1")  # fmt: skip
LAST_PIECE = row("tls.handshake", "Last part of a handshake message", "With it, the message is whole.",
                 _TLS13 + "5.1")  # fmt: skip

# -- alerts, and other content of records

ALERT: Items = (
    Number(row("tls.alert_message.level", "Level", "In TLS 1.3 the description alone says what it means.",
               _TLS13 + "6"), 1, names.LEVELS),
    Number(row("tls.alert_message.desc", "Description", "What has gone wrong, or that the sender closes.",
               _TLS13 + "6"), 1, names.ALERTS),
)  # fmt: skip
ALERT_ROW = row("tls.alert_message", "Alert", "Says that the sender ends, and why.", _TLS13 + "6")
ENCRYPTED_HANDSHAKE = row("tls.handshake", "Handshake message, encrypted", "Only the two ends can read it.",
                          _TLS12 + "7.4.9", volatile=True)  # fmt: skip
ENCRYPTED_ALERT = row("tls.alert_message", "Alert, encrypted", "An alert that only the other side can read.",
                      _TLS12 + "7.2", volatile=True)  # fmt: skip
CHANGE = row("tls.change_cipher_spec", "Change cipher spec message",
             "In TLS 1.2: what follows is encrypted. In TLS 1.3 it means nothing: middleboxes expect it.",
             _TLS13 + "5", volatile=False)  # fmt: skip
DATA = row("tls.app_data.plain", "Application data", "What the two programs say to each other.", _TLS13 + "5.2")
HEARTBEAT = row("tls.heartbeat_message", "Heartbeat message", "Asks whether the other side is there.", "RFC 6520 §4")
OTHER = row("tls.record.content", "Content", "The content of a record of an unknown type.", _TLS13 + "5.1")

# -- records

_RECORD = _TLS13 + "5.1"
_VERSION = Number(row("tls.record.version", "Version", "Fixed at TLS 1.2 (1.0 in the first hello), whatever is "
                  "spoken: old middleboxes expect it.", _RECORD), 2, names.VERSIONS, hex=True)  # fmt: skip
_LENGTH = Number(row("tls.record.length", "Length", "Bytes that follow, at most 16,384 of plaintext: the receiver "
                 "finds the next record by it.", _RECORD, "bytes"), 2)  # fmt: skip
HEADER: Items = (
    Number(row("tls.record.content_type", "Content type", "Says what the record carries.", _RECORD), 1,
           names.CONTENT_TYPES),
    _VERSION, _LENGTH,
)  # fmt: skip
OPAQUE_HEADER: Items = (
    Number(row("tls.record.opaque_type", "Opaque type", "Always application_data: the real type is encrypted.",
               _TLS13 + "5.2"), 1, names.CONTENT_TYPES),
    _VERSION, _LENGTH,
)  # fmt: skip
ENCRYPTED = row("tls.app_data", "Encrypted data", "Only the two ends have the key for it.", _TLS13 + "5.2",
                volatile=True)  # fmt: skip
NONCE = row("tls.record.explicit_nonce", "Explicit nonce", "The part of the nonce that the receiver cannot know: the "
            "same one must never come again under this key.", "RFC 5288 §3", volatile=True)  # fmt: skip
IV = row("tls.record.iv", "Initialization vector", "Random bytes: equal plaintexts never look equal.",
         _TLS12 + "6.2.3.2", volatile=True)  # fmt: skip
CIPHERTEXT = row("tls.record.ciphertext", "Ciphertext", "As many bytes as the plaintext: sizes are not hidden.",
                 _TLS13 + "5.2", volatile=True)  # fmt: skip
TAG = row("tls.record.tag", "Authentication tag", "Does not match if one bit of the record was changed.",
          _TLS13 + "5.2", volatile=True)  # fmt: skip
OUTER_MAC = row("tls.record.mac", "MAC", "A digest under a key over the ciphertext, checked before it is decrypted.",
                "RFC 7366 §3", volatile=True)  # fmt: skip
INNER_TYPE = Number(row("tls.record.content_type", "Content type", "The real type of the record, which nobody else "
                        "sees.", _TLS13 + "5.2"), 1, names.CONTENT_TYPES)  # fmt: skip
ZEROS = row("tls.record.padding", "Padding", "Zeros that hide how long the content is.", _TLS13 + "5.4")
MAC = row("tls.record.mac", "MAC", "A digest under a key: the content was not changed.", _TLS12 + "6.2.3.1",
          volatile=True)  # fmt: skip
CBC_PADDING = row("tls.record.padding", "Padding", "Fills the last block of the cipher; each byte says how many.",
                  _TLS12 + "6.2.3.2")  # fmt: skip
