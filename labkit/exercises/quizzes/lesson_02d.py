"""Check questions of lesson 02d, packets made by hand.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "02d-crafting"

QUESTIONS = (
    ask(
        "own-reset",
        "You send a SYN that Scapy made, and a SYN, ACK comes back. Then a RST leaves your machine. Who sent the RST?",
        wrong("the server", "The RST leaves your machine. The server has just agreed to the connection."),
        wrong("Scapy", "Scapy sends only what you tell it to send. It does not answer on its own."),
        right("your own kernel", "Your own kernel sends the RST: it gets a SYN, ACK for a connection that it does not "
                                 "know."),
    ),
    ask(
        "silent-port",
        "A SYN to a port gets no answer at all, though it was sent several times. What is this port?",
        right("silent: a firewall, or no machine at all", "SYN, ACK means open, RST means closed, and no answer means "
                                                          "silent: nobody can tell a firewall from a lost packet or "
                                                          "a machine that is off."),
        wrong("closed: nothing listens on it", "Then the kernel would answer with RST."),
        wrong("open: the program is just busy", "The kernel answers the SYN, not the program. A busy program does not "
                                                "delay the SYN, ACK."),
    ),
    ask(
        "forged-reset",
        "What must a forged RST have right, besides addresses and ports, to end a connection at once?",
        wrong("the acknowledgment number", "The receiver of a RST does not need it to accept the RST. It looks at "
                                           "another number."),
        right("the sequence number", "A RST ends a connection only if its sequence number is exactly the one that the "
                                     "receiver expects next."),
        wrong("the time to live", "Any value that lets the packet arrive is good enough. It proves nothing."),
    ),
    ask(
        "why-random",
        "Why do kernels choose initial sequence numbers at random?",
        wrong("so that two connections never use the same port", "Ports are chosen apart from the numbers."),
        right("so that a stranger cannot guess them", "Somebody who cannot see the packets must guess a number of 32 "
                                                      "bits. Kernels choose first numbers at random."),
        wrong("so that lost segments are found faster", "Whether a segment is missing is seen by what follows it, "
                                                        "wherever the numbers begin."),
    ),
    ask(
        "forged-answer",
        "A forged DNS answer must come before the real one. What must its sender guess?",
        wrong("the name that was asked for", "An attacker can often make the victim ask for a name of the attacker's "
                                             "choice."),
        wrong("the checksum of the question", "The answer has a checksum of its own, and anybody can compute it."),
        right("the identification and the client's port", "A forged answer must have the identification (16 bits) and "
                                                          "the client's port right; both are random today."),
    ),
)
