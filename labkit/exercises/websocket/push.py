"""An exercise on the ways of news from a server to a client: five tapes, and which way each of them shows.

Rule: only what stands on a wire is shown; a wrong answer is told what speaks against it.
"""

from __future__ import annotations

from typing import ClassVar

from labkit.exercises.matching import Case, Matching


class Push(Matching):
    """Which way did the news take?"""

    name = "websocket.push"
    lesson = "04a-push"
    title = "five tapes: how did the news come?"
    praise = (
        "Look for two things: who begins, and whether the answer ends. In HTTP, news can only be a part of an answer.\n"
        "After 101 there are no requests and answers any more: each side sends when it likes."
    )
    stretch = "which of these ways can carry what the client has to say at any moment, on the same connection?"
    intro = (
        "Two updates reach a client, each in a different way. These are the messages of five tapes, with the seconds "
        "since the first one. Which way is it?"
    )
    looks: ClassVar[dict[str, str]] = {
        "polling": "In polling the client asks at its own times, and gets an answer at once, also if there is no news.",
        "long polling": "In long polling each question waits in the server until there is news; then the client asks "
                        "again.",
        "server-sent events": "Server-sent events are one answer of the type text/event-stream, which goes on.",
        "iframe": "An iframe loads one answer in HTML, which goes on with a script for each update.",
        "WebSocket": "WebSocket begins with an upgrade: the answer has the status 101.",
    }
    cases = (
        Case("0.0  client → server  GET /news?after=0\n"
             "3.2  client ← server  200, Content-Length: 10, \"update 001\"\n"
             "3.2  client → server  GET /news?after=1\n"
             "7.1  client ← server  200, Content-Length: 10, \"update 002\"\n"
             "7.1  client → server  GET /news?after=2", "long polling",
             "Here an answer comes 3.2 and 3.9 seconds after its question, and the next question follows at once.",
             {"polling": "The client asks again as soon as it has an answer, and no answer is empty: the server lets "
                         "the question wait.",
              "server-sent events": "Each answer has a length, and ends. For each update there is a new question."}),
        Case("0.0  client → server  GET /news\n"
             "0.0  client ← server  200, Content-Type: text/html, Transfer-Encoding: chunked\n"
             "3.2  client ← server  chunk \"<script>show('update 001')</script>\"\n"
             "7.1  client ← server  chunk \"<script>show('update 002')</script>\"", "iframe",
             "Here one answer in HTML goes on, and each chunk is a script.",
             {"server-sent events": "The answer goes on, as server-sent events do. But its type is text/html, and what "
                                    "comes are scripts that the browser runs."}),
        Case("0.0  client → server  GET /news?after=0\n"
             "0.0  client ← server  200, Content-Length: 0\n"
             "4.0  client → server  GET /news?after=0\n"
             "4.0  client ← server  200, Content-Length: 10, \"update 001\"\n"
             "8.0  client → server  GET /news?after=1\n"
             "8.0  client ← server  200, Content-Length: 10, \"update 002\"", "polling",
             "Here the client asks each 4 seconds, and each answer comes at once. The first one is empty.",
             {"long polling": "No question waits: each answer comes at once, also the empty one."}),
        Case("0.0  client → server  GET /news, Upgrade: websocket\n"
             "0.0  client ← server  101\n"
             "3.2  client ← server  12 bytes: 81 0a, \"update 001\"\n"
             "4.0  client → server  10 bytes: 81 84, a key, 4 masked bytes\n"
             "7.1  client ← server  12 bytes: 81 0a, \"update 002\"", "WebSocket",
             "Here the answer is 101, and after it both sides send, 2 or 6 bytes more than they have to say.",
             {"server-sent events": "The answer is 101, and later the client sends too, without a new request."}),
        Case("0.0  client → server  GET /news, Accept: text/event-stream\n"
             "0.0  client ← server  200, Content-Type: text/event-stream, Transfer-Encoding: chunked\n"
             "3.2  client ← server  chunk \"data: update 001\\n\\n\"\n"
             "7.1  client ← server  chunk \"data: update 002\\n\\n\"", "server-sent events",
             "Here one answer of the type text/event-stream goes on, and each update is a chunk.",
             {"iframe": "The answer goes on, but it is not HTML: its type is text/event-stream.",
              "long polling": "There is one question only, and its answer does not end."}),
    )
    hints = (
        "Count the questions of the client. Is there one for each update, or one for all?",
        "If there is a question for each update: does its answer come at once, or when there is news? If there is one "
        "question only, look at its answer: its status, and its type.",
        "A and C have several questions: in one of them the answers wait. B and E have one answer that goes on, with "
        "different types. D has the status 101.",
    )
