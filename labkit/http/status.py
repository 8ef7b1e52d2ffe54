"""The status codes and their phrases, as Node has them: the same with each version of Python.

Rule: numbers and words; nothing here decides which code is right.
"""

from __future__ import annotations

from http import HTTPStatus

# Python has had three sets of names for these codes; Node's do not change.
_NODE = {
    413: "Payload Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Entity",
    509: "Bandwidth Limit Exceeded",
}  # fmt: skip

PHRASES: dict[int, str] = {status.value: status.phrase for status in HTTPStatus} | _NODE
"""The phrase of each status code that has one: ``PHRASES[404]`` is ``"Not Found"``."""
