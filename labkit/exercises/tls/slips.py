"""An exercise on slips in a program with two servers of HTTPS and a client (M-5): two are told, one is answered 400.

Rule: the mended function is run on free ports; what it returns and what it leaves open decide.
"""

from __future__ import annotations

import re
import socket as system
from contextlib import ExitStack, suppress
from functools import cache
from typing import Any

from labkit import ca
from labkit.exercises.engine import Exercise
from labkit.exercises.result import show
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain

LISTING = '''from labkit import https

def visit_both(options, authority, ports):
    def page(request, response):
        response.end(f"You are at {request.url}.\\n")

    first, second = ports
    one = https.create_server(page, **options).listen(first)
    two = https.create_server(page, **options).listen(first)
    texts = []
    for port, path in ((first, "hello"), (second, "/bye")):
        asks = https.get(port=port, path=path, ca=authority, agent=False)
        texts.append(asks.wait_for("response").body().decode())
    server.close()
    return texts
'''
"""What the student mends."""

SLIPS = {
    "two = https.create_server(page, **options).listen(first)":
        "two = https.create_server(page, **options).listen(second)",
    '"hello"': '"/hello"',
    "server.close()": "one.close()\n    two.close()",
}  # fmt: skip
"""Each slip, and a way to mend it, in the order in which they are found."""

MENDED = re.sub("|".join(map(re.escape, SLIPS)), lambda slip: SLIPS[slip[0]], LISTING)


def visit_both(options: dict[str, Any], authority: Any, ports: tuple[int, int]) -> list[str]:
    """Ask two servers; the reference answer."""
    from labkit import https  # not before: every lesson imports this module

    def page(request: Any, response: Any) -> None:
        response.end(f"You are at {request.url}.\n")

    with ExitStack() as servers:
        for port in ports:
            servers.enter_context(https.create_server(page, **options).listen(port))
        texts = []
        for port, path in zip(ports, ("/hello", "/bye"), strict=True):
            asks = https.get(port=port, path=path, ca=authority, agent=False)
            texts.append(asks.wait_for("response").body().decode())
    return texts


DOING = "visit_both(options, authority, ports)"

WANTED = ["You are at /hello.\n", "You are at /bye.\n"]


class Slips(Exercise):
    """Find the slips in a program with two servers and a client."""

    name = "tls.slips"
    lesson = "05e-https"
    title = "find the slips in a program"
    steps = ("a function of options, CA and two ports", "both servers answer", "nothing is left open",
             "it runs a second time")
    stub = "def visit_both(options, authority, ports):\n    ...\n\nexercises.tls.slips.check(visit_both)"
    asks = "Give check() the function itself: check(visit_both)."
    praise = (
        "Two slips raise an error when their line runs. The path without its slash raises none: the request goes out, "
        "and the server answers 400, because no target of HTTP begins like this.\n"
        "A server belongs to the one who has its name. A client that ends needs to close its own things only."
    )
    stretch = "make the two servers one, which answers on both paths. What else can you leave out then?"
    task = (
        "This program was carried over from the book, with three slips. It starts two servers, asks each of them once, "
        "closes both, and returns the two texts. Mend it.\n\n"
        f"```python\n{LISTING}```\n\n"
        "`options` has the key and the certificate, `authority` is the CA, `ports` are two free ports."
    )
    hints = (
        "On which port does each of the two servers listen? Run the function, and read the first error.",
        "How does each target of a request begin? Compare the two paths.",
        "Which names does this function have? `one` and `two` are servers; nothing is called `server`.",
    )
    worked = (
        "The second server listens on the second port, a path begins with a slash, and both servers are closed by "
        f"their own names.\n\n```python\n{MENDED}\nexercises.tls.slips.check(visit_both)\n```"
    )
    reference = staticmethod(visit_both)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function visit_both", self.asks)
        authority, identity = _people()
        for at in (0, 1):
            ports = free_ports()
            if at:
                run.step(4)
            run.beat(10)
            try:
                returned = run.call(DOING, answer, {"key": identity, "cert": identity}, authority, ports, first=not at)
            except NotYet as found:
                if not at:
                    run.number = 2
                found.why = _why_error(found.seen) or found.why
                raise
            if not at:
                run.step(2)
            if returned != WANTED:
                raise NotYet(show(WANTED), show(returned), _why(returned))
            if not at:
                run.step(3)
            if left := [port for port in ports if _listens(port)]:
                which = "both servers" if len(left) == 2 else f"server {ports.index(left[0]) + 1}"
                raise NotYet("no server at the end", f"{which} still there", f"Close {which} by name.")


def _why_error(seen: str) -> str:
    if "PortInUse" in seen:
        return "Two servers cannot have one port. Which port is the second one for?"
    if "NameError" in seen and "server" in seen:
        return "This function has no server of this name. What are its two servers called?"
    if "ECONNREFUSED" in seen or "refused" in seen:
        return "Nobody listens on that port."
    return ""


def _why(returned: Any) -> str:
    if type(returned) in (list, tuple) and list(returned) == WANTED:
        return "Return a list."
    if type(returned) is list and len(returned) == 2:
        if returned[0] == "":
            return "The first server has answered 400, without a text: a path begins with a slash."
        if returned[::-1] == WANTED:
            return "The texts are in the wrong order."
        if all(type(each) is bytes for each in returned):
            return "These are bytes. decode() makes text of them."
    return "Return the list of the two texts, in the order of the requests."


@cache
def _people() -> tuple[ca.CA, ca.Identity]:
    root = ca.CA("Exercise CA")
    return root, root.issue("localhost", "127.0.0.1")


def free_ports() -> tuple[int, int]:
    """Two ports of 127.0.0.1 that nobody has at this moment."""
    with system.socket() as one, system.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _listens(port: int) -> bool:
    with system.socket() as probe:
        with suppress(OSError):
            probe.connect(("127.0.0.1", port))
            return True
        return False
