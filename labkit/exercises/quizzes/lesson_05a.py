"""Check questions of lesson 05a, eavesdropping.

Rule: data only; each can be answered from the lesson's recap.
"""

from labkit.exercises.question import ask, right, wrong

LESSON = "05a-eavesdropping"

QUESTIONS = (
    ask(
        "encoding",
        "A program sends a password in base64, over HTTP. Who can read it?",
        wrong("whoever has the key", "Base64 has no key: everybody knows its rule."),
        right("each computer on the way", "Whoever passes packets on can read them. An encoding has no key, so it "
                                          "hides nothing; a digest has no key either, and no way back."),
        wrong("the server alone", "The server turns it back by a rule that everybody knows."),
    ),
    ask(
        "metadata",
        "You read a page over TLS. What does the wireless network of the café know afterwards?",
        wrong("nothing", "It has passed your packets on, and read their headers."),
        wrong("the page", "The path is in the request, and the request is encrypted."),
        right("which server, when, and how many bytes",
              "Over TLS an eavesdropper still sees addresses, the name of the server, sizes and times."),
    ),
    ask(
        "key-log",
        "You send a friend a tape of your log-in, and the file of its key log. What does your friend have?",
        right("your password", "The keys of a connection open its tape; a key log is as secret as the conversation."),
        wrong("the private key of the server", "The key log has what was computed for this one connection."),
        wrong("ciphertext", "The file with the keys is all that is missing to open it."),
    ),
    ask(
        "which-key",
        "Which key encrypts an answer of the server?",
        wrong("the server's private key", "It signs, and it encrypts nothing of the data."),
        wrong("the client's public key", "Most clients have no key pair of their own, and a pair signs or agrees: "
                                         "it encrypts nothing."),
        right("one that both ends have computed", "Key pairs sign, and agree on a secret; a cipher with one key for "
                                                  "both ends encrypts the data."),
    ),
    ask(
        "oldest",
        "A client knows TLS 1.0 and nothing newer. What does a server of today do?",
        wrong("it takes TLS 1.0", "RFC 8996 forbids it, and servers keep to that if nobody changes their settings."),
        wrong("it goes on without TLS", "Then anybody could switch the encryption off by asking for an old version."),
        right("it refuses", "TLS 1.2 is the oldest version that a server takes today; what the book calls SSL is "
                            "gone."),
    ),
)
