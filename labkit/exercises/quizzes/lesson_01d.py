"""Check questions of lesson 01d, lost packets.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "01d-tcp-loss"

QUESTIONS = (
    ask(
        "syn-doubles",
        "The first two SYNs are lost. By RFC 6298, how many seconds after the first one does the third one leave?",
        wrong("2 s", "This waits one second each time. The second wait is twice as long as the first."),
        right("3 s", "By RFC 6298, a kernel waits 1 s for the answer to its SYN, and twice as long after each "
                     "repetition."),
        wrong("4 s", "4 s is the wait after the third SYN. Before it were the waits of 1 s and 2 s."),
    ),
    ask(
        "before-the-timer",
        "How can a sender learn that a segment is probably lost, before its timer has run out?",
        wrong("The receiver sends an error message.", "TCP has no such message. A receiver tells what has arrived, and "
                                                      "not what is missing."),
        wrong("The router that lost it reports that.", "A router that has no room throws the packet away and says "
                                                       "nothing."),
        right("The same ack comes again and again.", "Three duplicate ACKs mean that a segment is probably lost, and "
                                                     "the sender repeats it without waiting for its timer."),
    ),
    ask(
        "arrives-twice",
        "A TCP segment arrives twice. How often does the program get its bytes?",
        right("once", "The receiving kernel knows by the sequence numbers that it has the bytes already; the program "
                      "gets them once."),
        wrong("twice", "That is so with UDP, which has no numbers. TCP's numbers show that the bytes are already "
                       "there."),
        wrong("not at all: both are thrown away", "The first one was good and was acknowledged. Only the second copy "
                                                  "is thrown away."),
    ),
    ask(
        "zero-window",
        "The receiver has said window 0. What does the sender do?",
        wrong("It is silent until the receiver says that there is room.",
              "The message that there is room again can get lost. Then both sides would wait for ever."),
        right("It asks from time to time with a small segment.",
              "If the window is 0, the sender asks from time to time (window probe), since the message that there is "
              "room again may get lost."),
        wrong("It ends the connection, since the receiver is broken.",
              "A window of 0 is no fault. The receiver's program only reads slowly."),
    ),
    ask(
        "cut-cable",
        "A connection is open, nobody sends anything, and the cable is cut. When does TCP notice?",
        wrong("at once, the kernel sees that the cable is cut", "The cut may be far away, behind many routers. The "
                                                                "kernel only sees packets."),
        wrong("after the time that a SYN may take", "That time counts for a connection that is being opened. An open "
                                                    "connection without data sends nothing that could be missed."),
        right("never, unless it sends something", "Silence is not an error to TCP. It notices a cut cable only if it "
                                                  "sends: data, or the probes of keepalive."),
    ),
)
