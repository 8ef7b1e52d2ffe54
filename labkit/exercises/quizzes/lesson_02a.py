"""Check questions of lesson 02a, datagrams.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "02a-udp"

QUESTIONS = (
    ask(
        "how-many-sockets",
        "A UDP server answers three clients. How many sockets does it need?",
        wrong("3", "With TCP there is a socket for each connection. UDP has no connections: every datagram names its "
                   "sender."),
        right("1", "One UDP socket talks to any number of peers, since each datagram comes with its sender's address "
                   "and port."),
        wrong("4", "With TCP there would be one that listens and one for each connection. UDP has neither."),
    ),
    ask(
        "borders",
        "A client sends two datagrams of 5 bytes. The server then calls `recvfrom(100)` once. What does it get?",
        wrong("10 bytes", "TCP could give them together. A datagram stays one message."),
        wrong("5 or 10 bytes, it depends on the time", "Time decides that in a stream. Two datagrams never become "
                                                       "one."),
        right("5 bytes", "UDP keeps the borders: one send is one datagram, and one recvfrom returns one datagram."),
    ),
    ask(
        "truncated",
        "A datagram of 9 bytes has arrived, and the program calls `recvfrom(4)`. What happens to the other 5 bytes?",
        right("They are lost.", "If the buffer is too small, recvfrom returns the first bytes and the rest of the "
                                "datagram is lost."),
        wrong("The next recvfrom returns them.", "That is how a stream works. The next recvfrom returns the next "
                                                 "datagram."),
        wrong("The sender sends them again.", "The sender is told nothing. UDP has no acknowledgment."),
    ),
    ask(
        "what-it-costs",
        "How many packets does UDP need for one short question and its answer?",
        wrong("4", "This counts an acknowledgment for each of the two. UDP sends none."),
        right("2", "UDP needs two packets for a question and its answer; TCP needs about ten, since it opens, "
                   "acknowledges and ends."),
        wrong("5", "This counts a handshake of three packets first. UDP opens no connection."),
    ),
    ask(
        "all-addresses",
        "A socket is bound to 0.0.0.0. What does that mean?",
        wrong("It can be reached from its own machine alone.", "That is 127.0.0.1. With 0.0.0.0 other machines can "
                                                               "reach the socket too."),
        wrong("It has no address yet, and gets nothing.", "It is bound, and it gets datagrams. 0.0.0.0 is an "
                                                          "abbreviation."),
        right("It gets what comes to any address of the machine.",
              "0.0.0.0 means all addresses of this machine; 127.0.0.1 means that only this machine can reach the "
              "socket."),
    ),
)
