"""labkit.core.errors: what each message names, Node's codes, how IPython shows them.

Rule: tables; no sockets.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import labkit
from labkit.core import errors
from labkit.core.errors import LabError, NetError, from_oserror

TABLE = [
    (errno.EADDRINUSE, errors.PortInUse, "EADDRINUSE", "taken", "listen(0)"),
    (errno.EACCES, errors.PermissionDenied, "EACCES", "no permission", "above 1023"),
    (errno.EPERM, errors.PermissionDenied, "EPERM", "no permission", "above 1023"),
    (errno.ECONNREFUSED, errors.ConnectionRefused, "ECONNREFUSED", "refused", "Start the server"),
    (errno.ECONNRESET, errors.ConnectionReset, "ECONNRESET", "reset", "peer"),
    (errno.EPIPE, errors.BrokenPipe, "EPIPE", "no longer takes data", "connect again"),
    (errno.ETIMEDOUT, errors.TimedOut, "ETIMEDOUT", "did not answer", "Check"),
    (errno.EADDRNOTAVAIL, errors.AddressUnavailable, "EADDRNOTAVAIL", "not an address of this machine", "127.0.0.1"),
    (errno.EAFNOSUPPORT, errors.AddressUnavailable, "EAFNOSUPPORT", "not an address of this machine", "127.0.0.1"),
    (errno.ENOENT, errors.NotFound, "ENOENT", "does not exist", "path"),
    (errno.EMFILE, NetError, "EMFILE", "open files", "Close"),
    (errno.ENFILE, NetError, "ENFILE", "open files", "Close"),
    (errno.EHOSTUNREACH, NetError, "EHOSTUNREACH", "No route to host", ""),
]


@pytest.mark.parametrize(
    ("number", "kind", "code", "cause", "todo"), TABLE, ids=[errno.errorcode[row[0]] for row in TABLE]
)
class TestFromOSError:
    """The table of errno numbers."""

    def test_kind_code_errno_and_message(
        self, number: int, kind: type[NetError], code: str, cause: str, todo: str
    ) -> None:
        error = from_oserror(OSError(number, "irrelevant"), "127.0.0.1:8124")
        assert type(error) is kind
        assert (error.code, error.errno) == (code, number)
        assert "127.0.0.1:8124" in str(error)
        assert cause in str(error)
        assert todo in error.todo

    def test_an_ordinary_except_clause_catches_it(
        self, number: int, kind: type[NetError], code: str, cause: str, todo: str
    ) -> None:
        native = OSError(number, "irrelevant")  # Python picks ConnectionRefusedError and so on by itself
        error = from_oserror(native, "x")
        assert isinstance(error, OSError)
        if type(native) not in (OSError, BrokenPipeError):
            assert isinstance(error, type(native))

    def test_a_labkit_error_stays_as_it_is(
        self, number: int, kind: type[NetError], code: str, cause: str, todo: str
    ) -> None:
        error = from_oserror(OSError(number, "irrelevant"), "x")
        assert from_oserror(error, "elsewhere") is error


def test_an_oserror_without_a_number_keeps_its_words() -> None:
    error = from_oserror(OSError("only words"), "/tmp/x")
    assert (str(error), error.code, error.errno) == ("/tmp/x: only words", "", None)


def test_an_error_of_the_resolver_keeps_its_words() -> None:
    error = from_oserror(socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "nowhere")
    assert "Name or service not known" in str(error)
    assert error.code == ""


def test_what_and_todo_make_one_message_with_one_full_stop_between() -> None:
    for what in ("the port is taken", "the port is taken."):
        assert str(LabError(what, "Stop it.")) == str(NetError(what, "Stop it.")) == "the port is taken. Stop it."
    assert str(LabError("alone")) == str(NetError("alone")) == "alone"


def test_a_code_can_be_given_and_belongs_to_the_instance() -> None:
    error = errors.BrokenPipe("write after end", code="ERR_STREAM_WRITE_AFTER_END")
    assert error.code == "ERR_STREAM_WRITE_AFTER_END"
    assert error.errno is None  # Node's own code, not the system's
    assert errors.BrokenPipe("x").code == "EPIPE"
    assert errors.BrokenPipe("x").errno == errno.EPIPE


@pytest.mark.parametrize(
    "kind", [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LabError)]
)
def test_ipython_shows_one_line_in_place_of_frames(kind: type[LabError]) -> None:
    error = kind("it broke", "Mend it.")
    assert error._render_traceback_() == [f"{kind.__name__}: it broke. Mend it."]
    assert traceback.format_exception_only(error)[-1].endswith(f"{kind.__name__}: it broke. Mend it.\n")


def test_ipython_itself_renders_it_so() -> None:
    pytest.importorskip("IPython")
    code = "from labkit.core.errors import PortInUse\nraise PortInUse('8124 is taken', 'Stop it.')"
    run = subprocess.run(
        [sys.executable, "-m", "IPython", "--HistoryManager.enabled=False", "--colors=NoColor", "-c", code],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "PortInUse: 8124 is taken. Stop it." in run.stdout
    assert "Traceback" not in run.stdout


def test_a_network_that_leads_nowhere_names_the_way_to_a_wires_host() -> None:
    error = from_oserror(OSError(errno.ENETUNREACH, "Network is unreachable"), "10.0.0.2:8124")
    assert "with wire.client:" in str(error)
    assert error.code == "ENETUNREACH"


def test_what_a_tape_does_not_have_is_told_in_words() -> None:
    """By labkit's own errors, which are also those of Python that a program may expect."""
    tape = labkit.Tape.load(Path(__file__).resolve().parents[2] / "data" / "01a-tcp-connection" / "greeting.pcapng")
    with pytest.raises(LabError, match="this tape has 0 packets, there is no packet at index 0") as empty:
        tape.where(port=9)[0]
    assert isinstance(empty.value, IndexError)
    for missing, words in (
        (lambda: tape[0]["DNS"], "packet 1 has no layer 'DNS', only Ethernet, IPv4, TCP"),
        (lambda: tape[0]["TCP"]["nose"], "TCP has no field 'nose'"),
    ):
        with pytest.raises(LabError) as found:
            missing()
        assert str(found.value) == words
        assert isinstance(found.value, KeyError)
