"""Every colour and size of the pictures, in a light and a dark variant.

Rule: a colour or a font size is written here and nowhere else; nothing is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

SANS = "system-ui,'Segoe UI','DejaVu Sans','Noto Sans CJK SC',sans-serif"
MONO = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Noto Sans Mono CJK SC',monospace"

WIDTH = 900  # of every SVG, in px: what a notebook's output area shows without scaling
HIGH = 800  # most of a picture that a reader sees at once, in px
MARGIN = 24  # blank edge around a picture, in px


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one variant, as ``#rrggbb``.

    paper, card: background of the picture, of a box. ink, muted: text, secondary text. line, faint: borders, grid.
    client, server: what this side sent. alarm: resets. hues: lines of a plot, in order.
    """

    paper: str
    card: str
    ink: str
    muted: str
    line: str
    faint: str
    client: str
    server: str
    alarm: str
    hues: tuple[str, ...]


# Hues after Okabe and Ito, darkened (light) or lightened (dark) until text in them has a contrast of 4.5 or more.
LIGHT = Theme(
    paper="#ffffff",
    card="#f6f8fa",
    ink="#1c2127",
    muted="#57606a",
    line="#8b949e",
    faint="#d8dee4",
    client="#0a5ea8",
    server="#a64400",
    alarm="#b4003c",
    hues=("#0a5ea8", "#a64400", "#00704f", "#7d3f98", "#6d5600", "#006a7d"),
)
DARK = Theme(
    paper="#15181c",
    card="#1e2329",
    ink="#e9ecef",
    muted="#a4adb8",
    line="#6e7884",
    faint="#343b44",
    client="#7cbcf7",
    server="#f4a76c",
    alarm="#ff8fab",
    hues=("#7cbcf7", "#f4a76c", "#6fd0a5", "#d0a5ef", "#d9c45c", "#70cfdc"),
)
HUES = len(LIGHT.hues)


@dataclass(frozen=True, slots=True)
class Type:
    """How one kind of text is set: size in px, monospaced or not, bold or not, and the theme colour it takes."""

    size: float
    mono: bool = False
    bold: bool = False
    color: str = "ink"


# One short class for each kind of text, since a ladder of 500 packets repeats them thousands of times.
TYPES: dict[str, Type] = {
    "h": Type(18, bold=True),  # title of the picture
    "g": Type(14, bold=True),  # title of a part
    "s": Type(12, color="muted"),  # remarks, origin
    "k": Type(11, color="muted"),  # rulers, table heads
    "n": Type(11.5),  # name in a box, text in a table
    "nb": Type(11.5, bold=True),
    "v": Type(12.5, mono=True, bold=True),  # value in a box
    "w": Type(11.5, mono=True),  # value in a table
    "x": Type(12.5, mono=True),  # bytes
    "z": Type(11, mono=True, color="muted"),  # offsets, times, payload previews
    "ev": Type(12),  # socket event
    "fl": Type(15, mono=True, bold=True),  # what an arrow is: flags, or the protocol
    "m": Type(11, mono=True, color="muted"),  # what proves it: numbers beside the flags
    "p": Type(13),  # what hangs below an arrow: payload
    "pb": Type(13, bold=True),  # the same: what happened
}

# Geometry of the ladder, in px.
LADDER_CLIENT, LADDER_SERVER = 268, 656  # x of the lifelines
LADDER_TIME = 74  # right edge of the times
RUNG = 28  # least distance of two arrows
RUNG_NOTE = 17  # more, if a second line of text hangs below the arrow
FOLD = 22  # height of a row that stands for several packets
TICK = 16  # least distance of two socket events on one side
SLOPE = 6  # how far an arrow falls on its way
SLOPE_WIRE = 26  # the same if the way takes time
STALL = 46  # height of a break in the time axis
STALL_LOW = 36  # the same in a ladder that would be too high
STRETCH = 30  # most that a wait without a break takes
LIFT = 4  # more room above and below an arrow that a wire touched, since its mark is higher than the line
WAIT = 5  # from the tip of an arrow to the line of a packet that waits there to arrive
FORK = 10  # how far below the first a second arrival lies


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a ladder has its columns, in px. wide: all of it. scale: px of the picture for each of these px.

    client, server: x of the lifelines. time: right edge of the times, 0 for a ladder without times.
    """

    wide: int
    scale: float
    client: int
    server: int
    time: int

    @property
    def compact(self) -> bool:
        """Whether it is one for a projector."""
        return not self.time

    @property
    def middle(self) -> int:
        """Half way between the lifelines."""
        return (self.client + self.server) // 2

    @property
    def room(self) -> int:
        """For the label of an arrow."""
        return self.server - self.client - 24


FULL = Shape(WIDTH, 1, LADDER_CLIENT, LADDER_SERVER, LADDER_TIME)
# For a projector: the same type, twice as large, and less so in a ladder that would be too high for a screen.
COMPACT, *LESS_COMPACT = (
    Shape(460 + more, WIDTH / (460 + more), 104 + more // 3, 356 + more - more // 3, 0)
    for more in (0, 40, 80, 120, 180, 240, 320)
)


class Session:
    """What a lecturer has chosen for all pictures, and what a reader was told once."""

    large = False
    told = False  # whose time the socket events have


def set_large(large: bool) -> None:
    """Begin a lesson. large: for a projector: ladders are compact if a call does not say otherwise.

    The first ladder after this says what the times of the socket events mean.
    """
    Session.large, Session.told = bool(large), False


# Geometry of bits and bytes, in px.
BIT = 26  # width of one bit
BITS_LEFT = 46  # left edge of bit 0
CELL = 30  # width of a byte in the dump
CELL_TEXT = 13  # width of a byte's character
DUMP_ROW = 24

PLOT_SIZE = (7.5, 3.6)  # inches
PLOT_DPI = 180


# Two pictures in one place, light and dark, of which one is shown.
CSS_TWO = (
    ".lk image{clip-path:inset(0 round 8px)}.lk .night{display:none}"
    "@media (prefers-color-scheme:dark){.lk .night{display:inline}.lk .day{display:none}}"
)


def css() -> str:
    """The style sheet every SVG brings along: an SVG in an <img> sees nothing of the page around it."""
    rules = [f".lk text{{white-space:pre;font-family:{SANS};fill:{LIGHT.ink}}}"]
    for name, kind in TYPES.items():
        font = f"font-size:{kind.size:g}px"
        font += f";font-family:{MONO}" if kind.mono else ""
        font += ";font-weight:600" if kind.bold else ""
        rules.append(f".lk .{name}{{{font}}}")
    rules.append(".lk .c{text-anchor:middle}.lk .e{text-anchor:end}.lk tspan{font-weight:600}")
    rules.append(".lk path,.lk line{stroke-width:1.5;fill:none}.lk .dash{stroke-dasharray:5 4}")
    rules.append(".lk .dot{stroke-dasharray:1.5 5;stroke-linecap:round}.lk .thin{stroke-width:1}")
    return "".join(rules) + _colors(LIGHT) + "@media (prefers-color-scheme:dark){" + _colors(DARK) + "}"


def _colors(theme: Theme) -> str:
    """The rules that differ between light and dark."""
    rules = [f".lk text{{fill:{theme.ink}}}"]
    muted = ",".join(f".lk .{name}" for name, kind in TYPES.items() if kind.color == "muted")
    rules.append(f"{muted}{{fill:{theme.muted}}}.lk .paper{{fill:{theme.paper}}}.lk .card{{fill:{theme.card}}}")
    rules.append(f".lk .card,.lk .rule{{stroke:{theme.faint}}}.lk .life{{stroke:{theme.line}}}")
    rules.append(f".lk .bracket{{stroke:{theme.ink}}}")
    rules.append(f".lk .box{{stroke:{theme.line};fill:none}}.lk .gap{{stroke:{theme.paper};fill:{theme.paper}}}")
    # An arrow's head is filled, so every sender's class colours line and area; text in it takes the fill.
    ends = [("ac", theme.client), ("as", theme.server), ("ar", theme.alarm), ("am", theme.muted)]
    rules += [
        f".lk .{name}{{stroke:{hue};fill:{hue}}}.lk .o{name}{{stroke:{hue};fill:{theme.paper}}}"
        f".lk .t{name}{{fill:{hue}}}"
        for name, hue in ends
    ]
    return "".join(rules)


def luminance(color: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 (black) to 1 (white). Source: WCAG 2.2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21; text needs 4.5. Source: WCAG 2.2 §1.4.3."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
