"""DNS messages and the answers of a zone, as bytes and values.

Rule: no sockets here; from any bytes comes a message or a `BadMessage`.

    query = dns.Message(id=7, recursion_desired=True, questions=(dns.Question("www.lab.example", dns.Type.A),))
    data = dns.EXAMPLE.answer(query.encode())
    dns.Message.decode(data).answers
"""

from labkit.dns.codes import Class, Opcode, Rcode, Type
from labkit.dns.message import LARGEST, SMALLEST, Edns, Message, Question
from labkit.dns.names import BadMessage
from labkit.dns.records import Mx, Record, Soa
from labkit.dns.zone import EXAMPLE, QUERY_SIZE, Zone

__all__ = [
    "EXAMPLE",
    "LARGEST",
    "QUERY_SIZE",
    "SMALLEST",
    "BadMessage",
    "Class",
    "Edns",
    "Message",
    "Mx",
    "Opcode",
    "Question",
    "Rcode",
    "Record",
    "Soa",
    "Type",
    "Zone",
]
