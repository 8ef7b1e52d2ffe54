"""Check questions of lesson 02c, DNS.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "02c-dns"

QUESTIONS = (
    ask(
        "pointer",
        "In a DNS message, a name ends in a compression pointer to 12. Where does the name go on?",
        wrong("12 bytes before the pointer", "The number is no distance. It is counted from a fixed place."),
        right("at byte 12 of the DNS message", "A compression pointer is an offset from the start of the DNS message; so a name "
                                               "that was written once is not written again."),
        wrong("at byte 12 of the captured frame", "The frame has headers of Ethernet, IP and UDP first. The DNS "
                                                  "message does not know them."),
    ),
    ask(
        "belongs-together",
        "How does a client know that an answer belongs to its question?",
        wrong("It comes from port 53.", "All answers of this server come from port 53, also those to other "
                                        "questions."),
        wrong("Answers come in the order of the questions.", "Datagrams can overtake each other, so the order says "
                                                             "nothing."),
        right("It has the same identification.", "An answer carries the identification of its question; UDP itself "
                                                 "does not say which answer belongs to which question."),
    ),
    ask(
        "too-large",
        "An answer has 900 bytes, and the client can take 512. What does the server send?",
        right("a short answer with TC set", "If an answer is too large, the server sets TC (truncated), and the "
                                            "client asks again over TCP."),
        wrong("the answer in two datagrams", "Nothing in DNS says how two datagrams would belong together."),
        wrong("one datagram of 900 bytes", "The client has said that it can take 512. A larger datagram could be cut "
                                           "or lost."),
    ),
    ask(
        "no-such-record",
        "The name exists, but it has no record of the type that was asked for. What does the answer say?",
        wrong("NXDOMAIN: there is no such name", "The name exists. NXDOMAIN would tell caches that it has no record of "
                                                 "any type."),
        right("no error, and zero answers", "No error with zero answers means: the name exists, but not with this "
                                            "type. NXDOMAIN means: there is no such name."),
        wrong("REFUSED: ask somebody else", "A server refuses what it does not want to answer. This one knows the "
                                            "answer: there is none."),
    ),
    ask(
        "ttl",
        "A cache got a record with a TTL of 300 s, 100 s ago. A client asks for the name. What does the cache do?",
        wrong("It answers with a TTL of 300 s.", "Then a chain of caches could keep a record for ever. The time that "
                                                 "has passed counts."),
        wrong("It asks the name server again.", "It does that when the TTL is used up. 200 s are left."),
        right("It answers with a TTL of 200 s.", "A cache may keep a record for TTL seconds and counts them down; so "
                                                 "most questions never reach the server that has the zone."),
    ),
)
