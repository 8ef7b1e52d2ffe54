"""Check questions of lesson 04c, the frames of WebSocket.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "04c-websocket-frames"

QUESTIONS = (
    ask(
        "length",
        "The seven bits of the length are 126. How long is the payload?",
        wrong("126 bytes", "A payload of 126 bytes has these bits too, and so has one of 60,000. The number is not "
                           "here."),
        right("as the next 16 bits say", "A frame begins with FIN, three RSV bits, the opcode, MASK, and a length in "
                                         "bytes: in its 7 bits, 126 stands for the next 16 bits, and 127 for the next "
                                         "64."),
        wrong("126 bits", "A length of WebSocket counts bytes, in each form."),
    ),
    ask(
        "mask",
        "A server gets a frame without a mask. Its payload can be read well. What does the server do?",
        wrong("it takes the message", "Then no client would have to mask, and proxies would be in danger."),
        wrong("it unmasks it with a key of zeros", "A frame without a mask has no key, and breaks a rule."),
        right("it closes with 1002", "A client masks each frame and a server masks none; the key stands in the frame, "
                                     "so the mask keeps nothing secret, and a receiver closes with 1002 if the rule "
                                     "is broken."),
    ),
    ask(
        "between",
        "A side has sent two of three fragments of a message. The other side asks by a ping. When may the pong be "
        "sent?",
        right("at once", "A message may have several frames, and control frames may come between them; a ping is "
                         "answered at once by a pong."),
        wrong("after the third fragment", "Then a long message would make a living connection look dead."),
        wrong("never: the message is broken", "A control frame does not belong to the message, and does not end it."),
    ),
    ask(
        "event",
        "A data event brings 30 bytes: one frame of 18, and the first 12 bytes of the next. What does a reader do "
        "with the 12?",
        wrong("it takes them for a frame", "Their header may say that 100 bytes follow."),
        right("it keeps them", "A frame is not a `data` event: a reader keeps what is not complete."),
        wrong("it closes with 1002", "TCP may cut a stream anywhere, so no rule is broken yet."),
    ),
)
