"""Check questions of lesson 05a2, the man in the middle.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05a2-in-the-middle"

QUESTIONS = (
    ask(
        "agreed",
        "Two programs have agreed on a key, and nobody else has it. What does each of them know of the other one?",
        right("that it has the key", "A key that both ends have agreed on protects from everybody else. It does not "
                                     "say who the other end is."),
        wrong("its name", "A name has not been proved by anybody."),
        wrong("that it is honest", "Nobody has said so, and no key can."),
    ),
    ask(
        "breaks",
        "What must a man in the middle be able to do?",
        wrong("break the cipher", "He never sees a message that is encrypted for somebody else."),
        wrong("compute private keys from public ones", "He makes key pairs of his own."),
        right("pass bytes on", "A man in the middle breaks no cipher: he has one key with each of the two ends."),
    ),
    ask(
        "when",
        "A client checks the certificate, and it is wrong. What has a man in the middle got of its request by then?",
        right("nothing", "A client that checks ends a connection with such a certificate before the first byte of "
                         "data."),
        wrong("the head", "The check is a part of the handshake, and HTTP begins after it."),
        wrong("all of it, encrypted", "Before the check, there is nobody to encrypt it for."),
    ),
    ask(
        "careless",
        "A program sets reject_unauthorized=False. Its connections are encrypted. What is missing?",
        wrong("nothing: encrypted is encrypted", "It is encrypted for whoever has answered."),
        right("whom it talks to", "A client that does not check is encrypted, and open to whoever stands in the "
                                  "middle."),
        wrong("the cipher", "The cipher is the same one."),
    ),
    ask(
        "stolen",
        "The key of one CA out of a hundred is stolen. Which servers can be imitated, for clients that have all of "
        "them?",
        wrong("those of this CA", "A client does not know which CA a server has chosen."),
        right("all", "All of it is as strong as the CAs of the client's list: a stolen key of one of them opens each "
                     "door."),
        wrong("none, if the names are checked", "The thief signs a certificate with the right name."),
    ),
)
