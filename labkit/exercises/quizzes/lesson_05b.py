"""Check questions of lesson 05b, keys and certificates.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05b-keys-and-certificates"

QUESTIONS = (
    ask(
        "copy",
        "Eve puts a copy of the bank's certificate on her server. Why do clients not take her for the bank?",
        wrong("the certificate has the bank's IP address", "Most certificates have names only. And addresses can be "
                                                           "taken over."),
        right("she cannot prove that she has the private key", "A certificate says which public key belongs to which "
                                                               "names; whoever shows it must prove that the private "
                                                               "key is there, too."),
        wrong("the CA has signed it once only", "A copy is as genuine as the first one."),
    ),
    ask(
        "request",
        "A web page offers to make key and certificate for your server in one step. What is wrong with it?",
        wrong("a CA must not make certificates by itself", "Most certificates are made without people."),
        wrong("the key is made twice", "It is made once, by somebody else."),
        right("somebody else has your private key", "A CA signs with its private key, and sees a request: never the "
                                                    "private key of somebody else."),
    ),
    ask(
        "offline",
        "A client in a network without the Internet gets a certificate. What does it need to check the signature?",
        right("the public key of the CA", "The signature covers everything in front of it, and everybody who has the "
                                          "CA's public key can check it, without asking the CA."),
        wrong("an answer of the CA", "Nobody is asked for a signature."),
        wrong("the private key of the CA", "It makes signatures. It never leaves the CA."),
    ),
    ask(
        "send",
        "Root, intermediate, server: which certificates does the server send?",
        wrong("its own", "Then the client does not have the public key that checks it."),
        right("its own and the intermediate", "A server sends its certificate and the intermediates; the client has "
                                              "the root. Only the root is self-signed."),
        wrong("all three", "A root that comes from the server proves nothing: the client has it, or does not trust "
                           "it."),
    ),
)
