"""A wire between two hosts: a cable that is a Python object, which loses, delays and changes packets on purpose.

Rule: lessons call this module; `cable` moves frames, and `rules` decides about them.
"""

from __future__ import annotations

import contextlib
import functools
import math
import socket
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit.core import loop
from labkit.core.calls import in_words, made_in_words
from labkit.core.checks import is_number, is_whole, shown
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.lab import rules, sampling
from labkit.lab.addresses import ADDRESSES, LOOPBACK
from labkit.lab.cable import Cable, Tap
from labkit.lab.cable_end import End, InterfaceEnd
from labkit.lab.crafting import Replay
from labkit.lab.exchanging import exchange
from labkit.lab.hosts import WireHost, all_leave, connect_hosts
from labkit.lab.namespaces import MTU, Namespace
from labkit.lab.rules import Match, Passing, Rule, about_packets
from labkit.lab.udp_relay import Relay
from labkit.packets import capturing, recorded
from labkit.packets.frames import Frame
from labkit.packets.match import SENDERS
from labkit.packets.model import SocketEvent
from labkit.packets.probe import forced_tier
from labkit.packets.ring import MEMORY_LIMIT
from labkit.packets.samples import Samples
from labkit.packets.tape import Tape

ORIGIN = "live from a wire between two hosts"
RELAYED = "live from labkit's relay in the place of a wire: real data, headers made up, times of the relay"

_NOT_TCP = "TCP does not go through the relay that stands in for the wire, so your rules and delay do nothing to it"
_NOTHING = (
    "wire: no packet came by, though our sockets talked. Make them in blocks: `with wire.client:`, `with wire.server:`"
)
_OF_DATAGRAMS = ("send", "message")  # only UDP sockets have these calls and events

TEXTBOOK: dict[str, Any] = {
    "ipv4/tcp_congestion_control": "reno",  # RFC 5681, which books describe; Linux's default is CUBIC (RFC 9438)
    "ipv4/tcp_timestamps": 0,  # 12 bytes less in each header
    "ipv4/tcp_early_retrans": 0,  # no tail loss probe (RFC 8985 §7): a lost last segment waits for the timer
    "ipv4/tcp_ecn": 0,
    "ipv4/tcp_invalid_ratelimit": 0,  # every window probe is answered, not only one in 500 ms
    "ipv4/tcp_no_metrics_save": 1,  # a connection starts as if it were the first
    "ipv4/tcp_backlog_ack_defer": 0,  # no two segments in one ACK because a program was reading when they came
    "ipv4/tcp_syn_linear_timeouts": 0,  # SYN timeouts double from the first on (1, 2, 4 s), RFC 6298 §5.5
}
"""Settings of both hosts, below /proc/sys/net: TCP behaves as books teach. ``textbook=False`` keeps Linux's own."""

_open: weakref.WeakSet[Wire] = weakref.WeakSet()

_SWITCH_INTERVAL = 0.0005  # seconds: a busy cell must give up the interpreter before a timer of TCP expires


@made_in_words
class Wire:
    """Two hosts, `client` (10.0.0.1) and `server` (10.0.0.2), and a cable between them that follows rules.

    delay: seconds each packet takes in each direction. rate: bytes a second in each direction, None for no limit.
    queue: packets that find room before the cable if there is a rate, the one being sent included; further ones are
    dropped. mtu: bytes of the largest
    IP packet. textbook: TCP of both kernels behaves as in books: Reno, no timestamps, SYN timeouts that double from the
    first on, no tail loss probe (all of them: `labkit.lab.wire.TEXTBOOK`); False keeps Linux's own settings.

    Rules are asked in the order in which they were made; the first one that does something to a packet decides. If this
    machine allows no networks of our own, `live` is False, and the hosts are this machine's loopback. A relay of labkit
    then passes on the datagrams of `labkit.dgram` and of `WireHost.socket`, does to them what the rules say, and
    `capture` shows them as the relay saw them. TCP does not go through the relay: rules and delay do nothing to it, and
    `capture` gives the recording, which says so. Close the wire, or use it in a ``with`` block.
    """

    def __init__(
        self,
        *,
        delay: float = 0.0,
        rate: float | None = None,
        queue: int = 100,
        mtu: int = MTU,
        textbook: bool = True,
    ) -> None:
        numbers = (delay, queue, *([] if rate is None else [rate]))
        possible = all(is_number(each) and math.isfinite(each) for each in numbers)
        if not possible or delay < 0 or (rate is not None and rate <= 0) or queue < 1 or int(queue) != queue:
            raise LabError(
                f"no cable has delay={shown(delay)}, rate={shown(rate)}, queue={shown(queue)}",
                "Give seconds from 0, bytes a second above 0 (or None), and a whole number of packets from 1.",
            )
        if not is_whole(mtu) or not 576 <= mtu <= 9000:
            raise LabError(f"an MTU of {shown(mtu)} bytes is not possible here", "Give 576 to 9000; Ethernet has 1500.")
        if not isinstance(textbook, bool):
            raise LabError(f"textbook={shown(textbook)} is neither True nor False", "False: Linux's own settings.")
        # Start the loop's thread now: started in a block of a host, it would stay on that host with all later sockets.
        loop.get()
        self.why_not = ""
        """Why this wire is not live; ``""`` if it is."""
        self.why_not_textbook = ""
        """Which settings of `TEXTBOOK` the system did not allow, and why; ``""`` if none, or none was asked for."""
        self._timing = (delay, rate)
        context = copy_context()

        def report(rule: Rule, error: BaseException) -> None:
            words = f"A rule of the wire ({rule}) failed; it is off now, and the packet has passed:"
            context.copy().run(loop.tell, words, error)

        def carry(ends: tuple[End, End]) -> Cable:
            return Cable(ends, delay=delay, rate=rate, queue=queue, report=report)

        if forced_tier() == "recorded":
            self.why_not = "LABKIT_TIER asks for recordings"
        else:
            try:
                self._build(carry, mtu, textbook)
            except OSError as error:
                self.why_not = error.strerror or str(error)
        if self.why_not:
            relay = Relay(mtu)
            self._cable = carry(relay.ends)
            self.client, self.server = (WireHost(name, LOOPBACK, relay) for name in SENDERS)
        self._finish = weakref.finalize(self, _close, self._cable, self.client, self.server)
        _open.add(self)

    def _build(self, carry: Callable[[tuple[End, End]], Cable], mtu: int, textbook: bool) -> None:
        with contextlib.ExitStack() as undo:
            networks = []
            for _ in range(3):
                networks.append(Namespace())
                undo.callback(networks[-1].close)
            middle, client, server = networks
            if textbook:
                self.why_not_textbook = max([_teach(host) for host in (client, server)], key=len)
            names = connect_hosts(middle, (client, server), ADDRESSES, mtu)
            ends = []
            for name in names:
                ends.append(InterfaceEnd(middle.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), name))
                undo.callback(ends[-1].close)
            self._cable = carry((ends[0], ends[1]))
            undo.pop_all()
        # The cable's sockets keep their namespace alive, and the namespace keeps its interfaces.
        middle.close()
        self.client = WireHost("client", ADDRESSES[0], client)
        self.server = WireHost("server", ADDRESSES[1], server)
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_INTERVAL))

    @property
    def live(self) -> bool:
        """Whether packets go over a cable of ours; False: UDP goes through a relay instead, and TCP does not."""
        return not self.why_not

    @property
    def _origin(self) -> str:
        if not self.live:
            return RELAYED
        return f"{ORIGIN}, TCP with Linux's own settings" if self.why_not_textbook else ORIGIN

    # -- rules

    @about_packets
    def drop(
        self,
        *,
        sender: str | None = None,
        has: str | None = None,
        only: str | None = None,
        payload: bool | None = None,
        port: int | None = None,
        protocol: str | None = None,
        nth: int = 1,
        times: int | None = 1,
    ) -> Rule:
        """Lose packets: ``wire.drop(only="SYN")`` loses the first SYN of a client.

        sender: ``"client"`` or ``"server"``. has: at least these TCP flags (``"SYN, ACK"``). only: these and no others.
        payload: with or without. port: source or destination. protocol: ``"TCP"``, ``"UDP"``, …. nth: the number of the
        first lost packet among those that match (3: the third of them). times: how many are lost (None: all later
        ones). Returns the `Rule`, which counts; `Rule.off` ends it.
        """
        return self._add(Rule("drop", rules.drop, Match(sender, has, only, payload, port, protocol), nth, times))

    @about_packets
    def duplicate(self, *, nth: int = 1, times: int | None = 1, **which: Any) -> Rule:
        """Deliver packets twice. Conditions: as in `drop`."""
        return self._add(Rule("duplicate", rules.duplicate, Match(**which), nth, times))

    @about_packets
    def reorder(self, *, nth: int = 1, times: int | None = 1, **which: Any) -> Rule:
        """Let the next packet of the same sender overtake a packet. Conditions: as in `drop`."""
        return self._add(Rule("reorder", rules.reorder, Match(**which), nth, times))

    @about_packets
    def delay(self, seconds: float, *, nth: int = 1, times: int | None = 1, **which: Any) -> Rule:
        """Deliver packets later. seconds: the delay. Conditions: as in `drop`."""
        return self._add(Rule("delay", rules.delayed(seconds), Match(**which), nth, times))

    @about_packets
    def corrupt(self, *, byte: int = -1, nth: int = 1, times: int | None = 1, **which: Any) -> Rule:
        """Flip one bit of packets. byte: its number from 0 (negative: from the end). Conditions: as in `drop`."""
        return self._add(Rule("corrupt", rules.corrupted(byte), Match(**which), nth, times))

    @about_packets
    def lose(self, probability: float, *, seed: int = 0, **which: Any) -> Rule:
        """Lose packets by chance, the same ones in every run with the same seed. Conditions: as in `drop`.

        probability: 0 to 1. Only the seed and n decide whether a sender's n-th packet is lost.
        """
        act = rules.lost(probability, seed)
        return self._add(Rule(f"lose {probability:.0%} of", act, Match(**which), which="the packets"))

    @functools.partial(in_words, name="wire.rule")
    def rule(self, function: Callable[[Passing], Any]) -> Rule:
        """Ask a function about every packet: it returns None (pass), ``"drop"``, ``"duplicate"``, ``"reorder"``,
        seconds of delay, or the bytes to deliver. If the function raises, it is switched off, and the packet passes.
        """
        if not callable(function):
            raise LabError(f"{shown(function)} is not a function", "Give its name, uncalled: wire.rule(swap).")
        name = getattr(function, "__name__", "a function")
        return self._add(Rule(f"ask {name} about", rules.by_function(function), Match()))

    def _add(self, rule: Rule) -> Rule:
        if not self._finish.alive:
            raise LabError("this wire is closed", "Make a new one: lab.Wire().")
        self._cable.rules = (*self.rules, rule)
        return rule

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, in the order in which they are asked."""
        return tuple(each for each in self._cable.rules if each.on)

    @functools.partial(in_words, name="wire.clear")
    def clear(self) -> None:
        """Switch all rules off: every later packet passes."""
        self._cable.rules = ()

    # -- capture

    @functools.partial(in_words, name="wire.capture")
    def capture(
        self,
        port: int | Sequence[int] | None = None,
        *,
        name: str | None = None,
        lesson: str | None = None,
        timeout: float = 5.0,
        wait_closed: bool = True,
        limit: int = MEMORY_LIMIT,
    ) -> contextlib.AbstractContextManager[Tape]:
        """Capture the packets on the cable while the ``with`` body runs, with what became of each of them.

        The arguments are those of `labkit.capture`, but port is every port by default. `Packet.verdict` says what the
        cable did to a packet: the tape shows a lost packet as it was sent, a changed one as it arrived.
        """
        if not self._finish.alive:
            raise LabError("this wire is closed", "Make a new one: lab.Wire().")
        ports = capturing.checked_ports(port)
        return self._captured(capturing.Options(ports, name, lesson, None, timeout, wait_closed, limit))

    @contextlib.contextmanager
    def _captured(self, options: capturing.Options) -> Iterator[Tape]:
        by_hand = Replay((self.client.crafting, self.server.crafting), options.name, options.lesson, self.why_not)

        def instead(frames: Sequence[Frame], events: Sequence[SocketEvent]) -> tuple[Path, str] | None:
            if by_hand.used:
                return by_hand.shown()
            if self.live or frames or not events or any(each.name in _OF_DATAGRAMS for each in events):
                return None
            try:
                return recorded.existing_recording(options.name, options.lesson), _NOT_TCP
            except CaptureUnavailable as error:
                raise CaptureUnavailable(
                    f"no wire is possible here ({self.why_not}), TCP does not go through the relay in its place, "
                    "and there is no recording to show",
                    error.todo,
                ) from None

        with (
            contextlib.closing(Tap(self._cable, self._origin, options.limit)) as tap,
            capturing.taped(
                capturing.Place(tap, tap, verdicts=tap.verdicts, instead=instead, nothing=_NOTHING),
                # Packets of a relay are not a recording of a wire, so no name is given to save them.
                options if self.live else replace(options, name=None),
            ) as tape,
            by_hand,
        ):
            yield tape
        if tape.live:
            self._tell(tape)

    def _tell(self, tape: Tape) -> None:
        """Print hints: which packets are not on the tape, and which rules did nothing."""
        if not self.live and tape:
            ports = {frozenset((packet.src[1], packet.dst[1])) for packet in tape}
            talks = {frozenset((each.local[1], each.remote[1])) for each in tape.events if each.local and each.remote}
            if talks - ports:
                print("wire: this tape has only UDP, because labkit's relay stands in for the wire")
        for rule in self.rules:
            if not rule.acted:
                met = "met no packet" if not rule.seen else f"did nothing to the packets it met ({rule.seen})"
                print(f"wire: this rule {met}: {rule}")

    exchange = functools.partialmethod(exchange)

    @functools.partial(in_words, name="wire.sample")
    def sample(
        self, connection: Any, *, name: str | None = None, every: float = 0.005
    ) -> contextlib.AbstractContextManager[Samples]:
        """Ask the sender's kernel about a TCP connection again and again while the ``with`` body runs.

        connection: the sending socket. name: of its recording, which the samples are filled from if the wire is not
        live. every: seconds between two questions. Gives `Samples`: congestion window, bytes in flight, peer's window.
        """
        if not is_number(every) or not 0.0005 <= every <= 10:
            raise LabError(f"every={shown(every)} is no time between two samples", "Give seconds: 0.0005 to 10.")
        return sampling.named(connection, every, self._origin, name, live=self.live)

    # -- the end

    def close(self) -> None:
        """Remove the cable and the hosts. labkit's sockets on both hosts are cut first."""
        self._finish()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __setattr__(self, name: str, value: object) -> None:
        # Without this, wire.delay = 0.05 would replace the method by a number, and wire.rate = 5 would do nothing.
        if not name.startswith("_") and name not in ("client", "server", "why_not", "why_not_textbook"):
            raise LabError(
                f"wire.{name} cannot be set",
                "wire.delay(0.05) adds a rule; lab.Wire(delay=0.05) makes a wire with this delay.",
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        if not self._finish.alive:
            return "<wire, closed>"
        parts = [f"<wire between client {ADDRESSES[0]} and server {ADDRESSES[1]}"]
        if not self.live:
            parts = [f"<wire, not live ({self.why_not}): UDP goes through a relay, other captures are recorded ones"]
        if self.why_not_textbook:
            parts.append(f"TCP with Linux's own settings, not a textbook's ({self.why_not_textbook})")
        delay, rate = self._timing
        if delay:
            parts.append(f"{delay * 1000:g} ms each way")
        if rate:
            parts.append(f"{rate:g} bytes/s")
        parts += [str(rule) for rule in self.rules]
        return ", ".join(parts) + ">"


def close_everything() -> int:
    """Close every wire of this process; returns how many there were."""
    wires = tuple(_open)
    for wire in wires:
        wire.close()
    return len(wires)


def _teach(host: Namespace) -> str:
    """Make a host's TCP behave as in books; returns which settings the system refused and why, ``""`` if none."""
    refused = host.set(TEXTBOOK)
    if len(refused) < len(TEXTBOOK):  # every kernel lacks some of them: they are too new or too old for it
        refused = {name: error for name, error in refused.items() if not isinstance(error, FileNotFoundError)}
    if not refused:
        return ""
    why = next(iter(refused.values())).strerror
    if len(refused) == len(TEXTBOOK):
        return f"nothing below /proc/sys/net can be changed: {why}"
    return f"{', '.join(name.removeprefix('ipv4/') for name in refused)} cannot be changed: {why}"


def _close(cable: Cable, client: WireHost, server: WireHost) -> None:
    all_leave(client, server)
    client.close()
    server.close()
    cable.drain(0.5)
    cable.close()
