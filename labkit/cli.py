"""The command ``labkit``: serve, connect, doctor, shell, lessons, lab, kernel, grade, record.

Rule: turns words of a command line into calls of the package; errors are one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from labkit import __version__
from labkit.core.bell import Bell
from labkit.core.errors import LabError

if TYPE_CHECKING:
    from labkit.packets.probe import Reason, Status

OVER_UDP = ("time",)
"""The servers that bind a UDP socket; the others listen."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (0 done, 1 failed, 2 wrong usage)."""
    parser = argparse.ArgumentParser(prog="labkit", description="Network programming on your own packets.")
    parser.add_argument("--version", action="version", version=f"labkit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    serve = commands.add_parser("serve", help="run one of the chapter's servers until Ctrl-C")
    names = ("greeter", "echo", "time", "dns", "hello", "proxy", "updates", "tls_echo", "https_hello")
    serve.add_argument("server", choices=names, help="which one")
    where = serve.add_mutually_exclusive_group()
    where.add_argument("--port", type=_port, help="port to listen on (0: any free one; default: the chapter's)")
    where.add_argument("--path", help="listen on this Unix socket path in place of a port")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--expose", action="store_true", help="allow an address that other machines can reach")
    serve.set_defaults(run=_serve)

    connect = commands.add_parser(
        "connect", help="a telnet of our own: what you type is sent, what comes is printed",
        description="Connect to a server. What you type is sent line by line, what comes is printed; Ctrl-D ends.",
    )  # fmt: skip
    connect.add_argument("host", metavar="HOST", help="name or address")
    connect.add_argument("port", metavar="PORT", type=_port, help="a whole number from 1 to 65535")
    connect.add_argument("--crlf", action="store_true", help="end each line with CR LF, as telnet does")
    secure = connect.add_argument_group("TLS")
    secure.add_argument("--tls", action="store_true", help="connect over TLS")
    secure.add_argument("--cacert", metavar="FILE", help="trust the CA in this file (default: those of the system)")
    secure.add_argument("--cert", metavar="FILE", help="show this certificate, if the server asks for one")
    secure.add_argument("--key", metavar="FILE", help="its private key (default: in the file of --cert)")
    secure.add_argument("--servername", metavar="NAME", help="the name to ask for (default: HOST)")
    secure.add_argument("--insecure", action="store_true", help="take any certificate, whoever has signed it")
    connect.set_defaults(run=_connect)

    doctor = commands.add_parser("doctor", help="how this machine captures packets, why not better, what to do")
    doctor.set_defaults(run=_doctor)

    shell = commands.add_parser(
        "shell", help="a terminal in the network of a running notebook",
        description="Run a shell, or COMMAND, in the network of a running notebook with the kernel labkit.",
        usage="labkit shell [-h] [KERNEL] [--] [COMMAND ...]",
    )  # fmt: skip
    shell.add_argument(
        "kernel", metavar="KERNEL", nargs="?",
        help="the process number of the kernel, or the first letters of its notebook's name; default: the one there is",
    )  # fmt: skip
    shell.add_argument(
        "words", metavar="COMMAND", nargs="*",
        help="a program and its arguments; two hyphens before it are needed only if its name could be a notebook's",
    )  # fmt: skip
    shell.set_defaults(run=_shell)

    lessons = commands.add_parser(
        "lessons", help="your own copies of the lessons, without outputs",
        description="Make copies of the lessons without outputs. Nothing that you have changed is overwritten.",
    )  # fmt: skip
    lessons.add_argument("directory", metavar="DIR", nargs="?", help="where they are (default: my-lessons)")
    lessons.add_argument("--update", action="store_true", help="put a lesson that has become newer beside your copy")
    lessons.set_defaults(run=_lessons)

    lab = commands.add_parser(
        "lab", help="JupyterLab on your own copies of the lessons",
        description="Make the copies that are missing, as `labkit lessons` does, and open JupyterLab on the first one.",
        usage="labkit lab [-h] [DIR] [OPTION OF JUPYTERLAB ...]",
    )  # fmt: skip
    lab.add_argument("directory", metavar="DIR", nargs="?", help="where your copies are (default: my-lessons)")
    lab.set_defaults(run=_lab, update=False)

    kernel = commands.add_parser(
        "kernel", help="tell a Jupyter that is installed elsewhere about the kernel labkit",
        description="Tell a Jupyter that is installed elsewhere how to start the kernel labkit of this environment.",
    )  # fmt: skip
    kernel.add_argument("action", choices=("install", "uninstall", "list"), help="list: where Jupyter here finds it")
    whose = kernel.add_mutually_exclusive_group()
    whose.add_argument("--user", action="store_true", help="for every Jupyter of yours (the default)")
    whose.add_argument("--prefix", metavar="DIR", type=Path, help="for the Jupyter in this environment")
    whose.add_argument(
        "--sys-prefix", dest="prefix", action="store_const", const=Path(sys.prefix), help="for the one in labkit's own"
    )
    kernel.set_defaults(run=_kernel)

    grade = commands.add_parser(
        "grade", help="run the notebooks of a class, and write a table of what is solved",
        description="Run every notebook in FOLDER (a folder for each student), and write a table. It runs your "
        "students' code as you: use an account or a container that has nothing to lose.",
    )  # fmt: skip
    grade.add_argument("folder", metavar="FOLDER", type=Path, help="where the notebooks are")
    grade.add_argument("--csv", metavar="FILE", type=Path, help="where the table goes (default: FOLDER/grades.csv)")
    grade.add_argument("--personal", action="store_true", help="each student has the problems of their own name")
    grade.add_argument("--timeout", metavar="SECONDS", type=float, default=60.0, help="for one cell (default: 60)")
    grade.set_defaults(run=_grade)

    record = commands.add_parser("record", help="run every lesson and remake the recorded captures in data/")
    record.add_argument("lessons", nargs="*", help="only these, by name (01a-tcp-connection)")
    record.set_defaults(run=_record)

    words = list(sys.argv[1:] if arguments is None else arguments)
    ours = _ours(words)
    options = parser.parse_args(words[:ours])
    options.words = words[ours:]
    try:
        code: int = options.run(options)
    except LabError as error:
        print(f"labkit: {type(error).__name__}: {_for_a_terminal(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _ours(words: list[str]) -> int:
    """How many of the words are labkit's: what follows belongs to the command that it starts."""
    if words[:1] not in (["shell"], ["lab"]) or words[1:2] in (["-h"], ["--help"]):
        return len(words)
    has_directory = words[0] == "lab" and words[1:] and not words[1].startswith("-")
    return 2 if has_directory else 1


def _port(text: str) -> int:
    """A number; whether it is a port, the server says."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a whole number from 0 to 65535") from None


def _for_a_terminal(message: str) -> str:
    """A message of the package in words of the command line."""
    for python, option in (
        ("say listen(..., expose=True)", "add --expose"), ("say bind(..., expose=True)", "add --expose"),
        ("listen(0)", "--port 0"), ("bind(0)", "--port 0"), ("Give ca= the", "Give --cacert the"),
        ("servername=", "--servername"), ("passphrase=", "the passphrase"),
    ):  # fmt: skip
        message = message.replace(python, option)
    return message


def _serve(options: argparse.Namespace) -> int:
    from labkit import servers

    module = getattr(servers, options.server)
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    port = module.PORT if options.port is None else options.port
    if options.server in OVER_UDP:
        if options.path is not None:
            raise LabError(f"{options.server} speaks UDP, and a path is for TCP's servers", "Use --port.")
        server = module.create("udp6" if ":" in options.host else "udp4")
        server.bind(port, options.host, expose=options.expose)
    else:
        server = module.create()
        if options.path is not None:
            server.listen(path=options.path)
        else:
            server.listen(port, options.host, expose=options.expose)
    where = server.address()
    text = where if isinstance(where, str) else f"{where[0]} port {where[1]}"
    print(f"{options.server} listens on {text}; stop it with Ctrl-C", flush=True)
    with Bell() as bell:
        while not stopped.is_set():
            bell.wait()
    with server:
        pass
    for number in (signal.SIGINT, signal.SIGTERM):  # Python gives the defaults back when it ends: one more Ctrl-C kills
        signal.signal(number, signal.SIG_IGN)
    return 0


def _connect(options: argparse.Namespace) -> int:
    from labkit import connecting

    return connecting.run(
        options.host, options.port, over_tls=options.tls, cacert=options.cacert, cert=options.cert, key=options.key,
        servername=options.servername, insecure=options.insecure, crlf=options.crlf,
    )  # fmt: skip


def _doctor(options: argparse.Namespace) -> int:
    from labkit import packets
    from labkit.packets import probe

    network = os.environ.get(probe.NETWORK)
    # Both fork, so they come before the event loop's thread.
    notebook = _notebook() if network is None else None
    wire = _wire(notebook)
    from labkit.core import loop

    status = packets.status()
    print(f"labkit {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}")
    print(f"event loop: {type(loop.get()).__module__.partition('.')[0]}")
    if notebook is not None:
        print(f"capture in a notebook with the kernel labkit: {_of_notebook(notebook, status)}")
        _print_reason(notebook)
        print(f"wire in a notebook with the kernel labkit: {wire}")
    where = "this terminal" if notebook is not None else "this notebook"
    used = next(reason for reason in status.reasons if reason.tier == status.tier)
    # If a forced tier does not work, nothing else is used: so say that it does not work, not what it would be.
    print(f"capture in {where}: {_alone(status)}" if used.ok else f"capture in {where}: none, for {used.why}")
    if status.forced:
        print(f"  LABKIT_TIER={status.tier} asks for this: unset it to have the best that works here")
    for reason in status.reasons:
        _print_reason(reason)
    if notebook is None:
        print(f"wire in this notebook: {wire}")
    return 0


def _notebook() -> Reason:
    """Whether a kernel started from here would have a network of its own: tried, but for what LABKIT_TIER asks."""
    from labkit.lab import network_probe
    from labkit.packets.probe import Reason, forced_tier, private_refused

    forced = forced_tier()
    if forced not in (None, "private"):
        return private_refused(f"LABKIT_TIER={forced} asks for the machine's own network")
    if not (Path(sys.prefix) / "share/jupyter/kernels/labkit/kernel.json").is_file():
        todo = "Run `labkit kernel install --sys-prefix`."
        return Reason("private", False, "Jupyter's description of the kernel labkit is not installed", todo)
    why = network_probe.refusal_of_a_kernel()
    if why:
        return private_refused(why)
    return Reason("private", True, "in a network of its own, an AF_PACKET ring on lo saw a datagram sent to it")


def _wire(notebook: Reason | None) -> str:
    """What a wire is in a notebook (None: in this one): tried, but for what LABKIT_TIER asks."""
    from labkit.lab import network_probe
    from labkit.packets.probe import forced_tier

    if forced_tier() == "recorded":
        return "UDP through a relay, TCP recorded: LABKIT_TIER asks for recordings"
    return network_probe.wire(private=notebook is not None and notebook.ok)


def _of_notebook(reason: Reason, status: Status) -> str:
    if reason.ok:
        return "live, in a network of its own"
    if status.tier == "private":
        return f"none, for {reason.why}"
    return f"as in this terminal, {_alone(status)}"


def _alone(status: Status) -> str:
    """What a status says, without the advice to run this very command."""
    return str(status).removesuffix(" (see `labkit doctor`)")


def _print_reason(reason: Reason) -> None:
    tier, works, why, todo = reason
    print(f"  {'yes' if works else 'no ':3}  {tier}" + (f": {why}" if why else ""))
    if todo and not works:
        print(f"         to have it: {todo}")


def _shell(options: argparse.Namespace) -> int:
    from labkit.lab import shell

    wanted, command = shell.taken_apart(options.words)
    chosen = shell.choose(wanted)
    if isinstance(chosen, shell.Kernel):
        shell.run(chosen, command)
    print(f"{len(chosen)} kernels of yours have a network of their own; say which one:")
    for kernel in chosen:
        print(f"  {' '.join(['labkit shell', str(kernel.pid), *command])}    {kernel}")
    return 1


def _directory(options: argparse.Namespace) -> Path:
    """Where the copies of the lessons are."""
    from labkit import lessons

    # a terminal of JupyterLab begins in the folder of the copies
    return Path(options.directory or ("." if Path.cwd().name == lessons.FOLDER else lessons.FOLDER))


def _lessons(options: argparse.Namespace) -> int:
    from labkit import lessons

    directory = _directory(options)
    copies = lessons.hand_out(directory, update=options.update)
    count = {state: sum(copy.state == state for copy in copies) for state in ("made", "kept")}
    words = [f"{number} {state}" for state, number in count.items() if number]
    if words:
        print(f"{len(copies)} lessons in {directory}: {', '.join(words)}")
    for copy in copies:
        if copy.state not in count:
            print(copy)
    return 0


def _lab(options: argparse.Namespace) -> int:
    from labkit.lab import jupyterlab
    from labkit.lessons import FIRST

    _lessons(options)
    jupyterlab.run(_directory(options) / FIRST, options.words)


def _kernel(options: argparse.Namespace) -> int:
    from labkit.lab import kernelspecs

    if options.action == "list":
        for each in kernelspecs.registered():
            print(each)
    elif options.action == "uninstall":
        print(f"{kernelspecs.uninstall(options.prefix)}: removed")
    else:
        print(kernelspecs.install(options.prefix))
        print("If panels such as draw.inspect stay text there, install anywidget beside that Jupyter.")
    return 0


def _grade(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from labkit import grading
    from labkit.draw.text import visible

    path = options.csv or options.folder / grading.NAME
    grades: list[grading.Grade] = []
    try:
        for each in grading.grade(
            options.folder, personal=options.personal, timeout=options.timeout,
            over=lambda paths: tqdm(paths, unit="notebook", disable=None),
        ):  # fmt: skip
            grades.append(each)
            found = f"{each.solved} of {each.exercises} exercises, {each.right} of {each.questions} questions"
            tqdm.write(visible(f"{each.student}  {each.lesson or each.file}: {each.note or found}"))
    finally:
        if grades:  # Ctrl-C ends the run, and what was found until then is kept
            grading.write(grades, path)
    print(f"{len(grades)} notebooks; the table is in {path}")
    return 0


def _record(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from labkit.record import record

    # Some minutes. The bar goes to stderr, and only to a terminal (disable=None).
    for line in record(options.lessons, lambda paths: tqdm(paths, unit="lesson", disable=None)):
        tqdm.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
