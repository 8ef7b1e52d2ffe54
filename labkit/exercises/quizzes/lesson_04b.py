"""Check questions of lesson 04b, the handshake of WebSocket.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "04b-websocket-handshake"

QUESTIONS = (
    ask(
        "fields",
        "A request has Upgrade: websocket, a version and a key, and no field Connection. What is it?",
        wrong("a handshake", "Upgrade counts only if Connection names it."),
        right("a GET as any other", "A handshake is a GET with `Upgrade: websocket`, `Connection: Upgrade`, a version "
                                    "and a key; the answer is 101."),
        wrong("no HTTP", "Each of its lines is a good field of HTTP. Only the wish is not complete."),
    ),
    ask(
        "proof",
        "A client gets the right accept value. What does it know?",
        wrong("that nobody else reads along", "Everything that goes into the value is on the wire or in the RFC."),
        wrong("that the server is the one it meant", "Any program can compute the value."),
        right("that the server has understood this request", "The accept value is the SHA-1 of key and GUID, in "
                                                             "base64; it proves that the server has understood this "
                                                             "request, and keeps no secret."),
    ),
    ask(
        "unasked",
        "A client offers the subprotocol chat. The answer is 101, with the right value and the subprotocol chess. "
        "What does a browser do?",
        right("it gives up", "A client compares the accept value, and refuses another one; it also refuses a "
                             "subprotocol that it has not offered."),
        wrong("it speaks chess", "It has not said that it can."),
        wrong("it speaks chat", "The server would speak chess with it."),
    ),
    ask(
        "behind",
        "One segment brings the end of a 101 answer and 20 bytes more. Whose are they?",
        wrong("the body of the answer", "A 101 has no body: the protocol changes behind its empty line."),
        right("the first frame's", "Bytes behind the head of the handshake belong to the first frame."),
        wrong("nobody's: they came too early", "A server may send as soon as it has answered."),
    ),
    ask(
        "origin",
        "A page at another port of your host opens a WebSocket to your server. Its handshake has your user's cookie. "
        "Who can refuse it?",
        wrong("the browser, as for HTTP", "For WebSocket, a browser lets each page try, and says where it came from."),
        wrong("the cookie, with SameSite=Strict", "Another port of the same host is the same site, so the cookie is "
                                                  "sent."),
        right("your server", "The browser tells the origin of a page, and only the server can refuse it."),
    ),
)
