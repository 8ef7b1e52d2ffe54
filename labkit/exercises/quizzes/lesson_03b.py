"""Check questions of lesson 03b, HTTP's connections.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "03b-http-connections"

QUESTIONS = (
    ask(
        "stateless",
        "Two requests come on the same connection. What does HTTP tell the server about them?",
        wrong("that they are from the same user", "A proxy sends requests of many users over one connection."),
        right("nothing that joins them", "Requests share a connection as long as both sides keep it; nothing in a "
                                         "request says that there was another one before."),
        wrong("that the second belongs to the first", "The bytes of the second request can be those of the first."),
    ),
    ask(
        "order",
        "Three requests are pipelined. The answer to the third is ready first. When is it sent?",
        wrong("at once", "The client would take it for the answer to its first request."),
        wrong("at once, with the number 3", "No field of HTTP/1.1 carries the number of a request."),
        right("behind the other two", "Responses come in the order of the requests, because nothing else says which "
                                      "request they answer."),
    ),
    ask(
        "forgotten",
        "A client has got 500 bytes in a chunk, and then nothing more. What does it know?",
        right("The response is not complete.", "Only `end()` completes a response; a client that gets no end waits."),
        wrong("The response has 500 bytes.", "A chunk has 500 bytes. A body in chunks ends with a chunk of size 0."),
        wrong("The server has closed the connection.", "A closed connection would be told: the client gets a FIN."),
    ),
    ask(
        "two-ends",
        "A request has Content-Length and chunks, and the two ends differ. Why does a careful server refuse it?",
        wrong("because a body in chunks is slower", "Speed is not the reason: which bytes are the body decides."),
        wrong("because the length must be the sum of the chunks", "Even if both fit, the next program may count by "
                                                                  "the other one."),
        right("because another program may see another end", "If two programs frame a message in two ways, the rest of "
                                                             "one message becomes a request; so a server refuses what "
                                                             "has two ends."),
    ),
)
