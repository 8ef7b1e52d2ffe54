"""Check questions of lesson 05b2, certificates gone wrong.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05b2-gone-wrong"

QUESTIONS = (
    ask(
        "lists",
        "You have put your root on the list of the system. Python accepts your server, and Node does not. Why?",
        right("Node brings a list of its own",
              "Each program has its own list of roots: that of the system, or one that it brings."),
        wrong("Node checks more", "It does not even look at the list with your root."),
        wrong("Node needs to be started again", "It does not look at this list at its start, either."),
    ),
    ask(
        "name",
        "A certificate has the Common Name shop.example and the subjectAltName www.shop.example. For which name is it?",
        wrong("shop.example", "If there is a subjectAltName, no program looks at the Common Name."),
        right("www.shop.example",
              "The name or the address must be in `subjectAltName`; the Common Name is for people."),
        wrong("both", "Then the Common Name would count, and it does not: there is a subjectAltName."),
    ),
    ask(
        "other-program",
        "curl accepts your server, and Chromium refuses it. Who is wrong?",
        wrong("Chromium", "It may ask for something that curl does not ask for."),
        wrong("curl", "It may have another list, or an older rule."),
        right("perhaps nobody", "Chain, CA, dates, purpose, name: one fault is enough, and each program has its own "
                                "words for it."),
    ),
    ask(
        "short-key",
        "A server has an RSA key of 1,024 bits. One client accepts it. What follows for another client?",
        wrong("it accepts, too", "The certificate is the same, and the program is another one."),
        right("nothing", "The program decides how short a key may be: all programs of today accept 2,048 bits of RSA, "
                         "or P-256."),
        wrong("it refuses", "It may have the same settings."),
    ),
    ask(
        "revoked",
        "A stolen certificate was revoked yesterday. Who is protected today?",
        wrong("everybody", "A client that gets the certificate sees nothing of this."),
        wrong("nobody", "Some clients have a list, and they refuse it."),
        right("clients with a list that is new enough",
              "A client without a list of revoked certificates accepts a revoked one; so certificates are valid for a "
              "short time."),
    ),
)
