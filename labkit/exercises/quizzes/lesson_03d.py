"""Check questions of lesson 03d, fields and bodies.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "03d-http-bodies"

QUESTIONS = (
    ask(
        "too-late",
        "A handler has written the first piece of a body. Can it still set a header field?",
        wrong("It can until it calls end.", "The head is in front of the body, and has left with the first piece."),
        right("It cannot: the head has left.", "Header fields leave with the first bytes of the body, or at "
                                               "`flush_headers`; after that they cannot be changed."),
        wrong("It can if it has not called write_head.", "Then the server has made a head by itself, for the first "
                                                         "piece."),
    ),
    ask(
        "upload",
        "A handler is called for an upload of 1 GB. What can it count on at that moment?",
        wrong("the whole request", "Then the server would have to keep 1 GB for each client."),
        wrong("the head and the first 64 kB", "No number is promised. Pieces come as TCP brings them."),
        right("the head; the body comes in pieces", "A handler is called when the head is complete. The body arrives "
                                                    "piece by piece; `end` says that it is complete."),
    ),
    ask(
        "expect",
        "A client sends Expect: 100-continue, and gets 413. What does it send next?",
        wrong("its body, because it has announced it", "The question was asked so that the body need not be sent."),
        right("nothing of its body", "`Expect: 100-continue` asks before a body is sent; the answer is 100, or a "
                                     "refusal that saves the body."),
        wrong("a 100 of its own", "Codes are for responses, and only servers send them."),
    ),
    ask(
        "streams",
        "Why can a server of HTTP/2 answer the second question first?",
        wrong("HTTP/2 opens a connection for each question.", "It uses one connection for all of them."),
        right("Each piece says which exchange it belongs to.", "HTTP/2 numbers the exchanges of one connection, so "
                                                               "answers can come in any order."),
        wrong("HTTP/2 does not run on TCP.", "It does. The bytes of its one connection are in order, as always."),
    ),
)
