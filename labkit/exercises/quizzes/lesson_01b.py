"""Check questions of lesson 01b, how connections end.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "01b-tcp-endings"

QUESTIONS = (
    ask(
        "refused",
        "`connect()` fails at once with ECONNREFUSED. What does that tell you?",
        wrong("A firewall throws the packets away.", "A firewall that throws packets away sends nothing back, so "
                                                     "`connect()` would wait a long time."),
        right("The machine is there, and nothing listens on this port.",
              "Refused means: the machine answered with RST, since nothing listens on the port. Silence means that "
              "nobody answered at all."),
        wrong("The machine is switched off.", "A machine that is off sends nothing. The error came at once, so "
                                              "somebody answered."),
    ),
    ask(
        "half-closed",
        "A client has sent its FIN; the server has not. What can the client still do?",
        wrong("send, but not receive", "It is the other way round. A FIN says: I shall send nothing more."),
        wrong("nothing, the connection is over", "A FIN ends one direction. The other direction ends with the other "
                                                 "side's FIN."),
        right("receive, but not send", "Each direction ends with a FIN of its own. After its own FIN a side can still "
                                       "receive."),
    ),
    ask(
        "who-time-wait",
        "Who keeps TIME-WAIT after an ordinary end?",
        right("the side that sent its FIN first", "The side that sent its FIN first keeps TIME-WAIT, about one minute "
                                                  "on Linux, since it also sent the last ACK."),
        wrong("always the server", "It is the server only if the server ended first. Look who sent the first FIN."),
        wrong("both sides", "The side that received the last ACK knows that all is over. Only the other side cannot "
                            "know whether that ACK arrived."),
    ),
    ask(
        "without-time-wait",
        "What could go wrong if no kernel kept TIME-WAIT?",
        wrong("The port would stay taken until the machine restarts.",
              "It would be free at once. TIME-WAIT is what keeps a port busy for a while."),
        right("A late segment of the old connection could get into a new one on the same ports.",
              "TIME-WAIT answers a repeated FIN, and keeps late segments out of a new connection on the same ports."),
        wrong("The program that ended first would lose data that it has not read yet.",
              "What a program has not read yet has nothing to do with it: both directions have ended before TIME-WAIT "
              "begins."),
    ),
    ask(
        "server-close",
        "A server calls `close()` while two clients are connected. What happens to the two connections?",
        wrong("Each gets a FIN.", "`close()` of a server does not touch its connections. It only stops listening."),
        wrong("Each gets a RST.", "Only a new client gets RST now, since nothing listens any more."),
        right("They go on.", "`close()` of a server stops accepting; its connections go on until one side ends them."),
    ),
)
