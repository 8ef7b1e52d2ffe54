"""An exercise on framing: where does the body of each of eight messages end?

Rule: only heads are shown; each wrong choice is told what in this head speaks against it.
"""

from __future__ import annotations

from typing import ClassVar

from labkit.exercises.matching import Case, Matching


class Framing(Matching):
    """Where does each message end?"""

    name = "http.framing"
    lesson = "03a-http-messages"
    title = "where do eight messages end?"
    praise = (
        "Look in this order: an answer to HEAD, 204, 304 and a 2xx to CONNECT have no body; then Transfer-Encoding; "
        "then Content-Length. If there is none of them, a request has no body, and an answer ends at the close.\n"
        "Connection: close says what happens after the message. It does not say where the message ends."
    )
    stretch = (
        "a request has neither Content-Length nor Transfer-Encoding, and bytes follow its head. What does a server "
        "take them for? Send it with nc."
    )
    intro = (
        "The heads of eight messages; the empty line that ends each of them is not shown. For an answer, the first "
        "line names the request that it belongs to. Where does the body of each message end?"
    )
    looks: ClassVar[dict[str, str]] = {
        "no body": "A message without a body ends at the empty line: an answer to HEAD, 204, 304, a 2xx to CONNECT.",
        "content length": "The field Content-Length gives the number of bytes of the body, if the message has one.",
        "chunked": "A body in chunks is announced by Transfer-Encoding: chunked. The chunk of size 0 ends it.",
        "at the close": "Only an answer can end at the close: if it may have a body, and if no field says how long it "
                        "is.",
    }
    cases = (
        Case("answer to GET /hello\nHTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 12\nConnection: close",
             "content length", "Here Content-Length says 12: the body ends after 12 bytes.",
             {"at the close": "The connection closes after this message. But Content-Length says where the body ends, "
                              "so the client notices if the close comes too early."}),
        Case("request\nGET /search HTTP/1.1\nHost: lab.example\nContent-Length: 9",
             "content length", "The fields decide, not the method: here Content-Length says 9.",
             {"no body": "Most requests with GET have no body. But the fields decide, not the method: look at them.",
              "at the close": "A request never ends at the close: after it the server could not answer any more."}),
        Case("answer to GET /report\nHTTP/1.1 200 OK\nContent-Type: text/html\nTransfer-Encoding: chunked\n"
             "Connection: keep-alive", "chunked", "Here Transfer-Encoding says chunked.",
             {"at the close": "No Content-Length is there, but another field says how the body is framed. And the "
                              "connection stays open."}),
        Case("answer to HEAD /report\nHTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 1270",
             "no body", "The request was HEAD: its answer has the fields of GET's answer, and no body.",
             {"content length": "Content-Length says how long the body would be in an answer to GET. Look at the "
                                "request."}),
        Case("answer to GET /old\nHTTP/1.0 200 OK\nServer: old/0.9\nContent-Type: text/plain",
             "at the close", "This answer may have a body, and neither field is there: it ends at the close.",
             {"no body": "Status 200 to a GET: there may be a body. No field says how long it is. What is left?"}),
        Case("answer to POST /save\nHTTP/1.1 204 No Content\nDate: Thu, 26 Nov 2026 12:00:00 GMT",
             "no body", "The status is 204: such an answer ends at its empty line.",
             {"at the close": "It is true that no field gives a length. But the status alone already decides here."}),
        Case('answer to GET /report, with If-None-Match: "v7"\nHTTP/1.1 304 Not Modified\nETag: "v7"\n'
             "Content-Length: 1270", "no body", "The status is 304: the client already has the body.",
             {"content length": "1270 is the size of the body that the client already has. This message does not "
                                "carry it: look at the status."}),
        Case("answer to CONNECT lab.example:443\nHTTP/1.1 200 Connection established", "no body",
             "The request was CONNECT: from the empty line on the bytes belong to the tunnel, and are no HTTP.",
             {"at the close": "Bytes follow until the close, but they are no body: what did the client ask for?"}),
    )
    hints = (
        "First ask whether the message can have a body at all. For an answer, the status and the request decide that.",
        "Four of the eight have no body. Two of these four carry a Content-Length all the same.",
        "D, F, G and H have no body. Of the other four, three have a field that frames the body; the field Connection "
        "is not such a field.",
    )
