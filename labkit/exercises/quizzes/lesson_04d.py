"""Check questions of lesson 04d, endings and faults of WebSocket.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "04d-websocket-endings"

QUESTIONS = (
    ask(
        "1006",
        "A log is full of 1006. What do you know?",
        wrong("The clients have sent 1006.", "No frame may carry this code."),
        wrong("Somebody has broken a rule.", "Perhaps: a side that refuses a frame is told 1006. But so is a side "
                                             "whose cable was cut."),
        right("The connections ended without a word.", "A close frame has a code; 1006 in a log means that no close "
                                                       "frame came, so nobody has told why."),
    ),
    ask(
        "guess",
        "A frame has the opcode 3, and its payload is good UTF-8. What does a receiver do?",
        wrong("It takes it for text.", "The next receiver might take it for something else."),
        right("It closes the connection.", "A receiver refuses what breaks a rule, such as an opcode without a "
                                           "meaning: it closes the connection with 1002, and does not guess what was "
                                           "meant."),
        wrong("It leaves the frame out.", "A message would be missing, and neither side would know."),
    ),
    ask(
        "sleeper",
        "A client does not read for an hour. Your program sends it 100 kB a second, and looks at nothing. Where are "
        "most of the messages?",
        right("in the memory of your program", "`send` takes everything; a program looks at what it returns, or at "
                                               "`buffered_amount`, or its memory fills for a client that does not "
                                               "read."),
        wrong("in the network", "The buffers of the kernels take some millions of bytes, and were full in the first "
                                "minutes."),
        wrong("nowhere: they are dropped", "Neither TCP nor WebSocket drops what was sent."),
    ),
    ask(
        "beside",
        "A client of WebSocket opens a connection to a server of Socket.IO. The handshake succeeds. Can they talk?",
        wrong("yes: the frames are the same", "What is in the frames is another protocol."),
        right("no: the payload has a protocol of its own", "Server-sent events push in one direction, Socket.IO is a "
                                                           "protocol of its own inside of WebSocket, and WebTransport "
                                                           "runs on QUIC."),
        wrong("no: Socket.IO runs on QUIC", "WebTransport does. Socket.IO runs on WebSocket and HTTP."),
    ),
)
