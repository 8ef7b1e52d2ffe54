"""The parts of HTTP messages in words: name, label, why the part exists, and the RFC section.

Rule: data only. Names are Wireshark's; what Wireshark leaves without a name has one of ours below ``http.``.
"""

from __future__ import annotations

from http import HTTPStatus

from labkit.packets.explain.base import Row

_LINE, _FIELD, _TARGET, _CHUNK = "RFC 9112 §3", "RFC 9112 §5", "RFC 9112 §3.2", "RFC 9112 §7.1"


def _row(name: str, label: str, why: str, rfc: str = "RFC 9112 §2.1") -> Row:
    return Row(f"http.{name}", label, 0, why, rfc)


LEADING = _row("leading_crlf", "Empty line before the message",
               "Old clients sent a line end too many behind a body; a server passes over it.", "RFC 9112 §2.2")
CRLF = _row("crlf", "End of line", "HTTP's head is text in lines, and each line ends with CR LF.", "RFC 9112 §2.2")
END_OF_HEADER = _row("crlf", "Empty line", "Ends the header; the body, if there is one, begins behind it.")
END_OF_CHUNKS = _row("crlf", "Empty line", "Ends the message: no trailer follows any more.", _CHUNK)

REQUEST_LINE = _row("start_line", "Request line", "Says what is wanted, of which resource, in which version.", _LINE)
STATUS_LINE = _row("start_line", "Status line", "Says how it went: for programs a number, for people a phrase.",
                   "RFC 9112 §4")
SPACE = _row("sp", "Space", "Separates the parts of the start line.", _LINE)
METHOD = _row("request.method", "Method", "Says what the server shall do with the resource.", "RFC 9110 §9")
TARGET = _row("request.uri", "Request target", "Names the resource, mostly as path and query.", _TARGET)
PATH = _row("request.uri.path", "Path", "Names the resource on this server.", "RFC 3986 §3.3")
MARK = _row("request.uri.mark", "?", "Separates the path from the query.", "RFC 3986 §3.4")
QUERY = _row("request.uri.query", "Query", "Says more about what is wanted, mostly as name=value.", "RFC 3986 §3.4")
PARAMETER = _row("request.uri.query.parameter", "Parameter", "One part of the query.", "RFC 3986 §3.4")
AND = _row("request.uri.query.and", "&", "Separates two parts of the query.", "RFC 3986 §3.4")
REQUEST_VERSION = _row("request.version", "Version", "Says which version of HTTP the sender speaks.", "RFC 9112 §2.3")
RESPONSE_VERSION = _row("response.version", "Version", "Says which version of HTTP the sender speaks.", "RFC 9112 §2.3")
CODE = _row("response.code", "Status code", "Says how it went; the first digit is the class.", "RFC 9110 §15")
PHRASE = _row("response.phrase", "Reason phrase", "The status for people; programs do not read it.", "RFC 9112 §4")

FIELD_NAME = _row("field.name", "Field name", "Says what the field is about; case does not matter.", _FIELD)
COLON = _row("field.colon", "Colon", "Stands directly behind the name: a space before it is an error.", _FIELD)
OWS = _row("field.ows", "Optional white space", "May stand around the value and does not belong to it.", _FIELD)
VALUE = _row("field.value", "Field value", "What the field says.", "RFC 9110 §5.5")

BODY = _row("file_data", "Body", "The content: its length stands in Content-Length, or it goes up to the end.",
            "RFC 9112 §6.3")
CHUNK = _row("chunk", "Chunk", "A piece of a body whose length nobody knew when the header was sent.", _CHUNK)
SIZE_LINE = _row("chunk_size", "Chunk size line", "Says how many bytes follow; 0 ends the body.", _CHUNK)
SIZE = _row("chunk.size", "Chunk size", "How many bytes of data follow, in hexadecimal digits.", _CHUNK)
EXTENSION = _row("chunk.ext", "Chunk extension", "Room for remarks on a chunk; hardly anybody uses it.",
                 "RFC 9112 §7.1.1")
CHUNK_DATA = _row("chunk_data", "Chunk data", "A piece of the content.", _CHUNK)
BOUNDARY = _row("chunk_boundary", "End of chunk", "The data ends with CR LF, so that a wrong size is noticed.", _CHUNK)
TRAILER = _row("chunked_trailer_part", "Trailer section", "Fields that were known only when the body had been sent.",
               "RFC 9112 §7.1.2")
PREFACE = Row("http2.magic", "Connection preface of HTTP/2", 0,
              "A client that speaks HTTP/2 begins with it: a server for HTTP/1 alone takes it for a wrong request.",
              "RFC 9113 §3.4")

METHODS = {
    "GET": "send me the resource", "HEAD": "send me only the header that GET would get",
    "POST": "take this content and do with it what the resource does", "PUT": "store this content here",
    "DELETE": "remove the resource", "CONNECT": "make a tunnel to this server", "OPTIONS": "say what is possible here",
    "TRACE": "send back what arrived", "PATCH": "change a part of the resource",
}  # fmt: skip
CLASSES = {1: "interim: the final answer follows", 2: "it went well", 3: "look elsewhere, or in your cache",
           4: "the client's mistake", 5: "the server's mistake"}  # fmt: skip
# Names of RFC 9110, which Python took over in 3.13.
_NEW = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
PHRASES = {each.value: each.phrase for each in HTTPStatus} | _NEW

_WHYS = {
    "accept": ("Which media types the client can read.", "RFC 9110 §12.5.1"),
    "accept-encoding": ("Which compressions the client can undo.", "RFC 9110 §12.5.3"),
    "accept-language": ("Which languages the reader prefers.", "RFC 9110 §12.5.4"),
    "authorization": ("Says who asks, with a proof.", "RFC 9110 §11.6.2"),
    "cache-control": ("Says who may keep a copy, and how long.", "RFC 9111 §5.2"),
    "connection": ("Is about this connection only: close, keep-alive, or names of fields for this hop.",
                   "RFC 9110 §7.6.1"),
    "content-encoding": ("How the content was compressed.", "RFC 9110 §8.4"),
    "content-length": ("How many bytes the body has: so the receiver knows where it ends.", "RFC 9110 §8.6"),
    "content-type": ("What the bytes of the body are.", "RFC 9110 §8.3"),
    "cookie": ("What the server has asked the client to remember.", "RFC 6265 §4.2"),
    "date": ("When the message was made.", "RFC 9110 §6.6.1"),
    "etag": ("Names this version of the content, so that a copy can be checked.", "RFC 9110 §8.8.3"),
    "expect": ("The client waits with the body until the server agrees.", "RFC 9110 §10.1.1"),
    "host": ("One server can have many names: this one is meant.", "RFC 9110 §7.2"),
    "keep-alive": ("How long the sender keeps an idle connection, in seconds.", "RFC 2068 §19.7.1.1"),
    "last-modified": ("When the content was changed last.", "RFC 9110 §8.8.2"),
    "location": ("Where the resource is instead, or where the new one is.", "RFC 9110 §10.2.2"),
    "origin": ("The site of the page whose script asks; a browser sends it, and no script can change it.",
               "RFC 6454 §7"),
    "referer": ("The page that led here.", "RFC 9110 §10.1.3"),
    "sec-websocket-accept": ("Shows that the server has read the key, and speaks WebSocket: SHA-1 of the key and a "
                             "fixed text, in base64.", "RFC 6455 §4.2.2"),
    "sec-websocket-extensions": ("Extensions of WebSocket: those that the client offers, those that the server takes.",
                                 "RFC 6455 §9.1"),
    "sec-websocket-key": ("16 random bytes in base64; the accept value of the answer is made from it.",
                          "RFC 6455 §4.1"),
    "sec-websocket-protocol": ("What is spoken inside the WebSocket: the client offers some, the server takes one.",
                               "RFC 6455 §1.9"),
    "sec-websocket-version": ("The version of WebSocket: 13.", "RFC 6455 §4.1"),
    "server": ("The server's software.", "RFC 9110 §10.2.4"),
    "set-cookie": ("Asks the client to remember this.", "RFC 6265 §4.1"),
    "te": ("Which transfer codings the client takes, and whether trailers.", "RFC 9110 §10.1.4"),
    "trailer": ("Which fields come behind the body.", "RFC 9110 §6.6.2"),
    "transfer-encoding": ("How the body is framed: chunked means in pieces, each with its size.", "RFC 9112 §6.1"),
    "upgrade": ("Which other protocol to go on with on this connection.", "RFC 9110 §7.8"),
    "user-agent": ("The client's software.", "RFC 9110 §10.1.5"),
    "vary": ("Which fields of the request the content depends on.", "RFC 9110 §12.5.5"),
    "via": ("The proxies on the way.", "RFC 9110 §7.6.3"),
    "www-authenticate": ("How the client can prove who it is.", "RFC 9110 §11.6.1"),
}
_OTHER_WHY = ("One fact about the message: a name, a colon, a value.", _FIELD)
_NAMED = (
    "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection", "content-encoding",
    "content-type", "cookie", "date", "host", "last-modified", "location", "proxy-authenticate", "proxy-authorization",
    "proxy-connect-host", "referer", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key",
    "sec-websocket-protocol", "sec-websocket-version", "server", "set-cookie", "transfer-encoding", "upgrade",
    "user-agent", "www-authenticate", "x-forwarded-for",
)  # fmt: skip
NAMED = {name: "http." + name.replace("-", "_") for name in _NAMED}
"""Header fields, in lower case, that have a name of their own in Wireshark; all others are ``http.request.line``."""
NAMED["content-length"] = "http.content_length_header"
NAMED["http2-settings"] = "http.http2_settings"

# Also what differs from machine to machine: the versions of programs.
_VOLATILE = frozenset({
    "date", "last-modified", "etag", "sec-websocket-key", "sec-websocket-accept", "user-agent",
})  # fmt: skip
_KNOWN: dict[tuple[str, str], Row] = {}
_MOST_KNOWN = 512


def field_row(kind: str, name: str) -> Row:
    """The row of a header field. kind: of the message, ``"request"`` or ``"response"``. name: in lower case."""
    row = _KNOWN.get((kind, name))
    if row is None:
        why, rfc = _WHYS.get(name, _OTHER_WHY)
        row = Row(NAMED.get(name, f"http.{kind}.line"), "Field line", 0, why, rfc, volatile=name in _VOLATILE)
        if len(_KNOWN) < _MOST_KNOWN:  # names from the wire can be anything
            _KNOWN[kind, name] = row
    return row
