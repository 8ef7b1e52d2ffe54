"""Exercises on eavesdropping: what remains visible over TLS, and which key log opens which tape.

Rule: real connections decide what a key log opens; nothing is compared by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from labkit import ca
from labkit.exercises.engine import Exercise
from labkit.exercises.matching import Case, Matching
from labkit.exercises.result import show, source
from labkit.exercises.running import NotYet, Run
from labkit.exercises.tcp.serving import check_plain
from labkit.exercises.tls import taped
from labkit.packets import Tape


class Overheard(Matching):
    """What does somebody on the way learn of a visit over TLS?"""

    name = "tls.overheard"
    lesson = "05a-eavesdropping"
    title = "what can an eavesdropper still see?"
    praise = (
        "TLS hides what is said. It does not hide who talks, when, and how much.\n"
        "Whoever must hide more needs more: padding against sizes, ECH for the name of the server (RFC 9849), a "
        "network "
        "such as Tor for the addresses."
    )
    stretch = (
        "a site has 200 pages, and each has another length. Which of the lengths can be told apart in the sizes of "
        "records? What could the server do about it, and what would that cost?"
    )
    intro = (
        "Ada reads pages of `https://library.example/` in her browser, by TLS 1.3. Eve records all packets on the way, "
        "and has no keys. What does she learn of each of these things?"
    )
    looks: ClassVar[dict[str, str]] = {
        "read": "What is read stands in the packets in plaintext: headers of IP and TCP, headers of records, and the "
                "messages of TLS before there are keys.",
        "guessed": "What is guessed follows from sizes and times. It needs a list of candidates that differ in them.",
        "hidden": "What is hidden is inside of encrypted records, and neither its size nor its time gives it away.",
    }
    cases = (
        Case("the IP address of the server", "read", "IP needs the address to bring the packets there."),
        Case("the name library.example", "read", "The client asks for this name in its first message, before there is "
             "a key.",
             {"hidden": "The server chooses its certificate by this name. At that time there are no keys.",
              "guessed": "One address may serve many names. But the client says which one it wants, in its first "
                         "message."}),
        Case("the path /medicine/diabetes, letter by letter", "hidden", "The path is in the request of HTTP, and "
             "that is encrypted.",
             {"read": "The name of the server is read. The path is a part of HTTP, and HTTP begins when there are "
                      "keys."}),
        Case("which of the ten public pages of the site it was; each has another length", "guessed",
             "The records of the answer have nearly the length of the page, and Eve can fetch all ten pages herself.",
             {"hidden": "The text is encrypted. But how long is ciphertext, compared with its plaintext?",
              "read": "No packet has the text of the page, or its path. What do the packets have?"}),
        Case("the cookie with which Ada is logged in", "hidden", "A cookie is a field of HTTP, encrypted, and one "
             "random value is as long as another one."),
        Case("at which second Ada sent her request", "read", "Each packet has a time for whoever records it."),
        Case("how many bytes Ada's browser sent in all", "read", "The headers of IP and of each record have the "
             "length in plaintext.",
             {"guessed": "Nothing needs to be guessed: the lengths stand in the headers."}),
        Case("the certificate of the server", "hidden", "In TLS 1.3 the certificate is sent when there are keys "
             "already. (In TLS 1.2 it is readable.)",
             {"read": "In TLS 1.2, yes. In TLS 1.3, both ends have keys after one message each: look at the ladder, "
                      "which record has the certificate.",
              "guessed": "Eve can connect to the same server and will most likely get the same certificate. But that "
                         "is another connection: in this one, she has learned nothing of it."}),
    )
    hints = (
        "Go by layers: what do the headers of IP and TCP say? What does the header of a record say? What is in the "
        "messages before the first lock?",
        "Ciphertext is as long as its plaintext, plus some bytes. Whoever has a list of candidates can compare "
        "lengths.",
        "Four are read, one is guessed, three are hidden.",
    )


def whose(tape: Tape, logs: Mapping[str, Sequence[str]]) -> str | None:
    """The name of the key log that opens the tape; the reference answer."""
    for name, lines in logs.items():
        if tape.with_secrets(lines).messages:
            return name
    return None


@cache
def _authority() -> tuple[ca.CA, ca.Identity]:
    root = ca.CA("Exercise CA")
    return root, root.issue(taped.HOST)


class WhoseKey(Exercise):
    """Find the key log that opens a tape."""

    name = "tls.whose_key"
    lesson = "05a-eavesdropping"
    title = "whose key log opens this tape?"
    steps = ("a tape of TLS 1.3, and three key logs", "each of the three tapes of these logs",
             "a tape of TLS 1.2", "a tape that none of the logs opens",
             "a key log with the right random number, and wrong secrets")
    stub = "def whose(tape, logs):\n    ...\n\nexercises.tls.whose_key.check(whose)"
    asks = "Give check() the function itself: check(whose)."
    praise = (
        "Each line of a key log begins with a label and the random number of the client: this finds the connection. "
        "Whether a secret is the right one, only the records can tell: each of them has a tag that fits or does not.\n"
        "The private key of the server was not in any of these logs, and was not needed."
    )
    stretch = (
        "a log has the lines of a thousand connections. Return only those lines that belong to the tape: "
        "tape.with_secrets(lines).secrets does it. How, without trying to decrypt?"
    )
    task = (
        "Somebody has recorded connections, and somebody else has found key logs on three computers. Write the "
        "function "
        "`whose(tape, logs)`. `tape` is a tape of one TLS connection, without keys. `logs` is a dictionary: the name "
        "of "
        "a computer, and the lines of its key log, a list of texts. Return the name of the computer whose log opens "
        "the "
        "tape, or None if there is none.\n\n"
        f"```python\n{stub}\n```\n\n"
        "`tape.with_secrets(lines)` is the same tape with these keys; in each of these connections, HTTP was spoken."
    )
    hints = (
        "What can you ask of a tape if its keys are right, and what do you get if they are wrong? Try `tape.messages` "
        "on "
        "the tapes of this lesson.",
        "`closed_tape.messages` has nothing, `whole_tape.messages` has two: HTTP is found only inside of records that "
        "open.",
        "Go through `logs.items()`. If `tape.with_secrets(lines).messages` has something, return the name; after the "
        "loop, return None.",
    )
    reference = staticmethod(whose)

    def examine(self, answer: Any, run: Run) -> None:
        check_plain(answer, "the function whose", self.asks)
        root, identity = _authority()
        made = {name: taped.connection(identity, root) for name in ("ada", "bob", "cy")}
        logs = {name: list(each.log) for name, each in made.items()}
        self._ask(answer, made["bob"].tape, logs, "bob", run, first=True)
        run.step(2)
        for name in ("cy", "ada"):
            self._ask(answer, made[name].tape, dict(reversed(logs.items())), name, run)
        run.step(3)
        older = taped.connection(identity, root, "TLSv1.2")
        self._ask(answer, older.tape, {**logs, "dora": list(older.log)}, "dora", run)
        run.step(4)
        stranger = taped.connection(identity, root)
        self._ask(answer, stranger.tape, logs, None, run)
        run.step(5)
        wrong = list(_without_the_secret(stranger.log))
        self._ask(answer, stranger.tape, {"liar": wrong, "emil": list(stranger.log), **logs}, "emil", run)

    def _ask(
        self, answer: Any, tape: Tape, logs: dict[str, list[str]], right: str | None, run: Run, *, first: bool = False
    ) -> None:
        doing = f"whose(tape, logs) with logs of {', '.join(logs)}"
        run.beat(5)
        returned = run.call(doing, answer, tape, {name: list(lines) for name, lines in logs.items()}, first=first)
        if returned == right and type(returned) in (str, type(None)):
            return
        raise NotYet(show(right), show(returned), _why(returned, right, logs))

    @property
    def worked(self) -> str:
        return (
            "A tape with the right keys has messages of HTTP; with the keys of another connection, all its records "
            "stay "
            "closed.\n\n" + source(whose)
        )


def _without_the_secret(log: Sequence[str]) -> Iterator[str]:
    """The lines with the right random number, and another secret."""
    for line in log:
        label, random, secret = line.split()
        yield f"{label} {random} {secret[2:] + secret[:2]}"


def _why(returned: object, right: str | None, logs: Mapping[str, Sequence[str]]) -> str:
    if isinstance(returned, bool):
        return "That says whether a log opens the tape. Which one is it? Return its name."
    if type(returned) is int:
        return "That is a number. Return the name of the computer, the key of the dictionary."
    if isinstance(returned, Tape):
        return "That is the opened tape. Return the name that belongs to its keys."
    if type(returned) in (list, tuple, set):
        if returned in [list(each) for each in logs.values()]:
            return "These are the lines of the log. Return its name."
        return "Return one name. If you collect all logs that open the tape: it is one, or none."
    if type(returned) is str and returned not in logs:
        return "None of the logs has this name."
    if returned == "liar":
        return (
            "The random number in these lines is that of the tape, and the secrets are wrong: not a single record "
            "opens. "
            "Look at what is decrypted, not at the random number alone."
        )
    if right is None:
        return "None of the logs belongs to this tape. What does your function return after its loop?"
    if returned is None:
        return (
            "One of them opens it. A tape of TLS 1.2 has one line in its log, CLIENT_RANDOM; look at what is "
            "decrypted, "
            "not at the labels."
        )
    return "The keys of this log open nothing on this tape. Look at tape.with_secrets(lines).messages for each log."
