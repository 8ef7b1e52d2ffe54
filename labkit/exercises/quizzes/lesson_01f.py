"""Check questions of lesson 01f, the book against the wire, on TCP.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "01f-tcp-book"

QUESTIONS = (
    ask(
        "who-connects",
        "A server is bound to 127.0.0.1. Who can connect to it?",
        wrong("every machine in the same network", "127.0.0.1 is no address of the network. On each machine it means "
                                                   "that machine itself."),
        right("only programs on the same machine", "A server bound to 127.0.0.1 is reached from its own machine "
                                                   "alone; a server bound to all addresses, Node's default, from "
                                                   "outside too."),
        wrong("everybody who knows the port", "A port is not enough: the packets have to reach an address to which "
                                              "the server is bound."),
    ),
    ask(
        "when-end",
        "When does a socket emit `end`?",
        wrong("when this side sends its FIN", "Its own FIN is no news to this side. `end` tells what the other side "
                                              "has "
                                              "done."),
        wrong("when both FINs are acknowledged", "That is `close`, the last event. After `end` this side may still "
                                                 "write."),
        right("when the peer's FIN has come and everything before it has been read",
              "`end` is emitted by the side that receives a FIN, after everything before it has been read."),
    ),
    ask(
        "timeout-closes",
        "A socket emits `timeout`. What happens to the connection?",
        right("It stays open; the program decides.", "`timeout` only tells that nothing has happened for a time that "
                                                     "was set; it closes nothing."),
        wrong("The kernel closes it with a FIN.", "The kernel knows nothing of this timer. It belongs to the socket "
                                                  "object in the program."),
        wrong("The peer gets a RST.", "No packet is sent at all. Only the own program is told."),
    ),
    ask(
        "nagle-timer",
        "One byte is written, and everything sent before is acknowledged. Nagle's algorithm is on. When does the byte "
        "leave?",
        wrong("after 40 ms", "The 40 ms are the delayed ACK of the other side. Here nothing waits for an ACK."),
        wrong("when more bytes have come", "Nagle's algorithm does not wait for an amount. It looks only at what is "
                                           "not acknowledged."),
        right("at once", "Nagle's algorithm has no timer and no amount: it waits only while something is not "
                         "acknowledged."),
    ),
    ask(
        "misspelt",
        "A name in a handler is misspelt. When does Python find that?",
        wrong("when the cell that defines the handler runs", "Then def only keeps the lines. Python looks up a name "
                                                             "when its line runs."),
        right("when that line of the handler runs", "A misspelt name is found when its line runs; a handler that was "
                                                    "never called may still hold one."),
        wrong("when the server starts to listen", "At that time nobody has called the handler yet."),
    ),
)
