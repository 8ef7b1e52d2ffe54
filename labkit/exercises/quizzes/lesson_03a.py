"""Check questions of lesson 03a, HTTP's messages.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "03a-http-messages"

QUESTIONS = (
    ask(
        "head-ends",
        "By what does a reader know that the head of a message has ended?",
        wrong("by the field Content-Length", "This field counts the bytes of the body, and it is a part of the head."),
        right("by an empty line", "A message is a start line, header fields, an empty line, and a body that may be "
                                  "missing; each line of the head ends with CR and LF."),
        wrong("by the end of the segment", "TCP may cut a head anywhere, and may put a body in the same segment."),
    ),
    ask(
        "no-length",
        "A response has neither Content-Length nor chunks, and a status of 200. Where does its body end?",
        wrong("It has no body.", "Only HEAD, 204 and 304 say so. A response with 200 may have a body of any length."),
        wrong("at an empty line", "An empty line ends the head. A body may have as many empty lines as it likes."),
        right("at the end of the connection", "The head says where the body ends: by `Content-Length`, by chunks, or, "
                                              "for a response, by the end of the connection."),
    ),
    ask(
        "head-request",
        "The answer to a HEAD says Content-Length: 5000. How many bytes of body must the client read?",
        right("none", "An answer to `HEAD`, and 204 and 304, have no body, whatever their fields say."),
        wrong("5000", "The client would wait for ever: the number describes the answer to GET."),
        wrong("as many as come until the connection ends", "The connection may stay open, and the next answer begins "
                                                           "right behind the empty line."),
    ),
    ask(
        "known",
        "A handler calls end(text), and nothing before it. How does the server say where the body ends?",
        wrong("by closing the connection", "That is left for clients which do not know chunks."),
        wrong("by chunks", "Chunks are for a body whose length is not known yet."),
        right("by a length", "If the server knows the whole body when the head is made, it sends a length; else it "
                             "sends chunks."),
    ),
)
