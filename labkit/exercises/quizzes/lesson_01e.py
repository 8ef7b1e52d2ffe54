"""Check questions of lesson 01e, congestion control.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "01e-tcp-congestion"

QUESTIONS = (
    ask(
        "two-windows",
        "Who decides how large the congestion window is?",
        right("the sender, by the acks and losses it sees", "The sender keeps the congestion window itself, by the "
                                                            "acks and losses it sees; it is in no header field."),
        wrong("the receiver, in the header's window field", "That field is the other window: the receiver's room. It "
                                                            "says nothing about the network between the two."),
        wrong("the routers, which tell it to the sender", "Routers lose packets if their queue is full. They do not "
                                                          "tell a number; the sender has to guess one."),
    ),
    ask(
        "how-much-more",
        "The congestion window is 20 kB, the peer's window is 64 kB, and 15 kB are in flight. How much more may be "
        "sent?",
        wrong("49 kB", "This is the peer's window without what is in flight. The smaller of the two windows counts."),
        wrong("20 kB", "The 15 kB in flight are part of the 20 kB: they are sent and not acknowledged."),
        right("5 kB", "The bytes in flight may be at most the smaller of the two windows."),
    ),
    ask(
        "slow-start",
        "How does the congestion window grow in slow start?",
        wrong("by one segment a round trip", "That is the growth after slow start, once a loss has shown where the "
                                             "limit is."),
        right("it doubles every round trip", "In slow start the congestion window doubles every round trip; afterwards "
                                             "Reno adds about one segment a round trip."),
        wrong("it stays the same until the first loss", "Then a fast network would stay almost empty. The sender "
                                                        "looks for the limit."),
    ),
    ask(
        "after-loss",
        "Three duplicate ACKs tell Reno of a lost segment. What happens to its congestion window?",
        wrong("It falls to one segment.", "That happens if the timer runs out. Duplicate ACKs show that other segments "
                                          "still arrive."),
        wrong("Nothing, the segment is only sent again.", "Then the queue that lost the segment would stay full, for "
                                                          "everybody. A loss is taken as a sign of congestion."),
        right("It is halved.", "After a loss told by duplicate ACKs Reno halves its congestion window; if the timer "
                               "runs out, it starts again with one segment."),
    ),
    ask(
        "which-limit",
        "A program at the other end reads slowly. Which of the two limits the sender?",
        wrong("the congestion window", "The network is not the cause: nothing is lost, and no queue is full."),
        right("the peer's window", "The peer's window protects a slow receiver (flow control); the congestion window "
                                   "protects the network (congestion control)."),
        wrong("neither of them", "Then the receiver's kernel would have to throw bytes away. TCP does not let it come "
                                 "to that."),
    ),
)
