"""Check questions of lesson 05c, the handshake of TLS.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05c-tls-handshake"

QUESTIONS = (
    ask(
        "visible",
        "Somebody reads a handshake of TLS 1.3 on the way. Which of these can they read?",
        wrong("the certificate of the server", "It comes behind the ServerHello, so it is encrypted."),
        right("the list of cipher suites", "The two hellos agree on a version, a cipher suite and a secret. In TLS "
                                           "1.3, everything behind the ServerHello is encrypted, the certificate "
                                           "too."),
        wrong("nothing", "Before the ServerHello there is no secret on both sides."),
    ),
    ask(
        "proof",
        "Eve has a copy of the certificate of a bank. Which message can she not make?",
        right("CertificateVerify", "Certificate, CertificateVerify, Finished: who I am, the proof that I have the key, "
                                   "and the proof that nobody has changed a message."),
        wrong("Certificate", "She has it: it is public."),
        wrong("ServerHello", "It needs no key of the bank, only a fresh key share."),
    ),
    ask(
        "trips",
        "A round trip takes 100 ms. How long does an answer over TLS 1.2 take, if the program needs no time?",
        wrong("200 ms", "That is the time of TCP without TLS."),
        wrong("300 ms", "That is the time of TLS 1.3, which needs one turn less."),
        right("400 ms", "An answer takes two round trips over TCP, three over TLS 1.3, and four over TLS 1.2."),
    ),
    ask(
        "ticket",
        "A client comes again with a ticket. What does it save?",
        wrong("a round trip", "It has the same number of round trips; only early data would save one."),
        wrong("the key share", "Both sides still send one, so that the new connection has a secret of its own."),
        right("the certificate and its signature", "A ticket of an earlier visit takes the place of the certificate."),
    ),
    ask(
        "number",
        "A record was taken out of a connection by somebody on the way. The next record comes. What does the receiver "
        "do?",
        right("it cannot open the record", "A record is opened with a key and an IV, which are made of the secret, and "
                                           "with the number of the record."),
        wrong("it reads the record, and misses one", "It counts by itself, so it takes a number that "
                                                     "does not belong to this record."),
        wrong("it asks for the missing one", "TLS repeats nothing, because TCP does this below it."),
    ),
)
