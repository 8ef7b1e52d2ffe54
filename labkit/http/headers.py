"""Header fields: how names and values are checked, stored by those who send, and joined by those who receive.

Rule: names and values only; no message, no socket. What would split a message is refused here, in one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from labkit.core import checks
from labkit.core.errors import BadArgument, LabError
from labkit.http import shapes

Value: TypeAlias = str | list[str]
"""Of one name: the value of one field, or those of several fields."""

Pairs: TypeAlias = list[tuple[bytes, bytes]]
"""Fields as they came: name and value, in their order."""

Raw: TypeAlias = dict[bytes, bytes] | Pairs
"""The same; it may be a dictionary if no name came twice."""

Given: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]]"
"""Fields as a program may give them: a dictionary, or pairs of a name and a value."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch

FIRST_ONLY = frozenset(
    {
        "age", "authorization", "content-length", "content-type", "etag", "expires", "from", "host",
        "if-modified-since", "if-unmodified-since", "last-modified", "location", "max-forwards",
        "proxy-authorization", "referer", "retry-after", "server", "user-agent",
    }
)  # fmt: skip
"""Fields of which `joined` keeps the first alone, as Node does."""


class BadHeader(BadArgument):
    """A header field that HTTP cannot carry: its name is not a token, or its value would end the line."""

    code = "ERR_INVALID_CHAR"


def check_name(name: Any) -> str:
    """Return the name of a field if it is one: a token (RFC 9110 section 5.1); raises `BadHeader`."""
    if not isinstance(name, str) or not _TOKEN(name):
        raise BadHeader(
            f"{checks.shown(name)} is not the name of a header field",
            'Use letters, digits and hyphens, such as "Content-Type": a colon, a space or a line\'s end would begin '
            "something else.",
            code="ERR_INVALID_HTTP_TOKEN",
        )
    return name


def check_value(value: Any, name: str) -> Value:
    """Return a field's value as text, or as a list of texts, if a field can hold it (RFC 9110 section 5.5).

    value: text, a number, or a list of them (one field for each). name: of the field, for the message. Raises
    `BadHeader` for a line's end (it would begin another field, or another response), for NUL and other control
    characters, and for characters that are not in Latin-1.
    """
    if isinstance(value, (list, tuple)):
        return [_check_one(each, name) for each in value]
    return _check_one(value, name)


def _check_one(value: Any, name: str) -> str:
    if type(value) is not str:
        if not isinstance(value, str) and not checks.is_number(value):
            raise BadArgument(
                f"{checks.shown(value)} is not a value for the header field {name}", "Give text, a number, or a list.",
                code="ERR_HTTP_INVALID_HEADER_VALUE",
            )  # fmt: skip
        value = str(value)
    if not _VALUE(value):
        raise BadHeader(
            f"the header field {name} cannot hold {checks.shown(value)}",
            "Only printable characters of Latin-1 may be in it: a line's end (\\r or \\n) would begin another field, "
            "or a whole response (response splitting). Encode other text first, for example with urllib.parse.quote.",
        )
    return value  # type: ignore[no-any-return]


def pairs(fields: Any) -> Iterable[tuple[Any, Any]]:
    """The (name, value) pairs of what a program gave as header fields; raises `BadArgument` if it is nothing such."""
    if isinstance(fields, Mapping):
        return fields.items()
    if isinstance(fields, (list, tuple)) and all(isinstance(each, (list, tuple)) and len(each) == 2 for each in fields):
        return fields
    raise BadArgument(
        f"{checks.shown(fields)} are not header fields", 'Give a dictionary: {"Content-Type": "text/plain"}.'
    )


_passed: dict[tuple[str, str], tuple[str, tuple[str, str]]] = {}  # a field -> its key, and itself
PASSED = 1024
"""Fields that are remembered as good, because programs set the same ones again and again."""
LONGEST_PASSED = 128
"""Characters of such a field."""


class Fields:
    """The fields of a message that is to be sent, in the order in which their names were first set.

    A name counts once, however its letters are written; the way in which it was written last is sent.
    several: whether a value may be a list (it was not set as text).
    """

    __slots__ = ("_fields", "several")

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, Value]] = {}
        self.several = False

    def set(self, name: Any, value: Any) -> None:
        """Set a field; raises `BadHeader`."""
        if type(name) is str and type(value) is str:
            known = _passed.get((name, value))
            if known is None:
                known = (check_name(name).lower(), (name, value))
                check_value(value, name)
                if len(name) + len(value) <= LONGEST_PASSED:
                    if len(_passed) >= PASSED:
                        _passed.clear()
                    _passed[known[1]] = known
            self._fields[known[0]] = known[1]
            return
        self.several = True
        self._fields[check_name(name).lower()] = (name, check_value(value, name))

    def append(self, name: Any, value: Any) -> None:
        """Add one more field of this name, or several."""
        self.several = True
        key = check_name(name).lower()
        more = check_value(value, name)
        if key in self._fields:
            name, before = self._fields[key]
            more = [*_listed(before), *_listed(more)]
        self._fields[key] = (name, more)

    def get(self, name: str) -> Value | None:
        """The value set for this name, or None."""
        found = self._fields.get(checks.text(name, "the name of a header field").lower())
        return None if found is None else found[1]

    def remove(self, name: str) -> None:
        """Take a field off; of a name that is not there, nothing."""
        self._fields.pop(checks.text(name, "the name of a header field").lower(), None)

    def names(self) -> list[str]:
        """The names as they were written."""
        return [name for name, _ in self._fields.values()]

    def as_dict(self) -> dict[str, Value]:
        """Lower-case name -> value."""
        return {key: value for key, (_, value) in self._fields.items()}

    def pairs(self) -> list[tuple[str, Value]]:
        """The fields as they were set, one for each name."""
        return list(self._fields.values())

    def lines(self) -> list[tuple[str, str]]:
        """One (name, value) for each line that is to be sent."""
        if not self.several:
            return list(self._fields.values())  # type: ignore[arg-type]
        return [(name, each) for name, value in self._fields.values() for each in _listed(value)]

    def __contains__(self, name: str) -> bool:
        return checks.text(name, "the name of a header field").lower() in self._fields

    def __len__(self) -> int:
        return len(self._fields)


def _listed(value: Value) -> list[str]:
    return value if isinstance(value, list) else [value]


def each(raw: Raw) -> Iterable[tuple[bytes, bytes]]:
    """The fields, one after the other."""
    return raw.items() if isinstance(raw, dict) else raw


_keys: dict[bytes, str] = {}  # a name as it came -> in lower case
KEYS = 512
"""Names of fields that are remembered, because all messages have the same ones."""


def _key(name: bytes) -> str:
    key = name.decode("latin-1").lower()
    if len(name) <= 40:
        if len(_keys) >= KEYS:
            _keys.clear()
        _keys[name] = key
    return key


def joined(raw: Raw) -> dict[str, Any]:
    """The fields that came, by name: lower-case name -> value.

    Repeated fields are joined with ``", "``, Cookie with ``"; "``; of those in `FIRST_ONLY` the first one counts;
    ``set-cookie`` is a list. Source: RFC 9110 section 5.3 (what may be joined); the rest is Node's choice.
    """
    if isinstance(raw, dict):
        names = tuple(raw)
        keys = (shapes.known.get(names) or shapes.of(names)).keys
        if keys is not None:
            return {key: value.decode("latin-1").strip(" \t") for key, value in zip(keys, raw.values(), strict=True)}
    fields: dict[str, Any] = {}
    for name, value in each(raw):
        key = _keys.get(name) or _key(name)
        text = value.decode("latin-1").strip(" \t")
        if key not in fields:
            fields[key] = [text] if key == "set-cookie" else text
        elif key == "set-cookie":
            fields[key].append(text)
        elif key not in FIRST_ONLY:
            fields[key] += ("; " if key == "cookie" else ", ") + text
    return fields


def distinct(raw: Raw) -> dict[str, list[str]]:
    """The fields that came: lower-case name -> the values of each of its fields, in their order; nothing is joined."""
    fields: dict[str, list[str]] = {}
    for name, value in each(raw):
        fields.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip(" \t"))
    return fields


def flat(raw: Raw) -> list[str]:
    """The fields as they came: name, value, name, value, ..., nothing joined and no letter changed."""
    return [part.decode("latin-1").strip(" \t") for field in each(raw) for part in field]


def tokens(value: str) -> list[str]:
    """The members of a comma-separated field, in lower case."""
    return [member for each in value.split(",") if (member := each.strip(" \t").lower())]


class HeadersSent(LabError):
    """A header field was set after the head had been sent."""

    code = "ERR_HTTP_HEADERS_SENT"
