"""X.509 certificates as rules over DER: each value with its name in RFC 5280, and why it is there.

Rule: data only; names of contents are Wireshark's where it has them.
"""

from __future__ import annotations

from labkit.packets.explain.der import DerReader, Header, Rule, Type, any_type
from labkit.packets.model import Field

OIDS = {
    "2.5.4.3": "commonName", "2.5.4.4": "surname", "2.5.4.5": "serialNumber", "2.5.4.6": "countryName",
    "2.5.4.7": "localityName", "2.5.4.8": "stateOrProvinceName", "2.5.4.9": "streetAddress",
    "2.5.4.10": "organizationName", "2.5.4.11": "organizationalUnitName", "2.5.4.12": "title",
    "2.5.4.42": "givenName", "1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "domainComponent",
    "1.2.840.10045.2.1": "id-ecPublicKey", "1.2.840.10045.3.1.7": "prime256v1", "1.3.132.0.34": "secp384r1",
    "1.3.132.0.35": "secp521r1", "1.2.840.113549.1.1.1": "rsaEncryption", "1.3.101.110": "X25519",
    "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448", "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224", "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384", "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption", "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "RSASSA-PSS", "1.2.840.113549.1.1.8": "MGF1",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption", "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption", "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
    "2.5.29.14": "subjectKeyIdentifier", "2.5.29.15": "keyUsage", "2.5.29.17": "subjectAltName",
    "2.5.29.18": "issuerAltName", "2.5.29.19": "basicConstraints", "2.5.29.30": "nameConstraints",
    "2.5.29.31": "cRLDistributionPoints", "2.5.29.32": "certificatePolicies", "2.5.29.32.0": "anyPolicy",
    "2.5.29.35": "authorityKeyIdentifier", "2.5.29.37": "extKeyUsage", "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.1.1": "authorityInfoAccess", "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth", "1.3.6.1.5.5.7.3.3": "codeSigning", "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping", "1.3.6.1.5.5.7.3.9": "OCSPSigning", "1.3.6.1.5.5.7.1.24": "tlsfeature",
    "1.3.6.1.5.5.7.48.1": "ocsp", "1.3.6.1.5.5.7.48.2": "caIssuers",
    "1.3.6.1.4.1.11129.2.4.2": "signedCertificateTimestamps", "1.3.6.1.4.1.11129.2.4.3": "precertificatePoison",
}  # fmt: skip
"""What the OBJECT IDENTIFIERs in certificates mean."""

_OPTIONAL, _BOOL, _INT = 2, (0, 1), (0, 2)


def _r(section: str) -> str:
    return f"RFC 5280 §{section}"


# -- algorithms

_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"


def _parameters(reader: DerReader, found: Header) -> Type:
    if reader.oid == _EC and found.tag == 6:
        return Type("namedCurve", "The curve on which the public key is a point.", "RFC 5480 §2.1.1", "x509.curve",
                    "pkcs1.ECParameters", "pkcs1.namedCurve")  # fmt: skip
    return Type("parameters", "More about the algorithm; NULL where there is nothing to say.", _r("4.1.1.2"),
                "x509.parameters")  # fmt: skip


_ALGORITHM = Type("algorithm", "Names the algorithm.", _r("4.1.1.2"), "x509.algorithm", content="x509af.algorithm.id")


def _algorithm(label: str, why: str, rfc: str, whole: str) -> Type:
    return Type(label, why, rfc, "x509.algorithmIdentifier", whole, items=(_ALGORITHM, _parameters))


# -- names

_STRINGS = {
    12: "x509sat.uTF8String", 19: "x509sat.printableString", 20: "x509sat.teletexString", 28: "x509sat.universalString",
    30: "x509sat.bmpString",
}  # fmt: skip
_ATTRIBUTES = {
    "2.5.4.6": "x509sat.CountryName", "2.5.4.5": "x509sat.PrintableString",
    "1.2.840.113549.1.9.1": "x509sat.IA5String", "0.9.2342.19200300.100.1.25": "x509sat.IA5String",
}  # fmt: skip
_NAME_RFC = _r("4.1.2.4")


def _attribute(reader: DerReader, found: Header) -> Type:
    own = _ATTRIBUTES.get(reader.oid)
    why = "What the name says in this place."
    if own:
        return Type("value", why, _NAME_RFC, "x509.attribute", content=own, kind="text")
    return Type("value", why, _NAME_RFC, "x509.attribute", "x509sat.DirectoryString", _STRINGS.get(found.tag, ""),
                kind="text")  # fmt: skip


_PART = Type(
    "AttributeTypeAndValue", "One part of the name: what it is, and what it says.", _NAME_RFC, "x509.part",
    "x509if.RelativeDistinguishedName_item_element",
    items=(Type("type", "Which part of the name this is.", _NAME_RFC, "x509.type", content="x509if.oid"), _attribute),
)  # fmt: skip
_SET = Type("RelativeDistinguishedName", "Parts that belong together; mostly one.", _NAME_RFC, "x509.rdn",
            content="x509if.RDNSequence_item", items=(_PART,), many=True)  # fmt: skip


def _name(label: str, why: str, rfc: str, whole: str, content: str) -> Type:
    return Type(label, why, rfc, "x509.name", whole, content, (_SET,), many=True)


# -- the public key

_KEY = (
    Type("RSAPublicKey", "The two numbers of an RSA key.", "RFC 8017 §A.1.1", "x509.rsaKey", items=(
        Type("modulus", "The product of two secret primes; its length is the key's size.", "RFC 8017 §A.1.1",
             "x509.modulus", content="pkcs1.modulus", volatile=True),
        Type("publicExponent", "Mostly 65537.", "RFC 8017 §A.1.1", "x509.exponent", content="pkcs1.publicExponent"),
    )),
)  # fmt: skip


def _public_key(reader: DerReader, found: Header) -> Type:
    return Type("subjectPublicKey", "The public key: who has the private one can prove that this is its own.",
                _r("4.1.2.7"), "x509.publicKey", content="x509af.subjectPublicKey",
                items=_KEY if reader.oid == _RSA else (), volatile=True)  # fmt: skip


# -- times


def _time(label: str, why: str, whole: str) -> Rule:
    def chosen(reader: DerReader, found: Header) -> Type:
        content = "x509af.utcTime" if found.tag == 23 else "x509af.generalizedTime"
        return Type(label, why, _r("4.1.2.5"), "x509.time", whole, content, volatile=True)

    return chosen


# -- extensions

_USES = (
    "digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
    "cRLSign", "encipherOnly", "decipherOnly",
)  # fmt: skip
_GENERAL = _r("4.2.1.6")


_DIRECTORY = _name("directoryName", "A name as in the subject.", _GENERAL, "x509ce.directoryName", "x509if.rdnSequence")
_KINDS: dict[int, tuple[str, str, str, tuple[Rule, ...]]] = {
    1: ("rfc822Name", "A mail address.", "text", ()),
    2: ("dNSName", "A host name for which the certificate is good; * stands for one label.", "text", ()),
    4: ("directoryName", "A name as in the subject.", "", (_DIRECTORY,)),
    6: ("uniformResourceIdentifier", "An address of the web.", "text", ()),
    8: ("registeredID", "An object identifier.", "", ()),
}


def _general(both: str) -> Rule:
    """One of the kinds of names that a certificate can be for. both: Wireshark's name of the choice."""
    known = {
        tag: Type(label, why, _GENERAL, "x509.generalName", content=both if items else f"x509ce.{label}", kind=kind,
                  when=(_OPTIONAL, tag), both="" if items else both, items=items)
        for tag, (label, why, kind, items) in _KINDS.items()
    }  # fmt: skip

    def chosen(reader: DerReader, found: Header) -> Type:
        if found.cls != _OPTIONAL:
            return any_type(found)
        if found.tag == 7:
            name = {4: "x509ce.IPAddress.ipv4", 16: "x509ce.IPAddress.ipv6"}.get(found.stop - found.body, "")
            return Type("iPAddress", "An address, 4 or 16 bytes; in name constraints a mask follows.", _GENERAL,
                        "x509.generalName", content=name or both, kind="address", when=(_OPTIONAL, 7),
                        both=both if name else "")  # fmt: skip
        return known.get(found.tag) or any_type(found)

    return chosen


_general_name = _general("x509ce.GeneralName")
_NAMES = Type("GeneralNames", "The names for which the certificate is good.", _GENERAL, "x509.generalNames",
              content="x509ce.GeneralNames", items=(_general_name,), many=True)  # fmt: skip
_BASIC = _r("4.2.1.9")
_AUTHORITY = _r("4.2.1.1")
_SUBTREES = _r("4.2.1.10")
_SUBTREE = Type("GeneralSubtree", "A part of all names.", _SUBTREES, "x509.subtree", "x509ce.GeneralSubtree_element",
                items=(_general("x509ce.base"),))  # fmt: skip
_ACCESS = _r("4.2.2.1")
_POINTS = _r("4.2.1.13")
_POLICIES = _r("4.2.1.4")

_FULL_NAME = Type("fullName", "The address.", _POINTS, "x509.fullName", when=(_OPTIONAL, 0),
                  both="x509ce.distributionPoint", content="x509ce.fullName", items=(_general_name,),
                  many=True)  # fmt: skip
_EXTENSIONS: dict[str, Type] = {
    "2.5.29.19": Type("BasicConstraints", "Whether the key may sign other certificates.", _BASIC, "x509.constraints",
                      items=(Type("cA", "True only in certificates of authorities.", _BASIC, "x509.ca",
                                  content="x509ce.cA", when=_BOOL),
                             Type("pathLenConstraint", "How many authorities may stand between this one and a leaf.",
                                  _BASIC, "x509.pathLength", content="x509ce.pathLenConstraint", when=_INT))),
    "2.5.29.15": Type("KeyUsage", "What the key may be used for, a bit each.", _r("4.2.1.3"), "x509.keyUsage",
                      content="x509ce.KeyUsage",
                      bits=tuple((f"x509ce.KeyUsage.{each}", each) for each in _USES)),
    "2.5.29.14": Type("SubjectKeyIdentifier", "A short name of this public key, mostly a digest of it.",
                      _r("4.2.1.2"), "x509.keyIdentifier", content="x509ce.SubjectKeyIdentifier", volatile=True),
    "2.5.29.35": Type("AuthorityKeyIdentifier", "Which key has signed this certificate.", _AUTHORITY,
                      "x509.authorityKey",
                      items=(Type("keyIdentifier", "The subjectKeyIdentifier of the issuer.", _AUTHORITY, "x509.keyId",
                                  content="x509ce.keyIdentifier", when=(_OPTIONAL, 0), volatile=True),
                             Type("authorityCertIssuer", "The name of who issued the issuer.", _AUTHORITY,
                                  "x509.authorityIssuer", content="x509ce.authorityCertIssuer", when=(_OPTIONAL, 1),
                                  items=(_general_name,), many=True),
                             Type("authorityCertSerialNumber", "The number of the issuer's certificate.", _AUTHORITY,
                                  "x509.authoritySerial", content="x509ce.authorityCertSerialNumber",
                                  when=(_OPTIONAL, 2), volatile=True))),
    "2.5.29.37": Type("ExtKeyUsageSyntax", "What the certificate is good for.", _r("4.2.1.12"), "x509.purposes",
                      content="x509ce.KeyPurposeIDs", many=True,
                      items=(Type("KeyPurposeId", "A purpose: to be a server, to be a client.", _r("4.2.1.12"),
                                  "x509.purpose", content="x509ce.KeyPurposeId"),)),
    "2.5.29.17": _NAMES,
    "2.5.29.18": _NAMES,
    "2.5.29.30": Type("NameConstraints", "For which names the authority may sign.", _SUBTREES, "x509.nameConstraints",
                      items=(Type("permittedSubtrees", "Only these names are allowed.", _SUBTREES, "x509.permitted",
                                  content="x509ce.permittedSubtrees", when=(_OPTIONAL, 0), items=(_SUBTREE,),
                                  many=True),
                             Type("excludedSubtrees", "These names are forbidden.", _SUBTREES, "x509.excluded",
                                  content="x509ce.excludedSubtrees", when=(_OPTIONAL, 1), items=(_SUBTREE,),
                                  many=True))),
    "2.5.29.31": Type("CRLDistributionPoints", "Where to get the list of revoked certificates.", _POINTS, "x509.points",
                      content="x509ce.CRLDistPointsSyntax", many=True,
                      items=(Type("DistributionPoint", "One such place.", _POINTS, "x509.point",
                                  "x509ce.DistributionPoint_element",
                                  items=(Type("distributionPoint", "Where it is.", _POINTS, "x509.pointName",
                                              when=(_OPTIONAL, 0),
                                              items=(_FULL_NAME,)),)),)),
    "2.5.29.32": Type("CertificatePolicies", "By which rules the authority has checked.", _POLICIES, "x509.policies",
                      content="x509ce.CertificatePoliciesSyntax", many=True,
                      items=(Type("PolicyInformation", "One set of rules.", _POLICIES, "x509.policy",
                                  "x509ce.PolicyInformation_element",
                                  items=(Type("policyIdentifier", "Names the rules.", _POLICIES, "x509.policyId",
                                              content="x509ce.policyIdentifier"),)),)),
    "1.3.6.1.5.5.7.1.1": Type("AuthorityInfoAccess", "Where to ask the authority.", _ACCESS, "x509.access",
                              content="pkix1implicit.AuthorityInfoAccessSyntax", many=True,
                              items=(Type("AccessDescription", "One such place.", _ACCESS, "x509.accessDescription",
                                          "pkix1implicit.AccessDescription_element",
                                          items=(Type("accessMethod", "What is there.", _ACCESS, "x509.accessMethod",
                                                      content="pkix1implicit.accessMethod"),
                                                 _general("pkix1implicit.accessLocation"))),)),
    "1.3.6.1.5.5.7.1.24": Type("Features", "What a server with this certificate must do in TLS.", "RFC 7633 §4.1",
                               "x509.features", content="pkix1explicit.Features", many=True,
                               items=(Type("Feature", "5: bring a proof that it is not revoked.", "RFC 7633 §4.1",
                                           "x509.feature", content="pkix1explicit.Features_item"),)),
}  # fmt: skip
_ELEMENTS = {
    "2.5.29.19": "x509ce.BasicConstraintsSyntax_element", "2.5.29.35": "x509ce.AuthorityKeyIdentifier_element",
    "2.5.29.30": "x509ce.NameConstraintsSyntax_element",
}  # fmt: skip
_EXTENSION_RFC = _r("4.2")


def _extension_value(reader: DerReader, found: Header) -> Type:
    oid = reader.oid
    inner = _EXTENSIONS.get(oid)
    why = "The content of the extension, as DER inside an OCTET STRING."
    if inner is None:
        return Type("extnValue", why, _EXTENSION_RFC, "x509.extensionValue")
    return Type("extnValue", why, _EXTENSION_RFC, "x509.extensionValue", content=_ELEMENTS.get(oid, ""), inner=inner)


_EXTENSION = Type(
    "Extension", "Something that the first form of certificates had no place for.", _EXTENSION_RFC, "x509.extension",
    "x509af.Extension_element", items=(
        Type("extnID", "What the extension is about.", _EXTENSION_RFC, "x509.extensionId",
             content="x509af.extension.id"),
        Type("critical", "Whoever does not understand a critical extension must refuse the certificate.",
             _EXTENSION_RFC, "x509.critical", content="x509af.critical", when=_BOOL),
        _extension_value,
    ),
)  # fmt: skip

# -- the whole

_TBS = (
    Type("version", "v3 since it has extensions.", _r("4.1.2.1"), "x509.versionTag", when=(_OPTIONAL, 0),
         items=(Type("version", "0: v1, 1: v2, 2: v3.", _r("4.1.2.1"), "x509.version", content="x509af.version"),)),
    Type("serialNumber", "Each certificate of an authority has another one: lists of revoked ones name it.",
         _r("4.1.2.2"), "x509.serialNumber", content="x509af.serialNumber", volatile=True),
    _algorithm("signature", "The same as signatureAlgorithm: here it is signed, too.", _r("4.1.2.3"),
               "x509af.signature_element"),
    _name("issuer", "Who signed the certificate.", _r("4.1.2.4"), "x509af.issuer", "x509if.rdnSequence"),
    Type("validity", "From when to when it can be used.", _r("4.1.2.5"), "x509.validity", "x509af.validity_element",
         items=(_time("notBefore", "Not good before.", "x509af.notBefore"),
                _time("notAfter", "Not good afterwards.", "x509af.notAfter"))),
    _name("subject", "Whose public key it is.", _r("4.1.2.6"), "x509af.subject", "x509af.rdnSequence"),
    Type("subjectPublicKeyInfo", "The public key.", _r("4.1.2.7"), "x509.keyInfo",
         "x509af.subjectPublicKeyInfo_element",
         items=(_algorithm("algorithm", "The kind of key.", _r("4.1.2.7"), "x509af.algorithm_element"), _public_key)),
    Type("issuerUniqueID", "Never used today.", _r("4.1.2.8"), "x509.issuerId", when=(_OPTIONAL, 1)),
    Type("subjectUniqueID", "Never used today.", _r("4.1.2.8"), "x509.subjectId", when=(_OPTIONAL, 2)),
    Type("extensions", "What was added in version 3.", _r("4.1.2.9"), "x509.extensionsTag", when=(_OPTIONAL, 3),
         items=(Type("Extensions", "All of them.", _r("4.1.2.9"), "x509.extensions", content="x509af.extensions",
                     items=(_EXTENSION,), many=True),)),
)  # fmt: skip
CERTIFICATE = Type("Certificate", "A public key and a name, signed together.", _r("4.1"), "x509.certificate", items=(
    Type("tbsCertificate", "What is signed: every byte of it.", _r("4.1.1.1"), "x509.tbs",
         "x509af.signedCertificate_element", items=_TBS),
    _algorithm("signatureAlgorithm", "How it is signed.", _r("4.1.1.2"), "x509af.algorithmIdentifier_element"),
    Type("signatureValue", "Made with the issuer's private key over tbsCertificate.", _r("4.1.1.3"), "x509.signature",
         content="x509af.encrypted", volatile=True),
))  # fmt: skip


def certificate(data: bytes, at: int, end: int) -> tuple[Field, ...]:
    """The fields of a certificate in DER. at, end: its first byte, and the byte after its last one."""
    return tuple(DerReader(data, OIDS).read((CERTIFICATE,), at, end))


_DN = Type("RDNSequence", "The parts of a name.", _NAME_RFC, "x509.name", content="tls.handshake.dname", items=(_SET,),
           many=True)  # fmt: skip


def name(data: bytes, at: int, end: int) -> tuple[Field, ...]:
    """The fields of a distinguished name in DER, as it stands in a CertificateRequest."""
    found = DerReader(data, OIDS).read((_DN,), at, end)
    return found[0].children if len(found) == 1 and found[0].children else tuple(found)
