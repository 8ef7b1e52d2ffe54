"""Check questions of lesson 05e, HTTPS.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05e-https"

QUESTIONS = (
    ask(
        "handler",
        "A server of HTTP becomes one of HTTPS. What changes in its handler?",
        right("nothing", "HTTPS is HTTP over TLS: the same handler, the same client, plus `key`, `cert` and `ca`."),
        wrong("it decrypts each request", "TLS has done this before the handler is called."),
        wrong("it checks the certificate", "The client checks the certificate of the server, in the handshake."),
    ),
    ask(
        "before",
        "curl says that it cannot verify the certificate of your server. What did your handler see?",
        wrong("a request with an error", "curl has sent no request of HTTP at all."),
        wrong("a request without a body", "The check comes before the first byte of HTTP."),
        right("nothing", "A client looks at the certificate before it sends a request. If the check fails, the server "
                         "gets no request."),
    ),
    ask(
        "insecure",
        "A program uses reject_unauthorized=False. Somebody is in the middle. What do they get?",
        wrong("encrypted bytes that they cannot open", "The program has agreed on the keys with them."),
        right("the request, in plain text", "The cure for an unknown CA is `ca`. With `reject_unauthorized=False` or "
                                            "`curl -k`, the connection is encrypted, and nobody knows for whom."),
        wrong("nothing, because the handshake fails", "A handshake fails only if somebody checks the certificate."),
    ),
    ask(
        "codes",
        "Your server sends its certificate and not the intermediate above it. Which code does a client of Node show?",
        right("UNABLE_TO_VERIFY_LEAF_SIGNATURE",
              "Three codes: the issuer is missing (`UNABLE_TO_VERIFY_LEAF_SIGNATURE`), the root is not in the list "
              "(`SELF_SIGNED_CERT_IN_CHAIN`), the certificate is its own issuer (`DEPTH_ZERO_SELF_SIGNED_CERT`)."),
        wrong("SELF_SIGNED_CERT_IN_CHAIN", "For this the server would have sent a root."),
        wrong("DEPTH_ZERO_SELF_SIGNED_CERT", "For this the certificate would be signed by its own key."),
    ),
    ask(
        "seen",
        "Which of these does an eavesdropper of HTTPS not learn?",
        wrong("the name of the server", "The client asks for this name in its ClientHello."),
        wrong("how many bytes came back", "Each record has its length in its header."),
        right("the path of the page", "An eavesdropper still sees the addresses, the name of the server, sizes and "
                                      "times."),
    ),
)
