"""Check questions of lesson 00, the first packets.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "00-start-here"

QUESTIONS = (
    ask(
        "server-ports",
        "A server listens on port 8124, and 200 clients connect. On how many ports of the server do the 200 "
        "connections end?",
        wrong("200", "The 200 different ports belong to the clients. At the server, accepting a connection takes no "
                     "new port."),
        right("1", "Every accepted connection keeps the server's port. The client's address and port tell the "
                   "connections apart."),
        wrong("201", "This counts one port for listening and one for each client. An accepted connection gets a new "
                     "socket, but it keeps the port on which the server listens."),
    ),
    ask(
        "before-the-first-byte",
        "Which packets travel before the first byte of a program's data?",
        wrong("none", "A sender does not know yet whether anybody is there. So the two kernels first agree that there "
                      "is a connection."),
        wrong("two: SYN and SYN-ACK", "After these two the server does not know yet that its SYN arrived. One more "
                                      "packet is missing."),
        right("three: SYN, SYN-ACK and ACK", "Three packets, the handshake, travel before the first byte of data."),
    ),
    ask(
        "handler-runs",
        "When does a server call its handler?",
        right("once for each new connection", "The server calls the handler once for each new connection, and gives "
                                              "it a socket: the server's end of this connection."),
        wrong("once, when it starts to listen", "At that time nobody has connected, so there is no socket that the "
                                                "handler could be given."),
        wrong("once for each packet that arrives", "The kernel receives the packets. The handler is called when a "
                                                   "connection is open, and data comes to it as events."),
    ),
    ask(
        "one-thread",
        "How can one thread serve 200 clients?",
        wrong("It serves them one after another; each client waits until the one before has left.",
              "Then one silent client would make 199 others wait. In the experiment nobody waited."),
        wrong("It asks each of the 200 sockets again and again whether something has come.",
              "That would keep the processor busy while nothing happens. The kernel tells the thread instead."),
        right("It waits for all sockets at once, and handles the one where something happens.",
              "An event loop waits for all sockets at once and calls the handler of the one where something happens, "
              "so a slow client does not make the others wait."),
    ),
)
