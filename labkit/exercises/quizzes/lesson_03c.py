"""Check questions of lesson 03c, HTTP's clients.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "03c-http-clients"

QUESTIONS = (
    ask(
        "must-send",
        "Which field must every request of HTTP/1.1 have?",
        wrong("User-Agent", "It names the program. No server needs it to answer."),
        right("Host", "A client of HTTP/1.1 must send `Host`; the other fields of a GET are a choice of its program."),
        wrong("Content-Length", "A request without a body need not say so."),
    ),
    ask(
        "waiting",
        "An agent has max_sockets=3, and a program makes seven requests to one server at once. What happens?",
        wrong("Four of them fail.", "The limit makes no request fail; each gets its connection sooner or later."),
        wrong("Seven connections are opened.", "The agent opens three at most to this server."),
        right("Four of them wait for a connection.", "An agent opens at most `max_sockets` connections to one server; "
                                                     "more requests wait in a queue."),
    ),
    ask(
        "rounds",
        "12 requests, each answered after 0.5 s, over four connections. How long do they take?",
        wrong("0.5 s", "Only four of them can be answered side by side."),
        right("1.5 s", "Each connection carries one answer at a time, so the time for many requests of equal length is "
                       "the number of rounds times the time for one."),
        wrong("6 s", "So long do they take over a single connection."),
    ),
    ask(
        "again",
        "A server closes a kept connection in place of an answer to a POST. What does a careful client do?",
        wrong("It sends the POST again.", "The server may have done what the POST asked for."),
        right("It reports an error to its program.", "If the server closed a kept connection, an idempotent request "
                                                     "may be sent again. A POST may not, and its program gets an "
                                                     "error."),
        wrong("It waits for the answer.", "The connection is closed. Nothing will come on it."),
    ),
)
