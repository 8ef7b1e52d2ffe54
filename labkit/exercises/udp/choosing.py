"""Exercises that ask for a decision: TCP or UDP for an application, what a sender is told, what a DNS answer means.

Rule: each decision has a reason, and a wrong one is told the reason against it.
"""

from __future__ import annotations

from typing import ClassVar

from labkit.exercises.matching import Case, Matching


class TcpOrUdp(Matching):
    """Which protocol suits these applications, and why?"""

    name = "udp.tcp_or_udp"
    lesson = "02a-udp"
    title = "TCP or UDP? Five applications"
    praise = (
        "TCP, if every byte must arrive in order. UDP, if late data is useless, if one question needs one answer, or "
        "if "
        "many listen.\n"
        "A protocol that needs something in between builds it on UDP: QUIC, which carries HTTP/3, does."
    )
    intro = (
        "Five applications. Choose the protocol by its reason:\n\n"
        "- complete: every byte must arrive, in order.\n"
        "- fresh: data that is late is useless.\n"
        "- short: one short question has one short answer.\n"
        "- many: one datagram goes to many receivers at once."
    )
    looks: ClassVar[dict[str, str]] = {
        "TCP: complete": "TCP gives every byte, in order, and lets later bytes wait for a lost one.",
        "UDP: fresh": "UDP suits data that is useless when it is late: nothing waits for a lost datagram.",
        "UDP: short": "UDP suits one short question with one short answer: no handshake, and the client asks again if "
                      "nothing comes.",
        "UDP: many": "UDP suits a datagram that goes to many receivers at once. A TCP connection has two ends.",
    }
    cases = (
        Case("A program downloads a file of 40 MB.", "TCP: complete",
             "A file with a hole in it is useless, and a second later is soon enough.",
             {"UDP: short": "An answer of 40 MB is not short: it needs thousands of packets, and a repair of each "
                            "loss."}),
        Case("Two people talk to each other (voice, 50 datagrams a second).", "UDP: fresh",
             "A word that comes two seconds late disturbs more than a word that is missing.",
             {"TCP: complete": "With TCP, all later words wait until a lost one has been repeated. Then they are late "
                               "too."}),
        Case("A program looks up the address of one name.", "UDP: short",
             "There is one datagram each way, and the client can simply ask again.",
             {"TCP: complete": "It would work, and DNS does so for long answers. But ten packets for one question and "
                               "one "
                               "answer are many."}),
        Case("A printer tells all computers of its network that it is there.", "UDP: many",
             "The printer does not know the computers, and does not wait for an answer.",
             {"TCP: complete": "The printer would need a connection to each computer, and it does not know them."}),
        Case("A bank's program sends payments to another program, one after another.", "TCP: complete",
             "No payment may be missing, come twice, or be overtaken by another one.",
             {"UDP: short": "A payment is short. But UDP may lose it, or bring it twice, and nobody would tell."}),
    )
    hints = (
        "Ask of each: what happens to the user if one packet is lost? If it comes a second later?",
        "Two of the five need every byte. One needs many receivers.",
        "A and E must be complete. D goes to many. Of the other two, one is useless if late, and one is a single "
        "question.",
    )


class DnsAnswers(Matching):
    """What does a DNS client do with each answer?"""

    name = "udp.dns_answers"
    lesson = "02c-dns"
    title = "read the headers of six answers"
    praise = "The identification comes first, then TC, then RCODE, and only then the number of answers."
    intro = (
        "A client has asked for the `AAAA` records of `a.lab.example`, with the identification 7. It asks by UDP, and "
        "datagrams come to its port. What does the client do with each?"
    )
    looks: ClassVar[dict[str, str]] = {
        "use the records": "The records can be used if the identification fits, TC is 0 and there are answers.",
        "ask again by TCP": "TC = 1 tells the client to ask again by TCP.",
        "report: no such record": "A name without a record of this type has no error, and 0 answers.",
        "report: no such name": "NXDOMAIN, and only this code, says that there is no such name.",
        "ask another server": "The client asks another server if this one does not answer for the name.",
        "go on waiting": "The client goes on waiting if a datagram does not belong to its question.",
    }
    cases = (
        Case("ID 7, TC 0, RCODE NOERROR, ANCOUNT 2", "use the records",
             "Here the identification fits, nothing was left out, and two records have come."),
        Case("ID 7, TC 0, RCODE NXDOMAIN, ANCOUNT 0", "report: no such name",
             "The RCODE is NXDOMAIN: the zone has no such name.",
             {"report: no such record": "That would be true, but the server says more: which code is it?"}),
        Case("ID 7, TC 1, RCODE NOERROR, ANCOUNT 6", "ask again by TCP",
             "TC is 1: records were left out of this answer.",
             {"use the records": "Six records have come, and others were left out. Which flag says so?"}),
        Case("ID 7, TC 0, RCODE NOERROR, ANCOUNT 0", "report: no such record",
             "There is no error, and no answer: the name exists, but not with this type.",
             {"report: no such name": "NOERROR says that the name exists."}),
        Case("ID 6, TC 0, RCODE NOERROR, ANCOUNT 2", "go on waiting",
             "The identification is 6. The client has asked with 7.",
             {"use the records": "Whose question do these records answer? Compare the identification."}),
        Case("ID 7, TC 0, RCODE REFUSED, ANCOUNT 0", "ask another server",
             "The server does not answer for this name. Another one may.",
             {"report: no such name": "The server did not say that. It does not say what exists."}),
    )
    hints = (
        "Look first whether the datagram belongs to the question at all.",
        "Each of the six choices is right once.",
        "TC decides before the records are counted. If RCODE is NOERROR, ANCOUNT decides between two of the choices.",
    )


class Told(Matching):
    """What is the sending program told?"""

    name = "udp.told"
    lesson = "02e-udp-book"
    title = "what is the sender told?"
    praise = (
        "The kernel tells what it knows itself: its own limits, and an ICMP message that came back.\n"
        "If a datagram is lost on its way, nobody tells: only an answer of the peer's program says that it has arrived."
    )
    intro = (
        "A program sends one datagram with a UDP socket. It gives `send` a function, and listens to the event `error`. "
        "What is it told, in each of these cases?"
    )
    looks: ClassVar[dict[str, str]] = {
        "nothing": "Nothing is told if nobody has found a fault, or if an ICMP message comes for a socket without a "
                   "peer.",
        "refused": "Refused (ECONNREFUSED) is told if an ICMP message came back, and if the socket has one peer, set "
                   "by "
                   "connect.",
        "too large": "Too large (EMSGSIZE) is told by this machine's kernel, before a packet leaves.",
        "closed": "Closed is told by the socket object itself: close() was called on it.",
    }
    cases = (
        Case("The datagram is lost on its way.", "nothing",
             "A router that loses a datagram says nothing, and UDP does not wait for an acknowledgment."),
        Case("Nothing is bound to the port. The socket has called connect.", "refused",
             "The other kernel sends ICMP port unreachable, and this socket has exactly one peer."),
        Case("Nothing is bound to the port. The socket has not called connect.", "nothing",
             "The ICMP message comes back, but the kernel does not tell a socket that may have many peers.",
             {"refused": "The ICMP message comes. But this socket may have sent to many peers, and so the kernel does "
                         "not tell it."}),
        Case("The datagram has 70,000 bytes.", "too large",
             "The length field of UDP has 16 bits, so a datagram cannot have so many.",
             {"nothing": "Fragments help up to 65,507 bytes. The length field of UDP has 16 bits: the kernel refuses "
                         "more."}),
        Case("close() was called on the socket, and then send.", "closed",
             "A closed socket stays closed.",
             {"nothing": "The socket object knows that it was closed, so it need not ask the network."}),
    )
    hints = (
        "Ask of each: who knows of the fault? This program, this machine's kernel, another machine, or nobody?",
        "An ICMP message tells only a socket that has one peer. What is lost on the way brings no message at all.",
        "Two of the five hear nothing. Two of the others are told before a packet leaves this machine.",
    )
