"""Check questions of lesson 02b, what the network does to datagrams.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "02b-udp-network"

QUESTIONS = (
    ask(
        "told-of-loss",
        "A datagram is lost on its way. How does the sender learn of that?",
        wrong("An ICMP message comes back.", "ICMP tells that a port or a host cannot be reached. A packet that was "
                                             "lost on the way brings nothing back."),
        right("Not at all, unless the programs tell each other.",
              "Nobody tells the sender that a datagram was lost, came twice or was overtaken; programs need numbers, "
              "acknowledgments and a timer for that."),
        wrong("Its kernel gets no ACK, and reports an error.", "UDP has no ACK, so the kernel does not wait for "
                                                               "anything."),
    ),
    ask(
        "closed-port",
        "A datagram arrives at a machine where nothing is bound to its port. What comes back?",
        wrong("a RST", "RST is a flag of TCP. UDP has no flags."),
        wrong("nothing at all", "That is so if a firewall throws the datagram away. A kernel that gets it answers."),
        right("ICMP: port unreachable", "If nothing is bound to the port, the kernel answers with ICMP port "
                                        "unreachable; the same datagram at a firewall brings nothing back."),
    ),
    ask(
        "fragment-lost",
        "A large datagram travels in three fragments, and one of them is lost. What does the program get?",
        right("nothing", "A datagram larger than a packet travels in fragments; if one is lost, the whole datagram is "
                         "lost."),
        wrong("the two parts that arrived", "Only the kernel sees fragments. It gives a datagram to the program whole, "
                                            "or not at all."),
        wrong("all of it, since the lost fragment is sent again", "Nobody asks for a fragment again. IP does not "
                                                                  "repeat anything."),
    ),
    ask(
        "copied",
        "The network copies a datagram. What does the program get?",
        wrong("It gets the datagram once.", "TCP would throw the copy away by its number. UDP has no numbers."),
        right("It gets the datagram twice.", "UDP hands over what arrives, as often as it arrives and in the order in "
                                             "which it arrives."),
        wrong("It gets an error from its kernel.", "To the kernel they are two good datagrams. Neither has a fault, "
                                                   "so there is no error."),
    ),
    ask(
        "stop-and-wait-rate",
        "Stop-and-wait on a wire with a round trip of 10 ms: how many pieces arrive in one second, if nothing is lost?",
        wrong("10", "10 pieces would take 10 round trips of 10 ms: a tenth of a second."),
        wrong("as many as the wire can carry", "The wire is empty most of the time: the sender waits for the ack "
                                               "before it sends the next piece."),
        right("100", "Stop-and-wait sends one piece a round trip, however fast the wire is; TCP's window lets many be "
                     "under way."),
    ),
)
