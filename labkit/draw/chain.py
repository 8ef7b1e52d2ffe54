"""A chain of certificates: who signs whom, and which bytes each signature covers.

Rule: a signature is checked, not believed: an arrow says whether it is right under the key above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.core.calls import in_words
from labkit.core.errors import LabError
from labkit.draw import groups, page, style
from labkit.draw.picture import Picture
from labkit.draw.style import MARGIN
from labkit.draw.svg import Canvas
from labkit.draw.text import count, fit, given, visible, wrap

if TYPE_CHECKING:
    from labkit.packets.x509 import Certificate

_WIDE = 560  # of a box, px
_HIGH = 96
_GAP = 44  # between two boxes
_LEFT = MARGIN + 60
_BAR = 16  # height of the bar that stands for the bytes
_MOST = 5  # certificates in a picture


class Link(NamedTuple):
    """A certificate and who signed it. above: the place of the issuer in the chain, -1 if it is not there."""

    certificate: Certificate
    above: int

    @property
    def itself(self) -> bool:
        """Whether it is signed with its own key."""
        return self.certificate.issuer == self.certificate.subject and self.certificate.signed_by(self.certificate)


def links(certificates: Iterable[Any]) -> list[Link]:
    """The certificates, each with its issuer: the one whose key its signature is right under, and whose name it has."""
    from labkit.packets.x509 import Certificate

    found = [Certificate.of(each) for each in certificates]
    out = []
    for at, each in enumerate(found):
        order = [*range(at + 1, len(found)), *range(at)]
        above = [other for other in order if found[other].subject == each.issuer and each.signed_by(found[other])]
        out.append(Link(each, above[0] if above else -1))
    return out


@in_words
def chain(certificates: Iterable[Any], *, title: str | None = None) -> Picture:
    """Draw who signs whom in a chain, and which bytes each signature covers.

    certificates: the leaf first, as in a handshake (``tape.handshake[3].certificates``); each as `certificate` takes
    it. title: in place of its own. Each signature is checked with the public key above it. An issuer that is not in the
    chain is drawn dashed: a client must have it. Returns a Picture. Raises LabError if there is no certificate.
    Source: RFC 5280 §6.1.
    """
    if isinstance(certificates, (str, bytes)) or not isinstance(certificates, Iterable):
        certificates = [certificates]
    found = links(certificates)
    if not found:
        raise LabError(f"there is no certificate in {given(certificates)}", "Give a list: draw.chain([leaf, root]).")
    heading = visible(title) if title is not None else f"A chain of {count(len(found), 'certificate')}"
    lines = [heading, *(line for link in found for line in _told(link, found))]
    text = "\n".join(lines)
    svg = _drawn(found, heading, text)
    return Picture(text, text, svg=svg, html=page.alone(svg, text))


def _verdict(link: Link) -> str:
    """Who has signed it, in words."""
    cert = link.certificate
    if link.itself:
        return "signed with its own key: a root, which a client trusts or not"
    issuer = visible(cert.issuer or "nobody")
    if link.above < 0:
        return f"signed by {issuer}, whose certificate is not here"
    return f"signed by {issuer}: the signature is right"


def _told(link: Link, found: list[Link]) -> list[str]:
    cert = link.certificate
    kind = "an authority" if cert.is_ca else "no authority"
    lines = [f"  {visible(cert.subject or 'no name')}  ({kind}, {visible(cert.key)})", f"    {_verdict(link)}"]
    named = [other.certificate for other in found if other.certificate.subject == cert.issuer and other is not link]
    if link.above < 0 and not link.itself and named:
        lines[-1] += "; one of the same name is here, and the signature is not right under its key"
    if cert.names:
        lines.append(f"    for {visible(', '.join(cert.names))}")
    return lines


def _drawn(found: list[Link], heading: str, desc: str) -> str:
    canvas = Canvas(groups.css())
    y = MARGIN + 14.0
    for line in wrap(heading, style.WIDTH - 2 * MARGIN, "h", 2):
        canvas.raw(MARGIN, y, line, "h")
        y += 24
    shown = found[:_MOST]
    last = len(shown) - 1
    if shown[last].above < 0 and not shown[last].itself:
        _missing(canvas, shown[last], y)
        y += 34
        _arrow(canvas, y, "signed with its private key", dashed=True)
        y += _GAP
    for at in range(last, -1, -1):
        link = shown[at]
        if at < last and link.above == at + 1:
            _arrow(canvas, y - _GAP, "signs with its private key; the signature is right")
        _box(canvas, link, at + 1, y)
        if link.itself:
            _loop(canvas, y)
        elif at < last and link.above != at + 1:
            words = f"signed by {link.above + 1}" if link.above >= 0 else "its issuer is not here"
            canvas.raw(_LEFT + _WIDE + 16, y + 50, words, "n")
        y += _HIGH + _GAP
    y -= _GAP - 18
    more = f"{count(len(found) - _MOST, 'more certificate')} not drawn" if len(found) > _MOST else ""
    for words in ("the bar: all bytes; left what the signature covers, right the signature itself", more):
        if words:
            canvas.raw(MARGIN, y, words, "s")
            y += 18
    return canvas.finish(y, heading, desc)


def _missing(canvas: Canvas, link: Link, y: float) -> None:
    canvas.path(f"M{_LEFT} {y:.0f}h{_WIDE}v34h-{_WIDE}z", "box dash")
    words = f"{visible(link.certificate.issuer or 'nobody')}: not in this chain, a client must have it"
    canvas.raw(_LEFT + 12, y + 21, fit(words, _WIDE - 24, "n"), "n")


def _box(canvas: Canvas, link: Link, number: int, y: float) -> None:
    """One certificate: whose it is, for what, and its bytes as a bar. number: its place in the list, from 1."""
    canvas.raw(_LEFT - 16, y + 20, str(number), "nb e")
    cert = link.certificate
    canvas.rect(_LEFT, y, _WIDE, _HIGH, "card", 6)
    canvas.path(f"M{_LEFT} {y:.0f}h{_WIDE}v{_HIGH}h-{_WIDE}z", "box")
    canvas.raw(_LEFT + 12, y + 20, fit(visible(cert.subject or "no name"), _WIDE - 24, "nb"), "nb")
    kind = "may sign others" if cert.is_ca else "may not sign others"
    names = f", for {', '.join(cert.names)}" if cert.names else ""
    canvas.raw(_LEFT + 12, y + 37, fit(visible(f"{cert.key}, {kind}{names}"), _WIDE - 24, "n"), "n")
    canvas.raw(_LEFT + 12, y + 54, fit(visible(f"good until {cert.not_after or '?'}"), _WIDE - 24, "n"), "n")
    total, signed, signature = max(len(cert.der), 1), len(cert.signed), len(cert.signature)
    room = _WIDE - 24
    first = room * signed / total
    last = room * signature / total
    canvas.rect(_LEFT + 12, y + 68, round(first), _BAR, f"u{groups.NUMBERS}", 2)
    canvas.rect(_LEFT + 12 + room - round(last), y + 68, round(last), _BAR, f"u{groups.PROTECTION}", 2)
    canvas.path(f"M{_LEFT + 12} {y + 68:.0f}h{room}v{_BAR}h-{room}z", "box thin")
    canvas.raw(_LEFT + 18, y + 80, fit(f"{count(signed, 'byte')} signed", first - 12, "k"), "k")
    canvas.raw(_LEFT + 6 + room, y + 80, fit("signature", last - 8, "k"), "k e")


def _loop(canvas: Canvas, y: float) -> None:
    """From a certificate to itself: its own key has signed it."""
    x = _LEFT + _WIDE + 24
    canvas.path(f"M{_LEFT + _WIDE} {y + 30:.0f}H{x}V{y + 76:.0f}H{_LEFT + _WIDE + 8}", "pointer")
    canvas.path(f"M{_LEFT + _WIDE + 2} {y + 76:.0f}l8 -4v8z", "point")
    for at, words in enumerate(("signs itself:", "a root")):
        canvas.raw(x + 8, y + 48 + 16 * at, words, "n")


def _arrow(canvas: Canvas, y: float, words: str, *, dashed: bool = False) -> None:
    """From the key that has signed, above, to the certificate below. y: where it begins."""
    middle = _LEFT + 40
    canvas.path(f"M{middle} {y:.0f}V{y + _GAP - 8:.0f}", "box dash" if dashed else "pointer")
    canvas.path(f"M{middle} {y + _GAP - 1:.0f}l-4 -8h8z", "point")
    canvas.raw(middle + 14, y + _GAP / 2 + 4, words, "n")
