"""Check questions of lesson 01c, the stream of bytes.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "01c-tcp-stream"

QUESTIONS = (
    ask(
        "recv-less",
        "`recv(100)` on a TCP socket returns 37 bytes. What do you know?",
        wrong("The peer's message has 37 bytes.", "TCP carries no messages. These 37 bytes may be half a message of "
                                                  "the peer's, or three of them."),
        wrong("63 bytes were lost on the way.", "100 is the most that recv may return. TCP itself sends lost bytes "
                                                "again."),
        right("37 bytes were there; more may follow.", "`recv(n)` returns what is there, n bytes at most. Where one "
                                                       "write ends and the next begins is not kept."),
    ),
    ask(
        "recv-empty",
        '`recv(100)` returns `b""`. What does that mean?',
        right("The peer has ended its direction.", 'recv returns `b""` once the peer has ended its direction; if there '
                                                   "is nothing yet, it waits."),
        wrong("Nothing has arrived yet.", "If nothing has arrived yet, recv waits. A program that reads on in a loop "
                                          'here gets `b""` for ever.'),
        wrong("The peer has sent an empty message.", "An empty write sends no segment at all, so nobody can notice "
                                                     "it."),
    ),
    ask(
        "who-acknowledges",
        "Your bytes have been acknowledged. Who has them?",
        wrong("the peer's program", "The program may be busy and may never read them. The ACK was sent without asking "
                                    "the program."),
        right("the peer's kernel", "The kernel sends the ACK when the bytes are in its buffer. It does not say that "
                                   "the program has read them."),
        wrong("the last router before the peer", "Routers forward packets. They send no ACK for them."),
    ),
    ask(
        "nagle-waits",
        "Nagle's algorithm holds a small segment back. Until when?",
        wrong("until 40 ms have passed", "Nagle's algorithm has no timer. The 40 ms come from the other side, which "
                                         "delays its ACK."),
        wrong("until the program calls `write` again", "A second write does not help if the segment is still small. "
                                                     "Something else has to arrive."),
        right("until everything sent before is acknowledged", "Nagle's algorithm holds a small segment back while "
                                                              "something is not acknowledged; together with the "
                                                              "peer's delayed ACK that can take 40 ms."),
    ),
    ask(
        "write-false",
        "`write()` returns False. What should the program do?",
        wrong("write the same bytes again", "The bytes were taken, and are sent later. If you write them again, the "
                                            "peer gets them twice."),
        right("stop writing until `drain`", "False means: enough is waiting in this program. `drain` tells that the "
                                          "buffer is empty and you can go on."),
        wrong("close the connection", "Nothing is broken. The peer only reads slower than you write."),
    ),
)
