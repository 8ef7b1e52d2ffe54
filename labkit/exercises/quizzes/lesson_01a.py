"""Check questions of lesson 01a, the connection.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "01a-tcp-connection"

QUESTIONS = (
    ask(
        "ack-names",
        "The client has sent bytes 1 to 5 in one segment, and all have arrived. Which ack does the server send?",
        wrong("`ack=5`", "5 is the number of the last byte received. An ack names the next byte that is expected."),
        wrong("`ack=1`", "An ack does not count segments. It is the number of a byte."),
        right("`ack=6`", "An ack names the number of the next byte that the receiver expects."),
    ),
    ask(
        "takes-a-number",
        "Which flags take a sequence number of their own, as a byte of data does?",
        wrong("SYN and ACK", "SYN does. But nearly every segment has ACK set; if ACK took a number, the acks "
                             "themselves would have to be acknowledged, without end."),
        right("SYN and FIN", "SYN and FIN take one number each, so that they can be acknowledged too."),
        wrong("ACK and PSH", "Neither takes one. PSH only asks the receiving kernel to give the data to its program "
                             "at once."),
    ),
    ask(
        "window-says",
        "A segment from the server says `window=65536`. What does that mean?",
        right("The server has room for 65,536 more bytes from the client.",
              "The window says how many bytes the sender of the segment has room for, so the receiver limits the "
              "other side."),
        wrong("The server is going to send 65,536 bytes.", "The field speaks of the other direction: of the bytes that "
                                                           "the sender of this segment can receive."),
        wrong("The network can carry 65,536 bytes at once.", "Neither side has asked the network. The window is about "
                                                             "the room in the kernel that sent the segment."),
    ),
    ask(
        "right-program",
        "Several programs on one machine use the network. What brings a segment to the right one?",
        wrong("the IP address", "The IP address brings the packet to the right machine. All programs on that machine "
                                "share it."),
        wrong("the sequence number", "It puts the bytes of one connection in order. Another connection may use the "
                                     "same numbers."),
        right("the port", "IP brings a packet to the right machine; the port brings the bytes to the right program."),
    ),
)
