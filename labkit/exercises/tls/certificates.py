"""An exercise on certificates gone wrong: eight servers, one client, and the reason why it refuses.

Rule: the cases are told as a program shows certificates; tests mint each of them, and a real client gives the reason.
"""

from __future__ import annotations

from typing import ClassVar

from labkit.exercises.matching import Case, Matching

DAY = "1 December 2026"
HOST = "shop.example"
_FINE = "10 Nov 2026 to 26 Dec 2026"


def _told(
    names: str, issuer: str = "Good CA", valid: str = _FINE, purpose: str = "servers", more: str = ""
) -> str:
    lines = (f"names:  {names}", f"issuer: {issuer}", f"for:    {purpose}", f"valid:  {valid}")
    return "\n".join((*lines, more) if more else lines)


class WrongCertificate(Matching):
    """Which certificate is wrong, and why?"""

    name = "tls.wrong_certificate"
    lesson = "05b2-gone-wrong"
    title = "which certificate is wrong, and why?"
    praise = (
        "A client asks five things: is there a chain of signatures up to a CA that I trust? Is each one above a CA? "
        "Are "
        "we within the dates? Is it meant for servers? Does one of the names fit the one that I asked for?\n"
        "One wrong answer is enough, and the words of a program name the first one that it found."
    )
    stretch = (
        "make three of these with labkit.ca, and have curl and Chromium judge them. On which one do they not agree?"
    )
    intro = (
        f"It is {DAY}. A client asks for `https://{HOST}/` and trusts one CA, *Good CA*. Eight servers answer, and "
        "each shows one certificate. Which one is right, and what is wrong with the others?"
    )
    looks: ClassVar[dict[str, str]] = {
        "nothing is wrong": "Then the chain leads to Good CA, the dates fit, it is for servers, and a name fits.",
        "wrong name": f"A wrong name means that no name in the list fits {HOST}.",
        "wrong time": f"A wrong time means that {DAY} is before the first day or after the last one.",
        "unknown CA": "An unknown CA means that the chain ends at somebody whom the client does not trust.",
        "incomplete chain": "An incomplete chain means that a certificate between this one and the root is missing.",
        "issuer is not a CA": "An issuer that is not a CA has a certificate of its own that does not allow it to sign "
                              "others.",
        "wrong purpose": "A wrong purpose means that the certificate is not for servers.",
    }
    cases = (
        Case(_told("www.shop.example"), "wrong name", f"The list has www.{HOST} alone, and {HOST} is another name.",
             {"nothing is wrong": f"The client asked for {HOST}, without www."}),
        Case(_told("shop.example, www.shop.example"), "nothing is wrong", "Everything fits: name, dates, issuer, "
             "purpose."),
        Case(_told("*.shop.example"), "wrong name", f"The star stands for one label in front: www.{HOST} would fit, "
             f"and {HOST} does not.",
             {"nothing is wrong": f"A star stands for exactly one label. How many labels are in front of {HOST}?"}),
        Case(_told("shop.example", valid="1 Oct 2026 to 16 Nov 2026"), "wrong time", "The last day was 16 November."),
        Case(_told("shop.example", issuer="shop.example"), "unknown CA", "Issuer and subject are the same: it is "
             "self-signed, and the client trusts Good CA alone.",
             {"issuer is not a CA": "Nobody is above it. It has signed itself, so the chain ends here: at whom?",
              "incomplete chain": "Nothing is missing between it and its issuer: it is its own issuer."}),
        Case(_told("shop.example", issuer="Good CA 2, issued by Good CA",
                   more="the server sends this certificate alone"), "incomplete chain",
             "Good CA has signed Good CA 2, and Good CA 2 has signed the server. The client does not get the one in "
             "the "
             "middle.",
             {"unknown CA": "The words of OpenSSL are nearly the same. But here a chain to Good CA exists: who does "
                            "not send a part of it?",
              "nothing is wrong": "The client knows the public key of Good CA. Whose key does it need to check this "
                                  "signature?"}),
        Case(_told("shop.example", issuer="ada.example, issued by Good CA",
                   more="the server sends both; Ada's says: not a CA"), "issuer is not a CA",
             "Ada has a right certificate for her own server, and signs one for another server with its key.",
             {"nothing is wrong": "All signatures are genuine. If this were enough, each server could be a CA."}),
        Case(_told("shop.example", purpose="clients"), "wrong purpose", "It is for clients.",
             {"nothing is wrong": "Name and dates fit. Look at the line before the last one."}),
    )
    hints = (
        "Take the questions one by one: names, dates, issuer, purpose. The first three are plain to see in five of the "
        "eight.",
        "A star stands for one label: never for none, never for two. And a server sends all certificates between its "
        "own "
        "and the root.",
        "A and C have the wrong name, D the wrong time, H the wrong purpose, and B is right. What about the issuers of "
        "E, F and G?",
    )
