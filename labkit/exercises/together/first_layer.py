"""An exercise on where to look: six chats that do not work, and the first layer that shows why.

Rule: only what stands on a wire is shown; a wrong answer is told what speaks against it.
"""

from __future__ import annotations

from typing import ClassVar

from labkit.exercises.matching import Case, Matching


class FirstLayer(Matching):
    """In which layer did it go wrong?"""

    name = "together.first_layer"
    lesson = "06-together"
    title = "six chats that do not work: which layer?"
    praise = (
        "Go from the bottom up: the last thing that went well is just below the fault.\n"
        "A layer tells its faults in its own words: RST, an alert, a status, a close code. The fault of a program has "
        "none of them."
    )
    stretch = "which of these six would an eavesdropper without keys put into the same layer as you?"
    intro = (
        "Somebody opens a chat at `wss://chat.example/room`, and it does not work. These are six tapes, with their "
        "keys, and the seconds since the first packet. In which layer does the tape show the fault?"
    )
    looks: ClassVar[dict[str, str]] = {
        "TCP": "A fault of TCP shows before the first byte of data, or as silence and repeated segments, or as RST.",
        "TLS": "A fault of TLS shows as an alert, or in the handshake; no HTTP follows.",
        "HTTP": "A fault of HTTP shows as a status that is not 101.",
        "WebSocket": "A fault of WebSocket shows behind the 101, as a close code.",
        "the program": "If all layers did their work, the fault is in what the program says or does.",
    }
    cases = (
        Case("0.000  client → server  SYN\n"
             "0.010  client ← server  SYN-ACK\n"
             "0.010  client → server  ACK, ClientHello\n"
             "0.021  client ← server  ServerHello … Certificate … Finished\n"
             "0.022  client → server  Alert: unknown_ca", "TLS",
             "Here the certificate came, and the client answered with an alert.",
             {"TCP": "The connection is open, and bytes went both ways. What does the last message say?",
              "HTTP": "No request was sent: the client did not like what came before it."}),
        Case("0.000  client → server  SYN\n"
             "1.000  client → server  SYN (retransmission)\n"
             "3.000  client → server  SYN (retransmission)", "TCP",
             "Here nothing answers the SYN.",
             {"TLS": "TLS begins with the ClientHello, and there is none."}),
        Case("0.000  TCP and TLS handshakes\n"
             "0.031  client → server  GET /room, Upgrade: websocket, Origin: https://evil.example\n"
             "0.041  client ← server  403 Forbidden", "HTTP",
             "Here the request was decrypted and read, and its answer is 403.",
             {"TLS": "The handshake went well: the request was sent inside of it.",
              "WebSocket": "The protocol changes with the status 101, and it is 403."}),
        Case("0.000  TCP and TLS handshakes, GET /room, 101\n"
             "0.052  client → server  text \"ada: hello\"\n"
             "0.062  client ← server  text \"ada: hello\"\n"
             "0.080  client → server  text (FIN, not masked)\n"
             "0.090  client ← server  close 1002", "WebSocket",
             "Here a frame broke a rule, and the answer is a close frame with 1002, protocol error.",
             {"the program": "The close code 1002 says that the frame broke a rule of the protocol.",
              "HTTP": "The 101 was there, and frames went both ways."}),
        Case("0.000  TCP and TLS handshakes, GET /room, 101\n"
             "0.052  client → server  text \"ada: hello\"\n"
             "0.062  client ← server  text \"undefined: hello\"", "the program",
             "Here each frame is a good one, and what it says is wrong.",
             {"WebSocket": "Both frames follow all rules, and nobody closes."}),
        Case("0.000  TCP and TLS handshakes, GET /room, 101\n"
             "0.052  client → server  text, 900 bytes, again and again\n"
             "0.062  client ← server  ACK, window 0\n"
             "0.262  client → server  window probe\n"
             "0.272  client ← server  ACK, window 0\n"
             "0.672  client → server  window probe", "the program",
             "Here the server's kernel is alive and answers; its window is 0, because the program does not read.",
             {"TCP": "TCP does what it should: it asks again and again whether there is room. Who makes no room?",
              "WebSocket": "The frame is on its way, and nobody has found a fault in it."}),
    )
    hints = (
        "For each tape, say what the last thing is that went well.",
        "A has an alert, B not even an answer to its SYN, C a status, D a close code. E and F have none of these.",
        "In E every layer has done its work. In F the window of the receiver is 0: the kernel tells that its program "
        "does not read (lessons 01c and 01d).",
    )
