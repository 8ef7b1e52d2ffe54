"""What stands between a link and the Internet: Logical Link Control with SNAP, MPLS labels, PPP over Ethernet.

Rule: one table a header; names, order and spans are Wireshark's.
"""

from __future__ import annotations

from labkit.packets.explain.base import Chooser, Row, Table, flag, one_of
from labkit.packets.explain.link import ethertype

_SERVICES = {
    0x00: "nothing: for the station itself", 0x06: "IPv4", 0x42: "spanning tree of bridges", 0xAA: "SNAP: see below",
    0xE0: "NetWare IPX", 0xF0: "NetBIOS", 0xFE: "OSI network layer", 0xFF: "every service (NetWare without LLC)",
}  # fmt: skip
_LLC_RFC, _SNAP_RFC = "IEEE 802.2 §3.2", "RFC 1042"


def _service(side: str, label: str, why: str, last: Row) -> Row:
    part = Row(f"llc.{side}.sap", "Service", 7, "The number of the service.", _LLC_RFC, "hex")
    return Row(f"llc.{side}", label, 8, why, _LLC_RFC, "hex", one_of(_SERVICES, "a service labkit does not know"),
               parts=(part, last))  # fmt: skip


_DSAP = _service("dsap", "DSAP", "Which service of the receiver the frame is for: what an EtherType says in 16 bits.",
                 Row("llc.dsap.ig", "IG Bit", 1, "One service, or a group of them.", _LLC_RFC, "flag",
                     flag("a group", "one service")))  # fmt: skip
_SSAP = _service("ssap", "SSAP", "Which service of the sender it is from.",
                 Row("llc.ssap.cr", "CR Bit", 1, "Tells a response from a command.", _LLC_RFC, "flag",
                     flag("a response", "a command")))  # fmt: skip
_CONTROL_WHY = "Says what kind of frame this is: LLC can number and acknowledge frames, which IP never uses."
_CONTROL_RFC = "IEEE 802.2 §5.2"
_TYPE_WHY = "The last bits tell the kinds apart: 0 numbered data, 01 supervisory, 11 unnumbered."
_N_R = Row("llc.control.n_r", "N(R)", 7, "The number of the frame that is expected next.", _CONTROL_RFC)


def _unnumbered(modifier: str) -> Row:
    meaning = one_of({3: "unnumbered data"}, "")
    return Row("llc.control", "Control", 8, _CONTROL_WHY, _CONTROL_RFC, "hex", meaning, parts=(
        Row(f"llc.control.{modifier}", "Modifier, poll or final", 6, "Which unnumbered frame; 0 is plain data.",
            _CONTROL_RFC, "hex"),
        Row("llc.control.ftype", "Frame type", 2, _TYPE_WHY, _CONTROL_RFC, "hex"),
    ))  # fmt: skip


def _numbered(poll: str) -> Row:
    return Row("llc.control", "Control", 16, _CONTROL_WHY, _CONTROL_RFC, "hex", "numbered data", parts=(
        Row("llc.control.n_s", "N(S)", 7, "The number of this frame.", _CONTROL_RFC),
        Row("llc.control.ftype", "Frame type", 1, _TYPE_WHY, _CONTROL_RFC, "hex"),
        _N_R,
        Row(f"llc.control.{poll}", "Poll or final", 1, "Asks for an answer, or is one.", _CONTROL_RFC, "flag"),
    ))  # fmt: skip


def _supervisory(poll: str) -> Row:
    return Row("llc.control", "Control", 16, _CONTROL_WHY, _CONTROL_RFC, "hex", "supervisory", parts=(
        Row("llc.control.reserved", "Reserved", 4, "Not used.", _CONTROL_RFC),
        Row("llc.control.s_ftype", "Supervisory frame type", 2, "Ready, not ready, or a request to send again.",
            _CONTROL_RFC, meaning=one_of({0: "receiver ready", 1: "receiver not ready", 2: "reject"}, "")),
        Row("llc.control.ftype", "Frame type", 2, _TYPE_WHY, _CONTROL_RFC, "hex"),
        _N_R,
        Row(f"llc.control.{poll}", "Poll or final", 1, "Asks for an answer, or is one.", _CONTROL_RFC, "flag"),
    ))  # fmt: skip


_OUI = Row("llc.oui", "Organization Code", 24, "Who defines the number that follows; 0 means that it is an EtherType.",
           _SNAP_RFC, "hex")  # fmt: skip
_PID = Row("llc.pid", "Protocol ID", 16, "What follows, as this organisation numbers it.", _SNAP_RFC, "hex")


def _table(*rows: Row) -> Table:
    return Table("LLC", "Logical Link Control", "IEEE 802.2 §3", sum(row.bits for row in rows), rows)


_BY_ETHERTYPE = ethertype("llc.type", "Gives back the EtherType, for which IEEE 802.3 put a length.")
_SNAP = _table(_DSAP, _SSAP, _unnumbered("u_modifier_cmd"), _OUI, _BY_ETHERTYPE)
_SNAP_OTHER = _table(_DSAP, _SSAP, _unnumbered("u_modifier_cmd"), _OUI, _PID)
_KINDS = {
    (kind, response): _table(_DSAP, _SSAP, control)
    for response in (0, 1)
    for kind, control in (
        (3, _unnumbered("u_modifier_resp" if response else "u_modifier_cmd")),
        (1, _supervisory("f" if response else "p")),
        (0, _numbered("f" if response else "p")),
    )
}  # fmt: skip


def _llc(raw: bytes, start: int, stop: int) -> Table:
    if raw[start : min(start + 3, stop)] == b"\xaa\xaa\x03":
        named = raw[start + 3 : start + 6] in (b"\0\0\0", b"\0\0\xf8")
        return _SNAP if named else _SNAP_OTHER
    if stop < start + 3:
        return _KINDS[3, 0]
    control = raw[start + 2]
    kind = 3 if control & 3 == 3 else control & 1
    return _KINDS[kind, raw[start + 1] & 1]


_MPLS_RFC, _PPPOE_RFC = "RFC 3032 §2.1", "RFC 2516 §4"
MPLS = Table("MPLS", "Multiprotocol Label Switching", _MPLS_RFC, 32, (
    Row("mpls.label", "Label", 20, "All that a router looks at: it swaps the label and knows the way.", _MPLS_RFC),
    Row("mpls.exp", "Traffic Class", 3, "Was called experimental; says how urgent the packet is.", "RFC 5462 §1"),
    Row("mpls.bottom", "Bottom of Stack", 1, "Labels can be stacked: set in the last, behind which the packet begins.",
        _MPLS_RFC, "flag", flag("the packet follows", "another label follows")),
    Row("mpls.ttl", "Time to Live", 8, "Counts down like IP's, which the routers on the way do not see.", _MPLS_RFC),
))  # fmt: skip
PPPOE = Table("PPPoE", "PPP over Ethernet, session", _PPPOE_RFC, 48, (
    Row("pppoe.version", "Version", 4, "Always 1.", _PPPOE_RFC),
    Row("pppoe.type", "Type", 4, "Always 1.", _PPPOE_RFC),
    Row("pppoe.code", "Code", 8, "0 carries data; other codes find and end a session.", _PPPOE_RFC, "hex"),
    Row("pppoe.session_id", "Session ID", 16, "Tells the lines of several customers apart.", _PPPOE_RFC, "hex",
        volatile=True),
    Row("pppoe.payload_length", "Length", 16, "Bytes that follow this header.", _PPPOE_RFC),
))  # fmt: skip
PPP = Table("PPP", "Point-to-Point Protocol", "RFC 1661 §2", 16, (
    Row("ppp.protocol", "Protocol", 16, "Tells the receiver whom to hand the rest to.", "RFC 1661 §2", "hex",
        one_of({0x21: "IPv4", 0x57: "IPv6", 0xC021: "link control", 0x8021: "IPv4 control"}, "not known to labkit")),
))  # fmt: skip

TABLES: dict[str, Table | Chooser] = {"LLC": _llc, "MPLS": MPLS, "PPPoE": PPPOE, "PPP": PPP}
