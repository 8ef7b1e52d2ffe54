"""labkit.lab.rules: which frames a rule is about, what it decides, and the sentence it says of itself.

Rule: no network here; frames are built by Scapy and handed to the rules.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit.core.errors import LabError
from labkit.lab import rules
from labkit.lab.rules import Match, Passing, Rule
from labkit.lab.wire import Wire
from tests.packets import kinds


def frame(sender: str = "client", flags: str = "A", payload: bytes = b"", *, udp: bool = False) -> Passing:
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether

    ports = {"sport": 40000, "dport": 8124}
    if sender == "server":
        ports = {"sport": 8124, "dport": 40000}
    transport = UDP(**ports) if udp else TCP(**ports, flags=flags)
    packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2") / transport
    return Passing(sender, bytes(packet / payload))


SYN = frame(flags="S")
DATA = frame(flags="PA", payload=b"abc")
ANSWER = frame("server", "PA", b"xyz")
ACK = frame("server", "A")
DATAGRAM = frame(payload=b"abc", udp=True)
ALL = (SYN, DATA, ANSWER, ACK, DATAGRAM)


class TestMatch:
    """Conditions, alone and together."""

    @pytest.mark.parametrize(
        ("conditions", "found"),
        [
            ({}, ALL),
            ({"sender": "server"}, (ANSWER, ACK)),
            ({"only": "SYN"}, (SYN,)),
            ({"has": "ACK"}, (DATA, ANSWER, ACK)),
            ({"has": "ack, psh"}, (DATA, ANSWER)),
            ({"only": "ACK PSH"}, (DATA, ANSWER)),
            ({"payload": True}, (DATA, ANSWER, DATAGRAM)),
            ({"payload": False}, (SYN, ACK)),
            ({"port": 8124}, ALL),
            ({"port": 8125}, ()),
            ({"protocol": "UDP"}, (DATAGRAM,)),
            ({"protocol": "udp"}, (DATAGRAM,)),
            ({"protocol": "tcp"}, (SYN, DATA, ANSWER, ACK)),
            ({"sender": "client", "payload": True, "protocol": "TCP"}, (DATA,)),
        ],
    )
    def test_frames(self, conditions: dict[str, Any], found: tuple[Passing, ...]) -> None:
        match = Match(**conditions)
        assert tuple(each for each in ALL if match(each)) == found

    def test_every_protocol_a_frame_can_have_is_accepted(self) -> None:
        """By what `frames` makes of every EtherType, every protocol of IPv4 and IPv6, whole, in fragments and cut."""
        found = set()
        v4 = bytes.fromhex("4500 0040 0001 0000 40") + b"%c" + bytes(2) + bytes(8) + bytes(44)
        v6 = bytes.fromhex("6000 0000 0028") + b"%c" + bytes(1) + bytes(32) + bytes(40)
        ethernet = bytes(12)
        for number in range(256):
            for start, packet in ((b"\x08\0", v4), (b"\x86\xdd", v6)):
                raw = ethernet + start + packet.replace(b"%c", bytes((number,)))
                for size in (len(raw), 20, 38, 58, 60):
                    found.add(Passing("client", raw[:size]).protocol)
        for number in range(0x10000):
            found.add(Passing("client", ethernet + number.to_bytes(2, "big") + bytes(46)).protocol)
        found.add(Passing("client", ethernet + bytes.fromhex("0800 4500 0040 0001 0001 40 11") + bytes(54)).protocol)
        found.add(Passing("client", ethernet + bytes.fromhex("86dd 6000 0000 0028 2c 40") + bytes(32) + b"\x11\0\0\x08"
                          + bytes(36)).protocol)
        found |= {Passing("client", raw).protocol for _, raw in kinds.frames()}
        assert {Match(protocol=name).protocol for name in found} == found

    def test_what_is_no_packet_matches_no_flags_and_raises_nothing(self) -> None:
        for raw in (b"", b"\0" * 13, b"\0" * 20, SYN.raw[:30]):
            assert not Match(only="SYN")(Passing("client", raw))
            assert Match()(Passing("client", raw))

    @pytest.mark.parametrize(
        ("conditions", "words"),
        [
            ({"sender": "me"}, "no frame is sent by 'me'"),
            ({"has": "X"}, "'X' are not TCP flags"),
            ({"only": ""}, "'' are not TCP flags"),
            ({"port": 0}, "0 is not a port"),
            ({"port": "8124"}, "'8124' is not a port"),
            ({"protocol": "QUIC"}, r"no frame is called 'QUIC'\. protocol is one of TCP, UDP, ICMP, .*port=53 is DNS"),
            ({"protocol": "nonsense"}, "no frame is called 'nonsense'"),
            ({"protocol": ""}, "no frame is called ''"),
            ({"protocol": 17}, "no frame is called 17"),
        ],
    )
    def test_impossible_conditions(self, conditions: dict[str, Any], words: str) -> None:
        with pytest.raises(LabError, match=words) as caught:
            Match(**conditions)
        assert caught.value.todo


class TestRule:
    """nth, times, off, and the counts."""

    def decided(self, rule: Rule, count: int = 6) -> list[bool]:
        return [rule.decide(DATA) is not None for _ in range(count)]

    @pytest.mark.parametrize(
        ("nth", "times", "acts"),
        [
            (1, 1, [1, 0, 0, 0, 0, 0]),
            (3, 1, [0, 0, 1, 0, 0, 0]),
            (2, 3, [0, 1, 1, 1, 0, 0]),
            (1, None, [1, 1, 1, 1, 1, 1]),
            (5, None, [0, 0, 0, 0, 1, 1]),
        ],
    )
    def test_which_of_the_matching_ones(self, nth: int, times: int | None, acts: list[int]) -> None:
        rule = Rule("drop", rules.drop, Match(payload=True), nth, times)
        assert rule.decide(SYN) is None
        assert self.decided(rule) == [bool(each) for each in acts]
        assert (rule.seen, rule.acted) == (6, sum(acts))

    def test_off(self) -> None:
        rule = Rule("drop", rules.drop, Match())
        rule.off()
        assert self.decided(rule) == [False] * 6
        assert repr(rule) == "<drop every packet: 0 so far, off>"

    @pytest.mark.parametrize(
        ("nth", "times", "conditions", "sentence"),
        [
            (1, 1, {"only": "SYN"}, "drop the first packet with only SYN"),
            (3, 1, {"sender": "client", "payload": True}, "drop the 3rd packet from the client with payload"),
            (22, 1, {}, "drop the 22nd packet"),
            (12, None, {"port": 8124}, "drop every packet from the 12th on of port 8124"),
            (1, 2, {"has": "SYN, ACK", "sender": "server"}, "drop the first 2 packets from the server with SYN, ACK"),
            (2, 3, {"protocol": "UDP"}, "drop packets 2 to 4 of UDP"),
            (1, None, {"payload": False}, "drop every packet without payload"),
        ],
    )
    def test_it_reads_like_a_sentence(
        self, nth: int, times: int | None, conditions: dict[str, Any], sentence: str
    ) -> None:
        assert str(Rule("drop", rules.drop, Match(**conditions), nth, times)) == sentence

    @pytest.mark.parametrize("counts", [{"nth": 0}, {"times": 0}, {"nth": 1.5}, {"times": True}])
    def test_impossible_counts(self, counts: dict[str, Any]) -> None:
        with pytest.raises(LabError, match="is not a count"):
            Rule("drop", rules.drop, Match(), **counts)


class TestActions:
    """What each verb makes of a frame."""

    def test_drop_delivers_nothing(self) -> None:
        assert rules.drop(DATA).deliveries == ()

    def test_duplicate_delivers_the_same_twice(self) -> None:
        assert rules.duplicate(DATA).deliveries == ((0.0, DATA.raw), (0.0, DATA.raw))

    def test_corrupt_changes_one_bit(self) -> None:
        action = rules.corrupted(-1)(DATA)
        assert action is not None
        ((_, raw),) = action.deliveries
        different = [at for at, pair in enumerate(zip(raw, DATA.raw, strict=True)) if pair[0] != pair[1]]
        assert different == [len(raw) - 1]
        assert (raw[-1] ^ DATA.raw[-1]).bit_count() == 1
        assert action.detail == f"one bit of byte {len(raw) - 1}"

    @pytest.mark.parametrize("byte", [0, 13, 9999, -9999])
    def test_corrupt_leaves_the_ethernet_header_and_what_is_not_there(self, byte: int) -> None:
        assert rules.corrupted(byte)(DATA) is None

    def test_delay_says_how_long(self) -> None:
        action = rules.delayed(0.05)(DATA)
        assert (action.deliveries, action.detail) == (((0.05, DATA.raw),), "by 50 ms")

    @pytest.mark.parametrize("seconds", [0, -1, 3600, float("nan")])
    def test_impossible_delays(self, seconds: float) -> None:
        with pytest.raises(LabError, match="a delay of"):
            rules.delayed(seconds)

    @pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
    def test_impossible_probabilities(self, probability: float) -> None:
        with pytest.raises(LabError, match="is not a probability"):
            rules.lost(probability, 0)

    def test_loss_depends_on_the_seed_and_the_place_in_the_senders_row_alone(self) -> None:
        def fate(seed: int, order: str) -> dict[str, list[bool]]:
            act = rules.lost(0.3, seed)
            row: dict[str, list[bool]] = {"client": [], "server": []}
            for letter in order:
                each = DATA if letter == "c" else ANSWER
                row[each.sender].append(act(each) is not None)
            return row

        one, other = fate(7, "c" * 200 + "s" * 200), fate(7, "cs" * 200)
        assert one == other
        assert one != fate(8, "cs" * 200)
        assert one["client"] != one["server"]
        assert 30 < sum(one["client"]) < 90  # 60 expected of 200; the seed is fixed, so this does not vary


class TestFunctions:
    """A student's own function as a rule."""

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [("drop", "dropped"), ("duplicate", "duplicated"), ("reorder", "reordered"), (0.02, "delayed")],
    )
    def test_answers(self, answer: Any, kind: str) -> None:
        action = rules.by_function(lambda _: answer)(DATA)
        assert action is not None
        assert action.kind == kind

    def test_none_lets_it_pass(self) -> None:
        assert rules.by_function(lambda _: None)(DATA) is None

    def test_bytes_are_delivered_in_its_place(self) -> None:
        action = rules.by_function(lambda each: each.raw.replace(b"abc", b"ABC"))(DATA)
        assert action is not None
        assert action.deliveries[0][1].endswith(b"ABC")

    @pytest.mark.parametrize("answer", ["lose it", True, [], -1])
    def test_nonsense_is_refused_with_a_way_out(self, answer: Any) -> None:
        with pytest.raises(LabError) as caught:
            rules.by_function(lambda _: answer)(DATA)
        assert caught.value.todo

    def test_what_it_can_look_at(self) -> None:
        assert (DATA.sender, DATA.flags, DATA.ports, DATA.payload, DATA.protocol) == (
            "client", "PSH, ACK", (40000, 8124), b"abc", "TCP",
        )  # fmt: skip
        assert repr(SYN) == "<TCP SYN from the client, 0 bytes of payload>"


class TestTheDoor:
    """What a student gets wrong in the call that makes a rule: each is told in words, with the right name."""

    @pytest.fixture
    def wire(self) -> Iterator[Wire]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LABKIT_TIER", "recorded")  # rules are checked before anything passes
            made = Wire()
        with made:
            yield made

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda wire: wire.drop(flags="S"), r"wire\.drop\(\) has no argument 'flags'"),
            (lambda wire: wire.drop("client"), r"wire\.drop\(\) was given more arguments without a name.*sender=…"),
            (lambda wire: wire.drop(protokol="UDP"), "Did you mean 'protocol'"),
            (lambda wire: wire.duplicate(sendr="client"), r"wire\.duplicate\(\) has no argument 'sendr'.*'sender'"),
            (lambda wire: wire.duplicate("client"), r"wire\.duplicate\(\) was given more arguments without a name"),
            (lambda wire: wire.reorder(number=3), r"wire\.reorder\(\) has no argument 'number'\. .*takes nth, times"),
            (lambda wire: wire.reorder(2), r"wire\.reorder\(\) was given more arguments without a name"),
            (lambda wire: wire.delay(), r"wire\.delay\(\): missing a required argument: 'seconds'"),
            (lambda wire: wire.delay(0.1, 2), r"wire\.delay\(\) was given more arguments without a name"),
            (lambda wire: wire.delay(seconds=0.1, payloud=True), "Did you mean 'payload'"),
            (lambda wire: wire.delay("0.1"), "a delay of '0.1' s"),
            (lambda wire: wire.delay(True), "a delay of True s"),
            (lambda wire: wire.delay(None), "a delay of None s"),
            (lambda wire: wire.corrupt(-1), r"wire\.corrupt\(\) was given more arguments without a name.*byte=…"),
            (lambda wire: wire.corrupt(bytes=3), "Did you mean 'byte'"),
            (lambda wire: wire.corrupt(byte="last"), "'last' is not the number of a byte"),
            (lambda wire: wire.lose(), "missing a required argument: 'probability'"),
            (lambda wire: wire.lose("0.1"), "'0.1' is not a probability"),
            (lambda wire: wire.lose(True), "True is not a probability"),
            (lambda wire: wire.lose(0.1, 7), r"more arguments without a name than it takes.*seed=…"),
            (lambda wire: wire.lose(0.1, seed=None), "seed=None is not a seed"),
            (lambda wire: wire.lose(0.1, nth=2), r"wire\.lose\(\) has no argument 'nth'"),
            (lambda wire: wire.rule(), "missing a required argument: 'function'"),
            (lambda wire: wire.rule("drop"), "'drop' is not a function"),
            (lambda wire: wire.rule(print, port=5), "has no argument 'port'"),
            (lambda wire: wire.capture(prt=5), r"wire\.capture\(\) has no argument 'prt'\. Did you mean 'port'"),
            (lambda wire: wire.capture(8124, "name"), r"wire\.capture\(\) was given more arguments without a name"),
            (lambda wire: wire.capture(timeout="5"), "timeout='5' is not a time"),
            (lambda wire: wire.capture(timeout=float("nan")), "timeout=nan is not a time"),
            (lambda wire: wire.capture(wait_closed="no"), "wait_closed='no' is neither"),
            (lambda wire: wire.capture(limit=-1), "limit=-1 is not a number of bytes"),
            (lambda wire: wire.capture(name=5), "name=5 is not text"),
            (lambda wire: wire.drop(payload="yes"), "payload='yes' is neither True nor False"),
            (lambda wire: wire.drop(payload=1), "payload=1 is neither True nor False"),
            (lambda wire: wire.drop(only=2), "2 are not TCP flags"),
            (lambda wire: wire.drop(only="s"), 'Did you mean only="SYN"'),
            (lambda wire: wire.drop(has="FA"), 'Did you mean has="FIN, ACK"'),
            (lambda wire: wire.drop(has="SIN"), "Did you mean 'SYN'"),
            (lambda wire: wire.drop(only=["SYN"]), "are not TCP flags"),
            (lambda wire: wire.drop(sender="Client"), "Did you mean 'client'"),
            (lambda wire: wire.drop(sender=["client"]), "no frame is sent by"),
            (lambda wire: wire.drop(port=True), "True is not a port"),
            (lambda wire: wire.drop(port=8124.0), "is not a port"),
            (lambda wire: wire.drop(protocol="UPD"), "Did you mean 'UDP'"),
            (lambda wire: wire.drop(protocol=["UDP"]), "no frame is called"),
            (lambda wire: wire.drop(nth=None), "nth=None is not a count"),
            (lambda wire: wire.drop(nth="2"), "nth='2' is not a count"),
            (lambda wire: wire.drop(times=0), "times=0 is not a count.*or None for all"),
            (lambda wire: wire.client.set(5, 1), "5 is not a setting"),
            (lambda wire: wire.client.run(5), "5 is not a function"),
        ],
    )
    def test_of_a_rule(self, wire: Wire, call: Callable[[Wire], Any], words: str) -> None:
        before = wire.rules
        with pytest.raises(LabError, match=words) as caught:
            call(wire)
        assert caught.value.todo
        assert wire.rules == before

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"dely": 0.1}, r"Wire\(\) has no argument 'dely'\. Did you mean 'delay'"),
            ({"delay": "0.1"}, "no cable has delay='0.1'"), ({"delay": float("nan")}, "no cable has delay=nan"),
            ({"delay": True}, "no cable has delay=True"), ({"rate": 0}, "rate=0"), ({"rate": "5"}, "rate='5'"),
            ({"queue": 0}, "queue=0"), ({"queue": 1.5}, "queue=1.5"), ({"mtu": "1500"}, "an MTU of '1500'"),
            ({"mtu": 1500.5}, "an MTU of 1500.5"), ({"textbook": "no"}, "textbook='no' is neither"),
        ],
    )  # fmt: skip
    def test_of_a_wire(self, options: dict[str, Any], words: str) -> None:
        with pytest.raises(LabError, match=words):
            Wire(**options)
        with pytest.raises(LabError, match=r"Wire\(\) was given more arguments without a name than it takes.*delay=…"):
            Wire(0.1)  # type: ignore[misc]

    def test_an_editor_shows_the_conditions(self) -> None:
        for verb in (Wire.drop, Wire.duplicate, Wire.reorder, Wire.delay, Wire.corrupt, Wire.lose):
            assert {"sender", "has", "only", "payload", "port", "protocol"} <= set(inspect.signature(verb).parameters)
