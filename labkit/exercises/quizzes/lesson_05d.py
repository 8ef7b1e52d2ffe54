"""Check questions of lesson 05d, certificates of both sides.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05d-mutual-tls"

QUESTIONS = (
    ask(
        "unasked",
        "A server has no request_cert. A client with a good certificate connects. What is authorized, at the server?",
        wrong("True", "The server has not asked, so no certificate came."),
        wrong("an error", "A server that does not ask is the usual case."),
        right("False", "With `request_cert`, a server asks; with `reject_unauthorized` (the default) it also requires. "
                       "`authorized` is true only for a peer that was asked and verified."),
    ),
    ask(
        "copied",
        "Somebody has copied the certificate of a client from a connection of TLS 1.2. Can they use it?",
        right("no, not without the key", "A certificate is public. CertificateVerify is a signature with the private "
                                         "key, and shows that the client has this key."),
        wrong("yes, until it ends", "They have the certificate, and not its private key."),
        wrong("yes, from the same address", "The address plays no part in a handshake."),
    ),
    ask(
        "late",
        "A client of TLS 1.3 has an expired certificate. What does its log say?",
        wrong("connect failed", "The client has sent its last message before the server looks at the certificate."),
        right("connected, then read failed", "In TLS 1.2, a refused client hears of it before it is connected. In TLS "
                                             "1.3, the client is connected first, and the alert comes with its next "
                                             "read."),
        wrong("connected, and no error", "The server closes: it sends an alert."),
    ),
    ask(
        "causes",
        "A client reads the alert certificate required. What has happened?",
        wrong("its certificate has ended", "This alert has its own name, certificate expired."),
        wrong("the server does not know its CA", "This alert is called unknown CA."),
        right("it has sent no certificate", "The alert names the cause: certificate required, unknown CA, certificate "
                                            "expired."),
    ),
    ask(
        "tool",
        "`openssl s_client` shows the page of a server. Is the certificate of this server good?",
        right("it may be good or bad", "`openssl s_client` prints the fault of a certificate, and goes on. Give it "
                                    "`-CAfile` and `-verify_return_error` for a test."),
        wrong("yes, or the handshake would fail", "s_client goes on, whatever it finds."),
        wrong("no", "A page can come from anybody, also from a good server."),
    ),
)
