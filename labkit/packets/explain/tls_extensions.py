"""The extensions of TLS hellos and certificates: for each its bytes by name.

Rule: data only, in the rows of `tls_form`; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from functools import cache

from labkit.packets.explain import tls_names as names
from labkit.packets.explain import x509
from labkit.packets.explain.base import Row
from labkit.packets.explain.tls_form import Items, Number, Opaque, Reading, Structure, Vector

_H, _E = "tls.handshake.", "tls.handshake.extensions_"
_HELLO, _RETRY = 1, 2
_TLS13 = "RFC 8446 §"


def row(name: str, label: str, why: str, rfc: str = "", meaning: str = "", *, volatile: bool = False) -> Row:
    """A row of a field of any width."""
    return Row(name, label, 0, why, rfc, meaning=meaning, volatile=volatile)


def length(name: str, size: int, rfc: str, label: str = "Length", of: str = "what follows") -> Number:
    """The length of a vector. of: what it counts the bytes of."""
    return Number(row(name, label, f"Bytes of {of}: the receiver finds its end by it.", rfc, f"bytes of {of}"), size)


# -- signatures

_SIGNING = _TLS13 + "4.2.3"
SCHEME = Structure(
    row(_H + "sig_hash_alg", "Signature algorithm", "Names a digest and what signs it.", _SIGNING),
    (Number(row(_H + "sig_hash_hash", "Hash", "In TLS 1.2 the digest; in TLS 1.3 the first half of one number.",
                _SIGNING), 1),
     Number(row(_H + "sig_hash_sig", "Signature", "In TLS 1.2 what signs; in TLS 1.3 the second half of the number.",
                _SIGNING), 1)),
    lambda data, at, stop: names.name_of(names.SCHEMES, int.from_bytes(data[at:stop], "big")),
)  # fmt: skip
SCHEMES: Items = (
    Vector(length(_H + "sig_hash_alg_len", 2, _SIGNING, of="the list"), (SCHEME,),
           row(_H + "sig_hash_algs", "Signature algorithms",
               "The signatures that the sender can check; the other side must choose one of them.", _SIGNING)),
)  # fmt: skip

# -- keys

_SHARES = _TLS13 + "4.2.8"
_GROUP = Number(row(_E + "supported_group", "Group", "A curve or field in which keys can be agreed on.",
                    _TLS13 + "4.2.7"), 2, names.GROUPS, hex=True)  # fmt: skip
_SHARE = Structure(
    row(_E + "key_share_entry", "Key share entry", "Half of a key exchange: with its own half, the peer has the key.",
        _SHARES),
    (Number(row(_E + "key_share_group", "Group", "The curve or field of this public key.", _SHARES), 2, names.GROUPS,
            hex=True),
     Vector(length(_E + "key_share_key_exchange_length", 2, _SHARES, of="the public key"),
            (Opaque(row(_E + "key_share_key_exchange", "Key exchange",
                        "A public key made for this connection alone; a recording cannot be opened later.", _SHARES,
                        volatile=True)),))),
    lambda data, at, stop: names.name_of(names.GROUPS, int.from_bytes(data[at : at + 2], "big")),
)  # fmt: skip


@cache
def _versions_form(hello: bool) -> Items:
    rfc = _TLS13 + "4.2.1"
    one = Number(row(_H + "extensions.supported_version", "Supported version",
                     "The version itself stands here, since old programs break on a new one in the old place.", rfc),
                 2, names.VERSIONS, hex=True)  # fmt: skip
    if not hello:
        return (one,)
    return (Vector(length(_H + "extensions.supported_versions_len", 1, rfc, of="the list"), (one,)),)


def _versions(reading: Reading, at: int, end: int) -> Items:
    return _versions_form(reading.said.message == _HELLO)


@cache
def _shares_form(hello: bool, short: bool) -> Items:
    if hello:
        of = row(_E + "key_shares", "Key shares", "One public key for each group that the server probably takes: it "
                 "saves a round trip.", _SHARES)  # fmt: skip
        return (Structure(of, (Vector(length(_E + "key_share_client_length", 2, _SHARES, of="the list"), (_SHARE,)),)),)
    of = row(_E + "key_shares", "Key share", "The server's half of the key exchange.", _SHARES)
    selected = Number(row(_E + "key_share_selected_group", "Selected group",
                          "The group for which the server wants a key: the client must send another hello.", _SHARES),
                      2, names.GROUPS, hex=True)  # fmt: skip
    return (Structure(of, (selected,) if short else (_SHARE,)),)


def _shares(reading: Reading, at: int, end: int) -> Items:
    return _shares_form(reading.said.message == _HELLO, end - at == 2)


_PSK = _TLS13 + "4.2.11"
_P = _H + "extensions.psk."
_IDENTITY = Structure(
    row(_P + "identity", "Identity", "A key that both sides have from before: a ticket, mostly.", _PSK),
    (Vector(length(_P + "identity.identity_length", 2, _PSK, of="the identity"),
            (Opaque(row(_P + "identity.identity", "Identity",
                        "The ticket that the server gave away in an earlier connection, as it was.", _PSK,
                        volatile=True)),)),
     Number(row(_P + "identity.obfuscated_ticket_age", "Obfuscated ticket age",
                "How old the ticket is, in ms, plus a number that only the two sides know.", _PSK, volatile=True), 4)),
)  # fmt: skip
_BINDER: Items = (
    Vector(length(_P + "binder_len", 1, _PSK, "Binder length", "the binder"),
           (Opaque(row(_P + "binder", "Binder", "A digest over the hello under this key: the client has it.",
                       _PSK, volatile=True)),)),
)  # fmt: skip


@cache
def _psk_form(hello: bool) -> Items:
    of = row(_P + "offer", "Pre-shared key", "Keys from before: they spare certificates and a signature.", _PSK)
    if not hello:
        of = row(_P + "chosen", "Pre-shared key", "Which of the client's keys the server has taken.", _PSK)
        return (Structure(of, (Number(row(_P + "identity.selected", "Selected identity",
                                          "Its place in the client's list, from 0.", _PSK), 2),)),)  # fmt: skip
    return (
        Structure(of, (
            Vector(length(_P + "identities.length", 2, _PSK, "Identities length", "the identities"), (_IDENTITY,)),
            Vector(length(_P + "binders_len", 2, _PSK, "Binders length", "the binders"), _BINDER,
                   row(_P + "binders", "Binders", "One proof for each identity, in the same order.", _PSK)),
        )),
    )  # fmt: skip


def _psk(reading: Reading, at: int, end: int) -> Items:
    return _psk_form(reading.said.message == _HELLO)


# -- names

_NAMES = "RFC 6066 §3"
_HOST: Items = (
    Number(row(_E + "server_name_type", "Name type", "Only host names were ever defined.", _NAMES), 1,
           names.NAME_TYPES),
    Vector(length(_E + "server_name_len", 2, _NAMES, of="the name"),
           (Opaque(row(_E + "server_name", "Server name",
                       "Which of its certificates the server shall show; everybody on the way can read it.", _NAMES),
                   text=True),)),
)  # fmt: skip


@cache
def _server_name_form(there: bool) -> Items:
    of = row(_E + "server_names", "Server name indication", "The host that the client wants to talk to.", _NAMES)
    found = Structure(of, (Vector(length(_E + "server_name_list_len", 2, _NAMES, of="the list"), _HOST),))
    return (found,) if there else ()  # a server that has used it answers with nothing


def _server_name(reading: Reading, at: int, end: int) -> Items:
    return _server_name_form(end > at)


@cache
def _early_data_form(there: bool) -> Items:
    rfc = _TLS13 + "4.2.10"
    most = row("tls.early_data.max_early_data_size", "Max early data size",
               "Bytes that a client may send before the handshake, with the key of this ticket.", rfc)  # fmt: skip
    return (Number(most, 4),) if there else ()


def _early_data(reading: Reading, at: int, end: int) -> Items:
    return _early_data_form(end > at)


@cache
def _status_form(hello: bool, there: bool) -> Items:
    rfc = "RFC 6066 §8"
    kind = Number(row(_E + "status_request_type", "Certificate status type", "Asks whether it is revoked.", rfc),
                  1, names.STATUS_TYPES)  # fmt: skip
    if hello and there:
        return (
            kind,
            Vector(length(_E + "status_request_responder_ids_len", 2, rfc, "Responder ID list length", "the list"),
                   (Opaque(row(_E + "status_request_responder_ids", "Responder IDs",
                               "Whose statements the client believes; empty: any.", rfc)),), many=False),
            Vector(length(_E + "status_request_exts_len", 2, rfc, "Request extensions length", "the extensions"),
                   (Opaque(row(_E + "status_request_exts", "Request extensions", "More for the responder.", rfc)),),
                   many=False),
        )  # fmt: skip
    return (Opaque(DATA),) if there else ()


def _status(reading: Reading, at: int, end: int) -> Items:
    return _status_form(reading.said.message == _HELLO, end > at)


DNAME = row("x509.name", "Distinguished name", "A CA whose certificates the sender accepts, as DER.",
            "RFC 8446 §4.2.4")  # fmt: skip
DATA = row(_H + "extension.data", "Data", "The content of an extension.", _TLS13 + "4.2")
_TICKET = row(_H + "extension.data", "Ticket", "A ticket of an earlier connection; empty: the client wants one.",
              "RFC 5077 §3.2", volatile=True)  # fmt: skip
_ALPN, _POINTS, _MODES, _COOKIE = "RFC 7301 §3.1", "RFC 8422 §5.1.2", _TLS13 + "4.2.9", _TLS13 + "4.2.2"
_AUTHORITIES = _TLS13 + "4.2.4"
_BODIES: dict[int, Items] = {
    0: (_server_name,),
    1: (Number(row(_H + "max_fragment_length", "Maximum fragment length", "For devices with little memory.",
                   "RFC 6066 §4"), 1, names.FRAGMENTS),),
    5: (_status,),
    10: (Vector(length(_E + "supported_groups_length", 2, _TLS13 + "4.2.7", of="the list"), (_GROUP,),
                row(_E + "supported_groups", "Supported groups", "The groups that the sender can use, best first.",
                    _TLS13 + "4.2.7")),),
    11: (Vector(length(_E + "ec_point_formats_length", 1, _POINTS, of="the list"),
                (Number(row(_E + "ec_point_format", "Point format", "How a point of a curve becomes bytes.", _POINTS),
                        1, names.POINT_FORMATS),),
                row(_E + "ec_point_formats", "Point formats", "Only one of them is used today.", _POINTS)),),
    13: SCHEMES,
    16: (Vector(length(_E + "alpn_len", 2, _ALPN, of="the list"),
                (Vector(length(_E + "alpn_str_len", 1, _ALPN, of="the name"),
                        (Opaque(row(_E + "alpn_str", "Protocol", "What is spoken inside: h2, http/1.1.", _ALPN),
                                text=True),)),),
                row(_E + "alpn_list", "Protocols", "The client's offer, or the server's one choice.", _ALPN)),),
    21: (Opaque(row(_E + "padding_data", "Padding", "Zeros: some servers hung at hellos of certain sizes.",
                    "RFC 7685 §3")),),
    22: (), 23: (), 49: (),
    27: (Vector(length("tls.compress_certificate.algorithms_length", 1, "RFC 8879 §3", of="the list"),
                (Number(row("tls.compress_certificate.algorithm", "Algorithm", "A way in which the sender can unpack "
                            "certificates.", "RFC 8879 §3"), 2, names.CERTIFICATE_COMPRESSIONS),)),),
    28: (Number(row("tls.record_size_limit", "Record size limit",
                    "The longest record that the sender wants to get.", "RFC 8449 §4", "bytes of plaintext"), 2),),
    35: (Opaque(_TICKET),),
    41: (_psk,),
    42: (_early_data,),
    43: (_versions,),
    44: (Vector(length(_H + "extensions.cookie_len", 2, _COOKIE, of="the cookie"),
                (Opaque(row(_H + "extensions.cookie", "Cookie",
                            "The client must bring it back: it proves its address, and the server keeps no state.",
                            _COOKIE, volatile=True)),)),),
    45: (Vector(length("tls.extension.psk_ke_modes_length", 1, _MODES, of="the list"),
                (Number(row("tls.extension.psk_ke_mode", "PSK key exchange mode",
                            "Whether a key from before is mixed with a new key exchange.", _MODES), 1,
                        names.PSK_MODES),)),),
    47: (Vector(length(_H + "dnames_len", 2, _AUTHORITIES, of="the list"),
                (Vector(length(_H + "dname_len", 2, _AUTHORITIES, of="the name"),
                        (Opaque(DNAME, parts=x509.name),)),),
                row(_H + "dnames", "Distinguished names", "The CAs that the sender trusts.", _AUTHORITIES)),),
    50: SCHEMES,
    51: (_shares,),
    65281: (Structure(row(_H + "extensions_reneg_info_of", "Renegotiation info",
                          "Ties a second handshake to the first one; empty in a first handshake.", "RFC 5746 §3.2"),
                      (Vector(length(_H + "extensions_reneg_info_len", 1, "RFC 5746 §3.2"),
                              (Opaque(row(_H + "extensions_reneg_info", "Verify data",
                                          "The Finished messages of the handshake before.", "RFC 5746 §3.2",
                                          volatile=True)),)),)),),
}  # fmt: skip
_UNKNOWN: Items = (Opaque(DATA),)

_WHY = {
    0: "The name of the wanted server, since one address has many.",
    5: "Asks the server to bring a proof that its certificate is not revoked.",
    10: "The groups in which the sender can agree on keys.",
    11: "How points of curves are written.",
    13: "The signatures that the sender can check.",
    16: "Which protocol is spoken inside TLS, agreed on without a round trip of its own.",
    18: "Proofs that the certificate stands in public logs.",
    21: "Makes the hello longer.",
    22: "Encrypts first and adds the MAC then, which stops padding attacks on CBC.",
    23: "Ties the keys to the whole handshake.",
    27: "Asks for shorter certificates.",
    28: "Asks for shorter records.",
    35: "The session can go on later with a ticket that the server made.",
    41: "Goes on with a key from an earlier connection.",
    42: "Data before the handshake is done.",
    43: "The versions that the sender speaks; this one decides.",
    44: "Brings back what the server sent.",
    45: "How keys from before may be used.",
    47: "Which CAs the sender trusts.",
    49: "The client can show a certificate later, too.",
    50: "The signatures that the sender can check in certificates.",
    51: "Public keys for the key exchange, made for this connection.",
    65037: "Hides the real hello, and with it the server's name.",
    65281: "Protects a second handshake in the same connection.",
}
_RFCS = {
    0: _NAMES, 5: "RFC 6066 §8", 11: _POINTS, 16: _ALPN, 18: "RFC 6962 §3.3", 21: "RFC 7685", 22: "RFC 7366",
    23: "RFC 7627", 28: "RFC 8449", 35: "RFC 5077", 65037: "RFC 9849", 65281: "RFC 5746",
}  # fmt: skip


def _said(data: bytes, at: int, stop: int) -> str:
    number = int.from_bytes(data[at : at + 2], "big")
    found = names.name_of(names.EXTENSIONS, number)
    return f"unknown ({number})" if found == "unknown" else found


def _made(kind: int, of: Items) -> Items:
    rfc = _RFCS.get(kind, _TLS13 + "4.2")
    why = _WHY.get(kind, "Something that one side offers, and the other one may take.")
    return (
        Structure(
            row(_H + "extension", "Extension", why, rfc),
            (Number(row(_H + "extension.type", "Type", "Says what it is about; unknown ones are passed over.",
                        _TLS13 + "4.2"), 2, names.EXTENSIONS),
             Vector(length(_H + "extension.len", 2, _TLS13 + "4.2", of="the extension"), of, many=False)),
            _said,
        ),
    )  # fmt: skip


_KNOWN = {kind: _made(kind, of) for kind, of in _BODIES.items()}


def _extension(reading: Reading, at: int, end: int) -> Items:
    kind = int.from_bytes(reading.data[at : at + 2], "big")
    known = _KNOWN.get(kind)
    return known if known is not None else _unknown(kind)


@cache
def _unknown(kind: int) -> Items:
    return _made(kind, _UNKNOWN)


EXTENSIONS = Vector(length(_H + "extensions_length", 2, _TLS13 + "4.2", "Extensions length", "all extensions"),
                    (_extension,))  # fmt: skip
"""The extensions of a message."""


def extensions_if_any(reading: Reading, at: int, end: int) -> Items:
    """The extensions of a hello, which may end before them."""
    return (EXTENSIONS,) if end > at else ()
