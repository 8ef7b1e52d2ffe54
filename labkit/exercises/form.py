"""The fields by which a page takes an answer that is no code: what they show, and the Python value they make.

Rule: no field is judged here: the value goes to `check`, which says of it what it says of the same value in a cell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from labkit.core.errors import LabError

LONGEST = 200
"""Characters of one field that a page may send."""

Kind = Literal["number", "numbers", "bytes", "text", "choice", "flag", "order"]
Shape = Literal["one", "list", "dict", "set"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. name: what is asked, and the key of it if the answer is a dictionary.

    kind: ``"number"`` (whole, ``0x…`` or with a point), ``"numbers"`` (several, none is a list too), ``"bytes"``
    (hexadecimal digits), ``"text"``, ``"choice"`` of `options`, ``"flag"`` (set or not), ``"order"`` of `options`, each
    of which begins with its letter.
    """

    name: str
    kind: Kind = "number"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of an answer. shape: what they make: the first one's value, a list, a dictionary, a set of flags."""

    shape: Shape
    fields: tuple[Field, ...]

    def state(self) -> list[dict[str, Any]]:
        """The fields for a page, as JSON."""
        return [{"name": each.name, "kind": each.kind, "options": list(each.options)} for each in self.fields]

    def texts(self, message: str) -> list[str]:
        """The text of each field from a page's message, a JSON list. Raises `LabError` for anything else."""
        texts: Any = None
        with suppress(ValueError, RecursionError):
            texts = json.loads(message)
        if not isinstance(texts, list) or len(texts) != len(self.fields):
            raise LabError("the page has sent something that is no answer", "Run the cell again.")
        for field, text in zip(self.fields, texts, strict=True):
            if not isinstance(text, str) or len(text) > LONGEST or not text.isprintable():
                raise LabError(
                    f"{field.name}: this text is longer than {LONGEST} characters, or has some that cannot be shown",
                    "Type it anew.",
                )
        return texts

    def answer(self, texts: Sequence[str]) -> Any:
        """The answer as it would stand in a cell; None if nothing is filled in. Raises `LabError` for half of one."""
        if self.shape == "set":
            return {field.name for field, text in zip(self.fields, texts, strict=True) if text}
        empty = [
            field.name
            for field, text in zip(self.fields, texts, strict=True)
            if not text.strip() and field.kind != "numbers"
        ]
        if not any(text.strip() for text in texts):
            return None
        if empty:
            raise LabError(f"still empty: {', '.join(empty)}", "Fill in every field, then check.")
        values = [_value(field, text.strip()) for field, text in zip(self.fields, texts, strict=True)]
        if self.shape == "one":
            return values[0]
        if self.shape == "dict":
            return {field.name: value for field, value in zip(self.fields, values, strict=True)}
        return values


def numbers(*names: str) -> Form:
    """A list of numbers, each with its name."""
    return Form("list", tuple(Field(name) for name in names))


def choices(options: Mapping[str, Sequence[str]]) -> Form:
    """A dictionary with one of a few words for each key."""
    return Form("dict", tuple(Field(name, "choice", tuple(words)) for name, words in options.items()))


def _value(field: Field, text: str) -> Any:
    """The value of one field; a text that is no such value stays as it is, and the check says so."""
    if field.kind == "order":
        return text
    with suppress(ValueError):
        if field.kind == "number":
            return _number(text)
        if field.kind == "numbers":
            return [_number(part) for part in text.replace(",", " ").split()]
        if field.kind == "bytes":
            return bytes.fromhex(text)
    return text


def _number(text: str) -> int | float:
    for base in (10, 0):  # 0: as Python reads it, by its prefix; but 007 is a number to a reader
        with suppress(ValueError):
            return int(text, base)
    return float(text)
