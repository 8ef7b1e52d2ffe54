"""Check questions of lesson 06, everything together.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "06-together"

QUESTIONS = (
    ask(
        "memory",
        "1,000 clients are connected, and most of them are silent. What does a thread for each of them cost?",
        right("tens of kB for each connection, and at least one switch for each line",
              "A thread takes tens of kB, and not the 8 MB that it reserves: several times what a connection takes on "
              "an event loop. And the kernel must wake a thread for each line."),
        wrong("8 MB for each connection", "A thread reserves 8 MB of addresses. It gets memory for the pages that it "
                                          "has touched."),
        wrong("nothing, because a silent thread sleeps", "A thread that sleeps keeps its stack."),
    ),
    ask(
        "faster",
        "One client asks, and 999 are silent. Does the event loop answer sooner than a thread would?",
        wrong("yes, several times sooner", "The thread of this client is woken as fast as the loop is."),
        right("no, about as soon",
              "One client is answered about as soon by either. The loop saves memory and switches."),
        wrong("no, because it must look at 999 other sockets", "The kernel tells the loop which sockets are ready."),
    ),
    ask(
        "around",
        "A page says a line in the chat over wss. In which order are things put around its text?",
        right("a frame, a record, a segment, a packet",
              "A line is put into a frame, the frame into a record, the record into a segment, the segment into a "
              "packet; each layer adds bytes of its own."),
        wrong("a record, a frame, a segment, a packet", "The record encrypts the frame, so that nobody on the way sees "
                                                        "its opcode."),
        wrong("a frame, a segment, a record, a packet", "TLS stands above TCP: records are bytes of its stream."),
    ),
    ask(
        "votes",
        "The members of an encrypted chat vote yes or no. What does somebody on the way learn?",
        wrong("nothing", "TLS hides what is said, and not how long it is."),
        right("who said the longer word", "Sizes are open: yes is one byte longer than no."),
        wrong("the votes, if the key of the mask is known", "The key of the mask is encrypted with the frame."),
    ),
    ask(
        "look",
        "A chat does not work. Its tape has a TCP handshake, a TLS handshake, and the answer 403. Where do you look?",
        wrong("at the certificate", "The TLS handshake went well, so the certificate was accepted."),
        right("at the request: its path, its Origin, its cookies",
              "Go from the bottom up: the first layer that cannot go on says so in its own words. A status is HTTP's."),
        wrong("at the frames", "There are no frames before the status 101."),
    ),
)
