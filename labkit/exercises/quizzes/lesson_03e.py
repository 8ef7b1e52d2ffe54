"""Check questions of lesson 03e, HTTP: the book against the wire.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "03e-http-book"

QUESTIONS = (
    ask(
        "documents",
        "You want to know what a server must do with a field today. Where do you look?",
        wrong("in RFC 2616", "It has been replaced, and some of what it allowed is refused now."),
        right("in RFC 9110 and RFC 9112", "RFC 9110 and RFC 9112 describe HTTP/1.1 today; RFC 2616 has been replaced, "
                                          "and some of what it allowed is refused now."),
        wrong("in the source of Node", "It tells what Node does. Other programs go by the standard."),
    ),
    ask(
        "wish",
        "A request asks for an upgrade, and the server has no listener for it. What does the client get?",
        right("an answer as usual", "An upgrade is a wish: a server without a listener for it answers as usual."),
        wrong("no answer: the connection is closed", "So it was in old versions of Node."),
        wrong("101", "101 says that the server has changed to the new protocol."),
    ),
    ask(
        "refused",
        "Your client gets the event connect for its CONNECT. Is the way open?",
        wrong("It is: the event means that.", "The event comes for every final answer, also for a refusal."),
        right("It is if the status code says so.", "A client's `connect` means that there is an answer; only its "
                                                  "status code says whether the way is open."),
        wrong("It is if there are bytes behind the head.", "A refusal may have a body, too."),
    ),
)
