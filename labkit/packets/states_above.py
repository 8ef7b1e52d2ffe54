"""What each end knows above TCP after each packet: the states of TLS, HTTP and WebSocket; of UDP what was sent.

Rule: made of the messages and records that were found on the tape; a state that needs a key says so.
Source: RFC 8446 Appendix A (names of TLS 1.3), RFC 6455 §4.1 and §7.1.3 (names of WebSocket); HTTP has no such names.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.packets.explain.reader import NOT_THERE
from labkit.packets.states import CLOSED, MIDDLE, SEALED, TIME_WAIT, Moment

if TYPE_CHECKING:
    from labkit.packets.messages import Message
    from labkit.packets.packet import Packet
    from labkit.packets.tape import Connection
    from labkit.packets.tls_messages import TLSMessage

_TLS_1_3 = 0x0304
_WORDS = 60  # characters of a line that a peer has written


class Above(NamedTuple):
    """One protocol above TCP, or UDP. client, server: (state in words, what was assumed: a key of `states.WHY`)."""

    protocol: str
    client: tuple[str, str]
    server: tuple[str, str]


class _Line:
    """What one protocol's ends know, as a row of changes: numbers of packets, and what holds from each on."""

    def __init__(self, protocol: str, client: str, server: str, assumed: str = "") -> None:
        self.protocol = protocol
        self.numbers: list[int] = [0]
        self.states: list[tuple[str, str, str]] = [(client, server, assumed)]

    def put(self, number: int, client: str = "", server: str = "", assumed: str | None = None) -> None:
        """From this packet on; "" leaves an end as it is."""
        before = self.states[-1]
        now = client or before[0], server or before[1], before[2] if assumed is None else assumed
        if number <= self.numbers[-1] and len(self.numbers) > 1:
            self.states[-1] = now
        else:
            self.numbers.append(number)
            self.states.append(now)

    def at(self, number: int) -> tuple[str, str, str]:
        """The words of both ends after a packet, and what was assumed."""
        return self.states[bisect_right(self.numbers, number) - 1]


class Layers:
    """The protocols above one TCP connection."""

    def __init__(self, connection: Connection) -> None:
        http = [each for each in connection.messages if each.protocol == "HTTP"]
        found = [_tls(connection), _http(http), _websocket(http, connection)]
        self._lines = [each for each in found if each is not None]

    def at(self, moment: Moment) -> tuple[Above, ...]:
        """What both ends know of each protocol after a packet."""
        found = []
        for line in self._lines:
            client, server, assumed = line.at(moment.number)
            if line.protocol == "WebSocket":
                client = CLOSED if moment.client.state in (CLOSED, TIME_WAIT) else client
                server = CLOSED if moment.server.state in (CLOSED, TIME_WAIT) else server
            found.append(
                Above(
                    line.protocol,
                    (client, assumed or moment.client.expects.assumed),
                    (server, assumed or moment.server.expects.assumed),
                )
            )
        return tuple(found)


def datagrams(packets: Iterable[Packet]) -> list[tuple[Above, ...]]:
    """What both ends of an exchange of datagrams have sent after each packet."""
    sent = {"client": [0, 0], "server": [0, 0]}
    found: list[tuple[Above, ...]] = []
    for packet in packets:
        sent[packet.sender][0] += 1
        sent[packet.sender][1] += packet.length
        client, server = (f"{count:,} sent, {size:,} bytes" for count, size in sent.values())
        found.append((Above("Datagrams", (client, ""), (server, "")),))
    return found


# -- HTTP


def _title(message: Message) -> str:
    words = f"{message.status} {message.phrase}" if message.status else f"{message.method} {message.target}"
    return words.strip()[:_WORDS]


def _http(messages: Sequence[Message]) -> _Line | None:
    if not messages:
        return None
    line = _Line("HTTP", "idle", "idle")
    steps = [(min(each.packets, default=0), False, each) for each in messages]
    steps += [(each.completed_by, True, each) for each in messages]
    steps.sort(key=lambda step: step[:2])
    open_requests: list[Message] = []
    for number, done, message in steps:
        title, cut = _title(message), " (cut)" if message.state == "cut" else ""
        if message.sender == "client":
            if done:
                open_requests.append(message)
                line.put(number, f"waits for the answer to {title}{cut}", f"has to answer {_title(open_requests[0])}")
            else:
                line.put(number, f"sends {title}", f"receives {title}")
        elif not done:
            line.put(number, f"receives {title}", f"sends {title}")
        elif message.status == 101:
            line.put(number, "over: another protocol", "over: another protocol")
        elif message.status >= 200:
            open_requests = [each for each in open_requests if each is not message.answers]
            if message.reason.endswith(NOT_THERE):  # the server may think that it has sent all
                line.put(number, f"waits for the rest of {title}", f"has sent a part of {title}")
            elif open_requests:
                title = _title(open_requests[0])
                line.put(number, f"waits for the answer to {title}", f"has to answer {title}")
            else:
                line.put(number, f"idle{cut}", f"idle{cut}")
    return line


# -- WebSocket


def _websocket(http: Sequence[Message], connection: Connection) -> _Line | None:
    changes = (each for each in http if each.status == 101)
    opened = next((each for each in changes if "websocket" in each.headers.get("upgrade", "").lower()), None)
    frames = connection.frames
    if opened is None and not frames:
        return None
    line = _Line("WebSocket", "CONNECTING", "CONNECTING")
    if opened is None:
        line.states[0] = "OPEN", "OPEN", MIDDLE
    else:
        line.put(opened.completed_by, "OPEN", "OPEN")
    for frame in frames:
        if frame.kind == "close":
            line.put(frame.completed_by, "CLOSING", "CLOSING")
    return line


# -- TLS


def _tls(connection: Connection) -> _Line | None:
    records = connection.records
    if not records:
        return None
    tls = connection._talk.tls
    new = tls is not None and tls.session.said.version >= _TLS_1_3
    line = _Line("TLS", "START", "START")
    if not any(each.kind == "ClientHello" for each in connection.handshake):
        line.states[0] = "CONNECTED", "CONNECTED", MIDDLE
    hidden = _hidden(connection, new)
    finished: set[str] = set()
    notified: set[str] = set()
    for message in sorted(connection.handshake, key=lambda each: each.completed_by):
        number = message.completed_by
        while hidden and hidden[0][0] < number:
            line.put(*hidden.pop(0))
        if message.kind == "Alert":
            _alert(line, number, message, notified)
        elif new:
            line.put(number, *_new(message, connection.handshake))
        else:
            if message.kind == "Finished":
                finished.add(message.sender)
            line.put(number, *_old(message, finished))
    for step in hidden:
        line.put(*step)
    return line


def _hidden(connection: Connection, new: bool) -> list[tuple[int, str, str, str]]:
    """The handshake behind the hello, if the tape has no key for it."""
    sealed = [each for each in connection.records if each.encrypted and not each.opened]
    if not sealed or any(each.opened for each in connection.records):
        return []
    first = {each.sender: each.completed_by for each in reversed(sealed)}
    last = max(first.values())
    if len(first) == 2:
        words = "handshake, encrypted" if new else "waits for Finished"
        return [(min(first.values()), words, words, ""), (last, "CONNECTED", "CONNECTED", SEALED)]
    return [(last, "handshake, encrypted", "handshake, encrypted", "")]


def _alert(line: _Line, number: int, message: TLSMessage, notified: set[str]) -> None:
    if message.description != "close_notify":
        words = f"closed by the alert {message.description}"
        line.put(number, words, words)
        return
    notified.add(message.sender)
    if len(notified) == 2:
        line.put(number, "closed", "closed")
    elif message.sender == "client":
        line.put(number, "has sent close_notify", "has got close_notify")
    else:
        line.put(number, "has got close_notify", "has sent close_notify")


def _new(message: TLSMessage, all_of: Sequence[TLSMessage]) -> tuple[str, str]:
    """The states of client and server after a message of TLS 1.3; "" for no change. Source: RFC 8446 Appendix A."""
    kinds = {(each.sender, each.kind) for each in all_of}
    asked = ("server", "CertificateRequest") in kinds
    if message.sender == "client":
        return {
            "ClientHello": ("WAIT_SH", "RECVD_CH"),
            "Certificate": ("", "WAIT_CV" if ("client", "CertificateVerify") in kinds else "WAIT_FINISHED"),
            "CertificateVerify": ("", "WAIT_FINISHED"),
            "Finished": ("CONNECTED", "CONNECTED"),
        }.get(message.kind, ("", ""))
    shown = ("server", "Certificate") in kinds
    return {
        "HelloRetryRequest": ("START", "START"),
        "ServerHello": ("WAIT_EE", "NEGOTIATED"),
        "EncryptedExtensions": ("WAIT_CERT_CR" if shown else "WAIT_FINISHED", ""),
        "CertificateRequest": ("WAIT_CERT", ""),
        "Certificate": ("WAIT_CV", ""),
        "CertificateVerify": ("WAIT_FINISHED", ""),
        "Finished": ("", "WAIT_CERT" if asked else "WAIT_FINISHED"),
    }.get(message.kind, ("", ""))


def _old(message: TLSMessage, finished: set[str]) -> tuple[str, str]:
    """The same for TLS 1.2, which has no names for them. Source: RFC 5246 §7.3."""
    if message.kind == "Finished":
        return ("CONNECTED", "CONNECTED") if len(finished) == 2 else ("waits for Finished", "waits for Finished")
    return {
        "ClientHello": ("waits for ServerHello", "has to answer ClientHello"),
        "ServerHello": ("waits for ServerHelloDone", ""),
        "ServerHelloDone": ("has to answer ServerHelloDone", "waits for ClientKeyExchange"),
        "ClientKeyExchange": ("waits for Finished", "waits for Finished"),
    }.get(message.kind, ("", ""))
