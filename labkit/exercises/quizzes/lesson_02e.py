"""Check questions of lesson 02e, the book against the wire, on UDP.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "02e-udp-book"

QUESTIONS = (
    ask(
        "sent-means",
        "The function given to `send` is called without an error. Who has the datagram?",
        right("the sender's own kernel", "Sent means that your own kernel has taken the datagram. It does not mean "
                                         "that the datagram has arrived."),
        wrong("the peer's kernel", "Then the peer would have to acknowledge it. UDP has no acknowledgment."),
        wrong("the peer's program", "Nobody asks the peer's program. The function is called even if nobody waits for "
                                    "the datagram."),
    ),
    ask(
        "listening-client",
        "A socket that was never bound sends a datagram and emits `listening`. What has happened?",
        wrong("It has become a server.", "UDP makes no difference between the two. The event tells of something that "
                                         "each side needs."),
        right("The kernel has given it a port.", "`listening` means that the socket has a port, so that an answer can "
                                                 "come; a `send` without `bind` brings it too."),
        wrong("The peer has answered.", "The event comes before the datagram has left. An answer would be `message`."),
    ),
    ask(
        "closed-again",
        "A UDP socket is closed, and then `bind` is called on it. What happens?",
        wrong("It gets messages again.", "The chapter says that, and it is wrong: measured, `bind` raises an error."),
        wrong("Messages that came meanwhile are handed over.", "While the socket was closed, the kernel kept nothing "
                                                               "for it."),
        right("An error: it stays closed.", "A closed socket stays closed; a program that wants messages again makes a "
                                            "new socket."),
    ),
    ask(
        "whose-loss",
        "A network loses one packet in five. What does a TCP transfer notice of it?",
        wrong("Some bytes are missing at the end.", "TCP numbers its bytes. The receiver's kernel hands over nothing "
                                                    "beyond a gap."),
        right("Nothing is missing, but it takes longer.", "The network loses packets of TCP as well as of UDP; TCP "
                                                          "repairs that, and it costs time."),
        wrong("Nothing, since only UDP packets get lost.", "A router does not look whether a packet carries TCP or "
                                                           "UDP when its queue is full."),
    ),
)
