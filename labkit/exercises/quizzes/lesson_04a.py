"""Check questions of lesson 04a, from Comet to WebSocket.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "04a-push"

QUESTIONS = (
    ask(
        "bundles",
        "A page polls once a second, and ten updates come in each second. Which price does it pay?",
        wrong("ten answers a second", "One answer brings all updates that have come since the last question."),
        right("news up to a second old", "Polling brings news late or asks in vain; its answers may bring several "
                                         "updates at once."),
        wrong("updates that are lost", "The request says what the page has seen, and the server keeps the rest."),
    ),
    ask(
        "repeats",
        "A page with long polling gets its third update. What is new on the wire for it?",
        wrong("a connection, a request and an answer", "The connection of the first answer was kept."),
        wrong("an answer", "The second answer has ended, and in HTTP an answer needs a request."),
        right("a request and an answer", "Long polling repeats the request, not the connection; each update costs two "
                                         "heads."),
    ),
    ask(
        "one-way",
        "A page reads server-sent events. The user types a line for the server. How does the line get there?",
        right("in a request on another connection", "Server-sent events are one answer in chunks that goes on; it has "
                                                    "one direction, and occupies its connection."),
        wrong("in a chunk of its own", "Chunks are parts of the answer, and the server sends them."),
        wrong("in the same connection, after the next event", "The answer does not end with an event, and the next "
                                                              "answer would have to wait for its end."),
    ),
    ask(
        "around",
        "A WebSocket is open. The server has ten bytes of news. What does it send?",
        wrong("a response with a head", "HTTP has ended with the handshake."),
        right("a few bytes and the ten", "WebSocket begins as HTTP; then both sides send messages at any time, with a "
                                         "few bytes before each, on one connection."),
        wrong("nothing until the page asks", "Both sides may send at any time."),
    ),
    ask(
        "full",
        "A page sends its mouse's position every 50 ms, over a slow network. What keeps its memory small?",
        wrong("WebSocket drops what the network cannot take", "Each message that was sent stays in the page until it "
                                                              "has gone."),
        wrong("the server reads faster", "The server cannot read what the network has not brought."),
        right("it sends only while bufferedAmount is 0", "What a page has not yet given to the network is in "
                                                         "`bufferedAmount`; a page that sends only while it is 0 "
                                                         "cannot fill its memory."),
    ),
)
