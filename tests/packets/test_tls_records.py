"""Records and messages of TLS on a tape: what opens, what stays closed and why, and where each byte came from.

Rule: connections are made in memory or by hand; what tshark says of the same ones stands in `test_tls_oracle`.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from labkit.core.errors import LabError, NoSuchPart
from labkit.packets import Tape, dissect
from labkit.packets.capture_file import Recording
from labkit.packets.tls_keys import KEY_LOG
from tests.packets import tls_made, tls_scenes
from tests.packets.dialogs import Turn, talk, tape_of
from tests.packets.leaves import every_byte_once
from tests.packets.test_tls_oracle import SCENES, played
from tests.packets.tls_made import ANSWER, ASK, New, finished, opening, record, server_hello
from tests.packets.tls_scenes import Scene
from tests.packets.websocket_scenes import ask, frame, plain, yes


def with_keys(turns: list[Turn], keys: bytes) -> Tape:
    return tls_scenes.tape_of(Scene([turns], keys, []))


def with_frames(frames: list[bytes], keys: bytes) -> Tape:
    return keyed(tape_of(frames), keys)


def keyed(tape: Tape, keys: bytes) -> Tape:
    return tape.with_secrets(keys.decode())


def exchanged(*more: Turn, made: New | None = None) -> tuple[list[Turn], New]:
    """A whole connection of TLS 1.3: handshake, request, answer, and more."""
    made = made or New()
    turns = opening(made)
    turns += [("c", made.data_c.seal(23, ASK)), ("s", made.data_s.seal(23, ANSWER)), *more]
    return turns, made


# -- bytes and names


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("keys", [True, False])
def test_every_byte_has_one_name(name: str, keys: bool) -> None:
    tape = tls_scenes.tape_of(played(name), keys=keys)
    assert tape.records
    for each in tape.records:
        every_byte_once(each.fields, each.start, each.stop)
        if each.inside is not None:
            every_byte_once(each.inside.fields, 0, len(each.inside))
        assert not any(part.name == "malformed" for top in each.fields for part in top.walk())
    for message in tape.handshake:
        every_byte_once(message.fields, message.start, message.stop)
        assert message.buffer.data[message.start : message.stop] == message.data
        assert not message.state, message.reason
    for packet in tape:
        at = 0
        for layer in packet.layers:
            every_byte_once(layer.fields, at, layer.end // 8)
            at = layer.end // 8
        assert at == len(packet.raw)


def test_a_record_says_what_its_header_says_and_what_it_carries() -> None:
    tape = tls_scenes.tape_of(played("t13"))
    first, hidden = tape.records[0], tape.records[3]
    assert (first.content_type, first.version, first.kind) == ("handshake", "TLS 1.0", "handshake")
    assert not first.encrypted
    assert first.inside is None
    assert first.length == first.stop - first.start - 5 == len(first.content or b"")
    assert (hidden.content_type, hidden.version, hidden.kind) == ("application_data", "TLS 1.2", "handshake")
    assert hidden.encrypted
    assert hidden.opened
    assert [each.kind for each in hidden.messages] == ["EncryptedExtensions"]
    assert hidden.messages[0].encrypted
    assert hidden["tls.record.opaque_type"].meaning == "application_data"
    assert hidden["tls.handshake.type"].value == 8
    assert hidden["record.length"].bits == 16
    with pytest.raises(NoSuchPart, match="does not have a field 'nothing'"):
        hidden["nothing"]
    assert repr(hidden).startswith("application_data: EncryptedExtensions (")


def test_a_record_opens_by_hand_with_its_secret_and_its_number() -> None:
    """HKDF-Expand-Label and AES-GCM in ten lines, as in RFC 8446 §5.3 and §7.1, without this package."""
    turns, made = exchanged(("s", New().data_s.seal(23, b"?")))
    tape = with_keys(turns, made.keys())
    answer = tape.messages[1].records[0]
    assert (answer.secret, answer.sequence) == ("SERVER_TRAFFIC_SECRET_0", 0)
    line = next(each for each in tape.secrets if each.startswith(answer.secret))
    secret = bytes.fromhex(line.split()[2])

    def expand(label: bytes, size: int) -> bytes:
        info = size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
        return HKDFExpand(SHA256(), size, info).derive(secret)

    nonce = (int.from_bytes(expand(b"iv", 12), "big") ^ answer.sequence).to_bytes(12, "big")
    plain = AESGCM(expand(b"key", 16)).decrypt(nonce, answer.data[5:], answer.data[:5])
    assert plain == ANSWER + b"\x17"
    assert answer.inside is not None
    assert plain == answer.inside.data
    finish = [each for each in tape.records if each.messages and each.messages[-1].kind == "Finished"]
    assert [each.secret for each in finish] == [
        "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    ]  # fmt: skip
    assert tape.records[0].sequence is None
    assert tape.records[0].secret == ""


def test_a_byte_inside_leads_to_its_packet() -> None:
    tape = tls_scenes.tape_of(played("t13"))
    request = tape.messages[0]
    assert request.encrypted
    (carrying,) = request.records
    assert carrying.kind == "application_data"
    assert request.packets == carrying.packets
    assert request.buffer.data[request.start : request.stop] == ASK
    number, place = request.buffer.place(request.start) or (0, 0)
    raw = tape[number - 1].raw
    opened = carrying.inside
    assert opened is not None
    assert raw[place : place + 4] == carrying.data[5:9]  # the ciphertext at the same place
    assert opened.data[: len(ASK)] == ASK
    assert tape.connections[0].decrypted("client").data == ASK
    assert tape[number - 1].records == (carrying,)
    assert tape[number - 1].messages == (request,)
    assert [layer.name for layer in tape[number - 1].layers][-1] == "TLS"
    assert tape.where(protocol="TLS")
    assert all(packet.records for packet in tape.where(protocol="tls"))


def test_a_frame_without_its_tape_shows_its_records() -> None:
    tape = tls_scenes.tape_of(played("t12"), keys=False)
    shown = 0
    for packet in tape:
        layers = dissect(packet.raw)
        assert [layer.name for layer in layers].count("TLS") == len(packet.records), packet
        for layer, found in zip([each for each in layers if each.name == "TLS"], packet.records, strict=True):
            every_byte_once(layer.fields, layer.start // 8, layer.end // 8)
            assert layer.data == found.data
            shown += 1
    assert shown == len(tape.records)
    hello = next(layer for layer in dissect(tape[3].raw) if layer.name == "TLS")
    assert hello["tls.handshake.extensions_server_name"].value == "localhost"
    plain = talk([("c", b"\x16\x03\x01 this is no record of TLS")]).frames[3]
    assert "TLS" not in [layer.name for layer in dissect(plain)]


def test_a_message_over_several_records_is_joined() -> None:
    tape = tls_scenes.tape_of(played("t13-huge"))
    message = next(each for each in tape.handshake if each.kind == "Certificate")
    assert len(message.records) == 2
    assert message.buffer.kind == "joined"
    assert message.records[0].messages == ()
    assert message.records[1].messages == (message,)
    assert message.buffer.packets(0, len(message.buffer)) == message.packets
    assert len(message.certificates[0].names) == 903


def test_messages_of_websocket_inside_tls() -> None:
    made = New()
    turns = opening(made)
    turns += [
        ("c", made.data_c.seal(23, ask())), ("s", made.data_s.seal(23, yes())),
        ("c", made.data_c.seal(23, frame(1, b"hello")[:5])), ("c", made.data_c.seal(23, frame(1, b"hello")[5:])),
        ("s", made.data_s.seal(23, plain(1, b"HELLO") + plain(8))),
    ]  # fmt: skip
    tape = with_keys(turns, made.keys())
    assert [each.message for each in tape.frames] == ["hello", "HELLO", b""]
    assert len(tape.frames[0].records) == 2
    assert len(tape.frames[0].packets) == 2
    assert tape.where(protocol="WebSocket")


# -- keys


def test_without_keys_it_stays_closed_and_says_so() -> None:
    tape = tls_scenes.tape_of(played("t13"), keys=False)
    closed = [each for each in tape.records if each.encrypted]
    assert closed
    assert {each.reason for each in closed} == {"the tape does not have its key"}
    assert all(each.inside is None and each.content is None and not each.messages for each in closed)
    assert tape.messages == ()
    assert tape.secrets == ()
    assert tape.connections[0].decrypted("client") is None


def test_keys_come_from_a_key_log_and_go_again(tmp_path: Path) -> None:
    scene = played("t13")
    bare = tls_scenes.tape_of(scene, keys=False)
    log = tmp_path / "keys.log"
    log.write_bytes(b"# a comment\nnonsense\n" + scene.keys)
    for given in (log, str(log), scene.keys.decode(), scene.keys.decode().splitlines()):
        assert [str(each) for each in bare.with_secrets(given).messages] == [
            "GET / HTTP/1.1 (35 bytes, packet 12)", "HTTP/1.1 200 OK (43 bytes, packet 14)",
        ]  # fmt: skip
    whole = bare.with_secrets(log)
    assert set(whole.secrets) == {line for line in scene.keys.decode().splitlines() if line[0] != "#"}
    assert whole.without_secrets().secrets == ()
    assert whole.without_secrets().messages == ()
    assert whole.origin == bare.origin
    with pytest.raises(LabError, match="no line of this key log"):
        bare.with_secrets(["hello"])
    with pytest.raises(LabError, match="cannot be read"):
        bare.with_secrets(tmp_path / "none.log")
    with pytest.raises(LabError, match="is not a key log"):
        bare.with_secrets(17)  # type: ignore[arg-type]


def test_a_tape_gives_and_saves_only_the_keys_of_its_own_connections(tmp_path: Path) -> None:
    one, other = New(), New(random=bytes(32))
    turns, _ = exchanged(made=one)
    frames = talk(turns, port=8443).frames
    said = tuple(one.keys().splitlines() + other.keys().splitlines())
    tape = Tape()
    tape._fill(Recording([(at, each, 1, 0, len(each)) for at, each in enumerate(frames)]), "live", said)
    assert len(said) == 10
    assert {line.encode() for line in tape.secrets} == set(one.keys().splitlines())
    loaded = Tape.load(tape.save(tmp_path / "a.pcapng"))
    assert set(loaded.secrets) == set(tape.secrets)
    assert loaded._shared.recording.secrets == ((KEY_LOG, one.keys()),)
    assert Tape.load(tape.save(tmp_path / "b.pcapng", secrets=False))._shared.recording.secrets == ()
    assert tape[:3].secrets == tape.secrets
    assert tape.where(sender="server", has="SYN")[:0].secrets == ()


def test_a_key_of_another_connection_opens_nothing() -> None:
    turns, made = exchanged()
    wrong = New()
    wrong.secrets = {label: bytes(32) for label in wrong.secrets}
    tape = with_keys(turns, wrong.keys())
    closed = [each for each in tape.records if each.encrypted]
    assert all("does not open with the key" in each.reason for each in closed)
    assert not any(each.opened for each in closed)
    assert len(with_keys(turns, made.keys()).messages) == 2


def test_without_the_secrets_of_the_handshake_the_data_open_all_the_same() -> None:
    turns, made = exchanged()
    keys = made.keys("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
    tape = with_keys(turns, keys)
    assert [str(each.start_line) for each in tape.messages] == ["GET / HTTP/1.1", "HTTP/1.1 200 OK"]
    assert [each.kind for each in tape.handshake] == ["ClientHello", "ServerHello"]


def test_a_suite_that_is_not_known_is_named() -> None:
    scene = tls_made.old(0xC011)
    tape = tls_scenes.tape_of(scene)
    reasons = {each.reason for each in tape.records if each.encrypted}
    assert reasons == {"records of TLS_ECDHE_RSA_WITH_RC4_128_SHA cannot be opened here"}
    scene = tls_made.old()
    hello = server_hello(suite=0xC013, new=False)
    scene.turns[0][1] = "s", record(22, hello[:4] + b"\3\1" + hello[6:]) + record(22, tls_made.message(14))
    reasons = {each.reason for each in tls_scenes.tape_of(scene).records if each.encrypted}
    assert reasons == {"records of TLS 1.0 cannot be opened here"}


# -- wires that lose, and tapes that miss something


def test_retransmissions_and_segments_out_of_order_change_nothing() -> None:
    turns, made = exchanged()
    cut: list[Turn] = [
        (who, [data[at : at + 50] for at in range(0, len(data), 50)]) for who, data in turns if isinstance(data, bytes)
    ]
    frames = talk(cut, port=8443).frames
    good = with_frames(frames, made.keys())
    mixed = list(frames)
    for at in range(4, len(mixed) - 6, 5):
        mixed[at], mixed[at + 2] = mixed[at + 2], mixed[at]
    mixed = [each for number, each in enumerate(mixed) for _ in range(1 + (number % 7 == 3))]
    bad = with_frames(mixed, made.keys())
    assert [(each.kind, each.content) for each in bad.records] == [(each.kind, each.content) for each in good.records]
    assert [str(each.start_line) for each in bad.messages] == ["GET / HTTP/1.1", "HTTP/1.1 200 OK"]


def _without(turns: list[Turn], keys: bytes, who: str, which: int) -> Tape:
    """The tape without the payload packet number `which` of one side."""
    frames, number = [], 0
    dialog = talk(turns, port=8443)
    sender = bytes([10, 0, 0, 1 if who == "c" else 2])
    for each in dialog.frames:
        if each[26:30] == sender and len(each) > 60:
            number += 1
            if number == which:
                continue
        frames.append(each)
    return with_frames(frames, keys)


def test_records_behind_a_hole_open_again() -> None:
    made = New()
    turns = opening(made)
    parts = [made.data_s.seal(23, b"part %d " % number * 9) for number in range(6)]
    turns += [("s", each) for each in parts]
    tape = _without(turns, made.keys(), "s", 4)
    opened = [each.content for each in tape.records if each.sender == "server" and each.kind == "application_data"]
    assert opened == [b"part %d " % number * 9 for number in (0, 1, 3, 4, 5)]


def test_data_open_if_the_end_of_the_handshake_is_missing() -> None:
    turns, made = exchanged()
    tape = _without(turns, made.keys(), "c", 2)  # the client's Finished
    assert [str(each.start_line) for each in tape.messages] == ["GET / HTTP/1.1", "HTTP/1.1 200 OK"]


def test_a_record_of_which_a_part_is_missing_is_cut_and_the_next_one_is_read() -> None:
    made = New()
    turns = opening(made)
    big = made.data_s.seal(23, bytes(300))
    turns += [("s", [big[:100], big[100:200], big[200:]]), ("s", made.data_s.seal(23, b"behind"))]
    tape = _without(turns, made.keys(), "s", 3)
    last = [each for each in tape.records if each.sender == "server"][-2:]
    assert last[0].state == "cut"
    assert last[0].encrypted
    assert not last[0].opened
    assert last[1].content == b"behind"


def test_a_tape_that_begins_in_the_middle_stays_closed() -> None:
    turns, made = exchanged()
    frames = talk(turns, port=8443).frames
    tape = with_frames(frames[9:], made.keys())
    assert tape.records
    assert {each.reason for each in tape.records if each.encrypted} == {
        "the handshake was not captured, so nobody can tell which key fits"
    }
    assert not tape.messages


def test_a_changed_record_stays_closed_and_the_next_one_opens() -> None:
    made = New()
    turns = opening(made)
    bad = bytearray(made.data_s.seal(23, b"changed on the way"))
    bad[9] ^= 1
    turns += [("s", bytes(bad)), ("s", made.data_s.seal(23, b"whole"))]
    tape = with_keys(turns, made.keys())
    last = [each for each in tape.records if each.sender == "server"][-2:]
    assert not last[0].opened
    assert "a byte was changed" in last[0].reason
    assert last[1].content == b"whole"


def test_without_close_notify_an_answer_until_the_end_is_cut() -> None:
    """Anybody can send a FIN: only the alert says that the answer is whole."""
    until_end = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
    states = []
    for end in (True, False):
        made = New()
        turns = opening(made)
        turns += [("c", made.data_c.seal(23, ASK)), ("s", made.data_s.seal(23, until_end))]
        if end:
            turns.append(("s", made.data_s.seal(21, b"\1\0")))
        states.append(with_keys(turns, made.keys()).messages[1].state)
    assert states == ["", "cut"]


# -- TLS where something else was, or the other way round


def test_tls_behind_lines_of_another_protocol() -> None:
    made = New()
    turns: list[Turn] = [("s", b"220 hello\r\n"), ("c", b"STARTTLS\r\n"), ("s", b"220 go\r\n")]
    turns += exchanged(made=made)[0]
    tape = with_keys(turns, made.keys())
    assert [each.kind for each in tape.handshake][:2] == ["ClientHello", "ServerHello"]
    assert tape.records[0].start == len(b"STARTTLS\r\n")
    assert len(tape.messages) == 2


def test_tls_through_a_proxy() -> None:
    made = New()
    turns: list[Turn] = [
        ("c", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"), ("s", b"HTTP/1.1 200 OK\r\n\r\n"),
    ]  # fmt: skip
    turns += exchanged(made=made)[0]
    tape = with_keys(turns, made.keys())
    assert [(each.start_line, each.encrypted) for each in tape.messages] == [
        ("CONNECT a.example:443 HTTP/1.1", False), ("HTTP/1.1 200 OK", False), ("GET / HTTP/1.1", True),
        ("HTTP/1.1 200 OK", True),
    ]  # fmt: skip


def test_tls_inside_tls() -> None:
    inner, outer = New(random=bytes(32)), New()
    inside, _ = exchanged(made=inner)
    turns = opening(outer)
    sealing = {"c": outer.data_c, "s": outer.data_s}
    inside[0] = "c", record(22, tls_made.client_hello(random=bytes(32)))
    turns += [(who, sealing[who].seal(23, data)) for who, data in inside if isinstance(data, bytes)]
    tape = with_keys(turns, outer.keys() + inner.keys())
    assert [str(each.start_line) for each in tape.messages] == ["GET / HTTP/1.1", "HTTP/1.1 200 OK"]
    assert len(tape.messages[0].packets) == 1


def test_http_to_a_port_of_tls() -> None:
    tape = with_keys([("c", ASK), ("s", record(21, b"\2\x46"))], b"")
    assert [each.title for each in tape.handshake] == ["Alert: protocol_version"]
    assert tape.handshake[0].level == "fatal"
    assert [each.start_line for each in tape.messages] == ["GET / HTTP/1.1"]


def test_tls_to_a_port_of_http() -> None:
    turns: list[Turn] = [("c", record(22, tls_made.client_hello(), 0x0301)), ("s", b"HTTP/1.1 400 Bad Request\r\n\r\n")]
    tape = with_keys(turns, b"")
    assert [each.kind for each in tape.handshake] == ["ClientHello"]
    assert [each.start_line for each in tape.messages] == ["HTTP/1.1 400 Bad Request"]


def test_a_file_that_holds_a_hello_is_no_tls() -> None:
    body = record(22, tls_made.client_hello(), 0x0301)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    turns: list[Turn] = [("c", [head, body]), ("s", ANSWER)]
    tape = with_keys(turns, b"")
    assert tape.records == ()
    assert [each.body for each in tape.messages] == [body, b"hello"]


def test_bytes_that_are_no_record_are_said_to_be_none() -> None:
    made = New()
    turns = opening(made)
    turns += [("s", b"what is this? not a record"), ("s", made.data_s.seal(23, ANSWER))]
    tape = with_keys(turns, made.keys())
    last = tape.records[-1] if tape.records[-1].sender == "server" else tape.records[-2]
    assert last.state == "malformed"
    assert last.title == "bytes that are no record"
    every_byte_once(last.fields, last.start, last.stop)


def test_malformed_messages_say_what_is_wrong() -> None:
    hello = tls_made.client_hello()
    short = hello[:4] + hello[4:70]
    short = tls_made.message(1, short[4:])
    tape = with_keys([("c", record(22, short)), ("s", record(22, server_hello()))], b"")
    message = tape.handshake[0]
    assert message.state == "malformed"
    assert message.reason
    every_byte_once(message.fields, message.start, message.stop)


def test_a_header_alone_is_a_record_that_is_cut() -> None:
    """Found by a random test: the first byte of the content was asked for, and the stream ended before it."""
    turns: list[Turn] = [("c", record(22, tls_made.client_hello())), ("s", record(22, bytes(40))[:5])]
    tape = with_keys(turns, b"")
    assert [(each.sender, each.state) for each in tape.records] == [("client", "")]
    turns[1] = "s", record(22, server_hello()) + record(22, bytes(40))[:5]
    tape = with_keys(turns, b"")
    assert [each.state for each in tape.records] == ["", "", "cut"]
    turns[1] = "s", record(21, b"\2\50") + record(22, bytes(40))[:5]
    assert [each.state for each in with_keys(turns, b"").records] == ["", "", "cut"]


def test_a_message_that_does_not_end_is_cut() -> None:
    hello = tls_made.client_hello()
    tape = with_keys([("c", record(22, hello[:50]))], b"")
    assert [(each.kind, each.state) for each in tape.handshake] == [("ClientHello", "cut")]
    assert tape.records[0].messages == ()
    assert tape.records[0].title == "part of ClientHello"


def test_a_key_log_keeps_its_form_through_a_file(tmp_path: Path) -> None:
    scene = played("t12")
    path = tls_scenes.tape_of(scene).save(tmp_path / "a.pcapng")
    assert base64.b64encode(scene.keys) not in path.read_bytes()
    assert scene.keys in path.read_bytes()  # as they are: pcapng has a block for them


def test_post_handshake_messages_of_a_client_that_has_no_certificate() -> None:
    tape = tls_scenes.tape_of(tls_made.later_certificate())
    assert [each.kind for each in tape.handshake][-3:] == ["CertificateRequest", "Certificate", "Finished"]
    assert len(tape.messages) == 2
    assert finished()
