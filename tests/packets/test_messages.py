"""Messages of a tape: HTTP's bodies, pairs, holes, wrong forms and other protocols behind it; DNS over TCP.

Rule: connections are made by hand; what tshark says of them stands in `test_http_oracle`.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import packets
from labkit.core.errors import LabError
from labkit.lab import Wire
from labkit.packets import Message, Tape
from labkit.packets.buffers import Buffer
from tests.lab.wires import live_wire
from tests.packets import made
from tests.packets.dialogs import ACK, PSH, Dialog, Turn, exactly, talk, tape_of
from tests.packets.http_scenes import (
    CHUNKED,
    CHUNKED_POST,
    GET,
    HELLO,
    OK,
    POST,
    PREFACE,
    SCENES,
    SETTINGS,
    SWITCHING,
    UPGRADE,
    ZIPPED,
    chunk,
    each,
    sized,
)
from tests.packets.leaves import every_byte_once


def messages(turns: list[Turn], **options: bool) -> tuple[Message, ...]:
    return talk(turns, **options).tape().messages


# -- what a message says


def test_a_request_and_its_answer() -> None:
    tape = talk(SCENES["one request"]).tape()
    asked, answer = tape.messages
    assert (asked.protocol, asked.kind, asked.sender, asked.state) == ("HTTP", "request", "client", "")
    assert (asked.method, asked.target, asked.version) == ("GET", "/a/b?x=1&y=2", "HTTP/1.1")
    assert asked.start_line == "GET /a/b?x=1&y=2 HTTP/1.1"
    assert asked.headers == {"host": "localhost:8080", "user-agent": "t", "accept": "*/*"}
    assert asked.raw_headers == ["Host", "localhost:8080", "User-Agent", "t", "Accept", "*/*"]
    assert (answer.kind, answer.status, answer.phrase, answer.body) == ("response", 200, "OK", b"hello")
    assert (answer.answers, asked.answered_by, asked.answers, answer.answered_by) == (asked, [answer], None, [])
    assert (asked.packets, answer.packets, asked.completed_by) == ((4,), (6,), 4)
    assert (asked.began_ns, asked.ended_ns) == (tape[3].time_ns, tape[3].time_ns)
    assert (asked.start, asked.stop, len(asked)) == (0, len(GET), len(GET))
    assert asked.connection == tape.connections[0]
    assert isinstance(asked.buffer, Buffer)
    assert asked.buffer is tape.connections[0].stream("client")
    assert repr(asked) == f"GET /a/b?x=1&y=2 HTTP/1.1 ({len(GET)} bytes, packet 4)"
    assert repr(answer) == f"HTTP/1.1 200 OK ({len(HELLO)} bytes, packet 6)"
    assert isinstance(asked, packets.Message)


def test_fields_by_name() -> None:
    asked, answer = messages(SCENES["one request"])
    assert asked["http.host"].value == "localhost:8080"
    assert asked["request.method"].meaning == "send me the resource"
    assert asked["http.request.uri.query"].shown == "x=1&y=2"
    assert answer["http.response.code"].value == 200
    assert answer["http.response.code"].meaning == "OK: it went well"
    assert answer["http.file_data"].value == b"hello"
    with pytest.raises(LabError, match=r"this message \(HTTP/1.1 200 OK .*does not have a field 'http.host'"):
        answer["http.host"]


def test_fields_that_come_several_times_are_joined() -> None:
    asked, answer = messages(SCENES["many fields"])
    assert asked.headers["x-mine"] == "Ã¤, again"
    assert asked.headers["x-empty"] == ""
    assert answer.headers["vary"] == "a, b"
    (cookies, *_) = messages([("c", b"GET / HTTP/1.1\r\nCookie: a=1\r\ncookie: b=2\r\n\r\n")])
    assert cookies.headers == {"cookie": "a=1; b=2"}
    assert cookies.raw_headers == ["Cookie", "a=1", "cookie", "b=2"]


@pytest.mark.parametrize(
    ("scene", "body", "content"),
    [
        ("POST", b"a=1&b=hello", b"a=1&b=hello"), ("chunked POST", b"abc", b"abc"), ("gzip", ZIPPED, b"hello " * 50),
        ("gzip, chunked", ZIPPED, b"hello " * 50), ("until close", b"hello more and more", b"hello more and more"),
        ("HEAD", b"", b""),
    ],
)  # fmt: skip
def test_bodies(scene: str, body: bytes, content: bytes) -> None:
    asked, answer, *_ = messages(SCENES[scene])
    told = asked if "POST" in scene else answer
    assert (told.body, told.content, told.state) == (body, content, "")


def test_content_that_cannot_be_undone() -> None:
    head = OK + b"Content-Encoding: %s\r\n"
    *_, brotli = messages([("c", GET), ("s", sized(head % b"br", b"abc"))])
    *_, broken = messages([("c", GET), ("s", sized(head % b"gzip", b"abc"))])
    assert (brotli.content, broken.content, broken.body) == (None, None, b"abc")


def test_extensions_and_trailers() -> None:
    _, answer = messages(SCENES["extension and trailers"])
    assert answer.trailers == {"x-sum": "1", "x-b": "2"}
    assert answer.raw_trailers == ["X-Sum", "1", "X-B", "2"]
    assert "x-sum" not in answer.headers
    assert answer["http.chunk.ext"].value == ";a=b"
    assert answer["http.chunk.size"].meaning == "5 bytes follow"


def test_a_message_until_close_is_complete_with_fin() -> None:
    tape = talk(SCENES["until close"]).tape()
    *_, answer = tape.messages
    assert tape[answer.completed_by - 1].flags == "FIN, ACK"
    assert answer.completed_by not in answer.packets
    *_, cut = messages(SCENES["until close"], end=False)
    assert (cut.state, cut.body) == ("cut", b"hello more and more")
    assert "not captured" in cut.reason


# -- which answer belongs to which request


def test_pipelined_requests_are_answered_in_order() -> None:
    found = messages([("c", b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(3))), ("s", HELLO * 3)])
    assert [each.target for each in found] == ["/0", "/1", "/2", "", "", ""]
    answers = [each for each in found if each.kind == "response"]
    assert [answer.answers.target for answer in answers if answer.answers] == ["/0", "/1", "/2"]


def test_interim_answers_leave_the_request_unanswered() -> None:
    asked, early, final = messages(SCENES["103 Early Hints"])
    assert asked.answered_by == [early, final]
    (waits, put, created) = messages(SCENES["100-continue"])
    assert (put.body, waits.status, created.status, put.answered_by) == (b"abcd", 100, 201, [waits, created])
    assert put.packets == (4, 8)
    assert [each.completed_by for each in (waits, put, created)] == [6, 8, 10]


def test_an_answer_before_the_first_request_answers_none() -> None:
    late, asked, answer = messages(
        [("s", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), ("c", GET), ("s", HELLO)]
    )
    assert (late.answers, answer.answers) == (None, asked)


def test_messages_are_in_the_order_of_completion_over_all_connections() -> None:
    one, other = Dialog(sport=40001), Dialog(sport=40002)
    frames: list[bytes] = []
    for dialog in (one, other):
        dialog.open()
        frames += dialog.frames
    for who, dialog, data in (
        ("c", one, GET[:20]), ("c", other, GET), ("c", one, GET[20:]), ("s", other, HELLO), ("s", one, HELLO)
    ):  # fmt: skip
        dialog.frames.clear()
        dialog.say(who, data)
        frames += dialog.frames
    tape = tape_of(frames)
    ports = [each.connection.client[1] for each in tape.messages]
    assert ports == [40002, 40001, 40002, 40001]
    assert [each.completed_by for each in tape.messages] == sorted(each.completed_by for each in tape.messages)
    assert len(tape.connections[0].messages) == 2


# -- where HTTP ends


@pytest.mark.parametrize(
    ("turns", "protocol", "rest"),
    [
        (SCENES["CONNECT"], "tunnel", (b"\x05tunnel", b"\x06back")),
        (SCENES["Upgrade"], "echo", (b"hi there", b"hi there")),
        ([("c", UPGRADE % b"WebSocket"), ("s", SWITCHING % b"WebSocket" + b"\x81\1a")], "websocket", (b"", b"\x81\1a")),
        ([("c", PREFACE + SETTINGS), ("s", SETTINGS)], "h2", (SETTINGS, SETTINGS)),
    ],
)  # fmt: skip
def test_another_protocol_begins(turns: list[Turn], protocol: str, rest: tuple[bytes, bytes]) -> None:
    (connection,) = talk(turns).tape().connections
    (switch,) = connection.switches
    client, server = connection.stream("client").data, connection.stream("server").data
    assert (switch.protocol, client[switch.client :], server[switch.server :]) == (protocol, *rest)


def test_no_switch_without_one() -> None:
    for scene in ("one request", "Upgrade, declined", "no HTTP"):
        (connection,) = talk(SCENES[scene]).tape().connections
        assert connection.switches == ()


def test_the_preface_of_http_2_is_named() -> None:
    (preface,) = messages([("c", PREFACE + SETTINGS), ("s", SETTINGS)])
    assert (preface.kind, preface.state, preface.body) == ("preface", "", b"")
    assert repr(preface) == "PRI * HTTP/2.0 (24 bytes, packet 4)"
    assert [each.name for each in preface.fields] == ["http2.magic"]


def test_upgrade_to_http_2() -> None:
    turns: list[Turn] = [
        ("c", UPGRADE % b"h2c"), ("s", SWITCHING % b"h2c" + SETTINGS), ("c", PREFACE + SETTINGS)
    ]  # fmt: skip
    tape = talk(turns).tape()
    assert [each.kind for each in tape.messages] == ["request", "response", "preface"]
    assert [each.protocol for each in tape.connections[0].switches] == ["h2c", "h2"]
    assert not any(each.state for each in tape.messages)


def test_http_in_a_tunnel_is_http_again() -> None:
    tape = talk([*SCENES["CONNECT"][:2], ("c", GET), ("s", HELLO)]).tape()
    assert [each.method or each.status for each in tape.messages] == ["CONNECT", 200, "GET", 200]


# -- over a wire

MUCH = bytes(range(256)) * 80
LOSSES: dict[str, Callable[[Wire], object]] = {
    "dropped": lambda wire: (
        wire.drop(payload=True, sender="client", nth=4), wire.drop(payload=True, sender="server", nth=6)
    ),
    "reordered": lambda wire: (
        wire.reorder(payload=True, sender="client", nth=4), wire.reorder(payload=True, sender="server", nth=6)
    ),
    "corrupted": lambda wire: (
        wire.corrupt(payload=True, sender="client", nth=4), wire.corrupt(payload=True, sender="server", nth=6)
    ),
    "duplicated": lambda wire: wire.duplicate(payload=True, times=6),
    "lost at random": lambda wire: wire.lose(0.08, seed=3, payload=True),
}  # fmt: skip


@pytest.mark.parametrize("rule", LOSSES)
def test_messages_over_a_wire_with_accidents(rule: str) -> None:
    """Two exchanges of 20 kB, the answers chunked: each message is whole, whatever happens to its segments."""
    asked = sized(b"POST / HTTP/1.1\r\n", MUCH)
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = head + b"".join(chunk(part) for part in each(MUCH, 3000)) + b"0\r\n\r\n"
    with live_wire() as wire:
        with wire.server:
            listener = socket.create_server(("", 8080))

        def serve() -> None:
            with wire.server:
                peer, _ = listener.accept()
            with peer:
                for _ in range(2):
                    exactly(peer, len(asked))
                    peer.sendall(answer)
                exactly(peer, 1)

        thread = threading.Thread(target=serve)
        thread.start()
        LOSSES[rule](wire)
        with listener, wire.capture() as tape:
            with wire.client:
                caller = socket.create_connection((wire.server.address, 8080), timeout=30)
            with caller:
                for _ in range(2):
                    caller.sendall(asked)
                    assert exactly(caller, len(answer)) == answer
            thread.join()
    assert [(message.kind, message.state) for message in tape.messages] == [("request", ""), ("response", "")] * 2
    for message in tape.messages:
        assert message.body == MUCH
        every_byte_once(message.fields, message.start, message.stop)
    first, second = (message for message in tape.messages if message.kind == "response")
    assert first.answers is not second.answers


# -- what is missing, and what is wrong


def frames_without(turns: list[Turn], *left_out: int) -> Tape:
    """The tape of a connection of which these packets, by their number, were not captured."""
    return tape_of(frame for number, frame in enumerate(talk(turns).frames, 1) if number not in left_out)


def test_a_length_leads_over_a_hole() -> None:
    body = bytes(range(200))
    answer = sized(OK, body) + HELLO
    tape = frames_without([("c", GET * 2), ("s", each(answer, 60))], 8)
    *_, first, second = tape.messages
    assert (first.state, second.state, second.body) == ("cut", "", b"hello")
    assert first.reason == "60 bytes of the body are missing"
    (gap,) = first.buffer.holes
    whole = answer[: gap[0]] + bytes(60) + answer[gap[1] :]
    assert first.body == whole[first.stop - 200 : first.stop]
    every_byte_once(first.fields, first.start, first.stop)


def test_behind_a_hole_in_a_header_the_next_message_is_found() -> None:
    tape = frames_without([("c", [GET[:40], GET[40:60], GET[60:], GET]), ("s", HELLO)], 6)
    first, second, answer = tape.messages
    assert (first.state, first.reason) == ("cut", "bytes are missing here")
    assert (second.state, second.start, answer.answers) == ("", len(GET), first)
    tape = frames_without([("c", [GET[:20], GET[20:40], GET[40:], GET]), ("s", HELLO)], 6)
    assert [(each.kind, each.state) for each in tape.messages] == [("request", ""), ("response", "")]  # no first line


def test_a_message_that_is_missing_whole() -> None:
    tape = frames_without([("c", [GET, GET]), ("s", [HELLO, HELLO])], 4, 10)
    assert [(each.kind, each.state, each.start) for each in tape.messages] == [
        ("request", "", len(GET)), ("response", "", 0),
    ]  # fmt: skip


def test_a_capture_that_begins_in_the_middle() -> None:
    dialog = talk([("c", [GET, GET]), ("s", [HELLO[:50], HELLO[50:], HELLO])])
    for begin in range(len(dialog.frames)):
        for each_ in tape_of(dialog.frames[begin:]).messages:
            assert each_.state in ("", "cut")
            every_byte_once(each_.fields, each_.start, each_.stop)
    late = tape_of(dialog.frames[9:])  # from the second half of the first answer on
    assert [each.start_line for each in late.messages] == ["HTTP/1.1 200 OK"]


WRONG: dict[str, tuple[bytes, str]] = {
    "no colon": (b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", "a field line is a name, a colon and a value"),
    "white space before the first name": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "a field line is"),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "Content-Length is one"),
    "a negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "Content-Length is one"),
    "a length with a sign": (b"POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\nab", "Content-Length is one"),
    "an empty length": (b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", "Content-Length is one"),
    "a huge length": (b"POST / HTTP/1.1\r\nContent-Length: 1%s\r\n\r\n" % (b"0" * 40), "Content-Length is one"),
    "gzip alone": (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nabc", "the last transfer coding"),
    "chunked is not the last": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "the last transfer"),
    "no chunk size": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n", "a chunk begins with"),
    "0x2": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", "a chunk begins with"),
    "17 digits": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s2\r\nab\r\n" % (b"0" * 16), "a chunk"),
    "data longer than its size": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", "CR LF follows"
    ),
    "then a wrong request line": (b"GET / HTTP/1.1\r\n\r\nGET /a b HTTP/1.1\r\n\r\n", "a request line is"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_forms(name: str) -> None:
    """What is wrong is said, and the rest of that direction is not taken for messages."""
    data, reason = WRONG[name]
    found = [each for each in messages([("c", data + GET), ("s", HELLO)]) if each.kind == "request"]
    last = found[-1]
    assert last.state == "malformed"
    assert last.reason.startswith(reason)
    assert last.fields[-1].name == "malformed"
    assert last.fields[-1].meaning == last.reason
    assert last.stop == len(data + GET)
    every_byte_once(last.fields, last.start, last.stop)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "http.field.ows", "forbids white space before the colon"),
        (b"GET / HTTP/1.1\r\nX: b\r\n c\r\n\r\n", "http.field.value", "folded"),
        (b"GET / HTTP/1.1\nHost: a\n\n", "http.crlf", "a line feed alone"),
        (b"BREW /pot HTTP/1.1\r\n\r\n", "http.request.method", "a method of an extension"),
    ],
)  # fmt: skip
def test_what_can_be_read_although_it_is_strange(data: bytes, name: str, words: str) -> None:
    (asked,) = messages([("c", data)])
    assert asked.state == ""
    assert words in asked[name].meaning


def test_bytes_that_are_no_http_stay_payload() -> None:
    for data in (b"hello\r\n", b"GET\r\n", b"GET / HTTP", b"get me a HTTP/1.1 thing\r\n", b"\0" * 50):
        tape = talk([("c", data), ("s", data)]).tape()
        assert tape.messages == ()
        assert [each.layers[-1].name for each in tape.where(payload=True)] == ["Payload", "Payload"]


# -- packets and parts of a tape


def test_a_message_that_lies_whole_in_a_packet_is_a_layer_of_it() -> None:
    tape = talk([("c", [GET[:30], GET[30:] + GET + GET[:10]]), ("s", HELLO)]).tape()
    first, second, answer = tape.where(payload=True)
    assert [each.name for each in first.layers] == ["Ethernet", "IPv4", "TCP", "Payload"]
    assert [each.name for each in second.layers] == ["Ethernet", "IPv4", "TCP", "Payload", "HTTP", "Payload"]
    layer = second["HTTP"]
    assert layer.data == GET
    assert second.raw[layer.start // 8 : layer.end // 8] == GET
    assert answer["HTTP"]["http.file_data"].value == b"hello"
    every_byte_once(tuple(field for each in second.layers for field in each.fields), 0, len(second.raw))
    assert [len(each.messages) for each in (first, second, answer)] == [1, 3, 1]
    assert first["Payload"].fields[0].meaning == f"part of {tape.messages[0]!r}"
    assert "10 bytes, packet 6, cut" in second.layers[-1].fields[0].meaning
    assert [each.protocol for each in tape] == ["TCP"] * len(tape)  # also of those that carry HTTP


def test_a_repeated_segment_has_no_layer_of_its_own() -> None:
    dialog = talk([("c", GET)], end=False)
    dialog.send("c", PSH | ACK, GET, seq=1001)
    first, again = dialog.tape().where(payload=True)
    assert (first.layers[-1].name, again.layers[-1].name) == ("HTTP", "Payload")
    assert again.messages == ()


def test_a_frame_without_a_tape() -> None:
    dialog = talk([("c", GET), ("s", HELLO)])
    for number, data in ((3, GET), (5, HELLO)):
        layers = packets.dissect(dialog.frames[number])
        assert (layers[-1].name, layers[-1].data) == ("HTTP", data)


def test_where_finds_the_packets_of_an_application() -> None:
    tape = talk([("c", [GET[:30], GET[30:]]), ("s", HELLO)]).tape()
    assert [each.number for each in tape.where(protocol="HTTP")] == [4, 6, 8]
    assert [each.number for each in tape.where(protocol="http", sender="server")] == [8]
    assert len(tape.where(protocol="DNS")) == 0
    assert tape.first(protocol="HTTP").number == 4


def test_a_part_of_a_tape_has_the_messages_that_touch_its_packets() -> None:
    tape = talk([("c", [GET[:30], GET[30:]]), ("s", HELLO)]).tape()
    assert [each.kind for each in tape[3:4].messages] == ["request"]
    assert tape[3:4].messages[0] is tape.messages[0]
    assert [each.kind for each in tape[5:].messages] == ["request", "response"]
    assert tape[:3].messages == ()
    assert tape[:3].connections[0].messages == tape.messages


# -- cut anywhere, it is the same


@pytest.mark.parametrize("name", SCENES)
def test_every_byte_has_a_name(name: str) -> None:
    for message in messages(SCENES[name]):
        every_byte_once(message.fields, message.start, message.stop)


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Segments of these bytes, cut anywhere."""
    places = st.lists(st.integers(1, max(1, len(data) - 1)), max_size=8, unique=True)
    return places.map(
        lambda at: [data[a:b] for a, b in zip([0, *sorted(at)], [*sorted(at), len(data)], strict=True) if a < b]
    )


ASKED, ANSWERED = GET + CHUNKED_POST + POST + GET, HELLO + CHUNKED + HELLO * 2


@settings(deadline=None)
@given(cuts(ASKED), cuts(ANSWERED))
def test_segments_do_not_matter(asked: list[bytes], answered: list[bytes]) -> None:
    found = messages([("c", asked), ("s", answered)])
    assert [each.method or each.body for each in sorted(found, key=lambda each: (each.sender, each.start))] == [
        "GET", "POST", "POST", "GET", b"hello", b"hello world", b"hello", b"hello",
    ]  # fmt: skip
    assert not any(each.state for each in found)


def mutants() -> st.SearchStrategy[bytes]:
    """Bytes that are nearly HTTP."""
    pieces = st.sampled_from(
        [GET, HELLO, POST, CHUNKED, CHUNKED_POST, OK, PREFACE, UPGRADE % b"x", SWITCHING % b"x", b"\r\n", b"\n",
         b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
         b"HTTP/1.1 ", b"GET / HTTP/1.1\r\n", b":", b" ", b"\0", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"0\r\n",
         b"HTTP/1.1 204 \r\n\r\n"]
    )  # fmt: skip
    cut = st.tuples(pieces, st.integers(0, 90), st.integers(0, 120)).map(lambda each: each[0][each[1] : each[2]])
    return st.lists(pieces | cut | st.binary(max_size=5), max_size=9).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(mutants(), mutants(), st.sets(st.integers(4, 30)), st.integers(20, 200), st.booleans())
def test_whatever_comes(asked: bytes, answered: bytes, lost: set[int], size: int, end: bool) -> None:
    """Nothing raises, each byte of a message has one name, and messages do not overlap, with holes and without."""
    dialog = talk([("c", each(asked, size)), ("s", each(answered, size))], end=end)
    for left_out in (set[int](), lost):
        tape = tape_of(frame for number, frame in enumerate(dialog.frames, 1) if number not in left_out)
        reached: dict[str, int] = {}
        for message in sorted(tape.messages, key=lambda each: each.start):
            assert message.start >= reached.get(message.sender, 0)
            reached[message.sender] = message.stop
            every_byte_once(message.fields, message.start, message.stop)
            assert repr(message)
            assert message.body is not None
            assert isinstance(message.content, bytes | None)
            assert isinstance(message.headers, dict)
        for packet in tape:
            every_byte_once(tuple(field for layer in packet.layers for field in layer.fields), 0, len(packet.raw))


# -- DNS over TCP


def asked_and_answered() -> Iterator[tuple[bytes, bytes]]:
    """(query, answer) with the length before each."""
    known = dict(made.dns_messages())
    for number, kind in enumerate(("A", "CNAME", "TXT"), 1):
        mark = struct.pack("!H", number)
        query, answer = mark + known["a query"][2:], mark + known[kind][2:]
        yield len(query).to_bytes(2, "big") + query, len(answer).to_bytes(2, "big") + answer


@pytest.mark.parametrize("port", [53, 5300, 9999])
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_dns_messages_are_joined(port: int, size: int) -> None:
    queries, answers = zip(*asked_and_answered(), strict=True)
    turns: list[Turn] = [("c", each(b"".join(queries), size)), ("s", each(b"".join(reversed(answers)), size))]
    tape = talk(turns, port=port).tape()
    assert [each.kind for each in tape.messages] == ["query"] * 3 + ["response"] * 3
    assert {each.protocol for each in tape.messages} == {"DNS"}
    asked, answered = tape.messages[:3], tape.messages[3:]
    assert [each.answers for each in answered] == list(reversed(asked))
    assert asked[0].start_line == ""
    assert repr(asked[0]).startswith(f"query A www.lab.example ({len(queries[0])} bytes, packet")
    assert asked[0]["dns.length"].value == len(queries[0]) - 2
    for message in tape.messages:
        every_byte_once(message.fields, message.start, message.stop)
    if size > 1000:
        assert [layer.name for layer in tape.where(protocol="dns")[0].layers][-3:] == ["DNS"] * 3
    else:
        assert len(tape.where(protocol="DNS")) == len(tape.where(payload=True))


def test_a_dns_message_that_is_longer_than_a_segment() -> None:
    question = b"\3www\3lab\7example\0\0\1\0\1"
    records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + bytes(4) for _ in range(200))
    answer = struct.pack("!6H", 7, 0x8400, 1, 200, 0, 0) + question + records
    tape = talk([("s", each(len(answer).to_bytes(2, "big") + answer, 1460))], port=53).tape()
    (message,) = tape.messages
    assert (message.state, len(message.packets), message["dns.count.answers"].value) == ("", 3, 200)
    assert [each.layers[-1].name for each in tape.where(payload=True)] == ["Payload"] * 3


def test_a_dns_message_that_is_cut_or_malformed() -> None:
    query = next(asked_and_answered())[0]
    (cut,) = messages_on_53(query[:-3])
    assert (cut.state, cut.fields[-1].name) == ("cut", "incomplete")
    (short,) = messages_on_53(query + b"\0\1x")[1:]
    assert (short.state, short.fields[-1].name) == ("malformed", "malformed")
    bad = query[:6] + b"\0\7" + query[8:]  # seven questions
    wrong, right = messages_on_53(bad + query)
    assert (wrong.state, right.state) == ("malformed", "")
    for message in (cut, short, wrong):
        every_byte_once(message.fields, message.start, message.stop)


def messages_on_53(data: bytes) -> tuple[Message, ...]:
    return talk([("c", data)], port=53).tape().messages


@settings(deadline=None)
@given(st.lists(st.binary(min_size=0, max_size=40), max_size=4))
def test_whatever_comes_on_port_53(parts: list[bytes]) -> None:
    framed = [len(part).to_bytes(2, "big") + part for part in parts]
    for message in messages_on_53(b"".join(framed)):
        every_byte_once(message.fields, message.start, message.stop)
        assert repr(message)
